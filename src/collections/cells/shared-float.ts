// collections/cells: a floating-point number that every process sees, as the bits of an integer word.

import { MemlaneError, outOfRange, wrongType } from '../../errors.js'
import { type NameOptions, Segment } from '../../segment/index.js'
import { checkObject, given } from '../../sizes.js'
import { sameValueZero } from '../collection.js'
import type { ReadOnlyAccess, ReadOnlyFloat } from '../read-only.js'
import { Cell } from './cell.js'
import { ReadOnlyWord } from './read-only-word.js'
import { openScalar, type ScalarOptions, scalarCode } from './scalar-segment.js'
import type { Store } from './store.js'
import { BigWord, type Bits, BitsWord, NumberWord, type Range } from './word-store.js'

/** How wide a floating-point number is. */
export type FloatType = 'float32' | 'float64'

export interface FloatOptions extends ScalarOptions {
  /** Default `'float64'`. */
  type?: FloatType | undefined
  /** Value when this call makes it; default 0. What is there already is left alone. */
  initial?: number | undefined
}

const MOST_FLOAT32 = 2 ** 128 - 2 ** 104

/** Of bits, all of which fit. */
const ANY = { least: 0, most: 0, refuse: never }
const ANY_BIG: Range<bigint> = { least: 0n, most: 0n, refuse: never }

function never(): never {
  throw new MemlaneError('ERR_RANGE', 'out of range')
}

const double = new Float64Array(1)
const doubleBits = new BigInt64Array(double.buffer)
const BITS_64: Bits<number, bigint> = {
  toBits(value) {
    // One NaN for all engines, so that it is found by its bits.
    double[0] = Number.isNaN(value) ? Number.NaN : value
    return doubleBits[0]!
  },
  fromBits(bits) {
    doubleBits[0] = bits
    return double[0]!
  },
}

const single = new Float32Array(1)
const singleBits = new Int32Array(single.buffer)
const BITS_32: Bits<number, number> = {
  toBits(value) {
    single[0] = Number.isNaN(value) ? Number.NaN : value
    return singleBits[0]!
  },
  fromBits(bits) {
    singleBits[0] = bits
    return single[0]!
  },
}

/** Compares as a Map compares keys, as cells in a heap do: NaN is NaN, and -0 is 0. */
class FloatWord<B extends number | bigint> extends BitsWord<number, B> {
  override compareExchange(expected: number, value: number): number {
    for (let exactly = expected; ; ) {
      const old = super.compareExchange(exactly, value)
      // By its bits, a zero of the other sign is another value: it is tried as what it is.
      if (Object.is(old, exactly) || !sameValueZero(old, expected)) return old
      exactly = old
    }
  }
}

/**
 * A floating-point number that every process on the machine sees.
 *
 * @example
 * import { SharedFloat } from 'memlane'
 * using total = SharedFloat.open('total')
 * total.add(1.5)
 */
export class SharedFloat extends Cell<number> {
  readonly type: FloatType

  /** @internal */
  constructor(name: string, type: FloatType, store: Store<number>) {
    super(name, store, (value, what) => checkFloat(type, value, what))
    this.type = type
  }

  /**
   * Opens the number of that name, or makes it.
   *
   * @throws MemlaneError `ERR_MISMATCH` when it has another type, `ERR_KIND` when the name is something else,
   *   `ERR_TYPE`, `ERR_RANGE`, `ERR_NAME`, `ERR_NO_SPACE`, `ERR_PERMISSION`.
   */
  static open(name: string, options: FloatOptions & ReadOnlyAccess): ReadOnlyFloat
  static open(name: string, options?: FloatOptions): SharedFloat
  static open(name: string, options: FloatOptions = {}): SharedFloat {
    const type = floatType(checkObject(options).type)
    const initial = checkFloat(type, given(options.initial, 0), 'initial')
    const segment = openScalar(name, options, {
      kind: 'float',
      code: type === 'float64' ? 64 : 32,
      typeName: (code) => `float${code}`,
      init: (made) => storeOf(made, type).set(initial),
    })
    return SharedFloat.over(segment)
  }

  /** @internal The number of a segment that is open already; it is closed with it. */
  static over(segment: Segment): SharedFloat {
    const type = scalarCode(segment) === 32 ? 'float32' : 'float64'
    return new SharedFloat(segment.name, type, storeOf(segment, type))
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return Segment.unlink(name, options)
  }

  /** Adds, in one step for everybody. @returns the old value. @throws MemlaneError `ERR_RANGE` when a float32 overflows; `ERR_TYPE`, `ERR_CLOSED`. */
  add(amount: number): number {
    this.checkOpen()
    if (typeof amount !== 'number') throw wrongType('amount', 'a number', amount)
    return this.store.change((old) => checkFloat(this.type, old + amount, 'the sum'))
  }
}

/** @throws MemlaneError `ERR_RANGE`. */
export function floatType(type: FloatType | undefined): FloatType {
  if (type === undefined || type === 'float64') return 'float64'
  if (type === 'float32') return type
  throw outOfRange('type', "'float32' or 'float64'", type)
}

/** A finite value that a float32 cannot hold is refused, never turned into infinity. */
export function checkFloat(type: FloatType, value: number, what: string): number {
  if (typeof value !== 'number') throw wrongType(what, 'a number', value)
  if (type === 'float64') return value
  const rounded = Math.fround(value)
  if (Number.isFinite(value) && !Number.isFinite(rounded))
    throw outOfRange(what, `within ±${MOST_FLOAT32} for a float32`, value)
  return rounded
}

function storeOf(segment: Segment, type: FloatType): Store<number> {
  const { buffer } = segment.memory
  const { body, readOnly } = segment
  if (type === 'float64') {
    const words = new BigInt64Array(buffer, body, 1)
    return new FloatWord(
      readOnly ? new ReadOnlyWord<bigint>(segment, words) : new BigWord(segment, words, ANY_BIG),
      BITS_64,
    )
  }
  const words = new Int32Array(buffer, body, 1)
  return new FloatWord(
    readOnly ? new ReadOnlyWord<number>(segment, words) : new NumberWord(segment, words, ANY),
    BITS_32,
  )
}
