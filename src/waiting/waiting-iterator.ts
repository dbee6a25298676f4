// waiting: the async iterator behind every `for await` of the package: take what is there, else sleep until there is something.

import { EventLoopYield } from './event-loop-yield.js'
import { keepAlive } from './keep-alive.js'

/**
 * Values as they come. `close()`, and leaving the loop, end it; so do its limits, and an error.
 *
 * Calls of `next()` that overlap are answered one after another.
 */
export abstract class WaitingIterator<T> implements AsyncIterableIterator<T>, Disposable, AsyncDisposable {
  readonly #yield: EventLoopYield = new EventLoopYield()
  #last: Promise<unknown> = Promise.resolve()
  #pending = 0
  #ended = false

  /** @internal The next value, if it is there. */
  protected abstract take(): T | undefined

  /** @internal Looks and sleeps until there is one. @returns undefined when it is over. */
  protected abstract wait(): Promise<T | undefined>

  /** @internal It is over. Called once. */
  protected release(): void {}

  /** The next value. Sleeps until there is one. */
  next(): Promise<IteratorResult<T, undefined>> {
    const due = this.#yield.isDue
    if (this.#pending === 0 && !due) {
      // What is there already costs no more than one promise.
      try {
        const value = this.#ended ? undefined : this.take()
        if (value !== undefined) return Promise.resolve({ done: false, value })
      } catch (error) {
        this.close()
        return Promise.reject(error)
      }
    }
    const turn = due ? this.#yield.yield() : undefined
    this.#pending++
    const step = this.#pending === 1 ? this.#step(turn) : this.#last.then(() => this.#step(turn))
    this.#last = step.then(
      () => this.#pending--,
      () => this.#pending--,
    )
    return keepAlive(step)
  }

  async #step(turn: Promise<void> | undefined): Promise<IteratorResult<T, undefined>> {
    try {
      if (turn !== undefined) await turn
      const value = this.#ended ? undefined : await this.wait()
      if (value !== undefined) return { done: false, value }
    } catch (error) {
      this.close()
      throw error
    }
    this.close()
    return { done: true, value: undefined }
  }

  /** Ends it: a pending `next()` is done. Safe to call twice. */
  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.release()
  }

  /** Ends it: what leaving a `for await` does. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.close()
    return { done: true, value: undefined }
  }

  /** Itself. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** Ends it: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}
