// memory: the one contract, held by both backends.

import assert from 'node:assert/strict'
import { setMaxListeners } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Crew, refuses, until, watched } from '../testing/crew.js'
import { collectGarbage } from '../testing/runtime.js'
import { LocalMemory } from './local.js'
import { FOREVER, LOCKS, type Memory, NOBODY, Wait } from './memory.js'
import { ShmObject } from './shm.js'

const SIZE = 64 * 1024
const helper = fileURLToPath(new URL('../testing/children/ground-thread.js', import.meta.url))

/** Two handles on the same new bytes, and what a worker needs to get a third. */
interface Place {
  readonly a: Memory
  readonly b: Memory
  readonly key: string | SharedArrayBuffer
  another(): Memory
}

const backends: Readonly<Record<string, (crew: Crew) => Place>> = {
  shm(crew) {
    const name = crew.object()
    const object = ShmObject.open(name, { create: true, exclusive: true })
    object.resize(SIZE)
    object.commit(0, SIZE)
    const another = (): Memory => ShmObject.open(name).map(SIZE)
    return { a: object.map(SIZE), b: another(), key: name, another }
  },
  local() {
    const a = LocalMemory.create(SIZE)
    const key = a.buffer as SharedArrayBuffer
    const another = (): Memory => LocalMemory.attach(key)
    return { a, b: another(), key, another }
  },
}

