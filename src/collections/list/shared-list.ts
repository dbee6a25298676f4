// collections/list: an array that every process sees.

import { inspect } from 'node:util'
import { MemlaneError, useOpen } from '../../errors.js'
import { type Heap, HeapList, unlinkHeap } from '../../heap/index.js'
import { listOf } from '../../live/handle-of.js'
import { namedList } from '../../live/live-list.js'
import { rendering, shown } from '../../printable.js'
import { Departures, type DeparturesOptions, type NameOptions, type Peer, peersOf } from '../../segment/index.js'
import { Changes, checkWatchOptions, type WatchOptions } from '../changes.js'
import { closedStandIn, type TransactionOptions, transactionTimeout } from '../collection.js'
import type { ReadOnlyAccess, ReadOnlyList } from '../read-only.js'
import type { NameOfUnstorable, NotStorable } from '../storable.js'
import { ALONE, type CollectionOptions, openHeap, openList } from '../structure.js'

/** A change of a list; `type` says which. */
export type ListChange<T> =
  | {
      /** An element, or the whole list where `index` is `undefined`. */
      readonly type: 'set'
      readonly index: number | undefined
      /** The element when the change is delivered, live; `undefined` when it is gone by then, and for the whole list. */
      readonly value: T | undefined
      /** Further changes that this one stands for. */
      readonly coalesced: number
    }
  | {
      readonly type: 'delete'
      readonly index: number | undefined
      readonly value: undefined
      readonly coalesced: number
    }
  | { readonly type: 'clear'; readonly index: undefined; readonly value: undefined; readonly coalesced: number }

/**
 * An array that every process on the machine sees: index access, `length` and every method of Array.prototype.
 * `Array.isArray` says true. Elements that are objects or arrays are live.
 *
 * Methods that change the list are one step for everybody. Methods without a callback (`slice`, `join`, `toSorted` …)
 * see one moment; those with one (`map`, `filter`, `for…of` …) visit live elements one after another. What `pop`,
 * `shift` and `splice` give is detached; `sort`, `reverse`, `fill` and `copyWithin` store copies, so that live values
 * held from before are stale.
 */
export interface SharedList<T = unknown> extends Array<T>, Disposable {
  readonly name: string
  readonly closed: boolean
  /** A plain array of one moment, detached: nothing in it is live. */
  snapshot(): T[]
  /** Replaces all elements in one step for everybody. */
  assign(values: Iterable<T>): void
  /** Runs `work` as one step for everybody, as `SharedMap.transaction` does. */
  transaction<R>(work: () => R, options?: TransactionOptions): R
  /** The changes from now on, as an async iterator that sleeps between them. Iterators of one handle share a place for watchers, of which a list has `watchers` (256). */
  watch(options?: WatchOptions): Changes<ListChange<T>>
  /** Who has it open, as {@link Collection.participants}. */
  participants(): Peer[]
  /** Who leaves, as {@link Collection.departures}. */
  departures(options?: DeparturesOptions): Departures
  /** Gives back the memory and the descriptor; what is stored stays. Safe to call twice. */
  close(): void
}

interface SharedListDoor {
  /** Opens the list of that name, or makes it, empty. Throws as `SharedMap.open` does. */
  open<T = unknown>(name: NameOfUnstorable<T>, options?: CollectionOptions): NotStorable<T>
  open<T = unknown>(name: string, options: CollectionOptions & ReadOnlyAccess): ReadOnlyList<T>
  open<T = unknown>(name: string, options?: CollectionOptions): SharedList<T>
  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  unlink(name: string, options?: NameOptions): boolean
  /** `x instanceof SharedList`: a list, or an array inside a live value. */
  [Symbol.hasInstance](value: unknown): boolean
}

/**
 * Opens lists.
 *
 * @example
 * import { SharedList } from 'memlane'
 * using chat = SharedList.open<{ from: string; text: string }>('chat')
 * chat.push({ from: 'ada', text: 'hello' })
 * console.log(chat.length, chat.at(-1)!.text)
 */
export const SharedList: SharedListDoor = class ListDoor {
  constructor() {
    throw useOpen('SharedList')
  }

  static open<T>(name: string, options: CollectionOptions = {}): SharedList<T> {
    const heap = openHeap(name, options)
    try {
      return sharedList<T>(name, heap, openList(heap, ALONE), true)
    } catch (error) {
      heap.close()
      throw error
    }
  }

  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return listOf(value) !== undefined
  }
} as unknown as SharedListDoor

Object.defineProperty(SharedList, 'name', { value: 'SharedList' })
Object.freeze(SharedList)

/** @internal @param alone the heap is its own, and is closed with it. */
export function sharedList<T>(name: string, heap: Heap, list: HeapList, alone: boolean): SharedList<T> {
  let closed = false
  const isClosed = (): boolean => closed || heap.closed
  const checkOpen = (): void => {
    if (isClosed()) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(name)} is closed`)
  }
  const close = (): void => {
    if (closed) return
    closed = true
    if (alone) heap.close()
    else named.end(closedStandIn(name, HeapList.prototype))
  }
  const members = {
    name,
    get closed(): boolean {
      return isClosed()
    },
    snapshot: (): unknown[] => {
      checkOpen()
      return list.snapshot()
    },
    assign: (values: Iterable<unknown>): void => {
      const all = [...values]
      checkOpen()
      list.assign(all)
    },
    transaction: <R>(work: () => R, options?: TransactionOptions): R => {
      checkOpen()
      return heap.transaction(work, transactionTimeout(options))
    },
    watch(options?: WatchOptions): Changes<ListChange<T>> {
      checkOpen()
      const checked = checkWatchOptions(options)
      return new Changes(list.watch(), ({ type, key, coalesced }) => change<T>(list, type, key, coalesced), checked)
    },
    participants: (): Peer[] => {
      checkOpen()
      return peersOf(heap.segment)
    },
    departures(options: DeparturesOptions = {}): Departures {
      checkOpen()
      return new Departures(heap.segment, isClosed, options)
    },
    close,
    [Symbol.dispose]: close,
    toJSON: (): unknown => shown(members.snapshot),
    [inspect.custom]: (_depth: number, options: object): string =>
      rendering(`SharedList(${JSON.stringify(name)})`, members.snapshot, options),
  }
  const named = namedList(list, Object.setPrototypeOf(members, null))
  return named.list as unknown as SharedList<T>
}

function change<T>(list: HeapList, type: ListChange<T>['type'], key: unknown, coalesced: number): ListChange<T> {
  const index = typeof key === 'number' ? key : undefined
  if (type === 'clear') return { type, index: undefined, value: undefined, coalesced }
  if (type === 'delete') return { type, index, value: undefined, coalesced }
  return { type, index, value: index === undefined ? undefined : (list.get(index) as T), coalesced }
}
