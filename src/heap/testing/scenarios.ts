// heap/testing: operations whose every store is a place to die. With those of collections/testing/crash-scenarios.ts they
// come by every store site of the heap; npm run test:crash fails when one is left out.

import type { HeapList } from '../handles/heap-list.js'
import type { HeapObject } from '../handles/heap-object.js'
import type { Choice, HeapMessage, HeapQueue } from '../handles/heap-queue.js'
import type { Heap as HeapClass } from '../heap.js'
import { BELL_FLAG, BELLS, H_BELLS, H_QUEUE_BELLS, QUEUE_BELL_STEP, QUEUE_BELLS } from '../heap.layout.js'

type Heap = HeapClass

export interface Scenario {
  readonly name: string
  readonly options?: object
  prepare?(heap: Heap): void
  act(heap: Heap): void
  /** The operation fails with this, as it should. */
  readonly throws?: RegExp
  /** Visits every so many-th of the stores that it would: for operations with very many. */
  readonly thin?: number
  /** What a survivor does in the end: all that can be seen stays what it is. */
  finish?(heap: Heap): void
  /** Map entries that a reader of one stripe looks at: [structure, key]. */
  readonly keys?: readonly (readonly [string, string])[]
}

// One and the same: its stack is part of the value.
const ERROR = new Error('e', { cause: 1 })
const ROOMY = { undoSize: 65_536 }
const TEXT = 'a text that is no short one'
const fill = (count: number) => (heap: Heap) => {
  const map = heap.map('m')
  for (let i = 0; i < count; i++) map.set(`key${i}`, i)
}
const some = (heap: Heap): void => {
  const map = heap.map('m')
  map.set('a', 1)
  map.set('text', TEXT)
  map.set('ada', { score: 1, name: TEXT, tags: ['new', 'x'], home: { x: 1, y: 2 } })
  map.set('z', 2)
}
const KEYS = [
  ['m', 'a'],
  ['m', 'ada'],
  ['m', 'text'],
  ['m', 'z'],
  ['m', 'key1'],
  ['m', 'new'],
] as const

const ada = (heap: Heap): HeapObject => heap.map('m').get('ada') as HeapObject
const listOf = (count: number) => (heap: Heap) => {
  const list = heap.list('l')
  for (let i = 0; i < count; i++) list.push(`element ${i}`)
}

/** Objects that lead to each other, and have what objects can have. */
function graph(): object {
  const ada: Record<string, unknown> = { name: TEXT, born: new Date(0), tags: ['x', TEXT] }
  const acme = {
    name: 'Acme',
    boss: ada,
    staff: [ada, { name: TEXT }],
    table: Object.fromEntries(Array.from({ length: 66 }, (_, i) => [`p${i}`, i === 3 ? ada : i])),
    rows: [1, ada],
    many: Array.from({ length: 260 }, (_, i) => i),
    seen: new Map<string, unknown>([['ada', ada]]),
    self: null as unknown,
  }
  ada.at = acme
  acme.self = acme
  return acme
}

function shared(heap: Heap): void {
  some(heap)
  heap.map('m').set('acme', heap.share(graph()))
}

/** Afterwards all that can go is gone, and nothing else. */
function collectAll(heap: Heap): void {
  heap.collect()
  heap.collect()
}

/** Shared objects that something leads to, and others that nothing does. */
function garbage(heap: Heap): void {
  shared(heap)
  heap.map('m').set('new', heap.share(graph()))
  heap.list('l').push(...Array.from({ length: 600 }, (_, i) => (i % 50 === 0 ? sharedAt(heap, 'acme') : i)))
  heap.map('m').delete('new')
  heap.destroy(heap.share({ n: 1 }))
}

const sharedAt = (heap: Heap, key: string): HeapObject => heap.map('m').get(key) as HeapObject

/** Stores a shared instance of a class. */
function sharedAs(heap: Heap, key: string, className: string, value: object): void {
  heap.adapter = { ...heap.adapter, classOf: () => className }
  heap.map('m').set(key, heap.share(value))
}

const OLDEST: Choice = { newest: false, where: undefined, ack: false }
const NEWEST: Choice = { ...OLDEST, newest: true }
const HELD: Choice = { ...OLDEST, ack: true }
const queue = (heap: Heap): HeapQueue => heap.queue('q')
const taken = (heap: Heap): HeapMessage => queue(heap).tryTake(HELD) as HeapMessage
const queueOf = (count: number) => (heap: Heap) => {
  queue(heap)
  for (let i = 0; i < count; i++) queue(heap).put(i % 3 === 1 ? { id: i, text: TEXT, in: [i, { deep: TEXT }] } : i)
}

/** Keys whose hashes share their top bits (three: so few entries in all that splitting stops, and chains begin). */
const alike = (heap: Heap, count: number, bits: number = 3, prefix: number = 5): string[] => {
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    if (heap.core.index.hash(`alike ${i}`) >>> (32 - bits) === prefix) found.push(`alike ${i}`)
  }
  return found
}

