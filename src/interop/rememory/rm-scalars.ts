// interop/rememory: numbers and booleans that Python programs share. One machine word each, so a kill leaves the old
// value or the new one.

import {
  type BigIntType,
  bigRange,
  type IntRange,
  type IntType,
  intFacts,
  type SmallIntType,
  smallRange,
} from '../../collections/cells/int-types.js'
import { MemlaneError, outOfRange, wrongType } from '../../errors.js'
import type { Memory } from '../../memory/index.js'
import type { Known } from '../../options.js'
import { given } from '../../sizes.js'
import { checkFunction, Handle, OPENING, refusePromise, unlinkRememory } from './handle.js'
import { accessOf, COMMON, type RMOptions, TYPED } from './options.js'

type Words =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array
type WordsType = new (buffer: ArrayBufferLike, offset: number, length: number) => Words

/** One value of a fixed width. */
export abstract class Scalar<N> extends Handle {
  readonly #array: WordsType
  #memory: Memory
  #words: Words

  /** @internal */
  constructor(
    opening: typeof OPENING,
    name: string,
    options: RMOptions,
    names: Known,
    what: string,
    array: WordsType,
    bytes: number,
  ) {
    super(opening, () =>
      accessOf(name, options, names, bytes, new Uint8Array(bytes), (size) => {
        if (size === bytes) return
        throw new MemlaneError('ERR_MISMATCH', `${JSON.stringify(name)} has ${size} bytes; ${what} has ${bytes}`)
      }),
    )
    this.#array = array
    this.#memory = this.object.memory
    this.#words = new array(this.#memory.buffer, 0, 1)
  }

  /** @internal */
  protected abstract check(value: N, what: string): N
  /** @internal */
  protected abstract toWord(value: N): number | bigint
  /** @internal */
  protected abstract fromWord(word: number | bigint): N

  /** @internal Takes the lock. Every call needs an end(). */
  protected enter(): Words {
    const { object } = this
    object.beginQuickly(this.timeout)
    if (object.memory !== this.#memory) {
      this.#memory = object.memory
      this.#words = new this.#array(this.#memory.buffer, 0, 1)
    }
    return this.#words
  }

  /** The value. Setting it throws as {@link set}. @throws MemlaneError `ERR_TIMEOUT`, `ERR_CLOSED`. */
  get value(): N {
    return this.get()
  }

  /** Stores a value. */
  set value(value: N) {
    this.set(value)
  }

  /** The value. @throws MemlaneError `ERR_TIMEOUT`, `ERR_CLOSED`. */
  get(): N {
    const words = this.enter()
    try {
      return this.fromWord(words[0]!)
    } finally {
      this.object.end()
    }
  }

  /** Stores a value. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`: nothing is stored then; `ERR_TIMEOUT`, `ERR_CLOSED`. */
  set(value: N): void {
    const word = this.toWord(this.check(value, 'value'))
    const words = this.enter()
    try {
      words[0] = word as never
    } finally {
      this.object.end()
    }
  }

  /**
   * Replaces the value by what a function makes of it, in one step.
   *
   * @returns the new value.
   * @throws MemlaneError `ERR_ASYNC` for a promise, and as {@link set}, and what `change` throws. Nothing is stored then.
   */
  update(change: (value: N) => N): N {
    checkFunction(change, 'change')
    const words = this.enter()
    try {
      const value = this.check(refusePromise(change(this.fromWord(words[0]!)), 'the change'), 'value')
      words[0] = this.toWord(value) as never
      return value
    } finally {
      this.object.end()
    }
  }
}

const INTS: Readonly<Record<IntType, readonly [WordsType, number]>> = {
  int8: [Int8Array, 1],
  uint8: [Uint8Array, 1],
  int16: [Int16Array, 2],
  uint16: [Uint16Array, 2],
  int32: [Int32Array, 4],
  uint32: [Uint32Array, 4],
  int64: [BigInt64Array, 8],
  uint64: [BigUint64Array, 8],
}

/** Options of {@link RMInt.open}. */
export interface RMIntOptions<T extends IntType = IntType> extends RMOptions {
  /** Python's `IntTypes`; default `'int64'`, as there. The 64-bit types take and give `bigint`. Both sides must say the same. */
  type?: T
}

/**
 * The integer of that name of the Python package rememory: `RMInt("hits")` there.
 *
 * @example
 * import { RMInt } from 'memlane/rememory'
 * using hits = RMInt.open('hits')
 * hits.add(1n)
 * using small = RMInt.open('small', { type: 'int32' })
 * small.update((n) => n * 2)
 */
export class RMInt<N extends number | bigint = bigint> extends Scalar<N> {
  readonly type: IntType
  readonly #range: IntRange<N>

