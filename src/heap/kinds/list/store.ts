// heap/kinds/list: where the elements of a list lie. Places are found, made and given back here; what is in them, others know.
// All but `length` and `word` needs a transaction.

import { outOfRange } from '../../../errors.js'
import { Allocator } from '../../blocks/allocator.js'
import type { Core } from '../../core.js'
import { corrupt } from '../../corrupt.js'
import { CHUNK, CHUNKS } from '../../values/values.layout.js'
import { CHUNK_UNITS } from '../object/object.layout.js'
import {
  A_FIRST,
  A_LENGTH,
  A_MODE,
  A_ROOM,
  A_STORE,
  C_FIRST,
  CHUNK_FULL,
  CHUNK_SHIFT,
  CHUNK_SLOTS,
  CHUNKED,
  FLAT,
  LENGTH_MAX,
} from './list.layout.js'

/** Word of an element's slot in the ARRAY block at `list`. Total: whatever the bytes, it is a word that can be read. */
export function listWord(i32: Int32Array, list: number, index: number): number {
  const a = list << 1
  const at = i32[a + A_FIRST]! + index
  const store = i32[a + A_STORE]!
  if (i32[a + A_MODE] === FLAT) return (store + CHUNK_UNITS + at) << 1
  const chunk = i32[(store << 1) + C_FIRST + (at >> CHUNK_SHIFT)] ?? 0
  return (chunk + CHUNK_UNITS + (at & (CHUNK_SLOTS - 1))) << 1
}

export class ListStore {
  readonly #core: Core
  readonly #list: number
  readonly #stripe: number

  constructor(core: Core, list: number, stripe: number) {
    this.#core = core
    this.#list = list
    this.#stripe = stripe
  }

  /** Elements; whatever the memory says, unless `check` came before. */
  length(): number {
    return this.#core.arena.i32[(this.#list << 1) + A_LENGTH]!
  }

  /**
   * Makes sure that the list has room for what it counts: whoever goes through its elements goes by that.
   *
   * @returns elements.
   * @throws MemlaneError `ERR_CORRUPT`.
   */
  check(): number {
    const { arena, blocks, name } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const length = i32[a + A_LENGTH]!
    const first = i32[a + A_FIRST]!
    const store = i32[a + A_STORE]!
    const room = i32[a + A_ROOM]!
    const units = store === 0 ? 0 : blocks.unitsOf(store)
    const most = units === 0 ? 0 : i32[a + A_MODE] === FLAT ? units - CHUNK_UNITS : (units - 1) << (1 + CHUNK_SHIFT)
    if (length < 0 || first < 0 || first + length > room || room > most || length > i32.length >> 1)
      throw corrupt(name, `a list counts ${length} elements from ${first} on, in room for ${Math.min(room, most)}`)
    return length
  }

  /** Word of an element's slot. Total: whatever the bytes, it is a word that can be read. */
  word(index: number): number {
    const { i32 } = this.#core.arena
    const a = this.#list << 1
    const at = i32[a + A_FIRST]! + index
    const store = i32[a + A_STORE]!
    if (i32[a + A_MODE] === FLAT) return (store + CHUNK_UNITS + at) << 1
    const chunk = i32[(store << 1) + C_FIRST + (at >> CHUNK_SHIFT)] ?? 0
    return (chunk + CHUNK_UNITS + (at & (CHUNK_SLOTS - 1))) << 1
  }

