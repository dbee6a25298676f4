// heap: random commands against a heap and against plain Map and Array, which must never differ.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Heap, HeapList, HeapObject, type Key } from './index.js'

const runs = Number(process.env.MEMLANE_RUNS ?? 60)

const key: fc.Arbitrary<Key> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => `key${n}`) },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 300 }) },
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.double(),
  fc.bigInt(),
  fc.constantFrom(null, undefined, true, false, '__proto__', 'constructor', ''),
)

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.integer(),
    fc.double(),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.bigInt(),
    fc.constantFrom(undefined, null, true, false),
    fc.integer({ min: 0, max: 9000 }).map((length) => 'x'.repeat(length)),
    // Rows of one shape, which are stored over each other.
    fc.record({
      score: fc.oneof(fc.integer(), fc.double()),
      name: fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
      more: fc.oneof(fc.boolean(), fc.string({ unit: 'binary', maxLength: 12 }), fc.constant(null)),
    }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(fc.string({ maxLength: 6 }), tie('value'), { maxKeys: 6, noNullPrototype: true }),
    fc.integer({ min: 0, max: 50 }).map((length) => new Uint8Array(length).fill(length)),
    fc.array(fc.tuple(fc.string({ maxLength: 3 }), tie('value')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  ),
}))

type MapCommand =
  | { do: 'set'; key: Key; value: unknown }
  | { do: 'delete' | 'get'; key: Key }
  | { do: 'fill' | 'drain'; from: number; count: number }
  | { do: 'clear' }
  | { do: 'abort'; commands: MapCommand[] }
  | { do: 'nested'; key: Key; name: string; value: unknown }

const simple: fc.Arbitrary<MapCommand> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key, value }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'get' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('nested' as const), key, name: fc.string({ maxLength: 3 }), value }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('fill' as const, 'drain' as const),
      from: fc.integer({ min: 0, max: 300 }),
      count: fc.integer({ min: 0, max: 300 }),
    }),
  },
  fc.record({ do: fc.constant('clear' as const) }),
)

const command: fc.Arbitrary<MapCommand> = fc.oneof(
  { weight: 8, arbitrary: simple },
  fc.record({ do: fc.constant('abort' as const), commands: fc.array(simple, { maxLength: 6 }) }),
)

test('a map does what Map does', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), fc.constantFrom(-1, 0xe0000003, 0x0000ffff), (commands, mask) => {
      using heap = Heap.local({ maxSize: '16 MiB', participants: 2 })
      // With most of its bits gone, hashes collide: chains of buckets, splits that part nothing.
      const { index } = heap.core
      const hash = index.hash.bind(index)
      index.hash = (key) => hash(key) & mask
      const map = heap.map('m')
      const model = new Map<Key, unknown>()
      const act = (one: MapCommand, mapModel: Map<Key, unknown>): void => {
        switch (one.do) {
          case 'set':
            map.set(one.key, one.value)
            mapModel.set(one.key, structuredClone(one.value))
            return
          case 'delete':
            assert.equal(map.delete(one.key), mapModel.delete(one.key))
            return
          case 'get':
            assert.deepEqual(map.snapshotOf(one.key), mapModel.get(one.key))
            assert.equal(map.has(one.key), mapModel.has(one.key))
            return
          case 'fill':
            for (let i = 0; i < one.count; i++) {
              map.set(one.from + i, i)
              mapModel.set(one.from + i, i)
            }
            return
          case 'drain':
            for (let i = 0; i < one.count; i++) assert.equal(map.delete(one.from + i), mapModel.delete(one.from + i))
            return
          case 'clear':
            map.clear()
            mapModel.clear()
            return
          case 'nested': {
            const live = map.get(one.key)
            const plain = mapModel.get(one.key)
            if (live instanceof HeapObject) {
              live.set(one.name, one.value)
              Object.defineProperty(plain, one.name, {
                value: structuredClone(one.value),
                writable: true,
                enumerable: true,
                configurable: true,
              })
            } else if (live instanceof HeapList) {
              live.push(one.value)
              ;(plain as unknown[]).push(structuredClone(one.value))
            }
            return
          }
          case 'abort': {
            const copy = structuredClone(mapModel)
            assert.throws(
              () =>
                heap.transaction(() => {
                  for (const inner of one.commands) act(inner, copy)
                  throw new Error('abort')
                }),
              /abort/,
            )
          }
        }
      }
      for (const one of commands) {
        act(one, model)
        heap.verify()
      }
      assert.deepEqual([...map.snapshot()], [...model])
      assert.equal(map.size, model.size)
      map.clear()
      heap.verify()
    }),
    { numRuns: runs },
  )
})

type ListCommand =
  | { do: 'push' | 'unshift'; values: unknown[] }
  | { do: 'pop' | 'shift' }
  | { do: 'splice'; start: number; count: number; values: unknown[] }
  | { do: 'set'; index: number; value: unknown }
  | { do: 'length'; length: number }
  | { do: 'hole'; index: number }

const many = fc.integer({ min: 0, max: 700 }).map((length) => Array.from({ length }, (_, i) => `element ${i}`))
const index = fc.integer({ min: 0, max: 900 })
const listCommand: fc.Arbitrary<ListCommand> = fc.oneof(
  fc.record({
    do: fc.constantFrom('push' as const, 'unshift' as const),
    values: fc.oneof(fc.array(value, { maxLength: 3 }), many),
  }),
  fc.record({ do: fc.constantFrom('pop' as const, 'shift' as const) }),
  fc.record({
    do: fc.constant('splice' as const),
    start: index,
    count: index,
    values: fc.oneof(fc.array(value, { maxLength: 3 }), many),
  }),
  fc.record({ do: fc.constant('set' as const), index, value }),
  fc.record({ do: fc.constant('length' as const), length: index }),
  fc.record({ do: fc.constant('hole' as const), index }),
)

test('a list does what Array does', () => {
  fc.assert(
    fc.property(fc.array(listCommand, { maxLength: 40 }), (commands) => {
      using heap = Heap.local({ maxSize: '16 MiB', participants: 2 })
      const list = heap.list('l')
      const model: unknown[] = []
      for (const one of commands) {
        switch (one.do) {
          case 'push':
          case 'unshift':
            assert.equal(list[one.do](...one.values), model[one.do](...structuredClone(one.values)))
            break
          case 'pop':
          case 'shift':
            assert.deepEqual(list[one.do](), model[one.do]())
            break
          case 'splice':
            assert.deepEqual(
              list.splice(one.start, one.count, ...one.values),
              model.splice(one.start, one.count, ...structuredClone(one.values)),
            )
            break
          case 'set':
            list.set(one.index, one.value)
            model[one.index] = structuredClone(one.value)
            break
          case 'length':
            list.length = one.length
            model.length = one.length
            break
          case 'hole':
            list.delete(one.index)
            delete model[one.index]
        }
        heap.verify()
        assert.equal(list.length, model.length)
      }
      assert.deepEqual(list.snapshot(), model)
      list.length = 0
      heap.verify()
    }),
    { numRuns: runs },
  )
})
