// sync: the long runs. `npm run soak`, or `node scripts/test.mjs --soak locks`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Side } from '../testing/children/ground-sync.js'
import { Crew } from '../testing/crew.js'
import { handOvers, report, takeOvers } from '../testing/locks.js'

const HOUR = 3_600_000

test('a million hand-overs between four processes with random parks lose nothing', { timeout: HOUR }, async () => {
  await using crew = new Crew()
  await handOvers(crew, 1_000_000, 0.002, HOUR)
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
