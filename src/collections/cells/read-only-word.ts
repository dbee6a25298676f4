// collections/cells: a value in the word of a segment that was opened read-only. Its mapping is private: a store would be
// seen by nobody, and this handle would never again see what others store. So none gets there.

import { LOADS_STORE } from '../../memory/index.js'
import type { Segment } from '../../segment/index.js'
import { readOnlyError } from '../access.js'
import type { Source } from '../changes.js'
import type { AddingStore } from './store.js'
import { type NumberArray, WordStore } from './word-store.js'
import { ReadOnlyWatch } from './word-watch.js'

export class ReadOnlyWord<B extends number | bigint> extends WordStore implements AddingStore<B> {
  readonly #name: string
  readonly #words: B extends bigint ? BigInt64Array | BigUint64Array : NumberArray

  /** @param words a view of one element: the value. */
  constructor(segment: Segment, words: B extends bigint ? BigInt64Array | BigUint64Array : NumberArray) {
    super(segment)
    this.#name = segment.name
    this.#words = words
  }

  get(): B {
    this.checkOpen()
    if (!LOADS_STORE) return Atomics.load(this.#words as BigInt64Array, 0) as B
    // An ordered look at the same place, so that the plain one is a new one.
    this.memory.load(this.base)
    return this.#words[0] as B
  }

  set(): never {
    throw readOnlyError(this.#name)
  }

  exchange(): never {
    throw readOnlyError(this.#name)
  }

  compareExchange(): never {
    throw readOnlyError(this.#name)
  }

  add(): never {
    throw readOnlyError(this.#name)
  }

  change(): never {
    throw readOnlyError(this.#name)
  }

  /** Looks by itself, as it cannot ask to be woken. */
  override watch(): Source {
    this.checkOpen()
    return new ReadOnlyWatch(this.memory, this.base)
  }
}
