// sync: holders and waiters that are killed or stopped. Exactly one is told; nobody is robbed; nobody waits in vain.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { openSide, type Side, type Turn, tally } from '../testing/children/ground-sync.js'
import { type Actor, Crew, refuses, seeded, until, watched } from '../testing/crew.js'
import { assertReadersPassedByOne, assertWritersPassedBy, report, takeOvers } from '../testing/locks.js'
import { Barrier, Condition, Mutex, RwLock, Semaphore } from './index.js'
import { LINE, QUEUED } from './readers.js'
import { READERS } from './rwlock.js'

const inPidNamespace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const noPidNamespaces =
  spawnSync(inPidNamespace[0]!, [...inPidNamespace.slice(1), 'true']).status === 0
    ? false
    : 'pid namespaces are not permitted here'

for (const [side, processes, handles, blocking, rounds] of [
  ['mutex', 1, 1, true, 7],
  ['mutex', 1, 1, false, 7],
  ['mutex', 10, 1, true, 4],
  ['mutex', 10, 10, false, 3],
  ['permit', 4, 1, true, 4],
  ['write', 4, 1, true, 4],
  ['read', 4, 1, false, 4],
] as [Side, number, number, boolean, number][]) {
  const how = `${processes * handles} ${blocking ? 'blocking' : 'awaiting'} waiter(s) in ${processes} process(es)`
  test(`a killed holder's ${side} goes to one of ${how}, which alone is told`, async () => {
    await using crew = new Crew()
    report(`take-over of a ${side} by ${how}`, await takeOvers(crew, side, processes, handles, blocking, rounds))
  })
}

for (const side of ['mutex', 'write', 'read', 'permit'] as const) {
  test(`a stopped holder of a ${side} is never robbed`, async () => {
    await using crew = new Crew()
    const name = crew.name()
    const holder = crew.start('hold', [side, name])
    await holder.hear({ recovered: false })
    await holder.stop()
    const other = openSide(side === 'read' ? 'write' : side, name)
    await assert.rejects(other.holdAsync({ timeout: 150 }), { code: 'ERR_TIMEOUT' })
    assert.throws(() => other.hold({ timeout: 150 }), { code: 'ERR_TIMEOUT' })
    assert.equal(other.tryHold(), undefined)
    holder.kill('SIGCONT')
    holder.tell('release')
    await holder.hear('released')
    using guard = other.hold({ timeout: 30_000 })
    assert.equal(guard.recovered, false)
    guard.release()
    other.close()
  })
}

test('waiters that are killed while they queue cost nobody anything', async () => {
  await using crew = new Crew()
  for (const side of ['mutex', 'permit', 'write'] as const) {
    const name = crew.name()
    const mine = openSide(side, name)
    const guard = mine.hold()
    const doomed = [true, false, true].map((blocking) => crew.start('queue', [side, name, blocking]))
    const survivor = crew.start('queue', [side, name, true])
    for (const actor of [...doomed, survivor]) await actor.hear('waiting')
    await Promise.all(doomed.map((actor) => actor.end()))
    guard.release()
    await survivor.hear({ recovered: false })
    await survivor.succeed()
    using again = mine.hold({ timeout: 30_000 })
    assert.equal(again.recovered, false)
    again.release()
    mine.close()
  }
})

test('a holder in another pid namespace is waited for while it lives, and followed when it is killed', {
  skip: noPidNamespaces,
}, async () => {
  await using crew = new Crew()
  const name = crew.name()
  const holder = crew.start('hold', ['mutex', name], { prefix: inPidNamespace })
  await holder.hear({ recovered: false })
  const waiter = crew.start('queue', ['mutex', name, true], { prefix: inPidNamespace })
  await waiter.hear('waiting')
  using mutex = Mutex.open(name)
  await assert.rejects(mutex.acquireAsync({ timeout: 50 }), { code: 'ERR_TIMEOUT' })
  await holder.end()
  await waiter.hear({ recovered: true })
  await waiter.succeed()
  mutex.acquire({ timeout: 30_000 }).release()
})

test('dead readers keep no writer out, whoever has their slots by now', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using lock = RwLock.open(name)
  const readers = crew.startMany(3, 'hold', ['read', name])
  for (const reader of readers) await reader.hear({ recovered: false })
  assert.equal(lock.readers, 3)
  await Promise.all(readers.map((reader) => reader.end()))
  using guard = lock.write({ timeout: 30_000 })
  // Readers that died leave nothing half done.
  assert.equal(guard.recovered, false)
  assert.equal(lock.readers, 0)
})

