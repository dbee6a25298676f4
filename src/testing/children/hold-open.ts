// testing: a worker that opens a map, says so, and keeps it open.

import { parentPort, workerData } from 'node:worker_threads'
import { SharedMap } from '../../index.js'

const map = SharedMap.open(workerData as string)
parentPort?.postMessage('open')
parentPort?.on('message', () => map.close())
