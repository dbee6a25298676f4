// testing: what several tests of locks do with their processes.

import assert from 'node:assert/strict'
import { Mutex } from '../sync/index.js'
import { allowed, handOverWords, type Side, type Turn, wasAway } from './children/ground-sync.js'
import { type Actor, type Crew, seeded, watched } from './crew.js'

interface Hold {
  readonly recovered: boolean
  readonly at: number
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** The next thing said that is not `word`. */
async function hearHold(actor: Actor): Promise<Hold> {
  for (;;) {
    const said = await actor.hear<Hold | string>()
    if (typeof said !== 'string') return said
  }
}

/** Kills a holder while so many wait, several times. @returns milliseconds from each kill to the next holder. */
export async function takeOvers(
  crew: Crew,
  side: Side,
  processes: number,
  handles: number,
  blocking: boolean,
  rounds: number,
): Promise<number[]> {
  const name = crew.name()
  const holding: Side = side === 'read' ? 'write' : side
  const waiters = crew.startMany(processes, 'take-turns', [side, name, handles, blocking])
  await Promise.all(waiters.map((waiter) => waiter.hear('ready')))
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const holder = crew.start('hold', [holding, name])
    await holder.hear({ recovered: false })
    for (const waiter of waiters) waiter.tell('go')
    // A blocking waiter cannot say more than one is about to wait.
    for (const waiter of waiters) for (let i = 0; i < (blocking ? 1 : handles); i++) await waiter.hear('waiting')
    const killed = now()
    await holder.end()
    const turns = (
      await Promise.all(
        waiters.map(async (waiter) => {
          const mine: Hold[] = []
          while (mine.length < handles) mine.push(await hearHold(waiter))
          await waiter.hear('ready')
          return mine
        }),
      )
    ).flat()
    assert.equal(turns.filter(({ recovered }) => recovered).length, 1, JSON.stringify(turns))
    const first = turns.reduce((a, b) => (a.at < b.at ? a : b))
    if (side !== 'read') assert.equal(first.recovered, true)
    times.push(first.at - killed)
  }
  await Promise.all(waiters.map((waiter) => waiter.end()))
  return times.sort((a, b) => a - b)
}

export function report(what: string, times: number[]): void {
  console.log(
    `${what}: median ${times[times.length >> 1]?.toFixed(2)} ms, longest ${times.at(-1)?.toFixed(2)} ms, ${times.length} kills`,
  )
}

const LONG = 250_000

/** Starts them all at one moment, and hears each out. */
export async function together<T>(actors: Actor[], limit: number = LONG): Promise<T[]> {
  for (const actor of actors) await actor.hear('ready')
  for (const actor of actors) actor.tell('go')
  return await watched(Promise.all(actors.map((actor) => actor.hear<T>())), 'all to finish', limit)
}

/** A mutex goes so often from one of four processes to another. Nothing is lost, nobody is inside together. */
export async function handOvers(crew: Crew, target: number, howOften: number, limit?: number): Promise<void> {
  const name = crew.name()
  const { seed } = seeded(`${target} hand-overs`)
  using mutex = Mutex.open(name)
  const { memory } = mutex.segment
  const actors = [0, 1, 2, 3].map((i) => crew.start('hand-over', [name, target, seed + i, howOften]))
  const start = performance.now()
  const results = await together<{ recovered: number; taken: number }>(actors, limit)
  const seconds = (performance.now() - start) / 1000
  const words = handOverWords(mutex)
  const taken = results.reduce((sum, one) => sum + one.taken, 0)
  console.log(`${memory.load(words.handOvers)} hand-overs, taken ${taken} times, in ${seconds.toFixed(1)} s`)
  assert.ok(memory.load(words.handOvers) >= target)
  assert.equal(memory.load(words.taken), taken)
  assert.ok(results.every(({ recovered }) => recovered === 0))
  assert.equal(mutex.isLocked, false)
}

/** What 'take-turn' said of turns to read: nobody was passed by more than the lock allows. */
export function assertReadersPassedByOne(turns: readonly Turn[]): void {
  const told = turns.filter((turn) => !wasAway(turn))
  const spread = told.map(({ passed }) => passed).sort((a, b) => a - b)
  console.log(
    `writes between a reader's queueing and its turn: median ${spread[spread.length >> 1]}, most ${spread.at(-1)}; in ${turns.length - told.length} of ${turns.length} turns it was away`,
  )
  const unfair = told.filter((turn) => turn.passed > allowed(turn))
  assert.deepEqual(unfair, [])
}

/** What 'take-turn' said of turns to write: nobody was passed by more than were on their way in. */
export function assertWritersPassedBy(most: number, turns: readonly Turn[]): void {
  const spread = turns.map(({ passed }) => passed).sort((a, b) => a - b)
  console.log(
    `reads between a writer's queueing and its turn: median ${spread[spread.length >> 1]}, most ${spread.at(-1)}`,
  )
  assert.ok(spread.at(-1)! <= most, `${spread}`)
}
