// leaf: clocks, timers, text coders and chance, as the runtime made them.
//
// Test runners replace the globals of these names (fake timers, a mocked Math.random), and simulated browsers leave some
// out. A wait that takes the time from a clock that stands still never ends. So everything here comes from `node:`
// modules and is copied out of them once, when the package is loaded: replacing a member of such a module, as fake
// timers do too, comes too late. scripts/check-globals.mjs sees to it that nothing in the package uses the globals.

import * as buffer from 'node:buffer'
import { randomInt } from 'node:crypto'
import * as hooks from 'node:perf_hooks'
import * as timers from 'node:timers'
import * as promises from 'node:timers/promises'

/** Milliseconds since the process began; never goes back. Our own tests replace this one's `now`. */
export const performance: { now(): number } = { now: clock() }

/** `node:perf_hooks` of Bun hands on the global clock, replaced as it is; its own lies beside it. */
function clock(): () => number {
  const { Bun } = globalThis as { Bun?: { nanoseconds?: () => number } }
  const nanoseconds = Bun?.nanoseconds
  return nanoseconds === undefined
    ? hooks.performance.now.bind(hooks.performance)
    : (): number => nanoseconds() / 1_000_000
}

/** Milliseconds since 1970, as `Date.now()`. */
export const wallClock: () => number = Date.now

export const setTimeout: typeof timers.setTimeout = timers.setTimeout
export const clearTimeout: typeof timers.clearTimeout = timers.clearTimeout
export const setInterval: typeof timers.setInterval = timers.setInterval
export const clearInterval: typeof timers.clearInterval = timers.clearInterval
export const setImmediate: typeof timers.setImmediate = timers.setImmediate

/** `setTimeout` of `node:timers/promises`. */
export const later: typeof promises.setTimeout = promises.setTimeout

/** UTF-8 by `node:buffer`: `node:util` of Bun hands on the global coders, replaced or missing as they are. A half character is U+FFFD. */
export const utf8: { bytes(text: string): Uint8Array; text(bytes: Uint8Array): string } = {
  bytes: (text) => buffer.Buffer.from(text, 'utf8'),
  text: (bytes) => buffer.Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
}

/** Whether bytes are UTF-8 from beginning to end. */
export const isUtf8: (bytes: Uint8Array) => boolean = buffer.isUtf8

/** Whole numbers from 0 to below a limit, which is at most 2^48. Our own tests replace this one's `below`. */
export const random: { below(limit: number): number } = { below: (limit) => randomInt(limit) }

export const AbortController: typeof globalThis.AbortController = globalThis.AbortController

export const structuredClone: typeof globalThis.structuredClone = globalThis.structuredClone
