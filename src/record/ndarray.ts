// record: n-dimensional arrays as JavaScript has them: typed arrays, nested lists, and scijs / stdlib ndarrays.

import { wrongType } from '../errors.js'
import type { AnyTypedArray } from './dtypes.js'

/** What scijs `ndarray(data, shape, stride, offset)` and stdlib take: row-major elements and how to walk them. */
export interface NdArray<T = AnyTypedArray> {
  readonly data: T
  readonly shape: readonly number[]
  /** Elements between neighbours along each axis. */
  readonly stride: readonly number[]
  /** Index of the first element; 0 in everything that Memlane gives out. */
  readonly offset: number
}

/** A number, or lists of them, nested. */
export type Nested = number | bigint | boolean | readonly Nested[]

/** What an array field can be given. */
export type NdInput<T = AnyTypedArray> =
  | T
  | ArrayBufferView
  | readonly Nested[]
  | {
      readonly data: ArrayLike<number> | ArrayLike<bigint>
      readonly shape: readonly number[]
      readonly stride?: readonly number[]
      /** What stdlib calls `stride`. */
      readonly strides?: readonly number[]
      readonly offset?: number
    }

/** Elements of a shape: the product of its sizes. */
export function elementsOf(shape: readonly number[]): number {
  // Sizes whose product is beyond all numbers make no number of a 0 among them.
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1)
}

/** Row-major strides, in elements. */
export function strideOf(shape: readonly number[]): number[] {
  const stride = new Array<number>(shape.length)
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    stride[axis] = step
    step *= shape[axis]!
  }
  return stride
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

/** Lists nested deeper than any array are a mistake: such that hold themselves never end. */
const MOST_AXES = 64

/** Elements in row-major order and their shape. `shape` is undefined for a typed array, which has none of its own. */
export interface Flat {
  readonly elements: ArrayLike<unknown>
  readonly shape: readonly number[] | undefined
}

const isView = (value: unknown): value is AnyTypedArray => ArrayBuffer.isView(value) && !(value instanceof DataView)

/** As `Array.isArray`. @throws MemlaneError `ERR_TYPE` for a proxy that was revoked. */
export function isArray(value: unknown, what: string): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    throw wrongType(what, 'an array; this proxy was revoked', value)
  }
}

const isList = (value: unknown, what: string): boolean => isView(value) || isArray(value, what)

/** @throws MemlaneError `ERR_TYPE` for a typed array whose buffer was transferred away. */
function checkThere(view: AnyTypedArray, what: string): void {
  if (view.length > 0) return
  try {
    void new Uint8Array(view.buffer)
  } catch {
    throw wrongType(what, 'elements that are still there', view)
  }
}

/**
 * Brings any array input into one row of elements. Nothing is copied when the input is contiguous already.
 *
 * @param room elements that the array to be filled has.
 * @throws MemlaneError `ERR_TYPE` for what is no array, and for lists whose rows differ in length.
 */
export function flatten(value: unknown, what: string, room: number): Flat {
  if (isView(value)) {
    checkThere(value, what)
    return { elements: value as ArrayLike<unknown>, shape: undefined }
  }
  if (isArray(value, what)) return flattenLists(value, what)
  if (typeof value === 'object' && value !== null && 'data' in value && 'shape' in value)
    return flattenNd(value, what, room)
  throw wrongType(what, 'a typed array, nested lists, or { data, shape }', value)
}

function flattenLists(list: readonly unknown[], what: string): Flat {
  const shape: number[] = []
  for (let inner: unknown = list; isArray(inner, what); inner = inner[0]) {
    if (shape.length === MOST_AXES) throw wrongType(what, `lists nested at most ${MOST_AXES} deep`, list)
    shape.push(inner.length)
  }
  if (shape.length === 1 && !list.some((inner) => isArray(inner, what))) return { elements: list, shape }
  const elements: unknown[] = []
  const walk = (level: unknown, axis: number): void => {
    if (axis === shape.length) {
      if (isArray(level, what)) throw wrongType(what, `lists nested ${shape.length} deep everywhere`, level)
      elements.push(level)
      return
    }
    if (!isArray(level, what) || level.length !== shape[axis]) {
      throw wrongType(what, `lists of equal length (shape [${shape.join(', ')}])`, level)
    }
    for (const item of level) walk(item, axis + 1)
  }
  walk(list, 0)
  return { elements, shape }
}

function flattenNd(value: object, what: string, room: number): Flat {
  const { data, shape, strides, stride = strides, offset = 0 } = value as Record<string, unknown>
  if (!isList(data, `${what}.data`)) throw wrongType(`${what}.data`, 'a typed array or a list', data)
  if (isView(data)) checkThere(data, `${what}.data`)
  if (!isList(shape, `${what}.shape`)) throw wrongType(`${what}.shape`, 'a list of sizes', shape)
  const sizes = Array.from(shape as ArrayLike<number>)
  if (sizes.length > MOST_AXES) throw wrongType(`${what}.shape`, `a list of at most ${MOST_AXES} sizes`, shape)
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw wrongType(`${what}.shape`, 'a list of sizes', shape)
  const source = data as ArrayLike<unknown>
  const rowMajor = strideOf(sizes)
  if (stride !== undefined && !isList(stride, `${what}.stride`))
    throw wrongType(`${what}.stride`, 'a list of steps', stride)
  const steps = stride === undefined ? rowMajor : Array.from(stride as ArrayLike<number>)
  const count = elementsOf(sizes)
  if (steps.length !== sizes.length || !steps.every(Number.isSafeInteger))
    throw wrongType(`${what}.stride`, `${sizes.length} whole numbers`, stride)
  if (!Number.isSafeInteger(offset) || (offset as number) < 0)
    throw wrongType(`${what}.offset`, 'the index of an element', offset)
  const first = offset as number
  const last = sizes.reduce((sum, size, axis) => sum + Math.max(0, (size - 1) * steps[axis]!), first)
  const lowest = sizes.reduce((sum, size, axis) => sum + Math.min(0, (size - 1) * steps[axis]!), first)
  if (count > 0 && (last >= source.length || lowest < 0)) {
    throw wrongType(what, `data of at least ${last + 1} elements for shape [${sizes.join(', ')}]`, data)
  }
  // Steps of 0 can make any number of elements out of one.
  if (count > source.length && count > room)
    throw wrongType(what, `of at most ${Math.max(room, source.length)} elements`, value)
  const contiguous = sizes.every((size, axis) => size === 1 || steps[axis] === rowMajor[axis])
  if (contiguous && isView(source)) {
    return {
      elements: (source as Uint8Array).subarray(first, first + count) as unknown as ArrayLike<unknown>,
      shape: sizes,
    }
  }
  const elements: unknown[] = []
  for (let i = 0; i < count; i++) {
    let at = first
    for (let axis = 0; axis < sizes.length; axis++)
      at += (Math.floor(i / rowMajor[axis]!) % sizes[axis]!) * steps[axis]!
    elements.push(source[at])
  }
  return { elements, shape: sizes }
}
