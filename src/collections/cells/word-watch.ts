// collections/cells: notices the changes of a word, and sleeps between them.

import { onAbort } from '../../aborts.js'
import { AbortController, performance } from '../../host.js'
import { type Memory, Wait } from '../../memory/index.js'
import { endOf } from '../../sizes.js'
import type { Source } from '../changes.js'
import { ASLEEP, INTEREST, SEQUENCE, VALUE } from './word.layout.js'

const ALL = 0x7fffffff

/** A writer that was killed before it could tell of its change leaves sleepers asleep: they look at the value this often. */
const LOOK_MS = 1000
/** A value that has changed without a word is looked at once more after this time: its writer may be about to tell. */
const AGAIN_MS = 100

/** After every change of a value: one load when nobody is interested. */
export function announce(memory: Memory, base: number): void {
  // SYNC: "a watcher's interest is up before it looks, and the value is there before we look at the interest"
  if (memory.load(base + INTEREST / 4) === 0) return
  const sequence = base + SEQUENCE / 4
  memory.add(sequence, 1)
  if (memory.load(base + ASLEEP / 4) === 0) return
  memory.store(base + ASLEEP / 4, 0)
  memory.wake(sequence, ALL)
}

export class WordWatch implements Source {
  readonly #memory: Memory
  readonly #base: number
  readonly #end: AbortController = new AbortController()
  #seen: number
  /** The value when changes were last taken. */
  #low = 0
  #high = 0
  /** The value has changed, and whoever changed it is not going to tell. */
  #untold = false
  /** It had changed without a word at the last look. */
  #strange = false
  #closed = false

  constructor(memory: Memory, base: number) {
    this.#memory = memory
    this.#base = base
    // SYNC: "a watcher's interest is up before it looks, and the value is there before we look at the interest"
    memory.add(base + INTEREST / 4, 1)
    this.#seen = memory.load(base + SEQUENCE / 4)
    this.#remember()
  }

  take(): { type: 'set'; key: undefined; coalesced: number } | undefined {
    if (this.#closed || this.#memory.closed) return undefined
    const now = this.#memory.load(this.#base + SEQUENCE / 4)
    const changes = (now - this.#seen) >>> 0
    if (changes === 0 && !this.#untold) return undefined
    this.#seen = now
    this.#untold = false
    this.#remember()
    return { type: 'set', key: undefined, coalesced: Math.max(0, changes - 1) }
  }

  #remember(): void {
    const word = this.#base + VALUE / 4
    this.#low = this.#memory.load(word)
    this.#high = this.#memory.load(word + 1)
  }

  async wait(timeout: number = -1, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    const release = onAbort(signal, () => this.#end.abort(signal?.reason))
    const end = endOf(timeout)
    this.#strange = false
    try {
      while (this.#prepare()) {
        const ended = await this.#memory.waitAsync(this.#base + SEQUENCE / 4, this.#seen, {
          timeout: this.#pause(end),
          signal: this.#end.signal,
        })
        const verdict = this.#verdict(ended, end)
        if (verdict !== undefined) return verdict
      }
      return this.#open()
    } catch (error) {
      if (this.#closed) return false
      throw error
    } finally {
      release()
    }
  }

  waitSync(timeout: number = -1): boolean {
    const end = endOf(timeout)
    this.#strange = false
    while (this.#prepare()) {
      const ended = this.#memory.wait(this.#base + SEQUENCE / 4, this.#seen, this.#pause(end), -1)
      const verdict = this.#verdict(ended, end)
      if (verdict !== undefined) return verdict
    }
    return this.#open()
  }

  #pause(end: number): number {
    return Math.max(0, Math.min(end - performance.now(), this.#strange ? AGAIN_MS : LOOK_MS))
  }

  /** What a sleep has come to, as `wait` says it; `undefined`: sleep on. */
  #verdict(ended: number, end: number): boolean | undefined {
    if (ended === Wait.closed || !this.#open()) return false
    if (ended !== Wait.timedOut) return true
    const word = this.#base + VALUE / 4
    const strange = this.#memory.load(word) !== this.#low || this.#memory.load(word + 1) !== this.#high
    this.#untold = strange && this.#strange && this.#memory.load(this.#base + SEQUENCE / 4) === this.#seen
    this.#strange = strange
    return this.#untold || (performance.now() >= end ? false : undefined)
  }

  /** @returns true when there is nothing to take, and whoever changes something will wake us. */
  #prepare(): boolean {
    if (!this.#open()) return false
    this.#memory.store(this.#base + ASLEEP / 4, 1)
    return this.#memory.load(this.#base + SEQUENCE / 4) === this.#seen
  }

  #open(): boolean {
    return !this.#closed && !this.#memory.closed
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#memory.closed) this.#memory.add(this.#base + INTEREST / 4, -1)
    this.#end.abort()
  }
}
