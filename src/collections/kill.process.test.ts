import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew, seeded } from '../testing/crew.js'
import { killRun } from './testing/kill-run.js'

test('nothing acknowledged is lost and nothing half visible, with writers and readers killed at random', async () => {
  const { below } = seeded('kills')
  await using crew = new Crew()
  const { kills, acknowledged } = await killRun(crew, 3, below, (so) => so >= 12)
  assert.equal(kills, 12)
  assert.ok(acknowledged > 0)
})
