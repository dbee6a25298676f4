// sync: waiting at an event count until a look finds something.

import type { Memory } from '../memory/index.js'
import type { Segment } from '../segment/index.js'
import { endOf } from '../sizes.js'
import { block, type EventCount, LOOK_AGAIN_MS, type Pollable, type Sleep, untilFound } from '../waiting/index.js'
import { blockVisibly } from './wait-graph.js'

class CountedWait<T> implements Pollable<T> {
  readonly memory: Memory
  readonly #count: EventCount
  readonly #look: () => T | undefined
  readonly #longestMs: number

  constructor(memory: Memory, count: EventCount, look: () => T | undefined, longestMs: number) {
    this.memory = memory
    this.#count = count
    this.#look = look
    this.#longestMs = longestMs
  }

  poll(sleep: Sleep): T | undefined {
    // Closed during the sleep: there are no words left to prepare, and the look says so.
    if (!this.memory.closed) this.#count.prepareWait(sleep)
    sleep.longestMs = this.#longestMs
    return this.#look()
  }
}

/** Blocks until `look` finds something. @param longestMs of one sleep, for those who must look for deaths themselves. */
export function waitAt<T>(
  memory: Memory,
  count: EventCount,
  look: () => T | undefined,
  timeout: number,
  longestMs: number = LOOK_AGAIN_MS,
): T | undefined {
  return block(new CountedWait(memory, count, look, longestMs), endOf(timeout))
}

/** The same where others can see what for: see blockVisibly. */
export function waitAtVisibly<T>(
  segment: Segment,
  word: number,
  mode: number,
  count: EventCount,
  look: () => T | undefined,
  timeout: number,
  longestMs: number,
): T | undefined {
  return blockVisibly(segment, word, mode, new CountedWait(segment.memory, count, look, longestMs), endOf(timeout))
}

/** The same without blocking the thread. */
export function waitAtAsync<T>(
  memory: Memory,
  count: EventCount,
  look: () => T | undefined,
  timeout: number,
  signal: AbortSignal | undefined,
  longestMs: number = LOOK_AGAIN_MS,
): Promise<T | undefined> {
  return untilFound(new CountedWait(memory, count, look, longestMs), endOf(timeout), signal)
}
