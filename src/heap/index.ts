// heap: the room's door. Arena (one lock, striped versions, an undo log per participant), allocator, values, hash index.
//
// A heap is a segment of kind 'heap'. It holds structures, found by name: maps (a set is a map whose values are
// `undefined`), lists, cells, queues. Every change is a transaction, alone or joined into the one that is open. A read outside a
// transaction takes no lock and always finishes; one inside sees the transaction's own changes. A heap over a read-only
// segment refuses every change with ERR_READ_ONLY, and a read that it cannot finish without the lock with ERR_BUSY.
//
// What get() gives is a primitive, a fresh detached object (Date, RegExp, Error, Map, Set, ArrayBuffer, views, boxed
// primitives), or for plain objects and arrays what heap.adapter makes of a HeapObject or HeapList. What set()
// takes may contain such wrapped values: heap.adapter.unwrap leads back to the handle, and the live value is copied.
// Detached: snapshot(), snapshotOf(), and what pop(), shift(), splice() return.

export type { Adapter } from './core.js'
export { GONE, type MapCursor } from './handles/cursor.js'
export { Handle } from './handles/handle.js'
export { HeapCell } from './handles/heap-cell.js'
export { HeapList } from './handles/heap-list.js'
export { HeapMap } from './handles/heap-map.js'
export { HeapObject } from './handles/heap-object.js'
export { type Choice, ENDED, HeapMessage, HeapQueue } from './handles/heap-queue.js'
export {
  Heap,
  type HeapOpenOptions,
  type HeapOptions,
  type StructureKind,
  type StructureOptions,
  unlinkHeap,
} from './heap.js'
export type { Key } from './kinds/map/map-index.js'
export type { Collected } from './objects/collector.js'
export type { HeapStats } from './verify.js'
export type { Change, Watcher, Watching } from './watch/watcher.js'

// wanted by collections:
// 1. HeapList.get and HeapCell.get: a live value on the quick path too, as in HeapMap.get.
