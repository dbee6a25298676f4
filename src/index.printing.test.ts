// The public face: console.log and JSON of a handle say what it is, and never lead to the memory behind it.

import assert from 'node:assert/strict'
import { Console } from 'node:console'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { format, inspect, isDeepStrictEqual } from 'node:util'
import {
  Barrier,
  Condition,
  Event,
  MemlaneError,
  Mutex,
  RwLock,
  Semaphore,
  SharedBlock,
  SharedHeap,
  SharedInt,
  SharedMap,
  SharedSet,
  SharedString,
  snapshot,
} from './index.js'
import { f64, record } from './record/index.js'
import { Crew } from './testing/crew.js'
import { runtimeName } from './testing/runtime.js'

const Gauge = record({ level: f64() })
const KINDS: Readonly<Record<string, (name: string) => Disposable & { readonly name: string }>> = {
  Mutex: (name) => Mutex.open(name),
  RwLock: (name) => RwLock.open(name),
  Semaphore: (name) => Semaphore.open(name, { permits: 2 }),
  Event: (name) => Event.open(name),
  Condition: (name) => Condition.open(name),
  Barrier: (name) => Barrier.open(name, { parties: 2 }),
  SharedHeap: (name) => SharedHeap.open(name),
  SharedMap: (name) => SharedMap.open(name),
  SharedSet: (name) => SharedSet.open(name),
  SharedInt: (name) => SharedInt.open(name),
  SharedString: (name) => SharedString.open(name),
  SharedBlock: (name) => SharedBlock.open(name),
  SharedRecord: (name) => Gauge.createOrOpen(name) as Disposable & { readonly name: string },
}

for (const [kind, open] of Object.entries(KINDS)) {
  test(`a ${kind} prints as its name, open and closed, and its JSON is short`, async () => {
    await using crew = new Crew()
    const name = crew.name('print')
    const handle = open(name)
    const start = `${kind}("${name}")`
    for (const options of [{}, { showHidden: true, depth: 20 }]) {
      const shown = inspect(handle, options)
      assert.ok(shown.startsWith(start) && shown.length < start.length + 20, shown)
    }
    const json = JSON.stringify(handle) ?? ''
    assert.ok(json.length < name.length + 40, json)
    // Not every runtime tells the symbol's text.
    assert.throws(() => structuredClone(handle), runtimeName === 'bun' ? {} : /stays in its thread.*open.*"print/)
    assert.throws(() => structuredClone({ deep: [handle] }))
    handle[Symbol.dispose]()
    assert.equal(inspect(handle), `${start} <closed>`)
    for (const report of Object.values(REPORTS)) report({ handle })
  })
}

/** What programs do that only show a value. None of them may throw. */
const REPORTS: Readonly<Record<string, (value: object) => unknown>> = {
  inspect: (value) => inspect(value, { depth: 9 }),
  'inspect all': (value) => inspect(value, { depth: 9, showHidden: true, showProxy: true, getters: true }),
  error: (value) => inspect(Object.assign(new Error('x'), value)),
  format: (value) => format('%s %o %O %j', value, value, value, value),
  json: (value) => JSON.stringify(value),
  'console.log': (value) => new Console(new PassThrough()).log(value),
  'a diff': (value) =>
    new assert.AssertionError({ actual: value, expected: { other: 1 }, operator: 'deepStrictEqual' }).message,
  'deep equality': (value) => isDeepStrictEqual(value, { live: { name: 'ada' } }),
  'loose equality': (value) => {
    try {
      assert.notDeepEqual(value, { live: {} })
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error
    }
  },
  'a walk as pretty-format does it': walk,
  'a copy as vitest makes it': copy,
}

function walk(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const some = value as Record<string | symbol, unknown>
  for (const probe of [
    '$$typeof',
    'constructor',
    'nodeType',
    'tagName',
    '@@__IMMUTABLE_ITERABLE__@@',
    '_isMockFunction',
  ])
    void some[probe]
  if (typeof some.toJSON === 'function') return walk(some.toJSON())
  Object.prototype.toString.call(value)
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) walk(value[i])
  else for (const key of Object.keys(value)) walk(some[key])
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Array.from({ length: value.length }, (_, i) => copy(value[i]))
  if (Object.prototype.toString.call(value) !== '[object Object]') return value
  const made = Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>
  for (const key of Object.getOwnPropertyNames(value)) {
    if (Object.getOwnPropertyDescriptor(value, key) === undefined) continue
    made[key] = copy((value as Record<string, unknown>)[key])
  }
  return made
}

const ENDINGS: Readonly<Record<string, (map: SharedMap<string, unknown>, heap: SharedHeap) => void>> = {
  '<stale>': (map) => map.clear(),
  '<closed>': (_map, heap) => heap.close(),
}

