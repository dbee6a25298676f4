// cli: values of collections as text, and as JSON.

import { inspect } from 'node:util'
import {
  type Found,
  type Key,
  labelOf,
  SharedHeap,
  SharedList,
  SharedMap,
  SharedSet,
  snapshot,
} from '../../collections/index.js'
import { UsageError } from '../failure.js'
import { harmless, hasColours } from '../terminal.js'
import { ALL, type Showing } from './showing.js'

/** Of a buffer in a text nobody reads more; --limit and --json show all that is asked for. */
const BYTES_SHOWN = 64

/** A detached copy of what is to be shown, and what it leaves out. */
export interface Shown {
  readonly value: unknown
  readonly left: string | undefined
}

/** A detached copy of whatever a path led to. */
export function detached(value: unknown): unknown {
  if (value instanceof SharedHeap)
    return Object.fromEntries(
      value.names().map((found, _, all) => [labelOf(found, all), detached(value.collection(found))]),
    )
  return snapshot(value)
}

/** The same, of what is to be shown alone: of a large map neither time nor memory goes into the rest. */
export function shown(value: unknown, { limit, keys }: Showing): Shown {
  if (keys) return first(keysOf(value), limit, 'keys')
  if (value instanceof SharedMap && (value as SharedMap<Key>).size > limit) {
    const map = value as SharedMap<Key>
    const all = first(map.keys(), limit, 'entries', map.size)
    const copy = new Map((all.value as Key[]).map((key) => [key, map.snapshot(key)]))
    return { value: copy, left: all.left }
  }
  if (value instanceof SharedSet) {
    const all = first(value.keys(), limit, 'entries', value.size)
    return { value: new Set(all.value as Key[]), left: all.left }
  }
  if (value instanceof SharedList && (value as SharedList<unknown>).length > limit) {
    const list = value as SharedList<unknown>
    return { value: snapshot(list.slice(0, limit)), left: leftOut(list.length - limit, 'elements') }
  }
  return { value: detached(value), left: undefined }
}

function first(all: Iterable<unknown>, limit: number, what: string, size?: number): Shown {
  const taken: unknown[] = []
  let more = 0
  for (const one of all) {
    if (taken.length < limit) taken.push(one)
    else if (size === undefined) more++
    else break
  }
  return { value: taken, left: leftOut(size === undefined ? more : size - taken.length, what) }
}

function leftOut(n: number, what: string): string | undefined {
  return n <= 0 ? undefined : `${n} more ${what} are not shown (--limit)`
}

function labelled(found: Found, _: number, all: readonly Found[]): string {
  return labelOf(found, all)
}

function keysOf(value: unknown): Iterable<unknown> {
  if (value instanceof SharedHeap) return value.names().map(labelled)
  if (value instanceof SharedMap || value instanceof SharedSet || value instanceof Map || value instanceof Set)
    return (value as SharedMap<Key>).keys()
  const copy = detached(value)
  if (typeof copy !== 'object' || copy === null) throw new UsageError('a plain value has no keys', 'Leave out --keys.')
  return copy instanceof Map || copy instanceof Set ? copy.keys() : Object.keys(copy)
}

/** Text is itself, anything else as JavaScript shows it. Nothing in it can act on a terminal. */
export function asText(value: unknown, { limit, depth }: Showing = ALL): string {
  if (typeof value === 'string') return harmless(value)
  const most = Number.isFinite(limit) ? limit : null
  const options = { depth, maxArrayLength: most, maxStringLength: null }
  const short = most === null ? shortened(value, new Map()) : value
  const plain = inspect(short, options)
  const safe = harmless(plain)
  // Colours are control characters too: only where no other ones are.
  return safe === plain && hasColours() ? inspect(short, { ...options, colors: true }) : safe
}

/** Bytes that stand for more of them. */
class Excerpt {
  readonly bytes: ArrayBufferView

  constructor(bytes: ArrayBufferView) {
    this.bytes = bytes
  }

  [inspect.custom](depth: number, options: object): string {
    return inspect(this.bytes, { ...options, depth, maxArrayLength: BYTES_SHOWN })
  }
}

/** A detached value with excerpts in the place of long buffers, in what may be changed of it. */
function shortened(value: unknown, known: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const again = known.get(value)
  if (again !== undefined) return again
  if (value instanceof ArrayBuffer) return shortened(new Uint8Array(value), known)
  if (ArrayBuffer.isView(value))
    return 'length' in value && Number(value.length) > BYTES_SHOWN ? new Excerpt(value) : value
  const copy = emptyLike(value)
  if (copy === undefined) return value
  known.set(value, copy)
  if (copy instanceof Map)
    for (const [key, inner] of value as Map<unknown, unknown>) copy.set(key, shortened(inner, known))
  else if (copy instanceof Set) for (const inner of value as Set<unknown>) copy.add(shortened(inner, known))
  else
    for (const [name, inner] of Object.entries(value))
      Object.defineProperty(copy, name, {
        value: shortened(inner, known),
        enumerable: true,
        configurable: true,
        writable: true,
      })
  return copy
}

function emptyLike(value: object): object | undefined {
  if (value instanceof Map) return new Map()
  if (value instanceof Set) return new Set()
  if (Array.isArray(value)) return new Array(value.length)
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.create(prototype) : undefined
}

/**
 * What JSON can say of a value. A Map with string keys becomes an object, any other one a list of pairs; a Set a list;
 * a bigint its digits; a Date its ISO text; bytes base64; NaN and infinities their names; `undefined` null. What is too
 * deep is `[Object]`, what contains itself `[Circular]`.
 */
export function asJson(value: unknown, showing: Showing = ALL, above: readonly object[] = []): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[Circular]'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return (value as { toJSON(): unknown }).toJSON()
  if (value instanceof RegExp) return String(value)
  if (value instanceof Error) return { name: value.name, message: value.message }
  const { limit } = showing
  if (value instanceof ArrayBuffer) return base64(new Uint8Array(value), limit)
  if (ArrayBuffer.isView(value)) return base64(value, limit)
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf()
  if (above.length > showing.depth) return Array.isArray(value) ? '[Array]' : '[Object]'
  const inside = [...above, value]
  const deeper = (inner: unknown): unknown => asJson(inner, showing, inside)
  if (value instanceof Map) {
    const entries = [...value].slice(0, limit)
    return entries.every(([key]) => typeof key === 'string')
      ? Object.fromEntries(entries.map(([key, inner]) => [key, deeper(inner)]))
      : entries.map(([key, inner]) => [deeper(key), deeper(inner)])
  }
  if (value instanceof Set) return [...value].slice(0, limit).map(deeper)
  if (Array.isArray(value)) return Array.from(value.slice(0, limit), deeper)
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, limit)
      .map(([name, inner]) => [name, deeper(inner)]),
  )
}

function base64({ buffer, byteOffset, byteLength }: ArrayBufferView, limit: number): string {
  return Buffer.from(buffer, byteOffset, Math.min(byteLength, limit)).toString('base64')
}
