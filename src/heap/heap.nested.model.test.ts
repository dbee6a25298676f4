// heap: transactions in transactions, up to five deep, whose logs leave the area and cross extents on every level, and
// which fail for every reason there is: they leave what plain JavaScript leaves that copies its state and puts it back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Heap } from './index.js'

const runs = Number(process.env.MEMLANE_RUNS ?? 12)

const LENGTH = 20_000
const TEXT = 'a text that is no short one'

/** Why a transaction fails, and what it does so. */
const REASONS: Readonly<Record<string, (heap: Heap) => unknown>> = {
  user: () => {
    throw new Error('on purpose')
  },
  'the stack': (heap) => {
    const again = (i: number): void => {
      heap.map('m').set(`deep ${i % 20}`, i)
      again(i + 1)
    }
    again(0)
  },
  'an array length': () => new Array(-1),
  'no space': (heap) => heap.map('m').set('large', new Uint8Array(64 * 2 ** 20)),
  'not cloneable': (heap) => heap.map('m').set('bad', { odd: [TEXT, { [TEXT]: 1 }], worse: () => 1 }),
  'not cloneable, after much else': (heap) => heap.list('l').push(TEXT, { a: 1 }, Symbol('no')),
  async: (heap) => heap.transaction(async () => heap.map('m').set('async', TEXT)),
}
type Reason = keyof typeof REASONS

interface Node {
  readonly writes: number
  readonly inner: readonly Node[]
  readonly more: number
  /** `undefined`: it succeeds. */
  readonly fails: Reason | undefined
}

interface Model {
  list: unknown[]
  map: Map<string, unknown>
}

/** Of a write. Two after each other share the name of a property, and one of them may be undone. */
let tag = 0

function write(heap: Heap, model: Model, count: number): void {
  const list = heap.list('l')
  const map = heap.map('m')
  const from = (tag * 7919) % LENGTH
  for (let i = 0; i < count; i++) {
    const at = (from + i) % LENGTH
    list.set(at, tag)
    model.list[at] = tag
  }
  const key = `key ${tag % 9}`
  map.set(key, { tag, text: `${TEXT} ${tag}`, [`name ${tag >> 1}`]: tag })
  model.map.set(key, { tag, text: `${TEXT} ${tag}`, [`name ${tag >> 1}`]: tag })
  if (tag % 3 === 0) {
    assert.equal(map.delete(`key ${(tag + 4) % 9}`), model.map.delete(`key ${(tag + 4) % 9}`))
    list.push(TEXT)
    model.list.push(TEXT)
  }
  tag++
}

/** Runs a transaction, and the same on the model; a failure is caught here. */
function run(heap: Heap, model: Model, node: Node): void {
  const before: Model = { list: [...model.list], map: new Map(model.map) }
  const work = (): void => {
    write(heap, model, node.writes)
    for (const inner of node.inner) run(heap, model, inner)
    write(heap, model, node.more)
    if (node.fails !== undefined) REASONS[node.fails]!(heap)
  }
  if (node.fails === undefined) heap.transaction(work)
  else {
    assert.throws(() => heap.transaction(work))
    model.list = before.list
    model.map = before.map
  }
}

function prepare(): { heap: Heap; model: Model } {
  const heap = Heap.local({ maxSize: '16 MiB', participants: 2, undoSize: 4096 })
  heap.list('l').assign(new Array(LENGTH).fill(0))
  heap.map('m')
  return { heap, model: { list: new Array(LENGTH).fill(0), map: new Map() } }
}

function compare(heap: Heap, model: Model): void {
  assert.equal(heap.inTransaction, false)
  heap.verify()
  assert.deepEqual(heap.list('l').snapshot(), model.list)
  assert.deepEqual([...heap.map('m').snapshot()], [...model.map])
}

