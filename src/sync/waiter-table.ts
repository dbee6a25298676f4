// sync: who waits, one entry each, so that a notification goes to living waiters only, oldest first, and to no more than meant.
//
//   0          4          8             8 + 8 i
//   +----------+----------+-------------+-----------+-----------+-----
//   | tickets  | highest  | …           | owner     | ticket    |       CAPACITY entries of 8 bytes
//   +----------+----------+-------------+-----------+-----------+-----
//
// owner    0 free, else the token of the participant that waits.
// ticket   NONE → its number while it waits → the number negated by who notifies → NONE by who waited. Numbers are never
//          used twice, so whoever tidies up after the dead cannot hit a new waiter.
// highest  entries in use lie below it.
//
// Crash windows: killed with `owner` set → whoever notifies finds the owner dead and frees the entry. Killed after being
// called → the call is lost with the process that it was made to, as with any notification.

import { MemlaneError } from '../errors.js'
import type { Segment } from '../segment/index.js'

export const CAPACITY = 1024
export const ENTRIES = 8
const NONE = 0

export class WaiterTable {
  /** Bytes it takes. */
  static readonly BYTES: number = ENTRIES + CAPACITY * 8
  readonly #segment: Segment
  readonly #tickets: number

  constructor(segment: Segment, offset: number) {
    this.#segment = segment
    this.#tickets = offset / 4
  }

  /** Queues up. @returns the entry, to wait on and to leave. @throws MemlaneError `ERR_LIMIT` when 1024 wait already. */
  enter(): Entry {
    const { memory } = this.#segment
    const me = this.#segment.participant.token
    for (let i = 0; i < CAPACITY; i++) {
      const word = this.#owner(i)
      const owner = memory.load(word)
      if (owner !== 0 && (owner === me || this.#segment.isAlive(owner))) continue
      this.#clearTicket(word, owner)
      if (memory.compareExchange(word, owner, me) !== owner) continue
      for (let highest = memory.load(this.#tickets + 1); highest <= i; ) {
        const seen = memory.compareExchange(this.#tickets + 1, highest, i + 1)
        if (seen === highest) break
        highest = seen
      }
      const ticket = ((memory.add(this.#tickets, 1) >>> 0) % 0x7ffffffe) + 1
      memory.store(word + 1, ticket)
      return { word: word + 1, ticket }
    }
    throw new MemlaneError('ERR_LIMIT', `${JSON.stringify(this.#segment.name)}: ${CAPACITY} wait already`)
  }

  /** Leaves the queue. @returns true when it had been called. */
  leave(entry: Entry): boolean {
    const { memory } = this.#segment
    const before = memory.exchange(entry.word, NONE)
    memory.store(entry.word - 1, 0)
    return before === -entry.ticket
  }

  isCalled(entry: Entry): boolean {
    return this.#segment.memory.load(entry.word) === -entry.ticket
  }

  /** Calls up to `count` living waiters, oldest first. @returns how many. */
  call(count: number): number {
    const { memory } = this.#segment
    const waiting: { word: number; ticket: number; owner: number }[] = []
    const highest = Math.min(CAPACITY, memory.load(this.#tickets + 1))
    for (let i = 0; i < highest; i++) {
      const word = this.#owner(i)
      const owner = memory.load(word)
      const ticket = memory.load(word + 1)
      if (owner !== 0 && ticket > 0) waiting.push({ word, ticket, owner })
    }
    waiting.sort((a, b) => a.ticket - b.ticket)
    let called = 0
    for (const { word, ticket, owner } of waiting) {
      if (called >= count) break
      if (!this.#segment.isAlive(owner)) {
        // A dead waiter costs nobody a notification.
        if (memory.compareExchange(word + 1, ticket, NONE) === ticket) memory.compareExchange(word, owner, 0)
        continue
      }
      if (memory.compareExchange(word + 1, ticket, -ticket) !== ticket) continue
      memory.wake(word + 1, 0x7fffffff)
      called++
    }
    return called
  }

  /** A dead waiter's number must not be called for the next owner of the entry. Numbers are unique, so this cannot hit a new one. */
  #clearTicket(word: number, owner: number): void {
    const { memory } = this.#segment
    const ticket = memory.load(word + 1)
    if (ticket !== NONE && memory.load(word) === owner) memory.compareExchange(word + 1, ticket, NONE)
  }

  #owner(i: number): number {
    return this.#tickets + ENTRIES / 4 + i * 2
  }
}

export interface Entry {
  /** Word index of the ticket. */
  readonly word: number
  readonly ticket: number
}
