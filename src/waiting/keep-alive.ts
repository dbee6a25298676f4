// waiting: promises of waits. A wait alone never keeps a process alive; somebody who awaits it does.

import { clearInterval, setInterval } from '../host.js'

let awaited = 0
let keeper: ReturnType<typeof setInterval> | undefined

function hold(): void {
  if (awaited++ === 0) keeper = setInterval(() => {}, 2 ** 30)
}

function letGo(): void {
  if (--awaited === 0) clearInterval(keeper)
}

/**
 * A promise that keeps the process alive from the moment somebody awaits it (or calls `then` with a first argument)
 * until it settles. A wait that nobody looks at any more does not keep a finished process alive.
 */
class WaitPromise<T> extends Promise<T> {
  #settled = false
  #held = false

  /** What `then` gives is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  follow(source: Promise<T>): void {
    const done = (): void => {
      this.#settled = true
      if (this.#held) letGo()
      this.#held = false
    }
    source.then(done, done)
  }

  // biome-ignore lint/suspicious/noThenProperty: awaiting is what this class must notice
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const next = super.then(onFulfilled, onRejected)
    // `catch` alone is no interest in the outcome; whoever awaits what `catch` gave is interested again.
    if (typeof onFulfilled !== 'function') return keepAlive(next)
    if (!this.#settled && !this.#held) {
      this.#held = true
      hold()
    }
    return next
  }
}

/** Wraps the promise of a wait as described at {@link WaitPromise}. */
export function keepAlive<T>(source: Promise<T>): Promise<T> {
  const promise = new WaitPromise<T>((resolve, reject) => {
    source.then(resolve, reject)
  })
  promise.follow(source)
  return promise
}
