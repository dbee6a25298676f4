// leaf: sizes in bytes, given as numbers or as text such as '64 KiB', and times in milliseconds.

import { isSignal } from './aborts.js'
import { MemlaneError, outOfRange, wrongType } from './errors.js'
import { performance } from './host.js'

/** A number of bytes, or text: `'4096'`, `'64 KiB'`, `'256 MiB'`, `'2 GiB'` (powers of 1024), `'64 kB'`, `'1 MB'` (powers of 1000). */
export type Size = number | string

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/**
 * Reads a size.
 *
 * @param what names the value in errors, as `'maxSize'`.
 * @returns whole bytes, 1 to 2^53 - 1.
 * @throws MemlaneError `ERR_TYPE` for something that is no size, `ERR_RANGE` for a size below 1 or beyond 2^53 - 1.
 */
export function parseSize(size: Size, what: string = 'size'): number {
  let bytes: number
  if (typeof size === 'number') {
    bytes = size
  } else if (typeof size === 'string') {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(size)
    const unit = match === null ? undefined : UNITS[(match[2] ?? '').toLowerCase()]
    if (match === null || unit === undefined) throw wrongType(what, "a number of bytes or text such as '64 KiB'", size)
    bytes = Number(match[1]) * unit
  } else {
    throw wrongType(what, "a number of bytes or text such as '64 KiB'", size)
  }
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw outOfRange(what, 'a whole number of bytes from 1 to 2^53 - 1', size)
  return bytes
}

/** Renders bytes for people: `64.0 MiB`. */
export function formatSize(bytes: number): string {
  if (!(bytes >= 1024)) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = -1
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`
}

/**
 * Reads a time-out in milliseconds: `undefined` or `Infinity` waits for ever, 0 looks once.
 *
 * @returns milliseconds, or -1 for ever.
 * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE` (NaN or below 0).
 */
export function parseTimeout(timeout: number | undefined, what: string = 'timeout'): number {
  if (timeout === undefined) return -1
  if (typeof timeout !== 'number') throw wrongType(what, 'a number of milliseconds', timeout)
  if (!(timeout >= 0)) throw outOfRange(what, '0 or more milliseconds', timeout)
  return timeout === Number.POSITIVE_INFINITY ? -1 : timeout
}

/** What was given, unless nothing was. Unlike `??` it does not take null for nothing: that is a wrong type. */
export function given<T>(value: T | undefined, otherwise: T): T {
  return value === undefined ? otherwise : value
}

/** @throws MemlaneError `ERR_TYPE`. */
export function checkObject<T>(value: T, what: string = 'options'): T {
  if (typeof value !== 'object' || value === null) throw wrongType(what, 'an object', value)
  return value
}

/** @throws MemlaneError `ERR_TYPE`. */
export function checkFunction<T>(value: T, what: string): T {
  if (typeof value !== 'function') throw wrongType(what, 'a function', value)
  return value
}

/**
 * For what a function gave that had to be done when it returned. A promise runs on, and fails unheard: the error is told here
 * and now, and not a second time to the process.
 *
 * @param why says who called the function, and why it may not go on afterwards.
 * @throws MemlaneError `ERR_ASYNC`.
 */
export function refusePromise(result: unknown, why: string): void {
  if (typeof result !== 'object' || result === null) return
  if (typeof (result as PromiseLike<unknown>).then !== 'function') return
  Promise.resolve(result).catch(() => {})
  throw new MemlaneError('ERR_ASYNC', `${why}, so its function cannot be async or give a promise`)
}

/** @throws MemlaneError `ERR_TYPE`. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal !== undefined && !isSignal(signal)) throw wrongType('signal', 'an AbortSignal', signal)
}

/** Goes through an iterable. @throws MemlaneError `ERR_TYPE`; what the iterator throws. */
export function collect<T>(values: Iterable<T>, what: string): T[] {
  const isIterable = typeof (values as Iterable<T> | undefined)?.[Symbol.iterator] === 'function'
  if (!isIterable) {
    const isPlain = typeof values === 'object' && values !== null && what === 'entries'
    throw wrongType(
      what,
      isPlain ? 'an iterable of pairs, as a Map or Object.entries(object)' : 'an iterable, as an array or a Set',
      values,
    )
  }
  return [...values]
}

/** When such a time-out is over, by `performance.now()`. */
export function endOf(timeout: number): number {
  return timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
}

/**
 * Reads a whole number within a range.
 *
 * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`.
 */
export function parseInteger(value: unknown, what: string, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(what, 'a number', value)
  if (!Number.isInteger(value) || value < least || value > most)
    throw outOfRange(what, `a whole number from ${least} to ${most}`, value)
  return value
}

/** Rounds up to a multiple of a power of two or any other step. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}

/** Bytes in a memory page, and the grain of every commit. */
export const PAGE: number = 4096
