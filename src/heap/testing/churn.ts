// heap/testing: memory under a long mixed churn.

import { mulberry } from '../../testing/random.js'
import type { Heap as HeapClass } from '../heap.js'

const SIZES = [0, 3, 10, 30, 100, 300, 1000, 3000, 9000]

export interface Churned {
  /** Most that pages of 16 KiB in use were above the bytes of living blocks, once the heap had filled. */
  readonly worst: number
  readonly usedBefore: number
  readonly usedAfter: number
}

/** Sets and deletes `operations` values of all sizes among `keys` keys, then clears. */
export function churn(heap: HeapClass, operations: number, keys: number, seed: number): Churned {
  const random = mulberry(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const texts = SIZES.map((size) => 'x'.repeat(size))
  const map = heap.map('churn')
  // The shape of the objects stays for good: it is there before anything is counted.
  map.set('first', { score: 1, name: 'x', tags: [1, 2] })
  map.delete('first')
  const usedBefore = heap.stats().used
  let worst = 0
  for (let i = 0; i < operations; i++) {
    const key = below(keys)
    const what = below(10)
    if (what < 6) map.set(key, texts[below(texts.length)])
    else if (what < 7) map.set(key, { score: i, name: texts[below(5)], tags: [1, 2] })
    else map.delete(key)
    if (i > operations / 10 && i % Math.ceil(operations / 50) === 0) {
      const { committed, used } = heap.stats()
      worst = Math.max(worst, committed / used)
    }
  }
  heap.verify()
  map.clear()
  heap.verify()
  return { worst, usedBefore, usedAfter: heap.stats().used }
}
