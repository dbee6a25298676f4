// sync: the long runs. `npm run soak`, or `node scripts/test.mjs --soak locks`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Side } from '../testing/children/ground-sync.js'
import { Crew, seeded } from '../testing/crew.js'
import { report, takeOvers, together } from '../testing/locks.js'
import { Mutex } from './mutex.js'

const HOUR = 3_600_000

test('a million hand-overs between four processes with random parks lose nothing', { timeout: HOUR }, async () => {
  await using crew = new Crew()
  const name = crew.name()
  const { seed } = seeded('a million hand-overs')
  using mutex = Mutex.open(name)
  const start = performance.now()
  const actors = [0, 1, 2, 3].map((i) => crew.start('hand-over', [name, 250_000, seed + i, 0.002]))
  const results = await together<{ recovered: number }>(actors, HOUR)
  const seconds = (performance.now() - start) / 1000
  console.log(`${(1e6 / seconds).toFixed(0)} hand-overs a second`)
  assert.equal(mutex.segment.memory.load(mutex.segment.body / 4 + 64), 1_000_000)
  assert.ok(results.every(({ recovered }) => recovered === 0))
})

for (const [side, processes, rounds] of [
  ['mutex', 1, 40],
  ['mutex', 10, 30],
  ['mutex', 100, 15],
] as [Side, number, number][]) {
  for (const blocking of [true, false]) {
    test(`a killed holder is followed by one of ${processes} ${blocking ? 'blocking' : 'awaiting'} processes`, {
      timeout: HOUR,
    }, async () => {
      await using crew = new Crew()
      const times = await takeOvers(crew, side, processes, 1, blocking, rounds)
      report(`${processes} ${blocking ? 'blocking' : 'awaiting'} waiters`, times)
      const median = times[times.length >> 1] as number
      assert.ok(median < 10, `the median take-over took ${median} ms`)
    })
  }
}
