// heap/watch: detached copies of a structure, to tell from two of them what has changed in between.

import { isDeepStrictEqual } from 'node:util'
import type { Key } from '../kinds/map/map-index.js'
import type { Picture } from './looker.js'
import type { Change } from './watcher.js'

type Changed = (type: Change['type'], key: Change['key']) => void

/** All entries of a map, or the one of a key. */
export class MapPicture implements Picture {
  readonly #entries: ReadonlyMap<Key, unknown>
  readonly #epoch: number
  readonly #key: readonly [Key] | readonly []

  /** @param epoch another one when the map was cleared. @param key the only one that matters; empty: all do. */
  constructor(entries: ReadonlyMap<Key, unknown>, epoch: number, key: readonly [Key] | readonly []) {
    this.#entries = entries
    this.#epoch = epoch
    this.#key = key
  }

  compare(later: MapPicture, changed: Changed): void {
    let before = this.#entries
    if (later.#epoch !== this.#epoch && before.size !== 0) {
      changed('clear', this.#key[0])
      before = new Map()
    }
    for (const key of before.keys()) if (!later.#entries.has(key)) changed('delete', key)
    for (const [key, value] of later.#entries)
      if (!before.has(key) || !isDeepStrictEqual(before.get(key), value)) changed('set', key)
  }
}

/** All elements of a list. */
export class ListPicture implements Picture {
  readonly #elements: readonly unknown[]

  constructor(elements: readonly unknown[]) {
    this.#elements = elements
  }

  compare(later: ListPicture, changed: Changed): void {
    const before = this.#elements
    const now = later.#elements
    // Which elements have moved cannot be told.
    if (before.length !== now.length) return changed('set', undefined)
    for (let index = 0; index < now.length; index++)
      if (index in now !== index in before || !isDeepStrictEqual(before[index], now[index]))
        changed(index in now ? 'set' : 'delete', index)
  }
}

/** A single value. */
export class CellPicture implements Picture {
  readonly #value: unknown

  constructor(value: unknown) {
    this.#value = value
  }

  compare(later: CellPicture, changed: Changed): void {
    if (!isDeepStrictEqual(this.#value, later.#value)) changed('set', undefined)
  }
}
