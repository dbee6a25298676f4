// collections: what handles that were opened with `readOnly: true` look like to the type checker: what would be ERR_READ_ONLY is not there.

import type { Key } from '../heap/index.js'
import type { Cell } from './cells/cell.js'
import type { BigIntType, IntType, SmallIntType } from './cells/int-types.js'
import type { SharedBlock } from './cells/shared-block.js'
import type { SharedBool } from './cells/shared-bool.js'
import type { FloatType, SharedFloat } from './cells/shared-float.js'
import type { SharedInt } from './cells/shared-int.js'
import type { SharedString } from './cells/shared-string.js'
import type { SharedHeap } from './heap/shared-heap.js'
import type { SharedList } from './list/shared-list.js'
import type { SharedMap } from './map/shared-map.js'
import type { SharedQueue } from './queue/shared-queue.js'
import type { SharedSet } from './set/shared-set.js'

/** Marks options as those of a handle that only reads. */
export interface ReadOnlyAccess {
  /** Literally `true`: a boolean that is only known at run time opens a handle that looks as if it could change things. */
  readonly readOnly: true
}

/** A map that was opened with `readOnly: true`. */
export type ReadOnlyMap<K extends Key = string, V = unknown> = Omit<
  SharedMap<K, V>,
  | 'set'
  | 'delete'
  | 'clear'
  | 'getOrInsert'
  | 'getOrInsertComputed'
  | 'update'
  | 'add'
  | 'compareAndSet'
  | 'setMany'
  | 'deleteMany'
  | 'transaction'
>

/** A set that was opened with `readOnly: true`. */
export type ReadOnlySet<T extends Key = string> = Omit<
  SharedSet<T>,
  'add' | 'delete' | 'clear' | 'addMany' | 'deleteMany' | 'assign' | 'transaction'
>

/** A list that was opened with `readOnly: true`. */
export type ReadOnlyList<T = unknown> = ReadonlyArray<T> &
  Pick<
    SharedList<T>,
    'name' | 'closed' | 'snapshot' | 'watch' | 'participants' | 'departures' | 'close' | typeof Symbol.dispose
  >

type ReadOnlyCell<C extends Cell<T>, T, Changing extends keyof C> = Omit<
  C,
  'value' | 'set' | 'exchange' | 'compareExchange' | Changing
> & { readonly value: T }

/** A whole number that was opened with `readOnly: true`. */
export type ReadOnlyInt<N extends number | bigint> = ReadOnlyCell<SharedInt<N>, N, 'add' | 'sub' | 'and' | 'or' | 'xor'>

/** A floating-point number that was opened with `readOnly: true`. */
export type ReadOnlyFloat = ReadOnlyCell<SharedFloat, number, 'add'>

/** A switch that was opened with `readOnly: true`. */
export type ReadOnlyBool = ReadOnlyCell<SharedBool, boolean, 'toggle'>

/** A string that was opened with `readOnly: true`. */
export type ReadOnlyString = ReadOnlyCell<SharedString, string, 'append' | 'update'>

/** A value that was opened with `readOnly: true`. */
export type ReadOnlyBlock<T = unknown> = ReadOnlyCell<SharedBlock<T>, T, 'update'>

/** A queue that was opened with `readOnly: true`: messages may be looked at, not put or taken. */
export type ReadOnlyQueue<T = unknown> = Pick<
  SharedQueue<T>,
  | 'name'
  | 'closed'
  | 'size'
  | 'taken'
  | 'peek'
  | 'snapshot'
  | 'participants'
  | 'departures'
  | 'close'
  | typeof Symbol.dispose
>

/** A heap that was opened with `readOnly: true`. */
export interface ReadOnlyHeap<M = unknown>
  extends Omit<
    SharedHeap<M>,
    | 'map'
    | 'set'
    | 'list'
    | 'int'
    | 'float'
    | 'bool'
    | 'string'
    | 'block'
    | 'remove'
    | 'transaction'
    | 'root'
    | 'messages'
    | 'queue'
    | 'share'
    | 'destroy'
    | 'collect'
    | 'exclusive'
    | 'exclusiveAsync'
  > {
  /** As of `SharedHeap`, and only reads. */
  readonly root: ReadOnlyMap<string, unknown>
  /** As of `SharedHeap`, and only reads. */
  readonly messages: ReadOnlyQueue<M>
  /** As of `SharedHeap`, and only reads. */
  queue<T = unknown>(name: string): ReadOnlyQueue<T>
  /** As of `SharedHeap`, and only reads. */
  map<K extends Key = string, V = unknown>(name: string): ReadOnlyMap<K, V>
  /** As of `SharedHeap`, and only reads. */
  set<T extends Key = string>(name: string): ReadOnlySet<T>
  /** As of `SharedHeap`, and only reads. */
  list<T = unknown>(name: string): ReadOnlyList<T>
  /** As of `SharedHeap`, and only reads. */
  int(name: string, type: BigIntType): ReadOnlyInt<bigint>
  /** As of `SharedHeap`, and only reads. */
  int(name: string, type?: SmallIntType): ReadOnlyInt<number>
  /** As of `SharedHeap`, and only reads. */
  int(name: string, type?: IntType): ReadOnlyInt<number> | ReadOnlyInt<bigint>
  /** As of `SharedHeap`, and only reads. */
  float(name: string, type?: FloatType): ReadOnlyFloat
  /** As of `SharedHeap`, and only reads. */
  bool(name: string): ReadOnlyBool
  /** As of `SharedHeap`, and only reads. */
  string(name: string): ReadOnlyString
  /** As of `SharedHeap`, and only reads. */
  block<T = unknown>(name: string): ReadOnlyBlock<T>
}
