// heap/handles: what every handle is: a block, its age, and the heap it lies in. All state is private: a handle that is printed
// or turned into JSON must not lead to the whole memory.

import { MemlaneError } from '../../errors.js'
import { STRIPE_SHIFT } from '../blocks/pages.layout.js'
import type { Core } from '../core.js'
import { H_HASH_SEED } from '../heap.layout.js'

export class Handle {
  /** @internal */
  static coreOf: (handle: Handle) => Core
  /** @internal */
  static pointerOf: (handle: Handle) => number

  readonly #core: Core
  readonly #pointer: number
  readonly #generation: number
  readonly #carve: number
  readonly #carveWord: number

  static {
    // What stands in for a closed handle is none, and tells so when it is looked into.
    Handle.coreOf = (handle) => (#core in handle ? handle.#core : (handle as { core: Core }).core)
    Handle.pointerOf = (handle) => handle.#pointer
  }

  /** @internal */
  constructor(core: Core, pointer: number) {
    const { arena, blocks } = core
    this.#core = core
    this.#pointer = pointer
    this.#carveWord = blocks.carveWord(pointer)
    this.#generation = arena.i32[pointer << 1]!
    this.#carve = arena.i32[this.#carveWord]!
  }

  /** @internal */
  static stripeOf(core: Core, pointer: number): number {
    return (core.arena.i32[(pointer << 1) + 1]! >>> STRIPE_SHIFT) & 63
  }

  /** @internal True while the block is what it was; counts only under a version or the lock. */
  get isFresh(): boolean {
    const { i32 } = this.#core.arena
    return i32[this.#pointer << 1] === this.#generation && i32[this.#carveWord] === this.#carve
  }

  /** @internal @throws MemlaneError `ERR_STALE`, `ERR_CLOSED`, `ERR_TRUNCATED`. */
  check(what: string): void {
    if (!this.isFresh) throw gone(this.#core, what)
  }

  /** True when both stand for the very same object. */
  same(other: unknown): boolean {
    return (
      other instanceof Handle &&
      other.#pointer === this.#pointer &&
      other.#generation === this.#generation &&
      other.#carve === this.#carve &&
      isSameHeap(other.#core, this.#core)
    )
  }
}

/** Why a handle that is not fresh cannot be used. @throws MemlaneError `ERR_TRUNCATED`. */
export function gone(core: Core, what: string): MemlaneError {
  const { memory } = core.arena
  const heap = `the heap ${JSON.stringify(core.name)}`
  if (memory.closed) return new MemlaneError('ERR_CLOSED', `${heap} is closed`)
  memory.checkWhole(heap)
  return new MemlaneError('ERR_STALE', `this ${what} of ${heap} was deleted or overwritten`)
}

/** One heap, also when it is open twice: its name, and the random number it was made with. */
export function isSameHeap(a: Core, b: Core): boolean {
  if (a === b) return true
  return (
    a.name === b.name &&
    a.arena.segment.namespace === b.arena.segment.namespace &&
    a.arena.i32[a.arena.base + H_HASH_SEED] === b.arena.i32[b.arena.base + H_HASH_SEED]
  )
}
