// sync: one holder at a time, across processes.

import { MemlaneError } from '../errors.js'
import type { CreateOptions, NameOptions, Segment } from '../segment/index.js'
import { checkFunction, checkObject } from '../sizes.js'
import { Guard } from './guard.js'
import {
  ASYNC_LIMITS,
  type AsyncLimits,
  asyncWait,
  Handle,
  openPrimitive,
  signalOf,
  timedOut,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { heldTooLong } from './holder.js'
import { BUSY, OwnerLock, RECOVERED, TAKEN } from './owner-lock.js'
import { TaskQueue } from './task-queue.js'

const KIND = 'mutex'

/** The mutex that a guard holds, if it is a held guard of a mutex. */
export function mutexOf(guard: Guard): Mutex | undefined {
  const holder = Guard.holderOf(guard)
  return holder instanceof Mutex ? holder : undefined
}

/**
 * A lock with one holder. A holder that is killed is noticed within milliseconds and the lock goes to exactly one
 * waiter, whose guard says `recovered`; a stopped holder keeps it.
 *
 * A handle is a holder: taking the lock again through the same handle is `ERR_DEADLOCK`. Tasks of one process that
 * compete use `run`, which queues them, or a handle each.
 *
 * @example
 * import { Mutex } from 'memlane'
 * using lock = Mutex.open('deploy')
 * await lock.run(async () => {
 *   // one process at a time
 * })
 */
export class Mutex extends Handle {
  /** Bytes it takes inside another segment. */
  static readonly BYTES: number = 4
  readonly #lock: OwnerLock
  readonly #tasks: TaskQueue = new TaskQueue()
  #held = false
  /** An `acquireAsync` is under way. It may have the lock already, and be heard of in the next turn only. */
  #acquiring = false
  /** A Condition has given the lock up for the time of a wait. */
  #suspended: Guard | undefined

  private constructor(segment: Segment, offset: number, owned: boolean) {
    super(segment, offset, owned)
    this.#lock = new OwnerLock(segment, offset)
  }

  /**
   * Opens the mutex of that name, or makes it.
   *
   * @throws MemlaneError `ERR_NAME`, `ERR_KIND` (the name is something else), `ERR_PARTICIPANTS`, and what opening a segment can give.
   */
  static open(name: string, options: CreateOptions = {}): Mutex {
    const segment = openPrimitive(KIND, name, Mutex.BYTES, checkObject(options))
    return new Mutex(segment, segment.body, true)
  }

  /** A mutex at a zeroed place inside another segment. */
  static at(segment: Segment, offset: number): Mutex {
    return new Mutex(segment, offset, false)
  }

  /** Removes the name; those who have it open keep their lock. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkPrimitive(name, options)
  }

  /** True when anybody holds it, dead or alive. */
  get isLocked(): boolean {
    this.checkOpen()
    return this.#lock.owner !== 0
  }

  /**
   * Takes the mutex if nobody holds it, without waiting.
   *
   * @returns a guard, or `undefined` when another participant holds the mutex.
   * @throws MemlaneError `ERR_DEADLOCK` when this handle holds it already; `ERR_CLOSED` after `close()`.
   */
  tryAcquire(): Guard | undefined {
    this.#checkFree()
    if (this.#acquiring && this.#lock.isMine) throw this.#lock.deadlock()
    const got = this.#lock.tryAcquire()
    return got === BUSY ? undefined : this.#guard(got)
  }

  /**
   * Takes the mutex, blocking the thread while another participant holds it.
   *
   * @throws MemlaneError `ERR_TIMEOUT`; `ERR_DEADLOCK` when this thread holds it already; `ERR_CLOSED`; `ERR_RANGE`.
   */
  acquire(limits?: WaitLimits): Guard {
    this.#checkFree()
    const timeout = limits === undefined ? -1 : timeoutOf(limits)
    // The way of a free lock is kept short enough to be compiled into its caller.
    return this.#lock.takeFree() ? this.#guard(TAKEN) : this.#acquireSlowly(timeout)
  }

  #acquireSlowly(timeout: number): Guard {
    const got = this.#lock.acquire(timeout)
    if (got === BUSY) throw heldTooLong(this.segment, this.#lock.owner, 'the mutex', timeout)
    return this.#guard(got)
  }

  /**
   * Takes the mutex without blocking the thread. Rejects as `acquire` throws, or with the signal's reason; `ERR_DEADLOCK` also
   * while an earlier call of this handle waits: it would come to hold the mutex first.
   */
  acquireAsync(limits?: AsyncLimits): Promise<Guard> {
    return asyncWait(() => this.#acquireAsync(limits))
  }

  /**
   * Calls `fn` while holding the mutex. Calls through one handle take turns; one from inside another is `ERR_DEADLOCK`.
   *
   * @returns what `fn` returns; the mutex is free again when the promise settles.
   */
  run<T>(fn: (guard: Guard) => T | Promise<T>, limits?: AsyncLimits): Promise<T> {
    return asyncWait(async () => {
      checkFunction(fn, 'fn')
      return await this.#tasks.run(
        limits,
        { deadlock: () => this.#lock.deadlock(), timedOut: (timeout) => timedOut(this.name, 'the mutex', timeout) },
        async (rest) => {
          using guard = await this.#acquireAsync(rest)
          return await fn(guard)
        },
      )
    })
  }

  async #acquireAsync(limits: AsyncLimits | undefined): Promise<Guard> {
    this.#checkFree()
    if (this.#acquiring) throw this.#lock.deadlock()
    const timeout = timeoutOf(limits, ASYNC_LIMITS)
    const signal = signalOf(limits)
    this.#acquiring = true
    let got = BUSY
    try {
      got = await this.#lock.acquireAsync(timeout, signal)
    } finally {
      this.#acquiring = false
    }
    if (this.closed) {
      // Closed between the lock's answer and this line.
      if (got !== BUSY && !this.segment.memory.closed) this.#lock.release()
      this.checkOpen()
    }
    if (got === BUSY) throw heldTooLong(this.segment, this.#lock.owner, 'the mutex', timeout)
    return this.#guard(got)
  }

  #checkFree(): void {
    this.checkEntry()
    if (this.#held) throw this.#lock.deadlock()
  }

  #guard(got: number): Guard {
    this.#held = true
    return new Guard(this, got === RECOVERED)
  }

  /** @internal */
  endHold(): void {
    this.#held = false
    // A guard that is released during a wait has nothing to free: the wait then ends without the lock.
    if (this.#suspended === undefined && !this.closed) this.#lock.release()
  }

  /** @internal For Condition: gives the mutex up for the time of a wait. */
  suspend(guard: Guard): void {
    this.checkOpen()
    if (!this.#held || this.#suspended !== undefined || !guard.held) {
      throw new MemlaneError('ERR_NOT_HELD', `${JSON.stringify(this.name)} is not held by this guard`)
    }
    this.#suspended = guard
    this.#lock.release()
  }

  /** @internal For Condition: takes the mutex back after a wait. */
  resume(): void {
    const guard = this.#suspended
    this.#suspended = undefined
    if (guard === undefined || !this.#held || this.closed) return
    if (this.#lock.acquire() === RECOVERED) Guard.markRecovered(guard)
  }

  /** @internal */
  async resumeAsync(): Promise<void> {
    const guard = this.#suspended
    const got = this.#held && !this.closed ? await this.#lock.acquireAsync() : BUSY
    this.#suspended = undefined
    if (got === RECOVERED && guard !== undefined) Guard.markRecovered(guard)
    if (!this.#held && !this.closed && this.#lock.isMine) this.#lock.release()
  }

  /** @internal */
  protected override releaseHeld(): void {
    this.#lock.shut()
    if (this.#held) this.endHold()
  }
}
