// memory: the bytes, and the only words with which the rooms above touch them where processes meet.
//
// Two backends keep this contract: shm (named, between processes) and local (a SharedArrayBuffer, between workers).
// src/memory/memory.conformance.test.ts runs against both.
//
// Addresses: `word` is an index into 32-bit words (byte offset / 4), `offset` and `length` are bytes, `lock` is the
// number of a liveness lock, 0 to LOCKS - 1.
//
// Ordering: load, store, exchange, compareExchange and add are sequentially consistent. A plain access through u8,
// i32, f64 … is ordered by the program between them. Versions of a seqlock have names of their own because their
// cheapest right form differs by processor and runtime: see loadVersion.

import { MemlaneError } from '../errors.js'
import { WAIT_CHANGED, WAIT_CLOSED, WAIT_DEAD, WAIT_TIMED_OUT, WAIT_WOKEN } from '../native/layout.js'
import * as ordering from './ordering.js'

// Taken apart, not imported by name: an imported name is looked up at every use, a constant of the module is compiled in.
const { FENCED, PLAIN_VERSIONS, publish } = ordering

/** How a wait ended. */
export const Wait: Readonly<Record<'woken' | 'changed' | 'timedOut' | 'dead' | 'closed', number>> = {
  /** Woken, perhaps for nothing: look at the word again. */
  woken: WAIT_WOKEN,
  /** The word did not hold the expected value. */
  changed: WAIT_CHANGED,
  timedOut: WAIT_TIMED_OUT,
  /** The watched liveness lock is free: who held it is gone. */
  dead: WAIT_DEAD,
  /** The memory was closed while waiting. */
  closed: WAIT_CLOSED,
}

/** Liveness locks a memory has. */
export const LOCKS: number = 4096

/** No time limit, and nobody's life watched. */
export const FOREVER: number = -1
export const NOBODY: number = -1

export interface WaitOptions {
  /** Milliseconds; below 0 waits for ever. */
  timeout?: number
  /** Rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Liveness lock to watch: when it is found free the wait ends with `Wait.dead`. */
  watch?: number
}

/** One piece of memory that others see too, as typed arrays over the same bytes, all starting at byte 0. */
export abstract class Memory {
  readonly size: number
  readonly buffer: ArrayBufferLike
  readonly u8: Uint8Array
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly f64: Float64Array
  /** True once `close()` was called: the views are detached, or lead nowhere. */
  closed: boolean = false

  protected constructor(buffer: ArrayBufferLike, size: number) {
    this.size = size
    this.buffer = buffer
    this.u8 = new Uint8Array(buffer, 0, size)
    this.i32 = new Int32Array(buffer, 0, Math.floor(size / 4))
    this.u32 = new Uint32Array(buffer, 0, Math.floor(size / 4))
    this.f64 = new Float64Array(buffer, 0, Math.floor(size / 8))
  }

  // ---- words where processes meet

  load(word: number): number {
    return Atomics.load(this.i32, word)
  }

  store(word: number, value: number): void {
    Atomics.store(this.i32, word, value)
  }

  exchange(word: number, value: number): number {
    return Atomics.exchange(this.i32, word, value)
  }

  /** @returns what the word held before: `expected` when the exchange happened. */
  compareExchange(word: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.i32, word, expected, value)
  }

  /** @returns what the word held before. */
  add(word: number, value: number): number {
    return Atomics.add(this.i32, word, value)
  }

  or(word: number, bits: number): number {
    return Atomics.or(this.i32, word, bits)
  }

  and(word: number, bits: number): number {
    return Atomics.and(this.i32, word, bits)
  }

  // ---- seqlock versions
  // Writer: openVersion (odd), plain stores of the data, closeVersion (even). Reader: loadVersion, plain loads,
  // checkVersion. On x64 loads stay in order with loads and stores with stores, so plain accesses are enough where the
  // compiler keeps them (ordering.ts says where it does not); the litmus suite proves it for each runtime. Elsewhere both
  // sides are fenced.

  /** Before reading the data. Odd: a writer is at work. */
  loadVersion(word: number): number {
    return PLAIN_VERSIONS ? this.i32[word]! : Atomics.load(this.i32, word)
  }

  /** After reading the data: true when the version is still `seen`, so what was read is whole. */
  checkVersion(word: number, seen: number): boolean {
    if (FENCED) this.fence()
    // Never plain: a compiler may take a second plain load of one word for the first, see ordering.ts.
    return Atomics.load(this.i32, word) === seen
  }

  /** Marks the data as being written. `version` is odd. */
  openVersion(word: number, version: number): void {
    if (PLAIN_VERSIONS) {
      this.i32[word] = version
    } else {
      Atomics.store(this.i32, word, version)
      if (FENCED) this.fence()
    }
  }

  /** Marks the data as whole again. `version` is even. */
  closeVersion(word: number, version: number): void {
    publish(this.i32, word, version)
  }

  /** A full fence where the processor needs one between plain accesses; nothing on x64. */
  abstract fence(): void

  /** For who looks at a word again and again: lets a thread that waits for this very processor, as it may be the one that changes the word, go first. */
  abstract giveWay(): void

  // ---- sleeping

  /** Wakes up to `count` waiters on the word; call it after the word has changed. @returns how many threads were woken. */
  abstract wake(word: number, count: number): number

  /**
   * Blocks the thread until the word is woken, or no longer holds `expected`.
   *
   * @param timeout milliseconds, below 0 for ever.
   * @param watch a liveness lock: found free, the wait ends with `Wait.dead`; below 0 nobody's life is watched.
   * @returns one of {@link Wait}.
   */
  abstract wait(word: number, expected: number, timeout: number, watch: number): number

  /**
   * The same without blocking. The promise alone does not keep the process alive.
   *
   * Whoever aborts may have been woken in that very moment: pass the wake on with `wake(word, 1)`.
   */
  abstract waitAsync(word: number, expected: number, options?: WaitOptions): Promise<number>

  // ---- liveness

  /** Takes a liveness lock for as long as this memory is open. @returns false when somebody else holds it. */
  abstract lock(lock: number): boolean
  abstract unlock(lock: number): void
  /** True while somebody else holds the lock; false when it is free or ours. */
  abstract isLocked(lock: number): boolean

  // ---- pages

  /**
   * Makes sure that the bytes have pages of their own, so that touching them cannot fail.
   *
   * @throws MemlaneError `ERR_NO_SPACE`; nothing has changed then.
   */
  abstract commit(offset: number, length: number): void

  /** Pages that had to be replaced by zeros, because a peer cut the object or no memory was left. 0: whole. */
  abstract readonly faults: number

  abstract close(): void

  /** @throws MemlaneError `ERR_TRUNCATED` when pages were lost under us. */
  checkWhole(what: string): void {
    const faults = this.faults
    if (faults !== 0) {
      throw new MemlaneError(
        'ERR_TRUNCATED',
        `${what}: ${faults} page(s) of its ${this.size} bytes are gone: another program cut the object, or no memory was left for a hole in it`,
      )
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
