// sync: up to `permits` holders at a time. Every permit is a word that names who has it.
//
//   0              8            64
//   +--------------+------------+---------+---------+-----
//   | event count  | -          | permit  | permit  | …       permit: 0 free, else the holder's token
//   +--------------+------------+---------+---------+-----
//
// Crash windows: a permit whose owner is dead is taken over like any dead owner's word; there is no count to go wrong.

import type { CreateOptions, NameOptions, Segment } from '../segment/index.js'
import { checkFunction, checkObject, given, parseInteger } from '../sizes.js'
import { DEATH_LOOK_MS, EventCount } from '../waiting/index.js'
import { waitAtAsync, waitAtVisibly } from './counted-wait.js'
import { Guard } from './guard.js'
import {
  ASYNC_LIMITS,
  type AsyncLimits,
  asyncWait,
  Handle,
  openWithParameter,
  signalOf,
  timedOut,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { A_PERMIT, PERMITS_SHIFT } from './wait-graph.js'

const KIND = 'semaphore'
export const PERMITS = 64
const PERMITS_MAX = 65_536

export interface SemaphoreOptions extends CreateOptions {
  /** Holders at a time, 1 to 65,536; default 1. Reopening with another number is `ERR_MISMATCH`. */
  permits?: number | undefined
}

/**
 * A lock with several permits. The permit of a killed holder goes to somebody else, who is told (`guard.recovered`).
 *
 * @example
 * import { Semaphore } from 'memlane'
 * using gpu = Semaphore.open('gpu', { permits: 2 })
 * await gpu.run(() => {
 *   // at most two at a time, machine-wide
 * })
 */
export class Semaphore extends Handle {
  readonly #waiters: EventCount
  readonly #permits: number
  readonly #base: number
  readonly #me: number
  readonly #held: Set<number> = new Set()
  #hint: number

  private constructor(segment: Segment, offset: number, owned: boolean, permits: number) {
    super(segment, offset, owned)
    this.#waiters = new EventCount(segment.memory, offset)
    this.#permits = permits
    this.#base = (offset + PERMITS) / 4
    this.#me = segment.participant.token
    this.#hint = segment.participant.slot % permits
  }

  /**
   * Opens the semaphore of that name, or makes it.
   *
   * @throws MemlaneError `ERR_MISMATCH` when it has another number of permits; `ERR_RANGE`, `ERR_NAME`, `ERR_KIND`.
   */
  static open(name: string, options: SemaphoreOptions = {}): Semaphore {
    const parameter = {
      what: 'permits',
      value: parseInteger(given(checkObject(options).permits, 1), 'permits', 1, PERMITS_MAX),
      given: options.permits !== undefined,
      most: PERMITS_MAX,
      bytes: Semaphore.bytes,
    }
    const { segment, value } = openWithParameter(KIND, name, options, parameter)
    return new Semaphore(segment, segment.body, true, value)
  }

  /** Bytes it takes inside another segment. */
  static bytes(permits: number): number {
    return PERMITS + permits * 4
  }

  /** A semaphore at a zeroed place inside another segment, a multiple of 4. */
  static at(segment: Segment, offset: number, permits: number): Semaphore {
    return new Semaphore(segment, offset, false, parseInteger(permits, 'permits', 1, PERMITS_MAX))
  }

  /** Removes the name. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkPrimitive(name, options)
  }

  /** Permits in all. */
  get permits(): number {
    return this.#permits
  }

  /** Permits that nobody has at this moment. */
  get available(): number {
    this.checkOpen()
    let free = 0
    for (let i = 0; i < this.#permits; i++) if (this.segment.memory.load(this.#base + i) === 0) free++
    return free
  }

  /** Takes a permit if there is one. @throws MemlaneError `ERR_CLOSED`. */
  tryAcquire(): Guard | undefined {
    this.checkEntry()
    return this.#take()
  }

  /** Takes a permit, blocking the thread while there is none. @throws MemlaneError `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_RANGE`. */
  acquire(limits?: WaitLimits): Guard {
    this.checkEntry()
    const timeout = timeoutOf(limits)
    const guard =
      this.#take() ??
      waitAtVisibly(
        this.segment,
        this.#base,
        A_PERMIT | (this.#permits << PERMITS_SHIFT),
        this.#waiters,
        () => this.#look(),
        timeout,
        DEATH_LOOK_MS,
      )
    if (guard === undefined) throw timedOut(this.name, 'a permit', timeout)
    return guard
  }

  /** Takes a permit without blocking the thread. */
  acquireAsync(limits?: AsyncLimits): Promise<Guard> {
    return asyncWait(async () => {
      this.checkEntry()
      const timeout = timeoutOf(limits, ASYNC_LIMITS)
      const signal = signalOf(limits)
      signal?.throwIfAborted()
      const guard =
        this.#take() ??
        (await waitAtAsync(this.segment.memory, this.#waiters, () => this.#look(), timeout, signal, DEATH_LOOK_MS))
      if (guard === undefined) throw timedOut(this.name, 'a permit', timeout)
      return guard
    })
  }

  /** Calls `fn` while holding a permit. @returns what it returns. */
  run<T>(fn: (guard: Guard) => T | Promise<T>, limits?: AsyncLimits): Promise<T> {
    return asyncWait(async () => {
      checkFunction(fn, 'fn')
      using guard = await this.acquireAsync(limits)
      return await fn(guard)
    })
  }

  #look(): Guard | undefined {
    this.checkOpen()
    return this.#take()
  }

  #take(): Guard | undefined {
    const { memory } = this.segment
    for (let i = 0; i < this.#permits; i++) {
      const permit = (this.#hint + i) % this.#permits
      // SYNC: "what the last holder wrote is visible to the next"
      if (memory.compareExchange(this.#base + permit, 0, this.#me) === 0) return this.#guard(permit, false)
    }
    return this.#takeFromDead()
  }

  #takeFromDead(): Guard | undefined {
    const { memory } = this.segment
    let last = 0
    for (let permit = 0; permit < this.#permits; permit++) {
      const holder = memory.load(this.#base + permit)
      if (holder === this.#me || holder === last) continue
      if (holder !== 0 && this.segment.isAlive(holder)) {
        last = holder
        continue
      }
      if (memory.compareExchange(this.#base + permit, holder, this.#me) === holder)
        return this.#guard(permit, holder !== 0)
    }
    return undefined
  }

  #guard(permit: number, recovered: boolean): Guard {
    this.#hint = permit
    this.#held.add(permit)
    return new Guard(this, recovered, permit)
  }

  /** @internal */
  endHold(permit: number): void {
    if (!this.#held.delete(permit) || this.closed) return
    // SYNC: "what the last holder wrote is visible to the next"
    this.segment.memory.store(this.#base + permit, 0)
    this.#waiters.notifyAll()
  }

  /** @internal */
  protected override releaseHeld(): void {
    for (const permit of [...this.#held]) this.endHold(permit)
  }
}
