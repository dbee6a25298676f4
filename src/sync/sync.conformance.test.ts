// sync: what every lock promises, by name and inside another segment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { performance } from '../host.js'
import { Segment } from '../segment/index.js'
import { Crew, refuses, watched } from '../testing/crew.js'
import { Barrier, Condition, Event, type Guard, Mutex, RwLock, Semaphore } from './index.js'

interface Handles {
  mutex(): Mutex
  rwlock(): RwLock
  semaphore(permits: number): Semaphore
  event(reset: 'auto' | 'manual'): Event
  condition(): Condition
  barrier(parties: number): Barrier
}

const places: Readonly<Record<string, (crew: Crew) => Handles>> = {
  'by name': (crew) => {
    const names = new Map<string, string>()
    const name = (kind: string): string => {
      if (!names.has(kind)) names.set(kind, crew.name(kind))
      return names.get(kind) as string
    }
    return {
      mutex: () => Mutex.open(name('mutex')),
      rwlock: () => RwLock.open(name('rwlock')),
      semaphore: (permits) => Semaphore.open(name('sem'), { permits }),
      event: (reset) => Event.open(name(`event-${reset}`), { reset }),
      condition: () => Condition.open(name('cond')),
      barrier: (parties) => Barrier.open(name('barrier'), { parties }),
    }
  },
  'inside a shared segment': (crew) => {
    const name = crew.name('host')
    const options = { kind: 'host', size: 65_536, participants: 16 }
    const host = (): Segment => Segment.createOrOpen(name, options)
    return inside(host)
  },
  'inside a local segment': () => {
    const first = Segment.local({ kind: 'host', size: 65_536, participants: 16 })
    return inside(() => Segment.attachLocal(first.memory.buffer as SharedArrayBuffer))
  },
}

