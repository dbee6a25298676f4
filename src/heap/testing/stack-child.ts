// heap/testing: a process in which the stack ends in the middle of every operation, a few bytes further each time. What
// fails must have changed nothing, what succeeds must have happened, and the lock must be free.
// Arguments: the heap's name, and every so many-th step.

import assert from 'node:assert/strict'
import { SharedHeap } from '../../collections/index.js'
import { H_LOCK } from '../heap.layout.js'
import { Heap, type HeapList, type HeapObject } from '../index.js'

const TEXT = 'a text that is no short one'
let shared: SharedHeap

interface Operation {
  readonly name: string
  act(heap: Heap, round: number): void
}

const ada = (heap: Heap): HeapObject => heap.map('m').get('ada') as HeapObject
const tags = (heap: Heap): HeapList => ada(heap).get('tags') as HeapList
const recursive = (work: () => void): (() => void) => {
  const again = (): void => {
    work()
    again()
  }
  return again
}

const OPERATIONS: readonly Operation[] = [
  { name: 'set', act: (heap, round) => heap.map('m').set('n', round) },
  { name: 'set a text', act: (heap, round) => heap.map('m').set('text', `${TEXT} ${round}`) },
  { name: 'set an object', act: (heap, round) => heap.map('m').set('o', { round, list: [round, { text: TEXT }] }) },
  { name: 'insert and delete', act: (heap, round) => heap.map('m').set(`k${round % 400}`, TEXT) },
  { name: 'delete', act: (heap, round) => void heap.map('m').delete(`k${round % 400}`) },
  { name: 'add', act: (heap) => void heap.map('m').add('n', 1) },
  {
    name: 'get and has',
    act: (heap) => assert.equal(heap.map('m').has('ada'), heap.map('m').get('ada') !== undefined),
  },
  { name: 'snapshot', act: (heap) => void heap.map('m').snapshot() },
  { name: 'watch', act: (heap) => heap.map('m').watch().close() },
  { name: 'clear', act: (heap) => heap.map('cleared').clear() },
  { name: 'store into an object', act: (heap, round) => ada(heap).set('score', round) },
  { name: 'add a property', act: (heap, round) => ada(heap).set(`p${round % 90}`, TEXT) },
  { name: 'delete a property', act: (heap, round) => void ada(heap).delete(`p${round % 90}`) },
  { name: 'nested push', act: (heap, round) => void tags(heap).push({ round }) },
  { name: 'push', act: (heap) => void heap.list('l').push(1, TEXT, { a: [1] }) },
  { name: 'pop', act: (heap) => void heap.list('l').pop() },
  { name: 'unshift', act: (heap, round) => void heap.list('l').unshift(round) },
  { name: 'splice', act: (heap, round) => void heap.list('l').splice(2, 3, round, { round }) },
  {
    name: 'length',
    act: (heap) => {
      heap.list('l').length = 20
    },
  },
  { name: 'assign', act: (heap, round) => heap.list('l').assign([round, TEXT, { a: [round] }]) },
  { name: 'set a cell', act: (heap, round) => heap.cell('c').set([round, { round }]) },
  { name: 'make a structure', act: (heap, round) => heap.list(`made ${round % 50}`).push(TEXT) },
  { name: 'remove a structure', act: (heap, round) => void heap.remove(`made ${(round + 25) % 50}`) },
  {
    name: 'a transaction',
    act: (heap, round) =>
      heap.transaction(() => {
        heap.map('m').set('one', round)
        heap.map('m').set('two', { round })
        heap.map('m').delete('three')
      }),
  },
  {
    name: 'a transaction around one that is caught',
    act: (heap, round) =>
      heap.transaction(() => {
        heap.map('m').set('outer', round)
        try {
          heap.transaction(() => {
            heap.map('m').set('inner', { round })
            heap.map('m').set('inner too', `${TEXT} ${round}`)
          })
        } catch {}
        heap.map('m').set('outer too', TEXT)
      }),
  },
  {
    name: 'a transaction that goes on after a recursion without end',
    act: (heap, round) =>
      heap.transaction(() => {
        heap.map('m').set('before', round)
        let i = 0
        assert.throws(
          recursive(() => heap.map('m').set(`r${i++ % 50}`, { i })),
          RangeError,
        )
        heap.map('m').set('after', round)
      }),
  },
  {
    name: 'a getter that recurses',
    act: (heap) => {
      const make = (): object => ({
        plain: TEXT,
        get deep(): unknown {
          return heap.map('m').set('deep', make())
        },
      })
      assert.throws(() => heap.map('m').set('getter', make()), RangeError)
    },
  },
  // What users call; through a handle of its own, as it shows live values in another way.
  { name: 'update', act: (_, round) => void shared.map<string, number>('u').update('n', (n = 0) => n + round) },
  {
    name: 'update in place',
    act: () =>
      void shared.map<string, { n: number }>('u').update('o', (old) => {
        if (old === undefined) return { n: 0 }
        old.n++
        return undefined
      }),
  },
  {
    name: 'set many and delete many',
    act: (_, round) =>
      shared.transaction(() => {
        shared.map('u').setMany([
          [`a${round % 9}`, TEXT],
          [`b${round % 9}`, { round }],
        ])
        shared.map('u').deleteMany([`a${(round + 4) % 9}`, `b${(round + 4) % 9}`])
      }),
  },
  {
    name: 'compare and set',
    act: (_, round) => void shared.map('u').compareAndSet('c', shared.map('u').get('c') as number, round),
  },
  {
    name: 'get or insert',
    act: (_, round) => void shared.map('u').getOrInsertComputed(`g${round % 60}`, () => [round]),
  },
  {
    name: 'sort and reverse',
    act: (_, round) =>
      shared.transaction(() => {
        const list = shared.list<number>('s')
        if (list.length < 9) list.push(round)
        list.sort((a, b) => a - b).reverse()
      }),
  },
  { name: 'a set is assigned', act: (_, round) => void shared.set<number>('set').assign([round, round + 1, 7]) },
  { name: 'add to an integer', act: () => void shared.int('i').add(1) },
  { name: 'append to a text', act: (_, round) => void shared.string('t').update((t) => `${t.slice(-20)}${round}`) },
  { name: 'new names', act: (_, round) => void shared.map('u').set('names', { [`name ${round}`]: round }) },
  { name: 'stats and verify', act: (heap) => assert.ok(heap.verify().blocks <= heap.stats().blocks) },
]

