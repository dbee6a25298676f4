// heap: damaged memory. Whatever the bytes say, reading, walking and writing end with a value or a coded error: no crash,
// no hang, and no way to a prototype. The lock word is left alone: a lock that names somebody alive is held.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemlaneError } from '../errors.js'
import { WATCHDOG } from '../testing/crew.js'
import { mulberry } from '../testing/random.js'
import { H_LOCK } from './heap.layout.js'
import { type Choice, Heap, HeapList, type HeapMessage, HeapObject } from './index.js'

const rounds = Number(process.env.MEMLANE_RUNS ?? 400)
const LOCK_BYTES = 4096 * 4

/** Whole numbers below something, repeated by a seed. */
function generator(seed: number): (below: number) => number {
  const random = mulberry(seed)
  return (below) => Math.floor(random() * below)
}

function fill(heap: Heap): void {
  const map = heap.map('m')
  for (let i = 0; i < 120; i++) map.set(`key ${i}`, i)
  map.set('text', 'a text of some length, that is not in the slot')
  map.set('wide', '漢字 and more 漢字')
  map.set('object', {
    a: 1,
    b: { c: [1, 2, { d: 'deep' }] },
    list: Array.from({ length: 30 }, (_, i) => `element ${i}`),
  })
  map.set('table', Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`p${i}`, i])))
  map.set('clone', [
    new Date(1),
    /a/,
    new Map([[1, { x: 1 }]]),
    new Uint16Array(5),
    new Error('e'),
    2n ** 90n,
    Object('s'),
  ])
  const shared: Record<string, unknown> = { n: 1 }
  shared.self = shared
  map.set('shared', { a: shared, b: [shared] })
  heap.list('l').push(...Array.from({ length: 700 }, (_, i) => `item ${i}`))
  heap.cell('c').set({ in: ['a', 'cell'] })
  heap.adapter = { ...heap.adapter, classOf: (value) => (Array.isArray(value) ? undefined : 'Some') }
  const graph: Record<string, unknown> = { name: 'a text that is no short one', when: new Date(1) }
  graph.self = graph
  graph.list = [graph, ...Array.from({ length: 300 }, (_, i) => ({ i }))]
  graph.table = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`q${i}`, i === 5 ? graph : i]))
  map.set('graph', heap.share(graph))
  map.set('destroyed', heap.share({ n: 1 }))
  heap.destroy(map.get('destroyed'))
  map.watch()
  const queue = heap.queue('q')
  for (let i = 0; i < 60; i++) queue.put(i % 2 ? i : { i, text: 'a text of some length' })
  for (let i = 0; i < 5; i++) queue.tryTake({ ...OLDEST, ack: true })
}

const OLDEST: Choice = { newest: false, where: undefined, ack: false }

