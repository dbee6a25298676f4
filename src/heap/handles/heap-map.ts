// heap/handles: a named map.

import { describe, MemlaneError, wrongType } from '../../errors.js'
import { pause, whenFull } from '../arena/arena.js'
import type { Core } from '../core.js'
import { STRIPE_STEP } from '../heap.layout.js'
import { CLEAR, DELETE_ENTRIES } from '../intents.js'
import { KeyMemo, type Known } from '../kinds/map/key-memo.js'
import { E_VALUE, M_EPOCH, M_SIZE, M_WATCH } from '../kinds/map/map.layout.js'
import type { Key } from '../kinds/map/map-index.js'
import { NOT_QUICK } from '../values/decode.js'
import { setNumber, slot } from '../values/slots.js'
import { ARRAY, FIRST_TAG, OBJECT, TAG_BLOCK, TAG_INT, TAG_REF, TAG_STRING } from '../values/values.layout.js'
import { Looker } from '../watch/looker.js'
import { MapPicture } from '../watch/pictures.js'
import { CHANGE_CLEAR, CHANGE_DELETE, CHANGE_SET } from '../watch/watch.layout.js'
import { Watcher, type Watching } from '../watch/watcher.js'
import { MapCursor } from './cursor.js'
import { Handle } from './handle.js'

/** Optimistic attempts of the quick path, before read() takes over. */
const QUICK = 4

export class HeapMap extends Handle {
  readonly #core: Core
  readonly #map: number
  readonly #memo: KeyMemo = new KeyMemo()

  /** @internal */
  constructor(core: Core, pointer: number) {
    super(core, pointer)
    this.#core = core
    this.#map = pointer
  }

  /** Entries. */
  get size(): number {
    const { arena } = this.#core
    return arena.read(arena.version, () => {
      this.check('map')
      return arena.i32[(this.#map << 1) + M_SIZE]!
    })
  }

  // ---- finding

  /** What is known of a key: its hash, and its entry for as long as `#holds`. */
  #recall(key: Key): Known | undefined {
    return typeof key === 'string' ? this.#memo.recall(key) : undefined
  }

  /** The same for one who reads, who may learn. */
  #recallOrLearn(key: Key): Known | undefined {
    if (typeof key !== 'string') return undefined
    const known = this.#memo.recall(key)
    return known === undefined && this.#memo.isDue() ? this.#look(key) : known
  }

  /** Learns a key in one look, in which nobody may write. */
  #look(key: string): Known | undefined {
    const { arena, index } = this.#core
    const { memory } = arena
    if (arena.depth !== 0) return undefined
    const hash = index.hash(key)
    const version = arena.stripeWord(hash >>> 26)
    const seen = memory.loadVersion(version)
    if ((seen & 1) !== 0 || !this.isFresh) return undefined
    const entry = index.find(this.#map, hash, key)
    const known = this.#describe(hash, entry)
    if (entry === 0 || !memory.checkVersion(version, seen)) return undefined
    this.#memo.learn(key, known)
    return known
  }