/** After which there is no page, and no block of the common sizes, left. */
const full = (heap: Heap): void => {
  // For those who come after a death.
  heap.map('afterwards').set('a', 5)
  const filler = heap.map('filler')
  let key = 0
  for (const length of [14_000, 2000, 300, 60, 10, 1])
    for (;;) {
      try {
        filler.set(key, 'x'.repeat(length))
        key++
      } catch (error) {
        if (!/is full|too big|overwrites more/.test(String(error))) throw error
        break
      }
    }
}
/** A value whose blocks the log of 504 words cannot hold when they are freed. */
const huge = (): unknown[] => Array.from({ length: 520 }, (_, i) => ({ i, n: i % 7 === 0 ? TEXT : i }))
const withHuge = (heap: Heap): void => {
  heap.map('m').set('huge', huge())
  heap.map('m').set('z', 2)
  full(heap)
}
const HUGE_KEYS = [
  ['m', 'huge'],
  ['m', 'z'],
] as const
const SMALL = { maxSize: '352 KiB' }

/** Undoing fails in the middle, as it would at the very end of the stack: the handle passes for one that was killed. */
const givesUp = (heap: Heap, work: () => void): void => {
  // Before its first change a handle practises undoing.
  heap.transaction(() => {})
  heap.core.blocks.undone = () => {
    throw new RangeError('no stack is left')
  }
  heap.transaction(() => {
    work()
    throw new Error('it fails')
  })
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'set a number', keys: KEYS, prepare: some, act: (heap) => heap.map('m').set('a', 7) },
  { name: 'set a double over a text', keys: KEYS, prepare: some, act: (heap) => heap.map('m').set('text', 0.5) },
  {
    name: 'set a text over a text',
    keys: KEYS,
    prepare: some,
    act: (heap) => heap.map('m').set('text', `${TEXT} too`),
  },
  {
    name: 'set an object over an object',
    keys: KEYS,
    prepare: some,
    act: (heap) => heap.map('m').set('ada', { score: 2, name: `${TEXT}!`, tags: [] }),
  },
  {
    name: 'overwrite a text',
    keys: KEYS,
    prepare: some,
    act: (heap) => heap.map('m').set('text', TEXT.replaceAll('o', '0')),
  },
  {
    name: 'overwrite an object',
    keys: KEYS,
    prepare: (heap) => {
      some(heap)
      heap.map('m').set('ada', { score: 1, name: TEXT, seen: 'never', note: null })
    },
    act: (heap) => heap.map('m').set('ada', { score: 2, name: TEXT.replace('text', 'name'), seen: TEXT, note: 'a' }),
  },
  {
    name: 'overwrite an object that is watched',
    keys: KEYS,
    prepare: (heap) => {
      heap.map('m').set('ada', { score: 1, name: TEXT })
      heap.map('m').watch()
      heap.map('m').watch({ key: 'ada' })
    },
    act: (heap) => heap.map('m').set('ada', { score: 2, name: TEXT.replace('text', 'name') }),
  },
  {
    name: 'overwrite a text in an object',
    keys: KEYS,
    prepare: some,
    act: (heap) => ada(heap).set('name', TEXT.slice(0, -1)),
  },
  {
    name: 'insert into an empty map',
    prepare: (heap) => void heap.map('m'),
    act: (heap) => heap.map('m').set('new', TEXT),
  },
  { name: 'add to a number', keys: KEYS, prepare: some, act: (heap) => void heap.map('m').add('a', 5) },
  { name: 'insert', keys: KEYS, prepare: some, act: (heap) => heap.map('m').set('new', { a: 1 }) },
  {
    name: 'insert keys of other types',
    prepare: some,
    act: (heap) =>
      heap.transaction(() => {
        heap.map('m').set(5n, 1)
        heap.map('m').set(1.5, 2)
        heap.map('m').set('漢字', 3)
      }),
  },
  { name: 'delete', keys: KEYS, prepare: some, act: (heap) => void heap.map('m').delete('ada') },
  {
    name: 'delete the last',
    prepare: (heap) => heap.map('m').set('a', TEXT),
    act: (heap) => void heap.map('m').delete('a'),
  },
  {
    name: 'delete from a dense bucket',
    keys: KEYS,
    prepare: fill(50),
    act: (heap) => void heap.map('m').delete('key7'),
  },
  { name: 'split a bucket', keys: KEYS, prepare: fill(52), act: (heap) => heap.map('m').set('new', 1) },
  {
    name: 'split without doubling',
    keys: KEYS,
    prepare: (heap) => fill(110)(heap),
    act: (heap) =>
      heap.transaction(() => {
        for (let i = 0; i < 12; i++) heap.map('m').set(`more${i}`, i)
      }),
  },
  {
    name: 'merge and halve',
    keys: KEYS,
    prepare: (heap) => {
      fill(60)(heap)
      for (let i = 12; i < 60; i++) heap.map('m').delete(`key${i}`)
    },
    act: (heap) =>
      heap.transaction(() => {
        for (let i = 2; i < 12; i++) heap.map('m').delete(`key${i}`)
      }),
  },
  {
    name: 'chain a bucket',
    options: ROOMY,
    prepare: (heap) => {
      for (const key of alike(heap, 50)) heap.map('m').set(key, 1)
    },
    act: (heap) =>
      heap.transaction(() => {
        for (const key of alike(heap, 58)) heap.map('m').set(key, 2)
      }),
  },
  {
    name: 'split a chain',
    options: ROOMY,
    // All hashes share their first eight bits, so a chain it is; two of others, and it is worth parting: one half is a
    // chain again.
    prepare: (heap) => {
      for (const key of alike(heap, 130, 8, 0xa0)) heap.map('m').set(key, 1)
    },
    act: (heap) =>
      heap.transaction(() => {
        for (const key of alike(heap, 2, 4, 0xb)) heap.map('m').set(key, 2)
      }),
  },
  {
    name: 'drop a chained bucket',
    options: ROOMY,
    prepare: (heap) => {
      for (const key of alike(heap, 58)) heap.map('m').set(key, 1)
    },
    act: (heap) =>
      heap.transaction(() => {
        for (const key of alike(heap, 58)) heap.map('m').delete(key)
      }),
  },
  {
    name: 'clear',
    keys: KEYS,
    prepare: (heap) => {
      some(heap)
      fill(60)(heap)
    },
    act: (heap) => heap.map('m').clear(),
  },
  { name: 'nested set', keys: KEYS, prepare: some, act: (heap) => ada(heap).set('score', 9) },
  {
    name: 'nested set of an object',
    keys: KEYS,
    prepare: some,
    act: (heap) => ada(heap).set('home', { x: [1, { y: TEXT }] }),
  },
  { name: 'add a property', keys: KEYS, prepare: some, act: (heap) => ada(heap).set('fresh', TEXT) },
  {
    name: 'outgrow an object',
    prepare: some,
    act: (heap) =>
      heap.transaction(() => {
        for (let i = 0; i < 9; i++) ada(heap).set(`p${i}`, i)
      }),
  },
  {
    name: 'become a table',
    options: ROOMY,
    prepare: (heap) => heap.map('m').set('ada', Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`p${i}`, i]))),
    act: (heap) => ada(heap).set('one more', TEXT),
  },
  { name: 'delete a property', keys: KEYS, prepare: some, act: (heap) => void ada(heap).delete('name') },
  {
    name: 'an object with shared parts becomes a table',
    options: ROOMY,
    prepare: (heap) => {
      const part = { n: TEXT }
      const value = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`p${i}`, i > 61 ? part : i]))
      heap.map('m').set('ada', value)
    },
    act: (heap) => ada(heap).set('one more', TEXT),
  },
  {
    name: 'delete from a table',
    options: ROOMY,
    prepare: (heap) =>
      heap.map('m').set('ada', Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`p${i}`, TEXT]))),
    act: (heap) => void ada(heap).delete('p3'),
  },
  {
    name: 'nested push',
    prepare: some,
    act: (heap) => void (ada(heap).get('tags') as HeapList).push(TEXT, { deep: 1 }),
  },
  { name: 'push', prepare: listOf(3), act: (heap) => void heap.list('l').push(TEXT) },
  { name: 'push into a second chunk', prepare: listOf(256), act: (heap) => void heap.list('l').push(1, TEXT) },
  {
    name: 'push beyond the chunks',
    prepare: (heap) => {
      const list = heap.list('l')
      list.assign(Array.from({ length: 4096 }, (_, i) => i))
    },
    act: (heap) => void heap.list('l').push(...Array.from({ length: 40 }, (_, i) => i)),
    options: { maxSize: '512 KiB' },
  },
  { name: 'pop', prepare: listOf(5), act: (heap) => void heap.list('l').pop() },
  { name: 'pop the last', prepare: listOf(1), act: (heap) => void heap.list('l').pop() },
  {
    name: 'shift over a chunk',
    prepare: (heap) => {
      listOf(600)(heap)
      for (let i = 0; i < 511; i++) heap.list('l').shift()
    },
    act: (heap) => void heap.list('l').splice(0, 3),
  },
  { name: 'shift', prepare: listOf(5), act: (heap) => void heap.list('l').shift() },
  { name: 'set an element', prepare: listOf(5), act: (heap) => heap.list('l').set(2, { two: [TEXT] }) },
  { name: 'overwrite an element', prepare: listOf(5), act: (heap) => heap.list('l').set(2, 'Element 2') },
  { name: 'delete an element', prepare: listOf(5), act: (heap) => void heap.list('l').delete(2) },
  { name: 'unshift', prepare: listOf(5), act: (heap) => void heap.list('l').unshift('front', 1, 2, 3, 4) },
  { name: 'unshift before chunks', prepare: listOf(300), act: (heap) => void heap.list('l').unshift('front') },
  {
    name: 'splice in the middle',
    prepare: listOf(40),
    act: (heap) => void heap.list('l').splice(10, 3, 'one', { two: 2 }, 3, TEXT, 5),
  },
  {
    name: 'splice by a fresh store',
    options: { maxSize: '1 MiB' },
    prepare: (heap) => heap.list('l').assign(Array.from({ length: 1300 }, (_, i) => i)),
    act: (heap) => void heap.list('l').splice(600, 3),
  },
  { name: 'list set beyond the end', prepare: listOf(5), act: (heap) => heap.list('l').set(20, TEXT) },
  {
    name: 'list cut',
    prepare: listOf(300),
    act: (heap) => {
      heap.list('l').length = 2
    },
  },
  {
    name: 'list much longer',
    prepare: listOf(3),
    act: (heap) => {
      heap.list('l').length = 700
    },
  },
  { name: 'assign', prepare: listOf(20), act: (heap) => heap.list('l').assign([1, TEXT, { a: [] }]) },
  {
    name: 'set a cell',
    prepare: (heap) => heap.cell('c').set({ a: TEXT }),
    act: (heap) => heap.cell('c').set([TEXT, 2n ** 70n]),
  },
  {
    name: 'make structures',
    act: (heap) =>
      heap.transaction(() => {
        heap.map('m2').set('a', 1)
        heap.list('l2').push(1)
        heap.cell('c2', { initial: 5 })
      }),
  },
  {
    name: 'remove a structure',
    prepare: (heap) => {
      some(heap)
      listOf(300)(heap)
    },
    act: (heap) =>
      heap.transaction(() => {
        heap.remove('m')
        heap.remove('l')
      }),
  },
  {
    name: 'a transaction of six',
    keys: KEYS,
    prepare: some,
    act: (heap) =>
      heap.transaction(() => {
        const map = heap.map('m')
        map.set('a', 10)
        map.set('new', { list: [1, 2, TEXT] })
        map.delete('text')
        ada(heap).set('score', 3)
        map.set('text', `${TEXT} again`)
        map.delete('new')
      }),
  },
  {
    name: 'replace twice and reuse',
    keys: KEYS,
    prepare: some,
    act: (heap) =>
      heap.transaction(() => {
        const map = heap.map('m')
        map.delete('text')
        map.set('text', `${TEXT}!`)
        map.set('text', `${TEXT}?`)
        map.set('fresh', `${TEXT}.`)
      }),
  },
  {
    name: 'a transaction that throws',
    keys: KEYS,
    prepare: some,
    throws: /abort/,
    act: (heap) =>
      heap.transaction(() => {
        const map = heap.map('m')
        map.set('a', 10)
        map.set('new', { brand: 1, keys: 2 })
        map.delete('text')
        map.set('ada', TEXT)
        throw new Error('abort')
      }),
  },
  {
    name: 'an inner failure that is caught',
    prepare: some,
    act: (heap) =>
      heap.transaction(() => {
        const map = heap.map('m')
        map.set('a', 10)
        try {
          map.set('bad', { odd: { shape: 1 }, worse: () => 1 })
        } catch (error) {
          if (!String(error).includes('cannot be stored')) throw error
        }
        map.set('z', TEXT)
      }),
  },
  {
    name: 'shared references given up',
    prepare: (heap) => {
      const inner = { n: TEXT }
      heap.map('m').set('ada', { a: inner, b: inner, list: [inner, { inner }] })
    },
    act: (heap) =>
      heap.transaction(() => {
        ada(heap).set('a', 1)
        ada(heap).set('list', 2)
      }),
  },
  {
    name: 'shared value deleted',
    prepare: (heap) => {
      const value: Record<string, unknown> = { n: [TEXT] }
      value.self = value
      heap.map('m').set('ada', value)
    },
    act: (heap) => void heap.map('m').delete('ada'),
  },
  { name: 'a large block', prepare: some, act: (heap) => heap.map('m').set('text', 'x'.repeat(40_000)) },
  {
    name: 'a large block freed',
    prepare: (heap) => heap.map('m').set('a', new Uint8Array(50_000)),
    act: (heap) => heap.map('m').set('a', TEXT),
  },
  {
    name: 'every kind of value',
    prepare: some,
    act: (heap) =>
      heap
        .map('m')
        .set('a', [
          new Date(5),
          /a/g,
          ERROR,
          new Map([[1, { a: 1 }]]),
          new Set([TEXT]),
          new Uint16Array(3),
          Object(5),
          -(2n ** 80n),
        ]),
  },
  {
    name: 'a value with many keys, holes and shared parts',
    options: ROOMY,
    prepare: some,
    act: (heap) => {
      const part = { n: TEXT }
      const holes: unknown[] = [part]
      holes.length = 3
      heap.map('m').set('a', {
        holes,
        part,
        many: Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`p${i}`, i])),
      })
    },
  },
  {
    name: 'spans come and go',
    prepare: (heap) => {
      const map = heap.map('m')
      for (let i = 0; i < 30; i++) map.set(i, 'x'.repeat(1000))
    },
    act: (heap) =>
      heap.transaction(() => {
        const map = heap.map('m')
        for (let i = 0; i < 30; i++) map.delete(i)
        for (let i = 0; i < 3; i++) map.set(i, 'y'.repeat(3000))
      }),
  },
  {
    name: 'empty spans are carved anew',
    options: { maxSize: '240 KiB' },
    prepare: (heap) => {
      const map = heap.map('m')
      for (const size of [100, 200, 300, 400, 600]) map.set(size, 'x'.repeat(size))
      map.set('a', 1)
      for (const size of [100, 200, 300, 400, 600]) map.delete(size)
    },
    act: (heap) => {
      const map = heap.map('m')
      heap.transaction(() => {
        for (let i = 0; i < 5; i++) map.set(i, 'y'.repeat(14_000))
      })
    },
  },
  {
    name: 'no space',
    options: { maxSize: '240 KiB' },
    prepare: some,
    throws: /is full/,
    act: (heap) =>
      heap.transaction(() => {
        for (let i = 0; i < 60; i++) heap.map('m').set(i, 'y'.repeat(7000))
      }),
  },
  {
    name: 'a log that goes on in free pages',
    options: { maxSize: '1600 KiB' },
    prepare: fill(280),
    act: (heap) =>
      heap.transaction(() => {
        for (let i = 0; i < 280; i++) heap.map('m').set(`key${i}`, i + 1)
      }),
  },
  {
    name: 'watched changes',
    prepare: (heap) => {
      some(heap)
      heap.map('m').watch()
      heap.map('m').watch({ key: 'a' })
    },
    act: (heap) =>
      heap.transaction(() => {
        heap.map('m').set('a', 2)
        heap.map('m').delete('text')
        ada(heap).set('score', 5)
      }),
  },
  {
    name: 'watched changes, while somebody sleeps',
    prepare: (heap) => {
      some(heap)
      heap.map('m').watch()
      // As sleepers leave the bells: their flags are up.
      const { memory, base } = heap.core.arena
      for (let bell = 0; bell < BELLS; bell++) memory.store(base + H_BELLS + 2 * bell + 1, 1)
    },
    act: (heap) => heap.map('m').set('a', 2),
  },
  {
    name: 'watched list and cell',
    prepare: (heap) => {
      listOf(5)(heap)
      heap.cell('c').set({ a: [TEXT] })
      heap.list('l').watch()
      heap.cell('c').watch()
    },
    act: (heap) =>
      heap.transaction(() => {
        heap.list('l').push({ deep: 1 })
        ;(heap.list('l').get(5) as HeapObject).set('deep', 2)
        heap.list('l').shift()
        ;(heap.cell('c').get() as HeapObject).set('a', 1)
        heap.cell('c').set(TEXT)
      }),
  },
  {
    name: 'watch in the place of the dead, sleep, and cease to',
    prepare: (heap) => {
      some(heap)
      heap.map('m').watch()
      heap.map('m').watch({ key: 'a' })
    },
    act: (heap) => {
      const watcher = heap.map('m').watch({ key: 'z' })
      watcher.waitSync(1)
      watcher.close()
    },
  },
  {
    name: 'share a graph',
    prepare: some,
    act: (heap) =>
      heap.transaction(() => {
        heap.map('m').set('new', heap.share(graph()))
        heap.destroy(heap.share(new Array(3)))
      }),
  },
  {
    name: 'share instances of classes',
    prepare: (heap) => sharedAs(heap, 'new', 'First', { n: 1 }),
    act: (heap) =>
      heap.transaction(() => {
        sharedAs(heap, 'new', 'Second', { n: [{ n: 2 }] })
        sharedAs(heap, 'a', 'First', { n: 3 })
      }),
  },
  {
    name: 'share when there is no space',
    options: { maxSize: '240 KiB' },
    prepare: some,
    throws: /is full/,
    act: (heap) => void heap.share([graph(), TEXT.repeat(20_000)]),
  },
  {
    name: 'share and throw',
    prepare: some,
    throws: /abort/,
    act: (heap) =>
      heap.transaction(() => {
        heap.map('m').set('new', heap.share(graph()))
        throw new Error('abort')
      }),
  },
  {
    name: 'share by storing into shared objects',
    prepare: shared,
    act: (heap) =>
      heap.transaction(() => {
        const acme = sharedAt(heap, 'acme')
        acme.set('hq', { city: TEXT, of: acme, floors: [1, { rooms: TEXT }] })
        acme.set('boss', heap.map('m').get('acme'))
        ;(acme.get('staff') as HeapList).push({ name: TEXT }, acme, [acme])
        for (let i = 0; i < 70; i++) acme.set(`more${i}`, i % 9 === 0 ? acme : i)
      }),
  },
  {
    name: 'shared objects go from place to place',
    prepare: shared,
    act: (heap) =>
      heap.transaction(() => {
        const acme = sharedAt(heap, 'acme')
        const staff = acme.get('staff') as HeapList
        acme.set('boss', staff.pop())
        staff.unshift(acme)
        staff.splice(1, 1, acme.get('boss'), 5)
        staff.assign(staff.copy().reverse())
        acme.delete('boss')
        acme.set('self', 1)
        heap.map('m').set('ada', { at: acme })
        heap.list('l').push(acme, [acme])
        heap.cell('c').set(acme)
        heap.map('m').delete('acme')
      }),
  },
  {
    name: 'destroy what is shared',
    prepare: shared,
    act: (heap) =>
      heap.transaction(() => {
        const acme = sharedAt(heap, 'acme')
        const staff = acme.get('staff') as HeapList
        heap.destroy(acme.get('table'))
        heap.destroy(staff.get(0))
        heap.destroy(staff)
        heap.map('m').set('a', 2)
      }),
  },
  {
    name: 'share while collecting, and hold',
    prepare: (heap) => {
      garbage(heap)
      heap.core.collector.step(1)
      heap.core.collector.step(3)
    },
    act: (heap) =>
      heap.transaction(() => {
        const acme = sharedAt(heap, 'acme')
        const staff = acme.get('staff') as HeapList
        staff.unshift(acme, acme.get('boss'))
        staff.push({ name: TEXT })
        acme.delete('name')
        ;(acme.get('rows') as HeapList).splice(1, 0, ...Array.from({ length: 300 }, () => acme))
        for (let i = 0; i < 66; i++) acme.set(`more${i}`, i % 9 === 0 ? staff : i)
        heap.list('l').push(acme, [acme.get('table')])
      }),
    finish: collectAll,
  },
  { name: 'begin to collect', prepare: garbage, act: (heap) => void heap.core.collector.step(1), finish: collectAll },
  {
    name: 'collect: mark, step by step',
    prepare: (heap) => {
      garbage(heap)
      heap.core.collector.step(1)
    },
    act: (heap) => {
      const { collector } = heap.core
      while (!collector.isSweeping) collector.step(40)
    },
    finish: collectAll,
  },
  {
    name: 'collect: mark in the place of another one',
    options: { maxSize: '1 MiB', undoSize: 65_536 },
    prepare: (heap) => {
      garbage(heap)
      heap.map('m').set('all', heap.share(Array.from({ length: 1100 }, (_, n) => ({ n }))))
      const all = (heap.map('m').get('all') as HeapList).copy()
      heap.core.collector.step(1)
      // More grey objects than there is room for.
      heap.list('l').push(...all)
      for (let i = 0; i < 4; i++) heap.core.collector.step(30)
    },
    act: (heap) => {
      const { collector } = heap.core
      while (!collector.isSweeping) collector.step(2000)
    },
    finish: collectAll,
  },
  {
    name: 'collect: sweep',
    prepare: (heap) => {
      garbage(heap)
      heap.map('m').get('acme')
      while (!heap.core.collector.isSweeping) heap.core.collector.step()
    },
    act: (heap) => void heap.core.collector.step(),
    finish: collectAll,
  },
  { name: 'destroy one that is shared', prepare: shared, act: (heap) => heap.destroy(sharedAt(heap, 'acme')) },
  {
    name: 'queue: put into an empty one',
    prepare: queueOf(0),
    act: (heap) => queue(heap).put({ a: 1, text: TEXT, in: [1, { deep: TEXT }] }),
  },
  { name: 'queue: put', prepare: queueOf(2), act: (heap) => queue(heap).put(TEXT) },
  { name: 'queue: putAll', prepare: queueOf(1), act: (heap) => queue(heap).putAll([1, TEXT, { a: [TEXT] }]) },
  {
    name: 'queue: putAll of what is refused',
    prepare: queueOf(1),
    throws: /cannot be stored/,
    act: (heap) => queue(heap).putAll([1, TEXT, { a: [() => 1] }]),
  },
  {
    name: 'queue: putAll into a full heap',
    options: { maxSize: '240 KiB' },
    prepare: queueOf(1),
    throws: /is full/,
    act: (heap) => queue(heap).putAll(Array.from({ length: 60 }, () => 'y'.repeat(7000))),
  },
  {
    name: 'queue: put while somebody sleeps',
    prepare: (heap) => {
      queueOf(1)(heap)
      const { memory, base } = heap.core.arena
      for (let i = 0; i < QUEUE_BELLS; i++) memory.store(base + H_QUEUE_BELLS + QUEUE_BELL_STEP * i + BELL_FLAG, 1)
    },
    act: (heap) => queue(heap).put(TEXT),
  },
  { name: 'queue: take the oldest', prepare: queueOf(3), act: (heap) => void queue(heap).tryTake(OLDEST) },
  { name: 'queue: take the newest', prepare: queueOf(5), act: (heap) => void queue(heap).tryTake(NEWEST) },
  { name: 'queue: take the last one', prepare: queueOf(1), act: (heap) => void queue(heap).tryTake(OLDEST) },
  {
    name: 'queue: take from the middle',
    prepare: queueOf(4),
    act: (heap) => void queue(heap).tryTake({ ...OLDEST, where: (value) => typeof value === 'object' }),
  },
  {
    name: 'queue: take none, and one that throws',
    prepare: queueOf(4),
    throws: /abort/,
    act: (heap) => {
      queue(heap).tryTake({ ...OLDEST, where: () => false })
      queue(heap).peek({ ...NEWEST, where: (value) => value === 0 })
      queue(heap).tryTake({
        ...OLDEST,
        where: () => {
          throw new Error('abort')
        },
      })
    },
  },
  { name: 'queue: take to be acknowledged', prepare: queueOf(3), act: (heap) => void taken(heap) },
  {
    name: 'queue: done in one change with a result',
    prepare: queueOf(3),
    act: (heap) =>
      heap.transaction(() => {
        const message = taken(heap)
        heap.map('m').set('a', message.value)
        message.done()
      }),
  },
  {
    name: 'queue: two taken, the first is done',
    prepare: queueOf(4),
    act: (heap) =>
      heap.transaction(() => {
        taken(heap)
        const second = taken(heap)
        taken(heap)
        second.done()
      }),
  },
  {
    name: 'queue: given back',
    prepare: queueOf(3),
    act: (heap) =>
      heap.transaction(() => {
        taken(heap)
        const second = taken(heap)
        second.giveBack()
      }),
  },
  {
    name: 'queue: given back into an empty one',
    prepare: queueOf(1),
    act: (heap) =>
      heap.transaction(() => {
        const only = taken(heap)
        heap.cell('c').set(TEXT)
        only.giveBack()
      }),
  },
  {
    name: 'queue: what the dead had taken comes back',
    prepare: (heap) => {
      queueOf(5)(heap)
      for (let i = 0; i < 3; i++) taken(heap)
    },
    act: (heap) => void queue(heap).tryTake(NEWEST),
  },
  { name: 'queue: clear', prepare: queueOf(6), act: (heap) => void queue(heap).clear() },
  {
    name: 'queue: remove one with messages taken, of two that share a bell',
    options: { maxSize: '512 KiB' },
    prepare: (heap) => {
      queueOf(4)(heap)
      taken(heap)
      for (let i = 0; i < QUEUE_BELLS; i++) heap.queue(`other ${i}`)
    },
    act: (heap) =>
      heap.transaction(() => {
        queue(heap).put(TEXT)
        heap.remove('q')
        heap.queue('q2').put(TEXT)
      }),
  },
  {
    name: 'queue: a transaction that throws',
    prepare: queueOf(3),
    throws: /abort/,
    act: (heap) =>
      heap.transaction(() => {
        queue(heap).put({ a: TEXT })
        queue(heap).tryTake(OLDEST)
        taken(heap).done()
        taken(heap).giveBack()
        queue(heap).clear()
        queue(heap).put(1)
        throw new Error('abort')
      }),
  },
  {
    name: 'queue: sleep in vain',
    prepare: some,
    act: (heap) => {
      queue(heap).takeSync(OLDEST, 1)
      queue(heap).takeSync({ ...OLDEST, where: () => false }, 1)
      queue(heap).wakeAll()
    },
  },
  { name: 'begin to watch', prepare: some, act: (heap) => void heap.map('m').watch() },
  {
    name: 'full: clear a map',
    options: SMALL,
    thin: 21,
    prepare: (heap) => {
      const map = heap.map('m')
      for (let i = 0; i < 260; i++) map.set(`key${i}`, { a: { n: i } })
      map.watch()
      full(heap)
    },
    keys: [['m', 'key1']],
    act: (heap) => heap.map('m').clear(),
  },
  {
    name: 'full: delete many',
    options: SMALL,
    thin: 5,
    keys: [...KEYS, ['m', 'key2']],
    prepare: (heap) => {
      const map = heap.map('m')
      for (let i = 0; i < 110; i++) map.set(`key${i}`, i % 3 === 0 ? { a: TEXT } : i)
      map.watch()
      full(heap)
    },
    act: (heap) => void heap.map('m').deleteMany(Array.from({ length: 55 }, (_, i) => `key${2 * i}`)),
  },
  {
    name: 'full: delete all of many',
    options: SMALL,
    thin: 14,
    prepare: (heap) => {
      const map = heap.map('m')
      for (let i = 0; i < 70; i++) map.set(`key${i}`, i)
      full(heap)
    },
    act: (heap) => void heap.map('m').deleteMany(Array.from({ length: 70 }, (_, i) => `key${i}`)),
  },
  {
    name: 'full: delete a huge value',
    options: SMALL,
    thin: 14,
    keys: HUGE_KEYS,
    prepare: withHuge,
    act: (heap) => void heap.map('m').delete('huge'),
  },
  {
    name: 'full: replace a huge value',
    options: SMALL,
    thin: 14,
    keys: HUGE_KEYS,
    prepare: withHuge,
    act: (heap) => heap.map('m').set('huge', TEXT),
  },
  {
    name: 'full: replace a huge value with shared references in a list',
    options: SMALL,
    thin: 21,
    prepare: (heap) => {
      const value = huge() as Record<string, unknown>[]
      for (const one of value) one.first = value[0]
      heap.list('l').push(1, value)
      full(heap)
    },
    act: (heap) => heap.list('l').set(1, { a: TEXT }),
  },
  {
    name: 'full: replace by a smaller value',
    options: SMALL,
    thin: 2,
    keys: HUGE_KEYS,
    prepare: (heap) => {
      heap.map('m').set('huge', { a: TEXT.repeat(5), b: [TEXT, 1], c: { d: TEXT } })
      heap.map('m').watch()
      full(heap)
    },
    act: (heap) =>
      heap.transaction(() => {
        heap.map('m').set('huge', { b: [TEXT] })
        heap.map('filler').set(0, 'short')
      }),
  },
  {
    name: 'full: cut a long list in the middle',
    options: SMALL,
    thin: 21,
    prepare: (heap) => {
      heap.list('l').pushAll(Array.from({ length: 1400 }, (_, i) => (i % 50 === 0 ? [TEXT] : i)))
      full(heap)
    },
    act: (heap) => void heap.list('l').splice(560, 260, TEXT),
  },
  {
    name: 'full: cut a long list at its beginning',
    options: SMALL,
    thin: 21,
    prepare: (heap) => {
      heap.list('l').pushAll(Array.from({ length: 1400 }, (_, i) => (i % 2 === 0 ? [i] : i)))
      full(heap)
    },
    act: (heap) => void heap.list('l').splice(3, 1200),
  },
  {
    name: 'full: empty a list',
    options: SMALL,
    thin: 21,
    prepare: (heap) => {
      heap.list('l').pushAll(Array.from({ length: 1200 }, (_, i) => (i % 2 === 0 ? [i] : i)))
      full(heap)
    },
    act: (heap) => {
      heap.list('l').length = 0
    },
  },
  {
    name: 'full: remove a structure',
    options: SMALL,
    thin: 21,
    prepare: (heap) => {
      heap.list('l').pushAll(huge())
      full(heap)
    },
    act: (heap) => void heap.remove('l'),
  },
  {
    name: 'shapes that no object has are freed',
    prepare: (heap) => {
      const map = heap.map('m')
      map.set('kept', { one: 1, two: { three: 3 } })
      for (let i = 0; i < 130; i++) map.set('k', { [`name ${i}`]: i })
      map.set('late', { one: 1, four: 4 })
    },
    act: (heap) => heap.map('m').set('k', { new: 1, names: { of: 2 } }),
  },
  {
    name: 'shapes that were freed are there again',
    prepare: (heap) => {
      for (let i = 0; i < 130; i++) heap.map('m').set('k', { [`name ${i}`]: i })
      heap.map('m').set('a', { 'name 5': 1 })
    },
    act: (heap) =>
      heap.transaction(() => {
        try {
          heap.transaction(() => {
            heap.map('m').set('k', { new: 1, names: { of: 2 } })
            throw new Error('the inner one fails')
          })
        } catch {}
        heap.map('m').set('a', { other: TEXT })
      }),
  },
  {
    name: 'an inner transaction over several extents is undone',
    options: { maxSize: '3 MiB' },
    thin: 1009,
    prepare: fill(4400),
    act: (heap) =>
      heap.transaction(() => {
        const map = heap.map('m')
        for (let i = 0; i < 300; i++) map.set(`key${i}`, -1)
        try {
          heap.transaction(() => {
            for (let i = 0; i < 4400; i++) map.set(`key${i}`, -2)
            throw new Error('the inner one fails')
          })
        } catch {}
        for (let i = 200; i < 600; i++) map.set(`key${i}`, -3)
      }),
  },
  {
    name: 'a handle gives itself up',
    keys: KEYS,
    prepare: some,
    throws: /it fails/,
    act: (heap) =>
      givesUp(heap, () => {
        heap.map('m').set('ada', TEXT)
        heap.map('m').delete('a')
      }),
  },
  {
    name: 'a handle gives itself up with a log in free pages',
    options: { maxSize: '1600 KiB' },
    prepare: fill(280),
    thin: 5,
    throws: /it fails/,
    act: (heap) =>
      givesUp(heap, () => {
        for (let i = 0; i < 280; i++) heap.map('m').set(`key${i}`, -1)
      }),
  },
]

