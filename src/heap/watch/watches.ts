// heap/watch: notes changes where somebody watches. Needs a transaction.

import { MemlaneError } from '../../errors.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { BELLS, H_BELLS } from '../heap.layout.js'
import { A_ROOT, A_WATCH } from '../kinds/list/list.layout.js'
import { mix } from '../kinds/map/hash.js'
import { E_HASH, E_MAP, M_ROOT, M_WATCH } from '../kinds/map/map.layout.js'
import type { Key } from '../kinds/map/map-index.js'
import { ARRAY, CELL, CELL_WATCH, ENTRY, MAP, TAG_BLOCK, TAG_CONST, WATCH } from '../values/values.layout.js'
import type { Place } from './place.js'
import {
  CHANGE_CLEAR,
  CHANGE_SET,
  PLACE_WORDS,
  RECORD_WORDS,
  RING,
  T_COUNT,
  T_HASH,
  T_KEYED,
  T_SERIAL,
  T_TOKEN,
  T_TYPE,
  W_CHANGES,
  W_PLACES,
  W_RING,
  W_USED,
  watchUnits,
} from './watch.layout.js'

/** So many changes apart, a writer looks whether the watchers are still alive. */
const LOOK_EVERY = 4096
/** From a part of a value by way of a table's entry and its map to a named structure; and some to spare. */
const ROOT_HOPS = 8

const total = new Float64Array(1)
const totalWords = new Int32Array(total.buffer)

export class Watches {
  readonly #core: Core
  /** Places for the watchers of one structure. */
  readonly #most: number
  /** Those that this handle has taken. */
  readonly #places: Map<string, Place> = new Map()
  #serial = 0

  /** @param most as whoever made the heap chose. */
  constructor(core: Core, most: number) {
    this.#core = core
    this.#most = most
  }

  /** The bell that rings for a structure. */
  bellOf(structure: number): number {
    return this.#core.arena.base + H_BELLS + 2 * (mix(structure) & (BELLS - 1))
  }

  /** Notes a change inside a value, as a change of what the value belongs to. */
  noteRoot(root: number, hops: number = 0): void {
    const { arena, index, name } = this.#core
    const { i32 } = arena
    if (hops > ROOT_HOPS) throw corrupt(name, 'what a value belongs to leads in circles')
    switch (i32[(root << 1) + 1]! & 0xff) {
      case ENTRY: {
        const e = root << 1
        const map = i32[e + E_MAP]!
        if (i32[(map << 1) + M_WATCH] !== 0)
          this.note(map, (map << 1) + M_WATCH, CHANGE_SET, i32[e + E_HASH]!, index.keyOf(root))
        else if (i32[(map << 1) + M_ROOT] !== 0) this.noteRoot(i32[(map << 1) + M_ROOT]!, hops + 1)
        return
      }
      case MAP:
        if (i32[(root << 1) + M_ROOT] !== 0) this.noteRoot(i32[(root << 1) + M_ROOT]!, hops + 1)
        return
      case ARRAY:
        if (i32[(root << 1) + A_WATCH] !== 0) this.note(root, (root << 1) + A_WATCH, CHANGE_SET, 0, undefined)
        else if (i32[(root << 1) + A_ROOT] !== 0) this.noteRoot(i32[(root << 1) + A_ROOT]!, hops + 1)
        return
      case CELL:
        if (i32[(root << 1) + CELL_WATCH] !== 0) this.note(root, (root << 1) + CELL_WATCH, CHANGE_SET, 0, undefined)
    }
  }

  /**
   * Notes a change of a structure that has watchers.
   *
   * @param entry an ENTRY that nothing leads to any more: it is kept for the key in it, so that noting takes no memory.
   */
  note(structure: number, watchWord: number, type: number, hash: number, key: Key, entry: number = 0): void {
    const { arena, encoder, graph } = this.#core
    const { i32, f64 } = arena
    const watch = i32[watchWord + 1]!
    const w = watch << 1
    if ((i32[w + 1]! & 0xff) !== WATCH) return
    const changes = f64[watch + W_CHANGES]!
    total[0] = changes + 1
    arena.put2(w + 2 * W_CHANGES, totalWords[0]!, totalWords[1]!)
    const record = w + W_RING + (changes & (RING - 1)) * RECORD_WORDS
    graph.release(i32[record]!, i32[record + 1]!)
    if (entry !== 0) arena.put2(record, entry, TAG_BLOCK)
    else {
      encoder.encode(key, 0, 0)
      arena.put2(record, encoder.low, encoder.high)
    }
    arena.put(record + 2, type)
    const end = this.#endOf(w)
    for (let t = w + W_PLACES; t < end; t += PLACE_WORDS) {
      if (i32[t + T_TOKEN] === 0 || i32[t + T_KEYED] === 0) continue
      if (i32[t + T_HASH] !== hash && type !== CHANGE_CLEAR) continue
      arena.put2(t + T_COUNT, (i32[t + T_COUNT]! + 1) | 0, type)
    }
    if ((changes & (LOOK_EVERY - 1)) === LOOK_EVERY - 1) this.#dropDead(watchWord, w)
    arena.ringLater(this.bellOf(structure))
  }

