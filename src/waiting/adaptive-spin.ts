// waiting: looking for a while before sleeping, where that has just paid. Two processes that answer each other are done within
// microseconds, and a sleep costs a wake-up, which takes longer than the answer. So a wait that follows a short sleep spins first;
// one that follows a long sleep goes to sleep at once, and who waits for rare news never spins.

import { performance } from '../host.js'
import type { Memory } from '../memory/index.js'
import { SHORT_SLEEP_MS, SPIN_MS, SPIN_TOTAL_MS } from './intervals.js'

export class AdaptiveSpin {
  #expected = false
  #slept = 0

  /** Looks at a word until it is no longer `seen`. @returns false when the wait should sleep. */
  spin(memory: Memory, word: number, seen: number): boolean {
    if (!this.#expected) return false
    const end = performance.now() + SPIN_MS
    if (end - this.#slept > SPIN_TOTAL_MS) return false
    do {
      // Who is to answer may wait for this very processor.
      memory.giveWay()
      if (memory.load(word) !== seen) return true
    } while (performance.now() < end)
    return false
  }

  /** A sleep that began at `start` is over. */
  slept(start: number): void {
    this.#slept = performance.now()
    this.#expected = this.#slept - start < SHORT_SLEEP_MS
  }
}
