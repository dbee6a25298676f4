// The public face: every handle tells who else has it open, and who leaves, however they go.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { threadId, Worker } from 'node:worker_threads'
import { type Departure, type Departures, Mutex, type Peer, SharedHeap, SharedInt, SharedMap } from './index.js'
import { freeDeadSlots, inspectSegment } from './segment/index.js'
import { closeWhole, HANDLES } from './testing/children/peers.js'
import { Crew, ownNamespace, watched } from './testing/crew.js'

ownNamespace('peers')

async function nextOf(departures: Departures): Promise<Departure> {
  const { done, value } = await watched(departures.next(), 'somebody to leave')
  assert.ok(done !== true && value !== undefined)
  return value
}

function others(handle: { participants(): Peer[] }): Peer[] {
  return handle.participants().filter((one) => !one.own)
}

for (const [kind, open] of Object.entries(HANDLES)) {
  test(`${kind}: who has it open is listed, stopped or live; one that closes has closed, one that is killed has died`, async () => {
    await using crew = new Crew()
    const name = crew.name('peers')
    const before = Date.now()
    using handle = open(name)
    const mine = handle.participants()
    assert.equal(mine.length, 1)
    assert.deepEqual(
      { ...mine[0], since: 0 },
      {
        pid: process.pid,
        thread: threadId,
        since: 0,
        elsewhere: false,
        state: 'live',
        own: true,
      },
    )
    // Clocks may be set back meanwhile by a little.
    assert.ok(Math.abs(mine[0]!.since.getTime() - before) < 3_600_000)
    using departures = handle.departures()
    const leaver = crew.start('open-handle', [kind, name])
    const victim = crew.start('open-handle', [kind, name])
    await leaver.hear('open')
    await victim.hear('open')
    assert.deepEqual(
      others(handle)
        .map(({ pid, state }) => `${pid} ${state}`)
        .sort(),
      [leaver, victim].map(({ pid }) => `${pid} live`).sort(),
    )
    await victim.stop()
    assert.equal(others(handle).find(({ pid }) => pid === victim.pid)?.state, 'stopped')
    // Who has come since is noted at the next look, which is asked for here.
    const first = nextOf(departures)
    await setImmediate()
    leaver.tell('close')
    await leaver.hear('close')
    const gone = [await first]
    await victim.end()
    gone.push(await nextOf(departures))
    assert.deepEqual(
      gone.map(({ pid, cause }) => ({ pid, cause })),
      [
        { pid: leaver.pid, cause: 'closed' },
        { pid: victim.pid, cause: 'died' },
      ],
    )
    assert.equal(others(handle).length, 0)
    handle.close()
    assert.throws(() => handle.participants(), { code: 'ERR_CLOSED' })
    assert.throws(() => handle.departures(), { code: 'ERR_CLOSED' })
    assert.deepEqual(await departures.next(), { done: true, value: undefined })
    closeWhole(handle, name)
  })
}

test('one that ends its process in order has closed, and one whose worker is terminated has died', async () => {
  await using crew = new Crew()
  const name = crew.name('peers')
  using map = SharedMap.open(name)
  using departures = map.departures()
  const child = crew.start('open-handle', ['SharedMap', name])
  await child.hear('open')
  const first = nextOf(departures)
  await setImmediate()
  child.tell('exit')
  await child.succeed()
  const { pid, cause, thread } = await first
  assert.deepEqual({ pid, cause, thread }, { pid: child.pid, cause: 'closed', thread: 0 })
  const worker = new Worker(new URL('testing/children/hold-open.js', import.meta.url), { workerData: name })
  await once(worker, 'message')
  assert.deepEqual(
    others(map).map((one) => ({ pid: one.pid, thread: one.thread })),
    [{ pid: process.pid, thread: worker.threadId }],
  )
  const { threadId: id } = worker
  const second = nextOf(departures)
  await setImmediate()
  await worker.terminate()
  const gone = await second
  assert.deepEqual(
    { pid: gone.pid, thread: gone.thread, cause: gone.cause },
    { pid: process.pid, thread: id, cause: 'died' },
  )
})

test('a handle whose slot is used again, or was tidied up, before anybody looked is gone for an unknown cause', async () => {
  await using crew = new Crew()
  const name = crew.name('peers')
  using mutex = Mutex.open(name)
  const other = Mutex.open(name)
  using departures = mutex.departures()
  other.close()
  using next = Mutex.open(name)
  assert.equal((await nextOf(departures)).cause, 'unknown')
  assert.equal(others(mutex).length, 1)
  next.close()
  assert.equal((await nextOf(departures)).cause, 'closed')
  const child = crew.start('open-handle', ['Mutex', name])
  await child.hear('open')
  using late = mutex.departures()
  await child.end()
  assert.equal(freeDeadSlots(inspectSegment(name)!), 1)
  const { pid, cause } = await nextOf(late)
  assert.deepEqual({ pid, cause }, { pid: child.pid, cause: 'unknown' })
})

test('a read-only handle is nobody, and sees the others come and go', async () => {
  await using crew = new Crew()
  const name = crew.name('peers')
  const writer = SharedInt.open(name)
  using reader = SharedInt.open(name, { readOnly: true })
  assert.deepEqual(
    reader.participants().map(({ pid, own }) => ({ pid, own })),
    [{ pid: process.pid, own: false }],
  )
  using departures = reader.departures()
  writer.close()
  assert.equal((await nextOf(departures)).cause, 'closed')
  assert.deepEqual(reader.participants(), [])
})

test('departures end with the signal, with the handle, and with the loop; options are checked', async () => {
  await using crew = new Crew()
  using map = SharedMap.open(crew.name('peers'))
  const controller = new AbortController()
  const pending = map.departures({ signal: controller.signal }).next()
  await setImmediate()
  const reason = new Error('enough')
  controller.abort(reason)
  await assert.rejects(watched(pending, 'the signal'), reason)
  await assert.rejects(map.departures({ signal: controller.signal }).next(), reason)
  const departures = map.departures()
  const waiting = departures.next()
  await setImmediate()
  departures.close()
  assert.deepEqual(await watched(waiting, 'the end'), { done: true, value: undefined })
  const whole = map.departures()
  const last = whole.next()
  await setImmediate()
  map.close()
  assert.deepEqual(await watched(last, 'the handle'), { done: true, value: undefined })
  using other = SharedMap.open(map.name)
  assert.throws(() => other.departures({ signals: 1 } as never), { code: 'ERR_TYPE' })
  assert.throws(() => other.departures({ signal: 1 } as never), { code: 'ERR_TYPE' })
})

test('threads of one process see each other in a heap without a name', async () => {
  using heap = SharedHeap.local()
  using other = SharedHeap.attach(heap.buffer!)
  assert.equal(others(heap).length, 1)
  using departures = heap.departures()
  other.close()
  assert.equal((await nextOf(departures)).cause, 'closed')
})
