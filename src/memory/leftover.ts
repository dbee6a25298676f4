// memory: what is given back for an object that was dropped without being closed.
//
// The engine tells of it after it has collected the object, and with it everything that could still use its memory: whatever
// reads or writes there leads to the object. What is left must not lead to it, or it would never be collected.

import type { Addon } from '../native/addon.js'

/** What remains of an open object when nothing leads to it any more. */
export class Leftover {
  readonly name: string
  readonly #addon: Addon
  readonly #handle: number
  /** What is to be done before the descriptor goes. Gives false when it has to stay, as others depend on it. */
  farewell: ((leftover: Leftover) => boolean) | undefined

  constructor(name: string, addon: Addon, handle: number) {
    this.name = name
    this.#addon = addon
    this.#handle = handle
  }

  /** Gives back a lock on a byte before the descriptor goes. */
  unlock(byte: number): void {
    this.#addon.unlockByte(this.#handle, byte)
  }

  /** Gives back the descriptor, unless the farewell says that it has to stay. */
  giveBack(): void {
    try {
      if (this.farewell?.(this) === false) return
    } catch {
      // Then it looks like a handle whose process died, and is recovered as such.
    }
    this.#addon.close(this.#handle)
  }
}

const registry = new FinalizationRegistry<Leftover>((leftover) => {
  leftover.giveBack()
  warn(leftover.name)
})

/** Gives back what is left of `object` should it be dropped. */
export function watchOver(object: object, leftover: Leftover): void {
  registry.register(object, leftover, leftover)
}

/** It was closed in order. */
export function closedInOrder(leftover: Leftover): void {
  registry.unregister(leftover)
}

let warned = false

/** Once is enough to find the place, and more would fill a log. */
function warn(name: string): void {
  if (warned) return
  warned = true
  process.emitWarning(
    `a handle of ${JSON.stringify(name)} was dropped without close(). What it held is given back when the engine collects it, which may ` +
      'be late or never: close handles, or declare them with `using`. Further ones are not told of.',
    { type: 'MemlaneWarning', code: 'MEMLANE_HANDLE_LEAK' },
  )
}
