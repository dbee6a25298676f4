// sync: something that has happened, or not yet.
//
//   0              8          12
//   +--------------+----------+
//   | event count  | set      |     set: 1 once it has happened. `manual` stays set until clear(); `auto` lets one waiter in.
//   +--------------+----------+

import { outOfRange } from '../errors.js'
import type { CreateOptions, NameOptions, Segment } from '../segment/index.js'
import { checkObject } from '../sizes.js'
import { EventCount } from '../waiting/index.js'
import { waitAt, waitAtAsync } from './counted-wait.js'
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

const KIND = 'event'
export const AUTO = 1
const MANUAL = 2

export interface EventOptions extends CreateOptions {
  /** `manual` (default): stays set until `clear()`. `auto`: the first waiter through clears it. */
  reset?: 'auto' | 'manual' | undefined
}

/**
 * An event that any process can set and wait for.
 *
 * @example
 * import { Event } from 'memlane'
 * using ready = Event.open('model-loaded', { reset: 'manual' })
 * if (await ready.waitAsync({ timeout: 5000 })) console.log('go')
 */
export class Event extends Handle {
  /** Bytes it takes inside another segment. */
  static readonly BYTES: number = 12
  readonly #waiters: EventCount
  readonly #set: number
  readonly #auto: boolean

  private constructor(segment: Segment, offset: number, owned: boolean, auto: boolean) {
    super(segment, offset, owned)
    this.#waiters = new EventCount(segment.memory, offset)
    this.#set = (offset + EventCount.BYTES) / 4
    this.#auto = auto
  }

  /**
   * Opens the event of that name, or makes it, not set.
   *
   * @throws MemlaneError `ERR_MISMATCH` when it resets another way; `ERR_RANGE`, `ERR_NAME`, `ERR_KIND`.
   */
  static open(name: string, options: EventOptions = {}): Event {
    const { reset = 'manual' } = checkObject(options)
    if (reset !== 'auto' && reset !== 'manual') throw outOfRange('reset', "'auto' or 'manual'", reset)
    const parameter = {
      what: `reset (${AUTO} auto, ${MANUAL} manual)`,
      value: reset === 'auto' ? AUTO : MANUAL,
      given: options.reset !== undefined,
      most: MANUAL,
      bytes: () => Event.BYTES,
    }
    const { segment, value } = openWithParameter(KIND, name, options, parameter)
    return new Event(segment, segment.body, true, value === AUTO)
  }

  /** An event at a zeroed place inside another segment, a multiple of 4. */
  static at(segment: Segment, offset: number, reset: 'auto' | 'manual'): Event {
    return new Event(segment, offset, false, reset === 'auto')
  }

  /** Removes the name. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkPrimitive(name, options)
  }

  /** `manual`: it stays set; `auto`: the first one to see it makes it not set. */
  get reset(): 'auto' | 'manual' {
    return this.#auto ? 'auto' : 'manual'
  }

  /** Whether it is set at this moment. */
  get isSet(): boolean {
    this.checkOpen()
    return this.segment.memory.load(this.#set) !== 0
  }

  /** Lets every waiter through (`manual`), or one, now or later (`auto`). */
  set(): void {
    this.checkEntry()
    this.segment.memory.store(this.#set, 1) // SYNC: "what happened before set() is visible after wait()"
    this.#waiters.notifyAll()
  }

  /** Makes it not set. */
  clear(): void {
    this.checkEntry()
    this.segment.memory.store(this.#set, 0)
  }

  /** Waits, blocking the thread. @returns false when the time is over. @throws MemlaneError `ERR_CLOSED`, `ERR_RANGE`. */
  wait(limits?: WaitLimits): boolean {
    this.checkEntry()
    const timeout = timeoutOf(limits)
    return this.#passed() ?? waitAt(this.segment.memory, this.#waiters, () => this.#look(), timeout) ?? false
  }

  /** Waits without blocking the thread. @returns false when the time is over. */
  waitAsync(limits?: AsyncLimits): Promise<boolean> {
    return asyncWait(async () => {
      this.checkEntry()
      const timeout = timeoutOf(limits, ASYNC_LIMITS)
      const signal = signalOf(limits)
      signal?.throwIfAborted()
      return (
        this.#passed() ??
        (await waitAtAsync(this.segment.memory, this.#waiters, () => this.#look(), timeout, signal)) ??
        false
      )
    })
  }

  #look(): true | undefined {
    this.checkOpen()
    return this.#passed()
  }

  #passed(): true | undefined {
    // SYNC: "what happened before set() is visible after wait()"
    const { memory } = this.segment
    if (memory.load(this.#set) === 0) return undefined
    return !this.#auto || memory.compareExchange(this.#set, 1, 0) === 1 ? true : undefined
  }
}
