// sync: proof that something is held, and the way to give it back.

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
  /** True when it was taken over from a holder that died: what it guarded may be half done. */
  readonly recovered: boolean
  #release: ((token: number) => void) | undefined
  readonly #token: number

  /** @internal */
  constructor(recovered: boolean, release: (token: number) => void, token: number = 0) {
    this.recovered = recovered
    this.#release = release
    this.#token = token
  }

  /** True until it is released. */
  get held(): boolean {
    return this.#release !== undefined
  }

  /** Gives it back. A second call does nothing. */
  release(): void {
    const release = this.#release
    if (release === undefined) return
    this.#release = undefined
    release(this.#token)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
