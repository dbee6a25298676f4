// record: the element types of arrays and numeric fields, and what each needs to be checked and viewed.

import { outOfRange, wrongType } from '../errors.js'

/** Element types. `bool` is one byte, 0 or 1. */
export type Dtype = 'f64' | 'f32' | 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64' | 'bool'

/** The typed array that views elements of a type in place. */
export interface ArraysByDtype {
  f64: Float64Array
  f32: Float32Array
  i8: Int8Array
  u8: Uint8Array
  i16: Int16Array
  u16: Uint16Array
  i32: Int32Array
  u32: Uint32Array
  i64: BigInt64Array
  u64: BigUint64Array
  bool: Uint8Array
}

/** The typed arrays that an array field takes and gives. */
export type AnyTypedArray = ArraysByDtype[Dtype] | Uint8ClampedArray

export interface TypedArrayConstructor {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): AnyTypedArray
  new (length: number): AnyTypedArray
}

export interface DtypeInfo {
  readonly name: Dtype
  /** Bytes per element; also its alignment. */
  readonly size: number
  readonly array: TypedArrayConstructor
  readonly big: boolean
  /** Range of whole numbers; undefined for floats and bool. */
  readonly least: bigint | number | undefined
  readonly most: bigint | number | undefined
}

const whole = (name: Dtype, size: number, array: unknown, least: number, most: number): DtypeInfo => {
  return { name, size, array: array as TypedArrayConstructor, big: false, least, most }
}
const other = (name: Dtype, size: number, array: unknown): DtypeInfo => {
  return { name, size, array: array as TypedArrayConstructor, big: false, least: undefined, most: undefined }
}
const big = (name: Dtype, array: unknown, least: bigint, most: bigint): DtypeInfo => {
  return { name, size: 8, array: array as TypedArrayConstructor, big: true, least, most }
}

export const DTYPES: Readonly<Record<Dtype, DtypeInfo>> = {
  f64: other('f64', 8, Float64Array),
  f32: other('f32', 4, Float32Array),
  i8: whole('i8', 1, Int8Array, -128, 127),
  u8: whole('u8', 1, Uint8Array, 0, 255),
  i16: whole('i16', 2, Int16Array, -32768, 32767),
  u16: whole('u16', 2, Uint16Array, 0, 65535),
  i32: whole('i32', 4, Int32Array, -(2 ** 31), 2 ** 31 - 1),
  u32: whole('u32', 4, Uint32Array, 0, 2 ** 32 - 1),
  i64: big('i64', BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n),
  u64: big('u64', BigUint64Array, 0n, 2n ** 64n - 1n),
  bool: other('bool', 1, Uint8Array),
}

/** The largest f32. What would round to more than that is refused: it would be Infinity, which nobody gave. */
export const MOST_F32: number = 2 ** 128 - 2 ** 104

/** @throws MemlaneError `ERR_TYPE`. */
export function dtypeInfo(dtype: unknown): DtypeInfo {
  const info = typeof dtype === 'string' && Object.hasOwn(DTYPES, dtype) ? DTYPES[dtype as Dtype] : undefined
  if (info === undefined) throw wrongType('dtype', `one of ${Object.keys(DTYPES).join(', ')}`, dtype)
  return info
}

/** The element type of a typed array; `u8` for clamped ones. */
export function dtypeOf(array: ArrayBufferView): Dtype {
  for (const info of Object.values(DTYPES)) {
    if (info.name !== 'bool' && array instanceof (info.array as unknown as new () => object)) return info.name
  }
  if (array instanceof Uint8ClampedArray) return 'u8'
  throw wrongType('an array', 'a typed array of a known element type', array)
}

/**
 * Checks one number for a numeric type, without changing it.
 *
 * @returns a number, or a bigint for `i64` and `u64`.
 * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`.
 */
export function checkNumber(info: DtypeInfo, value: unknown, what: string): number | bigint {
  if (info.big) {
    const exact = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
    if (typeof exact !== 'bigint') {
      if (typeof value === 'number') throw outOfRange(what, 'a whole number up to 2^53 - 1, or a bigint', value)
      throw wrongType(what, 'a bigint or a whole number', value)
    }
    if (exact < info.least! || exact > info.most!)
      throw outOfRange(what, `from ${info.least} to ${info.most} (${info.name})`, value)
    return exact
  }
  if (info.name === 'bool') {
    if (typeof value === 'boolean') return value ? 1 : 0
    if (value === 0 || value === 1) return value
    throw wrongType(what, 'a boolean', value)
  }
  const number = typeof value === 'bigint' && info.least !== undefined ? Number(value) : value
  if (typeof number !== 'number') throw wrongType(what, 'a number', value)
  if (info.name === 'f32' && Number.isFinite(number) && !Number.isFinite(Math.fround(number)))
    throw outOfRange(what, `within ±${MOST_F32} (f32)`, value)
  if (info.least !== undefined && !(Number.isInteger(number) && number >= info.least && number <= info.most!)) {
    throw outOfRange(what, `a whole number from ${info.least} to ${info.most} (${info.name})`, value)
  }
  return number
}
