// collections: damage that was aimed. Where random bytes hardly ever lead (heap.hostile.test.ts has those), lie numbers that
// would make a walk endless, a copy larger than the machine, or a list of blocks to free that no engine can hold. Whatever
// is called then gives a value or a code, and ends.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { MemlaneError } from '../errors.js'
import { Handle } from '../heap/handles/handle.js'
import {
  H_CLASS_HEADS,
  H_HASH_SEED,
  H_HOLDER,
  H_LOCK,
  H_PAGES_MAX,
  H_ROOTS,
  H_SHAPES,
  H_SHAPES_FIRST,
  H_STRIPES,
  H_VERSION,
  STRIPE_STEP,
  STRIPES,
} from '../heap/heap.layout.js'
import type { Heap, HeapMap } from '../heap/index.js'
import {
  A_FIRST,
  A_LENGTH,
  A_MODE,
  A_ROOM,
  A_ROOT,
  A_STORE,
  C_FIRST,
  CHUNK_SHIFT,
} from '../heap/kinds/list/list.layout.js'
import {
  B_OVERFLOW,
  D_DEPTH,
  D_FIRST,
  E_NEXT,
  M_DIRECTORY,
  M_HEAD,
  M_ROOT,
  M_SIZE,
} from '../heap/kinds/map/map.layout.js'
import { O_OUTSIDE, O_ROOM, O_SHAPE, O_UNITS } from '../heap/kinds/object/object.layout.js'
import { S_NEXT } from '../heap/kinds/object/shapes.js'
import {
  G_NEXT,
  G_PREV,
  G_SLOT,
  G_TAKER,
  G_TIMES,
  Q_BELL,
  Q_FIRST,
  Q_LAST,
  Q_NEWEST,
  Q_SIZE,
  Q_TAKEN,
} from '../heap/kinds/queue/queue.layout.js'
import { TAG_BLOCK, TAG_STRING } from '../heap/values/values.layout.js'
import { W_CHANGES } from '../heap/watch/watch.layout.js'
import { SharedHeap } from './heap/shared-heap.js'
import { snapshot } from './snapshot.js'

const LIVENESS_BYTES = 4096 * 4
const MOST = 0x7fffffff

/** A heap with one of each, and where its blocks lie. */
class Target {
  readonly buffer: SharedArrayBuffer
  readonly i32: Int32Array
  readonly f64: Float64Array
  readonly base: number
  readonly logs: number[]
  readonly block: Readonly<Record<string, number>>
  readonly #bytes: Uint8Array
  readonly #image: Uint8Array

