// record: reading while no writer is at work, for a reader that was torn again and again. Whoever reads, finishes or is told why not.

import { MemlaneError } from '../errors.js'
import { performance } from '../host.js'
import { heldTooLong, OwnerLock } from '../sync/index.js'
import { BRIEF_LOCK_MS, QUIET_SLICE_MS } from '../waiting/index.js'
import { LOCK } from './record.layout.js'
import type { RecordMemory } from './record-memory.js'

/** A look gives TORN after so many tries, each of which met a writer. */
export const TORN_TRIES = 100
/** What a look gives when a writer was in the way every time. */
export const TORN: unique symbol = Symbol('torn')
/** What is given instead of waiting for a writer who holds the lock. */
export const HELD: unique symbol = Symbol('held')

export class Quiet {
  readonly #store: RecordMemory
  #lock: OwnerLock | undefined
  /** This handle reads under the lock at this moment. */
  #inside = false

  constructor(store: RecordMemory) {
    this.#store = store
  }

  /** The writers' lock. */
  get lock(): OwnerLock {
    this.#lock ??= new OwnerLock(this.#store.segment, this.#store.body + LOCK)
    return this.#lock
  }

  /**
   * Looks under the writers' lock, and now and then without it while somebody else holds it: that one may be stopped, or may
   * publish one record after another.
   *
   * @param look gives TORN when it was in vain.
   * @param end when to give up, as `performance.now()` counts.
   * @throws MemlaneError `ERR_TIMEOUT` naming the holder; `ERR_BUSY` when the record is written by somebody who ignores the lock,
   *   or too fast for a read-only handle, which cannot take it.
   */
  read<T>(look: () => T | typeof TORN, end: number = performance.now() + BRIEF_LOCK_MS): T {
    const { segment } = this.#store
    const start = performance.now()
    while (!this.#inside) {
      const left = Math.max(0, end - performance.now())
      const found = segment.readOnly ? HELD : this.tryRead(look, Math.min(left, QUIET_SLICE_MS))
      if (found !== HELD) return found
      const seen = look()
      if (seen !== TORN) return seen
      if (left > 0) continue
      if (segment.readOnly) break
      throw heldTooLong(segment, this.lock.owner, "the writers' lock", performance.now() - start)
    }
    throw this.#neverQuiet()
  }

  #neverQuiet(): MemlaneError {
    return new MemlaneError(
      'ERR_BUSY',
      `${JSON.stringify(this.#store.segment.name)} is written without a pause in which it could be read`,
    )
  }

  /** The same, waiting for so many milliseconds. @returns HELD when another one has the lock. */
  tryRead<T>(look: () => T | typeof TORN, timeout: number): T | typeof HELD {
    let found = HELD as T | typeof TORN | typeof HELD
    const work = (): void => {
      this.#inside = true
      try {
        found = look()
      } finally {
        this.#inside = false
      }
    }
    if (timeout > 0) this.lock.hold(work, timeout)
    else this.lock.tryHold(work)
    if (found === TORN) throw this.#neverQuiet()
    return found
  }
}
