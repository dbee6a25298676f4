// Single values against plain ones, in a segment of their own and in heaps over both backends.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { MemlaneError } from '../../errors.js'
import { sameValueZero } from '../collection.js'
import { snapshot } from '../snapshot.js'
import { BACKENDS } from '../testing/backends.js'
import type { Cell } from './cell.js'
import { type BigIntType, type IntType, intFacts, type SmallIntType } from './int-types.js'
import { SharedBlock } from './shared-block.js'
import { SharedBool } from './shared-bool.js'
import { SharedFloat } from './shared-float.js'
import { SharedInt } from './shared-int.js'
import { SharedString } from './shared-string.js'

const RUNS = { numRuns: 40 }
const OWN = { lifetime: 'lastClose' } as const

/** Two handles to one value, as two processes have them. */
interface Two<C> extends Disposable {
  readonly mine: C
  readonly other: C
}

/** Every place where a value may live. */
function homes<C extends Disposable>(
  alone: (name: string) => C,
  inHeap: (heap: ReturnType<(typeof BACKENDS)[number]['open']>['heap']) => C,
): { name: string; open(): Two<C> }[] {
  return [
    {
      name: 'by itself',
      open() {
        const name = `model-${randomUUID().slice(0, 8)}`
        const [mine, other] = [alone(name), alone(name)]
        return {
          mine,
          other,
          [Symbol.dispose]() {
            mine[Symbol.dispose]()
            other[Symbol.dispose]()
          },
        }
      },
    },
    ...BACKENDS.map((backend) => ({
      name: `in a heap over ${backend.name}`,
      open() {
        const pair = backend.open()
        return { mine: inHeap(pair.heap), other: inHeap(pair.other), [Symbol.dispose]: () => pair[Symbol.dispose]() }
      },
    })),
  ]
}

/** What a call gives, or the code of what it throws. */
function outcome(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    const { code } = error as MemlaneError
    if (code === undefined) throw error
    return { code }
  }
}

const RANGE = { code: 'ERR_RANGE' }
type Step<T> = { do: 'set' | 'exchange' | 'compareExchange' | 'add' | 'sub' | 'and' | 'or' | 'xor'; a: T; b: T }

/** What exchange and compareExchange do to a value that is all in one piece. */
function swap<T>(cell: Cell<T>, state: T, step: { do: string; a: T; b: T }, same: (a: T, b: T) => boolean): T {
  if (step.do === 'set') {
    cell.value = step.a
    return step.a
  }
  if (step.do === 'exchange') {
    assert.deepStrictEqual(snapshot(cell.exchange(step.a)), state)
    return step.a
  }
  assert.deepStrictEqual(snapshot(cell.compareExchange(step.a, step.b)), state)
  return same(state, step.a) ? step.b : state
}

for (const type of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as IntType[]) {
  const { big, bits, signed } = intFacts(type)
  const least = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const most = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
  /** As the cell takes and gives it; the model counts in bigints. */
  const out = (value: bigint): number | bigint => (big ? value : Number(value))
  const near = (edge: bigint): fc.Arbitrary<bigint> => fc.bigInt(edge - 3n, edge + 3n)
  const operand = fc.oneof(near(0n), near(least), near(most), fc.bigInt(least, most))
  const step: fc.Arbitrary<Step<bigint>> = fc.record({
    do: fc.constantFrom('set', 'exchange', 'compareExchange', 'add', 'sub', 'and', 'or', 'xor'),
    a: operand,
    b: operand,
  })
  describe(`${type} does what a whole number of its range does`, () => {
    const open = (name: string): SharedInt<number> =>
      SharedInt.open(name, { ...OWN, type: type as SmallIntType }) as SharedInt<number>
    for (const home of homes(open, (heap) => heap.int('n', type as BigIntType) as unknown as SharedInt<number>)) {
      test(home.name, () => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 40 }), (script) => {
            using two = home.open()
            const { mine, other } = two
            const fits = (value: bigint): boolean => value >= least && value <= most
            let state = 0n
            for (const { do: what, a, b } of script) {
              const done = outcome(() => {
                if (what === 'set') mine.value = out(a) as number
                else if (what === 'compareExchange') return mine.compareExchange(out(a) as number, out(b) as number)
                else return mine[what](out(a) as number)
              })
              const next = {
                set: () => a,
                exchange: () => a,
                compareExchange: () => (a === state ? b : state),
                add: () => state + a,
                sub: () => state - a,
                and: () => state & a,
                or: () => state | a,
                xor: () => state ^ a,
              }[what]()
              const operandsFit =
                what === 'add' || what === 'sub' || (fits(a) && (what !== 'compareExchange' || fits(b)))
              if (!operandsFit || !fits(next)) {
                assert.deepEqual(done, RANGE, `${what} ${a} to ${state}`)
              } else {
                assert.equal(done, what === 'set' ? undefined : out(state), `${what} ${a}, ${b} to ${state}`)
                state = next
              }
              assert.equal(other.value, out(state))
            }
          }),
          RUNS,
        )
      })
    }
  })
}

