// testing: waits for the lock of a view, once for each line on stdin, and answers with what came of it.
// Arguments: name. A line is the timeout in milliseconds.

import { createInterface } from 'node:readline'
import { type MemlaneError, SharedMemory } from '../../interop/membridge/index.js'

const view = SharedMemory.open(process.argv[2] ?? '').map()
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const start = performance.now()
  const before = process.cpuUsage()
  let outcome = 'ok'
  try {
    view.write(1.5, 0, { timeout: Number(line) })
  } catch (error) {
    outcome = (error as MemlaneError).code
  }
  const { user, system } = process.cpuUsage(before)
  const took = performance.now() - start
  console.log(JSON.stringify({ outcome, took, busy: (user + system) / 1000 / took, recoveries: view.recoveries }))
}
