// collections/cells: values in a cell of a heap: part of its transactions, of any size.

import type { Heap, HeapCell } from '../../heap/index.js'
import type { Segment } from '../../segment/index.js'
import type { Source } from '../changes.js'
import { closedStandIn, doorOf, sameValueZero } from '../collection.js'
import type { AddingStore, Store } from './store.js'

export class HeapStore<T> implements Store<T> {
  readonly heap: Heap
  cell: HeapCell
  readonly #alone: boolean

  /** @param alone the heap is its own, and is closed with it. */
  constructor(heap: Heap, cell: HeapCell, alone: boolean) {
    this.heap = heap
    this.cell = cell
    this.#alone = alone
  }

  get segment(): Segment {
    return this.heap.segment
  }

  get(): T {
    return this.cell.get() as T
  }

  set(value: T): void {
    this.cell.set(value)
  }

  exchange(value: T): T {
    return this.heap.transaction(() => {
      const old = this.cell.snapshot() as T
      this.cell.set(value)
      return old
    })
  }

  compareExchange(expected: T, value: T): T {
    return this.heap.transaction(() => {
      const old = this.cell.snapshot() as T
      if (sameValueZero(old, expected)) this.cell.set(value)
      return old
    })
  }

  change(next: (old: T) => T): T {
    return this.heap.transaction(() => {
      const old = this.cell.snapshot() as T
      this.cell.set(next(old))
      return old
    })
  }

  watch(): Source {
    return this.cell.watch()
  }

  door(type: string, name: string): string {
    return doorOf(this.heap, this.#alone, type, name)
  }

  close(name: string): void {
    if (this.#alone) this.heap.close()
    else this.cell = closedStandIn(name)
  }
}

/** Integers in a heap. */
export class HeapIntStore<N extends number | bigint> extends HeapStore<N> implements AddingStore<N> {
  readonly #checkSum: (sum: N) => N

  constructor(heap: Heap, cell: HeapCell, checkSum: (sum: N) => N) {
    super(heap, cell, false)
    this.#checkSum = checkSum
  }

  add(amount: N): N {
    return this.change((old) => this.#checkSum(((old as number) + (amount as number)) as N))
  }
}
