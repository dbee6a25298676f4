import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Crew, seeded } from '../testing/crew.js'
import { checkRun } from './testing/linearizability-run.js'

describe('recorded histories of three processes are linearizable', () => {
  for (const kind of ['map', 'int', 'word', 'list'] as const) {
    test(kind, async () => {
      const { seed } = seeded(`linearizability of ${kind}`)
      await using crew = new Crew()
      const [made, cut] = await checkRun(crew, { kind, processes: 3, times: 300, kills: 0, seed })
      assert.deepEqual([made, cut], [900, 0])
    })

    test(`${kind}, with one of them killed`, async () => {
      const { seed } = seeded(`linearizability of ${kind} with a kill`)
      await using crew = new Crew()
      const [made] = await checkRun(crew, { kind, processes: 3, times: 300, kills: 1, seed })
      assert.ok(made >= 600)
    })
  }
})
