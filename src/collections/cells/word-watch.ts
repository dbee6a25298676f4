// collections/cells: notices the changes of a word, and sleeps between them.

import { type Memory, Wait } from '../../memory/index.js'
import type { Source } from '../changes.js'
import { ASLEEP, INTEREST, SEQUENCE } from './word.layout.js'

const ALL = 0x7fffffff

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
  #closed = false

  constructor(memory: Memory, base: number) {
    this.#memory = memory
    this.#base = base
    // SYNC: "a watcher's interest is up before it looks, and the value is there before we look at the interest"
    memory.add(base + INTEREST / 4, 1)
    this.#seen = memory.load(base + SEQUENCE / 4)
  }

  take(): { type: 'set'; key: undefined; coalesced: number } | undefined {
    if (this.#closed || this.#memory.closed) return undefined
    const now = this.#memory.load(this.#base + SEQUENCE / 4)
    const changes = (now - this.#seen) >>> 0
    if (changes === 0) return undefined
    this.#seen = now
    return { type: 'set', key: undefined, coalesced: changes - 1 }
  }

  async wait(timeout: number = -1, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    if (!this.#prepare()) return this.#open()
    const stop = (): void => this.#end.abort(signal?.reason)
    signal?.addEventListener('abort', stop, { once: true })
    try {
      const ended = await this.#memory.waitAsync(this.#base + SEQUENCE / 4, this.#seen, {
        timeout,
        signal: this.#end.signal,
      })
      return ended !== Wait.closed && this.#open()
    } catch (error) {
      if (this.#closed) return false
      throw error
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  waitSync(timeout: number = -1): boolean {
    if (!this.#prepare()) return this.#open()
    return this.#memory.wait(this.#base + SEQUENCE / 4, this.#seen, timeout, -1) !== Wait.closed && this.#open()
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