/** Used, so that the call before it is no tail call. */
export let sink = 0

/** Calls `work` that many levels further down, and so many words beyond. */
function descend(levels: number, words: number, work: () => void): void {
  if (levels > 0) descend(levels - 1, words, work)
  else if (words > 0) (work as (...values: unknown[]) => void)(...new Array(words))
  else work()
  sink++
}

/** Most levels that can be called from here. */
function bottom(): number {
  let levels = 1000
  const fits = (): boolean => {
    try {
      descend(levels, 0, () => {})
      return true
    } catch {
      return false
    }
  }
  while (fits()) levels = Math.ceil(levels * 1.01)
  return levels
}

const contents = (heap: Heap): string =>
  JSON.stringify(
    heap
      .names()
      .map(({ name, kind }) => [
        name,
        kind === 'map'
          ? [...heap.map(name).snapshot()]
          : kind === 'list'
            ? heap.list(name).snapshot()
            : heap.cell(name).snapshot(),
      ]),
  )

const [name, every] = process.argv.slice(2) as [string, string]
const step = Number(every)
const heap = Heap.open(name)
shared = SharedHeap.open(name)
// One operation is one step; making what it works on would be another.
shared.map('u')
shared.list('s')
shared.set('set')
shared.int('i')
shared.string('t')
const { arena } = heap.core
heap.map('m').set('ada', { score: 1, tags: [] })
heap.cell('c').set(0)
let failed = 0
let round = 0
for (const { name: what, act } of OPERATIONS) {
  // Interpreted at first, compiled later.
  for (const hot of [false, true]) {
    if (process.env.MEMLANE_STACK_TRACE !== undefined)
      process.stderr.write(`${what} ${hot} ${failed} ${Math.round(performance.now())}\n`)
    if (hot) for (let i = 0; i < (what.includes('recur') ? 20 : 400); i++) act(heap, round++)
    // From where nothing can be called any more to where all goes well.
    let levels = bottom()
    for (let good = 0; good < 8; levels -= step) {
      assert.ok(levels > 0, `${what}: fails however much stack there is`)
      for (let words = 0; words < 16; words += 5 * step) {
        if (what === 'clear') heap.map('cleared').set('a', { b: TEXT })
        const before = contents(heap)
        round++
        try {
          descend(levels, words, () => act(heap, round))
          good++
        } catch (error) {
          good = 0
          if (!(error instanceof RangeError)) throw new Error(`${what}, ${levels} levels down`, { cause: error })
          failed++
          const where = `${what}, ${hot ? 'hot' : 'cold'}, ${levels} levels and ${words} words down`
          assert.equal(arena.i32[arena.base + H_LOCK], 0, `the lock is held: ${where}`)
          assert.equal(arena.depth, 0, where)
          assert.equal(contents(heap), before, `it has changed something: ${where}`)
          heap.verify()
        }
      }
    }
    heap.verify()
  }
}
heap.map('m').set('later', 'an hour of work')
process.stdout.write(`${failed}`)
process.exit()
