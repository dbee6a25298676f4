// collections/cells: an integer that every process sees. Atomics on one word; no lock, no system call.

import { type NameOptions, Segment } from '../../segment/index.js'
import { checkObject, given } from '../../sizes.js'
import type { ReadOnlyAccess, ReadOnlyInt } from '../read-only.js'
import { Cell } from './cell.js'
import {
  type BigIntType,
  bigRange,
  codeOf,
  type IntRange,
  type IntType,
  intFacts,
  type SmallIntType,
  smallRange,
  typeOfCode,
} from './int-types.js'
import { ReadOnlyWord } from './read-only-word.js'
import { openScalar, type ScalarOptions, scalarCode } from './scalar-segment.js'
import type { AddingStore } from './store.js'
import { BigWord, type NumberArray, NumberWord } from './word-store.js'

export interface IntOptions<T extends IntType = IntType> extends ScalarOptions {
  /** Default `'int32'`. The 64-bit types take and give `bigint`, the others numbers. */
  type?: T | undefined
  /** Value when this call makes it; default 0. What is there already is left alone. */
  initial?: IntValue<T> | undefined
}

/** What a type holds. */
export type IntValue<T extends IntType> = T extends BigIntType ? bigint : number

/**
 * An integer that every process on the machine sees.
 *
 * A value that does not fit the type is `ERR_RANGE` and stores nothing: sums do not wrap.
 *
 * @example
 * import { SharedInt } from 'memlane'
 * using hits = SharedInt.open('hits', { type: 'int64' })
 * hits.add(1n)
 * console.log(hits.value)
 */
export class SharedInt<N extends number | bigint = number> extends Cell<N> {
  readonly type: IntType
  readonly #words: AddingStore<N>
  readonly #range: IntRange<N>

  /** @internal */
  constructor(name: string, type: IntType, store: AddingStore<N>, range: IntRange<N>) {
    super(name, store, range?.check)
    this.type = type
    this.#words = store
    this.#range = range
  }

  /**
   * Opens the integer of that name, or makes it.
   *
   * @throws MemlaneError `ERR_MISMATCH` when it has another type, `ERR_KIND` when the name is something else,
   *   `ERR_TYPE`, `ERR_RANGE`, `ERR_NAME`, `ERR_NO_SPACE`, `ERR_PERMISSION`.
   */
  static open(
    name: string,
    options: IntOptions<BigIntType> & { type: BigIntType } & ReadOnlyAccess,
  ): ReadOnlyInt<bigint>
  static open(name: string, options: IntOptions<SmallIntType> & ReadOnlyAccess): ReadOnlyInt<number>
  static open(name: string, options: IntOptions<BigIntType> & { type: BigIntType }): SharedInt<bigint>
  static open(name: string, options?: IntOptions<SmallIntType>): SharedInt<number>
  static open(name: string, options?: IntOptions): SharedInt<number> | SharedInt<bigint>
  static open(name: string, options: IntOptions = {}): unknown {
    const facts = intFacts(given(checkObject(options).type, 'int32'))
    const range = facts.big ? bigRange(facts) : smallRange(facts)
    const initial = range.check(given<number | bigint>(options.initial, facts.big ? 0n : 0) as never, 'initial')
    const init = (made: Segment): void => (viewOf(made, facts.type) as BigInt64Array).set([initial as bigint])
    return SharedInt.over(openScalar(name, options, { kind: 'int', code: codeOf(facts), typeName, init }))
  }

  /** @internal The integer of a segment that is open already; it is closed with it. */
  static over(segment: Segment): SharedInt<number> | SharedInt<bigint> {
    const type = typeOfCode(scalarCode(segment)) ?? 'int32'
    const facts = intFacts(type)
    const view = viewOf(segment, type)
    if (facts.big) {
      const range = bigRange(facts)
      const words = view as BigInt64Array
      if (segment.readOnly) return new SharedInt(segment.name, type, new ReadOnlyWord<bigint>(segment, words), range)
      return new BigWordInt(segment.name, type, new BigWord(segment, words, range), range)
    }
    const range = smallRange(facts)
    const words = view as NumberArray
    if (segment.readOnly) return new SharedInt(segment.name, type, new ReadOnlyWord<number>(segment, words), range)
    return new NumberWordInt(segment.name, type, new NumberWord(segment, words, range), range)
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return Segment.unlink(name, options)
  }

