// Odd names against plain JavaScript: properties of live objects, keys of maps, and names of structures.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BACKENDS } from '../collections/testing/backends.js'
import type { Key } from '../heap/index.js'
import { type SharedHeap, snapshot } from '../index.js'

const NAMES: readonly string[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'toJSON',
  'then',
  'hasOwnProperty',
  'length',
  '0',
  '1',
  '01',
  '-0',
  '4294967294',
  '4294967295',
  '1e0',
  'NaN',
  'undefined',
  'null',
  '\0',
  'a\0b',
  'a:b',
  'ü',
  'ÿ',
  'Ā',
  '漢字',
  '😀',
  '\ud800',
  '\udfff',
  'a\udc00',
  'x'.repeat(900),
  `${'y'.repeat(890)}漢`,
]
const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...NAMES) }, fc.string({ unit: 'binary', maxLength: 4 }))
const value = fc.oneof(fc.integer(), fc.constantFrom<unknown>('text', null, undefined, true, [1], { '': 1 }))

type Plain = Record<string, unknown>
/** An object whose own properties may have any name. */
const plain = (entries: readonly (readonly [string, unknown])[]): Plain => {
  const made: Plain = {}
  for (const [key, one] of entries) define(made, key, one)
  return made
}
const define = (target: object, key: string, one: unknown): void => {
  Object.defineProperty(target, key, { value: one, writable: true, enumerable: true, configurable: true })
}

const step = fc.oneof(
  fc.record({ do: fc.constantFrom('set' as const, 'define' as const), key: name, value }),
  fc.record({ do: fc.constantFrom('delete' as const, 'get' as const), key: name }),
)

function sameObject(live: Plain, model: Plain, seen: string): void {
  assert.deepEqual(Object.keys(live), Object.keys(model), seen)
  for (const key of [...NAMES, ...Object.keys(model)]) {
    assert.equal(Object.hasOwn(live, key), Object.hasOwn(model, key), `${seen} ${JSON.stringify(key)}`)
    if (Object.hasOwn(model, key)) assert.deepEqual(snapshot(live[key]), model[key], `${seen} ${JSON.stringify(key)}`)
  }
  assert.deepEqual(snapshot(live), model, seen)
  assert.equal(JSON.stringify(live), JSON.stringify(model), seen)
}

const runs = { numRuns: 60 }

for (const backend of BACKENDS) {
  describe(`odd names over ${backend.name}`, () => {
    test('properties of a live object are those of a plain one', () => {
      using pair = backend.open()
      const [mine, others] = [pair.heap, pair.other].map((heap) => heap.map<string, Plain>('objects'))
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.tuple(name, value), { maxLength: 40, selector: ([key]) => key }),
          fc.array(step, { maxLength: 12 }),
          (entries, steps) => {
            const model = plain(entries)
            mine!.set('o', model)
            const live = mine!.get('o') as unknown as Plain
            const theirs = others!.get('o') as unknown as Plain
            sameObject(theirs, model, 'as it was stored')
            for (const one of steps) {
              if (one.do === 'set' && one.key === '__proto__' && !Object.hasOwn(model, one.key)) {
                assert.throws(() => Reflect.set(live, one.key, one.value), /prototype of a shared object/)
              } else if (one.do === 'set' || one.do === 'define') {
                if (one.do === 'set') Reflect.set(live, one.key, one.value)
                else define(live, one.key, one.value)
                define(model, one.key, one.value)
              } else if (one.do === 'delete') {
                assert.equal(delete live[one.key], delete model[one.key])
              } else if (Object.hasOwn(model, one.key)) assert.deepEqual(snapshot(theirs[one.key]), model[one.key])
            }
            sameObject(live, model, 'by who changed it')
            sameObject(theirs, model, 'by the other one')
          },
        ),
        runs,
      )
      assert.equal(Object.getPrototypeOf(mine!.get('o')), Object.prototype)
      pair.heap.verify()
    })

    test('keys of a map are what they are', () => {
      using pair = backend.open()
      const [mine, others] = [pair.heap, pair.other].map((heap) => heap.map<Key, number>('keys'))
      const model = new Map<Key, number>()
      fc.assert(
        fc.property(fc.array(fc.tuple(name, fc.boolean(), fc.integer())), (steps) => {
          for (const [key, store, number] of steps) {
            if (store) {
              mine!.set(key, number)
              model.set(key, number)
            } else assert.equal(mine!.delete(key), model.delete(key))
          }
          for (const key of NAMES) assert.equal(others!.get(key), model.get(key))
          assert.deepEqual([...others!], [...model])
        }),
        runs,
      )
      pair.heap.verify()
    })

    test('a structure is found by the very name it was made with, and by no other', () => {
      using pair = backend.open()
      const allowed = NAMES.filter((one) => one !== '')
      allowed.forEach((one, index) => {
        if (index % 2 === 0) pair.heap.int(one).value = index
        else pair.heap.map(one).set(one, index)
      })
      const read = (heap: SharedHeap, one: string, index: number): unknown =>
        index % 2 === 0 ? heap.int(one).value : heap.map(one).get(one)
      allowed.forEach((one, index) => {
        assert.equal(read(pair.other, one, index), index, JSON.stringify(one))
      })
      assert.deepEqual(
        pair.other.names().map((found) => found.name),
        allowed,
      )
      pair.heap.verify()
      for (const one of allowed) assert.equal(pair.other.remove(one), true)
      assert.deepEqual(pair.heap.names(), [])
    })
  })
}
