// heap: the face it shows to the rooms above, as types. The classes that keep this contract are in the folders beside
// it; this file goes away when they are all there.
//
// A heap is a segment of kind 'heap'. It holds structures, found by name: maps (sets are maps whose values are
// `undefined`), lists, cells. Every mutation is a transaction, alone or joined into the one that is open. Every read
// outside a transaction is optimistic and always finishes; a read inside one sees its own writes.
//
// Values: what comes out of get() is a primitive, a fresh detached object (Date, RegExp, Error, Map, Set, ArrayBuffer,
// typed arrays, DataView, boxed primitives, bigint), or, for plain objects and arrays, what the adapter makes of a
// handle: heap.adapter.wrap(handle). What goes into set() may contain such wrapped values: heap.adapter.unwrap(value)
// leads back to the handle, and the live value is copied.

import type { Segment } from '../segment/index.js'
import type { Size } from '../sizes.js'

export interface HeapOptions {
  /** Most bytes the heap may grow to; default '256 MiB', at most 4 GiB less the header. */
  maxSize?: Size
  /** Bytes of blocks committed at creation; default one growth step (1 MiB), or all of a smaller maxSize. */
  initialSize?: Size
  /** Undo log of each participant; default '512 KiB': 65,535 overwritten words in one transaction. */
  undoSize?: Size
  participants?: number
  namespace?: string
  mode?: number
  owner?: 'self' | 'any' | number
  lifetime?: 'keep' | 'lastClose'
}

/** How the room above shows live objects and arrays, and finds its way back. Default: the handles themselves. */
export interface Adapter {
  wrap(handle: HeapObjectPlan | HeapListPlan): object
  /** The handle of a value that wrap() made, of this heap or another one; `undefined` for anything else. */
  unwrap(value: object): HeapObjectPlan | HeapListPlan | undefined
}

export type Key = string | number | bigint | boolean | null | undefined

export interface HeapStats {
  /** Bytes blocks may grow to. */
  readonly capacity: number
  /** Bytes that have pages now. */
  readonly committed: number
  /** Bytes of live blocks. */
  readonly used: number
  /** committed - used: free blocks and free pages. */
  readonly free: number
  /** Longest run of free pages that have memory. */
  readonly largestFree: number
  readonly blocks: number
}

export interface HeapPlan {
  // static create(name, options), open(name, {namespace, owner, readOnly}), createOrOpen(name, options), unlink(name, {namespace}),
  // local(options), attachLocal(buffer): a heap over a SharedArrayBuffer
  readonly segment: Segment
  adapter: Adapter
  readonly inTransaction: boolean
  /** Runs fn with the lock held: all of its writes or none. Nested calls join. ERR_ASYNC when fn returns a thenable. */
  transaction<T>(fn: () => T): T
  /** Opens a structure by name, making it when `create` (default true). ERR_KIND when it is of another kind, ERR_NOT_FOUND. */
  map(name: string, options?: { create?: boolean }): HeapMapPlan
  list(name: string, options?: { create?: boolean }): HeapListPlan
  cell(name: string, options?: { create?: boolean; initial?: unknown }): HeapCellPlan
  /** Names and kinds of the structures here. */
  names(): { name: string; kind: 'map' | 'list' | 'cell' }[]
  /** Frees a structure and all in it. Handles to it say ERR_STALE. */
  remove(name: string): boolean
  stats(): HeapStats
  /** Walks every block under the lock. Throws ERR_CORRUPT with the first thing that is wrong. */
  verify(): HeapStats
  close(): void
}

/** A map with Map's semantics. Keys compare by SameValueZero. */
export interface HeapMapPlan {
  readonly heap: HeapPlan
  readonly size: number
  get(key: Key): unknown
  has(key: Key): boolean
  set(key: Key, value: unknown): void
  delete(key: Key): boolean
  clear(): void
  /** The value as a plain detached copy, whole. */
  snapshotOf(key: Key): unknown
  /** All entries, of one moment, detached. */
  snapshot(): Map<Key, unknown>
  /** Adds to a number (missing: 0) in one transaction. @returns the new value. ERR_TYPE when it is something else. */
  add(key: Key, amount: number): number
  /** Map's iteration order and rules, whoever mutates meanwhile. */
  cursor(): MapCursorPlan
  watch(options?: { key?: Key; hasKey?: boolean }): WatchPlan
}

export interface MapCursorPlan {
  /** Steps to the next entry. False at the end (and from then on). */
  next(): boolean
  readonly key: Key
  /** Read when asked for, live. `undefined` when the entry was deleted since. */
  readonly value: unknown
}

/** An array: a list by name, or an array inside a value. Index access in O(1), holes kept. */
export interface HeapListPlan {
  readonly heap: HeapPlan
  /** Assignable, as an array's. */
  length: number
  get(index: number): unknown
  /** True unless the index is beyond the end or a hole. */
  has(index: number): boolean
  /** Any index up to 2^32 - 2 as arrays take; beyond the end leaves holes. */
  set(index: number, value: unknown): void
  /** Makes a hole. */
  delete(index: number): boolean
  push(...values: unknown[]): number
  /** Detached. */
  pop(): unknown
  shift(): unknown
  unshift(...values: unknown[]): number
  /** What was removed, detached. */
  splice(start: number, deleteCount: number, ...values: unknown[]): unknown[]
  /** Replaces everything: sort, reverse, fill, copyWithin are built from snapshot() and this. */
  assign(values: readonly unknown[]): void
  snapshot(): unknown[]
  snapshotOf(index: number): unknown
  /** Same (pointer, generation) in the same heap. */
  same(other: unknown): boolean
  watch(): WatchPlan
}

/** A plain object inside a value. Every access throws ERR_STALE once the value was overwritten or deleted. */
export interface HeapObjectPlan {
  readonly heap: HeapPlan
  get(key: string): unknown
  has(key: string): boolean
  set(key: string, value: unknown): void
  delete(key: string): boolean
  /** In the order of plain objects: integer keys ascending, then insertion. */
  keys(): string[]
  snapshot(): object
  same(other: unknown): boolean
}

export interface HeapCellPlan {
  readonly heap: HeapPlan
  get(): unknown
  set(value: unknown): void
  snapshot(): unknown
  watch(): WatchPlan
}

/** One watcher. Changes that were not taken in time are coalesced: events + coalesced = changes made since watch(). */
export interface WatchPlan {
  /** The next change, or undefined. Order: oldest first; with a key: one event standing for all since the last take. */
  take(): { type: 'set' | 'delete' | 'clear'; key: Key; coalesced: number } | undefined
  /** Resolves true when take() may have something, false after close(). Rejects with the signal's reason. Sleeps on a futex. */
  wait(options?: { timeout?: number; signal?: AbortSignal | undefined }): Promise<boolean>
  waitSync(timeoutMs: number): boolean
  close(): void
}