for (const [backend, make] of Object.entries(backends)) {
  const promise = (what: string, body: (place: Place, crew: Crew) => void | Promise<void>): void => {
    test(`${backend}: ${what}`, async () => {
      await using crew = new Crew()
      const place = make(crew)
      // A promise of a wait does not keep the process alive by itself: that is the task of `waiting`.
      const alive = setInterval(() => {}, 1000)
      try {
        await body(place, crew)
      } finally {
        clearInterval(alive)
        place.a.close()
        place.b.close()
      }
    })
  }

  promise('what one handle writes another reads, through every view', ({ a, b }) => {
    assert.equal(a.size, SIZE)
    assert.deepEqual([a.u8.length, a.i32.length, a.u32.length, a.f64.length], [SIZE, SIZE / 4, SIZE / 4, SIZE / 8])
    assert.ok(a.u8.every((byte) => byte === 0))
    a.f64[1] = Math.PI
    a.u32[0] = 0xffffffff
    assert.deepEqual([b.f64[1], b.i32[0], b.u8[3]], [Math.PI, -1, 255])
  })

  promise('words are exchanged, compared, counted and masked, giving what was there before', ({ a, b }) => {
    a.store(3, 5)
    assert.equal(b.load(3), 5)
    assert.equal(b.exchange(3, 6), 5)
    assert.equal(a.compareExchange(3, 5, 9), 6)
    assert.equal(a.compareExchange(3, 6, 9), 6)
    assert.equal(a.add(3, -10), 9)
    assert.equal(b.load(3), -1)
    assert.equal(b.and(3, 0xff), -1)
    assert.equal(b.or(3, 0x100), 0xff)
    assert.equal(a.load(3), 0x1ff)
    assert.equal(a.load(2) + a.load(4), 0)
  })

  promise('a version is checked against what was seen before the data', ({ a, b }) => {
    a.openVersion(8, 1)
    assert.equal(b.loadVersion(8), 1)
    a.closeVersion(8, 2)
    const seen = b.loadVersion(8)
    assert.equal(seen, 2)
    assert.equal(b.checkVersion(8, seen), true)
    a.openVersion(8, 3)
    assert.equal(b.checkVersion(8, seen), false)
    a.fence()
  })

  promise('who gives way goes on, and has changed nothing', ({ a }) => {
    a.store(0, 7)
    for (let i = 0; i < 100; i++) a.giveWay()
    assert.equal(a.load(0), 7)
  })

  promise('a wait on a word that has changed returns at once', async ({ a }) => {
    a.store(0, 7)
    assert.equal(a.wait(0, 6, FOREVER, NOBODY), Wait.changed)
    assert.equal(await a.waitAsync(0, 6), Wait.changed)
  })

  promise('a wait ends when its time is over, not before', async ({ a }) => {
    for (const timeout of [0, 0.5, 20]) {
      const start = performance.now()
      assert.equal(a.wait(0, 0, timeout, NOBODY), Wait.timedOut)
      assert.ok(performance.now() - start >= timeout - 0.1)
      const again = performance.now()
      assert.equal(await watched(a.waitAsync(0, 0, { timeout }), 'a time-out'), Wait.timedOut)
      assert.ok(performance.now() - again >= timeout - 1.1)
    }
  })

  promise('a blocking wait is woken by another thread', async ({ a, key }) => {
    const worker = new Worker(helper, { workerData: { do: 'wake', key, word: 12 } })
    await new Promise((resolve) => worker.once('message', resolve))
    worker.postMessage('go')
    const how = a.wait(12, 0, 30_000, NOBODY)
    assert.ok(how === Wait.woken || how === Wait.changed, `ended with ${how}`)
    assert.equal(a.load(12), 1)
    await worker.terminate()
  })

  promise('a wait whose end no clock will see is as good as one for ever', async ({ a, b, key }) => {
    // In nanoseconds from some of these on a number of 64 bits is full, with and without a sign, alone or beside the clock.
    const timeouts = [1e12, 9.2e12, 9.3e12, 1.84e13, 1.85e13, 1e14, 1e15, Number.MAX_SAFE_INTEGER, 1e300, Infinity]
    const waits = timeouts.map((timeout, i) => a.waitAsync(20 + i, 0, { timeout }))
    assert.equal(await watched(a.waitAsync(12, 0, { timeout: 20 }), 'a time-out'), Wait.timedOut)
    for (const [i, wait] of waits.entries()) {
      b.store(20 + i, 1)
      b.wake(20 + i, 1)
      const how = await watched(wait, 'the wake')
      assert.ok(how === Wait.woken || how === Wait.changed, `a wait of ${timeouts[i]} ms ended with ${how}`)
    }
    const worker = new Worker(helper, { workerData: { do: 'wake', key, word: 12 } })
    await new Promise((resolve) => worker.once('message', resolve))
    for (const timeout of timeouts) {
      a.store(12, 0)
      worker.postMessage('go')
      const how = a.wait(12, 0, timeout, NOBODY)
      assert.ok(how === Wait.woken || how === Wait.changed, `a blocking wait of ${timeout} ms ended with ${how}`)
    }
    await worker.terminate()
  })

  promise('a promise of a wait is kept by a wake through another handle', async ({ a, b }) => {
    const wait = a.waitAsync(12, 0)
    b.store(12, 1)
    b.wake(12, 1)
    const how = await watched(wait, 'the wake')
    assert.ok(how === Wait.woken || how === Wait.changed)
  })

  promise('an abort rejects with its reason, before or during the wait', async ({ a }) => {
    const reason = new Error('enough')
    await assert.rejects(a.waitAsync(0, 0, { signal: AbortSignal.abort(reason) }), reason)
    const controller = new AbortController()
    const wait = a.waitAsync(0, 0, { signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(watched(wait, 'the abort'), reason)
    // The aborted wait is gone: the next one is served.
    const next = a.waitAsync(0, 0)
    a.store(0, 1)
    a.wake(0, 1)
    await watched(next, 'the next wait')
  })

  promise('an aborted wait does not swallow the wake of another', async ({ a, b }) => {
    for (let round = 0; round < 50; round++) {
      a.store(20, round)
      const controller = new AbortController()
      const aborted = a.waitAsync(20, round, { signal: controller.signal }).catch(() => 'aborted')
      const other = b.waitAsync(20, round)
      await Promise.resolve()
      controller.abort()
      b.store(20, round + 1)
      if ((await aborted) === 'aborted') b.wake(20, 1)
      b.wake(20, 1)
      await watched(other, `the other wait of round ${round}`)
    }
  })

  promise('closing ends the waits that were started through the handle, and no others', async ({ a, b }) => {
    const mine = [a.waitAsync(0, 0), a.waitAsync(1, 0, { timeout: 60_000 })]
    const other = b.waitAsync(0, 0)
    a.close()
    assert.deepEqual(await watched(Promise.all(mine), 'the closed waits'), [Wait.closed, Wait.closed])
    b.store(0, 1)
    b.wake(0, 9)
    assert.notEqual(await watched(other, 'the other wait'), Wait.closed)
  })

  promise('thousands of waits on words of their own are kept, each when its word changes', async ({ a, b }) => {
    const waits = Array.from({ length: 5000 }, (_, word) => a.waitAsync(word, 0))
    for (let word = 4999; word >= 0; word--) {
      b.store(word, 1)
      b.wake(word, 1)
    }
    const results = await watched(Promise.all(waits), '5000 waits')
    assert.ok(results.every((how) => how === Wait.woken || how === Wait.changed))
  })

  promise('thousands of waits on one word are kept by one change and a wake for all', async ({ a, b }) => {
    const waits = Array.from({ length: 5000 }, () => a.waitAsync(100, 0))
    b.store(100, 1)
    b.wake(100, 0x7fffffff)
    await watched(Promise.all(waits), '5000 waits on one word')
  })

  promise('thousands of waits end by time-out and by abort', async ({ a }) => {
    const controller = new AbortController()
    setMaxListeners(0, controller.signal)
    const timed = Array.from({ length: 1000 }, (_, i) => a.waitAsync(i, 0, { timeout: 1 + (i % 50) }))
    const aborted = Array.from({ length: 1000 }, (_, i) => a.waitAsync(i, 0, { signal: controller.signal }))
    const endings = Promise.allSettled(aborted)
    controller.abort()
    assert.ok((await watched(Promise.all(timed), 'time-outs')).every((how) => how === Wait.timedOut))
    assert.ok((await endings).every(({ status }) => status === 'rejected'))
  })

  if (backend === 'shm') {
    promise('a change is noticed although whoever made it was killed before the wake', async ({ a, b }) => {
      const wait = a.waitAsync(30, 0)
      b.store(30, 1)
      assert.equal(await watched(wait, 'the look that nobody asked for'), Wait.changed)
    })
  }

  promise('a liveness lock has one holder, who does not see it as locked', ({ a, b }) => {
    assert.equal(a.isLocked(5), false)
    assert.equal(a.lock(5), true)
    assert.equal(b.lock(5), false)
    assert.equal(a.isLocked(5), false)
    assert.equal(b.isLocked(5), true)
    assert.equal(b.isLocked(6), false)
    a.unlock(5)
    assert.equal(b.lock(5), true)
    b.unlock(5)
  })

  promise('a liveness lock is gone with the handle that held it', ({ another, b }) => {
    const holder = another()
    assert.equal(holder.lock(LOCKS - 1), true)
    holder.close()
    assert.equal(b.isLocked(LOCKS - 1), false)
    assert.equal(b.lock(LOCKS - 1), true)
  })

  promise('a wait that watches a life ends when that life does', async ({ a, another }) => {
    assert.equal(a.wait(0, 0, FOREVER, 9), Wait.dead)
    const holder = another()
    holder.lock(9)
    assert.equal(a.wait(0, 0, 12, 9), Wait.timedOut)
    const wait = a.waitAsync(0, 0, { watch: 9 })
    holder.close()
    assert.equal(await watched(wait, 'the death'), Wait.dead)
    assert.equal(await watched(a.waitAsync(0, 0, { watch: 9 }), 'the known death'), Wait.dead)
  })

  promise('a lock beyond the last is refused with the range', async ({ a }) => {
    for (const lock of [-1, LOCKS, 1.5, Number.NaN]) {
      await refuses('ERR_RANGE', () => a.lock(lock), /4095/)
    }
  })

  promise('committed bytes are whole', ({ a }) => {
    a.commit(0, SIZE)
    assert.equal(a.faults, 0)
    a.checkWhole('it')
  })

  promise('after close everything is harmless, garbage collections included', async ({ a, b }) => {
    a.i32[0] = 77
    const { u8, i32, f64 } = a
    a.close()
    a.close()
    assert.equal(a.closed, true)
    for (let i = 0; i < 3; i++) {
      collectGarbage()
      await new Promise((resolve) => setTimeout(resolve, 1))
      i32[0] = 1
      f64[9] = 1
      u8.fill(1)
      void i32[0]
    }
    assert.equal(a.wait(0, 77, FOREVER, NOBODY), Wait.closed)
    assert.equal(await a.waitAsync(0, 77), Wait.closed)
    assert.doesNotThrow(() => a.wake(0, 1))
    // Whatever was stored since has reached nobody.
    if (backend === 'shm') assert.equal(b.i32[0], 77)
  })

  promise('several workers attach at once, count together, and leave the sum right', async ({ a, key }) => {
    const workers = Array.from(
      { length: 4 },
      () => new Worker(helper, { workerData: { do: 'count', key, word: 40, times: 5000 } }),
    )
    await watched(
      Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)))),
      'the workers',
    )
    assert.equal(a.load(40), 20_000)
    await Promise.all(workers.map((worker) => worker.terminate()))
  })

  promise('a worker that is terminated in the middle of waits takes nobody with it', async ({ a, b, key }) => {
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(helper, { workerData: { do: 'busy-waker', key } })
      await new Promise((resolve) => worker.once('message', resolve))
      await watched(worker.terminate(), 'the worker to end')
      collectGarbage()
    }
    const wait = a.waitAsync(60, 0)
    b.store(60, 1)
    b.wake(60, 1)
    await watched(wait, 'a wait beside busy wakers')
    await until(() => a.load(60) === 1, 'memory is readable')
  })
}
