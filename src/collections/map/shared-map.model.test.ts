// A SharedMap against a Map: random commands through two handles, the whole content compared after each.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Key } from '../../heap/index.js'
import { DELETE } from '../../updating.js'
import { snapshot } from '../snapshot.js'
import { BACKENDS } from '../testing/backends.js'
import type { SharedMap } from './shared-map.js'

type Model = Map<Key, unknown>
interface Real {
  readonly maps: readonly SharedMap<Key, unknown>[]
}

const key = fc.oneof(
  fc.constantFrom<Key>(
    'a',
    'b',
    '',
    '__proto__',
    'constructor',
    'ü',
    '\ud800',
    1,
    -1,
    0,
    -0,
    Number.NaN,
    1.5,
    true,
    false,
    null,
    undefined,
    1n,
    -(2n ** 70n),
  ),
  fc.integer({ min: 0, max: 40 }).map((n) => `key ${n}`),
)
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    false,
    0,
    -0,
    Number.NaN,
    2 ** 40,
    0.1,
    5n,
    '',
    'short',
    'a string that is longer',
    '\udfff wide',
  ),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 20 }),
)
const value = fc
  .oneof(
    leaf,
    fc.dictionary(fc.constantFrom('x', 'y', '2', '__proto__'), leaf, { noNullPrototype: true }),
    fc.array(leaf, { maxLength: 4 }),
    fc.record({
      deep: fc.array(fc.record({ n: fc.integer() }), { maxLength: 3 }),
      tags: fc.array(fc.string(), { maxLength: 3 }),
    }),
  )
  // As it is stored: without null prototypes.
  .map((made) => structuredClone(made))

type Step = (model: Model, map: SharedMap<Key, unknown>) => void
/** Both do it; what they give, or that they throw, must be the same. */
const same = (model: () => unknown, real: () => unknown): void => {
  const a = outcome(model)
  const b = outcome(real)
  assert.deepStrictEqual(snapshot(b), a)
}
const outcome = (work: () => unknown): unknown => {
  try {
    return work()
  } catch {
    return 'thrown'
  }
}

const steps: fc.Arbitrary<[string, Step]> = fc.oneof(
  fc.tuple(key, value).map(([k, v]): [string, Step] => [
    `set ${String(k)}`,
    (m, s) => {
      m.set(k, structuredClone(v))
      s.set(k, v)
    },
  ]),
  key.map((k): [string, Step] => [
    `delete ${String(k)}`,
    (m, s) =>
      same(
        () => m.delete(k),
        () => s.delete(k),
      ),
  ]),
  key.map((k): [string, Step] => [
    `get ${String(k)}`,
    (m, s) =>
      same(
        () => m.get(k),
        () => s.get(k),
      ),
  ]),
  key.map((k): [string, Step] => [
    `has ${String(k)}`,
    (m, s) =>
      same(
        () => m.has(k),
        () => s.has(k),
      ),
  ]),
  fc.constant<[string, Step]>([
    'clear',
    (m, s) => {
      m.clear()
      s.clear()
    },
  ]),
  fc.tuple(key, value).map(([k, v]): [string, Step] => [
    `getOrInsert ${String(k)}`,
    (m, s) =>
      same(
        () => {
          if (!m.has(k)) m.set(k, structuredClone(v))
          return m.get(k)
        },
        () => s.getOrInsert(k, v),
      ),
  ]),
  fc.tuple(key, value).map(([k, v]): [string, Step] => [
    `getOrInsertComputed ${String(k)}`,
    (m, s) =>
      same(
        () => {
          if (!m.has(k)) m.set(k, structuredClone(v))
          return m.get(k)
        },
        () => s.getOrInsertComputed(k, () => v),
      ),
  ]),
  fc.tuple(key, fc.option(value, { nil: undefined })).map(([k, v]): [string, Step] => [
    `update ${String(k)}`,
    (m, s) =>
      same(
        () => {
          if (v === undefined) m.delete(k)
          else m.set(k, structuredClone(v))
          return v
        },
        () => s.update(k, () => (v === undefined ? DELETE : v)),
      ),
  ]),
  fc.tuple(key, fc.integer()).map(([k, n]): [string, Step] => [
    `add ${String(k)}`,
    (m, s) =>
      same(
        () => {
          const old = m.has(k) ? m.get(k) : 0
          if (typeof old !== 'number') throw new Error('not a number')
          m.set(k, old + n)
          return old + n
        },
        () => s.add(k, n),
      ),
  ]),
  fc
    .tuple(
      key,
      leaf.filter((one) => typeof one !== 'object' || one === null),
      value,
    )
    .map(([k, expected, v]): [string, Step] => [
      `compareAndSet ${String(k)}`,
      (m, s) =>
        same(
          () => {
            const old = m.get(k)
            if (old !== expected && !(Number.isNaN(old) && Number.isNaN(expected))) return false
            m.set(k, structuredClone(v))
            return true
          },
          () => s.compareAndSet(k, expected, v),
        ),
    ]),
  fc.array(fc.tuple(key, value), { maxLength: 5 }).map((all): [string, Step] => [
    'setMany',
    (m, s) => {
      for (const [k, v] of all) m.set(k, structuredClone(v))
      s.setMany(all)
    },
  ]),
  fc.array(key, { maxLength: 5 }).map((all): [string, Step] => [
    'deleteMany',
    (m, s) =>
      same(
        () => all.filter((k) => m.delete(k)).length,
        () => s.deleteMany(all),
      ),
  ]),
  fc.tuple(fc.nat({ max: 5 }), key, value).map(([at, k, v]): [string, Step] => [
    'change while iterating',
    (m, s) => {
      const walk = (map: {
        delete(k: Key): boolean
        set(k: Key, v: unknown): unknown
        [Symbol.iterator](): Iterator<[Key, unknown]>
      }): Key[] => {
        const seen: Key[] = []
        for (const [one] of { [Symbol.iterator]: () => map[Symbol.iterator]() }) {
          seen.push(one)
          if (seen.length === at) {
            map.delete(k)
            map.set('late', v)
          }
          if (seen.length > 200) break
        }
        return seen
      }
      same(
        () => walk(m),
        () => walk(s),
      )
    },
  ]),
  fc.tuple(key, fc.constantFrom('x', 'z', '7'), leaf).map(([k, name, v]): [string, Step] => [
    'store into a live value',
    (m, s) => {
      const plain = m.get(k)
      const live = s.get(k)
      if (typeof plain !== 'object' || plain === null || Object.getPrototypeOf(plain) !== Object.prototype) return
      ;(plain as Record<string, unknown>)[name] = v
      ;(live as Record<string, unknown>)[name] = v
    },
  ]),
)

describe('a SharedMap does what a Map does', () => {
  for (const backend of BACKENDS) {
    test(`over ${backend.name}`, { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(steps, fc.boolean()), { maxLength: 60 }), (script) => {
          using pair = backend.open()
          const real: Real = { maps: [pair.heap.map<Key, unknown>('m'), pair.other.map<Key, unknown>('m')] }
          const model: Model = new Map()
          for (const [[, step], second] of script) {
            step(model, real.maps[second ? 1 : 0]!)
            const reader = real.maps[second ? 0 : 1]!
            assert.deepStrictEqual([...reader.snapshot()], [...model])
            assert.deepStrictEqual([...reader.keys()], [...model.keys()])
            assert.equal(reader.size, model.size)
          }
          pair.heap.verify()
        }),
        { numRuns: 60 },
      )
    })
  }
})
