// heap/testing: a process that changes or makes a heap and dies of SIGKILL at a store that it was told beforehand.
// Arguments: hooked folder, heap's name, 'change' or 'create', number of the store.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { HeapModule } from './crash-points.js'
import { SIX } from './scenarios.js'

const [folder, name, work, store] = process.argv.slice(2) as [string, string, string, string]

let left = Number.POSITIVE_INFINITY
Object.assign(globalThis, {
  __memlaneStore(): void {
    if (left-- === 0) process.kill(process.pid, 'SIGKILL')
  },
})

const { Heap } = (await import(pathToFileURL(join(folder, 'heap', 'index.js')).href)) as HeapModule
if (work === 'create') {
  left = Number(store)
  Heap.createOrOpen(name, { maxSize: '4 MiB', participants: 8 })
  process.exit()
}
const heap = Heap.open(name)
left = Number(store)
for (let round = 1; ; round++) SIX(heap, round)
