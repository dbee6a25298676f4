// memory: looking for a while before sleeping. Two processes that answer each other are done within microseconds, and a
// sleep costs a wake-up, which takes longer than the answer. So a wait that follows a short one looks first; one that
// follows a long one sleeps at once, and so nobody who waits for rare news ever looks for it.

import { performance } from '../host.js'
import type { Memory } from './memory.js'

/** A wait that was over so soon, in milliseconds, makes the next one look first. */
const SHORT = 0.1
/** A look takes no longer. */
const LOOK = 0.05
/** After so long without a sleep the event loop has its turn. */
const TURN = 2

export class Soon {
  #expected = false
  #slept = 0

  /** Looks at a word until it is no longer `seen`. @returns false when the wait should sleep. */
  looks(memory: Memory, word: number, seen: number): boolean {
    if (!this.#expected) return false
    const end = performance.now() + LOOK
    if (end - this.#slept > TURN) return false
    do {
      // Who is to answer may stand on this very processor.
      memory.giveWay()
      if (memory.load(word) !== seen) return true
    } while (performance.now() < end)
    return false
  }

  /** A sleep that began at `start` is over. */
  slept(start: number): void {
    this.#slept = performance.now()
    this.#expected = this.#slept - start < SHORT
  }
}