test('whichever level fails for whichever reason, its part and nothing else is undone', () => {
  const { heap, model } = prepare()
  // An area of 500 entries, then extents of 8, 16, 32, 64 … thousand; a write takes two.
  for (const writes of [
    [10, 300, 5000, 9000, 16_000],
    [4400, 8200, 9000, 12_000, 16_000],
  ]) {
    for (const fails of Object.keys(REASONS)) {
      for (let level = 1; level <= 5; level++) {
        const chain = (depth: number): Node => ({
          writes: writes[depth - 1]!,
          inner: depth < 5 ? [chain(depth + 1)] : [],
          more: depth % 2 === 0 ? 5000 : 10,
          fails: depth === level || depth === level - 1 ? fails : undefined,
        })
        run(heap, model, chain(1))
        compare(heap, model)
      }
    }
  }
})

const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.record({
    writes: fc.constantFrom(1, 20, 300, 5000, 12_000),
    inner: fc.oneof(
      { maxDepth: 4, depthSize: 'max' },
      fc.constant([]),
      fc.array(tie('node'), { minLength: 1, maxLength: 3, size: 'max' }),
    ),
    more: fc.constantFrom(1, 5, 5000),
    fails: fc.option(fc.constantFrom(...Object.keys(REASONS)), { nil: undefined }),
  }),
}))

test('transactions in transactions do what copies do that are put back', () => {
  fc.assert(
    fc.property(fc.array(node, { minLength: 1, maxLength: 3 }), (nodes) => {
      const { heap, model } = prepare()
      for (const one of nodes) {
        run(heap, model, one)
        compare(heap, model)
      }
    }),
    { numRuns: runs },
  )
})

test('a log that finds no more pages fails the inner transaction alone', () => {
  using heap = Heap.local({ maxSize: '1 MiB', participants: 2, undoSize: 4096 })
  const list = heap.list('l')
  list.assign(new Array(30_000).fill(0))
  heap.transaction(() => {
    for (let i = 0; i < 100; i++) list.set(i, 1)
    for (let round = 0; round < 3; round++) {
      assert.throws(
        () =>
          heap.transaction(() => {
            for (let n = 0; n < 40; n++) for (let i = 0; i < 30_000; i++) list.set(i, n + 2)
          }),
        { code: 'ERR_TX_TOO_BIG' },
      )
      for (let i = 100 * (round + 1); i < 100 * (round + 2); i++) list.set(i, 1)
    }
  })
  heap.verify()
  assert.deepEqual(list.snapshot(), [...new Array(400).fill(1), ...new Array(29_600).fill(0)])
})

test('what a failed watch did inside a transaction is undone, and the rest of it goes on', () => {
  using heap = Heap.local({ maxSize: '4 MiB', watchers: 32 })
  const map = heap.map('m')
  map.set('a', { text: TEXT })
  const watchers = Array.from({ length: 32 }, (_, key) => map.watch({ key }))
  heap.transaction(() => {
    map.delete('a')
    assert.throws(() => map.watch(), { code: 'ERR_LIMIT' })
  })
  heap.verify()
  for (const watcher of watchers) watcher.close()
  heap.verify()
})

test('a watcher lives and ends with the transaction that it was made or closed in', () => {
  using heap = Heap.local({ maxSize: '4 MiB' })
  const map = heap.map('m')
  const failing = (work: () => void): void =>
    assert.throws(
      () =>
        heap.transaction(() => {
          work()
          throw new Error('on purpose')
        }),
      /on purpose/,
    )
  let made = map.watch()
  made.close()
  failing(() => {
    made = map.watch()
  })
  // Its place belongs to the next one now, whom closing the first must not touch.
  const next = map.watch()
  made.close()
  map.set('a', 1)
  assert.equal(made.take(), undefined)
  assert.deepEqual(next.take(), { type: 'set', key: 'a', coalesced: 0 })
  // Closed in a transaction that failed, its place is free all the same.
  failing(() => next.close())
  const all = Array.from({ length: 32 }, () => map.watch())
  for (const one of all) one.close()
  heap.verify()
})