  /** Room for places up to `length` behind `first`. */
  makeRoom(length: number): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const first = i32[a + A_FIRST]!
    const room = i32[a + A_ROOM]!
    if (length > LENGTH_MAX) throw outOfRange('length', `at most ${LENGTH_MAX}`, length)
    if (i32[a + A_MODE] === CHUNKED) {
      if (first + length > room) this.#moreChunks(first + length)
      const start = i32[a + A_FIRST]!
      this.#fillChunks(start + this.length(), start + length)
      return
    }
    if (first + length <= room) return
    if (length <= CHUNK_SLOTS) {
      const units = Math.min(
        CHUNK_FULL,
        Allocator.fit(CHUNK_UNITS + Math.min(CHUNK_SLOTS, Math.max(length, 4, length + (length >> 1)))),
      )
      const chunk = blocks.take(units, CHUNK, this.#stripe)
      this.#copyFlat(chunk, 0)
      arena.put2(a + A_STORE, chunk, 0)
      arena.put2(a + A_ROOM, units - CHUNK_UNITS, FLAT)
      return
    }
    // From one chunk to many.
    const pointers = (Allocator.fit(1 + ((((length + CHUNK_SLOTS - 1) >> CHUNK_SHIFT) + 8) >> 1)) - 1) << 1
    const store = blocks.take(1 + (pointers >> 1), CHUNKS, this.#stripe)
    i32.fill(0, (store << 1) + C_FIRST, (store << 1) + C_FIRST + pointers)
    if (i32[a + A_STORE] !== 0) {
      const chunk = blocks.take(CHUNK_FULL, CHUNK, this.#stripe)
      this.#copyFlat(chunk, 0)
      i32[(store << 1) + C_FIRST] = chunk
    }
    arena.put2(a + A_STORE, store, 0)
    arena.put2(a + A_ROOM, pointers << CHUNK_SHIFT, CHUNKED)
    this.#fillChunks(0, length)
  }

  /** Free places in front of the first element. */
  roomInFront(count: number): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const length = this.length()
    if (i32[a + A_FIRST]! < count) {
      if (i32[a + A_MODE] === FLAT && length + count <= CHUNK_SLOTS) {
        const units = Math.min(
          CHUNK_FULL,
          Allocator.fit(CHUNK_UNITS + Math.min(CHUNK_SLOTS, length + 2 * count + (length >> 1))),
        )
        const room = units - CHUNK_UNITS
        const spare = room - length
        const chunk = blocks.take(units, CHUNK, this.#stripe)
        this.#copyFlat(chunk, spare)
        arena.put2(a + A_STORE, chunk, spare)
        arena.put2(a + A_ROOM, room, FLAT)
        return
      }
      if (i32[a + A_MODE] === FLAT) this.makeRoom(CHUNK_SLOTS + 1)
      const chunks = (i32[a + A_ROOM]! >> (CHUNK_SHIFT + 1)) + ((count + CHUNK_SLOTS - 1) >> CHUNK_SHIFT) + 1
      this.#moreChunks(i32[a + A_FIRST]! + length, chunks)
    }
    if (i32[a + A_MODE] === CHUNKED) this.#fillChunks(i32[a + A_FIRST]! - count, i32[a + A_FIRST]!)
  }

  /** Copies a slot within the store. */
  move(from: number, to: number): void {
    const { arena, collector } = this.#core
    const word = this.word(from)
    collector.moved(arena.i32[word]!, arena.i32[word + 1]!)
    arena.put2(this.word(to), arena.i32[word]!, arena.i32[word + 1]!)
  }

  /** After the list became shorter: frees chunks beyond its ends, but for one at each. */
  giveBack(): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const length = this.length()
    if (length === 0) {
      this.#dropStore()
      arena.put2(a + A_STORE, 0, 0)
      arena.put2(a + A_ROOM, 0, FLAT)
      return
    }
    if (i32[a + A_MODE] === FLAT) return
    const c = (i32[a + A_STORE]! << 1) + C_FIRST
    const first = i32[a + A_FIRST]!
    const last = i32[a + A_ROOM]! >> CHUNK_SHIFT
    for (let i = (first >> CHUNK_SHIFT) - 2; i >= 0 && i32[c + i] !== 0; i--) {
      blocks.drop(i32[c + i]!)
      arena.put(c + i, 0)
    }
    for (let i = ((first + length - 1) >> CHUNK_SHIFT) + 2; i < last && i32[c + i] !== 0; i++) {
      blocks.drop(i32[c + i]!)
      arena.put(c + i, 0)
    }
  }

  /** The same for whoever frees in steps: all chunks beyond the ends, wherever they are. */
  eachSpareChunk(visit: (chunk: number, word: number) => void): void {
    const { i32 } = this.#core.arena
    const a = this.#list << 1
    if (i32[a + A_MODE] === FLAT) return
    const c = (i32[a + A_STORE]! << 1) + C_FIRST
    const length = this.length()
    const from = length === 0 ? 0 : (i32[a + A_FIRST]! >> CHUNK_SHIFT) - 1
    const to = length === 0 ? 0 : ((i32[a + A_FIRST]! + length - 1) >> CHUNK_SHIFT) + 2
    for (let i = 0; i < i32[a + A_ROOM]! >> CHUNK_SHIFT; i++)
      if (i32[c + i] !== 0 && (i < from || i >= to)) visit(i32[c + i]!, c + i)
  }

  /** The elements of a flat store into a fresh chunk, from its place `to` on; the old chunk is freed. */
  #copyFlat(chunk: number, to: number): void {
    const { arena, blocks, collector } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const store = i32[a + A_STORE]!
    if (store === 0) return
    const from = (store + CHUNK_UNITS + i32[a + A_FIRST]!) << 1
    collector.movedAll(from, this.length())
    i32.copyWithin((chunk + CHUNK_UNITS + to) << 1, from, from + 2 * this.length())
    blocks.drop(store)
  }

