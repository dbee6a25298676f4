// collections/set: a Set that every process sees.

import { wrongType } from '../../errors.js'
import { type Heap, type HeapMap, type Key, unlinkHeap } from '../../heap/index.js'
import type { SetIteration } from '../../iterators.js'
import type { NameOptions } from '../../segment/index.js'
import { collect } from '../../sizes.js'
import { Changes, checkWatchOptions, type WatchOptions } from '../changes.js'
import { Collection, closedStandIn } from '../collection.js'
import type { ReadOnlyAccess, ReadOnlySet } from '../read-only.js'
import { ALONE, type CollectionOptions, openHeap, openMap } from '../structure.js'
import { alias, walkSet } from '../walk.js'
import type { SetLike } from './set-algebra.js'
import * as algebra from './set-algebra.js'

/** A change of a set; `type` says which. */
export type SetChange<T extends Key> =
  | {
      readonly type: 'add' | 'delete'
      readonly value: T
      /** Further changes that this one stands for. */
      readonly coalesced: number
    }
  | { readonly type: 'clear'; readonly value: undefined; readonly coalesced: number }

/**
 * A Set that every process on the machine sees, of primitive values, in the order they were added.
 *
 * The methods that make new sets (`union` …) give plain, detached Sets, made from one moment of this one. They take
 * anything like a set, shared or not, and lock nothing.
 *
 * @example
 * import { SharedSet } from 'memlane'
 * using online = SharedSet.open<string>('online')
 * online.add('ada')
 * console.log(online.union(new Set(['bo'])))
 */
export class SharedSet<T extends Key = string> extends Collection {
  #map: HeapMap

  /** @internal */
  constructor(name: string, heap: Heap, map: HeapMap, alone: boolean) {
    super(name, heap, alone)
    this.#map = map
  }

