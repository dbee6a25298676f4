// memory: the local backend. A plain SharedArrayBuffer: between workers, in unit tests, later in browsers. No native code.
//
//   0                                size              size + 4 * LOCKS
//   +--------------------------------+------------------------+
//   | the bytes                      | liveness locks         |
//   +--------------------------------+------------------------+
//
// A liveness lock is a word: 0 free, else the random tag of the LocalMemory that took it. It is released by close() and
// by unlock(); a worker that is terminated without closing keeps it, because nothing in JavaScript can tell.

import { onAbort } from '../aborts.js'
import { outOfRange } from '../errors.js'
import { performance, random, setTimeout } from '../host.js'
import { parseInteger } from '../sizes.js'
import { LOCKS, Memory, Wait, type WaitOptions } from './memory.js'
import { FENCED } from './ordering.js'

/** Without a kernel that tells of death, a watching waiter looks at the lock this often, in milliseconds. */
const WATCH_SLICE = 5

const fenceWord = new Int32Array(new SharedArrayBuffer(4))

interface AsyncWaits {
  waitAsync?(
    array: Int32Array,
    index: number,
    value: number,
    timeout: number,
  ): { async: false; value: string } | { async: true; value: Promise<string> }
}

export class LocalMemory extends Memory {
  readonly #locks: Int32Array
  readonly #sleepers: Set<() => void> = new Set()
  readonly #tag: number = 1 + random.below(2 ** 31 - 2)

  private constructor(buffer: SharedArrayBuffer, size: number) {
    super(buffer, size)
    this.#locks = new Int32Array(buffer, size, LOCKS)
  }

  /** New zeroed memory of `size` bytes, rounded up to a multiple of 8. */
  static create(size: number): LocalMemory {
    const rounded = Math.ceil(parseInteger(size, 'size', 1, 2 ** 32) / 8) * 8
    return new LocalMemory(new SharedArrayBuffer(rounded + LOCKS * 4), rounded)
  }

  /** The memory of another thread, from its `buffer`; or the same memory once more, as another holder of locks. */
  static attach(buffer: SharedArrayBuffer): LocalMemory {
    return new LocalMemory(buffer, buffer.byteLength - LOCKS * 4)
  }

  override fence(): void {
    if (FENCED) Atomics.add(fenceWord, 0, 0)
  }

  /** JavaScript alone has no way to. */
  override giveWay(): void {}

  override wake(word: number, count: number): number {
    return Atomics.notify(this.i32, word, count)
  }

  override wait(word: number, expected: number, timeout: number, watch: number): number {
    const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
    for (;;) {
      if (this.closed) return Wait.closed
      if (Atomics.load(this.i32, word) !== expected) return Wait.changed
      const left = end - performance.now()
      if (left <= 0) return Wait.timedOut
      if (watch >= 0 && !this.isLocked(watch)) return Wait.dead
      const result = Atomics.wait(this.i32, word, expected, watch >= 0 ? Math.min(left, WATCH_SLICE) : left)
      if (result === 'ok') return Wait.woken
      if (result === 'not-equal') return Wait.changed
    }
  }

  override async waitAsync(word: number, expected: number, options: WaitOptions = {}): Promise<number> {
    const { timeout = -1, signal, watch = -1 } = options
    const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
    for (;;) {
      signal?.throwIfAborted()
      if (this.closed) return Wait.closed
      if (Atomics.load(this.i32, word) !== expected) return Wait.changed
      const left = end - performance.now()
      if (left <= 0) return Wait.timedOut
      if (watch >= 0 && !this.isLocked(watch)) return Wait.dead
      const ended = await this.#sleep(word, expected, watch >= 0 ? Math.min(left, WATCH_SLICE) : left, signal)
      if (ended === 'ok') return Wait.woken
    }
  }

  /** Sleeps until woken, aborted, closed, or the time is over; the caller finds out which. */
  async #sleep(word: number, expected: number, time: number, signal: AbortSignal | undefined): Promise<string> {
    const { waitAsync } = Atomics as unknown as AsyncWaits
    if (waitAsync === undefined) return new Promise((resolve) => setTimeout(resolve, Math.min(time, 1), 'timed-out'))
    const result = waitAsync(this.i32, word, expected, time)
    if (!result.async) return result.value
    let cut = false
    let stop = (): void => {}
    const cutShort = new Promise<string>((resolve) => {
      stop = () => {
        cut = true
        resolve('cut')
      }
    })
    // A wait cannot be taken back: should a wake still reach this one, it is passed on.
    result.value.then((how) => {
      if (cut && how === 'ok') this.wake(word, 1)
    })
    this.#sleepers.add(stop)
    const release = onAbort(signal, stop)
    try {
      return await Promise.race([result.value, cutShort])
    } finally {
      this.#sleepers.delete(stop)
      release()
    }
  }

  override lock(lock: number): boolean {
    if (!(Number.isInteger(lock) && lock >= 0 && lock < LOCKS))
      throw outOfRange('a liveness lock', `from 0 to ${LOCKS - 1}`, lock)
    const before = Atomics.compareExchange(this.#locks, lock, 0, this.#tag)
    return before === 0 || before === this.#tag
  }

  override unlock(lock: number): void {
    Atomics.compareExchange(this.#locks, lock, this.#tag, 0)
  }

  override isLocked(lock: number): boolean {
    const holder = Atomics.load(this.#locks, lock)
    return holder !== 0 && holder !== this.#tag
  }

  override commit(): void {}

  override get faults(): number {
    return 0
  }

  /** Releases the locks. The bytes stay as long as anybody refers to them. */
  override close(): void {
    if (this.closed) return
    this.closed = true
    for (const stop of this.#sleepers) stop()
    for (let lock = 0; lock < LOCKS; lock++) Atomics.compareExchange(this.#locks, lock, this.#tag, 0)
  }
}
