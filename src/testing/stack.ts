// testing: entering an operation at every remaining depth of the stack, step by step towards its end.
//
//   const { done } = atEveryDepth(() => map.set('k', ++n))
//
// At the end of the stack no function can be called, so nothing here calls one between the steps.

import assert from 'node:assert/strict'

/** Steps of about 100 bytes: well beyond what any operation takes, the compiling of its code included. */
const LEVELS = 2000
/** Frames of different sizes shift the steps against each other. */
const SHIFTS = 3

export interface Depths {
  /** How often the operation was entered. */
  readonly depths: number
  /** How often it came to its end. */
  readonly done: number
}

/** The engine's own error for a stack that has no room. */
export function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && /call stack/i.test(error.message)
}

/**
 * Calls `work` with the stack almost full, then with a little more room, and so on. It may come to its end, or throw the
 * engine's error; anything else fails the test. What it did is to be looked at afterwards.
 *
 * @param work must be safe to call again after it threw.
 */
export function atEveryDepth(work: () => void): Depths {
  const others: unknown[] = new Array(LEVELS * SHIFTS).fill(undefined)
  let found = 0
  let depths = 0
  let done = 0
  let left = 0
  const dive = (): void => {
    try {
      dive()
    } catch {
      // The end of the stack: from here on upwards.
    }
    if (left === 0) return
    left--
    depths++
    try {
      work()
      done++
    } catch (error) {
      others[found++] = error
    }
  }
  const shifted = (a: number, b: number, c: number, d: number, e: number): number => {
    dive()
    return a + b + c + d + e
  }
  for (const start of [dive, () => shifted(1, 2, 3, 4, 5), () => [1].map((one) => shifted(one, 2, 3, 4, 5))]) {
    left = LEVELS
    start()
  }
  for (const error of others) if (error !== undefined && !isStackOverflow(error)) throw error
  assert.ok(found > 0, 'the stack was never too short: the steps did not reach its end')
  return { depths, done }
}
