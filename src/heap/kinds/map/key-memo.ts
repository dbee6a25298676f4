// heap/kinds/map: what this process has learnt about the keys of one map. JavaScript keeps the hash of a string with it and finds
// it in a Map by identity; to compute our hash and compare the bytes takes longer, the more so the longer the key.
//
// A hash is for ever. An entry never moves, and is what it was as long as its age, its page and its map's epoch are: the
// same words that a cursor goes by.
//
// A key is learnt at one in eight of its misses, so that those who pass once cost little. Where there are so many keys that
// this does not pay, the memo rests, longer each time.
//
// A string may be a piece of a larger one, which it then keeps in memory: what is learnt is a copy.

import { Buffer } from 'node:buffer'
import { isLatin1 } from '../text/text.js'

export interface Known {
  readonly hash: number
  readonly entry: number
  readonly age: number
  readonly carveWord: number
  readonly carve: number
  readonly epoch: number
}

/** Keys at most: the memo keeps them in memory. */
const MOST = 1 << 14
/** Characters of a key at most. */
const LONGEST_KEY = 1024
/** V8 makes no piece of a larger string that is shorter than this: it copies. */
const PIECE = 13
const SAMPLE = 8
/** Misses until it is asked again whether this pays. A multiple of SAMPLE. */
const TRIAL = 2048
/** Lookups to rest for: the first time, and at most. */
const REST = 1 << 18
const LONGEST = 1 << 28

export class KeyMemo {
  readonly #keys: Map<string, Known> = new Map()
  #hits = 0
  #misses = 0
  #resting = 0
  #rest = REST

  /** What is known of a key; `undefined`: nothing. Where the key does exist, `isDue` then tells whether to learn it. */
  recall(key: string): Known | undefined {
    if (this.#resting !== 0) {
      this.#resting--
      return undefined
    }
    const known = this.#keys.get(key)
    if (known !== undefined) this.#hits++
    return known
  }

  /** Counts a miss. @returns true when the key should be learnt. */
  isDue(): boolean {
    if (this.#resting !== 0 || ++this.#misses % SAMPLE !== 0) return false
    if (this.#misses === TRIAL) this.#ask()
    return this.#resting === 0 && this.#keys.size < MOST
  }

  /** Keys that all come equally often are found here the more often, the fewer they are: up to twice MOST is worth it. */
  #ask(): void {
    if (this.#hits > (this.#misses * this.#keys.size) / (2 * MOST)) this.#rest = REST
    else {
      this.#keys.clear()
      this.#resting = this.#rest
      this.#rest = Math.min(this.#rest * 4, LONGEST)
    }
    this.#hits = 0
    this.#misses = 0
  }

  learn(key: string, known: Known): void {
    if (key.length <= LONGEST_KEY) this.#keys.set(key.length < PIECE ? key : copyOf(key), known)
  }

  forget(key: string): void {
    this.#keys.delete(key)
  }
}

function copyOf(key: string): string {
  return isLatin1(key) ? Buffer.from(key, 'latin1').toString('latin1') : Buffer.from(key, 'utf16le').toString('utf16le')
}
