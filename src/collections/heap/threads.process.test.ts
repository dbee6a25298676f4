import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { SharedHeap } from './shared-heap.js'

test('worker threads share a heap without a name', async () => {
  using heap = SharedHeap.local()
  const workers = Array.from(
    { length: 3 },
    () =>
      new Worker(new URL('../../testing/children/collections-thread.js', import.meta.url), {
        workerData: { buffer: heap.buffer, times: 500 },
      }),
  )
  const total = heap.int('total')
  const reached = total.waitAsync(1500)
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  assert.equal(await reached, true)
  assert.deepEqual([heap.map<string, { n: number }>('m').get('a')!.n, total.value], [1500, 1500])
  heap.verify()
  await Promise.all(workers.map((worker) => worker.terminate()))
})
