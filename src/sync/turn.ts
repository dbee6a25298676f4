// sync: taking turns. One word inside another segment: the token of whoever's turn it is, as in owner-lock.ts.
//
// A turn nests: what is called inside a turn, by the same handle, is part of it. What that is, a blocking section knows by itself, as
// nothing else runs in its thread; sections that await are told apart by their asynchronous context.
//
// Crash windows: a killed holder's token stays; the next one exchanges it for its own, and is told.

import { AsyncLocalStorage } from 'node:async_hooks'
import { MemlaneError } from '../errors.js'
import type { Segment } from '../segment/index.js'
import { checkFunction, refusePromise } from '../sizes.js'
import { spareStack } from '../spare-stack.js'
import { ASYNC_LIMITS, type AsyncLimits, asyncWait, signalOf, timedOut, timeoutOf, type WaitLimits } from './handle.js'
import { heldTooLong } from './holder.js'
import { BUSY, OwnerLock, RECOVERED, TAKEN } from './owner-lock.js'
import { TaskQueue } from './task-queue.js'

/** What a section is told. */
export interface TurnInfo {
  /** True when the last one was killed in its turn: what it was at may be half done. */
  readonly recovered: boolean
}

const TURN: TurnInfo = Object.freeze({ recovered: false })
const AFTER_THE_DEAD: TurnInfo = Object.freeze({ recovered: true })

export class Turn {
  readonly #segment: Segment
  readonly #lock: OwnerLock
  readonly #tasks: TaskQueue = new TaskQueue()
  /** Set while a section that awaits goes on, in its context alone. */
  readonly #inside: AsyncLocalStorage<{ open: boolean }> = new AsyncLocalStorage()
  /** Blocking sections of this handle that are open. */
  #depth = 0

  /** @param offset of a zeroed word in the segment, in bytes. */
  constructor(segment: Segment, offset: number) {
    this.#segment = segment
    this.#lock = new OwnerLock(segment, offset)
  }

  /**
   * Runs `section` when it is this handle's turn, blocking the thread until then.
   *
   * @throws MemlaneError `ERR_TIMEOUT` naming who has the turn; `ERR_DEADLOCK` when this thread has it elsewhere; `ERR_ASYNC` for a
   *   section that gives a promise; what the section throws.
   */
  take<T>(section: (turn: TurnInfo) => T, limits: WaitLimits | undefined): T {
    checkFunction(section, 'fn')
    const timeout = limits === undefined ? -1 : timeoutOf(limits)
    if (this.isMine) return done(section(TURN))
    spareStack()
    const got = this.#lock.takeFree() ? TAKEN : this.#lock.acquire(timeout)
    if (got === BUSY) throw heldTooLong(this.#segment, this.#lock.owner, 'the turn', timeout)
    this.#depth++
    try {
      return done(section(got === RECOVERED ? AFTER_THE_DEAD : TURN))
    } finally {
      this.#depth--
      this.#leave()
    }
  }

  /** The same without blocking the thread; the turn is over when the section's promise settles. */
  takeAsync<T>(section: (turn: TurnInfo) => T | Promise<T>, limits: AsyncLimits | undefined): Promise<T> {
    return asyncWait(async () => {
      checkFunction(section, 'fn')
      timeoutOf(limits, ASYNC_LIMITS)
      signalOf(limits)?.throwIfAborted()
      if (this.#isInside) return await section(TURN)
      if (this.#depth > 0) throw this.#lock.deadlock()
      return await this.#tasks.run(
        limits,
        {
          deadlock: () => this.#lock.deadlock(),
          timedOut: (timeout) => timedOut(this.#segment.name, 'the turn', timeout),
        },
        (rest) => this.#section(section, rest),
      )
    })
  }

  async #section<T>(section: (turn: TurnInfo) => T | Promise<T>, limits: AsyncLimits): Promise<T> {
    const timeout = timeoutOf(limits, ASYNC_LIMITS)
    const got = await this.#lock.acquireAsync(timeout, signalOf(limits))
    if (got === BUSY) throw heldTooLong(this.#segment, this.#lock.owner, 'the turn', timeout)
    const inside = { open: true }
    try {
      if (this.#segment.closed) throw closed(this.#segment)
      return await this.#inside.run(inside, () => section(got === RECOVERED ? AFTER_THE_DEAD : TURN))
    } finally {
      inside.open = false
      this.#leave()
    }
  }

  /** What a section leaves running after its end is not inside any more. */
  get #isInside(): boolean {
    return this.#lock.isMine && this.#inside.getStore()?.open === true
  }

  #leave(): void {
    // A section that has closed the handle has let the turn go with it.
    if (!this.#segment.closed) this.#lock.release()
  }

  /** True inside a section of this handle. */
  get isMine(): boolean {
    return this.#depth > 0 || this.#isInside
  }

  /** The handle is about to be closed: waits through it end. */
  shut(): void {
    this.#lock.shut()
  }
}

function done<T>(result: T): T {
  refusePromise(result, 'the turn is over when exclusive() returns; use exclusiveAsync()')
  return result
}

function closed(segment: Segment): MemlaneError {
  return new MemlaneError('ERR_CLOSED', `${JSON.stringify(segment.name)} was closed while waiting`)
}