  /** Chunks for the places `from` to `to`. */
  #fillChunks(from: number, to: number): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const c = (i32[(this.#list << 1) + A_STORE]! << 1) + C_FIRST
    for (let i = from >> CHUNK_SHIFT; i <= (to - 1) >> CHUNK_SHIFT; i++) {
      if (i32[c + i] === 0) arena.put(c + i, blocks.take(CHUNK_FULL, CHUNK, this.#stripe))
    }
  }

  /** A fresh CHUNKS block, with the pointers in use at its start, and room for more. */
  #moreChunks(places: number, spare: number = 0): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const old = i32[a + A_STORE]!
    const first = i32[a + A_FIRST]!
    const skipped = first >> CHUNK_SHIFT
    const used = ((first + this.length() + CHUNK_SLOTS - 1) >> CHUNK_SHIFT) - skipped
    const wanted = ((places + CHUNK_SLOTS - 1) >> CHUNK_SHIFT) - skipped
    const pointers = (Allocator.fit(1 + ((spare + wanted + (wanted >> 1) + 3) >> 1)) - 1) << 1
    const store = blocks.take(1 + (pointers >> 1), CHUNKS, this.#stripe)
    i32.fill(0, (store << 1) + C_FIRST, (store << 1) + C_FIRST + pointers)
    for (let i = 0; i < used; i++) {
      i32[(store << 1) + C_FIRST + spare + i] = i32[(old << 1) + C_FIRST + skipped + i]!
    }
    // Chunks before or behind those in use are kept by nobody now.
    for (let i = 0; i < i32[a + A_ROOM]! >> CHUNK_SHIFT; i++) {
      const chunk = i32[(old << 1) + C_FIRST + i]!
      if (chunk !== 0 && (i < skipped || i >= skipped + used)) blocks.drop(chunk)
    }
    blocks.drop(old)
    arena.put2(a + A_STORE, store, (spare << CHUNK_SHIFT) | (first & (CHUNK_SLOTS - 1)))
    arena.put2(a + A_ROOM, pointers << CHUNK_SHIFT, CHUNKED)
  }

  /** Frees all chunks; the words of the ARRAY are the caller's to overwrite. */
  #dropStore(): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const store = i32[a + A_STORE]!
    if (store === 0) return
    if (i32[a + A_MODE] === CHUNKED) {
      for (let i = 0; i < i32[a + A_ROOM]! >> CHUNK_SHIFT; i++) {
        const chunk = i32[(store << 1) + C_FIRST + i]!
        if (chunk !== 0) blocks.drop(chunk)
      }
    }
    blocks.drop(store)
  }

  /** A fresh store: elements before `keep`, the given slots (pairs of words), elements from `resume` on. @returns what was left out, as pairs. */
  replace(keep: number, resume: number, slots: Int32Array): number[] {
    const { arena, encoder, collector } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const length = this.length()
    const added = slots.length >> 1
    const count = keep + added + (length - resume)
    const store = encoder.layOut(count)
    const { room, mode } = encoder
    const gone: number[] = []
    for (let i = keep; i < resume; i++) {
      const word = this.word(i)
      gone.push(i32[word]!, i32[word + 1]!)
    }
    for (let i = 0; i < count; i++) {
      const chunk = mode === FLAT ? store : i32[(store << 1) + C_FIRST + (i >> CHUNK_SHIFT)]!
      const to = (chunk + CHUNK_UNITS + (mode === FLAT ? i : i & (CHUNK_SLOTS - 1))) << 1
      if (i >= keep && i < keep + added) {
        i32[to] = slots[2 * (i - keep)]!
        i32[to + 1] = slots[2 * (i - keep) + 1]!
      } else {
        const from = this.word(i < keep ? i : i - keep - added + resume)
        collector.moved(i32[from]!, i32[from + 1]!)
        i32[to] = i32[from]!
        i32[to + 1] = i32[from + 1]!
      }
    }
    this.#dropStore()
    arena.put2(a + A_STORE, store, 0)
    arena.put2(a + A_ROOM, room, mode)
    arena.put(a + A_LENGTH, count)
    return gone
  }
}
