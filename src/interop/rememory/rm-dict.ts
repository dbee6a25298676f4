// interop/rememory: a dict that Python programs share.

import { describe, wrongType } from '../../errors.js'
import { type Updated, updated } from '../../updating.js'
import { Container } from './container.js'
import { checkFunction, OPENING, refusePromise, unlinkRememory } from './handle.js'
import { encodeItem, type Pair } from './image.js'
import type { RMSizedOptions } from './options.js'
import { checkKey } from './pickle/index.js'

/**
 * The dict of that name of the Python package rememory: `Dict("game_state")` there.
 *
 * Values are read as copies: to change one, set it again, or use {@link update}, which does both in one step.
 *
 * @example
 * import { RMDict } from 'memlane/rememory'
 * using players = RMDict.open<string, { score: number }>('game_state', { timeout: 1000 })
 * players.set('ada', { score: 10 })
 * players.update('ada', (ada) => ({ ...ada, score: (ada?.score ?? 0) + 1 }))
 * for (const [name, { score }] of players) console.log(name, score)
 */
export class RMDict<K = string, V = unknown> extends Container {
  private constructor(opening: typeof OPENING, name: string, options: RMSizedOptions) {
    super(opening, 'dict', name, options)
  }

  /**
   * Opens the dict of that name, or makes it. What is in it is neither changed nor replayed.
   *
   * @throws MemlaneError `ERR_NAME`, `ERR_TYPE`, `ERR_RANGE`, `ERR_MISMATCH` (the name is something else), `ERR_TOO_SMALL` (its
   *   maker has not sized it), `ERR_NOT_FOUND` (with `create: false`), `ERR_TIMEOUT`, `ERR_NO_SPACE`, `ERR_OWNER`, `ERR_PERMISSION`, `ERR_FOREIGN`, `ERR_LIMIT`.
   */
  static open<K = string, V = unknown>(name: string, options: RMSizedOptions = {}): RMDict<K, V> {
    return new RMDict<K, V>(OPENING, name, options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /**
   * A copy of the value of a key, or undefined.
   *
   * @throws MemlaneError `ERR_FOREIGN` when the value is no plain data, `ERR_CORRUPT` when the dict cannot be read: the bytes
   *   stay as they are; `ERR_TYPE` (a key that Python cannot hash), `ERR_TIMEOUT`, `ERR_CLOSED`.
   */
  get(key: K): V | undefined {
    return this.read(() => {
      const at = this.image.find(key)
      return at < 0 ? undefined : (this.image.value(at) as V)
    })
  }

  /** Whether there is an entry of this key. */
  has(key: K): boolean {
    return this.read(() => this.image.find(key) >= 0)
  }

  /** How many entries it holds at this moment. */
  get size(): number {
    return this.read(() => this.image.count)
  }

  /**
   * Stores a value under a key.
   *
   * @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_TYPE`, `ERR_RANGE` (it nests too deep), `ERR_TOO_LARGE`, `ERR_FOREIGN` and `ERR_CORRUPT`
   *   (the dict cannot be read), `ERR_NO_SPACE`, `ERR_TIMEOUT`, `ERR_CLOSED`. Nothing has changed then.
   */
  set(key: K, value: V): this {
    const item = encodeItem('dict', checked(key), value)
    this.change(() => this.image.put(this.image.find(key), key, item))
    return this
  }

  /** @returns true when the key was there. @throws MemlaneError as {@link set}. */
  delete(key: K): boolean {
    return this.change(() => {
      const at = this.image.find(key)
      if (at < 0) return false
      this.image.remove(at)
      return true
    })
  }

  /**
   * Replaces the value of a key by what a function makes of it, in one step: nobody else reads or writes meanwhile.
   *
   * @param change gets a copy of the value, or undefined, and gives the new one; when it gives nothing, the copy is stored as
   *   it left it. `delete(key)` inside deletes it.
   * @returns the new value; `undefined` when it was deleted.
   * @throws MemlaneError `ERR_TYPE` when it gives nothing and there is no object that it could have changed, `ERR_ASYNC` for a
   *   promise, and as {@link set}; and what `change` throws. Nothing has changed then.
   */
  update(key: K, change: (value: V | undefined) => Updated<V>): V | undefined {
    checked(key)
    checkFunction(change, 'change')
    return this.change(() => {
      const at = this.image.find(key)
      const before = at < 0 ? undefined : (this.image.value(at) as V)
      const given = refusePromise(change(before), 'the change')
      if (given === undefined && at >= 0 && this.image.find(key) < 0) return undefined
      const value = updated(before, given, describe(key)) as V
      this.image.put(this.image.find(key), key, encodeItem('dict', key, value))
      return value
    })
  }

  /** Stores several values in one step. */
  setAll(entries: Iterable<readonly [K, V]>): void {
    if (typeof (entries as Partial<typeof entries> | null | undefined)?.[Symbol.iterator] !== 'function')
      throw wrongType('entries', 'pairs of keys and values', entries)
    const items = Array.from(entries, (pair) => {
      if (!Array.isArray(pair)) throw wrongType('an entry', 'a pair of a key and a value', pair)
      const [key, value] = pair as [K, V]
      return [key, encodeItem('dict', checked(key), value)] as const
    })
    this.change(() => {
      for (const [key, item] of items) this.image.put(this.image.find(key), key, item)
    })
  }

  /** Removes a key. @returns its value, or undefined. */
  pop(key: K): V | undefined {
    return this.change(() => {
      const at = this.image.find(key)
      if (at < 0) return undefined
      const value = this.image.value(at) as V
      this.image.remove(at)
      return value
    })
  }

  /** A copy of everything, as of one moment. */
  toMap(): Map<K, V> {
    return new Map(this.read(() => this.image.pairs()) as [K, V][])
  }

  /** The keys as of one moment. */
  keys(): IterableIterator<K> {
    return (this.read(() => this.image.keys()) as K[])[Symbol.iterator]()
  }

  /** The values as of one moment. */
  values(): IterableIterator<V> {
    return (this.read(() => this.image.pairs()).map((pair: Pair) => pair[1]) as V[])[Symbol.iterator]()
  }

  /** Keys and values as of one moment. */
  entries(): IterableIterator<[K, V]> {
    return (this.read(() => this.image.pairs()) as [K, V][])[Symbol.iterator]()
  }

  /** The entries of one moment. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  /** Calls `work` with each value and key of one moment. */
  forEach(each: (value: V, key: K, dict: this) => void): void {
    for (const [key, value] of this.entries()) each(value, key, this)
  }
}

function checked<K>(key: K): K {
  checkKey(key)
  return key
}
