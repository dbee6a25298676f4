// interop/membridge: the values that travel, their tags, and the types that TypeScript derives from tags and schemas.

import { outOfRange, wrongType } from '../../errors.js'

/** A whole number that is written as a signed 64-bit integer. Made by {@link int}, which has checked it. */
export class Int {
  // Declared, not defined, and with nothing to do but this one store: where such a value is written at once, compiled
  // code makes no object at all.
  declare readonly value: number

  /** @internal */
  constructor(value: number) {
    this.value = value
  }
}

/** True for what {@link int} has made. Compiled code sees through this look, as it does not through `instanceof`. */
export function isInt(value: unknown): value is Int {
  return (value as object | undefined | null)?.constructor === Int
}

/**
 * Marks a number to be written as a 64-bit integer. A plain `number` is always written as a 64-bit float, whatever its
 * value, because 1 and 1.0 are the same number in JavaScript and different bytes to the reader.
 *
 * @param value a whole number from -(2^53 - 1) to 2^53 - 1; a `bigint` covers the whole range of 64 bits.
 * @throws {MemlaneError} `ERR_TYPE`, `ERR_RANGE`.
 * @example
 * import { int, SharedMemory } from 'memlane/membridge'
 * using shm = SharedMemory.create('/counts', 4096)
 * using view = shm.map()
 * view.write(int(42))
 */
export function int(value: number): Int {
  if (typeof value === 'number' && ((value | 0) === value || Number.isSafeInteger(value))) return new Int(value)
  if (typeof value !== 'number') throw wrongType('int', 'a number', value)
  throw outOfRange('int', 'a whole number from -(2^53 - 1) to 2^53 - 1; use a bigint beyond', value)
}

/** One value on the wire: `boolean` 1 byte, `number` f64, `bigint` and `int(n)` i64, `string` u32 length and UTF-8, `Uint8Array` its bytes alone. */
export type Scalar = boolean | number | bigint | Int | string | Uint8Array

/** An element of `writeMixed`: a value, or a list of values that is written as if its elements stood in its place. */
export type Mixed = Scalar | readonly Scalar[]

/** What a ring message is made from: one value, or a list of values one behind the other. */
export type Message = Scalar | readonly Scalar[]

/** What each tag is read as. */
export interface TagTypes {
  bool: boolean
  /** i64 as a number; beyond 2^53 - 1 it is refused with `ERR_RANGE`. */
  int: number
  i64: bigint
  /** The same as `f64`. */
  float: number
  f64: number
  f32: number
  i32: number
  u8: number
  u32: number
  u64: bigint
  str: string
}

/** The name of a type on the wire. */
export type Tag = keyof TagTypes

/** A tag and how many values of it follow. Count 1 reads as the value itself, any other count as a list. */
export type SchemaEntry = readonly [tag: Tag, count: number]

type Entry<E> = E extends readonly [infer T extends Tag, infer C]
  ? number extends C
    ? TagTypes[T] | TagTypes[T][]
    : C extends 1
      ? TagTypes[T]
      : TagTypes[T][]
  : never

/** What a schema reads as, entry by entry. */
export type Values<S extends readonly SchemaEntry[]> = { -readonly [K in keyof S]: Entry<S[K]> }

/**
 * The least number of bytes a value of the tag takes; for `str` those of its length.
 *
 * @throws MemlaneError `ERR_TYPE` for an unknown tag.
 */
export function sizeOf(tag: Tag): number {
  switch (tag) {
    case 'float':
    case 'f64':
    case 'int':
    case 'i64':
    case 'u64':
      return 8
    case 'str':
    case 'f32':
    case 'i32':
    case 'u32':
      return 4
    case 'bool':
    case 'u8':
      return 1
    default:
      throw wrongType('tag', 'one of bool, int, i64, float, f64, f32, i32, u8, u32, u64, str', tag)
  }
}

/** Checks a schema before anything is read by it. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function checkSchema(schema: readonly SchemaEntry[]): void {
  if (!Array.isArray(schema)) throw wrongType('schema', 'an array of [tag, count] pairs', schema)
  for (let i = 0; i < schema.length; i++) {
    const entry: unknown = schema[i]
    if (!Array.isArray(entry) || entry.length !== 2)
      throw wrongType(`schema[${i}]`, "a pair such as ['float', 3]", entry)
    sizeOf(entry[0])
    const count: unknown = entry[1]
    if (typeof count !== 'number') throw wrongType(`the count of schema[${i}]`, 'a number', count)
    if (!Number.isSafeInteger(count) || count < 0) throw outOfRange(`the count of schema[${i}]`, '0 or more', count)
  }
}

/** The name of what cannot be written, for an error. */
export function unsupported(what: string, value: unknown): Error {
  const wanted = 'a boolean, a number, a bigint, an int(n), a string or a Uint8Array'
  if (Array.isArray(value))
    return wrongType(what, `${wanted} (a list goes into writeMixed or push, one level deep)`, value)
  return wrongType(what, wanted, value)
}
