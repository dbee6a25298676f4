// A child that holds one of everything, says so, and stays until its stdin ends or it is killed.

import { Barrier, Condition, Event, Mutex, RwLock, Semaphore } from '../../index.js'

const mutex = Mutex.open('mutex')
const guards = [mutex.acquire(), Semaphore.open('semaphore', { permits: 3 }).acquire(), RwLock.open('rwlock').write()]
Event.open('event').set()
const condition = Condition.open('condition')
const waited = Mutex.open('condition-mutex')
const barrier = Barrier.open('barrier', { parties: 3 })
const waits = [barrier.waitAsync(), waited.acquireAsync().then((guard) => condition.waitAsync(guard))]
// A wait nobody awaits does not keep this process alive, and ends in an error when it is over.
for (const wait of waits) wait.catch(() => {})

setTimeout(() => console.log(`ready ${guards.length}`), 20)
process.stdin.resume().on('end', () => process.exit())
