// sync: threads that wait for each other in a circle. One of them is told, and then the others go on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkWaits } from '../cli/findings.js'
import { listSegments } from '../segment/index.js'
import { openSide, type Side } from '../testing/children/ground-sync.js'
import { type Actor, Crew, until } from '../testing/crew.js'
import { Mutex } from './index.js'
import { allWaits, circlesOf, type Waits } from './wait-graph.js'

type Part = [Side, string]

/** Starts a process for each pair: it holds the one and wants the other. Once all hold, all want. */
async function circle(crew: Crew, pairs: readonly [Part, Part][]): Promise<Actor[]> {
  const actors = pairs.map(([has, wants]) => crew.start('hold-and-want', [has, wants]))
  for (const actor of actors) await actor.hear('holds')
  for (const actor of actors) actor.tell('now')
  return actors
}

/** What each said; exactly one was told of the deadlock. */
async function endings(actors: readonly Actor[]): Promise<{ message: string; told: Actor }> {
  const said = await Promise.all(actors.map((actor) => actor.hear<{ code?: string; message: string } | 'got it'>()))
  const told = said.filter((one) => one !== 'got it')
  assert.deepEqual(
    told.map(({ code }) => code),
    ['ERR_DEADLOCK'],
    JSON.stringify(said),
  )
  return { message: told[0]!.message, told: actors[said.indexOf(told[0]!)]! }
}

for (const [first, second] of [
  ['mutex', 'mutex'],
  ['mutex', 'write'],
  ['write', 'read'],
  ['read', 'write'],
  ['permit', 'mutex'],
] as [Side, Side][]) {
  test(`two processes that wait for each other's ${first} and ${second}: one gets ERR_DEADLOCK, the other the lock`, async () => {
    await using crew = new Crew()
    const [a, b] = [crew.name('a'), crew.name('b')]
    const contrary = (side: Side): Side => (side === 'read' ? 'write' : side)
    const actors = await circle(crew, [
      [
        [first, a],
        [contrary(second), b],
      ],
      [
        [second, b],
        [contrary(first), a],
      ],
    ])
    const { message } = await endings(actors)
    for (const { pid } of actors) assert.match(message, new RegExp(`pid ${pid} waits for`))
  })
}

test('a circle of four processes is found, by locks of which each has opened two', async () => {
  await using crew = new Crew()
  const names = [0, 1, 2, 3].map((i) => crew.name(`c${i}`))
  const pairs = names.map((name, i): [Part, Part] => [
    ['mutex', name],
    ['mutex', names[(i + 1) % 4]!],
  ])
  const { message } = await endings(await circle(crew, pairs))
  assert.equal(message.split(' waits for ').length, 5, message)
})

test('a chain is no circle: it waits as long as it must', async () => {
  await using crew = new Crew()
  const [a, b] = [crew.name('a'), crew.name('b')]
  using last = Mutex.open(b)
  const guard = last.acquire()
  const [waiter] = await circle(crew, [
    [
      ['mutex', a],
      ['mutex', b],
    ],
  ])
  const outsider = crew.start('queue', ['mutex', a, true])
  await outsider.hear('waiting')
  // Long enough for several looks at who waits for whom.
  await until(
    () => allWaits().some(({ wait, waiter: { pid } }) => pid === waiter!.pid && Date.now() - wait.sinceMs > 900),
    'it has waited',
  )
  assert.deepEqual(circlesOf(allWaits()), [])
  guard.release()
  await waiter!.hear('got it')
  await outsider.hear({ recovered: false })
})

test('a holder that awaits is in no circle, as its thread may release what it holds', async () => {
  await using crew = new Crew()
  const [a, b] = [crew.name('a'), crew.name('b')]
  using mine = Mutex.open(a)
  const other = openSide('mutex', b)
  const guard = mine.acquire()
  const [peer] = await circle(crew, [
    [
      ['mutex', b],
      ['mutex', a],
    ],
  ])
  const waiting = other.holdAsync({ timeout: 60_000 })
  await until(
    () => allWaits().some(({ wait, waiter: { pid } }) => pid === peer!.pid && Date.now() - wait.sinceMs > 900),
    'it has waited',
  )
  guard.release()
  await peer!.hear('got it')
  ;(await waiting).release()
  other.close()
})

test('two handles of one thread, one reading and one that wants to write, are a circle of one', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const [reader, writer] = [openSide('read', name), openSide('write', name)]
  const guard = reader.hold()
  assert.throws(() => writer.hold(), { code: 'ERR_DEADLOCK' })
  guard.release()
  writer.hold({ timeout: 30_000 }).release()
  reader.close()
  writer.close()
})

test('doctor shows who waits for whom, and a circle whose members are stopped before one of them is told', async () => {
  for (let shown = false; !shown; ) {
    await using crew = new Crew()
    const [a, b] = [crew.name('a'), crew.name('b')]
    const actors = await circle(crew, [
      [
        ['mutex', a],
        ['mutex', b],
      ],
      [
        ['mutex', b],
        ['mutex', a],
      ],
    ])
    const mine = (): Waits[] => allWaits().filter(({ segment }) => segment === a || segment === b)
    let over = false
    for (const actor of actors)
      actor.hear().then(
        () => (over = true),
        () => {},
      )
    await until(() => over || mine().length === 2, 'both wait')
    for (const actor of actors) await actor.stop()
    // One of them may have been told just before it was stopped; then there is no circle to show.
    if (mine().length < 2) continue
    const found = checkWaits(listSegments().filter(({ name }) => name === a || name === b))
    assert.deepEqual(
      found.map(({ what, severity }) => [what, severity]),
      [['waits-in-a-circle', 'problem']],
    )
    for (const { pid } of actors) assert.match(found[0]!.message, new RegExp(`pid ${pid} waits for`))
    shown = true
  }
})

test('doctor notes who waits for whom without a circle', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  const guard = mutex.acquire()
  const waiter = crew.start('queue', ['mutex', name, true])
  await until(() => allWaits().some((one) => one.waiter.pid === waiter.pid), 'it waits')
  const found = checkWaits(listSegments().filter((info) => info.name === name))
  assert.deepEqual(
    found.map(({ what, severity }) => [what, severity]),
    [['waits', 'note']],
  )
  assert.match(found[0]!.message, new RegExp(`^pid ${waiter.pid} has waited .* for pid ${process.pid}$`))
  guard.release()
  await waiter.hear('waiting')
  await waiter.hear({ recovered: false })
})