  constructor() {
    const heap = SharedHeap.local({ maxSize: '32 MiB', participants: 4 })
    const map = heap.map<string, unknown>('m')
    map.setMany(Array.from({ length: 300 }, (_, i) => [`key ${i}`, i]))
    map.set('k'.repeat(1_000_000), 'long')
    map.set('big', 'b'.repeat(1_000_000))
    map.set('number', 2n ** 800_000n)
    map.set('object', { a: 1, b: { c: [1, 2, { d: 'a deep text' }] }, name: 'a text of some length' })
    map.set('table', Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`p${i}`, i])))
    const shared: Record<string, unknown> = { n: 1 }
    shared.self = shared
    map.set('shared', { a: shared, b: [shared] })
    heap.list('many').push(...Array.from({ length: 700 }, (_, i) => (i % 3 ? `item ${i}` : { i })))
    heap.list('few').push(1, 'two two two two', { three: 3 })
    heap.set('s').addMany(Array.from({ length: 200 }, (_, i) => `member ${i}`))
    heap.block('b').set({ in: ['a', 'block'] })
    heap.messages.putAll(Array.from({ length: 60 }, (_, i) => (i % 2 ? i : { i, text: 'a text of some length' })))
    // In a dead hand once this heap is closed.
    for (let i = 0; i < 3; i++) heap.messages.tryTake({ ack: true })
    this.buffer = heap.buffer!
    this.#bytes = new Uint8Array(this.buffer)
    this.i32 = new Int32Array(this.buffer)
    this.f64 = new Float64Array(this.buffer)
    const inner = (heap as unknown as { heap: Heap }).heap
    const { index, arena } = inner.core
    const { segment } = inner
    this.base = arena.base
    this.logs = Array.from({ length: segment.slots }, (_, slot) => segment.areaOf(slot) / 4)
    const named: HeapMap = inner.map('map:m')
    const m = Handle.pointerOf(named)
    const entry = (key: string): number => index.find(m, index.hash(key), key)
    const value = (key: string): number => this.i32[(entry(key) << 1) + 2]!
    named.watch()
    const queue = Handle.pointerOf(inner.queue('queue:'))
    const directory = this.i32[(m << 1) + M_DIRECTORY]!
    this.block = {
      map: m,
      directory,
      bucket: this.i32[(directory << 1) + D_FIRST]!,
      watch: this.i32[(m << 1) + 9]!,
      first: entry('key 0'),
      last: entry('shared'),
      long: entry('k'.repeat(1_000_000)),
      ofObject: entry('object'),
      big: value('big'),
      number: value('number'),
      object: value('object'),
      table: value('table'),
      many: Handle.pointerOf(inner.list('list:many')),
      few: Handle.pointerOf(inner.list('list:few')),
      queue,
      oldest: this.i32[(queue << 1) + Q_FIRST]!,
      newest: this.i32[(queue << 1) + Q_LAST]!,
      taken: this.i32[(queue << 1) + Q_NEWEST]!,
      // Where nothing lies yet, for what an attacker makes up.
      free: (segment.body + 20 * 2 ** 20) / 8,
    }
    heap.close()
    this.#bytes.fill(0, this.#bytes.length - LIVENESS_BYTES)
    this.#image = this.#bytes.slice()
  }

  reset(): void {
    this.#bytes.set(this.#image)
  }

  /** A word of a block. */
  put(block: string, word: number, value: number): void {
    this.i32[(this.block[block]! << 1) + word] = value
  }

  slot(unit: number, low: number, high: number): void {
    this.i32[unit << 1] = low
    this.i32[(unit << 1) + 1] = high
  }

  /** The short list gets a store of that many slots that all lead to one block. */
  allTo(block: string, tag: number, count: number): void {
    const { free, [block]: pointer } = this.block
    for (let i = 1; i <= count; i++) this.slot(free! + i, pointer!, tag)
    this.put('few', A_STORE, free!)
    this.put('few', A_FIRST, 0)
    this.put('few', A_ROOM, count)
    this.put('few', A_LENGTH, count)
  }
}

type Damage = (at: Target) => void
const put =
  (block: string, word: number, value: number): Damage =>
  (at) =>
    at.put(block, word, value)
const self =
  (block: string, word: number): Damage =>
  (at) =>
    at.put(block, word, at.block[block]!)
const header =
  (word: number, value: number): Damage =>
  (at) => {
    at.i32[at.base + word] = value
  }
/** The lock names a dead slot, whose log has `length` entries of garbage. */
const deadHolder =
  (length: number, entry: (i: number, at: Target) => [number, number], extents: number = 0): Damage =>
  (at) => {
    at.i32[at.base + H_LOCK] = (7 << 10) | 3
    at.i32[at.base + H_HOLDER] = 3
    const log = at.logs[3]!
    at.i32[log] = length
    for (let i = 0; i < 8; i++) at.i32[log + 2 + i] = extents
    for (let i = 0; i < 4000; i++) {
      const [word, value] = entry(i, at)
      at.i32[log + 16 + 2 * i] = word
      at.i32[log + 17 + 2 * i] = value
    }
  }
const scatter = (i: number): number => Math.imul(i + 1, 0x9e3779b1)

