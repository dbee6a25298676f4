// cli: values of collections as text, and as JSON.

import { inspect } from 'node:util'
import { Cell, SharedHeap, SharedList, SharedMap, SharedSet, snapshot } from '../../collections/index.js'
import { harmless, hasColours } from '../terminal.js'

/** A detached copy of whatever a path led to. */
export function detached(value: unknown): unknown {
  if (value instanceof SharedHeap)
    return Object.fromEntries(value.names().map((found) => [found.name, detached(value.collection(found))]))
  if (value instanceof SharedMap || value instanceof SharedSet || value instanceof SharedList || value instanceof Cell)
    return snapshot(value)
  return snapshot(value)
}

/** Text is itself, anything else as JavaScript shows it. Nothing in it can act on a terminal. */
export function asText(value: unknown): string {
  if (typeof value === 'string') return harmless(value)
  const options = { depth: Number.POSITIVE_INFINITY, maxArrayLength: null, maxStringLength: null }
  const plain = inspect(value, options)
  const safe = harmless(plain)
  // Colours are control characters too: only where no other ones are.
  return safe === plain && hasColours() ? inspect(value, { ...options, colors: true }) : safe
}

/**
 * What JSON can say of a value. A Map with string keys becomes an object, any other one a list of pairs; a Set a list;
 * a bigint its digits; a Date its ISO text; bytes base64; NaN and infinities their names; `undefined` null.
 */
export function asJson(value: unknown, above: readonly object[] = []): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) return '[Circular]'
  const inside = [...above, value]
  const deeper = (inner: unknown): unknown => asJson(inner, inside)
  if (value instanceof Map) {
    const entries = [...value]
    return entries.every(([key]) => typeof key === 'string')
      ? Object.fromEntries(entries.map(([key, inner]) => [key, deeper(inner)]))
      : entries.map(([key, inner]) => [deeper(key), deeper(inner)])
  }
  if (value instanceof Set) return [...value].map(deeper)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return (value as { toJSON(): unknown }).toJSON()
  if (value instanceof RegExp) return String(value)
  if (value instanceof Error) return { name: value.name, message: value.message }
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (Array.isArray(value)) return Array.from(value, deeper)
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf()
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, deeper(inner)]))
}
