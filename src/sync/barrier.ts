// sync: nobody goes on before everybody is there.
//
//   0          4            8           16 + 4 i
//   +----------+------------+-----------+-----------+-----
//   | lock     | generation | opening   | arrival   | …        `parties` arrivals
//   +----------+------------+-----------+-----------+-----
//
// lock        an owner lock: arrivals are counted by one at a time.
// generation  +1 whenever everybody is there; waiters sleep on it.
// opening     0, or while the arrivals are being cleared 1 + the lowest bit of the generation that ends.
// arrival     0, or the token of a participant that waits.
//
// Crash windows: killed while waiting → its arrival names the dead, and is not counted. Killed while counting → the lock
// recovers, and arrivals are whole words. Killed while opening → the generation tells whether it has opened: if so, the
// next to take the lock clears the arrivals of those who went; if not, they wait on. Killed before waking the others →
// they look at the generation by themselves (native RELOOK_MS).

import { MemlaneError } from '../errors.js'
import { performance } from '../host.js'
import type { CreateOptions, NameOptions, Segment } from '../segment/index.js'
import { checkObject, endOf, given, parseInteger } from '../sizes.js'
import { BRIEF_LOCK_MS, block, type Pollable, type Sleep, untilFound } from '../waiting/index.js'
import {
  ASYNC_LIMITS,
  type AsyncLimits,
  asyncWait,
  Handle,
  openWithParameter,
  signalOf,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { BUSY, OwnerLock, RECOVERED } from './owner-lock.js'

const KIND = 'barrier'
export const GENERATION = 4
const OPENING = 8
export const ARRIVALS = 16
const PARTIES_MAX = 1023

export interface BarrierOptions extends CreateOptions {
  /** How many must arrive, 1 to 1023. Reopening with another number is `ERR_MISMATCH`. */
  parties?: number | undefined
}

/**
 * A meeting point: `wait` returns when `parties` have arrived. One that is killed while waiting is not counted any more.
 *
 * @example
 * import { Barrier } from 'memlane'
 * using start = Barrier.open('start', { parties: 1 })
 * await start.waitAsync({ timeout: 5000 })
 */
export class Barrier extends Handle {
  readonly #lock: OwnerLock
  readonly #parties: number
  readonly #me: number
  readonly #generation: number
  readonly #arrivals: Set<Arrival> = new Set()
  readonly #opening: number

  private constructor(segment: Segment, offset: number, owned: boolean, parties: number) {
    super(segment, offset, owned)
    this.#lock = new OwnerLock(segment, offset)
    this.#parties = parties
    this.#me = segment.participant.token
    this.#generation = (offset + GENERATION) / 4
    this.#opening = (offset + OPENING) / 4
  }

  /** Opens the barrier of that name, or makes it. @throws MemlaneError `ERR_MISMATCH`, `ERR_RANGE`, `ERR_NAME`, `ERR_KIND`. */
  static open(name: string, options: BarrierOptions = {}): Barrier {
    const parameter = {
      what: 'parties',
      value: parseInteger(given(checkObject(options).parties, 2), 'parties', 1, PARTIES_MAX),
      given: options.parties !== undefined,
      most: PARTIES_MAX,
      bytes: Barrier.bytes,
    }
    const { segment, value } = openWithParameter(KIND, name, options, parameter)
    return new Barrier(segment, segment.body, true, value)
  }

  /** Bytes it takes inside another segment. */
  static bytes(parties: number): number {
    return ARRIVALS + parties * 4
  }

  /** A barrier at a zeroed place inside another segment, a multiple of 4. */
  static at(segment: Segment, offset: number, parties: number): Barrier {
    return new Barrier(segment, offset, false, parseInteger(parties, 'parties', 1, PARTIES_MAX))
  }

  /** Removes the name. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkPrimitive(name, options)
  }

  /** How many must arrive. */
  get parties(): number {
    return this.#parties
  }

  /** How many living ones wait at this moment. */
  get waiting(): number {
    this.checkOpen()
    return this.#living()
  }

  /** Waits for the others, blocking the thread. @returns false when the time is over; then this one is not counted. */
  wait(limits?: WaitLimits): boolean {
    this.checkEntry()
    const timeout = timeoutOf(limits)
    const end = endOf(timeout)
    if (!this.#take(timeout < 0 ? timeout : Math.max(timeout, BRIEF_LOCK_MS))) return false
    const arrival = this.#arrive()
    if (arrival === undefined) return true
    return block(this.#opened(arrival), end) ?? this.#withdraw(arrival, this.#take(BRIEF_LOCK_MS))
  }

  /** Waits for the others without blocking the thread. */
  waitAsync(limits?: AsyncLimits): Promise<boolean> {
    return asyncWait(async () => {
      this.checkEntry()
      const timeout = timeoutOf(limits, ASYNC_LIMITS)
      const signal = signalOf(limits)
      signal?.throwIfAborted()
      const end = endOf(timeout)
      const patience = Math.max(end, performance.now() + BRIEF_LOCK_MS)
      while (!this.#take()) {
        if (!(await this.#mayBeFree(patience, signal))) return false
        this.checkOpen()
      }
      const arrival = this.#arrive()
      if (arrival === undefined) return true
      try {
        if ((await untilFound(this.#opened(arrival), end, signal)) === true) return true
        const passed = await this.#withdrawAsync(arrival)
        this.checkOpen()
        return passed
      } catch (error) {
        await this.#withdrawAsync(arrival)
        throw error
      }
    })
  }

  /** The wait for the generation that this one arrived in to end. */
  #opened(arrival: Arrival): Pollable<true> {
    return {
      memory: this.segment.memory,
      poll: (sleep: Sleep): true | undefined => {
        this.checkOpen()
        sleep.word = this.#generation
        sleep.expected = arrival.generation
        return this.#passed(arrival) ? true : undefined
      },
    }
  }

  #word(i: number): number {
    return (this.offset + ARRIVALS) / 4 + i
  }

  #living(): number {
    let count = 0
    for (let i = 0; i < this.#parties; i++) {
      const token = this.segment.memory.load(this.#word(i))
      if (token !== 0 && this.segment.isAlive(token)) count++
    }
    return count
  }

  /** Counts this one in, and frees the lock, whatever is thrown. @returns undefined when it was the last. */
  #arrive(): Arrival | undefined {
    let arrival: Arrival | undefined
    try {
      arrival = this.#countIn()
    } finally {
      this.#lock.release()
    }
    if (arrival === undefined) this.segment.memory.wake(this.#generation, 0x7fffffff)
    return arrival
  }

  /** Under the lock. @returns undefined when it was the last, and has opened the barrier. */
  #countIn(): Arrival | undefined {
    const { memory } = this.segment
    let place = -1
    for (let i = 0; i < this.#parties && place < 0; i++) {
      const token = memory.load(this.#word(i))
      if (token === 0 || !this.segment.isAlive(token)) place = i
    }
    if (place < 0)
      throw new MemlaneError('ERR_LIMIT', `${JSON.stringify(this.name)}: ${this.#parties} parties wait already`)
    memory.store(this.#word(place), this.#me)
    const generation = memory.load(this.#generation)
    if (this.#living() < this.#parties) {
      const arrival = { place, generation }
      this.#arrivals.add(arrival)
      return arrival
    }
    memory.store(this.#opening, 1 + (generation & 1))
    memory.store(this.#generation, (generation + 1) | 0) // SYNC: "what was done before the barrier is visible after it"
    this.#clear()
    return undefined
  }

  #clear(): void {
    for (let i = 0; i < this.#parties; i++) this.segment.memory.store(this.#word(i), 0)
    this.segment.memory.store(this.#opening, 0)
  }

  /** Takes the lock. @param timeout default: not waiting for it. */
  #take(timeout?: number): boolean {
    const got = timeout === undefined ? this.#lock.tryAcquire() : this.#lock.acquire(timeout)
    this.#mend(got)
    return got !== BUSY
  }

  /** Sleeps until the lock may be free. Not taken here: code of this thread that runs before the promise is heard would meet it. */
  async #mayBeFree(end: number, signal?: AbortSignal): Promise<boolean> {
    const left = end - performance.now()
    if (left > 0) await this.#lock.whenFree(left, signal)
    return left > 0
  }

  /** Finishes what somebody who was killed with the lock had begun. The caller holds the lock. */
  #mend(got: number): void {
    if (got !== RECOVERED) return
    const { memory } = this.segment
    const opening = memory.load(this.#opening)
    if (opening === 0) return
    if (opening === 1 + (memory.load(this.#generation) & 1)) memory.store(this.#opening, 0)
    else this.#clear()
    memory.wake(this.#generation, 0x7fffffff)
  }

  /** @internal Counts its own waiters out; they look again, and find it closed. */
  protected override releaseHeld(): void {
    const { memory } = this.segment
    if (this.#arrivals.size === 0) return
    const locked = this.#take(BRIEF_LOCK_MS)
    for (const arrival of this.#arrivals) if (!this.#passed(arrival)) memory.store(this.#word(arrival.place), 0)
    this.#arrivals.clear()
    if (locked) this.#lock.release()
    memory.wake(this.#generation, 0x7fffffff)
  }

  #passed(arrival: Arrival): boolean {
    // SYNC: "what was done before the barrier is visible after it"
    const passed = this.segment.memory.load(this.#generation) !== arrival.generation
    if (passed) this.#arrivals.delete(arrival)
    return passed
  }

  /**
   * Counts this one out unless the barrier has opened meanwhile.
   *
   * @param locked the caller holds the lock. Without it, as its holder is stopped, that one may count this one all the same.
   */
  #withdraw(arrival: Arrival, locked: boolean): boolean {
    const passed = this.#passed(arrival)
    this.#arrivals.delete(arrival)
    if (!passed) this.segment.memory.store(this.#word(arrival.place), 0)
    if (locked) this.#lock.release()
    return passed
  }

  async #withdrawAsync(arrival: Arrival): Promise<boolean> {
    const end = performance.now() + BRIEF_LOCK_MS
    let locked = false
    do {
      // Where the handle was closed meanwhile that has counted it out.
      if (this.segment.memory.closed || !this.#arrivals.has(arrival)) return false
      if (this.#passed(arrival)) return true
      locked = this.#take()
    } while (!locked && (await this.#mayBeFree(end)))
    return this.#withdraw(arrival, locked)
  }
}

interface Arrival {
  readonly place: number
  readonly generation: number
}
