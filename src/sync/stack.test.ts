// sync: every operation, entered at every remaining depth of the stack. Whatever the engine throws, nothing stays taken.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew } from '../testing/crew.js'
import { atEveryDepth } from '../testing/stack.js'
import { Barrier, Condition, Event, type Guard, Mutex, RwLock, Semaphore } from './index.js'

/** Takes at every depth, and gives back in the same frame, as `using` does. */
function takeAtEveryDepth(what: string, take: () => Guard | undefined): void {
  const { done } = atEveryDepth(() => {
    const guard = take()
    guard?.release()
  })
  assert.ok(done > 0, what)
}

test('a mutex is free after attempts at every depth of the stack', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  using other = Mutex.open(name)
  for (const [what, take] of [
    ['tryAcquire', () => mutex.tryAcquire()],
    ['acquire', () => mutex.acquire({ timeout: 0 })],
  ] as const) {
    takeAtEveryDepth(what, take)
    other.acquire({ timeout: 0 }).release()
  }
  // Another process, too.
  const process = crew.start('hold', ['mutex', name])
  await process.hear({ recovered: false })
})

test('a guard that cannot be released for want of stack is still held, and can be released later', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  using other = Mutex.open(name)
  const guard = mutex.acquire()
  let released = 0
  atEveryDepth(() => {
    if (released > 0) return
    try {
      guard.release()
    } catch (error) {
      assert.equal(guard.held, true)
      throw error
    }
    released++
  })
  assert.equal(released, 1)
  other.acquire({ timeout: 0 }).release()
})

test('both sides of a reader-writer lock are free after attempts at every depth of the stack', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using lock = RwLock.open(name)
  using other = RwLock.open(name)
  for (const [what, take] of [
    ['tryRead', () => lock.tryRead()],
    ['read', () => lock.read({ timeout: 0 })],
    ['tryWrite', () => lock.tryWrite()],
    ['write', () => lock.write({ timeout: 0 })],
  ] as const) {
    takeAtEveryDepth(what, take)
    assert.equal(other.readers, 0, what)
    other.write({ timeout: 0 }).release()
  }
})

test('no permit is lost at any depth of the stack', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using semaphore = Semaphore.open(name, { permits: 3 })
  using other = Semaphore.open(name)
  for (const [what, take] of [
    ['tryAcquire', () => semaphore.tryAcquire()],
    ['acquire', () => semaphore.acquire({ timeout: 0 })],
  ] as const) {
    takeAtEveryDepth(what, take)
    assert.equal(other.available, 3, what)
  }
})

test('an event and a barrier count only those who were told at every depth of the stack', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using event = Event.open(name, { reset: 'auto' })
  let passed = 0
  const { done } = atEveryDepth(() => {
    event.set()
    if (event.wait({ timeout: 0 })) passed++
  })
  assert.equal(passed, done)
  const meeting = crew.name()
  using barrier = Barrier.open(meeting, { parties: 2 })
  using other = Barrier.open(meeting)
  atEveryDepth(() => assert.equal(barrier.wait({ timeout: 0 }), false))
  assert.equal(other.waiting, 0)
  const alone = crew.name()
  using single = Barrier.open(alone, { parties: 1 })
  using beside = Barrier.open(alone)
  assert.ok(atEveryDepth(() => assert.equal(single.wait(), true)).done > 0)
  assert.equal(beside.wait({ timeout: 0 }), true)
})

test('a wait for a condition leaves its mutex held and nobody in the queue at every depth of the stack', async () => {
  await using crew = new Crew()
  const [locked, named] = [crew.name(), crew.name()]
  using mutex = Mutex.open(locked)
  using beside = Mutex.open(locked)
  using condition = Condition.open(named)
  using other = Condition.open(named)
  const guard = mutex.acquire()
  const { done } = atEveryDepth(() => assert.equal(condition.wait(guard, { timeout: 0 }), false))
  assert.ok(done > 0)
  assert.equal(guard.held, true)
  assert.equal(beside.tryAcquire(), undefined)
  assert.equal(other.notifyAll(), 0)
  guard.release()
  beside.acquire({ timeout: 0 }).release()
})

test('handles opened and closed at every depth of the stack leave no slot taken', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using kept = Mutex.open(name, { participants: 8 })
  const { done } = atEveryDepth(() => Mutex.open(name).close())
  assert.ok(done > 0)
  assert.equal(kept.segment.participants().filter(({ alive }) => alive).length, 1)
  const fresh = crew.name()
  atEveryDepth(() => {
    Mutex.open(fresh, { lifetime: 'lastClose' }).close()
    Mutex.unlink(fresh)
  })
  using made = Mutex.open(fresh, { lifetime: 'lastClose' })
  made.acquire({ timeout: 0 }).release()
})