  private constructor(opening: typeof OPENING, name: string, type: IntType, range: IntRange<N>, options: RMOptions) {
    const [array, bytes] = INTS[type] ?? INTS.int64
    super(opening, name, options, TYPED, type, array, bytes)
    this.type = type
    this.#range = range
  }

  /**
   * Opens the integer of that name, or makes it, as 0.
   *
   * @throws MemlaneError `ERR_MISMATCH` when what is there has another size, and as `RMDict.open`.
   */
  static open(name: string, options: RMIntOptions<SmallIntType> & { type: SmallIntType }): RMInt<number>
  static open(name: string, options?: RMIntOptions<BigIntType>): RMInt<bigint>
  static open(name: string, options?: RMIntOptions): RMInt<number> | RMInt<bigint>
  static open(name: string, options: RMIntOptions = {}): RMInt<number> | RMInt<bigint> {
    const facts = intFacts(given(options === null ? undefined : options.type, 'int64'))
    if (facts.big) return new RMInt(OPENING, name, facts.type, bigRange(facts), options)
    return new RMInt(OPENING, name, facts.type, smallRange(facts), options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /** Adds, in one step. @returns the new value. @throws MemlaneError `ERR_RANGE` when the sum does not fit: nothing is stored then. */
  add(amount: N): N {
    this.#range.checkAmount(amount)
    return this.update((value) => ((value as number) + (amount as number)) as N)
  }

  /** @internal */
  protected check(value: N, what: string): N {
    return this.#range.check(value, what)
  }

  /** @internal */
  protected toWord(value: N): number | bigint {
    return value
  }

  /** @internal */
  protected fromWord(word: number | bigint): N {
    return word as N
  }
}

/** Options of {@link RMFloat.open}. */
export interface RMFloatOptions extends RMOptions {
  /** Python's `FloatTypes`; default `'float64'`. Both sides must say the same. */
  type?: 'float32' | 'float64'
}

/**
 * The float of that name of the Python package rememory: `RMFloat("load")` there.
 *
 * @example
 * import { RMFloat } from 'memlane/rememory'
 * using load = RMFloat.open('load')
 * load.value = 0.5
 */
export class RMFloat extends Scalar<number> {
  readonly type: 'float32' | 'float64'

  private constructor(opening: typeof OPENING, name: string, type: 'float32' | 'float64', options: RMOptions) {
    if (type === 'float32') super(opening, name, options, TYPED, type, Float32Array, 4)
    else super(opening, name, options, TYPED, type, Float64Array, 8)
    this.type = type
  }

  /** Opens the float of that name, or makes it, as 0. @throws MemlaneError as `RMInt.open`. */
  static open(name: string, options: RMFloatOptions = {}): RMFloat {
    const type = given(options === null ? undefined : options.type, 'float64')
    if (type !== 'float32' && type !== 'float64') throw outOfRange('type', "'float32' or 'float64'", type)
    return new RMFloat(OPENING, name, type, options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /** Adds, in one step. @returns the new value. */
  add(amount: number): number {
    if (typeof amount !== 'number') throw wrongType('amount', 'a number', amount)
    return this.update((value) => value + amount)
  }

  /** @internal */
  protected check(value: number, what: string): number {
    if (typeof value !== 'number') throw wrongType(what, 'a number', value)
    if (this.type === 'float32' && Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
      throw outOfRange(what, 'in the range of a float32 (Python stores infinity)', value)
    return value
  }

  /** @internal */
  protected toWord(value: number): number {
    return value
  }

  /** @internal */
  protected fromWord(word: number | bigint): number {
    return word as number
  }
}

/**
 * The boolean of that name of the Python package rememory: `RMBool("ready")` there.
 *
 * @example
 * import { RMBool } from 'memlane/rememory'
 * using ready = RMBool.open('ready')
 * ready.value = true
 */
export class RMBool extends Scalar<boolean> {
  private constructor(opening: typeof OPENING, name: string, options: RMOptions) {
    super(opening, name, options, COMMON, 'a bool', Uint8Array, 1)
  }

  /** Opens the boolean of that name, or makes it, as false. @throws MemlaneError as `RMInt.open`. */
  static open(name: string, options: RMOptions = {}): RMBool {
    return new RMBool(OPENING, name, options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /** @internal */
  protected check(value: boolean, what: string): boolean {
    if (typeof value !== 'boolean') throw wrongType(what, 'a boolean', value)
    return value
  }

  /** @internal */
  protected toWord(value: boolean): number {
    return value ? 1 : 0
  }

  /** @internal */
  protected fromWord(word: number | bigint): boolean {
    return word !== 0
  }
}