/** Everything a user can do; each step may fail with a code, and only with a code. */
function use(heap: Heap, seen: Map<string, number>): void {
  const steps: (() => unknown)[] = [
    () => heap.names(),
    () => heap.map('m').snapshot(),
    () => heap.list('l').snapshot(),
    () => heap.cell('c').snapshot(),
    () => {
      const cursor = heap.map('m').cursor()
      for (let i = 0; i < 1000 && cursor.next(); i++) void cursor.value
    },
    ...['key 5', 'text', 'wide', 'object', 'table', 'clone', 'shared', 'graph', 'destroyed', 'nothing'].map(
      (key) => () => {
        const value = heap.map('m').get(key)
        if (value instanceof HeapObject) {
          for (const name of value.keys()) void value.get(name)
          value.snapshot()
        } else if (value instanceof HeapList) {
          for (let i = 0; i < Math.min(1000, value.length); i++) void value.get(i)
          value.snapshot()
        }
      },
    ),
    () => heap.stats(),
    () => heap.verify(),
    () => heap.map('m').watch().take(),
    () => heap.map('m').set('key 7', { fresh: 'value' }),
    () => heap.map('m').set('brand new', 'x'.repeat(3000)),
    () => heap.map('m').delete('object'),
    () => (heap.map('m').get('table') as HeapObject | undefined)?.set?.('q', 1),
    () => heap.list('l').splice(100, 5, 'a', 'b'),
    () => heap.list('l').shift(),
    () => heap.cell('c').set([1, 2, 3]),
    () => heap.map('m').delete('shared'),
    () => heap.share([heap.map('m').get('graph'), { n: 1 }]),
    () => heap.at(heap.addressOf(heap.map('m').get('graph'))),
    () => (heap.map('m').get('graph') as HeapObject | undefined)?.set?.('more', { of: [1] }),
    () => ((heap.map('m').get('graph') as HeapObject | undefined)?.get?.('list') as HeapList | undefined)?.pop?.(),
    () => heap.destroy(heap.map('m').get('graph')),
    () => heap.map('m').clear(),
    () => heap.remove('l'),
    () => heap.map('other').set('a', 1),
    () => heap.queue('q').snapshot(),
    () => heap.queue('q').put({ fresh: 'value' }),
    () => heap.queue('q').tryTake(OLDEST),
    () => heap.queue('q').tryTake({ ...OLDEST, newest: true, where: (value) => value === 7 }),
    () => (heap.queue('q').takeSync({ ...OLDEST, ack: true }, 1) as HeapMessage | undefined)?.done(),
    () => heap.queue('q').clear(),
    () => heap.remove('q'),
  ]
  for (const [number, step] of steps.entries()) {
    const start = performance.now()
    try {
      step()
    } catch (error) {
      if (!(error instanceof MemlaneError)) throw new Error(`step ${number} failed without a code`, { cause: error })
      seen.set(error.code, (seen.get(error.code) ?? 0) + 1)
    }
    // No limit on how fast; only that it ends, and not by luck.
    const took = performance.now() - start
    assert.ok(took < WATCHDOG, `step ${number} took ${took} ms`)
    assert.equal(heap.core.arena.depth, 0, `step ${number} left a transaction open`)
  }
}

test('damaged memory gives values or coded errors, whatever is done with it', (t) => {
  const heap = Heap.local({ maxSize: '1280 KiB', participants: 3, undoSize: 4096 })
  fill(heap)
  const buffer = heap.segment.memory.buffer as SharedArrayBuffer
  const bytes = new Uint8Array(buffer)
  const body = heap.segment.body
  const end = Math.min(bytes.length - LOCK_BYTES, body + 1_100_000)
  heap.close()
  bytes.fill(0, bytes.length - LOCK_BYTES)
  const image = bytes.slice()
  const first = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 1e6))
  t.diagnostic(`seeds from ${first}, MEMLANE_SEED repeats them`)
  const seen = new Map<string, number>()
  for (let round = 0; round < rounds; round++) {
    const random = generator(first + round)
    bytes.set(image)
    const damage = 1 + random(random(4) === 0 ? 3000 : 30)
    for (let i = 0; i < damage; i++) {
      // Half of it where something is: zeros are free memory mostly.
      let at = body + random(end - body)
      for (let tries = 0; tries < 20 && random(2) === 0 && bytes[at] === 0; tries++) at = body + random(end - body)
      if (Math.abs(at - (body + H_LOCK * 4)) < 8) continue
      const how = random(4)
      bytes[at] = how === 0 ? random(256) : how === 1 ? 0xff : how === 2 ? 0 : bytes[at]! ^ (1 << random(8))
    }
    let damaged: Heap
    try {
      damaged = Heap.attachLocal(buffer)
    } catch (error) {
      assert.ok(error instanceof MemlaneError, String(error))
      continue
    }
    try {
      use(damaged, seen)
    } catch (error) {
      throw new Error(`seed ${first + round}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    } finally {
      damaged.segment.memory.close()
    }
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
  assert.deepEqual(Object.keys(Object.prototype), [])
  t.diagnostic(`codes seen: ${[...seen].map(([code, count]) => `${code} ${count}`).join(', ')}`)
})
