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
      readonly offset?: number
    }

/** Elements of a shape: the product of its sizes. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
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

/** Elements in row-major order and their shape. `shape` is undefined for a typed array, which has none of its own. */
export interface Flat {
  readonly elements: ArrayLike<unknown>
  readonly shape: readonly number[] | undefined
}

const isView = (value: unknown): value is AnyTypedArray => ArrayBuffer.isView(value) && !(value instanceof DataView)

/**
 * Brings any array input into one row of elements. Nothing is copied when the input is contiguous already.
 *
 * @throws MemlaneError `ERR_TYPE` for what is no array, and for lists whose rows differ in length.
 */
export function flatten(value: unknown, what: string): Flat {
  if (isView(value)) return { elements: value as ArrayLike<unknown>, shape: undefined }
  if (Array.isArray(value)) return flattenLists(value, what)
  if (typeof value === 'object' && value !== null && 'data' in value && 'shape' in value) return flattenNd(value, what)
  throw wrongType(what, 'a typed array, nested lists, or { data, shape }', value)
}

function flattenLists(list: readonly unknown[], what: string): Flat {
  const shape: number[] = []
  for (let inner: unknown = list; Array.isArray(inner); inner = inner[0]) shape.push(inner.length)
  if (shape.length === 1 && !list.some(Array.isArray)) return { elements: list, shape }
  const elements: unknown[] = []
  const walk = (level: unknown, axis: number): void => {
    if (axis === shape.length) {
      if (Array.isArray(level)) throw wrongType(what, `lists nested ${shape.length} deep everywhere`, level)
      elements.push(level)
      return
    }
    if (!Array.isArray(level) || level.length !== shape[axis]) {
      throw wrongType(what, `lists of equal length (shape [${shape.join(', ')}])`, level)
    }
    for (const item of level) walk(item, axis + 1)
  }
  walk(list, 0)
  return { elements, shape }
}

function flattenNd(value: object, what: string): Flat {
  const {
    data,
    shape,
    stride,
    offset = 0,
  } = value as { data: unknown; shape: unknown; stride?: unknown; offset?: unknown }
  if (!isView(data) && !Array.isArray(data)) throw wrongType(`${what}.data`, 'a typed array or a list', data)
  const sizes = Array.from(shape as ArrayLike<number>)
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw wrongType(`${what}.shape`, 'a list of sizes', shape)
  const source = data as ArrayLike<unknown>
  const rowMajor = strideOf(sizes)
  const steps = stride === undefined ? rowMajor : Array.from(stride as ArrayLike<number>)
  const count = elementsOf(sizes)
  const first = Number(offset)
  if (
    steps.length !== sizes.length ||
    !steps.every(Number.isSafeInteger) ||
    !Number.isSafeInteger(first) ||
    first < 0
  ) {
    throw wrongType(`${what}.stride`, `${sizes.length} whole numbers`, stride)
  }
  const last = sizes.reduce((sum, size, axis) => sum + Math.max(0, (size - 1) * steps[axis]!), first)
  const lowest = sizes.reduce((sum, size, axis) => sum + Math.min(0, (size - 1) * steps[axis]!), first)
  if (count > 0 && (last >= source.length || lowest < 0)) {
    throw wrongType(what, `data of at least ${last + 1} elements for shape [${sizes.join(', ')}]`, data)
  }
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
