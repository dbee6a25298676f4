// A child that is killed in the middle of a transaction of the heap named by its argument.

import { SharedHeap } from '../../index.js'

const heap = SharedHeap.open(process.argv[2]!)
const accounts = heap.map<string, number>('accounts')
accounts.set('a', 100)
heap.transaction(() => {
  accounts.set('a', 0)
  process.kill(process.pid, 'SIGKILL')
})