  #describe(hash: number, entry: number): Known {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const carveWord = blocks.carveWord(entry)
    const epoch = i32[(this.#map << 1) + M_EPOCH]!
    return { hash, entry, age: i32[entry << 1]!, carveWord, carve: i32[carveWord]!, epoch }
  }

  /** True while the entry is what it was; counts only under a version or the lock. */
  #holds(known: Known): boolean {
    const { i32 } = this.#core.arena
    return (
      i32[known.entry << 1] === known.age &&
      i32[known.carveWord] === known.carve &&
      i32[(this.#map << 1) + M_EPOCH] === known.epoch
    )
  }

  /** The entry of a key; 0: none. */
  #find(known: Known | undefined, hash: number, key: Key): number {
    if (known !== undefined) {
      if (this.#holds(known)) return known.entry
      this.#memo.forget(key as string)
    }
    return this.#core.index.find(this.#map, hash, key)
  }

  // ---- reading and changing

  /**
   * The value of a key: a primitive, a detached copy, or a live object or array; `undefined` when there is none.
   *
   * @throws MemlaneError `ERR_STALE`, `ERR_CLOSED`, `ERR_CORRUPT`, `ERR_TYPE` for a key that is no primitive.
   */
  get(key: Key): unknown {
    const { arena, index, decoder, objects } = this.#core
    const { i32, f64, memory } = arena
    const known = this.#recallOrLearn(key)
    const hash = known === undefined ? index.hash(key) : known.hash
    if (arena.depth === 0) {
      const version = arena.stripes + (hash >>> 26) * STRIPE_STEP
      for (let attempt = 0; attempt < QUICK; attempt++) {
        const seen = memory.loadVersion(version)
        if ((seen & 1) !== 0 || !this.isFresh) {
          pause(attempt)
          continue
        }
        const entry = this.#find(known, hash, key)
        if (entry === 0) {
          // Where pages are gone nothing is found; read() tells.
          if (memory.checkVersion(version, seen) && memory.faults === 0) return undefined
          continue
        }
        const word = (entry << 1) + E_VALUE
        const high = i32[word + 1]!
        if (high >= 0 || high < FIRST_TAG) {
          const value = f64[word >> 1]
          if (memory.checkVersion(version, seen)) return value
        } else if (high === TAG_INT) {
          const value = i32[word]
          if (memory.checkVersion(version, seen)) return value
        } else if (high === TAG_BLOCK) {
          const kind = i32[(i32[word]! << 1) + 1]! & 0xff
          if (kind !== OBJECT && kind !== ARRAY) break
          const value = this.#core.live(i32[word]!, kind)
          if (memory.checkVersion(version, seen)) return value
        } else if (high === TAG_REF) {
          const value = objects.known(i32[word]!)
          if (value === undefined) break
          if (memory.checkVersion(version, seen)) return value
        } else {
          const value = decoder.quick(i32[word]!, high)
          if (value === NOT_QUICK) break
          if (memory.checkVersion(version, seen)) return value
        }
      }
    }
    return arena.read(arena.stripeWord(hash >>> 26), () => {
      this.check('map')
      const entry = index.find(this.#map, hash, key)
      return entry === 0 ? undefined : decoder.read((entry << 1) + E_VALUE)
    })
  }

  has(key: Key): boolean {
    const { arena, index } = this.#core
    const { memory } = arena
    const known = this.#recallOrLearn(key)
    const hash = known === undefined ? index.hash(key) : known.hash
    const version = arena.stripes + (hash >>> 26) * STRIPE_STEP
    if (arena.depth === 0) {
      const seen = memory.loadVersion(version)
      if ((seen & 1) === 0 && this.isFresh) {
        const found = this.#find(known, hash, key) !== 0
        if (memory.checkVersion(version, seen) && (found || memory.faults === 0)) return found
      }
    }
    return arena.read(version, () => {
      this.check('map')
      return index.find(this.#map, hash, key) !== 0
    })
  }

  /**
   * Stores a value, replacing what was there: handles into the old value are stale from then on.
   *
   * @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_TX_TOO_BIG`, `ERR_STALE`, `ERR_TYPE`, `ERR_READ_ONLY`.
   */
  set(key: Key, value: unknown): void {
    const { arena, index } = this.#core
    const known = this.#recall(key)
    const hash = known === undefined ? index.hash(key) : known.hash
    arena.change(HeapMap.#setWork, this, known, hash, key, value)
  }

  static #setWork(this: void, map: HeapMap, known: Known | undefined, hash: number, key: Key, value: unknown): void {
    map.check('map')
    map.#set(known, map.#find(known, hash, key), hash, key, value)
  }

  /** @param found the entry of the key; 0: it has none yet. */
  #set(known: Known | undefined, found: number, hash: number, key: Key, value: unknown): void {
    const { arena, blocks, index, encoder, graph, overwriter } = this.#core
    const { i32, joins } = arena
    const map = this.#map
    const entry = found === 0 ? index.insert(map, hash, key) : found
    if (found !== 0) {
      if (known === undefined && typeof key === 'string' && this.#memo.isDue())
        this.#memo.learn(key, this.#describe(hash, entry))
      arena.touch(hash >>> 26)
    }
    const word = (entry << 1) + E_VALUE
    if (typeof value === 'number') setNumber(value)
    else if (this.#overwrite(word, value)) return this.#noteSet(hash, key)
    else {
      // A getter inside the value may find the entry, or step on it, and throw.
      if (found === 0 && arena.depth === 1 && typeof value === 'object') blocks.remember(entry)
      encoder.encode(value, entry, hash >>> 26, overwriter.read)
      // A getter inside the value may have deleted the entry meanwhile.
      if (arena.joins !== joins && index.find(map, hash, key) !== entry) throw stale(this.#core.name, key)
      slot.low = encoder.low
      slot.high = encoder.high
    }
    const low = i32[word]!
    const high = i32[word + 1]!
    arena.put2(word, slot.low, slot.high)
    if (high === TAG_STRING || high === TAG_BLOCK || high === TAG_REF) graph.release(low, high)
    this.#noteSet(hash, key)
  }

  /** The same where the log cannot hold what becomes free. */
  static #setInSteps(
    this: void,
    self: HeapMap,
    known: Known | undefined,
    hash: number,
    key: Key,
    value: unknown,
  ): void {
    self.check('map')
    const { arena, index, encoder, intents } = self.#core
    const { joins } = arena
    const entry = self.#find(known, hash, key)
    if (entry === 0) return self.#set(known, entry, hash, key, value)
    arena.touch(hash >>> 26)
    encoder.encode(value, entry, hash >>> 26)
    if (arena.joins !== joins && index.find(self.#map, hash, key) !== entry) throw stale(self.#core.name, key)
    const { low, high } = encoder
    intents.replaceInSteps((entry << 1) + E_VALUE, low, high, 0, () => self.#noteSet(hash, key))
  }

  /** The same where no block is left. */
  static #setInPlace(
    this: void,
    self: HeapMap,
    known: Known | undefined,
    hash: number,
    key: Key,
    value: unknown,
  ): void {
    self.check('map')
    const { arena, encoder, intents } = self.#core
    const entry = self.#find(known, hash, key)
    if (entry === 0) return self.#set(known, entry, hash, key, value)
    arena.touch(hash >>> 26)
    intents.replaceInPlace(
      (entry << 1) + E_VALUE,
      0,
      () => encoder.encode(value, entry, hash >>> 26),
      () => self.#noteSet(hash, key),
    )
  }

  /** Stores a value into the blocks of the one it replaces, where that can be done. */
  #overwrite(word: number, value: unknown): boolean {
    const { arena, overwriter } = this.#core
    const { i32 } = arena
    if (typeof value === 'string') return overwriter.text(word, value)
    overwriter.read = undefined
    return (
      i32[word + 1] === TAG_BLOCK &&
      typeof value === 'object' &&
      value !== null &&
      arena.depth === 1 &&
      overwriter.object(i32[word]!, value)
    )
  }

  #noteSet(hash: number, key: Key): void {
    const { arena, watches } = this.#core
    const map = this.#map
    if (arena.i32[(map << 1) + M_WATCH] !== 0) watches.note(map, (map << 1) + M_WATCH, CHANGE_SET, hash, key)
  }

  /** @returns true when the key was there. */
  delete(key: Key): boolean {
    const { arena, index } = this.#core
    const known = this.#recall(key)
    const hash = known === undefined ? index.hash(key) : known.hash
    return arena.change(HeapMap.#deleteWork, this, known, hash, key)
  }

  static #deleteWork(this: void, self: HeapMap, known: Known | undefined, hash: number, key: Key): boolean {
    self.check('map')
    const entry = self.#find(known, hash, key)
    if (entry === 0) return false
    const { arena, index, graph, watches } = self.#core
    const { i32 } = arena
    const map = self.#map
    if (known !== undefined) self.#memo.forget(key as string)
    const word = (entry << 1) + E_VALUE
    arena.touch(hash >>> 26)
    graph.release(i32[word]!, i32[word + 1]!)
    index.remove(entry)
    const watchWord = (map << 1) + M_WATCH
    if (i32[watchWord] !== 0) watches.note(map, watchWord, CHANGE_DELETE, hash, key)
    return true
  }

  static #deleteInSteps(this: void, self: HeapMap, known: Known | undefined, hash: number, key: Key): boolean {
    self.check('map')
    const entry = self.#find(known, hash, key)
    if (entry !== 0) self.#core.intents.carryOut(DELETE_ENTRIES, self.#map, entry)
    return entry !== 0
  }

  /** Watchers get to know the key from the entry's own block, as there is no other. */
  static #deleteInPlace(this: void, self: HeapMap, known: Known | undefined, hash: number, key: Key): boolean {
    self.check('map')
    const entry = self.#find(known, hash, key)
    if (entry === 0) return false
    const { arena, index, graph, watches } = self.#core
    const { i32 } = arena
    const word = (entry << 1) + E_VALUE
    const watchWord = (self.#map << 1) + M_WATCH
    const isWatched = i32[watchWord] !== 0
    arena.touch(hash >>> 26)
    graph.release(i32[word]!, i32[word + 1]!)
    index.remove(entry, isWatched)
    if (isWatched) watches.note(self.#map, watchWord, CHANGE_DELETE, hash, key, entry)
    return true
  }

  /** Deletes many keys in one step for everybody. @returns how many were there. */
  deleteMany(keys: readonly Key[]): number {
    return this.#core.arena.change(HeapMap.#deleteManyWork, this, keys)
  }

  static #deleteManyWork(this: void, self: HeapMap, keys: readonly Key[]): number {
    self.check('map')
    let count = 0
    for (const key of keys) if (HeapMap.#deleteWork(self, self.#recall(key), self.#core.index.hash(key), key)) count++
    return count
  }

  static #deleteManyInSteps(this: void, self: HeapMap, keys: readonly Key[]): number {
    self.check('map')
    const { index, intents } = self.#core
    // A key that can be none is refused before anything is begun.
    const hashes = keys.map((key) => index.hash(key))
    return intents.deleteMarked(self.#map, function* () {
      for (let i = 0; i < keys.length; i++) yield index.find(self.#map, hashes[i]!, keys[i]!)
    })
  }

  clear(): void {
    this.#core.arena.change(HeapMap.#clearWork, this)
  }

  static #clearWork(this: void, self: HeapMap): void {
    const { arena, index, graph, watches } = self.#core
    const { i32 } = arena
    const map = self.#map
    self.check('map')
    index.clear(map, (entry) => graph.release(i32[(entry << 1) + E_VALUE]!, i32[(entry << 1) + E_VALUE + 1]!))
    const watchWord = (map << 1) + M_WATCH
    if (i32[watchWord] !== 0) watches.note(map, watchWord, CHANGE_CLEAR, 0, undefined)
  }

  static #clearInSteps(this: void, self: HeapMap): void {
    const { arena, intents, watches } = self.#core
    self.check('map')
    arena.touchPrefix(0, 0)
    const watchWord = (self.#map << 1) + M_WATCH
    if (arena.i32[watchWord] !== 0) watches.note(self.#map, watchWord, CHANGE_CLEAR, 0, undefined)
    intents.carryOut(CLEAR, self.#map)
  }

  static {
    whenFull(HeapMap.#setWork, { inSteps: HeapMap.#setInSteps, inPlace: HeapMap.#setInPlace })
    whenFull(HeapMap.#setInSteps, { inSteps: HeapMap.#setInPlace })
    whenFull(HeapMap.#deleteWork, { inSteps: HeapMap.#deleteInSteps, inPlace: HeapMap.#deleteInPlace })
    whenFull(HeapMap.#deleteManyWork, { inSteps: HeapMap.#deleteManyInSteps })
    whenFull(HeapMap.#clearWork, { inSteps: HeapMap.#clearInSteps })
  }

  /**
   * Adds to a number; a missing key counts as 0.
   *
   * @returns the new value.
   * @throws MemlaneError `ERR_TYPE` when the value is no number, and what `set` throws.
   */
  add(key: Key, amount: number): number {
    const { arena, index } = this.#core
    const known = this.#recall(key)
    const hash = known === undefined ? index.hash(key) : known.hash
    return arena.change(HeapMap.#addWork, this, known, hash, key, amount)
  }

  static #addWork(this: void, map: HeapMap, known: Known | undefined, hash: number, key: Key, amount: number): number {
    map.check('map')
    const entry = map.#find(known, hash, key)
    let sum = amount
    if (entry !== 0) {
      const before = map.#core.decoder.read((entry << 1) + E_VALUE)
      if (typeof before !== 'number') throw wrongType(`the value of ${String(key)}`, 'a number', before)
      sum = before + amount
    }
    map.#set(known, entry, hash, key, sum)
    return sum
  }

  /** The block of a value, inside a transaction: another one in the same transaction means another value. 0: none. */
  placeOf(key: Key): number {
    const { arena, index } = this.#core
    const { i32 } = arena
    this.check('map')
    const entry = index.find(this.#map, index.hash(key), key)
    return entry !== 0 && i32[(entry << 1) + E_VALUE + 1] === TAG_BLOCK ? i32[(entry << 1) + E_VALUE]! : 0
  }

  /** The value of a key, detached, of one moment. */
  snapshotOf(key: Key): unknown {
    const { arena, index, decoder } = this.#core
    const hash = index.hash(key)
    return decoder.moment(arena.stripeWord(hash >>> 26), () => {
      this.check('map')
      const entry = index.find(this.#map, hash, key)
      return entry === 0 ? undefined : decoder.snapshot((entry << 1) + E_VALUE)
    })
  }

  /** All entries, detached, of one moment. */
  snapshot(): Map<Key, unknown> {
    const { arena, index, decoder } = this.#core
    return arena.read(arena.version, () => {
      this.check('map')
      const result = new Map<Key, unknown>()
      const copy = decoder.copierOfMany()
      let steps = 0
      index.each(this.#map, (entry) => {
        result.set(index.keyOf(entry), copy((entry << 1) + E_VALUE))
        if ((++steps & 255) === 0) arena.checkpoint()
      })
      return result
    })
  }

  /** Walks the entries as a Map's iterator does, whoever changes the map meanwhile. */
  cursor(): MapCursor {
    return new MapCursor(this.#core, this, this.#map)
  }

  /**
   * Watches all changes, or with `key` those of one key.
   *
   * A handle that only reads looks again and again, at a copy of all that is watched.
   *
   * @throws MemlaneError `ERR_LIMIT` when all places for watchers of this map are taken.
   */
  watch(options: { key?: Key } = {}): Watching {
    if (this.#core.arena.segment.readOnly) return this.#lookAt('key' in options ? [options.key] : [])
    return this.#core.arena.change(() => {
      this.check('map')
      return new Watcher(this.#core, this.#map, (this.#map << 1) + M_WATCH, 'key' in options, options.key)
    })
  }
  #lookAt(key: readonly [Key] | readonly []): Watching {
    const { arena, index, decoder } = this.#core
    const m = this.#map << 1
    const hash = key.length === 0 ? 0 : index.hash(key[0])
    return new Looker(this.#core, () => {
      this.check('map')
      const copy = decoder.copierOfMany()
      const entries = new Map<Key, unknown>()
      const add = (entry: number): unknown => entries.set(index.keyOf(entry), copy((entry << 1) + E_VALUE))
      if (key.length === 0) index.each(this.#map, add)
      else {
        const entry = index.find(this.#map, hash, key[0])
        if (entry !== 0) add(entry)
      }
      return new MapPicture(entries, arena.i32[m + M_EPOCH]!, key)
    })
  }
}

function stale(name: string, key: Key): MemlaneError {
  return new MemlaneError(
    'ERR_STALE',
    `a getter in the value for ${describe(key)} of ${JSON.stringify(name)} changed that very entry`,
  )
}
