// collections/cells: the integer types: their ranges, and how each is seen in memory.

import { MemlaneError, outOfRange, wrongType } from '../../errors.js'
import type { Range } from './word-store.js'

/** Integers that fit a number. */
export type SmallIntType = 'int8' | 'uint8' | 'int16' | 'uint16' | 'int32' | 'uint32'
/** Integers that take and give `bigint`. */
export type BigIntType = 'int64' | 'uint64'
/** How wide an integer is, and whether it has a sign. */
export type IntType = SmallIntType | BigIntType

interface TypeFacts {
  readonly type: IntType
  /** Number of bits; the code kept in a segment is `bits | 128` for signed ones. */
  readonly bits: number
  readonly signed: boolean
  readonly big: boolean
}

const FACTS: readonly TypeFacts[] = [8, 16, 32, 64].flatMap((bits) =>
  [true, false].map((signed) => ({
    type: `${signed ? 'int' : 'uint'}${bits}` as IntType,
    bits,
    signed,
    big: bits === 64,
  })),
)

export const INT_TYPES: readonly IntType[] = FACTS.map((one) => one.type)

/** @throws MemlaneError `ERR_RANGE`. */
export function intFacts(type: unknown): TypeFacts {
  const facts = FACTS.find((one) => one.type === type)
  if (facts === undefined) throw outOfRange('type', `one of ${INT_TYPES.join(', ')}`, type)
  return facts
}

export function codeOf(facts: TypeFacts): number {
  return facts.bits | (facts.signed ? 128 : 0)
}

export function typeOfCode(code: number): IntType | undefined {
  return FACTS.find((one) => codeOf(one) === code)?.type
}

/** The range of a type, and the checks of what is to go in. */
export interface IntRange<T> extends Range<T> {
  /** A value: in range. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
  check(value: T, what: string): T
  /** An amount: whole, of any size. @throws MemlaneError `ERR_TYPE`. */
  checkAmount(value: T): T
}

export function smallRange(facts: TypeFacts): IntRange<number> {
  const least = facts.signed ? -(2 ** (facts.bits - 1)) : 0
  const most = 2 ** (facts.bits - (facts.signed ? 1 : 0)) - 1
  const range: IntRange<number> = {
    least,
    most,
    refuse: (value) => refuse(facts, least, most, value),
    check(value, what) {
      if (typeof value !== 'number') throw wrongType(what, `a number (the type is ${facts.type})`, value)
      if (!Number.isInteger(value)) throw outOfRange(what, `a whole number from ${least} to ${most}`, value)
      // There is no −0 among integers: a heap's cell would keep it.
      return value >= least && value <= most ? value + 0 : range.refuse(value)
    },
    checkAmount(value) {
      if (typeof value !== 'number') throw wrongType('amount', `a number (the type is ${facts.type})`, value)
      if (!Number.isInteger(value)) throw outOfRange('amount', 'a whole number', value)
      return value
    },
  }
  return range
}

export function bigRange(facts: TypeFacts): IntRange<bigint> {
  const least = facts.signed ? -(2n ** 63n) : 0n
  const most = 2n ** (facts.signed ? 63n : 64n) - 1n
  const { signed } = facts
  const range: IntRange<bigint> = {
    least,
    most,
    refuse: (value) => refuse(facts, least, most, value),
    check(value, what) {
      if (typeof value !== 'bigint') throw wrongType(what, `a bigint (the type is ${facts.type})`, value)
      // Cheaper than two comparisons with bounds that are bigints themselves.
      return (signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) === value ? value : range.refuse(value)
    },
    checkAmount(value) {
      if (typeof value !== 'bigint') throw wrongType('amount', `a bigint (the type is ${facts.type})`, value)
      return value
    },
  }
  return range
}

function refuse(facts: TypeFacts, least: number | bigint, most: number | bigint, value: number | bigint): never {
  throw new MemlaneError(
    'ERR_RANGE',
    `${value} does not fit ${facts.type}, which holds ${least} to ${most}; nothing was stored`,
  )
}
