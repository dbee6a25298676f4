// heap/handles: walking a map in insertion order while others change it.
//
// Entries are gathered in batches under the arena's version. Between batches the cursor stands on an entry; should that
// be gone, it goes on from an earlier one of the batch that is not, or from the head, skipping what it has passed: each
// entry has a sequence number that only grows. What is added meanwhile is seen, what is deleted before its turn is not.

import type { Core } from '../core.js'
import { E_HASH, E_MAP, E_NEXT, E_SEQUENCE, E_VALUE, M_EPOCH, M_HEAD } from '../kinds/map/map.layout.js'
import type { Key } from '../kinds/map/map-index.js'
import { ENTRY } from '../values/values.layout.js'
import type { HeapMap } from './heap-map.js'

const BATCH = 64

/** Instead of a value: the entry was deleted since the cursor stepped on it. */
export const GONE: unique symbol = Symbol('gone')

export class MapCursor {
  key: Key = undefined
  readonly #core: Core
  readonly #owner: HeapMap
  readonly #map: number
  #entries: number[] = []
  #generations: number[] = []
  #keys: Key[] = []
  #at = -1
  #passed = 0
  #epoch = 0
  #done = false

  /** @internal */
  constructor(core: Core, owner: HeapMap, map: number) {
    this.#core = core
    this.#owner = owner
    this.#map = map
  }

  /** Steps to the next entry. @returns false at the end, and from then on. */
  next(): boolean {
    while (!this.#done) {
      this.#at++
      if (this.#at >= this.#entries.length && !this.#gather()) {
        this.#done = true
        this.key = undefined
        break
      }
      const at = this.#at
      if (this.#alive(at)) {
        this.key = this.#keys[at]
        return true
      }
    }
    return false
  }

  /** The value where the cursor stands, live; GONE when it was deleted since. */
  get value(): unknown {
    const { decoder, arena } = this.#core
    return this.#read(
      (stripe, look) => arena.read(stripe, look),
      (word) => decoder.read(word),
    )
  }

  /** The same, detached. */
  get snapshot(): unknown {
    const { decoder } = this.#core
    return this.#read(
      (stripe, look) => decoder.moment(stripe, look),
      (word) => decoder.snapshot(word),
    )
  }

  #read(moment: (stripe: number, look: () => unknown) => unknown, look: (word: number) => unknown): unknown {
    const at = this.#at
    if (this.#done || at < 0) return GONE
    const { arena } = this.#core
    const entry = this.#entries[at]!
    const stripe = (arena.i32[(entry << 1) + E_HASH]! >>> 26) & 63
    return moment(arena.stripeWord(stripe), () => (this.#isSame(at) ? look((entry << 1) + E_VALUE) : GONE))
  }

  #alive(at: number): boolean {
    const { arena } = this.#core
    const stripe = (arena.i32[(this.#entries[at]! << 1) + E_HASH]! >>> 26) & 63
    return arena.read(arena.stripeWord(stripe), () => this.#isSame(at))
  }

  #isSame(at: number): boolean {
    const { i32 } = this.#core.arena
    const e = this.#entries[at]! << 1
    return (
      this.#owner.isFresh &&
      i32[e] === this.#generations[at] &&
      i32[e + E_MAP] === this.#map &&
      (i32[e + 1]! & 0xff) === ENTRY &&
      i32[(this.#map << 1) + M_EPOCH] === this.#epoch
    )
  }

  /** The next batch. @returns false when there is none. */
  #gather(): boolean {
    const { arena, index } = this.#core
    const { i32, f64 } = arena
    const found: number[] = []
    const keys: Key[] = []
    const generations: number[] = []
    let epoch = 0
    let passed = this.#passed
    arena.read(arena.version, () => {
      this.#owner.check('map')
      found.length = 0
      keys.length = 0
      generations.length = 0
      passed = this.#passed
      epoch = i32[(this.#map << 1) + M_EPOCH]!
      let entry = this.#resume(epoch)
      for (let budget = i32.length >> 4; entry !== 0 && found.length < BATCH && budget > 0; budget--) {
        if (f64[entry + E_SEQUENCE]! > passed) {
          found.push(entry)
          keys.push(index.keyOf(entry))
          generations.push(i32[entry << 1]!)
          passed = f64[entry + E_SEQUENCE]!
        }
        entry = i32[(entry << 1) + E_NEXT] ?? 0
      }
    })
    if (found.length === 0) return false
    this.#entries = found
    this.#keys = keys
    this.#generations = generations
    this.#epoch = epoch
    this.#passed = passed
    this.#at = 0
    return true
  }

  /** Where to go on: behind the last entry of the old batch that is still there. */
  #resume(epoch: number): number {
    const { i32 } = this.#core.arena
    if (epoch === this.#epoch) {
      for (let at = this.#entries.length - 1; at >= 0; at--) {
        if (this.#isSame(at)) return i32[(this.#entries[at]! << 1) + E_NEXT]!
      }
    }
    return i32[(this.#map << 1) + M_HEAD]!
  }
}
