// cli: how tools look into a segment of some kind. One file per kind plugs in here; index.ts lists them.
//
// A look claims no slot and changes nothing: the segment is open read-only. Only `verify` and `repair` may attach. Whatever lies in it may be garbage, so every
// count is clamped to the body, and nothing is followed without bounds.

import { isElsewhere } from '../../native/process-state.js'
import { incarnationOf, type Segment, slotOf } from '../../segment/index.js'
import { TOKEN, WAITERS } from '../../sync/owner-lock.js'
import type { Column } from '../table.js'

/** Who holds something, as the words in memory tell it. */
export interface Held {
  /** What is held: `the mutex`, `permit 3`. */
  readonly what: string
  readonly slot: number
  readonly pid: number
  /** False: the holder was killed. The next one to take it recovers it and is told. */
  readonly alive: boolean
  /** True when its pid counts in another pid namespace than ours, so that it cannot be looked up. */
  readonly elsewhere: boolean
  /** When the holder attached, milliseconds since 1970. The lock was taken some time after. */
  readonly sinceMs: number
}

export interface Details {
  /** Names and plain values: the lines of `inspect`, and the members of `details` in --json. */
  readonly facts: Readonly<Record<string, string | number | boolean | bigint | null>>
  readonly held: readonly Held[]
  /** Longer matter, below the facts. */
  readonly tables?: readonly {
    readonly title: string
    readonly columns: readonly Column[]
    readonly rows: readonly string[][]
  }[]
}

export interface Kind {
  readonly kind: string
  /** A few words for `list`: what state it is in. */
  summary(segment: Segment): string
  /** @param depth how many references are followed, for what has them. */
  inspect(segment: Segment, depth?: number): Details
  /** Checks every invariant, for `doctor --verify`. @returns what is broken, in words. */
  verify?(segment: Segment): string[]
  /** Undoes what killed participants left half done, as the next process to change it would, for `doctor --fix`. */
  repair?(segment: Segment): void
}

/** The words of a structure in a segment's body; those beyond the body read as 0. */
export function wordAt(segment: Segment, offset: number): number {
  return offset >= 0 && offset + 4 <= segment.bodySize ? segment.memory.load((segment.body + offset) / 4) : 0
}

/** How many pieces of `step` bytes the body has behind `offset`, but not more than `wanted`. */
export function clampCount(segment: Segment, offset: number, step: number, wanted: number): number {
  return Math.max(0, Math.min(wanted, Math.floor((segment.bodySize - offset) / step)))
}

/** The number that the primitive's creator chose, kept in the header. */
export function parameterOf(segment: Segment): number {
  const { parameters } = segment
  return parameters.length < 4 ? 0 : new DataView(parameters.buffer, parameters.byteOffset).getUint32(0, true)
}

/** Who a lock word names; nobody when it is 0. */
export function holderOf(segment: Segment, what: string, word: number): Held[] {
  const token = word & TOKEN
  if (token === 0) return []
  const slot = slotOf(token)
  const alive = segment.isAlive(token)
  const incarnation = incarnationOf(token)
  const participant = segment.participants().find((one) => one.slot === slot && one.incarnation === incarnation)
  const held: Held = {
    what,
    slot,
    // A dead holder's slot may have been freed or reused: then its pid is not known any more.
    pid: participant?.pid ?? 0,
    alive,
    elsewhere: participant !== undefined && isElsewhere(participant.pidNamespace),
    sinceMs: participant?.claimedMs ?? 0,
  }
  return [held]
}

export function hasWaiters(word: number): boolean {
  return (word & WAITERS) !== 0
}

/** `held by pid 42`, `free`, `held by a dead process`. */
export function heldSummary(held: readonly Held[], free: string): string {
  const [first, ...rest] = held
  if (first === undefined) return free
  const who = first.pid === 0 ? `slot ${first.slot}` : `pid ${first.pid}`
  return `held by ${who}${first.alive ? '' : ', which is dead'}${rest.length > 0 ? ` and ${rest.length} more` : ''}`
}