  /** The place of one more iterator. Needs a transaction. @throws MemlaneError `ERR_LIMIT`. */
  join(structure: number, watchWord: number, keyed: boolean, key: Key): Place {
    const what = keyed ? `${typeof key} ${String(key)}` : ''
    const id = `${structure} ${this.#core.arena.i32[structure << 1]} ${what}`
    let place = this.#places.get(id)
    if (place === undefined || !this.#isTaken(place)) {
      place = this.#take(id, watchWord, keyed, keyed ? this.#core.index.hash(key) : 0)
      this.#places.set(id, place)
    }
    place.uses++
    return place
  }

  /** One iterator less. The last one gives the place back, and needs a transaction. */
  leave(place: Place): void {
    if (--place.uses > 0) return
    if (this.#places.get(place.id) === place) this.#places.delete(place.id)
    this.giveBack(place)
  }

  /** Gives a place back that nobody uses and that is this handle's still. Needs a transaction. */
  giveBack(place: Place): void {
    if (place.uses > 0 || !this.#isTaken(place)) return
    this.#free(place.watchWord, place.block << 1, place.word)
  }

  /** False once the structure was removed, or the change that the place was taken in was undone. */
  #isTaken({ word, block, watchWord, serial }: Place): boolean {
    const { i32, segment } = this.#core.arena
    return (
      i32[watchWord + 1] === block &&
      (i32[(block << 1) + 1]! & 0xff) === WATCH &&
      i32[word + T_TOKEN] === segment.participant.token &&
      i32[word + T_SERIAL] === serial
    )
  }

  #take(id: string, watchWord: number, keyed: boolean, hash: number): Place {
    const { arena, blocks } = this.#core
    const { i32, f64, segment } = arena
    let block = i32[watchWord + 1]!
    if (block === 0) {
      const units = watchUnits(this.#most)
      block = blocks.take(units, WATCH, 0)
      const w = block << 1
      f64[block + W_CHANGES] = 0
      i32.fill(0, w + W_USED, (block + units) << 1)
      for (let i = 0; i < RING; i++) {
        i32[w + W_RING + i * RECORD_WORDS + 1] = TAG_CONST
      }
      arena.put(watchWord + 1, block)
    }
    const w = block << 1
    this.#dropDead(watchWord, w)
    const free = this.#freePlace(w)
    if (free === this.#most) throw this.#full()
    if (free >= i32[w + W_USED]!) arena.put(w + W_USED, free + 1)
    const word = w + W_PLACES + free * PLACE_WORDS
    const serial = ++this.#serial | 0
    arena.put2(word + T_TOKEN, segment.participant.token, hash)
    arena.put2(word + T_KEYED, keyed ? 1 : 0, 0)
    arena.put2(word + T_TYPE, 0, serial)
    arena.put(watchWord, i32[watchWord]! + 1)
    return { id, word, block, watchWord, serial, uses: 0 }
  }

  #freePlace(w: number): number {
    const { i32 } = this.#core.arena
    let at = 0
    while (at < this.#most && i32[w + W_PLACES + at * PLACE_WORDS + T_TOKEN] !== 0) at++
    return at
  }

  #full(): MemlaneError {
    return new MemlaneError(
      'ERR_LIMIT',
      `one structure of ${JSON.stringify(this.#core.name)} is watched from ${this.#most} places already: each handle takes one for what it watches as a whole, and one for each key. Close watchers, share one among tasks, or make it anew with a larger \`watchers\``,
    )
  }

  /** Behind the last place that may be taken. Total. */
  #endOf(w: number): number {
    const used = this.#core.arena.i32[w + W_USED]!
    return w + W_PLACES + (used < 0 || used > this.#most ? this.#most : used) * PLACE_WORDS
  }

  #free(watchWord: number, w: number, word: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    arena.put(word + T_TOKEN, 0)
    arena.put(watchWord, Math.max(0, i32[watchWord]! - 1))
    let end = this.#endOf(w)
    while (end > w + W_PLACES && i32[end - PLACE_WORDS + T_TOKEN] === 0) end -= PLACE_WORDS
    arena.put(w + W_USED, (end - w - W_PLACES) / PLACE_WORDS)
  }

  #dropDead(watchWord: number, w: number): void {
    const { i32, segment } = this.#core.arena
    for (let word = this.#endOf(w) - PLACE_WORDS; word >= w + W_PLACES; word -= PLACE_WORDS) {
      const token = i32[word + T_TOKEN]!
      if (token !== 0 && !segment.isAlive(token)) this.#free(watchWord, w, word)
    }
  }
}
