// Random SIGKILLs for as many minutes as MEMLANE_SOAK_MINUTES says (default 1).

import { test } from 'node:test'
import { Crew, seeded } from '../testing/crew.js'
import { killRun } from './testing/kill-run.js'

const MINUTES = Number(process.env.MEMLANE_SOAK_MINUTES ?? 1)

test(`random SIGKILL for ${MINUTES} min`, async () => {
  const { below } = seeded('kills')
  await using crew = new Crew()
  const end = performance.now() + MINUTES * 60_000
  const { kills, acknowledged, blocks } = await killRun(crew, 4, below, () => performance.now() > end)
  console.log(`${kills} kills, ${acknowledged} acknowledged writes, none lost; ${blocks} blocks left`)
})