  /** Opens the set of that name, or makes it, empty. Throws as `SharedMap.open` does. */
  static open<T extends Key = string>(name: string, options: CollectionOptions & ReadOnlyAccess): ReadOnlySet<T>
  static open<T extends Key = string>(name: string, options?: CollectionOptions): SharedSet<T>
  static open<T extends Key>(name: string, options: CollectionOptions = {}): SharedSet<T> {
    const heap = openHeap(name, options)
    try {
      return new SharedSet(name, heap, openMap(heap, 'set', ALONE), true)
    } catch (error) {
      heap.close()
      throw error
    }
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  /** How many values it holds at this moment. */
  get size(): number {
    return this.#map.size
  }

  /** Whether it holds this value. */
  has(value: T): boolean {
    return this.#map.has(value)
  }

  /** @throws MemlaneError `ERR_TYPE` for a value that is not primitive, `ERR_NO_SPACE`, `ERR_CLOSED`. */
  add(value: T): this {
    // Looked up first: adding what is there is no change, and costs no lock.
    if (!this.#map.has(value)) {
      this.heap.transaction(() => {
        if (!this.#map.has(value)) this.#map.set(value, undefined)
      })
    }
    return this
  }

  /** Removes a value. @returns whether it was there. */
  delete(value: T): boolean {
    return this.#map.delete(value)
  }

  /** Removes every value. One step for everybody. */
  clear(): void {
    this.#map.clear()
  }

  /** Adds many values in one step for everybody. @returns how many were new. */
  addMany(values: Iterable<T>): number {
    const all = collect(values, 'values')
    this.checkOpen()
    return this.heap.transaction(() => {
      let count = 0
      for (const value of all) {
        if (this.#map.has(value)) continue
        this.#map.set(value, undefined)
        count++
      }
      return count
    })
  }

  /** Deletes many values in one step for everybody. @returns how many were there. */
  deleteMany(values: Iterable<T>): number {
    const all = collect(values, 'values')
    this.checkOpen()
    return this.#map.deleteMany(all)
  }

  /** Makes this set hold exactly these values, in one step for everybody; those it has stay where they are. */
  assign(values: Iterable<T>): this {
    const wanted = new Set(collect(values, 'values'))
    this.checkOpen()
    this.heap.transaction(() => {
      for (const value of this.#map.snapshot().keys()) if (!wanted.has(value as T)) this.#map.delete(value)
      for (const value of wanted) if (!this.#map.has(value)) this.#map.set(value, undefined)
    })
    return this
  }

  /** A plain Set of one moment. */
  snapshot(): Set<T> {
    return new Set(this.#map.snapshot().keys()) as Set<T>
  }

  /** The values in the order they were added; as with a Set, what changes meanwhile counts. */
  values(): SetIteration<T> {
    return walkSet(this.#map.cursor(), (cursor) => cursor.key as T)
  }

  /** Each value twice, as `Set` gives them. */
  entries(): SetIteration<[T, T]> {
    return walkSet(this.#map.cursor(), ({ key }) => [key as T, key as T])
  }

  /** The very same as `values`. */
  declare readonly keys: () => SetIteration<T>

  /** The very same as `values`. */
  declare readonly [Symbol.iterator]: () => SetIteration<T>

  static {
    alias(SharedSet.prototype, 'values', 'keys', Symbol.iterator)
  }

  /** Calls `work` with each value, as `Set` does. Others may change the set meanwhile. */
  forEach(work: (value: T, again: T, set: this) => void, self: unknown = undefined): void {
    if (typeof work !== 'function') throw wrongType('work', 'a function', work)
    for (const value of this.values()) work.call(self, value, value, this)
  }

  /** A plain `Set` of what is in one or in both. */
  union<U>(other: SetLike<U>): Set<T | U> {
    return algebra.union(() => this.snapshot(), other)
  }

  /** A plain `Set` of what is in both. */
  intersection<U>(other: SetLike<U>): Set<T & U> {
    return algebra.intersection(() => this.snapshot(), other)
  }

  /** A plain `Set` of what is here and not in the other. */
  difference<U>(other: SetLike<U>): Set<T> {
    return algebra.difference(() => this.snapshot(), other)
  }

  /** A plain `Set` of what is in one of the two and not in both. */
  symmetricDifference<U>(other: SetLike<U>): Set<T | U> {
    return algebra.symmetricDifference(() => this.snapshot(), other)
  }

  /** Whether the other holds all that is here. */
  isSubsetOf(other: SetLike<unknown>): boolean {
    return algebra.isSubsetOf(() => this.snapshot(), other)
  }

  /** Whether all of the other is here. */
  isSupersetOf(other: SetLike<unknown>): boolean {
    return algebra.isSupersetOf(() => this.snapshot(), other)
  }

  /** Whether nothing is in both. */
  isDisjointFrom(other: SetLike<unknown>): boolean {
    return algebra.isDisjointFrom(() => this.snapshot(), other)
  }

  /**
   * The changes from now on, as an async iterator that sleeps between them. Iterators of one handle share a place for watchers, of which a set has `watchers` (256).
   *
   * @throws MemlaneError `ERR_LIMIT`, `ERR_TYPE`, `ERR_CLOSED`.
   */
  watch(options?: WatchOptions): Changes<SetChange<T>> {
    this.checkOpen()
    const checked = checkWatchOptions(options)
    return new Changes(
      this.#map.watch(),
      ({ type, key, coalesced }): SetChange<T> =>
        type === 'clear'
          ? { type, value: undefined, coalesced }
          : { type: type === 'set' ? 'add' : type, value: key as T, coalesced },
      checked,
    )
  }

  /** The name of the class. */
  get [Symbol.toStringTag](): string {
    return 'SharedSet'
  }

  /** @internal */
  protected override detach(): void {
    this.#map = closedStandIn(this.name)
  }

  /** @internal */
  protected override printable(): unknown {
    return this.snapshot()
  }

  /** @internal */
  protected override toPlain(): unknown {
    return [...this.snapshot()]
  }
}
