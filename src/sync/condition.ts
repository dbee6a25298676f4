// sync: waiting for something that a mutex guards. Its words are a waiter table.

import { MemlaneError, wrongType } from '../errors.js'
import type { CreateOptions, NameOptions, Segment } from '../segment/index.js'
import { checkObject, endOf, parseInteger } from '../sizes.js'
import { block, type Pollable, type Sleep, untilFound } from '../waiting/index.js'
import { Guard } from './guard.js'
import {
  ASYNC_LIMITS,
  type AsyncLimits,
  asyncWait,
  checkBody,
  Handle,
  openPrimitive,
  signalOf,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { type Mutex, mutexOf } from './mutex.js'
import { type Entry, WaiterTable } from './waiter-table.js'

const KIND = 'condition'

/**
 * A condition variable: gives a mutex up while waiting, and has it back when the wait ends.
 *
 * `notify(n)` lets exactly `n` living waiters go, oldest first. Whoever waits checks what it waits for afterwards, as
 * another process may have been faster.
 *
 * @example
 * import { Condition, Mutex } from 'memlane'
 * using lock = Mutex.open('jobs')
 * using filled = Condition.open('jobs-filled')
 * const jobs: string[] = []
 * await lock.run(async (guard) => {
 *   while (jobs.length === 0) await filled.waitAsync(guard)
 * })
 */
export class Condition extends Handle {
  /** Bytes it takes inside another segment. */
  static readonly BYTES: number = WaiterTable.BYTES
  readonly #table: WaiterTable
  readonly #entries: Set<Entry> = new Set()

  private constructor(segment: Segment, offset: number, owned: boolean) {
    super(segment, offset, owned)
    this.#table = new WaiterTable(segment, offset)
  }

  /** Opens the condition of that name, or makes it. @throws MemlaneError `ERR_NAME`, `ERR_KIND`. */
  static open(name: string, options: CreateOptions = {}): Condition {
    const segment = openPrimitive(KIND, name, Condition.BYTES, checkObject(options))
    return new Condition(checkBody(segment, Condition.BYTES), segment.body, true)
  }

  /** A condition at a zeroed place inside another segment, a multiple of 4. */
  static at(segment: Segment, offset: number): Condition {
    return new Condition(segment, offset, false)
  }

  /** Removes the name. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkPrimitive(name, options)
  }

  /**
   * Gives up the mutex of `guard`, waits to be notified, and takes the mutex back.
   *
   * @returns false when the time is over; the mutex is held again either way.
   * @throws MemlaneError `ERR_NOT_HELD` when the guard holds no mutex; `ERR_LIMIT` when 1024 wait; `ERR_CLOSED`.
   */
  wait(guard: Guard, limits?: WaitLimits): boolean {
    this.checkEntry()
    const mutex = checkGuard(guard)
    const timeout = timeoutOf(limits)
    const end = endOf(timeout)
    const entry = this.#enter(mutex, guard)
    try {
      block(this.#called(entry), end)
      return this.#leave(entry)
    } finally {
      mutex.resume()
    }
  }

  /** The same without blocking the thread. An abort rejects once the mutex is held again. */
  waitAsync(guard: Guard, limits?: AsyncLimits): Promise<boolean> {
    return asyncWait(async () => {
      this.checkEntry()
      const mutex = checkGuard(guard)
      const timeout = timeoutOf(limits, ASYNC_LIMITS)
      const signal = signalOf(limits)
      signal?.throwIfAborted()
      const end = endOf(timeout)
      const entry = this.#enter(mutex, guard)
      let left = true
      try {
        await untilFound(this.#called(entry), end, signal)
        left = false
        return this.#leave(entry)
      } catch (error) {
        // Called in the moment of the abort: somebody else must have the call.
        if (left && this.#leave(entry)) this.#table.call(1)
        throw error
      } finally {
        await mutex.resumeAsync()
      }
    })
  }

  /** Lets up to `count` waiters go, oldest first. @returns how many went. @throws MemlaneError `ERR_RANGE`, `ERR_CLOSED`. */
  notify(count: number = 1): number {
    this.checkEntry()
    return this.#table.call(parseInteger(count, 'count', 1, 0x7fffffff))
  }

  /** Lets every waiter go. @returns how many went. */
  notifyAll(): number {
    return this.notify(0x7fffffff)
  }

  /** The wait for the entry's ticket to be called. */
  #called(entry: Entry): Pollable<true> {
    return {
      memory: this.segment.memory,
      poll: (sleep: Sleep): true | undefined => {
        this.checkOpen()
        sleep.word = entry.word
        sleep.expected = entry.ticket
        return this.#table.isCalled(entry) ? true : undefined
      },
    }
  }

  /** Queues up, and gives the mutex up then, so that no notification is missed. Both or neither. */
  #enter(mutex: Mutex, guard: Guard): Entry {
    const entry = this.#table.enter()
    this.#entries.add(entry)
    try {
      mutex.suspend(guard)
    } catch (error) {
      // Else the entry of one that does not wait would be given somebody's notification.
      if (this.#leave(entry)) this.#table.call(1)
      throw error
    }
    return entry
  }

  /** @internal Its own waiters look again, and find it closed. */
  protected override releaseHeld(): void {
    for (const { word } of this.#entries) this.segment.memory.wake(word, 0x7fffffff)
  }

  #leave(entry: Entry): boolean {
    this.#entries.delete(entry)
    return this.segment.memory.closed ? false : this.#table.leave(entry)
  }
}

function checkGuard(guard: unknown): Mutex {
  if (!(guard instanceof Guard)) throw wrongType('guard', 'the guard of a Mutex', guard)
  const mutex = mutexOf(guard)
  if (mutex === undefined || !guard.held) throw new MemlaneError('ERR_NOT_HELD', 'the guard does not hold a mutex')
  return mutex
}
