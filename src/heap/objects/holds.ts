// heap/objects: what this process holds. For each live object a pointer stands in a HOLD block of this participant, so that no
// collector frees what somebody here may still use. Its own stores are plain, at any time, without the lock; only a new block
// takes a change of the heap. When the participant is dead the collector frees its blocks.
//
// Crash windows: killed at any store, the blocks are those of a dead one.

import type { Core } from '../core.js'
import { H_COLLECTOR } from '../heap.layout.js'
import { HOLD } from '../values/values.layout.js'
import { G_HOLDS, HOLD_FIRST, HOLD_NEXT, HOLD_OWNER, HOLD_ROOM } from './collector.layout.js'

/** Pointers in the first block, and in the largest. */
const ROOM_MIN = 58
const ROOM_MAX = 4090

/** A live object, and where its hold stands. */
export interface Held {
  readonly live: WeakRef<object>
  readonly pointer: number
  /** Word of its pointer; 0: it has no place yet. */
  hold: number
}

export class Holds {
  readonly #core: Core
  #free: number[] = []
  #room = 0
  /** Held without a place so far: the objects are kept from being collected here. */
  #owed: { readonly live: object; readonly held: Held }[] = []
  /** What the last change that took a block has given a place there. */
  #recent: Held[] = []
  /** Free places before that. */
  #before: number[] = []

  constructor(core: Core) {
    this.#core = core
    core.arena.onOwing = () => this.#pay()
  }

  /** A place for a pointer that is about to be looked at. @returns its word; 0: there is none, see `owe`. */
  take(pointer: number): number {
    const { memory } = this.#core.arena
    const word = this.#free.pop() ?? 0
    if (word !== 0) {
      // SYNC: "held before the reference is looked at once more"
      memory.store(word, pointer)
    }
    return word
  }

  /** The live object gets a place as soon as that can be. */
  owe(live: object, held: Held): void {
    const { arena } = this.#core
    if (arena.segment.readOnly) return
    this.#owed.push({ live, held })
    arena.owes = true
    if (arena.depth === 0) this.#pay()
  }

  /** The live object is gone. */
  release(held: Held): void {
    this.giveBack(held.hold)
    held.hold = 0
  }

  giveBack(word: number): void {
    const { memory } = this.#core.arena
    if (word === 0 || memory.closed) return
    memory.store(word, 0)
    this.#free.push(word)
  }

  /** Where memory is full, they go without: what nothing else leads to may be gone when it is looked at next. */
  #pay(): void {
    const { arena } = this.#core
    arena.owes = false
    try {
      arena.change(Holds.#payWork, this)
    } catch {
      this.#owed = []
    }
  }

  static #payWork(this: void, self: Holds): void {
    const { arena, blocks } = self.#core
    const { i32 } = arena
    self.#recent = []
    self.#before = self.#free.slice()
    arena.ifUndone(self)
    const owed = self.#owed
    while (self.#free.length < owed.length) {
      const room = Math.min(ROOM_MAX, Math.max(ROOM_MIN, self.#room))
      const hold = blocks.take((HOLD_FIRST + room + 1) >> 1, HOLD, 0)
      const b = hold << 1
      i32[b + HOLD_OWNER] = arena.segment.participant.token
      i32[b + HOLD_NEXT] = i32[arena.base + H_COLLECTOR + G_HOLDS]!
      i32[b + HOLD_ROOM] = room
      i32.fill(0, b + HOLD_ROOM + 1, b + HOLD_FIRST + room)
      arena.put(arena.base + H_COLLECTOR + G_HOLDS, hold)
      self.#room += room
      for (let i = room - 1; i >= 0; i--) self.#free.push(b + HOLD_FIRST + i)
    }
    for (const { held } of owed) {
      held.hold = self.take(held.pointer)
      self.#recent.push(held)
    }
    self.#owed = []
  }

  /** The blocks were not taken: who had a place there needs another one. */
  undone(): void {
    const { arena } = this.#core
    this.#free = this.#before
    for (const held of this.#recent) {
      held.hold = 0
      const live = held.live.deref()
      if (live !== undefined) this.#owed.push({ live, held })
    }
    this.#recent = []
    arena.owes = this.#owed.length > 0
  }
}