/** How many wait to read, dead or alive. */
function queued(lock: RwLock): number {
  const { memory, body, slots } = lock.segment
  let count = 0
  for (let slot = 0; slot < slots; slot++) if ((memory.load((body + READERS + slot * LINE) / 4) & QUEUED) !== 0) count++
  return count
}

for (const blocking of [true, false]) {
  const how = blocking ? 'blocking' : 'awaiting'
  test(`a reader that waits, ${how}, and is stopped holds no writer up, and comes in when it goes on`, async () => {
    await using crew = new Crew()
    const name = crew.name()
    using lock = RwLock.open(name)
    const writing = lock.write()
    const reader = crew.start('queue', ['read', name, blocking])
    await reader.hear('waiting')
    await until(() => queued(lock) === 1, 'it waits')
    await reader.stop()
    writing.release()
    // It was invited, and does not come.
    if (blocking) lock.write({ timeout: 30_000 }).release()
    await until(() => {
      using guard = lock.tryWrite()
      return guard !== undefined
    }, 'a try gets in too')
    reader.kill('SIGCONT')
    await reader.hear({ recovered: false })
    await reader.succeed()
  })

  test(`readers that wait, ${how}, and are killed, invited or not, hold no writer up`, async () => {
    await using crew = new Crew()
    const name = crew.name()
    using lock = RwLock.open(name)
    const writing = lock.write()
    const readers = crew.startMany(3, 'queue', ['read', name, blocking])
    await until(() => queued(lock) === 3, 'they wait')
    await readers[0]!.end()
    await readers[1]!.stop()
    await readers[2]!.stop()
    writing.release()
    await Promise.all([readers[1]!.end(), readers[2]!.end()])
    using guard = lock.write({ timeout: 30_000 })
    assert.equal(guard.recovered, false)
    assert.equal(queued(lock), 0)
  })
}

for (const [side, others] of [
  ['read', 'write-for-ever'],
  ['write', 'read-for-ever'],
] as const) {
  test(`whoever wants to ${side} has its turn soon, although three others never stop but are stopped and killed`, async () => {
    await using crew = new Crew()
    const name = crew.name()
    using lock = RwLock.open(name)
    const { below } = seeded(`turns to ${side}`)
    const start = async (): Promise<Actor> => {
      const actor = crew.start(others, [name])
      await actor.hear()
      return actor
    }
    const actors = await Promise.all([start(), start(), start()])
    const one = crew.start('take-turn', [side, name, 150])
    await one.hear('ready')
    one.tell('go')
    for (let round = 0; !one.hasSaid; round++) {
      const victim = below(3)
      await actors[victim]!.stop()
      await new Promise((resolve) => setTimeout(resolve, below(30)))
      if (round % 2 === 0) actors[victim]!.kill('SIGCONT')
      else {
        lock.segment.memory.add(tally(lock, 'kills'), 1)
        await actors[victim]!.end()
        lock.segment.memory.add(tally(lock, 'deaths'), 1)
        actors[victim] = await start()
      }
    }
    const turns = await one.hear<Turn[]>()
    if (side === 'read') assertReadersPassedByOne(turns)
    // Three that were on their way in, and one that took the place of a killed one.
    else assertWritersPassedBy(4, turns)
  })
}

test('every permit of the killed comes back', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using semaphore = Semaphore.open(name, { permits: 3 })
  const holders = crew.startMany(3, 'hold', ['permit', name])
  for (const holder of holders) await holder.hear({ recovered: false })
  assert.equal(semaphore.tryAcquire(), undefined)
  await Promise.all(holders.map((holder) => holder.end()))
  const guards = [1, 2, 3].map(() => semaphore.acquire({ timeout: 30_000 }))
  assert.deepEqual(
    guards.map(({ recovered }) => recovered),
    [true, true, true],
  )
  assert.equal(semaphore.tryAcquire(), undefined)
  for (const guard of guards) guard.release()
  assert.equal(semaphore.available, 3)
})