/** The event that a worker who stays in a transaction waits for. */
export const goOnOf = (heap: string): string => `${heap}-go-on`

/** Six changes in one transaction, each telling of the round: a reader finds the same round in all of them. */
export function SIX(heap: Heap, round: number): void {
  heap.transaction(() => {
    const map = heap.map('six')
    map.set('number', round)
    map.set('text', `round ${round} `.repeat(1 + (round % 40)))
    map.set('object', { round, list: [round, { round }], more: 'x'.repeat(round % 300) })
    map.set(`key ${round % 200}`, round)
    map.delete(`key ${(round + 100) % 200}`)
    const list = heap.list('rounds')
    list.push(round)
    if (list.length > 50) list.shift()
  })
}

/** An object of SIX is of one round. */
export function checkObject(value: unknown): void {
  if (value === undefined) return
  const { round, list, more } = value as { round: number; list: [number, { round: number }]; more: string }
  if (list[0] !== round || list[1].round !== round || more.length !== round % 300) {
    throw new Error(`an object of more than one round: ${JSON.stringify(value).slice(0, 200)}`)
  }
}

/** What SIX leaves. @returns the round. */
export function checkSix(heap: Heap): number {
  const map = heap.map('six').snapshot()
  const round = Number(map.get('number') ?? 0)
  if (round === 0) return 0
  const object = map.get('object') as { round: number; list: [number, { round: number }]; more: string }
  const list = heap.list('rounds').snapshot() as number[]
  const same = [
    object.round,
    object.list[0],
    object.list[1].round,
    map.get(`key ${round % 200}`),
    list[list.length - 1],
  ]
  if (
    map.get('text') !== `round ${round} `.repeat(1 + (round % 40)) ||
    object.more.length !== round % 300 ||
    same.some((one) => one !== round)
  ) {
    throw new Error(`round ${round} is not whole: ${JSON.stringify(same)}`)
  }
  return round
}
