// testing: scenarios for the tests of who has a handle open. One way to open each kind that users hold.

import { setTimeout as later } from 'node:timers/promises'
import {
  Barrier,
  Condition,
  type Departures,
  type DeparturesOptions,
  Event,
  Mutex,
  type Peer as OpenHandle,
  RwLock,
  Semaphore,
  SharedBlock,
  SharedBool,
  SharedFloat,
  SharedHeap,
  SharedInt,
  SharedList,
  SharedMap,
  SharedSet,
  SharedString,
} from '../../index.js'
import { f64, record } from '../../record/index.js'
import { collectGarbage } from '../runtime.js'
import type { Peer, Scenario } from './ground-main.js'

export interface AnyHandle extends Disposable {
  readonly name: string
  readonly closed: boolean
  participants(): OpenHandle[]
  departures(options?: DeparturesOptions): Departures
  close(): void
}

const Gauge = record({ level: f64() })
const Readings = record({ level: f64() })

/** A structure of a heap is gone when the heap is. */
function inHeap(name: string, pick: (heap: SharedHeap) => AnyHandle): AnyHandle {
  const heap = SharedHeap.open(name)
  wholes.set(name, heap)
  return pick(heap)
}

const wholes = new Map<string, Disposable>()

/** Closes a handle, and the heap that it lies in. */
export function closeWhole(handle: AnyHandle, name: string): void {
  handle.close()
  wholes.get(name)?.[Symbol.dispose]()
}

export const HANDLES: Readonly<Record<string, (name: string) => AnyHandle>> = {
  Mutex: (name) => Mutex.open(name),
  RwLock: (name) => RwLock.open(name),
  Semaphore: (name) => Semaphore.open(name, { permits: 2 }),
  Event: (name) => Event.open(name),
  Condition: (name) => Condition.open(name),
  Barrier: (name) => Barrier.open(name, { parties: 2 }),
  SharedHeap: (name) => SharedHeap.open(name),
  SharedMap: (name) => SharedMap.open(name),
  SharedSet: (name) => SharedSet.open(name),
  SharedList: (name) => SharedList.open(name),
  SharedInt: (name) => SharedInt.open(name),
  SharedFloat: (name) => SharedFloat.open(name),
  SharedBool: (name) => SharedBool.open(name),
  SharedString: (name) => SharedString.open(name),
  SharedBlock: (name) => SharedBlock.open(name),
  'a map of a heap': (name) => inHeap(name, (heap) => heap.map('inside')),
  'a number of a heap': (name) => inHeap(name, (heap) => heap.int('number')),
  'a list of a heap': (name) => inHeap(name, (heap) => heap.list('list')),
  SharedRecord: (name) => Gauge.createOrOpen(name),
  'a FIFO': (name) => Readings.createOrOpen(name, { slots: 4 }),
}

export const peerScenarios: Readonly<Record<string, Scenario>> = {
  /** Opens a handle, says so, and closes it or ends without closing it, as it is told. */
  async 'open-handle'(peer: Peer, kind: string, name: string) {
    const handle = HANDLES[kind]!(name)
    peer.say('open')
    const what = await peer.hear()
    if (what === 'close') closeWhole(handle, name)
    if (what === 'exit') process.exit(0)
    peer.say(what)
    await peer.hear()
  },
  /** Drops the only handle of a `lastClose` number, collects garbage, and ends when it is told. */
  async 'drop-last'(peer: Peer, name: string) {
    const drop = (): void => {
      SharedInt.open(name, { lifetime: 'lastClose' }).value = 5
    }
    drop()
    for (let i = 0; i < 10; i++) {
      collectGarbage()
      await later(5)
    }
    peer.say('dropped')
    await peer.hear()
    process.exit(0)
  },
}
