// collections/cells: where a cell keeps its value: a word of a segment of its own (word-store.ts), or a cell of a heap.

import type { Segment } from '../../segment/index.js'
import type { Source } from '../changes.js'

export interface Store<T> {
  /** What the value lies in. */
  readonly segment: Segment
  get(): T
  set(value: T): void
  /** @returns the old value. */
  exchange(value: T): T
  /** @returns the old value; it was replaced if it is `expected`. */
  compareExchange(expected: T, value: T): T
  /** Replaces the value by what `next` makes of it, in one step for everybody. `next` may run several times. @returns the old value. */
  change(next: (old: T) => T): T
  watch(): Source
  /** What opens it in another thread or process, where that is not `Class.open(name)`. */
  door?(type: string, name: string): string
  /** @param name of the handle, for those who use it afterwards. */
  close(name: string): void
}

/** Adds without a function in between. `check` tells whether a sum may be kept, and throws when not. */
export interface AddingStore<T> extends Store<T> {
  add(amount: T): T
}
