// collections/set: the set methods of ES2025, over one moment of a set and anything like a set. Node 20 does not have them.
// The order of steps, and so of results and of looks into the other one, is the specification's; the moment is taken when
// the other one has said what it is.

import { outOfRange, wrongType } from '../../errors.js'
import { checkFunction } from '../../sizes.js'

/** What the set methods take: size, has and keys, as a Set and a Map have them. */
export interface SetLike<T> {
  readonly size: number
  /** Whether it holds this value. */
  has(value: T): boolean
  /** Its values. */
  keys(): Iterator<T>
}

interface Record<T> {
  readonly size: number
  /** Whether it holds this value. */
  has(value: unknown): boolean
  /** Its values. */
  keys(): Iterable<T>
}

type Moment<T> = () => Set<T>

/** GetSetRecord of the specification: looks at each member once. */
function record<T>(other: SetLike<T>): Record<T> {
  if ((typeof other !== 'object' || other === null) && typeof other !== 'function')
    throw wrongType('other', 'like a set', other)
  const { size: given } = other as { size: unknown }
  if (typeof given === 'bigint' || typeof given === 'symbol') throw wrongType('other.size', 'a number', given)
  const size = Math.trunc(Number(given))
  if (Number.isNaN(size)) throw wrongType('other.size', 'a number', given)
  if (size < 0) throw outOfRange('other.size', '0 or more', given)
  const has = checkFunction(other.has, 'other.has')
  const keys = checkFunction(other.keys, 'other.keys')
  return {
    size,
    has: (value) => Boolean(has.call(other, value as T)),
    keys: () => {
      const iterator = keys.call(other)
      return { [Symbol.iterator]: () => iterator }
    },
  }
}

export function union<T, U>(moment: Moment<T>, other: SetLike<U>): Set<T | U> {
  const keys = record(other).keys()
  const result = new Set<T | U>(moment())
  for (const value of keys) result.add(value)
  return result
}

export function intersection<T, U>(moment: Moment<T>, other: SetLike<U>): Set<T & U> {
  const { size, has, keys } = record(other)
  const set: Set<unknown> = moment()
  const result = new Set<unknown>()
  if (set.size <= size) {
    for (const value of set) if (has(value)) result.add(value)
  } else {
    for (const value of keys()) if (set.has(value)) result.add(value)
  }
  return result as Set<T & U>
}

export function difference<T, U>(moment: Moment<T>, other: SetLike<U>): Set<T> {
  const { size, has, keys } = record(other)
  const set = moment()
  const result = new Set(set)
  if (set.size <= size) {
    for (const value of set) if (has(value)) result.delete(value)
  } else {
    for (const value of keys()) result.delete(value as unknown as T)
  }
  return result
}

export function symmetricDifference<T, U>(moment: Moment<T>, other: SetLike<U>): Set<T | U> {
  const keys = record(other).keys()
  const set: Set<unknown> = moment()
  const result = new Set<unknown>(set)
  for (const value of keys) {
    if (set.has(value)) result.delete(value)
    else result.add(value)
  }
  return result as Set<T | U>
}

export function isSubsetOf(moment: Moment<unknown>, other: SetLike<unknown>): boolean {
  const { size, has } = record(other)
  const set = moment()
  if (set.size > size) return false
  for (const value of set) if (!has(value)) return false
  return true
}

export function isSupersetOf(moment: Moment<unknown>, other: SetLike<unknown>): boolean {
  const { size, keys } = record(other)
  const set = moment()
  if (set.size < size) return false
  for (const value of keys()) if (!set.has(value)) return false
  return true
}

export function isDisjointFrom(moment: Moment<unknown>, other: SetLike<unknown>): boolean {
  const { size, has, keys } = record(other)
  const set = moment()
  if (set.size <= size) {
    for (const value of set) if (has(value)) return false
  } else {
    for (const value of keys()) if (set.has(value)) return false
  }
  return true
}
