// Histories for as many minutes as MEMLANE_SOAK_MINUTES says (default 1), with and without kills.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Crew, seeded } from '../testing/crew.js'
import { checkRun } from './testing/linearizability-run.js'

const MINUTES = Number(process.env.MEMLANE_SOAK_MINUTES ?? 1)

describe(`histories for ${MINUTES} min`, () => {
  for (const kind of ['map', 'int', 'word', 'list'] as const) {
    test(kind, async () => {
      const { below } = seeded(`linearizability of ${kind}`)
      const end = performance.now() + (MINUTES * 60_000) / 4
      const sum = { made: 0, cut: 0, overlapping: 0 }
      for (let round = 0; performance.now() < end; round++) {
        await using crew = new Crew()
        const kills = round % 3
        const result = await checkRun(crew, { kind, processes: 3, times: 500, kills, seed: below(2 ** 30) })
        for (const name of ['made', 'cut', 'overlapping'] as const) sum[name] += result[name]
      }
      assert.ok(sum.overlapping > 0)
      console.log(
        `${kind}: ${sum.made} operations, ${sum.overlapping} overlapping, ${sum.cut} cut off by SIGKILL, all in order`,
      )
    })
  }
})
