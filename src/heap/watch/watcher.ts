// heap/watch: one watcher, as its user sees it. Sleeps on the structure's bell; what changed is read from the ring.

import { MemlaneError } from '../../errors.js'
import type { Memory } from '../../memory/index.js'
import { endOf } from '../../sizes.js'
import { AdaptiveSpin, block, EventCount, type Pollable, type Sleep, untilFound } from '../../waiting/index.js'
import type { Undoable } from '../arena/arena.js'
import type { Core } from '../core.js'
import type { Key } from '../kinds/map/map-index.js'
import { ENTRY, TAG_BLOCK, WATCH } from '../values/values.layout.js'
import type { Place } from './place.js'
import { CHANGE_CLEAR, CHANGE_DELETE, RECORD_WORDS, RING, T_COUNT, T_TYPE, W_CHANGES, W_RING } from './watch.layout.js'

export interface Change {
  readonly type: 'set' | 'delete' | 'clear'
  /** The map's key, the list's index where the change has one, else `undefined`. */
  readonly key: Key
  /** Changes that this event stands for besides the one it tells of. */
  readonly coalesced: number
}

/** Somebody who hears of the changes of one structure. */
export interface Watching extends Disposable {
  /** The next change, or `undefined` when all were taken. Changes that came too fast are counted in `coalesced`. */
  take(): Change | undefined
  /**
   * Waits for a change, without blocking the thread.
   *
   * @returns true when there is one, false when the time (milliseconds, below 0 for ever) is over or the watcher closed.
   */
  wait(timeout?: number, signal?: AbortSignal): Promise<boolean>
  /** The same, blocking the thread. */
  waitSync(timeout?: number): boolean
  /** Ends the watching, and a wait that is going on. Safe to call twice. */
  close(): void
}

export class Watcher implements Watching, Undoable, Pollable<boolean> {
  readonly #core: Core
  readonly #structure: number
  readonly #generation: number
  readonly #watchWord: number
  readonly #place: Place
  readonly #key: Key
  readonly #keyed: boolean
  #next: number
  /** What `#next` becomes once the read that found it has held. */
  #after = 0
  #closed = false
  /** @internal */
  readonly spin: AdaptiveSpin = new AdaptiveSpin()

  /** @internal Made by watch() of a structure. */
  constructor(core: Core, structure: number, watchWord: number, keyed: boolean, key: Key) {
    this.#core = core
    this.#structure = structure
    this.#generation = core.arena.i32[structure << 1]!
    this.#watchWord = watchWord
    this.#key = key
    this.#keyed = keyed
    this.#place = core.watches.join(structure, watchWord, keyed, key)
    // Should an open transaction of the user's fail, it was never made.
    core.arena.ifUndone(this)
    this.#next = keyed
      ? core.arena.i32[this.#place.word + T_COUNT]!
      : core.arena.f64[core.arena.i32[watchWord + 1]! + W_CHANGES]!
  }

  take(): Change | undefined {
    if (this.#closed || this.#core.arena.memory.closed) return undefined
    this.#after = this.#next
    const change = this.#core.arena.read(this.#core.arena.version, () =>
      this.#keyed ? this.#takeKey() : this.#takeAny(),
    )
    this.#next = this.#after
    return change
  }

  #takeAny(): Change | undefined {
    const { arena, decoder, index } = this.#core
    const { i32, f64 } = arena
    const watch = this.#block()
    const changes = f64[watch + W_CHANGES]!
    let next = this.#next
    if (!(changes > next)) return undefined
    const lost = Math.max(0, changes - next - RING)
    next += lost
    const record = (watch << 1) + W_RING + (next & (RING - 1)) * RECORD_WORDS
    const type = i32[record + 2]!
    const block = i32[record + 1] === TAG_BLOCK ? i32[record]! : 0
    const isEntry = block !== 0 && (i32[(block << 1) + 1]! & 0xff) === ENTRY
    const key = isEntry ? index.keyOf(block) : (decoder.snapshot(record) as Key)
    this.#after = next + 1
    return { type: typeName(type), key, coalesced: lost }
  }

  #takeKey(): Change | undefined {
    const { i32 } = this.#core.arena
    this.#block()
    const made = (i32[this.#place.word + T_COUNT]! - this.#next) | 0
    if (made === 0) return undefined
    this.#after = i32[this.#place.word + T_COUNT]!
    return { type: typeName(i32[this.#place.word + T_TYPE]!), key: this.#key, coalesced: made - 1 }
  }

  /** The WATCH block. @throws MemlaneError `ERR_STALE` when the structure was removed. */
  #block(): number {
    const { arena, name } = this.#core
    const watch = arena.i32[this.#watchWord + 1]!
    if (arena.i32[this.#structure << 1] !== this.#generation || (arena.i32[(watch << 1) + 1]! & 0xff) !== WATCH) {
      throw new MemlaneError('ERR_STALE', `what is being watched in ${JSON.stringify(name)} was removed`)
    }
    return watch
  }

  #pending(): boolean {
    const { arena } = this.#core
    return arena.read(arena.version, () => {
      const watch = this.#block()
      return this.#keyed
        ? arena.i32[this.#place.word + T_COUNT] !== this.#next
        : arena.f64[watch + W_CHANGES]! > this.#next
    })
  }

  async wait(timeout: number = -1, signal?: AbortSignal): Promise<boolean> {
    return (await untilFound(this, endOf(timeout), signal)) ?? false
  }

  waitSync(timeout: number = -1): boolean {
    return block(this, endOf(timeout)) ?? false
  }

  /** @internal */
  get memory(): Memory {
    return this.#core.arena.memory
  }

  /** @internal */
  poll(sleep: Sleep): boolean | undefined {
    const { memory } = this
    for (;;) {
      if (this.#closed || memory.closed) return false
      const epoch = memory.load(this.#core.watches.bellOf(this.#structure))
      if (this.#pending()) return true
      if (!this.spin.spin(memory, this.#core.watches.bellOf(this.#structure), epoch)) break
    }
    this.#bell.prepareWait(sleep)
    return this.#pending() ? true : undefined
  }

  get #bell(): EventCount {
    const epoch = this.#core.watches.bellOf(this.#structure) * 4
    return new EventCount(this.memory, epoch + 4, epoch)
  }

  close(): void {
    if (this.#closed) return
    const { arena } = this.#core
    if (!arena.memory.closed && arena.memory.faults === 0) arena.change(Watcher.#leave, this)
    this.#closed = true
    if (arena.memory.closed || arena.memory.faults !== 0) return
    this.#bell.advance()
  }

  static #leave(this: void, watcher: Watcher): void {
    const { arena, watches } = watcher.#core
    watches.leave(watcher.#place)
    if (arena.depth > 1) arena.ifUndone(watcher)
  }

  static #giveBack(this: void, watcher: Watcher): void {
    watcher.#core.watches.giveBack(watcher.#place)
  }

  /** @internal The change it was made in, or closed in, was undone. */
  undone(): void {
    const { arena } = this.#core
    if (arena.memory.closed) return
    if (!this.#closed) {
      this.#closed = true
      arena.change(Watcher.#leave, this)
    } else arena.change(Watcher.#giveBack, this)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function typeName(type: number): Change['type'] {
  return type === CHANGE_DELETE ? 'delete' : type === CHANGE_CLEAR ? 'clear' : 'set'
}
