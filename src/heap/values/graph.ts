// heap/values: what a value consists of, to free it and to audit it. Iterative: values nest as deep as users like.
//
// A value is a tree: each block is led to by one slot, and freeing the slot frees what hangs on it. A value given with
// shared or cyclic references carries SHARED on its containers. What such a container gives up is freed only as far as
// nothing else of the same value leads there: found by marking, once from the old slot and once from the owner.

import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import {
  A_FIRST,
  A_LENGTH,
  A_MODE,
  A_ROOM,
  A_STORE,
  A_WATCH,
  C_FIRST,
  CHUNK_SHIFT,
  CHUNK_SLOTS,
  FLAT,
} from '../kinds/list/list.layout.js'
import { E_VALUE, M_DIRECTORY, M_WATCH } from '../kinds/map/map.layout.js'
import { CHUNK_UNITS, O_OUTSIDE, O_ROOT, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import { G_SLOT } from '../kinds/queue/queue.layout.js'
import { QueueStore } from '../kinds/queue/store.js'
import { RECORD_WORDS, RING, W_RING } from '../watch/watch.layout.js'
import {
  ARRAY,
  CELL,
  CELL_SLOT,
  CELL_WATCH,
  ENTRY,
  HOLD,
  MAP,
  OBJECT,
  QUEUE,
  SHARED,
  TAG_BLOCK,
  TAG_REF,
  TAG_STRING,
  TOMBSTONE,
  TUPLE,
  WATCH,
} from './values.layout.js'

export class Graph {
  readonly #core: Core

  constructor(core: Core) {
    this.#core = core
  }

  /** Calls `visit` with the word of each slot in a block, and `own` with each block that is a mere part of it. */
  parts(pointer: number, visit: (word: number) => void, own: (pointer: number) => void): void {
    const { arena, index, name, shapes, blocks } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    switch (i32[b + 1]! & 0xff) {
      case TUPLE: {
        const count = Math.min(i32[b + 3]! >>> 0, Math.max(0, blocks.unitsOf(pointer) - 2))
        for (let i = 0; i < count; i++) visit(b + 4 + 2 * i)
        return
      }
      case OBJECT: {
        const outside = i32[b + O_OUTSIDE]!
        if (i32[b + O_SHAPE] === TABLE) {
          own(outside)
          return
        }
        if (outside !== 0) own(outside)
        const count = shapes.get(i32[b + O_SHAPE]!).keys.length
        const first = outside === 0 ? pointer + O_UNITS : outside + CHUNK_UNITS
        for (let i = 0; i < count; i++) visit((first + i) << 1)
        return
      }
      case ARRAY:
        this.#listParts(pointer, visit, own)
        return
      case MAP: {
        const directory = i32[b + M_DIRECTORY]!
        if (directory !== 0) {
          own(directory)
          index.buckets.eachBucket(directory, own)
        }
        index.each(pointer, (entry) => {
          own(entry)
          visit((entry << 1) + E_VALUE)
        })
        if (i32[b + M_WATCH + 1] !== 0) own(i32[b + M_WATCH + 1]!)
        return
      }
      case TOMBSTONE:
      case HOLD:
        return
      case CELL:
        visit(b + CELL_SLOT)
        if (i32[b + CELL_WATCH + 1] !== 0) own(i32[b + CELL_WATCH + 1]!)
        return
      case QUEUE: {
        const queue = new QueueStore(this.#core, pointer)
        const message = (one: number): void => {
          own(one)
          visit((one << 1) + G_SLOT)
        }
        queue.eachWaiting(message)
        queue.eachTaken(message)
        return
      }
      case WATCH:
        for (let i = 0; i < RING; i++) visit(b + W_RING + i * RECORD_WORDS)
        return
      default:
        if (pointer <= 0) throw corrupt(name, `a slot leads to ${pointer}`)
    }
  }

  #listParts(pointer: number, visit: (word: number) => void, own: (pointer: number) => void): void {
    const { i32 } = this.#core.arena
    const a = pointer << 1
    if (i32[a + A_WATCH + 1] !== 0) own(i32[a + A_WATCH + 1]!)
    const store = i32[a + A_STORE]!
    if (store === 0) return
    own(store)
    const room = Math.min(i32[a + A_ROOM]! >>> 0, i32.length)
    const first = Math.min(i32[a + A_FIRST]! >>> 0, room)
    const length = Math.min(i32[a + A_LENGTH]! >>> 0, room - first)
    if (i32[a + A_MODE] === FLAT) {
      for (let i = 0; i < length; i++) visit((store + CHUNK_UNITS + first + i) << 1)
      return
    }
    for (let i = 0; i < room >> CHUNK_SHIFT; i++) {
      const chunk = i32[(store << 1) + C_FIRST + i] ?? 0
      if (chunk === 0) continue
      own(chunk)
      const from = Math.max(first, i * CHUNK_SLOTS)
      const to = Math.min(first + length, (i + 1) * CHUNK_SLOTS)
      for (let at = from; at < to; at++) visit((chunk + CHUNK_UNITS + (at & (CHUNK_SLOTS - 1))) << 1)
    }
  }

  /** The block a slot leads to; 0: none. */
  blockAt(word: number): number {
    const { i32 } = this.#core.arena
    const high = i32[word + 1]
    return high === TAG_STRING || high === TAG_BLOCK ? i32[word]! : 0
  }

  /** Frees what a slot leads to. The slot itself is the caller's to overwrite, in the same transaction. */
  release(low: number, high: number): void {
    if (high === TAG_STRING) this.#core.blocks.drop(low)
    else if (high === TAG_BLOCK) this.#eachOfTree(low, this.#freeOne)
  }

  /** Frees what a shared object has, and leaves its own block. */
  releaseParts(pointer: number): void {
    this.#eachOfTree(pointer, this.#freeOne, false)
  }

  /** Calls `visit` with every block that hangs on a slot. Freeing it there is allowed: it stays what it was until the commit. */
  each(low: number, high: number, visit: (block: number) => void): void {
    if (high === TAG_STRING) visit(low)
    else if (high === TAG_BLOCK) this.#eachOfTree(low, visit)
  }

  readonly #freeOne: (block: number) => void = (block) => this.free(block)

  #eachOfTree(pointer: number, visit: (block: number) => void, whole: boolean = true): void {
    const { i32 } = this.#core.arena
    if (whole && (i32[(pointer << 1) + 1]! & SHARED) !== 0) {
      for (const block of this.reach(pointer)) visit(block)
      return
    }
    const stack = [pointer]
    // A value has no more slots than the memory has words: more is damage that leads in circles.
    let budget = i32.length
    while (stack.length > 0) {
      const next = stack.pop()!
      if ((i32[(next << 1) + 1]! & SHARED) !== 0) {
        for (const block of this.reach(next)) visit(block)
        continue
      }
      this.parts(
        next,
        (word) => {
          if (--budget < 0) throw corrupt(this.#core.name, 'a value does not end')
          const high = i32[word + 1]
          if (high === TAG_STRING) visit(i32[word]!)
          else if (high === TAG_BLOCK) stack.push(i32[word]!)
        },
        (block) => {
          // A table's map and a structure's watchers have parts of their own.
          if (hasParts(i32[(block << 1) + 1]!)) stack.push(block)
          else visit(block)
        },
      )
      if (whole || next !== pointer) visit(next)
    }
  }

  /** Frees one block, whatever hangs on it. */
  free(pointer: number): void {
    const { arena, blocks } = this.#core
    const kind = arena.i32[(pointer << 1) + 1]! & 0xff
    // Handles and cursors name these; nothing outlives the rest.
    if (kind === OBJECT || kind === ARRAY || kind === MAP || kind === CELL || kind === ENTRY || kind === QUEUE)
      blocks.free(pointer)
    else blocks.drop(pointer)
  }

  /** All blocks of a value, itself included, whatever leads to what. */
  reach(pointer: number, seen: Set<number> = new Set()): Set<number> {
    const { i32 } = this.#core.arena
    const stack = [pointer]
    while (stack.length > 0) {
      const next = stack.pop()!
      if (next <= 0 || seen.has(next)) continue
      seen.add(next)
      this.parts(
        next,
        (word) => {
          const block = this.blockAt(word)
          if (block !== 0 && !seen.has(block)) stack.push(block)
        },
        (block) => {
          if (hasParts(i32[(block << 1) + 1]!)) stack.push(block)
          else seen.add(block)
        },
      )
    }
    return seen
  }

  /**
   * Frees what a container with the flag SHARED has just given up, as far as nothing else of its value leads there.
   *
   * @param gone pairs of low and high: slots that are overwritten already.
   * @param owner root of the value: an ENTRY, ARRAY or CELL.
   */
  releaseShared(gone: readonly number[], owner: number): void {
    this.eachLost(gone, owner, this.#freeOne)
  }

  /** Calls `visit` with each block that releaseShared frees. */
  eachLost(gone: readonly number[], owner: number, visit: (block: number) => void): void {
    const { arena } = this.#core
    const lost = new Set<number>()
    for (let i = 0; i < gone.length; i += 2) {
      if (gone[i + 1] === TAG_STRING) visit(gone[i]!)
      else if (gone[i + 1] === TAG_BLOCK) this.reach(gone[i]!, lost)
    }
    if (lost.size === 0) return
    const kept = new Set<number>()
    if ((arena.i32[(owner << 1) + 1]! & 0xff) === ENTRY) {
      const block = this.blockAt((owner << 1) + E_VALUE)
      if (block !== 0) this.reach(block, kept)
    } else {
      this.reach(owner, kept)
    }
    for (const block of lost) {
      if (!kept.has(block)) visit(block)
    }
  }

  /** True when this container's parts may be led to from elsewhere in its value. */
  isShared(pointer: number): boolean {
    return (this.#core.arena.i32[(pointer << 1) + 1]! & SHARED) !== 0
  }

  /** Overwrites a slot of a container and frees what it held. Needs the stripe touched. */
  replace(container: number, word: number, low: number, high: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const oldLow = i32[word]!
    const oldHigh = i32[word + 1]!
    arena.put2(word, low, high)
    if (oldHigh !== TAG_STRING && oldHigh !== TAG_BLOCK && oldHigh !== TAG_REF) return
    if (oldHigh === TAG_BLOCK && this.isShared(container))
      this.releaseShared([oldLow, oldHigh], i32[(container << 1) + O_ROOT]!)
    else this.release(oldLow, oldHigh)
  }
}

function hasParts(header: number): boolean {
  const kind = header & 0xff
  return kind === MAP || kind === WATCH
}
