// interop/rememory/pickle: which keys are one key to Python. 1, 1.0 and True are; so are equal tuples, bytes and frozensets,
// which JavaScript tells apart.

import { MemlaneError, wrongType } from '../../../errors.js'
import {
  isTuple,
  PyByteArray,
  PyComplex,
  PyDate,
  PyDateTime,
  PyDecimal,
  PyFloat,
  PyFrozenSet,
  PyTime,
  PyTimeDelta,
  PyTimeZone,
} from './values.js'

/** Parts that a key may have. */
const MOST_PARTS = 10_000

/** A key as a JavaScript Map tells it from others: keys that are equal in Python give equal ones. */
export type HashedKey = string | number | bigint | null

/** @throws MemlaneError `ERR_TYPE` for what Python cannot hash (lists, dicts, sets, bytearrays) or does not know; `ERR_RANGE` for huge ones. */
export function hashKey(key: unknown): HashedKey {
  // Text gets a letter before it, so that it is never taken for a composite key.
  if (typeof key === 'string') return `s${key}`
  return hashPlain(key) ?? (key === null ? null : `(${new Composite().of(key)}`)
}

/** Numbers and booleans, as one. */
function hashPlain(key: unknown): number | bigint | undefined {
  if (typeof key === 'boolean') return key ? 1 : 0
  if (typeof key === 'number') return Number.isInteger(key) && !Number.isSafeInteger(key) ? BigInt(key) : key + 0
  if (typeof key === 'bigint')
    return key >= Number.MIN_SAFE_INTEGER && key <= Number.MAX_SAFE_INTEGER ? Number(key) : key
  return key instanceof PyFloat ? hashPlain(key.value) : undefined
}

class Composite {
  #parts = 0

  of(key: unknown): string {
    if (++this.#parts > MOST_PARTS) throw new MemlaneError('ERR_RANGE', `a key of more than ${MOST_PARTS} parts`)
    if (key === null) return 'None'
    if (typeof key === 'string') return JSON.stringify(key)
    const plain = hashPlain(key)
    if (plain !== undefined) return String(plain)
    if (isTuple(key)) return `(${key.map((item) => this.of(item)).join()})`
    if (key instanceof PyFrozenSet)
      return `{${[...key]
        .map((item) => this.of(item))
        .sort()
        .join()}}`
    if (key instanceof Uint8Array && !(key instanceof PyByteArray)) return `b${Buffer.from(key).toString('hex')}`
    if (key instanceof Date) return this.of(PyDateTime.from(key))
    if (key instanceof PyComplex) return key.imag === 0 ? String(hashPlain(key.real)) : `${key.real}j${key.imag}`
    if (key instanceof PyTimeDelta) return `delta${key.days},${key.seconds},${key.microseconds}`
    if (key instanceof PyTimeZone) return `zone${this.of(key.offset)}`
    if (key instanceof PyDateTime)
      return key.zone === undefined ? `at${key}` : `moment${key.toDate().getTime()},${key.microsecond % 1000}`
    if (key instanceof PyDate) return `date${key}`
    if (key instanceof PyTime) return `time${key}`
    if (key instanceof PyDecimal) return `decimal${key.text}`
    throw wrongType(
      'key',
      'something that Python can hash (text, a number, a boolean, null, bytes, a tuple, a frozenset, a date or time)',
      key,
    )
  }
}
