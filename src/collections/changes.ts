// collections: what watch() hands out. An async iterator that sleeps until something has changed.
//
// The source counts every change; a reader who is slow gets fewer events, each saying how many it stands for, so that
// events plus coalesced are the changes made since watch() was called.

import { useOpen } from '../errors.js'
import { checkNames, type Known, known } from '../options.js'
import { checkSignal } from '../sizes.js'
import { WaitingIterator } from '../waiting/index.js'

/** What `watch` takes. */
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
export class Changes<T> extends WaitingIterator<T> {
  readonly #source: Source
  readonly #render: (raw: Raw) => T
  readonly #signal: AbortSignal | undefined

  /** @internal */
  constructor(source: Source, render: (raw: Raw) => T, options: WatchOptions | undefined) {
    super()
    if (typeof render !== 'function') throw useOpen('Changes', 'watch() of a collection')
    this.#source = source
    this.#render = render
    this.#signal = options?.signal
  }

  /** @internal */
  protected override take(): T | undefined {
    this.#signal?.throwIfAborted()
    const raw = this.#source.take()
    return raw === undefined ? undefined : this.#render(raw)
  }

  /** @internal */
  protected override async wait(): Promise<T | undefined> {
    do {
      const change = this.take()
      if (change !== undefined) return change
    } while (await this.#source.wait(-1, this.#signal))
    return undefined
  }

  /** @internal */
  protected override release(): void {
    this.#source.close()
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
