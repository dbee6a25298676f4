// interop/flexible: values to bytes and back, as numpy and Python convert them.
//
// Encoding ends in a `Prepared`, which can be stored without failing: whatever may be refused is refused before the
// slot is touched. Decoding is total: any bytes give some value.

import { outOfRange, wrongType } from '../../errors.js'
import { utf8 } from '../../host.js'
import type { AnyTypedArray, DtypeInfo } from '../../record/dtypes.js'
import { elementsOf, flatten, type NdArray, sameShape, strideOf } from '../../record/ndarray.js'
import { cutAt, isWellFormed, loneSurrogate } from '../../record/text.js'
import type { FlexibleField } from './flexible.layout.js'
import { decodeUtf8 } from './utf8.js'

export interface Prepared {
  /** Stored at the field's offset; what follows keeps its bytes. */
  readonly bytes: Uint8Array
  readonly truncated: boolean
}

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function prepare(field: FlexibleField, value: unknown): Prepared {
  const what = `field ${JSON.stringify(field.name)}`
  switch (field.kind) {
    case 'float':
      return whole(bytesOf(new Float64Array([toFloat(value, what)])))
    case 'int':
      return whole(bytesOf(new Int32Array([toInt(value, what, -(2 ** 31), 2 ** 31 - 1)])))
    case 'bool':
      return whole(new Uint8Array([isTruthy(value, what) ? 1 : 0]))
    case 'str':
      return prepareText(field, value, what)
    case 'array':
      return prepareArray(field, value, what)
  }
}

const whole = (bytes: Uint8Array): Prepared => ({ bytes, truncated: false })

/** As Python's float(): None is NaN, booleans are 0 and 1. */
function toFloat(value: unknown, what: string): number {
  if (typeof value === 'number') return value
  if (value === null) return Number.NaN
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value)
  throw wrongType(what, 'a number', value)
}

/** As numpy takes a Python number: fractions are cut off, what is out of range is refused. */
function toInt(value: unknown, what: string, least: number, most: number): number {
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean')
    throw wrongType(what, 'a number', value)
  const number = Math.trunc(Number(value))
  if (!(number >= least && number <= most)) throw outOfRange(what, `from ${least} to ${most}`, value)
  return number
}

function toBigInt(value: unknown, what: string, info: DtypeInfo): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean')
    throw wrongType(what, 'a whole number', value)
  if (typeof value === 'number' && !Number.isFinite(value))
    throw outOfRange(what, `from ${info.least} to ${info.most}`, value)
  const exact = typeof value === 'number' ? BigInt(Math.trunc(value)) : BigInt(value)
  if (exact < info.least! || exact > info.most!) throw outOfRange(what, `from ${info.least} to ${info.most}`, value)
  return exact
}

/** As Python's bool(): empty text and empty lists are false. */
function isTruthy(value: unknown, what: string): boolean {
  if (value === undefined) throw wrongType(what, 'a boolean', value)
  if (typeof value === 'number') return value !== 0
  if (Array.isArray(value)) return value.length > 0
  return Boolean(value)
}

function prepareText(field: FlexibleField, value: unknown, what: string): Prepared {
  if (typeof value !== 'string') throw wrongType(what, 'a string', value)
  const end = cutAt(value, field.length)
  const text = end < value.length ? value.slice(0, end) : value
  if (!isWellFormed(text)) throw loneSurrogate(text, what)
  const coded = utf8.bytes(text)
  const bytes = new Uint8Array(4 + coded.length)
  new DataView(bytes.buffer).setUint32(0, coded.length, true)
  bytes.set(coded, 4)
  return { bytes, truncated: end < value.length }
}

function prepareArray(field: FlexibleField, value: unknown, what: string): Prepared {
  const info = field.dtype!
  const count = elementsOf(field.shape)
  // As numpy.asarray makes an array without axes of them.
  const scalar = value === null || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
  const { elements, shape } = scalar ? { elements: [value], shape: [] } : flatten(value, what, count)
  const truncated = shape === undefined ? elements.length !== count : !sameShape(shape, field.shape)
  if (elements.length === count && elements instanceof info.array && info.name !== 'bool') {
    return { bytes: bytesOf(elements as unknown as ArrayBufferView), truncated }
  }
  const target = new info.array(count)
  const convert = ArrayBuffer.isView(elements) ? fromNumpy(info) : fromPython(info, what)
  // All are converted, also those that are cut off: one that cannot be is an error either way.
  for (let i = 0; i < elements.length; i++) {
    const element = convert(elements[i])
    if (i < count) target[i] = element as never
  }
  return { bytes: bytesOf(target), truncated }
}

type Convert = (element: unknown) => number | bigint

/** Elements of plain lists: checked. */
function fromPython(info: DtypeInfo, what: string): Convert {
  if (info.name === 'bool') return (element) => (isTruthy(element, what) ? 1 : 0)
  if (info.big) return (element) => toBigInt(element, what, info)
  if (info.least === undefined) return (element) => toFloat(element, what)
  return (element) => toInt(element, what, Number(info.least), Number(info.most))
}

/** Elements of another typed array: numpy's astype, whole numbers wrap around. */
function fromNumpy(info: DtypeInfo): Convert {
  if (info.name === 'bool') return (element) => (Number(element) !== 0 ? 1 : 0)
  if (info.big) {
    return (element) => {
      if (typeof element === 'bigint') return element
      const number = Math.trunc(Number(element))
      return Number.isFinite(number) ? BigInt(number) : -(2n ** 63n)
    }
  }
  if (info.least === undefined) return Number
  return (element) => (typeof element === 'bigint' ? Number(BigInt.asIntN(32, element)) : Number(element))
}

/** Reads a field out of a copy of its slot. */
export function decode(field: FlexibleField, slot: Uint8Array, view: DataView): unknown {
  switch (field.kind) {
    case 'float':
      return view.getFloat64(field.offset, true)
    case 'int':
      return view.getInt32(field.offset, true)
    case 'bool':
      return slot[field.offset] !== 0
    case 'str': {
      const start = field.offset + 4
      const length = Math.min(view.getUint32(field.offset, true), 4 * field.length)
      return decodeUtf8(slot.subarray(start, start + length))
    }
    case 'array':
      return decodeArray(field, slot)
  }
}

function decodeArray(field: FlexibleField, slot: Uint8Array): NdArray<AnyTypedArray> {
  const info = field.dtype!
  const bytes = slot.slice(field.offset, field.offset + field.size)
  const data = new info.array(bytes.buffer, 0, field.size / info.size)
  return { data, shape: field.shape, stride: strideOf(field.shape), offset: 0 }
}
