// heap/watch: notes changes where somebody watches. Needs a transaction.

import { MemlaneError } from '../../errors.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { BELLS, H_BELLS } from '../heap.layout.js'
import { A_ROOT, A_WATCH } from '../kinds/list/list.layout.js'
import { mix } from '../kinds/map/hash.js'
import { E_HASH, E_MAP, M_ROOT, M_WATCH } from '../kinds/map/map.layout.js'
import type { Key } from '../kinds/map/map-index.js'
import { ARRAY, CELL, CELL_WATCH, ENTRY, MAP, TAG_CONST, WATCH } from '../values/values.layout.js'
import {
  CHANGE_CLEAR,
  CHANGE_SET,
  RECORD_WORDS,
  RING,
  T_COUNT,
  T_HASH,
  T_KEYED,
  T_TOKEN,
  W_CHANGES,
  W_RING,
  W_WATCHERS,
  WATCH_UNITS,
  WATCHER_WORDS,
  WATCHERS,
} from './watch.layout.js'

/** So many changes apart, a writer looks whether the watchers are still alive. */
const LOOK_EVERY = 4096
/** From a part of a value by way of a table's entry and its map to a named structure; and some to spare. */
const ROOT_HOPS = 8

const total = new Float64Array(1)
const totalWords = new Int32Array(total.buffer)

export class Watches {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
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

  /** Notes a change of a structure that has watchers. */
  note(structure: number, watchWord: number, type: number, hash: number, key: Key): void {
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
    encoder.encode(key, 0, 0)
    arena.put2(record, encoder.low, encoder.high)
    arena.put(record + 2, type)
    for (let i = 0; i < WATCHERS; i++) {
      const t = w + W_WATCHERS + i * WATCHER_WORDS
      if (i32[t + T_TOKEN] === 0 || i32[t + T_KEYED] === 0) continue
      if (i32[t + T_HASH] !== hash && type !== CHANGE_CLEAR) continue
      arena.put2(t + T_COUNT, (i32[t + T_COUNT]! + 1) | 0, type)
    }
    if ((changes & (LOOK_EVERY - 1)) === LOOK_EVERY - 1) this.#dropDead(watchWord, w)
    arena.ringLater(this.bellOf(structure))
  }

  /** @returns the place of the new watcher: a word index. */
  add(watchWord: number, keyed: boolean, hash: number): number {
    const { arena, blocks } = this.#core
    const { i32, f64, segment } = arena
    let watch = i32[watchWord + 1]!
    if (watch === 0) {
      watch = blocks.take(WATCH_UNITS, WATCH, 0)
      const w = watch << 1
      f64[watch + W_CHANGES] = 0
      i32.fill(0, w + W_WATCHERS, w + W_RING)
      for (let i = 0; i < RING; i++) {
        i32[w + W_RING + i * RECORD_WORDS] = 0
        i32[w + W_RING + i * RECORD_WORDS + 1] = TAG_CONST
      }
      arena.put(watchWord + 1, watch)
    }
    const w = watch << 1
    this.#dropDead(watchWord, w)
    for (let i = 0; i < WATCHERS; i++) {
      const t = w + W_WATCHERS + i * WATCHER_WORDS
      if (i32[t + T_TOKEN] !== 0) continue
      arena.put2(t + T_TOKEN, segment.participant.token, hash)
      arena.put2(t + T_KEYED, keyed ? 1 : 0, 0)
      arena.put(watchWord, i32[watchWord]! + 1)
      return t
    }
    throw new MemlaneError(
      'ERR_LIMIT',
      `one structure of ${JSON.stringify(segment.name)} has ${WATCHERS} watchers already; close one`,
    )
  }

  remove(watchWord: number, watcher: number): void {
    const { arena } = this.#core
    if (arena.i32[watcher + T_TOKEN] !== arena.segment.participant.token) return
    arena.put(watcher + T_TOKEN, 0)
    arena.put(watchWord, Math.max(0, arena.i32[watchWord]! - 1))
  }

  #dropDead(watchWord: number, w: number): void {
    const { arena } = this.#core
    const { i32, segment } = arena
    for (let i = 0; i < WATCHERS; i++) {
      const t = w + W_WATCHERS + i * WATCHER_WORDS
      const token = i32[t + T_TOKEN]!
      if (token === 0 || segment.isAlive(token)) continue
      arena.put(t + T_TOKEN, 0)
      arena.put(watchWord, Math.max(0, i32[watchWord]! - 1))
    }
  }
}
