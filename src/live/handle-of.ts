// live: the way from a live value back to its handle. The symbol never leaves this room.

import { HeapList, HeapObject } from '../heap/index.js'

/** Asking a live value for this property gives its handle. */
export const HANDLE: unique symbol = Symbol('handle')

/** The handle behind a live value; `undefined` for every other value, hostile ones included. */
export function handleOf(value: unknown): HeapObject | HeapList | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const handle = (value as { [HANDLE]?: unknown })[HANDLE]
  return handle instanceof HeapObject || handle instanceof HeapList ? handle : undefined
}

/** The handle of a live array. */
export function listOf(value: unknown): HeapList | undefined {
  const handle = handleOf(value)
  return handle instanceof HeapList ? handle : undefined
}
