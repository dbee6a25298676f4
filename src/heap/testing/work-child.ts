// heap/testing: a process that changes or reads one heap until it is killed. Arguments: heap's name, 'write', 'read' or 'stop'.
// A writer goes through SIX, a reader checks that whatever it sees is whole; the third stops in the middle of a
// transaction, as Ctrl+Z would, and ends it when it is continued.

import { Heap } from '../index.js'
import { checkObject, SIX } from './scenarios.js'

const [name, role] = process.argv.slice(2) as [string, string]
const heap = Heap.open(name)
const map = heap.map('six')
process.stdout.write('ready\n')
if (role === 'stop') {
  heap.transaction(() => {
    map.set('held', 'half')
    process.kill(process.pid, 'SIGSTOP')
    map.set('also', 'whole')
  })
  process.stdout.write('done\n')
  process.exit()
}
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
