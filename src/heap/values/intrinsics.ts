// heap/values: what a built-in object really holds, whatever properties of its own claim. Sizes and texts that are stored
// come from here: an object that lies about its length must not be able to damage the heap.

import { types } from 'node:util'

/** An accessor of a prototype as a function of the object. */
function accessor<T>(prototype: object, name: string | symbol): (self: object) => T {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name)!
  return (self) => get!.call(self) as T
}

const TYPED = Object.getPrototypeOf(Uint8Array.prototype) as object

/** `DataView`, `Uint8Array` … */
const typedName = accessor<string | undefined>(TYPED, Symbol.toStringTag)
const typed = {
  buffer: accessor<ArrayBufferLike>(TYPED, 'buffer'),
  offset: accessor<number>(TYPED, 'byteOffset'),
  length: accessor<number>(TYPED, 'length'),
}
const dataView = {
  buffer: accessor<ArrayBufferLike>(DataView.prototype, 'buffer'),
  offset: accessor<number>(DataView.prototype, 'byteOffset'),
  length: accessor<number>(DataView.prototype, 'byteLength'),
}

export interface Window {
  readonly type: string
  readonly buffer: ArrayBufferLike
  readonly offset: number
  /** In elements; bytes for a DataView. */
  readonly length: number
}

/** Where a view lies; `undefined` when its buffer was detached or has shrunk away under it. */
export function windowOf(view: ArrayBufferView): Window | undefined {
  const name = typedName(view)
  const read = name === undefined ? dataView : typed
  try {
    // An out-of-bounds typed array says that it is empty; only its methods tell.
    if (name !== undefined) Uint8Array.prototype.at.call(view as Uint8Array, 0)
    return { type: name ?? 'DataView', buffer: read.buffer(view), offset: read.offset(view), length: read.length(view) }
  } catch {
    return undefined
  }
}

/** All bytes of a buffer; `undefined` when it was detached. */
export function bytesOf(buffer: ArrayBuffer): Uint8Array | undefined {
  try {
    return new Uint8Array(buffer)
  } catch {
    return undefined
  }
}

const BOXES: readonly (readonly [is: (value: unknown) => boolean, unbox: () => unknown])[] = [
  [types.isNumberObject, Number.prototype.valueOf],
  [types.isStringObject, String.prototype.valueOf],
  [types.isBooleanObject, Boolean.prototype.valueOf],
  [types.isBigIntObject, BigInt.prototype.valueOf],
]

/** The primitive in a Number, String, Boolean or BigInt object; `undefined` for a Symbol object. */
export function unboxed(value: object): unknown {
  return BOXES.find(([is]) => is(value))?.[1].call(value)
}

/** Source and flags that an expression was made with. */
export function expressionOf(value: RegExp): [source: string, flags: string] {
  // A copy has no properties of its own that could claim something else.
  const { source, flags } = new RegExp(value)
  return [source, flags]
}

/** The length of an array. Only a Proxy's can be anything else than a whole number; it is read as arrays' methods read it. */
export function lengthOf(array: readonly unknown[]): number {
  const { length } = array
  return Number.isSafeInteger(length) && length >= 0 ? length : Math.max(0, Math.trunc(Number(length)) || 0)
}

/** Built-ins whose state is hidden: a copy of their properties would be an empty object. */
const HIDDEN =
  /^(?:Intl|WebAssembly)\.|^Intl$|Iterator$|^(?:Generator|AsyncGenerator|Promise|WeakMap|WeakSet|WeakRef|FinalizationRegistry|SharedArrayBuffer|Blob|File|MessagePort|CryptoKey|(?:Readable|Writable|Transform)Stream|URL|URLSearchParams|URLPattern|Headers|FormData|Request|Response|AbortController|AbortSignal|Event|CustomEvent|MessageEvent|EventTarget|WebSocket|EventSource|BroadcastChannel|MessageChannel|Text(?:En|De)coder)$/

/**
 * True for an instance of a class that has methods or accessors and not one property of its own to store: what it holds
 * lies where nobody can read it, in private fields or behind symbols, and it would come back as an empty object.
 */
export function keepsNothing(value: object): boolean {
  if (Object.keys(value).length > 0) return false
  // The last of the chain is an Object.prototype, of whichever realm.
  for (let type = Object.getPrototypeOf(value); type !== null; type = Object.getPrototypeOf(type)) {
    if (Object.getPrototypeOf(type) === null) return false
    if (Reflect.ownKeys(type).some((key) => key !== 'constructor')) return true
  }
  return false
}

/** True for what can neither be taken apart nor be put together again. */
export function isHidden(value: object): boolean {
  return (
    types.isPromise(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isSharedArrayBuffer(value) ||
    types.isGeneratorObject(value) ||
    types.isProxy(value) ||
    // Deno has no such values, and no such function.
    types.isExternal?.(value) ||
    types.isModuleNamespaceObject(value) ||
    HIDDEN.test(Object.prototype.toString.call(value).slice(8, -1))
  )
}
