// collections: what watch() hands out. An async iterator that sleeps until something has changed.
//
// The source counts every change; a reader who is slow gets fewer events, each saying how many it stands for, so that
// events plus coalesced are the changes made since watch() was called.

import { useOpen } from '../errors.js'
import { Turns, waiting } from '../memory/index.js'
import { checkNames, type Known, known } from '../options.js'
import { checkSignal } from '../sizes.js'

export interface WatchOptions {
  /** Ends the iteration with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** A change as a source tells of it. */
export interface Raw {
  readonly type: 'set' | 'delete' | 'clear'
  readonly key: unknown
  readonly coalesced: number
}

/** Where changes come from: a watcher of a heap, or of a word. */
export interface Source {
  /** The next change, or `undefined` when all were taken. */
  take(): Raw | undefined
  /** @returns true when there may be something to take, false when the time is over or it was closed. */
  wait(timeout?: number, signal?: AbortSignal): Promise<boolean>
  waitSync(timeout?: number): boolean
  close(): void
}

/** Changes as they come: `for await (const change of map.watch())`. Closing it, or leaving the loop, stops watching. */
export class Changes<T> implements AsyncIterableIterator<T>, Disposable, AsyncDisposable {
  readonly #source: Source
  readonly #render: (raw: Raw) => T
  readonly #signal: AbortSignal | undefined
  readonly #turns: Turns = new Turns()
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  /** @internal */
  constructor(source: Source, render: (raw: Raw) => T, options: WatchOptions | undefined) {
    if (typeof render !== 'function') throw useOpen('Changes', 'watch() of a collection')
    this.#source = source
    this.#render = render
    this.#signal = options?.signal
  }

  /** The next change. Sleeps until there is one; rejects with the signal's reason. */
  next(): Promise<IteratorResult<T, undefined>> {
    // One after another, so that two next() at once get two changes.
    const step = this.#last.then(
      () => this.#step(),
      () => this.#step(),
    )
    this.#last = step
    step.catch(() => {})
    return waiting(step)
  }

  async #step(): Promise<IteratorResult<T, undefined>> {
    try {
      if (this.#turns.isDue) await this.#turns.give()
      while (!this.#closed) {
        this.#signal?.throwIfAborted()
        const raw = this.#source.take()
        if (raw !== undefined) return { done: false, value: this.#render(raw) }
        if (!(await this.#source.wait(-1, this.#signal))) break
      }
    } catch (error) {
      this.close()
      throw error
    }
    this.close()
    return { done: true, value: undefined }
  }

  /** Stops watching: a pending `next()` ends with `done`. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#source.close()
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.close()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

/** @throws MemlaneError `ERR_TYPE`; the signal's reason when it is aborted already. */
const WATCH_OPTIONS = known('signal')

export function checkWatchOptions(
  options: WatchOptions | undefined,
  names: Known = WATCH_OPTIONS,
): WatchOptions | undefined {
  if (options === undefined) return undefined
  const { signal } = checkNames(options, names)
  checkSignal(signal)
  return options
}
