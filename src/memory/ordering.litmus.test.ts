// memory: what two processes may see of each other's accesses, with the very accesses that `Memory` offers. Run on every
// runtime by `npm run test:litmus`; a JIT that merges, moves or forgets a plain access is found here.
//
// MEMLANE_LITMUS_SECONDS sets how long each shape runs (default 1).

import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { type Shape, shapes } from '../testing/children/ground-litmus.js'
import { Crew, watched } from '../testing/crew.js'
import { runtimeLabel } from '../testing/runtime.js'
import { FENCED, PLAIN_VERSIONS } from './ordering.js'
import { ShmObject } from './shm.js'

const SECONDS = Number(process.env.MEMLANE_LITMUS_SECONDS ?? 1)
/** How long chance is given to show something, in milliseconds. */
const PATIENCE = 100_000
const LONG_PATIENCE = 240_000

interface Outcome {
  readonly rounds: number
  readonly wrong: number
  readonly seen: number
}

async function run(shape: Shape, seconds: number): Promise<Outcome[]> {
  await using crew = new Crew()
  const name = crew.object()
  using object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(65_536)
  object.commit(0, 65_536)
  const sides = [0, 1].map((side) => crew.start('litmus', [shape, name, side, seconds * 1000]))
  for (const side of sides) await side.hear('ready')
  for (const side of sides) side.tell('go')
  return await watched(Promise.all(sides.map((side) => side.hear<Outcome>())), shape, 60_000 + seconds * 4000)
}

/** Two that take turns on one processor see all of each other's stores: nothing is broken there. */
const oneProcessor: string | false =
  availableParallelism() === 1 && 'there is one processor, whose own stores are never late'

/** Seconds of a look: each is longer than the one before, up to a limit. */
const lookOf = (attempt: number): number => Math.min(SECONDS * (attempt + 1), Math.max(SECONDS, 20))

const text = (outcomes: Outcome[]): string =>
  outcomes.map(({ rounds, wrong, seen }) => `${rounds} rounds, ${seen} changes seen, ${wrong} wrong`).join('; ')

console.log(
  `${runtimeLabel} on ${process.arch}: versions are ${PLAIN_VERSIONS ? 'plain' : 'atomic'}, ${FENCED ? 'with' : 'without'} fences`,
)

for (const [shape, { promise, broken }] of Object.entries(shapes)) {
  if (broken) {
    test(`self-check: ${promise} is caught`, { skip: shape === 'sbBroken' && oneProcessor }, async () => {
      // Chance decides when it shows: seldom, where other programs want the processors too.
      const end = performance.now() + LONG_PATIENCE
      for (let attempt = 0; performance.now() < end; attempt++) {
        const outcomes = await run(shape as Shape, lookOf(attempt))
        if (outcomes.some(({ wrong }) => wrong > 0)) return
      }
      assert.fail('the broken variant looked right: this suite would not find a real fault')
    })
  } else {
    test(promise, async () => {
      let [rounds, seen] = [0, 0]
      // Where other programs want the processors too, the two sides seldom meet: longer looks make up for it.
      const end = performance.now() + PATIENCE
      for (let attempt = 0; performance.now() < end && (rounds < 200 || seen < 20); attempt++) {
        const outcomes = await run(shape as Shape, lookOf(attempt))
        console.log(`${shape}: ${text(outcomes)}`)
        for (const { wrong } of outcomes) assert.equal(wrong, 0, text(outcomes))
        rounds += Math.min(...outcomes.map((one) => one.rounds))
        seen += Math.max(...outcomes.map((one) => one.seen))
      }
      assert.ok(rounds >= 200 && seen >= 20, `too little was seen to say anything: ${rounds} rounds, ${seen} changes`)
    })
  }
}
