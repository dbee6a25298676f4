// heap/handles: one value under a name. Its layout is CELL in values/values.layout.ts.

import { whenFull } from '../arena/arena.js'
import type { Core } from '../core.js'
import { CELL, CELL_SLOT, CELL_WATCH, CONST_UNDEFINED, TAG_CONST } from '../values/values.layout.js'
import { Looker } from '../watch/looker.js'
import { CellPicture } from '../watch/pictures.js'
import { CHANGE_SET } from '../watch/watch.layout.js'
import { Watcher, type Watching } from '../watch/watcher.js'
import { Handle } from './handle.js'

export const CELL_UNITS: number = 4

/** A new cell that holds `undefined`. Needs a transaction. */
export function createCell(core: Core, stripe: number): number {
  const { arena, blocks } = core
  const { i32 } = arena
  const cell = blocks.take(CELL_UNITS, CELL, stripe)
  const c = cell << 1
  i32[c + CELL_SLOT] = CONST_UNDEFINED
  i32[c + CELL_SLOT + 1] = TAG_CONST
  i32[c + CELL_WATCH - 2] = 0
  i32[c + CELL_WATCH - 1] = 0
  i32[c + CELL_WATCH] = 0
  i32[c + CELL_WATCH + 1] = 0
  return cell
}

export class HeapCell extends Handle {
  readonly #core: Core
  readonly #cell: number
  readonly #stripe: number

  /** @internal */
  constructor(core: Core, pointer: number) {
    super(core, pointer)
    this.#core = core
    this.#cell = pointer
    this.#stripe = Handle.stripeOf(core, pointer)
  }

  /** The value: a primitive, a detached copy, or a live object or array. @throws MemlaneError `ERR_STALE`, `ERR_CLOSED`. */
  get(): unknown {
    const { arena, decoder } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.check('cell')
      return decoder.read((this.#cell << 1) + CELL_SLOT)
    })
  }

  /** The value, detached, of one moment. */
  snapshot(): unknown {
    const { arena, decoder } = this.#core
    return decoder.moment(arena.stripeWord(this.#stripe), () => {
      this.check('cell')
      return decoder.snapshot((this.#cell << 1) + CELL_SLOT)
    })
  }

  /** @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_TX_TOO_BIG`, `ERR_STALE`. */
  set(value: unknown): void {
    this.#core.arena.change(HeapCell.#setWork, this, value)
  }

  static #setWork(this: void, self: HeapCell, value: unknown): void {
    const { arena, encoder, graph, overwriter } = self.#core
    const cell = self.#cell
    self.check('cell')
    const word = (cell << 1) + CELL_SLOT
    arena.touch(self.#stripe)
    if (typeof value !== 'string' || !overwriter.text(word, value)) {
      encoder.encode(value, cell, self.#stripe)
      const { low, high } = encoder
      self.check('cell')
      graph.replace(cell, word, low, high)
    }
    self.#note()
  }

  #note(): void {
    const { arena, watches } = this.#core
    const watchWord = (this.#cell << 1) + CELL_WATCH
    if (arena.i32[watchWord] !== 0) watches.note(this.#cell, watchWord, CHANGE_SET, 0, undefined)
  }

  static #setInSteps(this: void, self: HeapCell, value: unknown): void {
    const { arena, encoder, intents } = self.#core
    self.check('cell')
    arena.touch(self.#stripe)
    encoder.encode(value, self.#cell, self.#stripe)
    const { low, high } = encoder
    self.check('cell')
    intents.replaceInSteps((self.#cell << 1) + CELL_SLOT, low, high, 0, () => self.#note())
  }

  static #setInPlace(this: void, self: HeapCell, value: unknown): void {
    const { arena, encoder, intents } = self.#core
    self.check('cell')
    arena.touch(self.#stripe)
    intents.replaceInPlace(
      (self.#cell << 1) + CELL_SLOT,
      0,
      () => encoder.encode(value, self.#cell, self.#stripe),
      () => self.#note(),
    )
  }

  static {
    whenFull(HeapCell.#setWork, { inSteps: HeapCell.#setInSteps, inPlace: HeapCell.#setInPlace })
    whenFull(HeapCell.#setInSteps, { inSteps: HeapCell.#setInPlace })
  }

  /** @throws MemlaneError `ERR_LIMIT` when all places for watchers of this cell are taken. */
  watch(): Watching {
    if (this.#core.arena.segment.readOnly)
      return new Looker(this.#core, () => {
        this.check('cell')
        return new CellPicture(this.#core.decoder.snapshot((this.#cell << 1) + CELL_SLOT))
      })
    return this.#core.arena.change(() => {
      this.check('cell')
      return new Watcher(this.#core, this.#cell, (this.#cell << 1) + CELL_WATCH, false, undefined)
    })
  }
}
