// testing: a worker thread that adds to what it was given the memory of.

import { parentPort, workerData } from 'node:worker_threads'
import { SharedHeap } from '../../collections/index.js'

const { buffer, times } = workerData as { buffer: SharedArrayBuffer; times: number }
using heap = SharedHeap.attach(buffer)
const map = heap.map<string, { n: number }>('m')
for (let i = 0; i < times; i++) {
  heap.transaction(() => {
    map.getOrInsert('a', { n: 0 }).n += 1
    heap.int('total').add(1)
  })
}
parentPort?.postMessage('done')
