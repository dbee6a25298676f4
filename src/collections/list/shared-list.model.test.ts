// A SharedList against an array: every method of Array.prototype with random arguments, through two handles.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { snapshot } from '../snapshot.js'
import { BACKENDS } from '../testing/backends.js'

const element = fc
  .oneof(
    fc.integer({ min: -5, max: 20 }),
    fc.constantFrom<unknown>('a', 'text of some length', undefined, null, true, Number.NaN, -0, 7n),
    fc.record({ n: fc.integer({ min: 0, max: 9 }) }),
    fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }),
  )
  // As it is stored: without null prototypes.
  .map((made) => structuredClone(made))
const position = fc.oneof(fc.integer({ min: -8, max: 12 }), fc.constantFrom(Number.NaN, 1.7, Number.POSITIVE_INFINITY))
const numbersFirst = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0)

type Step = { readonly name: string; readonly run: (array: unknown[]) => unknown }
const call = (name: string, ...args: fc.Arbitrary<unknown>[]): fc.Arbitrary<Step> =>
  fc.tuple(fc.nat({ max: args.length }), ...args).map(([count, ...values]) => ({
    name: `${name}(${values.slice(0, count).map(String).join(', ')})`,
    // Live arguments would differ between the two: each gets copies.
    run: (array: unknown[]) =>
      (array as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(
        ...structuredClone(values.slice(0, count)),
      ),
  }))
const all = (name: string, values: fc.Arbitrary<unknown[]>): fc.Arbitrary<Step> =>
  values.map((list) => ({
    name,
    run: (array: unknown[]) =>
      (array as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!(...structuredClone(list)),
  }))
const plain = (name: string, run: (array: unknown[]) => unknown): fc.Arbitrary<Step> => fc.constant({ name, run })

const some = fc.array(element, { maxLength: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  all('push', some),
  all('unshift', some),
  call('pop'),
  call('shift'),
  fc.tuple(position, fc.nat({ max: 5 }), some).map(([at, count, values]) => ({
    name: `splice(${at}, ${count}, …${values.length})`,
    run: (array: unknown[]) => array.splice(at, count, ...structuredClone(values)),
  })),
  call('splice', position, position),
  call('fill', element, position, position),
  call('copyWithin', position, position, position),
  call('reverse'),
  plain('sort', (array) => array.sort(numbersFirst)),
  plain('sort()', (array) => array.sort()),
  call('slice', position, position),
  call('at', position),
  call('indexOf', element, position),
  call('lastIndexOf', element, position),
  call('includes', element, position),
  call('join', fc.constantFrom('-', '')),
  call('flat', fc.nat({ max: 2 })),
  call('concat', some, element),
  call('toReversed'),
  call('toSorted'),
  call('toSpliced', position, position, element),
  call('with', position, element),
  plain('keys', (array) => [...array.keys()]),
  plain('entries', (array) => [...array.entries()]),
  plain('for of', (array) => [...array]),
  plain('for in', (array) => {
    const names = []
    for (const name in array) names.push(name)
    return names
  }),
  plain('map', (array) => array.map((value, at) => [value, at])),
  plain('filter', (array) => array.filter((value) => typeof value === 'number')),
  plain('find', (array) => array.find((value) => typeof value === 'object')),
  plain('findLastIndex', (array) => array.findLastIndex((value) => typeof value === 'number')),
  plain('reduce', (array) => array.reduce((sum: string, value) => `${sum} ${typeof value}`, '')),
  plain('reduceRight', (array) => array.reduceRight((text: string, value) => text + typeof value, '')),
  plain('every and some', (array) => [array.every((value) => value !== 3), array.some((value) => value === 3)]),
  plain('flatMap', (array) => array.flatMap((value) => [value, value])),
  plain('forEach', (array) => {
    let sum = ''
    array.forEach((value, at) => {
      sum += `${at}${typeof value}`
    })
    return sum
  }),
  plain('Object.keys', (array) => Object.keys(array)),
  plain('JSON', (array) => JSON.stringify(array, (_name, value) => (typeof value === 'bigint' ? `${value}n` : value))),
  plain('length', (array) => array.length),
  fc.tuple(fc.nat({ max: 12 }), element).map(([at, value]) => ({
    name: `[${at}] =`,
    run: (array: unknown[]) => {
      array[at] = structuredClone(value)
    },
  })),
  fc.nat({ max: 12 }).map((at) => ({ name: `delete [${at}]`, run: (array: unknown[]) => delete array[at] })),
  fc.nat({ max: 12 }).map((at) => ({ name: `${at} in`, run: (array: unknown[]) => at in array })),
  fc.nat({ max: 10 }).map((length) => ({
    name: `length = ${length}`,
    run: (array: unknown[]) => {
      array.length = length
    },
  })),
  plain('length = -1', (array) => {
    array.length = -1
  }),
  fc.nat({ max: 12 }).map((at) => ({
    name: `[${at}].n = 42`,
    run: (array: unknown[]) => {
      const one = array[at] as { n?: number } | undefined
      if (typeof one === 'object' && one !== null && !Array.isArray(one)) one.n = 42
    },
  })),
  fc.nat({ max: 12 }).map((at) => ({
    name: `[${at}].push(1)`,
    run: (array: unknown[]) => {
      const one = array[at]
      return Array.isArray(one) ? one.push(1) : undefined
    },
  })),
)

const outcome = (work: () => unknown, self: unknown[]): unknown => {
  try {
    const value = work()
    return value === self ? 'itself' : structuredClone(snapshotDeep(value))
  } catch {
    return 'thrown'
  }
}
/** A result may hold live elements. */
const snapshotDeep = (value: unknown): unknown => {
  const flat = snapshot(value)
  if (!Array.isArray(flat)) return flat
  const copy: unknown[] = []
  copy.length = flat.length
  for (const at of flat.keys()) if (at in flat) copy[at] = snapshotDeep(flat[at])
  return copy
}

describe('a SharedList does what an array does', () => {
  for (const backend of BACKENDS) {
    test(`over ${backend.name}`, { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), (script) => {
          using pair = backend.open()
          const lists = [pair.heap.list('l'), pair.other.list('l')] as const
          const model: unknown[] = []
          for (const [{ name, run }, second] of script) {
            const list = lists[second ? 1 : 0]
            const expected = outcome(() => run(model), model)
            // fill and copyWithin leave one object in several places of an array; a list has a copy in each.
            for (const [at, value] of model.entries())
              if (typeof value === 'object' && value !== null && model.indexOf(value) !== at)
                model[at] = structuredClone(value)
            const real = outcome(() => run(list), list)
            assert.deepStrictEqual(real, expected, name)
            const reader = lists[second ? 0 : 1]
            assert.deepStrictEqual(reader.snapshot(), model, `after ${name}`)
            assert.deepStrictEqual(reader, model, `live, after ${name}`)
          }
          assert.ok(Array.isArray(lists[0]))
          pair.heap.verify()
        }),
        { numRuns: 150 },
      )
    })
  }
})
