// heap/testing: a process that changes or reads one heap until it is killed. Arguments: heap's name, 'write', 'read' or 'stay'.
// A writer goes through SIX, a reader checks that whatever it sees is whole; the third stays in the middle of a
// transaction, until an event is set.

import { writeSync } from 'node:fs'
import { Event } from '../../sync/index.js'
import { Heap } from '../index.js'
import { checkObject, goOnOf, SIX } from './scenarios.js'

const [name, role] = process.argv.slice(2) as [string, string]
const heap = Heap.open(name)
const map = heap.map('six')
if (role === 'stay') {
  const goOn = Event.open(goOnOf(name))
  heap.transaction(() => {
    map.set('held', 'half')
    // In the pipe before the thread blocks.
    writeSync(1, 'inside\n')
    goOn.wait()
    map.set('also', 'whole')
  })
  process.exit()
}
process.stdout.write('ready\n')
const start = 1 + Math.floor(Math.random() * 1e6) * 1000

for (let i = 0; ; i++) {
  if (role === 'write') {
    SIX(heap, start + i)
    if (i % 64 === 0) map.set(`done ${process.pid}`, start + i)
  } else {
    checkObject(map.snapshotOf('object'))
    const text = map.get('text')
    if (typeof text === 'string' && !/^(round \d+ )\1*$/.test(text))
      throw new Error(`half a text: ${text.slice(0, 100)}`)
    if (i % 16 === 0) {
      const all = map.snapshot()
      const round = Number(all.get('number') ?? 0)
      if (round !== 0 && (all.get('object') as { round: number }).round !== round)
        throw new Error(`a map of two rounds: ${round}`)
    }
    if (i % 5000 === 0) process.stdout.write(`read ${i}\n`)
  }
}
