import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Crew, seeded } from '../testing/crew.js'
import { checkRun, type Outcome, type Run } from './testing/linearizability-run.js'

describe('recorded histories of three processes are linearizable', () => {
  for (const kind of ['map', 'int', 'word', 'list'] as const) {
    test(kind, async () => {
      const { seed } = seeded(`linearizability of ${kind}`)
      const { made, cut } = await overlapping({ kind, processes: 3, times: 300, kills: 0, seed })
      assert.deepEqual([made, cut], [900, 0])
    })

    test(`${kind}, with one of them killed`, async () => {
      const { seed } = seeded(`linearizability of ${kind} with a kill`)
      const { made } = await overlapping({ kind, processes: 3, times: 300, kills: 1, seed })
      assert.ok(made >= 600)
    })
  }
})

/** On a busy machine the processes may run one after another, which shows nothing: then again. */
async function overlapping(run: Run): Promise<Outcome> {
  for (let attempt = 0; ; attempt++) {
    await using crew = new Crew()
    const outcome = await checkRun(crew, { ...run, seed: run.seed + attempt })
    if (outcome.overlapping > 0 || attempt === 9) return outcome
  }
}
