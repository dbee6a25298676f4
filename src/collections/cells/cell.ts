// collections/cells: what every single value has in common: value, wait, watch, close.

import { MemlaneError, useOpen, wrongType } from '../../errors.js'
import { performance } from '../../host.js'
import { checkNames, type Known } from '../../options.js'
import { makePrintable, refuseCloning } from '../../printable.js'
import { Attached, type Segment } from '../../segment/index.js'
import { endOf, parseTimeout, refusePromise } from '../../sizes.js'
import { ASYNC_LIMITS, type AsyncLimits, WAIT_LIMITS, type WaitLimits } from '../../sync/index.js'
import { EventLoopYield, keepAlive, LOOK_AGAIN_MS } from '../../waiting/index.js'
import { Changes, checkWatchOptions, type WatchOptions } from '../changes.js'
import type { Store } from './store.js'

/** A change of a single value. */
export interface CellChange<T> {
  readonly type: 'set'
  /** The value when the change is delivered, not when it was made. */
  readonly value: T
  /** Further changes that this one stands for. */
  readonly coalesced: number
}

/** The value to wait for, or a test of it. */
export type Expected<T> = T | ((value: T) => boolean)

/** One value that every process on the machine sees. */
export abstract class Cell<T> extends Attached implements Disposable {
  readonly name: string
  // Private, so that nothing that prints it or copies its properties is led to the whole memory.
  readonly #store: Store<T>
  readonly #checkValue: (value: T, what: string) => T
  #closed = false

  /** @internal */
  protected constructor(name: string, store: Store<T>, check: (value: T, what: string) => T) {
    super()
    if (typeof (store as Store<T> | undefined)?.compareExchange !== 'function') throw useOpen(new.target.name)
    this.name = name
    this.#store = store
    this.#checkValue = check
    refuseCloning(this, store.door && (() => store.door!(this.constructor.name, name)))
  }

  /** @internal */
  protected get store(): Store<T> {
    return this.#store
  }

  /** Converts where JavaScript converts: `` `${hits}` ``, `hits + 1`, `hits > 5`. A condition tests the handle: write `if (hits.value)`. */
  [Symbol.toPrimitive](hint: string): unknown {
    const value: unknown = this.get()
    if (typeof value !== 'object' || value === null) return hint === 'string' ? String(value) : value
    return hint === 'number' ? Number(value) : String(value)
  }

  override toString(): string {
    return String(this.get())
  }

  override valueOf(): T {
    return this.get()
  }

  /** What JSON says of it: the value, a bigint as its digits; `'… <closed>'` once it is closed. */
  declare readonly toJSON: () => unknown

