// segment: creators and openers in any order, and creators that are killed or stopped half-way.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PATTERN, patterned } from '../testing/children/ground-segment.js'
import { type Actor, Crew, refuses, seeded, watched } from '../testing/crew.js'
import { inspectSegment, removeHalfMade } from './registry.js'
import { Segment } from './segment.js'

function assertWhole(segment: Segment): void {
  assert.equal(segment.kind, 'pattern')
  assert.deepEqual([...segment.parameters], [1, 2, 3])
  assert.equal(segment.committed, 8192)
  for (let word = segment.body / 4; word < (segment.body + 8192) / 4; word += 128) {
    assert.equal(segment.memory.load(word), PATTERN)
  }
  assert.equal(segment.memory.faults, 0)
}

/** Opens, then makes: whatever was left, one gets a whole segment or is told cleanly. @returns milliseconds slept meanwhile. */
async function assertRecovers(name: string, what: string): Promise<number> {
  // What counts is how long the opener wants to sleep, not how long the machine keeps it from its answer.
  let slept = 0
  const sleep = Atomics.wait
  Atomics.wait = (array: never, index: number, value: never, timeout: number) => {
    slept += timeout
    return sleep(array, index, value, timeout)
  }
  let opened: Segment | undefined
  try {
    opened = Segment.open(name)
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_NOT_FOUND', `${what}: ${(error as Error).stack}`)
  } finally {
    Atomics.wait = sleep
  }
  if (opened !== undefined) assertWhole(opened)
  opened?.close()
  const made = Segment.createOrOpen(name, patterned())
  assertWhole(made)
  assert.equal(made.participants().filter(({ alive }) => alive).length, 1, what)
  made.close()
  return slept
}

for (const options of [{}, { lifetime: 'lastClose' }, { participantBytes: 4096, commit: 8192 }]) {
  test(`a creator killed at any step leaves a whole segment or none (${JSON.stringify(options)})`, async () => {
    await using crew = new Crew()
    const whole = await crew
      .start('create-and-die', [crew.name(), -1, options])
      .hear<{ made: number; created: boolean }>()
    assert.equal(whole.created, true)
    assert.ok(whole.made > 30, `${whole.made} steps`)
    let longest = 0
    let died = 0
    const dieAt = async (n: number): Promise<void> => {
      const name = crew.name()
      const creator = crew.start('create-and-die', [name, n, options])
      const { signal } = await watched(creator.ended, `step ${n}`)
      if (signal !== 'SIGKILL') return
      died++
      longest = Math.max(longest, await assertRecovers(name, `killed before step ${n} of ${whole.made}`))
      Segment.unlink(name)
    }
    // Every step for the plain segment; every third for its variations, which differ in few.
    const stride = Object.keys(options).length === 0 ? 1 : 3
    const steps = Array.from({ length: Math.ceil(whole.made / stride) }, (_, i) => 1 + i * stride)
    const next = async (): Promise<void> => {
      for (let n = steps.shift(); n !== undefined; n = steps.shift()) await dieAt(n)
    }
    await Promise.all([next(), next(), next()])
    assert.equal(died, Math.ceil(whole.made / stride))
    console.log(`${died} kills; for the longest answer an opener slept ${longest.toFixed(0)} ms`)
    assert.ok(longest < 1000, `an opener slept ${longest} ms`)
  })
}

test('a creator killed while it remakes what another one left is no worse', async () => {
  await using crew = new Crew()
  const { below } = seeded('nested kills')
  for (let round = 0; round < 5; round++) {
    const name = crew.name()
    for (let depth = 0; depth < 3; depth++) {
      await watched(crew.start('create-and-die', [name, 4 + below(50), {}]).ended, 'the death of a creator')
    }
    await assertRecovers(name, `round ${round}`)
  }
})

test('of many that create at once exactly one makes it, and all see it whole', async () => {
  await using crew = new Crew()
  const actors = crew.startMany(6, 'create-on-command', ['', 'createOrOpen', {}]).map((actor) => actor)
  await Promise.all(actors.map((actor) => actor.end()))
  for (const how of ['createOrOpen', 'create'] as const) {
    const name = crew.name()
    const racers = crew.startMany(5, 'create-on-command', [name, how, {}])
    await Promise.all(racers.map((racer) => racer.hear('ready')))
    for (let round = 0; round < 25; round++) {
      for (const racer of racers) racer.tell('go')
      const results = await Promise.all(
        racers.map((racer) => racer.hear<{ created?: boolean; first?: number; code?: string }>()),
      )
      assert.equal(results.filter(({ created }) => created).length, 1, JSON.stringify(results))
      for (const { created, first, code } of results) {
        if (how === 'create') assert.ok(created || code === 'ERR_EXISTS', JSON.stringify(results))
        else assert.equal(first, PATTERN, JSON.stringify(results))
      }
      Segment.unlink(name)
      // Those who hold a handle close it; those who were refused wait for the next start.
      racers.forEach((racer, i) => {
        if (results[i]?.code === undefined) racer.tell('close')
      })
    }
  }
})

test('of many that create a lastClose segment at once and leave, nobody sees half of one', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const racers = crew.startMany(4, 'create-on-command', [name, 'createOrOpen', { lifetime: 'lastClose' }])
  await Promise.all(racers.map((racer) => racer.hear('ready')))
  const run = async (racer: Actor): Promise<void> => {
    for (let round = 0; round < 60; round++) {
      racer.tell('go')
      const { first, code } = await racer.hear<{ first?: number; code?: string }>()
      assert.deepEqual([first, code], [PATTERN, undefined])
      racer.tell('close')
    }
  }
  await Promise.all(racers.map(run))
  // The closes are on their way: when everybody has answered once more, they have happened.
  await Promise.all(
    racers.map(async (racer) => {
      racer.tell('go')
      await racer.hear()
    }),
  )
  await Promise.all(racers.map((racer) => racer.end()))
  await refuses('ERR_NOT_FOUND', () => Segment.open(name))
})

test('a stopped creator is waited for, then reported, and its segment is whole once it goes on', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const creator = crew.start('create-and-stop', [name])
  await creator.hear('half-way')
  await creator.stopped()
  assert.equal(inspectSegment(name)?.state, 'making')
  assert.equal(removeHalfMade(inspectSegment(name)!), false)
  const other = crew.start('try-segment', [name, {}])
  await refuses('ERR_BUSY', () => Segment.createOrOpen(name, patterned()), /5000 ms/)
  assert.equal(await other.hear(), 'ERR_BUSY')
  creator.kill('SIGCONT')
  await creator.hear('made')
  using segment = Segment.open(name)
  assertWhole(segment)
})

test('what a killed creator left is shown as half-made, and can be removed', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const creator = crew.start('create-and-stop', [name])
  await creator.hear('half-way')
  await creator.end()
  await refuses('ERR_NOT_FOUND', () => Segment.open(name), /creator died/)
  await refuses('ERR_NOT_FOUND', () => Segment.open(name, { readOnly: true }), /creator died/)
  const info = inspectSegment(name)
  assert.equal(info?.state, 'half-made')
  assert.equal(removeHalfMade(info), true)
  assert.equal(inspectSegment(name), undefined)
})
