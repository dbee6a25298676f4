// testing: a worker thread that blocks in a wait which nobody ends: `workerData` is [kind, name]. Says so right before.

import { parentPort, workerData } from 'node:worker_threads'
import { Segment } from '../../segment/index.js'
import { Barrier, Condition, Event, Mutex, RwLock, Semaphore } from '../../sync/index.js'

export type BlockedWait = 'mutex' | 'read' | 'write' | 'semaphore' | 'event' | 'barrier' | 'condition'

const waits: Readonly<Record<BlockedWait, (name: string) => unknown>> = {
  mutex: (name: string) => Mutex.open(name).acquire(),
  read: (name: string) => RwLock.open(name).read(),
  write: (name: string) => RwLock.open(name).write(),
  semaphore: (name: string) => Semaphore.open(name).acquire(),
  event: (name: string) => Event.open(name).wait(),
  barrier: (name: string) => Barrier.open(name).wait(),
  condition(name: string) {
    const own = Segment.local({ kind: 'own', size: Mutex.BYTES })
    return Condition.open(name).wait(Mutex.at(own, own.body).acquire())
  },
}

const [kind, name] = workerData as [BlockedWait, string]
parentPort?.postMessage('blocking')
waits[kind](name)
throw new Error(`${kind} ${name} has not blocked`)