  /**
   * The value; assignable.
   *
   * @throws MemlaneError `ERR_CLOSED`; on assignment `ERR_TYPE`, `ERR_RANGE`.
   */
  get value(): T {
    if (this.#closed) throw closed(this.name)
    return this.#store.get()
  }

  /** Stores a value. */
  set value(value: T) {
    this.set(value)
  }

  /** The same as reading `value`. */
  get(): T {
    if (this.#closed) throw closed(this.name)
    return this.#store.get()
  }

  /** The same as assigning `value`. */
  set(value: T): void {
    if (this.#closed) throw closed(this.name)
    this.#store.set(this.#checkValue(value, 'value'))
  }

  /** Stores a value. @returns the old one; nobody sees or stores another one in between. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_CLOSED`. */
  exchange(value: T): T {
    this.checkOpen()
    return this.#store.exchange(this.#checkValue(value, 'value'))
  }

  /**
   * Stores `value` if the value is `expected`, compared as a Map compares keys: NaN is NaN, and -0 is 0.
   *
   * @returns the old value: `expected` when the exchange happened.
   * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_CLOSED`.
   */
  compareExchange(expected: T, value: T): T {
    this.checkOpen()
    return this.#store.compareExchange(this.#checkValue(expected, 'expected'), this.#checkValue(value, 'value'))
  }

  /**
   * Waits, blocking the thread, until the value is `expected` or passes the test. A value that is there for a moment
   * only may be missed.
   *
   * @returns false when the time is over.
   * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_CLOSED`; `ERR_LIMIT` when a value in a heap is watched or waited for from as many places as its heap has `watchers`.
   */
  wait(expected: Expected<T>, limits?: WaitLimits): boolean {
    this.checkOpen()
    const passes = this.#test(expected)
    const timeout = timeoutOf(limits, WAIT_LIMITS)
    if (passes(this.get())) return true
    const end = endOf(timeout)
    const changes = this.#store.watch()
    try {
      for (;;) {
        // What is told while we look is not waited for: a value that changes all the time is looked at all the time.
        const more = changes.take() !== undefined
        if (passes(this.get())) return true
        const left = end - performance.now()
        if (left <= 0) return false
        if (!more) changes.waitSync(Math.min(left, LOOK_AGAIN_MS))
      }
    } finally {
      changes.close()
    }
  }

  /** The same without blocking the thread. Rejects with the signal's reason. @returns false when the time is over. */
  waitAsync(expected: Expected<T>, limits?: AsyncLimits): Promise<boolean> {
    return keepAlive(this.#waitAsync(expected, limits))
  }

  async #waitAsync(expected: Expected<T>, limits: AsyncLimits | undefined): Promise<boolean> {
    this.checkOpen()
    const passes = this.#test(expected)
    const timeout = timeoutOf(limits, ASYNC_LIMITS)
    const signal = checkWatchOptions(limits, ASYNC_LIMITS)?.signal
    signal?.throwIfAborted()
    if (passes(this.get())) return true
    const end = endOf(timeout)
    const changes = this.#store.watch()
    try {
      const loop = new EventLoopYield()
      for (;;) {
        const more = changes.take() !== undefined
        if (passes(this.get())) return true
        const left = end - performance.now()
        if (left <= 0) return false
        if (!more) await changes.wait(Math.min(left, LOOK_AGAIN_MS), signal)
        if (loop.isDue) await loop.yield()
        signal?.throwIfAborted()
      }
    } finally {
      changes.close()
    }
  }

  #test(expected: Expected<T>): (value: T) => boolean {
    if (typeof expected === 'function') {
      return (value) => {
        const passed = (expected as (value: T) => boolean)(value)
        refusePromise(passed, 'a wait asks its function again and again whether the value will do')
        return passed
      }
    }
    const wanted = this.#checkValue(expected, 'expected')
    if (typeof wanted === 'object' && wanted !== null)
      throw wrongType('expected', 'a primitive value or a function that tests the value', wanted)
    return (value) => value === wanted || (Number.isNaN(value) && Number.isNaN(wanted))
  }

  /**
   * The changes from now on, as an async iterator that sleeps between them. A slow reader gets fewer events: events
   * plus what they say in `coalesced` are the changes made. A value in a heap is watched or waited for by `watchers` (256) handles at most; a
   * number or switch that was opened by itself, for any number.
   *
   * @throws MemlaneError `ERR_LIMIT`, `ERR_TYPE`, `ERR_CLOSED`.
   */
  watch(options?: WatchOptions): Changes<CellChange<T>> {
    this.checkOpen()
    const checked = checkWatchOptions(options)
    return new Changes(
      this.#store.watch(),
      ({ coalesced }): CellChange<T> => ({ type: 'set', value: this.get(), coalesced }),
      checked,
    )
  }

  /** @internal */
  protected override attachment(): Segment {
    this.checkOpen()
    return this.#store.segment
  }

  /** True after `close()`. */
  override get closed(): boolean {
    return this.#closed
  }

  /** Gives back the memory and the descriptor; the value stays. Waits end. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#store.close(this.name)
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  static {
    makePrintable(
      Cell.prototype,
      (cell: Cell<unknown>) => cell.get(),
      (cell: Cell<unknown>) => {
        const value = cell.get()
        return typeof value === 'bigint' ? String(value) : value
      },
    )
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.#closed) throw closed(this.name)
  }
}

function closed(name: string): MemlaneError {
  return new MemlaneError('ERR_CLOSED', `${JSON.stringify(name)} is closed`)
}

function timeoutOf(limits: WaitLimits | undefined, names: Known): number {
  return limits === undefined ? -1 : parseTimeout(checkNames(limits, names).timeout)
}
