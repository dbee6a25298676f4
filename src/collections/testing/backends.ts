// collections/testing: one suite over both backends: named shared memory, and memory of this process.

import { randomUUID } from 'node:crypto'
import { SharedHeap } from '../heap/shared-heap.js'

export interface Backend {
  readonly name: string
  /** A fresh heap, and another handle to it as another process would have. */
  open(): { heap: SharedHeap; other: SharedHeap; [Symbol.dispose](): void }
}

export const BACKENDS: readonly Backend[] = [
  {
    name: 'shm',
    open() {
      const name = `both-${randomUUID().slice(0, 8)}`
      const heap = SharedHeap.open(name, { maxSize: '32 MiB', lifetime: 'lastClose' })
      return pair(heap, SharedHeap.open(name))
    },
  },
  {
    name: 'local',
    open() {
      const heap = SharedHeap.local({ maxSize: '32 MiB' })
      return pair(heap, SharedHeap.attach(heap.buffer as SharedArrayBuffer))
    },
  },
]

function pair(heap: SharedHeap, other: SharedHeap): ReturnType<Backend['open']> {
  return {
    heap,
    other,
    [Symbol.dispose]() {
      heap.close()
      other.close()
    },
  }
}
