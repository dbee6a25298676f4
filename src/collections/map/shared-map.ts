// collections/map: a Map that every process sees.

import { describe, wrongType } from '../../errors.js'
import { GONE, type Heap, type HeapMap, type Key, unlinkHeap } from '../../heap/index.js'
import type { MapIteration } from '../../iterators.js'
import { handleOf } from '../../live/handle-of.js'
import type { NameOptions } from '../../segment/index.js'
import { checkObject, collect } from '../../sizes.js'
import { DELETE, type Updated, updated } from '../../updating.js'
import { Changes, checkWatchOptions, type WatchOptions } from '../changes.js'
import { Collection, closedStandIn, refuseThenable, sameValueZero } from '../collection.js'
import type { ReadOnlyAccess, ReadOnlyMap } from '../read-only.js'
import type { NameOfUnstorable, NotStorable } from '../storable.js'
import { ALONE, type CollectionOptions, openHeap, openMap } from '../structure.js'
import { alias, walkMap } from '../walk.js'

/** A change of a map; `type` says which. */
export type MapChange<K extends Key, V> =
  | {
      /** A value was stored, or something inside it was changed. */
      readonly type: 'set'
      readonly key: K
      /** The value when the change is delivered, live; `undefined` when it is gone by then. */
      readonly value: V | undefined
      /** Further changes that this one stands for, because they came faster than they were taken. */
      readonly coalesced: number
    }
  | { readonly type: 'delete'; readonly key: K; readonly value: undefined; readonly coalesced: number }
  | { readonly type: 'clear'; readonly key: undefined; readonly value: undefined; readonly coalesced: number }

/**
 * A Map that every process on the machine sees. Keys are primitive values, compared as Map compares them; values are
 * all that structured clone takes. Objects and arrays that come out are live: a store into them is seen everywhere.
 *
 * A value belongs to its key. Storing a live value elsewhere stores a copy of it; what was overwritten or deleted is
 * gone, and says `ERR_STALE` when a held live value is used.
 *
 * @example
 * import { SharedMap } from 'memlane'
 * using players = SharedMap.open<string, { score: number; tags: string[] }>('game_state')
 * players.set('ada', { score: 10, tags: [] })
 * players.get('ada')!.score += 1
 * players.get('ada')!.tags.push('admin')
 */
export class SharedMap<K extends Key = string, V = unknown> extends Collection {
  #map: HeapMap

  /** @internal */
  constructor(name: string, heap: Heap, map: HeapMap, alone: boolean) {
    super(name, heap, alone)
    this.#map = map
  }

