// collections: the room's door.

export type { HeapStats, Key } from '../heap/index.js'
export type { Access } from './access.js'
export { Cell, type CellChange, type Expected } from './cells/cell.js'
export type { BigIntType, IntType, SmallIntType } from './cells/int-types.js'
export type { ScalarOptions } from './cells/scalar-segment.js'
export { type BlockOptions, SharedBlock } from './cells/shared-block.js'
export { type BoolOptions, SharedBool } from './cells/shared-bool.js'
export { type FloatOptions, type FloatType, SharedFloat } from './cells/shared-float.js'
export { type IntOptions, type IntValue, SharedInt } from './cells/shared-int.js'
export { SharedString, type StringOptions } from './cells/shared-string.js'
export { Changes, type WatchOptions } from './changes.js'
export { Collection, type TransactionOptions } from './collection.js'
export { type Existing, existing, openExisting } from './existing.js'
export { type AnyCollection, type ClassOptions, type HeapOptions, type Shared, SharedHeap } from './heap/shared-heap.js'
export { type ListChange, SharedList } from './list/shared-list.js'
export { type MapChange, SharedMap } from './map/shared-map.js'
export { Message } from './queue/message.js'
export {
  type BlockingTakeOptions,
  type ConsumeOptions,
  Consumer,
  type PeekOptions,
  SharedQueue,
  type TakeOptions,
  type WaitingTakeOptions,
} from './queue/shared-queue.js'
export type {
  ReadOnlyAccess,
  ReadOnlyBlock,
  ReadOnlyBool,
  ReadOnlyFloat,
  ReadOnlyHeap,
  ReadOnlyInt,
  ReadOnlyList,
  ReadOnlyMap,
  ReadOnlySet,
  ReadOnlyString,
} from './read-only.js'
export type { SetLike } from './set/set-algebra.js'
export { type SetChange, SharedSet } from './set/shared-set.js'
export { isLive, type Snapshot, snapshot } from './snapshot.js'
export type { NameOfUnstorable, NotStorable } from './storable.js'
export { type CollectionOptions, type Found, type Kind, labelOf } from './structure.js'