const DAMAGES: Readonly<Record<string, Damage>> = {
  'an entry after itself, with a key of a megabyte': (at) => {
    at.put('long', E_NEXT, at.block.long!)
    at.put('map', M_HEAD, at.block.long!)
    at.put('map', M_SIZE, MOST)
  },
  'the first entry after the last': (at) => {
    at.put('last', E_NEXT, at.block.first!)
    at.put('map', M_SIZE, MOST)
  },
  'a map that counts fewer than none': put('map', M_SIZE, -5),
  'a map that belongs to itself': self('map', M_ROOT),
  'a list that belongs to itself': self('many', A_ROOT),
  ...Object.fromEntries(
    [-1, 24, 25, 30, 31, 32, MOST].map((depth) => [`a directory of depth ${depth}`, put('directory', D_DEPTH, depth)]),
  ),
  'a directory that leads to itself': (at) => at.put('directory', D_FIRST, at.block.directory!),
  'a map whose directory it is itself': self('map', M_DIRECTORY),
  'a bucket after itself': self('bucket', B_OVERFLOW),
  'a table that is gone': put('table', O_OUTSIDE, -1),
  'a table that is itself': self('table', O_OUTSIDE),
  'an object of no shape': put('object', O_SHAPE, MOST),
  'an object that is a table suddenly': put('object', O_SHAPE, -1),
  'an object with room for everything': put('object', O_ROOM, MOST),
  'an object whose slots are outside, in itself': self('object', O_OUTSIDE),
  'an object that holds itself': (at) => at.slot(at.block.object! + O_UNITS, at.block.object!, TAG_BLOCK),
  ...Object.fromEntries(
    ['many', 'few'].flatMap((list) => [
      [`the list of ${list} is endless`, put(list, A_LENGTH, MOST)],
      [`the list of ${list} is shorter than empty`, put(list, A_LENGTH, -(2 ** 31))],
      [`the list of ${list} begins before itself`, put(list, A_FIRST, -MOST)],
      [`the list of ${list} is of no known mode`, put(list, A_MODE, MOST)],
      [`the list of ${list} lies in itself`, self(list, A_STORE)],
      [
        `the list of ${list} has room for as much`,
        (at: Target) => {
          at.put(list, A_LENGTH, 2 ** 29 - 1)
          at.put(list, A_ROOM, 2 ** 29 - 1)
        },
      ],
    ]),
  ),
  'a list of one chunk over and over': (at) => {
    const c = (at.i32[(at.block.many! << 1) + A_STORE]! << 1) + C_FIRST
    const chunks = at.i32[(at.block.many! << 1) + A_ROOM]! >> CHUNK_SHIFT
    for (let i = 0; i < chunks; i++) at.i32[c + i] = at.i32[c]!
    at.put('many', A_LENGTH, chunks << CHUNK_SHIFT)
  },
  'a hundred thousand slots that lead to one string of a megabyte': (at) => at.allTo('big', TAG_STRING, 100_000),
  'ten thousand slots that lead to one large bigint': (at) => at.allTo('number', TAG_BLOCK, 10_000),
  'three hundred entries that lead to one string': (at) => {
    for (let entry = at.block.first!; entry !== 0; entry = at.i32[(entry << 1) + E_NEXT]!)
      at.slot(entry + 1, at.block.big!, TAG_STRING)
  },
  'a value that nests without end': (at) => {
    // Arrays of one element, each the next one: word for word as they would lie.
    const { free } = at.block
    for (let i = 0; i < 100_000; i++) {
      const p = free! + i * 8
      at.i32.set([0, 6, 1, 0, p + 5, 0, 1, 0, 0, 0, 0, 7], p << 1)
      at.slot(p + 6, p + 8, TAG_BLOCK)
    }
    at.slot(at.block.ofObject! + 1, free!, TAG_BLOCK)
  },
  'a shape after itself': (at) => {
    const shape = at.i32[at.base + H_SHAPES_FIRST]!
    at.i32[(shape << 1) + S_NEXT] = shape
    at.i32[at.base + H_SHAPES] = MOST
  },
  'a message after itself': self('oldest', G_NEXT),
  'a message before itself': self('newest', G_PREV),
  'a message that was taken after itself': self('taken', G_NEXT),
  'the oldest message after the newest': (at) => at.put('newest', G_NEXT, at.block.oldest!),
  'messages that lead into the queue': (at) => {
    at.put('queue', Q_FIRST, at.block.queue!)
    at.put('queue', Q_LAST, at.block.queue!)
    at.put('queue', Q_NEWEST, at.block.queue!)
  },
  'messages that were taken and wait': (at) => at.put('queue', Q_NEWEST, at.block.oldest!),
  ...Object.fromEntries(
    [MOST, -1, -(2 ** 31), 1].flatMap((n) =>
      [Q_SIZE, Q_FIRST, Q_LAST, Q_TAKEN, Q_NEWEST, Q_BELL].map((word) => [
        `${n} in word ${word} of a queue`,
        put('queue', word, n),
      ]),
    ),
  ),
  'a message in the hands of nobody': put('taken', G_TAKER, MOST),
  'a message that was handed out more often than can be counted': put('taken', G_TIMES, MOST),
  'a message that is a string of a megabyte, after itself': (at) => {
    at.slot(at.block.oldest! + G_SLOT / 2, at.block.big!, TAG_STRING)
    at.put('oldest', G_NEXT, at.block.oldest!)
  },
  'a message that is the queue': (at) => at.slot(at.block.oldest! + G_SLOT / 2, at.block.queue!, TAG_BLOCK),
  'changes without end': (at) => {
    at.f64[at.block.watch! + W_CHANGES] = Number.MAX_VALUE
  },
  'changes that are no number': (at) => {
    at.f64[at.block.watch! + W_CHANGES] = Number.NaN
  },
  ...Object.fromEntries([0, 24, MOST].map((pages) => [`${pages} pages`, header(H_PAGES_MAX, pages)])),
  'no root': header(H_ROOTS, 0),
  'a root that is the header': header(H_ROOTS, 1),
  'another hash seed': header(H_HASH_SEED, 1),
  'every list of spans leads to the same one': (at) => {
    for (let size = 0; size < 43; size++) at.i32[at.base + H_CLASS_HEADS + size] = 1
  },
  'versions that somebody left odd': (at) => {
    at.i32[at.base + H_VERSION]! |= 1
    for (let stripe = 0; stripe < STRIPES; stripe++) at.i32[at.base + H_STRIPES + stripe * STRIPE_STEP]! |= 1
  },
  'numbers that are about to wrap': (at) => {
    at.i32[at.base + H_VERSION] = -2
    at.put('map', 0, MOST)
    at.put('object', 0, -1)
  },
  'a log without a holder': (at) => {
    for (const log of at.logs) at.i32[log] = MOST
  },
  'a dead holder whose log is endless': deadHolder(-1, (i) => [scatter(i), scatter(-i)]),
  'a dead holder whose log goes on everywhere': deadHolder(MOST, (i) => [scatter(i) >>> 2, i], 3),
  'a dead holder who undoes the header': deadHolder(4000, (i, at) => [at.base + 64 + i, scatter(i)]),
  'a dead holder who undoes the segment': deadHolder(4000, (i) => [i, scatter(i)]),
  'a dead holder that is no slot': (at) => {
    deadHolder(5, (i) => [i, i])(at)
    at.i32[at.base + H_HOLDER] = 99
  },
}

