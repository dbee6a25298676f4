// heap/watch: a watcher that may not store, and so can take no place in a WATCH block. It keeps a picture of what it watches
// and compares it with another one when the heap has changed: what comes and goes between two looks it does not see.
//
// A look is one optimistic read, without patience: where somebody is writing the next look is a moment later. So a writer that
// is stopped in the middle of a change keeps nobody's thread.

import { performance } from '../../host.js'
import type { Memory } from '../../memory/index.js'
import { endOf } from '../../sizes.js'
import { block, type Pollable, READ_ONLY_LOOK_MS, type Sleep, untilFound } from '../../waiting/index.js'
import type { Core } from '../core.js'
import type { Change, Watching } from './watcher.js'

/** What was seen of a structure, and in what it differs from what was seen later. */
export interface Picture {
  /** @param changed is told each change from this one to the later one, in an order in which they may have happened. */
  compare(later: this, changed: (type: Change['type'], key: Change['key']) => void): void
}

export class Looker<P extends Picture> implements Watching, Pollable<boolean> {
  readonly memory: Memory
  readonly #core: Core
  readonly #look: () => P
  #picture: P
  #version = 0
  #due = 0
  #changes: Change[] = []
  #closed = false

  /** @param look takes a picture; it must be total, and throws `ERR_STALE` when there is nothing any more. */
  constructor(core: Core, look: () => P) {
    this.#core = core
    this.memory = core.arena.memory
    this.#look = look
    this.#picture = core.arena.read(core.arena.version, () => {
      this.#version = core.arena.i32[core.arena.version]!
      return look()
    })
  }

  take(): Change | undefined {
    if (this.#closed || this.memory.closed) return undefined
    if (this.#changes.length === 0) this.#compare()
    return this.#changes.shift()
  }

  #compare(): void {
    const { arena } = this.#core
    const version = this.memory.loadVersion(arena.version)
    const now = performance.now()
    if (version === this.#version || now < this.#due) return
    this.#due = now + READ_ONLY_LOOK_MS
    const picture = arena.glance(this.#look)
    if (picture === undefined) return
    this.#picture.compare(picture, (type, key) => this.#changes.push({ type, key, coalesced: 0 }))
    this.#picture = picture
    this.#version = version
  }

  async wait(timeout: number = -1, signal?: AbortSignal): Promise<boolean> {
    return (await untilFound(this, endOf(timeout), signal)) ?? false
  }

  waitSync(timeout: number = -1): boolean {
    return block(this, endOf(timeout)) ?? false
  }

  /** @internal */
  poll(sleep: Sleep): boolean | undefined {
    if (this.#closed || this.memory.closed) return false
    sleep.word = this.#core.arena.version
    sleep.expected = this.memory.loadVersion(sleep.word)
    if (this.#changes.length === 0) this.#compare()
    if (this.#changes.length !== 0) return true
    sleep.longestMs = READ_ONLY_LOOK_MS
    return undefined
  }

  close(): void {
    this.#closed = true
    this.#changes = []
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
