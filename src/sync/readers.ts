// sync: who reads under an RwLock, and who waits to. One word per participant, on a cache line of its own.
//
//   31        30       29 ............ 10   9 ... 0
//   +---------+--------+----------------+-----------+
//   | INVITED | QUEUED | incarnation    | slot      |      0: neither reads nor waits
//   +---------+--------+----------------+-----------+
//
//   0 ⇄ reading (no flag)    by its owner, when it sees no writer
//   reading → QUEUED         by its owner, when it sees one
//   QUEUED → INVITED         by a writer that leaves, before it frees its own word
//   INVITED → reading        by its owner, whatever the next writer does: that one waits
//   INVITED → 0              by the next writer, when the reader has not come within INVITATION_MS: it is stopped, or very slow
//   QUEUED, INVITED → 0      by its owner, when it gives up
//
// Crash windows: a word whose owner is dead keeps nobody out, in whatever state; the next writer that meets it clears it.
// A writer killed between its invitations leaves some QUEUED; they find its word dead and take it over.

import { performance } from '../host.js'
import type { Memory } from '../memory/index.js'
import type { Segment } from '../segment/index.js'
import { type EventCount, INVITATION_MS } from '../waiting/index.js'
import { TOKEN } from './owner-lock.js'

export const QUEUED: number = 1 << 30
export const INVITED: number = 1 << 31
export const LINE = 64

export class Readers {
  readonly #segment: Segment
  readonly #memory: Memory
  readonly #base: number
  readonly #end: number
  readonly #freed: EventCount
  /** Since when this handle has found invited readers missing, and the epoch of `freed` then. */
  #missing = 0
  #epoch = -1

  /**
   * @param offset byte offset of the first participant's line.
   * @param freed is notified after every invitation.
   */
  constructor(segment: Segment, offset: number, freed: EventCount) {
    this.#segment = segment
    this.#memory = segment.memory
    this.#base = offset / 4
    this.#freed = freed
    this.#end = this.#base + (segment.slots * LINE) / 4
  }

  /** The word of the participant with that slot. */
  wordOf(slot: number): number {
    return this.#base + (slot * LINE) / 4
  }

  /** Live readers that are inside. */
  count(): number {
    let count = 0
    for (let word = this.#base; word < this.#end; word += LINE / 4) {
      const seen = this.#memory.load(word)
      if (seen > 0 && (seen & QUEUED) === 0 && this.#segment.isAlive(seen)) count++
    }
    return count
  }

  /** Lets everybody in who waits. The caller is the writer, and frees its word afterwards. */
  invite(): void {
    // SYNC: "queued before the mark, the mark taken off before the look at who is queued"
    this.#memory.fence()
    // SYNC: "invited before the writer's word is free, looked at after it is taken"
    for (let word = this.#next(this.#base); word < this.#end; word = this.#next(word + LINE / 4)) {
      const seen = this.#memory.load(word)
      if (seen > 0 && (seen & QUEUED) !== 0) this.#memory.compareExchange(word, seen, (seen & TOKEN) | INVITED)
    }
  }

  /** True when no live reader is inside and no invited reader is on the way. The caller is the writer. */
  drained(): boolean {
    // SYNC: "reader's word before the look at writer, writer before the look at readers"
    this.#memory.fence()
    let missing = false
    for (let word = this.#next(this.#base); word < this.#end; word = this.#next(word + LINE / 4)) {
      const seen = this.#memory.load(word)
      if ((seen & QUEUED) !== 0) continue
      if (!this.#segment.isAlive(seen & TOKEN)) this.#memory.compareExchange(word, seen, 0)
      else if (seen > 0) return false
      else missing = true
    }
    if (missing) return this.#waitedEnough()
    // The readers that are invited next have their own time, whether or not `freed` has been notified for them yet.
    this.#epoch = -1
    return true
  }

  /** The first word from there on that is not 0, or the end. Plain: an atomic look at the writer's word came before. */
  #next(from: number): number {
    const { i32 } = this.#memory
    const end = this.#end
    let word = from
    while (word < end && i32[word] === 0) word += LINE / 4
    return word
  }

  /** Takes invitations back that nobody has followed for too long. @returns true when nobody came in just then. */
  #waitedEnough(): boolean {
    const now = performance.now()
    const { epoch } = this.#freed
    if (this.#epoch !== epoch) {
      this.#epoch = epoch
      this.#missing = now
    }
    if (now - this.#missing < INVITATION_MS) return false
    for (let word = this.#base; word < this.#end; word += LINE / 4) {
      const seen = this.#memory.load(word)
      if (seen < 0 && this.#memory.compareExchange(word, seen, 0) !== seen) return false
      if (seen > 0 && (seen & QUEUED) === 0) return false
    }
    this.#epoch = -1
    return true
  }
}
