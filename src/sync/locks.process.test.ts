// sync: several processes at once, none of them killed. Nothing is lost, nobody is inside together, nobody starves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Turn, tally } from '../testing/children/ground-sync.js'
import { Crew, seeded, until } from '../testing/crew.js'
import { assertReadersPassedByOne, assertWritersPassedBy, handOvers, together } from '../testing/locks.js'
import { runtimeName } from '../testing/runtime.js'
import { Barrier, Condition, Event, Mutex, RwLock, Semaphore } from './index.js'

test('hand-overs of a mutex between four processes with random parks lose no count', async () => {
  await using crew = new Crew()
  await handOvers(crew, 10_000, 0.01)
})

test('readers never see half of what a writer writes, nor an older state than before', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const { seed } = seeded('pairs')
  using _lock = RwLock.open(name)
  const actors = [true, true, false, false].map((writer, i) =>
    crew.start('read-write-pairs', [name, 2000, writer, seed + i]),
  )
  for (const { torn, backwards } of await together<{ torn: number; backwards: number }>(actors)) {
    assert.deepEqual([torn, backwards], [0, 0])
  }
})

test('a reader is let in before the next writer, although three writers never stop', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using lock = RwLock.open(name)
  const writers = crew.startMany(3, 'write-for-ever', [name])
  for (const writer of writers) await writer.hear('writing')
  const reader = crew.start('take-turn', ['read', name, 200])
  const [turns] = (await together<Turn[]>([reader])) as [Turn[]]
  assertReadersPassedByOne(turns)
  // Neither do the readers that never stop keep each other or the writers out.
  const blocking = crew.startMany(2, 'read-for-ever', [name])
  for (const one of blocking) await one.hear('reading')
  const [reads, writes] = (['reads', 'writes'] as const).map((what) => lock.segment.memory.load(tally(lock, what)))
  for (const [what, before] of [['reads', reads], ['writes', writes]] as const) // biome-ignore format: one line
    await until(() => lock.segment.memory.load(tally(lock, what)) > before! + 300, `300 more ${what}`)
})

test('a writer comes in although three readers never stop, before any of them reads again', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using lock = RwLock.open(name)
  const readers = crew.startMany(3, 'read-for-ever', [name])
  for (const reader of readers) await reader.hear('reading')
  const writer = crew.start('take-turn', ['write', name, 200])
  const [turns] = (await together<Turn[]>([writer])) as [Turn[]]
  // Each of the three may have been on its way in.
  assertWritersPassedBy(3, turns)
  for (let i = 0; i < 20; i++) lock.write({ timeout: 30_000 }).release()
})

test('never more inside than permits', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const { seed } = seeded('permits')
  using semaphore = Semaphore.open(name, { permits: 2 })
  const actors = [0, 1, 2, 3].map((i) => crew.start('use-permits', [name, 2, 400, seed + i]))
  for (const { tooMany } of await together<{ tooMany: number }>(actors)) assert.equal(tooMany, 0)
  assert.equal(semaphore.available, 2)
})

test('events between two processes answer each other and lose none', async () => {
  await using crew = new Crew()
  const [a, b] = [crew.name('a'), crew.name('b')]
  const { seed } = seeded('ping-pong')
  using first = Event.open(a, { reset: 'auto' })
  const actors = [crew.start('ping-pong', [a, b, 2000, seed]), crew.start('ping-pong', [b, a, 2000, seed + 1])]
  const playing = together<number>(actors)
  first.set()
  assert.deepEqual(await playing, [2000, 2000])
})

test('a manual event lets waiters of every process through', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using event = Event.open(name, { reset: 'manual' })
  const actors = [true, false, true, false].map((blocking) => crew.start('wait-event', [name, 'manual', blocking]))
  for (const actor of actors) await actor.hear('waiting')
  event.set()
  for (const actor of actors) await actor.hear(true)
})

test('a queue of jobs that a condition guards is worked off once each', async () => {
  await using crew = new Crew()
  const [mutexName, conditionName] = [crew.name('m'), crew.name('c')]
  using mutex = Mutex.open(mutexName)
  using condition = Condition.open(conditionName)
  const { memory, body } = mutex.segment
  const jobs = body / 4 + 64
  const workers = crew.startMany(3, 'take-jobs', [mutexName, conditionName])
  for (const worker of workers) await worker.hear('ready')
  for (let batch = 0; batch < 100; batch++) {
    await mutex.run(() => {
      memory.i32[jobs]! += 5
    })
    condition.notify(2)
    if (batch % 10 === 0) await until(() => memory.load(jobs) === 0, 'the jobs are done')
  }
  await until(() => memory.load(jobs) === 0, 'the last jobs are done')
  await mutex.run(() => {
    memory.i32[jobs] = -1
  })
  let done = 0
  for (const worker of workers) {
    condition.notifyAll()
    done += await worker.hear<number>()
  }
  assert.equal(done, 500)
  assert.equal(memory.load(jobs + 1), 500)
})

test('a barrier keeps four processes in step', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using _barrier = Barrier.open(name, { parties: 4 })
  const actors = [0, 1, 2, 3].map((i) => crew.start('meet', [name, 200, i % 2 === 0]))
  for (const { early } of await together<{ early: number }>(actors)) assert.equal(early, 0)
})

test('a process that has nothing to do but a forgotten wait for a mutex ends, and takes nothing with it', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  {
    using _guard = mutex.acquire()
    const child = crew.start('forget-acquire', [name])
    await child.hear('nothing else to do')
    await child.succeed()
  }
  mutex.acquire({ timeout: 30_000 }).release()
  await crew.start('forget-local').succeed()
})

test('a process that awaits a mutex stays until it has it', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  const guard = mutex.acquire()
  const child = crew.start('queue', ['mutex', name, false])
  await child.hear('waiting')
  guard.release()
  await child.hear({ recovered: false })
  await child.succeed()
})

test('worker threads that block in a wait without a limit can be terminated, and do not keep their process from its exit', {
  skip: runtimeName === 'deno' && 'Deno 2.9 ends no worker in the middle of its code, whatever that is',
}, async () => {
  await using crew = new Crew()
  const kinds = ['mutex', 'read', 'write', 'semaphore', 'event', 'barrier', 'condition']
  const names = Object.fromEntries(kinds.map((kind) => [kind, crew.name(kind)]))
  const child = crew.start('block-in-workers', [names])
  await child.hear('terminated')
  await child.succeed()
})
