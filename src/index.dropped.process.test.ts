// The public face: a handle that was dropped without close() gives back what it held when the engine collects it, and not before
// the last thing is gone that depends on it.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as later } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Mutex, SharedInt, SharedMap } from './index.js'
import { statObject } from './memory/index.js'
import { namespaceOf, objectName } from './segment/index.js'
import { closeWhole, HANDLES } from './testing/children/peers.js'
import { Crew, ownNamespace, until, watched } from './testing/crew.js'
import { collectGarbage, noGarbageCollection, runtimeName } from './testing/runtime.js'

ownNamespace('dropped')

const skip = noGarbageCollection

/** Engines may take an old value on the stack for a living one: a few of many may stay. */
const HANDFUL = 10
const FEW = runtimeName === 'bun' ? 4 : 1

/** Descriptors of this process that lead to a name of /dev/shm. */
function descriptors(name: string): number {
  const end = `/${objectName(name, namespaceOf(undefined))}`
  const target = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // of the very look
    }
  }
  return readdirSync('/proc/self/fd').filter((fd) => target(fd).replace(' (deleted)', '').endsWith(end)).length
}

async function collectedUntil(done: () => boolean, what: string): Promise<void> {
  await until(() => {
    collectGarbage()
    return done()
  }, what)
}

/** Others that were dropped before are collected: so what is still there is there for a reason. */
async function collectOthers(crew: Crew): Promise<void> {
  const name = crew.name('control')
  const drop = (): void => {
    for (let i = 0; i < HANDFUL; i++) SharedInt.open(name)
  }
  drop()
  await collectedUntil(() => descriptors(name) <= FEW, 'the others to be collected')
}

const warnings: Error[] = []
process.on('warning', (warning: Error & { code?: string }) => {
  if (warning.code === 'MEMLANE_HANDLE_LEAK') warnings.push(warning)
})

test('handles that are closed are not told of', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('closed')
  const use = (): void => {
    for (let i = 0; i < HANDFUL; i++) {
      using map = SharedMap.open<string, { n: number }>(name)
      map.set('a', { n: 1 })
      assert.equal(map.get('a')!.n, 1)
    }
  }
  use()
  assert.equal(descriptors(name), 0)
  for (let i = 0; i < 5; i++) {
    collectGarbage()
    await later(5)
  }
  assert.deepEqual(warnings, [])
})

for (const [kind, open] of Object.entries(HANDLES)) {
  test(`${kind}: dropped handles give their descriptors back, and have closed for the others`, { skip }, async () => {
    await using crew = new Crew()
    const name = crew.name('dropped')
    const handle = open(name)
    const own = descriptors(name)
    const departures = handle.departures()
    const drop = (): void => {
      for (let i = 0; i < HANDFUL; i++) open(name)
    }
    drop()
    assert.ok(descriptors(name) > own)
    assert.ok(handle.participants().length >= 2)
    const first = departures.next()
    await collectedUntil(() => descriptors(name) <= own + own * FEW, 'the descriptors to be given back')
    assert.equal((await watched(first, 'the first to leave')).value?.cause, 'closed')
    assert.ok(handle.participants().length <= 1 + FEW)
    departures.close()
    closeWhole(handle, name)
  })
}

test('it is told once, with a code, and how to do better', { skip }, () => {
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!.message, /dropped without close\(\).*using/)
})

test('a lock that is held keeps its handle, whoever has dropped the guard', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('held')
  const drop = (): void => {
    for (let i = 0; i < HANDFUL; i++) Mutex.open(name)
    Mutex.open(name).acquire()
  }
  drop()
  using mutex = Mutex.open(name)
  await collectedUntil(() => mutex.participants().length <= 2 + FEW, 'the others to be collected')
  assert.equal(mutex.tryAcquire(), undefined)
  assert.throws(() => mutex.acquire({ timeout: 10 }), { code: 'ERR_DEADLOCK' })
})

test('a live value, an iterator and a wait keep the handle that they came from', { skip }, async () => {
  await using crew = new Crew()
  const [values, changes, waits] = [crew.name('values'), crew.name('changes'), crew.name('waits')]
  const drawn = (): { n: number } => {
    const map = SharedMap.open<string, { n: number }>(values)
    map.set('a', { n: 7 })
    return map.get('a')!
  }
  const watching = async (): Promise<unknown> => {
    for await (const { key } of SharedMap.open<string, number>(changes).watch()) return key
    return 'ended'
  }
  const value = drawn()
  const seen = watching()
  const waited = SharedInt.open(waits).waitAsync(3)
  await collectOthers(crew)
  assert.equal(value.n, 7)
  value.n = 8
  using map = SharedMap.open<string, number>(changes)
  map.set('b', 1)
  assert.equal(await watched(seen, 'the change'), 'b')
  using int = SharedInt.open(waits)
  int.value = 3
  assert.equal(await watched(waited, 'the value'), true)
  using again = SharedMap.open<string, { n: number }>(values)
  assert.equal(again.get('a')!.n, 8)
})

test('the last handle of a lastClose segment stays until the process ends, and then the segment goes', {
  skip,
}, async () => {
  await using crew = new Crew()
  const name = crew.name('last')
  const child = crew.start('drop-last', [name])
  await child.hear('dropped')
  const object = objectName(name, namespaceOf(undefined))
  using int = SharedInt.open(name)
  assert.equal(int.value, 5, 'it is still what it was')
  child.tell('end')
  await child.succeed()
  assert.equal(int.participants().length, 1)
  int.close()
  assert.equal(statObject(object), undefined)

  const other = crew.name('last')
  const second = crew.start('drop-last', [other])
  await second.hear('dropped')
  second.tell('end')
  await second.succeed()
  assert.equal(statObject(objectName(other, namespaceOf(undefined))), undefined)
})

test('in a worker, too', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('worker')
  const worker = new Worker(new URL('./testing/children/dropped-thread.js', import.meta.url), {
    workerData: { name, handful: HANDFUL },
  })
  const exited = once(worker, 'exit')
  const [opened] = await watched(once(worker, 'message'), 'the worker to open')
  assert.deepEqual(opened, { opened: HANDFUL })
  const [left] = await watched(once(worker, 'message'), 'the worker to collect')
  assert.ok((left as { left: number }).left <= FEW)
  await watched(exited, 'the worker to end')
})
