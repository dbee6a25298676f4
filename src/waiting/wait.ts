// waiting: one description of a wait, and the two ways to drive it: blocking the thread, or awaiting.
//
// As with the futures of Rust, what is waited for is polled, and a poll that finds nothing leaves word where to sleep. Limits, aborts,
// the sleep itself and the passing on of wakes are written here once; what differs from wait to wait is in the poll.

import { performance } from '../host.js'
import { type Memory, NOBODY } from '../memory/index.js'
import type { AdaptiveSpin } from './adaptive-spin.js'
import { LOOK_AGAIN_MS } from './intervals.js'

/** Where and how a waiter sleeps until its next poll. The driver owns it; each poll that finds nothing fills it in. */
export class Sleep {
  /** Word to sleep on, while it holds `expected`. */
  word: number = 0
  expected: number = 0
  /** Liveness lock of the one who must live for the sleep to make sense. */
  watch: number = NOBODY
  /** Then comes the next poll at the latest. */
  longestMs: number = LOOK_AGAIN_MS

  /** Others changed the words again and again during the poll: the limits of the wait are looked at, and the next poll comes at once. */
  retryAtOnce(): void {
    this.longestMs = 0
  }
}

/** One kind of wait. */
export interface Pollable<T> {
  readonly memory: Memory
  /** Is told how long the sleeps last. */
  readonly spin?: AdaptiveSpin | undefined
  /**
   * Looks for what is waited for.
   *
   * @param sleep to be filled in before the look that finds nothing: a change after that look must end the sleep.
   * @returns undefined when there is nothing yet. What it throws ends the wait.
   */
  poll(sleep: Sleep): T | undefined
  /** The wait ends in vain after a sleep: where a wake goes to one waiter, it may have gone to this one, and is owed to the others. */
  passOn?(): unknown
}

/**
 * Polls until there is something, blocking the thread in between.
 *
 * @param end when to give up, as `performance.now()` counts. There is a last poll after that.
 * @returns undefined when the time is over.
 */
export function block<T>(wait: Pollable<T>, end: number): T | undefined {
  const { memory, spin } = wait
  const sleep = new Sleep()
  let slept = false
  try {
    for (;;) {
      sleep.longestMs = LOOK_AGAIN_MS
      const found = wait.poll(sleep)
      if (found !== undefined) {
        slept = false
        return found
      }
      const now = performance.now()
      if (now >= end) return undefined
      slept = true
      memory.wait(sleep.word, sleep.expected, Math.min(end - now, sleep.longestMs), sleep.watch)
      spin?.slept(now)
    }
  } finally {
    if (slept) wait.passOn?.()
  }
}

/** The same without blocking the thread. Rejects with the signal's reason. */
export async function untilFound<T>(
  wait: Pollable<T>,
  end: number,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  const { memory, spin } = wait
  const sleep = new Sleep()
  let slept = false
  try {
    for (;;) {
      signal?.throwIfAborted()
      sleep.longestMs = LOOK_AGAIN_MS
      const found = wait.poll(sleep)
      if (found !== undefined) {
        slept = false
        return found
      }
      const now = performance.now()
      if (now >= end) return undefined
      slept = true
      const timeout = Math.min(end - now, sleep.longestMs)
      await memory.waitAsync(sleep.word, sleep.expected, { timeout, signal, watch: sleep.watch })
      spin?.slept(now)
    }
  } finally {
    if (slept) wait.passOn?.()
  }
}
