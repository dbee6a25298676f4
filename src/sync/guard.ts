// sync: proof that something is held, and the way to give it back.

import { useOpen } from '../errors.js'
import { spareStackToLeave } from '../spare-stack.js'

/**
 * Proof that a lock, a permit or a side of a lock is held. Give it back with `release()` or `using`.
 *
 * @example
 * import { Mutex } from 'memlane'
 * using deploy = Mutex.open('deploy')
 * {
 *   using guard = deploy.acquire({ timeout: 500 })
 *   if (guard.recovered) console.warn('the last holder was killed: check what it left')
 * }
 */
export class Guard {
  #recovered: boolean
  #holder: Holder | undefined
  readonly #part: number

  /** @internal */
  constructor(holder: Holder, recovered: boolean, part: number = 0) {
    if (typeof recovered !== 'boolean') throw useOpen('Guard', 'acquire() of a lock')
    this.#recovered = recovered
    this.#holder = holder
    this.#part = part
  }

  /** @internal It was given up for a wait, and taken back from a holder that died meanwhile. */
  static markRecovered(guard: Guard): void {
    guard.#recovered = true
  }

  /** @internal The handle it came from, while it is held. */
  static holderOf(guard: Guard): Holder | undefined {
    return guard.#holder
  }

  /** True when it was taken over from a holder that died: what it guarded may be half done. */
  get recovered(): boolean {
    return this.#recovered
  }

  /** True until it is released. */
  get held(): boolean {
    return this.#holder !== undefined
  }

  /** Gives it back. A second call does nothing. */
  release(): void {
    const holder = this.#holder
    if (holder === undefined) return
    spareStackToLeave()
    this.#holder = undefined
    holder.endHold(this.#part)
  }

  /** Releases it: for `using`. */
  [Symbol.dispose](): void {
    this.release()
  }
}

/** @internal Who handed out a guard. `part` says what of it: a permit, a side. */
export interface Holder {
  endHold(part: number): void
}
