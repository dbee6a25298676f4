// collections/set: the set methods of ES2025, over a plain Set and anything like a set. Node 20 does not have them.
// The order of steps, and so of results, is the specification's.

import { outOfRange, wrongType } from '../../errors.js'
import { checkFunction, checkObject } from '../../sizes.js'

/** What the set methods take: size, has and keys, as a Set and a Map have them. */
export interface SetLike<T> {
  readonly size: number
  has(value: T): boolean
  keys(): Iterator<T>
}

interface Record<T> {
  readonly size: number
  has(value: unknown): boolean
  keys(): Iterable<T>
}

/** GetSetRecord of the specification. */
function record<T>(other: SetLike<T>): Record<T> {
  const size = Number(checkObject(other, 'other').size)
  if (Number.isNaN(size)) throw wrongType('other.size', 'a number', other.size)
  const whole = Math.trunc(size)
  if (whole < 0) throw outOfRange('other.size', '0 or more', other.size)
  checkFunction(other.has, 'other.has')
  checkFunction(other.keys, 'other.keys')
  return {
    size: whole,
    has: (value) => Boolean(other.has(value as T)),
    keys: () => ({ [Symbol.iterator]: () => other.keys() }),
  }
}

export function union<T, U>(set: Set<T>, other: SetLike<U>): Set<T | U> {
  const result = new Set<T | U>(set)
  for (const value of record(other).keys()) result.add(value)
  return result
}

export function intersection<T, U>(set: Set<T>, other: SetLike<U>): Set<T & U> {
  const { size, has, keys } = record(other)
  const result = new Set<unknown>()
  if (set.size <= size) {
    for (const value of set) if (has(value)) result.add(value)
  } else {
    for (const value of keys()) if (set.has(value as unknown as T)) result.add(value)
  }
  return result as Set<T & U>
}

export function difference<T, U>(set: Set<T>, other: SetLike<U>): Set<T> {
  const { size, has, keys } = record(other)
  const result = new Set(set)
  if (set.size <= size) {
    for (const value of set) if (has(value)) result.delete(value)
  } else {
    for (const value of keys()) result.delete(value as unknown as T)
  }
  return result
}

export function symmetricDifference<T, U>(set: Set<T>, other: SetLike<U>): Set<T | U> {
  const result = new Set<T | U>(set)
  for (const value of record(other).keys()) {
    if (set.has(value as unknown as T)) result.delete(value)
    else result.add(value)
  }
  return result
}

export function isSubsetOf(set: Set<unknown>, other: SetLike<unknown>): boolean {
  const { size, has } = record(other)
  if (set.size > size) return false
  for (const value of set) if (!has(value)) return false
  return true
}

export function isSupersetOf(set: Set<unknown>, other: SetLike<unknown>): boolean {
  const { size, keys } = record(other)
  if (set.size < size) return false
  for (const value of keys()) if (!set.has(value)) return false
  return true
}

export function isDisjointFrom(set: Set<unknown>, other: SetLike<unknown>): boolean {
  const { size, has, keys } = record(other)
  if (set.size <= size) {
    for (const value of set) if (has(value)) return false
  } else {
    for (const value of keys()) if (set.has(value)) return false
  }
  return true
}
