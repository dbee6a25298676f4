// heap: 10^7 operations of mixed sizes. MEMLANE_OPERATIONS changes how many.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap } from './index.js'
import { churn } from './testing/churn.js'

test('a long churn ends with the bytes it began with, and its peak stays within 1.5 of the living', (t) => {
  using heap = Heap.local({ maxSize: '256 MiB', participants: 2 })
  const seed = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 1e6))
  const start = performance.now()
  const { worst, usedBefore, usedAfter } = churn(heap, Number(process.env.MEMLANE_OPERATIONS ?? 1e7), 20_000, seed)
  t.diagnostic(
    `seed ${seed}, peak ${worst.toFixed(3)} of the living bytes, ${Math.round(performance.now() - start)} ms`,
  )
  assert.equal(usedAfter, usedBefore)
  assert.ok(worst <= 1.5, `peak ${worst}`)
})
