// A SharedSet against a Set, and its set methods against their definitions.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BACKENDS } from '../testing/backends.js'

const value = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constantFrom<number | string>(Number.NaN, -0, 'a', ''))
const values = fc.array(value, { maxLength: 12 })
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), value }),
  fc.record({ do: fc.constant('delete' as const), value }),
  fc.record({ do: fc.constant('addMany' as const), values }),
  fc.record({ do: fc.constant('deleteMany' as const), values }),
  fc.record({ do: fc.constant('assign' as const), values }),
  fc.record({ do: fc.constant('clear' as const) }),
)

describe('a SharedSet does what a Set does', () => {
  for (const backend of BACKENDS) {
    test(`over ${backend.name}`, { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 40 }), values, (script, others) => {
          using pair = backend.open()
          const set = pair.heap.set<number | string>('s')
          const reader = pair.other.set<number | string>('s')
          const model = new Set<number | string>()
          for (const one of script) {
            switch (one.do) {
              case 'add':
                assert.equal(set.add(one.value), set)
                model.add(one.value)
                break
              case 'delete':
                assert.equal(set.delete(one.value), model.delete(one.value))
                break
              case 'addMany':
                assert.equal(set.addMany(one.values), new Set(one.values.filter((v) => !model.has(v))).size)
                for (const v of one.values) model.add(v)
                break
              case 'deleteMany':
                assert.equal(set.deleteMany(one.values), one.values.filter((v) => model.delete(v)).length)
                break
              case 'assign':
                set.assign(one.values)
                for (const v of model) if (!new Set(one.values).has(v)) model.delete(v)
                for (const v of one.values) model.add(v)
                break
              case 'clear':
                set.clear()
                model.clear()
            }
            assert.deepStrictEqual([...reader], [...model])
            assert.equal(reader.size, model.size)
          }
          assert.deepStrictEqual([...set.entries()], [...model.entries()])
          const other = new Set(others)
          const has = (v: number | string): boolean => other.has(v)
          assert.deepStrictEqual(set.union(other), new Set([...model, ...other]))
          assert.deepStrictEqual(set.intersection(other), new Set([...model].filter(has)))
          assert.deepStrictEqual(set.difference(other), new Set([...model].filter((v) => !has(v))))
          assert.deepStrictEqual(
            set.symmetricDifference(other),
            new Set([...[...model].filter((v) => !has(v)), ...[...other].filter((v) => !model.has(v))]),
          )
          assert.equal(set.isSubsetOf(other), [...model].every(has))
          assert.equal(
            set.isSupersetOf(other),
            [...other].every((v) => model.has(v)),
          )
          assert.equal(set.isDisjointFrom(other), ![...model].some(has))
          // A set may be compared with itself, or with another handle to itself.
          assert.ok(set.isSubsetOf(reader) && reader.isSupersetOf(set))
          assert.deepStrictEqual(set.union(set), model)
        }),
        { numRuns: 60 },
      )
    })
  }
})