/** What a user can do; each must end, with a value or a code. */
function calls(heap: SharedHeap): Record<'reading' | 'writing', (() => unknown)[]> {
  const map = () => heap.map<string, unknown>('m')
  const object = (key: string) => map().get(key) as Record<string, unknown>
  const lists = ['many', 'few'].map((name) => () => heap.list<unknown>(name))
  const inner = (heap as unknown as { heap: Heap }).heap
  const reading = [
    () => heap.names(),
    () => heap.stats(),
    () => heap.verify(),
    () => map().snapshot(),
    () => [...map().keys()].length,
    () => inspect(map()),
    ...['key 5', 'big', 'number', 'object', 'table', 'shared', 'none'].map((key) => () => map().get(key)),
    ...['object', 'table', 'shared'].flatMap((key) => [
      () => snapshot(object(key)),
      () => Object.keys(object(key) ?? {}),
      () => inspect(object(key)),
    ]),
    ...lists.flatMap((list) => [
      () => list().length,
      () => snapshot(list()),
      () => list().slice(1),
      () => Object.keys(list()),
      () => JSON.stringify(list()),
      () => list().forEach(() => {}),
      () => list().indexOf('nothing'),
      () => list().at(-1),
      () => inspect(list()),
    ]),
    () => heap.set('s').union(new Set([1])),
    () => heap.block('b').get(),
    () => heap.messages.size,
    () => heap.messages.peek(),
    () => heap.messages.peek({ order: 'lifo' }),
    () => heap.messages.snapshot(),
    () => inspect(heap.messages),
  ]
  const writing = [
    () => map().set('key 7', { fresh: 'value' }),
    () => map().setMany(Array.from({ length: 100 }, (_, i) => [`new ${i}`, i])),
    () => map().set('another big one', 'x'.repeat(300_000)),
    () => map().set('object', { a: 1, b: 2, name: 'A text of some length' }),
    () => Object.assign(object('table') ?? {}, { more: 'a text of some length' }),
    () => Object.assign(object('shared') ?? {}, { a: 1 }),
    () => map().add('key 9', 1),
    () => map().deleteMany(['key 1', 'table', 'shared', 'object', 'key 11']),
    () => {
      const watcher = inner.map('map:m').watch()
      watcher.take()
      map().set('key 12', 5)
      watcher.take()
      watcher.close()
    },
    ...lists.flatMap((list) => [
      () => list().push(1, { a: 1 }),
      () => list().unshift('a', 'b'),
      () => list().pop(),
      () => list().shift(),
      () => list().splice(1, 2, 'x'),
      () => list().reverse(),
      () => Object.assign(list(), { 3: 'a text of some length' }),
      () => list().splice(0),
    ]),
    () => heap.set('s').assign(['x']),
    () => heap.block('b').set([1]),
    () => heap.messages.peek({ where: () => false }),
    () => heap.messages.put({ fresh: 'a text of some length' }),
    () => heap.messages.tryTake(),
    () => heap.messages.tryTake({ order: 'lifo' }),
    () => heap.messages.tryTake({ where: (value) => typeof value === 'number' }),
    () => heap.messages.tryTake({ where: () => false, order: 'lifo' }),
    () => {
      const message = heap.messages.takeSync({ ack: true, timeout: 1 })
      message.giveBack()
      heap.messages.tryTake({ ack: true })?.done()
    },
    () => heap.messages.clear(),
    () => heap.remove(''),
    () => map().clear(),
    () => heap.remove('many'),
    () => heap.remove('m'),
    () => heap.map('other').set('a', 1),
    () => heap.verify(),
  ]
  return { reading, writing }
}

describe('whatever was aimed at, calls end with a value or a code', () => {
  const target = new Target()
  for (const [what, damage] of Object.entries(DAMAGES)) {
    test(what, () => {
      // Once with readers before the writers, once the writers alone: they may find more of the damage.
      for (const readFirst of [true, false]) {
        target.reset()
        damage(target)
        let heap: SharedHeap
        try {
          heap = SharedHeap.attach(target.buffer)
        } catch (error) {
          assert.ok(error instanceof MemlaneError, String(error))
          continue
        }
        const inner = (heap as unknown as { heap: Heap }).heap
        const { reading, writing } = calls(heap)
        for (const call of [...(readFirst ? reading : []), ...writing]) {
          try {
            call()
          } catch (error) {
            if (!(error instanceof MemlaneError)) throw new Error(`${call} failed without a code`, { cause: error })
          }
          assert.equal(inner.core.arena.depth, 0, `${call} left a transaction open`)
        }
        // What lies in the table of participants may be damaged as well, and then there is no leaving in order.
        inner.segment.memory.close()
      }
      assert.deepEqual(Object.keys(Object.prototype), [])
    })
  }
})