  /**
   * Opens the map of that name, or makes it, empty. What is in it stays as it is.
   *
   * @throws MemlaneError `ERR_KIND` when the name is something else, `ERR_TYPE`, `ERR_RANGE`, `ERR_NAME`, `ERR_NO_SPACE`,
   *   `ERR_PERMISSION`, `ERR_OWNER`, `ERR_PARTICIPANTS`, `ERR_CORRUPT`.
   */
  static open<K extends Key = string, V = unknown>(
    name: NameOfUnstorable<V>,
    options?: CollectionOptions,
  ): NotStorable<V, K>
  static open<K extends Key = string, V = unknown>(
    name: string,
    options: CollectionOptions & ReadOnlyAccess,
  ): ReadOnlyMap<K, V>
  static open<K extends Key = string, V = unknown>(name: string, options?: CollectionOptions): SharedMap<K, V>
  static open(name: string, options: CollectionOptions = {}): unknown {
    const heap = openHeap(name, options)
    try {
      return new SharedMap(name, heap, openMap(heap, 'map', ALONE), true)
    } catch (error) {
      heap.close()
      throw error
    }
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  /** @internal Neither closed nor removed. */
  get isThere(): boolean {
    return !this.closed && this.#map.isFresh
  }

  /** Number of entries. */
  get size(): number {
    return this.#map.size
  }

  /** The value of a key, live; `undefined` when there is none. @throws MemlaneError `ERR_TYPE` for a key that is not primitive, `ERR_CLOSED`. */
  get(key: K): V | undefined {
    return this.#map.get(key) as V | undefined
  }

  /** Whether there is an entry of this key. */
  has(key: K): boolean {
    return this.#map.has(key)
  }

  /**
   * Stores a copy of a value, replacing what was there. A live value is copied too: `map.set('b', map.get('a'))` makes
   * two that go their own ways.
   *
   * @throws MemlaneError `ERR_NOT_CLONEABLE` naming the place inside the value, `ERR_NO_SPACE`, `ERR_TX_TOO_BIG`, `ERR_TYPE`, `ERR_CLOSED`.
   */
  set(key: K, value: V): this {
    this.#map.set(key, value)
    return this
  }

  /** @returns true when the key was there. */
  delete(key: K): boolean {
    return this.#map.delete(key)
  }

  /** Removes every entry. One step for everybody. */
  clear(): void {
    this.#map.clear()
  }

  /** The value of a key; `value` is stored first when there is none. One step for everybody. */
  getOrInsert(key: K, value: V): V {
    const found = this.#map.get(key)
    if (found !== undefined) return found as V
    return this.heap.transaction(() => {
      if (!this.#map.has(key)) this.#map.set(key, value)
      return this.#map.get(key) as V
    })
  }

  /** The same, with a value that is made only when it is needed, by whoever is first; the heap is locked meanwhile. */
  getOrInsertComputed(key: K, make: (key: K) => V): V {
    if (typeof make !== 'function') throw wrongType('make', 'a function', make)
    const found = this.#map.get(key)
    if (found !== undefined) return found as V
    return this.heap.transaction(() => {
      // As a Map's key: −0 is 0.
      if (!this.#map.has(key)) this.#map.set(key, sync(make(key === 0 ? (0 as K) : key), 'make'))
      return this.#map.get(key) as V
    })
  }

  /**
   * Replaces a value by what `change` makes of it, in one step for everybody: read, change, write, without anybody in
   * between.
   *
   * @param change gets the value, live, or `undefined` for a missing key, and gives the new one. It may change an object in
   *   place and give it back, or nothing. `DELETE`, or `map.delete(key)` inside, deletes the key.
   * @returns the new value, live; `undefined` when it was deleted.
   * @throws MemlaneError `ERR_TYPE` when `change` gives nothing and there is no object that it could have changed, `ERR_ASYNC`
   *   when it gives a promise, and what `set` throws; nothing has changed then.
   * @example
   * import { DELETE, SharedMap } from 'memlane'
   * using players = SharedMap.open<string, { lives: number }>('players')
   * players.update('ada', (ada) => {
   *   if (ada === undefined) return { lives: 3 }
   *   if (ada.lives === 1) return DELETE
   *   ada.lives -= 1
   *   return ada
   * })
   */
  update(key: K, change: (value: V | undefined) => Updated<V> | typeof DELETE): V | undefined {
    if (typeof change !== 'function') throw wrongType('change', 'a function', change)
    this.checkOpen()
    return this.heap.transaction(() => {
      const { arena } = this.heap.core
      const old = this.#map.get(key) as V | undefined
      const { joins } = arena
      const place = this.#map.placeOf(key)
      const given = sync(change(old), 'change')
      if (given === DELETE) this.#map.delete(key)
      // Nothing, by a function that has itself stored or deleted: a primitive in any case, an object that it replaced.
      else if (given !== undefined || arena.joins === joins || (isObject(old) && this.#map.placeOf(key) === place)) {
        const value = updated(old, given, `${describe(key)} of ${JSON.stringify(this.name)}`, ', or DELETE')
        // Given back as it came: what was changed in it is stored already.
        if (handleOf(old)?.same(handleOf(value)) !== true) this.#map.set(key, value)
      }
      return this.#map.get(key) as V | undefined
    })
  }

  /**
   * Adds to a number or a bigint, in one step for everybody; a missing key counts as 0.
   *
   * @returns the new value.
   * @throws MemlaneError `ERR_TYPE` when the value or the amount is something else.
   */
  add<N extends number | bigint>(key: K, amount: N): N extends bigint ? bigint : number {
    type Sum = N extends bigint ? bigint : number
    if (typeof amount === 'number') return this.#map.add(key, amount) as Sum
    if (typeof amount !== 'bigint') throw wrongType('amount', 'a number or a bigint', amount)
    this.checkOpen()
    return this.heap.transaction(() => {
      const old = this.#map.has(key) ? this.#map.get(key) : 0n
      if (typeof old !== 'bigint') throw wrongType(`the value of ${String(key)}`, 'a bigint', old)
      this.#map.set(key, old + amount)
      return (old + amount) as Sum
    })
  }

  /**
   * Stores `value` if the value is `expected`, in one step for everybody.
   *
   * @param expected a primitive, compared as Map compares keys; `undefined` stands for a missing key too.
   * @returns true when it was stored.
   * @throws MemlaneError `ERR_TYPE` when `expected` is an object, and what `set` throws.
   */
  compareAndSet(key: K, expected: V | undefined, value: V): boolean {
    if ((typeof expected === 'object' && expected !== null) || typeof expected === 'function')
      throw wrongType('expected', 'a primitive value', expected)
    this.checkOpen()
    return this.heap.transaction(() => {
      if (!sameValueZero(this.#map.get(key), expected)) return false
      this.#map.set(key, value)
      return true
    })
  }

  /** Stores many entries in one step for everybody: all of them, or none when one is refused. */
  setMany(entries: Iterable<readonly [K, V]>): this {
    // The caller's iterator runs before the heap is locked.
    const all = collect(entries, 'entries')
    for (const entry of all) checkObject(entry, 'an entry')
    this.checkOpen()
    this.heap.transaction(() => {
      for (const entry of all) this.#map.set(entry[0], entry[1])
    })
    return this
  }

  /** Deletes many keys in one step for everybody. @returns how many were there. */
  deleteMany(keys: Iterable<K>): number {
    const all = collect(keys, 'keys')
    this.checkOpen()
    return this.#map.deleteMany(all)
  }

  /** A plain Map of one moment, detached: nothing in it is live. */
  snapshot(): Map<K, V>
  /** The value of one key, detached, of one moment. */
  snapshot(key: K): V | undefined
  snapshot(...keys: [] | [K]): Map<K, V> | V | undefined {
    return keys.length === 0 ? (this.#map.snapshot() as Map<K, V>) : (this.#map.snapshotOf(keys[0]) as V | undefined)
  }

  /**
   * The entries in the order their keys were first set, values live. As with a Map, entries that are added while the
   * iteration runs are visited, entries deleted before their turn are not, whichever process does it.
   */
  entries(): MapIteration<[K, V]> {
    return walkMap(this.#map.cursor(), (cursor) => {
      const { value } = cursor
      return value === GONE ? GONE : [cursor.key as K, value as V]
    })
  }

  /** The keys, as they come; others may change the map meanwhile. */
  keys(): MapIteration<K> {
    return walkMap(this.#map.cursor(), (cursor) => cursor.key as K)
  }

  /** The values, live, as they come; others may change the map meanwhile. */
  values(): MapIteration<V> {
    return walkMap(this.#map.cursor(), (cursor) => cursor.value as V | typeof GONE)
  }

  /** The very same as `entries`. */
  declare readonly [Symbol.iterator]: () => MapIteration<[K, V]>

  static {
    alias(SharedMap.prototype, 'entries', Symbol.iterator)
  }

  /** Calls `work` with each value and key, as `Map` does. Others may change the map meanwhile. */
  forEach(work: (value: V, key: K, map: this) => void, self: unknown = undefined): void {
    if (typeof work !== 'function') throw wrongType('work', 'a function', work)
    for (const [key, value] of this.entries()) work.call(self, value, key, this)
  }

  /**
   * The changes from now on, of all keys or of one, as an async iterator that sleeps between them.
   *
   * Events plus what they say in `coalesced` are the changes made. Iterators of one handle share a place for watchers, of which a map has `watchers` (256).
   *
   * @throws MemlaneError `ERR_LIMIT` when all places for watchers are taken (the option `watchers`), `ERR_TYPE`, `ERR_CLOSED`.
   * @example
   * import { SharedMap } from 'memlane'
   * using flags = SharedMap.open<string, boolean>('flags')
   * for await (const { type, value } of flags.watch('dark-mode')) console.log(type, value)
   */
  watch(options?: WatchOptions): Changes<MapChange<K, V>>
  watch(key: K, options?: WatchOptions): Changes<MapChange<K, V>>
  watch(...args: unknown[]): Changes<MapChange<K, V>> {
    this.checkOpen()
    const [first] = args
    // watch(undefined) watches everything; the key `undefined` is watched by watch(undefined, {}).
    const keyed = args.length > 1 || (first !== undefined && (typeof first !== 'object' || first === null))
    const options = checkWatchOptions((keyed ? args[1] : first) as WatchOptions | undefined)
    const watcher = this.#map.watch(keyed ? { key: first as K } : {})
    return new Changes(
      watcher,
      ({ type, key, coalesced }): MapChange<K, V> => {
        if (type === 'set') return { type, key: key as K, value: this.get(key as K), coalesced }
        if (type === 'delete') return { type, key: key as K, value: undefined, coalesced }
        return { type, key: undefined, value: undefined, coalesced }
      },
      options,
    )
  }

  /** The name of the class. */
  get [Symbol.toStringTag](): string {
    return 'SharedMap'
  }

  /** @internal */
  protected override detach(): void {
    this.#map = closedStandIn(this.name)
  }

  /** @internal */
  protected override printable(): unknown {
    return this.snapshot()
  }

  /** @internal An object where all keys are strings, else a list of pairs. */
  protected override toPlain(): unknown {
    const entries = [...this.snapshot()]
    return entries.every(([key]) => typeof key === 'string') ? Object.fromEntries(entries) : entries
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function sync<T>(value: T, what: string): T {
  refuseThenable(value, what)
  return value
}
