// collections/testing: one suite over both backends: named shared memory, and memory of this process.

import { randomUUID } from 'node:crypto'
import { SharedHeap } from '../heap/shared-heap.js'

export interface Backend {
  readonly name: string
  /** A fresh heap, and another handle to it as another process would have. */
  open(options?: { watchers?: number }): Pair
  /** A third handle. */
  again(pair: Pair): SharedHeap
}

export interface Pair {
  heap: SharedHeap
  other: SharedHeap
  [Symbol.dispose](): void
}

export const BACKENDS: readonly Backend[] = [
  {
    name: 'shm',
    open(options) {
      const name = `both-${randomUUID().slice(0, 8)}`
      const heap = SharedHeap.open(name, { maxSize: '32 MiB', lifetime: 'lastClose', ...options })
      return pair(heap, SharedHeap.open(name))
    },
    again: ({ heap }) => SharedHeap.open(heap.name),
  },
  {
    name: 'local',
    open(options) {
      const heap = SharedHeap.local({ maxSize: '32 MiB', ...options })
      return pair(heap, SharedHeap.attach(heap.buffer as SharedArrayBuffer))
    },
    again: ({ heap }) => SharedHeap.attach(heap.buffer as SharedArrayBuffer),
  },
]

function pair(heap: SharedHeap, other: SharedHeap): Pair {
  return {
    heap,
    other,
    [Symbol.dispose]() {
      heap.close()
      other.close()
    },
  }
}