test('notify(n) lets n living waiters go; the dead do not count', async () => {
  await using crew = new Crew()
  const [mutexName, conditionName] = [crew.name('m'), crew.name('c')]
  using mutex = Mutex.open(mutexName)
  using condition = Condition.open(conditionName)
  const waiters: Actor[] = []
  for (let i = 0; i < 5; i++) {
    const waiter = crew.start('wait-condition', [mutexName, conditionName, i % 2 === 0])
    await waiter.hear('holding')
    waiter.tell('wait')
    await waiter.hear('waiting')
    waiters.push(waiter)
  }
  // The mutex is free once the last of them waits.
  mutex.acquire({ timeout: 30_000 }).release()
  await Promise.all([waiters[0]!.end(), waiters[2]!.end()])
  assert.equal(condition.notify(2), 2)
  await waiters[1]!.hear({ called: true })
  await waiters[3]!.hear({ called: true })
  assert.equal(waiters[4]!.hasSaid, false)
  assert.equal(condition.notifyAll(), 1)
  await waiters[4]!.hear({ called: true })
  assert.equal(condition.notifyAll(), 0)
})

test('a mutex whose holder died during a wait for a condition comes back as recovered', async () => {
  await using crew = new Crew()
  const [mutexName, conditionName] = [crew.name('m'), crew.name('c')]
  using mutex = Mutex.open(mutexName)
  using condition = Condition.open(conditionName)
  const guard = mutex.acquire()
  const wait = condition.waitAsync(guard, { timeout: 30_000 })
  const holder = crew.start('hold', ['mutex', mutexName])
  await holder.hear({ recovered: false })
  await holder.end()
  condition.notify()
  assert.equal(await wait, true)
  assert.equal(guard.recovered, true)
  guard.release()
})

test('a waiter that is killed at a barrier is not counted', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using barrier = Barrier.open(name, { parties: 3 })
  const [doomed, other] = [crew.start('arrive', [name, true]), crew.start('arrive', [name, false])]
  await Promise.all([doomed.hear('waiting'), other.hear('waiting')])
  await until(() => barrier.waiting === 2, 'both wait')
  await doomed.end()
  await until(() => barrier.waiting === 1, 'one is gone')
  assert.equal(await barrier.waitAsync({ timeout: 20 }), false)
  const third = crew.start('arrive', [name, true])
  assert.equal(await barrier.waitAsync({ timeout: 30_000 }), true)
  await other.hear(true)
  await third.hear('waiting')
  await third.hear(true)
})

test('a barrier whose opener is killed at any step opens for those that are left, or waits for another', async () => {
  await using crew = new Crew()
  let deaths = 0
  for (let n = 1; n < 40; n++) {
    const name = crew.name()
    using barrier = Barrier.open(name, { parties: 2 })
    const first = crew.start('arrive', [name, n % 2 === 0])
    await first.hear('waiting')
    await until(() => barrier.waiting === 1, 'one waits')
    const opener = crew.start('arrive-and-die', [name, n])
    const { signal } = await watched(opener.ended, `the opener to die at step ${n}`)
    if (signal === null) break
    deaths++
    if (!first.hasSaid) barrier.wait({ timeout: 300 })
    await first.hear(true)
    await until(() => barrier.waiting === 0, `nobody is left at the barrier after step ${n}`)
    await first.end()
  }
  assert.ok(deaths >= 5, `${deaths} steps`)
})

test('a process that is stopped while it counts at a barrier keeps nobody beyond their limits', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using barrier = Barrier.open(name, { parties: 3 })
  using other = Barrier.open(name)
  const early = other.waitAsync({ timeout: 3000 })
  assert.equal(barrier.waiting, 1)
  const stopped = crew.start('hold-barrier', [name])
  await stopped.hear('held')
  assert.equal(barrier.wait({ timeout: 10 }), false)
  assert.equal(await watched(barrier.waitAsync({ timeout: 10 }), 'the end of the time'), false)
  const signal = AbortSignal.timeout(10)
  await assert.rejects(watched(barrier.waitAsync({ signal }), 'the abort'), { name: 'TimeoutError' })
  assert.equal(await watched(early, 'the end of its time'), false)
  const last = Barrier.open(name)
  const closing = last.waitAsync()
  last.close()
  await refuses('ERR_CLOSED', () => watched(closing, 'the close'))
  assert.equal(barrier.waiting, 0)
  stopped.tell('free')
  await stopped.hear('freed')
  const actors = crew.startMany(2, 'arrive', [name, true])
  assert.equal(await watched(barrier.waitAsync(), 'all three'), true)
  for (const actor of actors) {
    await actor.hear('waiting')
    await actor.hear(true)
  }
})
