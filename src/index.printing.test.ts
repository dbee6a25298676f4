// The public face: console.log and JSON of a handle say what it is, and never lead to the memory behind it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import {
  Barrier,
  Condition,
  Event,
  Mutex,
  RwLock,
  Semaphore,
  SharedBlock,
  SharedHeap,
  SharedInt,
  SharedMap,
  SharedSet,
  SharedString,
} from './index.js'
import { f64, record } from './record/index.js'
import { Crew } from './testing/crew.js'

const Gauge = record({ level: f64() })
const KINDS: Readonly<Record<string, (name: string) => Disposable & { readonly name: string }>> = {
  Mutex: (name) => Mutex.open(name),
  RwLock: (name) => RwLock.open(name),
  Semaphore: (name) => Semaphore.open(name, { permits: 2 }),
  Event: (name) => Event.open(name),
  Condition: (name) => Condition.open(name),
  Barrier: (name) => Barrier.open(name, { parties: 2 }),
  SharedHeap: (name) => SharedHeap.open(name),
  SharedMap: (name) => SharedMap.open(name),
  SharedSet: (name) => SharedSet.open(name),
  SharedInt: (name) => SharedInt.open(name),
  SharedString: (name) => SharedString.open(name),
  SharedBlock: (name) => SharedBlock.open(name),
  SharedRecord: (name) => Gauge.createOrOpen(name) as Disposable & { readonly name: string },
}

for (const [kind, open] of Object.entries(KINDS)) {
  test(`a ${kind} prints as its name, open and closed, and its JSON is short`, async () => {
    await using crew = new Crew()
    const name = crew.name('print')
    const handle = open(name)
    const start = `${kind}("${name}")`
    for (const options of [{}, { showHidden: true, depth: 20 }]) {
      const shown = inspect(handle, options)
      assert.ok(shown.startsWith(start) && shown.length < start.length + 20, shown)
    }
    assert.ok(JSON.stringify(handle).length < name.length + 40, JSON.stringify(handle))
    handle[Symbol.dispose]()
    assert.equal(inspect(handle), `${start} <closed>`)
  })
}