  /**
   * Adds, in one step for everybody.
   *
   * @param amount whole; below 0 subtracts.
   * @returns the old value, as `Atomics.add` does.
   * @throws MemlaneError `ERR_RANGE` when the sum does not fit, and nothing was stored; `ERR_BUSY` when others change it without a pause; `ERR_TYPE`, `ERR_CLOSED`.
   */
  add(amount: N): N {
    this.checkOpen()
    return this.#words.add(this.#range.checkAmount(amount))
  }

  /** Subtracts, in one step for everybody. @returns the old value. Throws as `add` does. */
  sub(amount: N): N {
    this.checkOpen()
    return this.#words.add(-this.#range.checkAmount(amount) as N)
  }

  /** Bitwise and, in one step for everybody. @returns the old value. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_CLOSED`. */
  and(bits: N): N {
    return this.#bitwise(bits, (old) => ((old as number) & (bits as number)) as N)
  }

  /** Bitwise or, in one step for everybody. @returns the old value. Throws as `and` does. */
  or(bits: N): N {
    return this.#bitwise(bits, (old) => ((old as number) | (bits as number)) as N)
  }

  /** Bitwise exclusive or, in one step for everybody. @returns the old value. Throws as `and` does. */
  xor(bits: N): N {
    return this.#bitwise(bits, (old) => ((old as number) ^ (bits as number)) as N)
  }

  #bitwise(bits: N, next: (old: N) => N): N {
    this.checkOpen()
    this.#range.check(bits, 'bits')
    // Numbers are combined as signed 32-bit words.
    return this.#words.change(this.type === 'uint32' ? (old) => ((next(old) as number) >>> 0) as N : next)
  }
}

// What is called most, once for each kind of word: code that sees one kind of value is faster by a third than code that
// sees numbers and bigints in turns. Both are SharedInt to whoever asks; the word says itself when it is closed.

class NumberWordInt extends SharedInt<number> {
  readonly #word: NumberWord
  readonly #limits: IntRange<number>

  constructor(name: string, type: IntType, word: NumberWord, range: IntRange<number>) {
    super(name, type, word, range)
    this.#word = word
    this.#limits = range
  }

  override get value(): number {
    return this.#word.get()
  }

  override set value(value: number) {
    this.#word.set(this.#limits.check(value, 'value'))
  }

  override add(amount: number): number {
    return this.#word.add(this.#limits.checkAmount(amount))
  }
}

class BigWordInt extends SharedInt<bigint> {
  readonly #word: BigWord
  readonly #limits: IntRange<bigint>

  constructor(name: string, type: IntType, word: BigWord, range: IntRange<bigint>) {
    super(name, type, word, range)
    this.#word = word
    this.#limits = range
  }

  override get value(): bigint {
    return this.#word.get()
  }

  override set value(value: bigint) {
    this.#word.set(this.#limits.check(value, 'value'))
  }

  override add(amount: bigint): bigint {
    return this.#word.add(this.#limits.checkAmount(amount))
  }
}

for (const { prototype } of [NumberWordInt, BigWordInt])
  Object.defineProperty(prototype, 'constructor', { value: SharedInt, writable: true, configurable: true })

const typeName = (code: number): string => typeOfCode(code) ?? `an unknown type (${code})`

const ARRAYS = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
} as const

function viewOf(segment: Segment, type: IntType): NumberArray | BigInt64Array | BigUint64Array {
  const View = ARRAYS[type] as new (buffer: ArrayBufferLike, offset: number, length: number) => NumberArray
  return new View(segment.memory.buffer, segment.body, 1)
}
