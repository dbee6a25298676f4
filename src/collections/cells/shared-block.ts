// collections/cells: any value under a name.

import { wrongType } from '../../errors.js'
import { unlinkHeap } from '../../heap/index.js'
import { handleOf } from '../../live/handle-of.js'
import type { NameOptions } from '../../segment/index.js'
import { type Updated, updated } from '../../updating.js'
import { refuseThenable } from '../collection.js'
import type { ReadOnlyAccess, ReadOnlyBlock } from '../read-only.js'
import type { NameOfUnstorable, NotStorable } from '../storable.js'
import { ALONE, type CollectionOptions, openCell, openHeap } from '../structure.js'
import { Cell } from './cell.js'
import type { HeapStore } from './heap-store.js'
import { HeapStore as Store } from './heap-store.js'

export interface BlockOptions<T> extends CollectionOptions {
  /** Value when this call makes it; default `undefined`. What is there already is left alone. */
  initial?: T | undefined
}

/**
 * One value of any type that structured clone takes. Objects and arrays that come out are live.
 *
 * @example
 * import { SharedBlock } from 'memlane'
 * using config = SharedBlock.open<{ level: string; tags: string[] }>('config', { initial: { level: 'info', tags: [] } })
 * config.value.level = 'debug'
 * config.update((old) => ({ ...old, tags: ['new'] }))
 */
export class SharedBlock<T = unknown> extends Cell<T> {
  readonly #cell: HeapStore<T>

  /** @internal */
  constructor(name: string, store: HeapStore<T>) {
    super(name, store, (value) => value)
    this.#cell = store
  }

  /** Opens the block of that name, or makes it. Throws as `SharedMap.open` does, and `ERR_NOT_CLONEABLE`. */
  static open<T = unknown>(name: NameOfUnstorable<T>, options?: BlockOptions<T>): NotStorable<T>
  static open<T = unknown>(name: string, options: BlockOptions<T> & ReadOnlyAccess): ReadOnlyBlock<T>
  static open<T = unknown>(name: string, options?: BlockOptions<T>): SharedBlock<T>
  static open<T>(name: string, options: BlockOptions<T> = {}): unknown {
    const heap = openHeap(name, options, true)
    try {
      return new SharedBlock<T>(name, new Store<T>(heap, openCell(heap, 'block', ALONE, options.initial), true))
    } catch (error) {
      heap.close()
      throw error
    }
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  /** The value, detached, of one moment. */
  snapshot(): T {
    this.checkOpen()
    return this.#cell.cell.snapshot() as T
  }

  /**
   * Replaces the value by what `change` makes of it, in one step for everybody.
   *
   * @param change gets the value live, and gives the new one. It may change an object in place and give it back, or nothing.
   * @returns the new value, live.
   * @throws MemlaneError `ERR_TYPE` when `change` gives nothing and there is no object that it could have changed, `ERR_ASYNC`, `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_CLOSED`; nothing has changed then.
   */
  update(change: (value: T) => Updated<T>): T {
    if (typeof change !== 'function') throw wrongType('change', 'a function', change)
    this.checkOpen()
    const { heap, cell } = this.#cell
    return heap.transaction(() => {
      const { arena } = heap.core
      const old = cell.get() as T
      const { joins } = arena
      const given = change(old)
      refuseThenable(given, 'change')
      // Nothing, by a function that has itself stored what it was to give.
      if (given === undefined && arena.joins !== joins) return cell.get() as T
      const value = updated(old, given, JSON.stringify(this.name))
      if (handleOf(old)?.same(handleOf(value)) !== true) cell.set(value)
      return cell.get() as T
    })
  }
}
