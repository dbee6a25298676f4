// heap: 10^7 operations of mixed sizes, and 10^7 property names. MEMLANE_OPERATIONS changes how many.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap } from './index.js'
import { churn } from './testing/churn.js'
import { churnOfNames } from './testing/names.js'

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

test('ten million property names go through a heap of 16 MiB, and it is as empty as before', (t) => {
  using heap = Heap.local({ maxSize: '16 MiB', participants: 2 })
  const seed = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 1e6))
  const start = performance.now()
  churnOfNames(heap, Number(process.env.MEMLANE_OPERATIONS ?? 1e7), seed)
  t.diagnostic(`seed ${seed}, ${Math.round(performance.now() - start)} ms`)
})
