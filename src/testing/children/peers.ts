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

type Door = (name: string, options?: object) => AnyHandle

/** Every class of what is opened by a name of its own. */
export const NAMED: Readonly<Record<string, Door>> = {
  Mutex: (name, options) => Mutex.open(name, options),
  RwLock: (name, options) => RwLock.open(name, options),
  Semaphore: (name, options) => Semaphore.open(name, Object.assign(options ?? {}, { permits: 2 })),
  Event: (name, options) => Event.open(name, options),
  Condition: (name, options) => Condition.open(name, options),
  Barrier: (name, options) => Barrier.open(name, Object.assign(options ?? {}, { parties: 2 })),
  SharedHeap: (name, options) => SharedHeap.open(name, options),
  SharedMap: (name, options) => SharedMap.open(name, options),
  SharedSet: (name, options) => SharedSet.open(name, options),
  SharedList: (name, options) => SharedList.open(name, options),
  SharedInt: (name, options) => SharedInt.open(name, options),
  SharedFloat: (name, options) => SharedFloat.open(name, options),
  SharedBool: (name, options) => SharedBool.open(name, options),
  SharedString: (name, options) => SharedString.open(name, options),
  SharedBlock: (name, options) => SharedBlock.open(name, options),
  SharedRecord: (name, options) => Gauge.createOrOpen(name, options),
  'a FIFO': (name, options) => Readings.createOrOpen(name, Object.assign(options ?? {}, { slots: 4 })),
}

/** The same, and what is found inside a heap. */
export const HANDLES: Readonly<Record<string, Door>> = {
  ...NAMED,
  'a map of a heap': (name) => inHeap(name, (heap) => heap.map('inside')),
  'a number of a heap': (name) => inHeap(name, (heap) => heap.int('number')),
  'a list of a heap': (name) => inHeap(name, (heap) => heap.list('list')),
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