for (const [mark, end] of Object.entries(ENDINGS)) {
  test(`whatever is ${mark} can be shown by every kind of report, and still says so when it is used`, () => {
    const heap = SharedHeap.local()
    try {
      const map = heap.map<string, unknown>('map')
      map.set('a', { name: 'ada', tags: ['x'], deep: { list: [[1]] } })
      map.set('list', [1, { a: 1 }])
      const live = map.get('a') as { name: string; tags: string[] }
      const list = map.get('list') as unknown[]
      const { tags } = live
      end(map, heap)
      for (const value of [live, list, tags]) {
        for (const [what, report] of Object.entries(REPORTS)) assert.doesNotThrow(() => report({ value }), what)
        assert.equal(inspect(value), mark)
        assert.equal(JSON.stringify({ value }), JSON.stringify({ value: mark }))
        assert.equal(isDeepStrictEqual(value, {}), false)
        assert.equal(isDeepStrictEqual(value, []), false)
        if (Array.isArray(value)) assert.ok(Number.isNaN(value.length))
      }
      const code = mark === '<stale>' ? 'ERR_STALE' : 'ERR_CLOSED'
      for (const use of [
        () => live.name,
        () => 'name' in live,
        () => Object.keys(live),
        () => ({ ...live }),
        () => Object.keys(list),
        () => Object.assign(live, { name: 'bo' }),
        () => list.push(1),
        () => list[1],
        () => list.map((x) => x),
        () => [...tags],
        () => tags.join(),
        () => snapshot(live),
      ])
        assert.throws(use, { code }, String(use))
    } finally {
      heap.close()
    }
  })
}

test('every collection of a heap that is closed, or that was removed from it, can be shown', () => {
  const makers: readonly ((heap: SharedHeap) => unknown)[] = [
    (heap) => heap.map('x'),
    (heap) => heap.set('x'),
    (heap) => heap.list('x'),
    (heap) => heap.int('x'),
    (heap) => heap.int('x', 'int64'),
    (heap) => heap.float('x'),
    (heap) => heap.bool('x'),
    (heap) => heap.string('x'),
    (heap) => heap.block('x'),
    (heap) => heap,
  ]
  for (const make of makers) {
    for (const [mark, end] of [
      ['<closed>', (heap: SharedHeap) => heap.close()],
      ['<stale>', (heap: SharedHeap) => heap.remove('x')],
    ] as const) {
      const heap = SharedHeap.local()
      try {
        const value = make(heap)
        if (value === heap && mark === '<stale>') continue
        end(heap)
        for (const [what, report] of Object.entries(REPORTS)) {
          // A list with a name refuses to tell its length: a loop over its indexes must not end in silence.
          if (Array.isArray(value) && report === copy) assert.throws(() => report({ value }), MemlaneError)
          else assert.doesNotThrow(() => report({ value }), `${make} ${mark} ${what}`)
        }
        assert.match(inspect(value), new RegExp(`^Shared.* ${mark}$`))
        assert.match(JSON.stringify(value), new RegExp(mark))
      } finally {
        heap.close()
      }
    }
  }
})

test('JSON of a collection is what it holds', () => {
  using heap = SharedHeap.local()
  const map = heap.map<string | number, unknown>('map')
  map.set('a', { deep: [1] }).set('__proto__', 2)
  const pairs = heap.map<number, string>('pairs')
  pairs.set(1, 'one')
  heap.set<number>('set').add(3)
  heap.list('list').push({ a: 1 }, 2)
  heap.int('int').set(4)
  heap.int('big', 'int64').set(2n ** 60n)
  heap.float('float').set(1.5)
  heap.bool('bool').set(true)
  heap.string('string').set('text')
  heap.block('block').set({ b: [1] })
  assert.equal(
    JSON.stringify(heap),
    '{"map":{"a":{"deep":[1]},"__proto__":2},"pairs":[[1,"one"]],"set":[3],"list":[{"a":1},2],"int":4,"big":"1152921504606846976",' +
      '"float":1.5,"bool":true,"string":"text","block":{"b":[1]}}',
  )
})

test('numbers, switches and strings convert where JavaScript converts', () => {
  using heap = SharedHeap.local()
  const int = heap.int('int')
  int.set(41)
  const big = heap.int('big', 'int64')
  big.set(5n)
  const text = heap.string('text')
  text.set('ada')
  // What JavaScript does, though TypeScript would have it written out.
  // biome-ignore lint/suspicious/noExplicitAny: operators on objects
  const [i, b, t] = [int, big, text] as any[]
  assert.equal(`${int} ${big} ${text}`, '41 5 ada')
  assert.equal(i + 1, 42)
  assert.equal(b * 2n, 10n)
  assert.equal(t.concat, undefined)
  assert.equal(['', t].join('!'), '!ada')
  assert.equal(i > 40, true)
  // biome-ignore lint/suspicious/noDoubleEquals: == converts
  assert.equal(i == 41, true)
  assert.equal(Number(heap.float('float')), 0)
  assert.equal(String(heap.bool('bool')), 'false')
  int.close()
  assert.throws(() => `${int}`, { code: 'ERR_CLOSED' })
})

test('what a handle cannot be sent to is told how to open it', {
  skip: runtimeName === 'bun' && 'Bun does not say what was refused',
}, () => {
  using heap = SharedHeap.local()
  for (const [handle, how] of [
    [heap, 'SharedHeap.attach\\(heap.buffer\\)'],
    [heap.map('m'), 'SharedHeap.attach\\(heap.buffer\\).map\\("m"\\)'],
    [heap.int('n'), 'SharedHeap.attach\\(heap.buffer\\).int\\("n"\\)'],
  ] as const) {
    const { port1, port2 } = new MessageChannel()
    assert.throws(() => port1.postMessage({ handle }), new RegExp(`open it there with ${how}`))
    port1.close()
    port2.close()
  }
})