for (const type of ['float64', 'float32'] as const) {
  const double = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, 1e308, -1e308, 5e-324, 0.1))
  const step = fc.record({ do: fc.constantFrom('set', 'exchange', 'compareExchange', 'add'), a: double, b: double })
  describe(`${type} does what a number does`, () => {
    const open = (name: string): SharedFloat => SharedFloat.open(name, { ...OWN, type })
    for (const home of homes(open, (heap) => heap.float('n', type))) {
      test(home.name, () => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 40 }), (script) => {
            using two = home.open()
            const { mine, other } = two
            const round = type === 'float32' ? Math.fround : (value: number): number => value
            const fits = (value: number): boolean => !Number.isFinite(value) || Number.isFinite(round(value))
            let state = 0
            for (const { do: what, a, b } of script) {
              const next = what === 'add' ? state + a : what === 'compareExchange' ? b : a
              const done = outcome(() => {
                if (what === 'set') mine.value = a
                else if (what === 'compareExchange') return mine.compareExchange(a, b)
                else return mine[what](a)
              })
              if (!fits(next) || (what !== 'add' && !fits(a))) {
                assert.deepEqual(done, RANGE, `${what} ${a} to ${state}`)
              } else {
                assert.ok(what === 'set' || Object.is(done, state), `${what} ${a} gave ${done}, there was ${state}`)
                // As keys of a map are compared: NaN is NaN, and -0 is 0.
                if (what !== 'compareExchange' || sameValueZero(state, round(a))) state = round(next)
              }
              assert.ok(Object.is(other.value, state), `${other.value} is not ${state}`)
            }
          }),
          RUNS,
        )
      })
    }
  })
}

describe('a switch does what a boolean does', () => {
  const step = fc.record({
    do: fc.constantFrom('set', 'exchange', 'compareExchange', 'toggle'),
    a: fc.boolean(),
    b: fc.boolean(),
  })
  for (const home of homes(
    (name) => SharedBool.open(name, OWN),
    (heap) => heap.bool('on'),
  )) {
    test(home.name, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (script) => {
          using two = home.open()
          let state = false
          for (const one of script) {
            if (one.do === 'toggle') {
              state = !state
              assert.equal(two.mine.toggle(), state)
            } else state = swap(two.mine, state, one, Object.is)
            assert.equal(two.other.value, state)
          }
        }),
        RUNS,
      )
    })
  }
})

describe('a string does what a string does', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('', '\0', 'é'.repeat(300), '\ud800', 'x'.repeat(5000)),
  )
  const step = fc.record({
    do: fc.constantFrom('set', 'exchange', 'compareExchange', 'append', 'update'),
    a: text,
    b: text,
  })
  for (const home of homes(
    (name) => SharedString.open(name, { ...OWN, maxSize: '8 MiB' }),
    (heap) => heap.string('s'),
  )) {
    test(home.name, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (script) => {
          using two = home.open()
          let state = ''
          for (const one of script) {
            if (one.do === 'append') {
              state += one.a
              assert.equal(two.mine.append(one.a), state)
            } else if (one.do === 'update') {
              state = one.a + state.slice(0, 3)
              assert.equal(
                two.mine.update((old) => one.a + old.slice(0, 3)),
                state,
              )
            } else state = swap(two.mine, state, one, Object.is)
            assert.equal(two.other.value, state)
            assert.equal(two.other.length, state.length)
          }
        }),
        RUNS,
      )
    })
  }
})

describe('a block does what a variable does', () => {
  const value = fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>(undefined, null, Number.NaN, 0, 1, 'a', 5n, true),
    fc.array(fc.integer(), { maxLength: 5 }),
    fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.oneof(fc.integer(), fc.string()), { noNullPrototype: true }),
    fc.date({ noInvalidDate: true }),
    fc.array(fc.tuple(fc.string(), fc.integer())).map((entries) => new Map(entries)),
  )
  const step = fc.record({
    do: fc.constantFrom('set', 'exchange', 'compareExchange', 'update', 'in place'),
    a: value,
    b: value,
  })
  for (const home of homes(
    (name) => SharedBlock.open<unknown>(name, { ...OWN, maxSize: '8 MiB' }),
    (heap) => heap.block<unknown>('b'),
  )) {
    test(home.name, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (script) => {
          using two = home.open()
          let state: unknown
          for (const one of script) {
            if (one.do === 'update') {
              state = [snapshot(state), one.a].slice(0, 2)
              two.mine.update((old) => [snapshot(old), one.a].slice(0, 2))
            } else if (one.do === 'in place') {
              if (Object.prototype.toString.call(state) !== '[object Object]') continue
              state = { ...(state as object), x: one.a }
              ;(two.mine.value as { x: unknown }).x = one.a
            } else state = swap(two.mine, state, one, sameValueZero)
            assert.deepStrictEqual(two.other.snapshot(), state)
            assert.deepEqual(two.other.value, state)
          }
        }),
        RUNS,
      )
    })
  }
})
