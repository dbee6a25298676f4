// sync: a place to sleep until something changes, without anybody's life to watch.
//
//   0            4
//   +------------+------------+
//   | flag       | sequence   |     flag 1: somebody may be asleep. sequence: +1 at every opening; waiters sleep on it.
//   +------------+------------+
//
// A waiter notes the sequence, sets the flag, looks at what it waits for, and sleeps on the sequence. Whoever changes
// something looks at the flag afterwards. All accesses are sequentially consistent, so one of the two sees the other.
// The order of the first two matters: an opening that takes the flag down again has moved the sequence on since.
// Opening wakes everybody: a waiter that is killed in that moment takes nobody's wake with it.

import { performance } from '../host.js'
import { type Memory, NOBODY, type WaitOptions } from '../memory/index.js'
import { endOf } from '../sizes.js'

const ALL = 0x7fffffff

export class Gate {
  /** Bytes it takes. */
  static readonly BYTES: number = 8
  readonly #memory: Memory
  readonly #flag: number
  readonly #sequence: number

  constructor(memory: Memory, offset: number) {
    this.#memory = memory
    this.#flag = offset / 4
    this.#sequence = this.#flag + 1
  }

  /** Before looking at what one waits for. @returns what to pass to `sleep`. */
  announce(): number {
    const sequence = this.#memory.load(this.#sequence)
    this.#memory.store(this.#flag, 1) // SYNC: "flag before the look, change before the flag"
    return sequence
  }

  /** After the change. Costs one load when nobody sleeps. */
  open(): void {
    // SYNC: "flag before the look, change before the flag"
    if (this.#memory.load(this.#flag) === 0) return
    this.#memory.store(this.#flag, 0)
    this.#memory.add(this.#sequence, 1)
    this.#memory.wake(this.#sequence, ALL)
  }

  /** Changes whenever sleepers are woken. */
  get sequence(): number {
    return this.#memory.load(this.#sequence)
  }

  /** @param watch whose death ends the sleep too. */
  sleep(sequence: number, timeout: number, watch: number = NOBODY): number {
    return this.#memory.wait(this.#sequence, sequence, timeout, watch)
  }

  sleepAsync(sequence: number, options: WaitOptions): Promise<number> {
    return this.#memory.waitAsync(this.#sequence, sequence, options)
  }
}

/**
 * Looks, sleeps at the gate, and looks again until `look` gives something or the time is over.
 *
 * @param slice longest sleep in milliseconds, for those who must also notice deaths; below 0 none.
 */
export function waitAt<T>(gate: Gate, look: () => T | undefined, timeout: number, slice: number): T | undefined {
  const end = endOf(timeout)
  for (;;) {
    const sequence = gate.announce()
    const found = look()
    if (found !== undefined) return found
    const left = end - performance.now()
    if (left <= 0) return undefined
    gate.sleep(sequence, limit(left, slice))
  }
}

/** The same without blocking the thread. */
export async function waitAtAsync<T>(
  gate: Gate,
  look: () => T | undefined,
  timeout: number,
  slice: number,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  const end = endOf(timeout)
  for (;;) {
    signal?.throwIfAborted()
    const sequence = gate.announce()
    const found = look()
    if (found !== undefined) return found
    const left = end - performance.now()
    if (left <= 0) return undefined
    await gate.sleepAsync(sequence, { timeout: limit(left, slice), signal })
    // Closed during the sleep, or after it and before this line: there is nothing left to announce to; `look` says so.
    const early = look()
    if (early !== undefined) return early
  }
}

function limit(left: number, slice: number): number {
  const shortest = slice < 0 ? left : Math.min(left, slice)
  return shortest === Number.POSITIVE_INFINITY ? -1 : shortest
}