function inside(host: () => Segment): Handles {
  const at = <T>(offset: number, make: (segment: Segment, offset: number) => T): T => {
    const segment = host()
    return make(segment, segment.body + offset)
  }
  return {
    mutex: () => at(0, Mutex.at),
    event: (reset) => at(reset === 'auto' ? 256 : 512, (s, o) => Event.at(s, o, reset)),
    semaphore: (permits) => at(1024, (s, o) => Semaphore.at(s, o, permits)),
    barrier: (parties) => at(2048, (s, o) => Barrier.at(s, o, parties)),
    rwlock: () => at(4096, RwLock.at),
    condition: () => at(16_384, Condition.at),
  }
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

for (const [place, make] of Object.entries(places)) {
  const promise = (what: string, body: (open: Handles) => void | Promise<void>): void => {
    test(`${place}: ${what}`, async () => {
      await using crew = new Crew()
      await body(make(crew))
    })
  }

  promise('a mutex has one holder at a time, and says who waits in vain', async ({ mutex }) => {
    const [a, b] = [mutex(), mutex()]
    const guard = a.acquire()
    assert.deepEqual([guard.recovered, guard.held, a.isLocked, b.isLocked], [false, true, true, true])
    assert.equal(b.tryAcquire(), undefined)
    await refuses('ERR_TIMEOUT', () => b.acquireAsync({ timeout: 5 }), /5 ms/)
    guard.release()
    guard.release()
    assert.deepEqual([guard.held, b.isLocked], [false, false])
    {
      using taken = b.tryAcquire()
      assert.equal(taken?.recovered, false)
      assert.equal(a.tryAcquire(), undefined)
    }
    a.tryAcquire()?.release()
  })

  promise('two that ask through one handle in one turn of the event loop get a lock and a deadlock', async (open) => {
    for (const ask of [
      (mutex = open.mutex()) => mutex.acquireAsync.bind(mutex),
      (lock = open.rwlock()) => lock.writeAsync.bind(lock),
    ]) {
      const take = ask()
      const [first, second] = await Promise.allSettled([take(), take()])
      assert.equal(second.status === 'rejected' && second.reason.code, 'ERR_DEADLOCK')
      assert.equal(first.status, 'fulfilled')
      if (first.status === 'fulfilled') first.value.release()
      ;(await take()).release()
    }
  })

  promise(
    'a mutex that is being taken without blocking is taken: trying in that turn is a deadlock',
    async ({ mutex }) => {
      const a = mutex()
      const taking = a.acquireAsync()
      await refuses('ERR_DEADLOCK', () => a.tryAcquire())
      ;(await taking).release()
    },
  )

  promise('a condition that refuses a guard has nobody in its queue', async ({ mutex, condition }) => {
    const [lock, condition1, other] = [mutex(), condition(), condition()]
    const guard = lock.acquire()
    const first = condition1.waitAsync(guard, { timeout: 60_000 })
    await refuses('ERR_NOT_HELD', () => condition1.waitAsync(guard))
    assert.equal(other.notifyAll(), 1)
    assert.equal(await first, true)
    guard.release()
  })

  promise(
    'taking a mutex again, through this handle or blocking through another of this thread, is a deadlock',
    async ({ mutex }) => {
      const [a, b] = [mutex(), mutex()]
      const guard = a.acquire()
      await refuses('ERR_DEADLOCK', () => a.acquire())
      await refuses('ERR_DEADLOCK', () => a.tryAcquire())
      await refuses('ERR_DEADLOCK', () => a.acquireAsync())
      await refuses('ERR_DEADLOCK', () => b.acquire({ timeout: 60_000 }))
      const waiting = b.acquireAsync({ timeout: 30_000 })
      guard.release()
      ;(await waiting).release()
      await refuses('ERR_DEADLOCK', () => a.run(() => a.run(() => 1)))
      assert.equal(await a.run(() => 7), 7)
    },
  )

  promise(
    'run holds the mutex until its function is done, however that ends, one call after another',
    async ({ mutex }) => {
      const [a, b] = [mutex(), mutex()]
      const order: string[] = []
      await Promise.all([
        a.run(async () => {
          order.push('a1')
          await soon()
          order.push('a1 done')
        }),
        a.run(() => order.push('a2')),
        b.run(async () => {
          order.push('b')
          await soon()
          order.push('b done')
        }),
      ])
      assert.equal(order.indexOf('a1 done'), order.indexOf('a1') + 1)
      assert.equal(order.indexOf('b done'), order.indexOf('b') + 1)
      await assert.rejects(
        a.run(() => Promise.reject(new RangeError('no'))),
        RangeError,
      )
      assert.equal(b.isLocked, false)
      using _guard = b.acquire()
      await refuses('ERR_TIMEOUT', () => a.run(() => 1, { timeout: 5 }))
    },
  )

  promise('an abort ends a wait with its reason, and costs nobody else anything', async ({ mutex }) => {
    const [a, b, c] = [mutex(), mutex(), mutex()]
    for (let round = 0; round < 20; round++) {
      const guard = a.acquire()
      const controller = new AbortController()
      const aborted = b.acquireAsync({ signal: controller.signal })
      const other = c.acquireAsync({ timeout: 30_000 })
      if (round % 2 === 0) await soon()
      controller.abort(new RangeError('enough'))
      guard.release()
      const [first, second] = await watched(Promise.allSettled([aborted, other]), 'both waits')
      assert.equal(second.status, 'fulfilled')
      if (first.status === 'fulfilled') first.value.release()
      else assert.ok(first.reason instanceof RangeError)
      if (second.status === 'fulfilled') second.value.release()
    }
    await assert.rejects(b.acquireAsync({ signal: AbortSignal.abort(new RangeError('before')) }), RangeError)
    assert.equal(a.isLocked, false)
  })

  promise(
    'closing a handle gives back what it holds, ends its waits, and leaves guards harmless',
    async ({ mutex }) => {
      const [a, b] = [mutex(), mutex()]
      const guard = a.acquire()
      const wait = b.acquireAsync()
      await soon()
      b.close()
      await refuses('ERR_CLOSED', () => wait)
      const c = mutex()
      a.close()
      a.close()
      c.acquire({ timeout: 1000 }).release()
      guard.release()
      for (const use of [
        () => a.acquire(),
        () => a.tryAcquire(),
        () => a.acquireAsync(),
        () => a.run(() => 1),
        () => a.isLocked,
      ]) {
        await refuses('ERR_CLOSED', use)
      }
      assert.equal(a.closed, true)
    },
  )

  promise(
    'closing a handle ends its waits of every kind',
    async ({ rwlock, semaphore, event, condition, mutex, barrier }) => {
      const [rw, rw2, sem, sem2] = [rwlock(), rwlock(), semaphore(3), semaphore(3)]
      const [ev, co, lock, ba, ba2] = [event('auto'), condition(), mutex(), barrier(2), barrier(2)]
      const writing = rw.write()
      for (let i = 0; i < 3; i++) sem.acquire()
      const guard = lock.acquire()
      const waits = [
        rw2.readAsync(),
        rw2.writeAsync(),
        sem2.acquireAsync(),
        ev.waitAsync(),
        co.waitAsync(guard),
        ba.waitAsync(),
      ]
      const endings = Promise.allSettled(waits)
      await soon()
      for (const handle of [rw2, sem2, ev, co, ba]) handle.close()
      for (const ending of await watched(endings, 'the closed waits')) {
        assert.equal(ending.status === 'rejected' && (ending.reason as { code?: string }).code, 'ERR_CLOSED')
      }
      writing.release()
      assert.deepEqual([rw.readers, rw.isWriteLocked, ba2.waiting, condition().notifyAll()], [0, false, 0, 0])
      sem.close()
      assert.equal(semaphore(3).available, 3)
    },
  )

  promise('limits that make no sense are refused', async ({ mutex, rwlock, event, barrier }) => {
    const [lock, rw, ev, ba] = [mutex(), rwlock(), event('auto'), barrier(2)]
    const wrong: [string, unknown][] = [
      ['ERR_RANGE', { timeout: -1 }],
      ['ERR_RANGE', { timeout: Number.NaN }],
      ['ERR_TYPE', { timeout: '1' }],
      ['ERR_TYPE', 5],
      ['ERR_TYPE', null],
    ]
    for (const [code, limits] of wrong as [string, never][]) {
      for (const use of [
        () => lock.acquire(limits),
        () => lock.acquireAsync(limits),
        () => lock.run(() => 1, limits),
        () => rw.write(limits),
        () => rw.writeAsync(limits),
        () => rw.read(limits),
        () => rw.readAsync(limits),
        () => ev.wait(limits),
        () => ev.waitAsync(limits),
        () => ba.wait(limits),
        () => ba.waitAsync(limits),
      ]) {
        await refuses(code, use)
        assert.equal(lock.isLocked, false)
        assert.equal(rw.isWriteLocked, false)
      }
    }
    await refuses('ERR_TYPE', () => lock.acquireAsync({ signal: 'stop' as never }))
    assert.equal(ba.waiting, 0)
  })

  promise('many read or one writes', async ({ rwlock }) => {
    const [a, b, c] = [rwlock(), rwlock(), rwlock()]
    const one = a.read()
    const two = b.tryRead() as Guard
    const three = a.read()
    assert.deepEqual([one.recovered, c.readers, c.isWriteLocked], [false, 2, false])
    assert.equal(c.tryWrite(), undefined)
    await refuses('ERR_TIMEOUT', () => c.writeAsync({ timeout: 5 }))
    await refuses('ERR_DEADLOCK', () => a.write())
    await refuses('ERR_DEADLOCK', () => a.tryWrite())
    one.release()
    two.release()
    assert.equal(c.tryWrite(), undefined)
    three.release()
    const writing = c.tryWrite() as Guard
    assert.equal(c.isWriteLocked, true)
    assert.equal(a.tryRead(), undefined)
    await refuses('ERR_TIMEOUT', () => a.readAsync({ timeout: 5 }))
    await refuses('ERR_DEADLOCK', () => c.read())
    await refuses('ERR_DEADLOCK', () => a.read({ timeout: 60_000 }))
    const reading = a.readAsync({ timeout: 30_000 })
    const next = b.writeAsync({ timeout: 30_000 })
    writing.release()
    const order: string[] = []
    await Promise.all([
      reading.then((guard) => {
        order.push('read')
        guard.release()
      }),
      next.then((guard) => {
        order.push('write')
        guard.release()
      }),
    ])
    assert.equal(order.length, 2)
    assert.deepEqual([a.readers, a.isWriteLocked], [0, false])
  })

  promise('a waiting writer keeps new readers out', async ({ rwlock }) => {
    const [a, b, c] = [rwlock(), rwlock(), rwlock()]
    const reading = a.read()
    const writing = b.writeAsync({ timeout: 30_000 })
    await watched((async () => { while (!c.isWriteLocked) await soon() })(), 'the writer to queue') // biome-ignore format: one line
    assert.equal(c.tryRead(), undefined)
    // Who reads already may read once more: making it wait for the writer would be a deadlock.
    a.read().release()
    reading.release()
    ;(await writing).release()
    c.read().release()
  })

  promise(
    'readers that wait come in together, before the next writer; who gives up is waited for by nobody',
    async ({ rwlock }) => {
      const [a, b, c, d, e, f] = [rwlock(), rwlock(), rwlock(), rwlock(), rwlock(), rwlock()]
      for (let round = 0; round < 10; round++) {
        const writing = a.write()
        const reads = [b.readAsync(), b.readAsync(), c.readAsync({ timeout: 30_000 })]
        const late = c.readAsync({ timeout: 3 })
        const controller = new AbortController()
        const aborted = d.readAsync({ signal: controller.signal })
        const gaveUp = Promise.allSettled([late, aborted])
        let written = false
        const next = e.writeAsync({ timeout: 30_000 }).then((guard) => {
          written = true
          return guard
        })
        if (round % 2 === 0) {
          await refuses('ERR_TIMEOUT', () => late)
          controller.abort(new RangeError('enough'))
        }
        // However long this process is kept from its work now, the time of the invited readers does not end.
        const { now } = performance
        const moment = now.call(performance)
        performance.now = () => moment
        let guards: Guard[]
        try {
          writing.release()
          controller.abort(new RangeError('enough'))
          guards = await watched(Promise.all(reads), 'the readers')
        } finally {
          performance.now = now
        }
        await watched((async () => { while (!a.isWriteLocked) await soon() })(), 'the writer to take its turn') // biome-ignore format: one line
        assert.deepEqual([written, f.tryRead()], [false, undefined])
        for (const guard of guards) guard.release()
        for (const ending of await watched(gaveUp, 'those who gave up'))
          if (ending.status === 'fulfilled') ending.value.release()
        ;(await watched(next, 'the writer')).release()
        assert.deepEqual([a.readers, a.isWriteLocked], [0, false])
      }
    },
  )

  promise('a semaphore has so many permits', async ({ semaphore }) => {
    const [a, b] = [semaphore(3), semaphore(3)]
    assert.deepEqual([a.permits, a.available], [3, 3])
    const guards = [a.acquire(), a.acquire(), b.tryAcquire() as Guard]
    assert.equal(b.available, 0)
    assert.equal(b.tryAcquire(), undefined)
    await refuses('ERR_TIMEOUT', () => a.acquireAsync({ timeout: 3 }))
    const waiting = [a.acquireAsync({ timeout: 30_000 }), b.acquireAsync({ timeout: 30_000 })]
    for (const guard of guards) guard.release()
    for (const guard of await watched(Promise.all(waiting), 'the permits')) guard.release()
    assert.equal(await a.run(() => a.available), 2)
    a.acquire()
    a.close()
    assert.equal(b.available, 3)
  })

  promise('a manual event lets everybody through until it is cleared', async ({ event }) => {
    const [a, b] = [event('manual'), event('manual')]
    assert.deepEqual([a.reset, a.isSet, a.wait({ timeout: 0 })], ['manual', false, false])
    assert.equal(await a.waitAsync({ timeout: 3 }), false)
    const waits = [a.waitAsync(), b.waitAsync(), b.waitAsync()]
    a.set()
    assert.deepEqual(await watched(Promise.all(waits), 'the waiters'), [true, true, true])
    assert.deepEqual([b.isSet, b.wait()], [true, true])
    b.clear()
    assert.equal(a.wait({ timeout: 0 }), false)
  })

  promise('an auto event lets one through for each time it is set', async ({ event }) => {
    const [a, b] = [event('auto'), event('auto')]
    a.set()
    a.set()
    assert.deepEqual([b.wait({ timeout: 0 }), b.wait({ timeout: 0 })], [true, false])
    let through = 0
    const waits = Array.from({ length: 5 }, (_, i) =>
      (i % 2 ? a : b).waitAsync({ timeout: 30_000 }).then(() => through++),
    )
    for (let set = 1; set <= 5; set++) {
      a.set()
      await watched((async () => { while (through < set) await soon() })(), `waiter ${set}`) // biome-ignore format: one line
      await soon()
      assert.equal(through, set)
    }
    await Promise.all(waits)
    assert.equal(a.isSet, false)
  })

  promise(
    'a condition lets exactly so many waiters go, oldest first, each with the mutex in its hands',
    async ({ mutex, condition }) => {
      const order: number[] = []
      const waiters = Array.from({ length: 4 }, (_, i) => ({ i, lock: mutex(), filled: condition() }))
      const all: Promise<void>[] = []
      for (const { i, lock, filled } of waiters) {
        const guard = await lock.acquireAsync()
        all.push(
          filled.waitAsync(guard, { timeout: 30_000 }).then((called) => {
            assert.deepEqual([called, guard.held, lock.isLocked], [true, true, true])
            order.push(i)
            guard.release()
          }),
        )
      }
      const filled = condition()
      assert.equal(filled.notify(2), 2)
      await watched(Promise.all(all.slice(0, 2)), 'the first two')
      await soon()
      assert.deepEqual([...order].sort(), [0, 1])
      assert.equal(filled.notifyAll(), 2)
      await watched(Promise.all(all), 'all')
      assert.equal(filled.notify(), 0)
      await refuses('ERR_RANGE', () => filled.notify(0))
    },
  )

  promise(
    'a condition that nobody notifies gives the mutex back when the time is over or the wait is aborted',
    async ({ mutex, condition }) => {
      const [lock, filled] = [mutex(), condition()]
      using guard = lock.acquire()
      assert.equal(filled.wait(guard, { timeout: 5 }), false)
      assert.equal(await filled.waitAsync(guard, { timeout: 5 }), false)
      const controller = new AbortController()
      const wait = filled.waitAsync(guard, { signal: controller.signal })
      controller.abort(new RangeError('enough'))
      await assert.rejects(watched(wait, 'the abort'), RangeError)
      assert.equal(guard.held, true)
      assert.equal(mutex().tryAcquire(), undefined)
      // None of the three is still in the queue.
      assert.equal(filled.notifyAll(), 0)
    },
  )

  promise('only the guard of a held mutex can wait for a condition', async ({ mutex, condition, semaphore }) => {
    const [lock, filled, permits] = [mutex(), condition(), semaphore(3)]
    const released = lock.acquire()
    released.release()
    await refuses('ERR_NOT_HELD', () => filled.wait(released))
    await refuses('ERR_NOT_HELD', () => filled.wait(permits.acquire()))
    await refuses('ERR_TYPE', () => filled.wait({} as never))
    await refuses('ERR_TYPE', () => filled.waitAsync(undefined as never))
    assert.equal(filled.notifyAll(), 0)
  })

  promise('a barrier opens when everybody is there, again and again', async ({ barrier }) => {
    const handles = [barrier(3), barrier(3), barrier(3)]
    for (let round = 0; round < 5; round++) {
      const two = handles.slice(0, 2).map((handle) => handle.waitAsync())
      await watched((async () => { while (handles[2]!.waiting < 2) await soon() })(), 'two to wait') // biome-ignore format: one line
      assert.equal(handles[2]!.wait(), true)
      assert.deepEqual(await watched(Promise.all(two), 'the others'), [true, true])
      assert.equal(handles[0]!.waiting, 0)
    }
  })

  promise('who awaits a barrier and who blocks at it meet, in one thread too', async ({ barrier }) => {
    const [a, b] = [barrier(2), barrier(2)]
    for (let round = 0; round < 3; round++) {
      const wait = a.waitAsync()
      assert.equal(b.wait({ timeout: 60_000 }), true)
      assert.equal(await watched(wait, 'the other'), true)
    }
    const given = a.waitAsync()
    a.close()
    await refuses('ERR_CLOSED', () => watched(given, 'the close'))
    assert.equal(b.waiting, 0)
  })

  promise('who leaves a barrier before it opens is not counted', async ({ barrier }) => {
    const [a, b] = [barrier(2), barrier(2)]
    assert.equal(a.wait({ timeout: 3 }), false)
    assert.equal(await a.waitAsync({ timeout: 3 }), false)
    const controller = new AbortController()
    const wait = a.waitAsync({ signal: controller.signal })
    controller.abort(new RangeError('enough'))
    await assert.rejects(watched(wait, 'the abort'), RangeError)
    assert.equal(b.waiting, 0)
    assert.equal(b.wait({ timeout: 3 }), false)
    assert.deepEqual(await watched(Promise.all([a.waitAsync(), b.waitAsync()]), 'both'), [true, true])
  })
}

test('opening with other parameters is refused with both named, and without any takes what is there', async () => {
  await using crew = new Crew()
  const [s, b, e] = [crew.name(), crew.name(), crew.name()]
  using semaphore = Semaphore.open(s, { permits: 3 })
  await refuses('ERR_MISMATCH', () => Semaphore.open(s, { permits: 4 }), /permits 3, not 4/)
  using same = Semaphore.open(s)
  assert.equal(same.permits, semaphore.permits)
  using _barrier = Barrier.open(b, { parties: 5 })
  await refuses('ERR_MISMATCH', () => Barrier.open(b, { parties: 2 }), /parties 5, not 2/)
  using sameBarrier = Barrier.open(b)
  assert.equal(sameBarrier.parties, 5)
  using _event = Event.open(e, { reset: 'auto' })
  await refuses('ERR_MISMATCH', () => Event.open(e, { reset: 'manual' }), /1 auto, 2 manual.*1, not 2/)
  using sameEvent = Event.open(e)
  assert.equal(sameEvent.reset, 'auto')
  for (const open of [Mutex.open, RwLock.open, Event.open, Condition.open, Barrier.open]) {
    await refuses('ERR_KIND', () => open(s), /is a semaphore, not a/)
  }
  for (const permits of [0, -1, 1.5, 65_537, Number.NaN])
    await refuses('ERR_RANGE', () => Semaphore.open(crew.name(), { permits }))
  for (const parties of [0, 1024]) await refuses('ERR_RANGE', () => Barrier.open(crew.name(), { parties }))
  await refuses('ERR_TYPE', () => Semaphore.open(crew.name(), { permits: '3' as never }))
  await refuses('ERR_RANGE', () => Event.open(crew.name(), { reset: 'never' as never }))
  for (const open of [Mutex.open, RwLock.open, Event.open, Condition.open, Barrier.open, Semaphore.open]) {
    await refuses('ERR_NAME', () => open('a/b'))
    await refuses('ERR_TYPE', () => open(5 as never))
    await refuses('ERR_TYPE', () => open(crew.name(), null as never))
  }
})

test('a name is unlinked once, and those inside go on', async () => {
  await using crew = new Crew()
  for (const Kind of [Mutex, RwLock, Event, Condition, Barrier, Semaphore]) {
    const name = crew.name()
    using handle = Kind.open(name)
    assert.equal(handle.name, name)
    assert.deepEqual([Kind.unlink(name), Kind.unlink(name)], [true, false])
    if (handle instanceof Mutex) handle.acquire().release()
    handle.close()
    assert.equal(handle.closed, true)
  }
})
