// segment: a hundred thousand lives. `npm run soak`, or `node scripts/test.mjs --soak open-close`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Belongings } from '../testing/children/ground-memory.js'
import { Crew } from '../testing/crew.js'
import { Segment } from './segment.js'

const TIMES = 100_000
const HOUR = 3_600_000

for (const how of ['open', 'create'] as const) {
  const what = how === 'open' ? 'opening and closing' : 'creating, closing and unlinking'
  test(`${what} 100,000 times leaves no descriptor, no mapping, no object and no memory behind`, {
    timeout: HOUR,
  }, async () => {
    await using crew = new Crew()
    const name = crew.name()
    using _kept = how === 'open' ? Segment.create(name, { kind: 'x', size: 65_536 }) : undefined
    // V8 doubles the room for young objects on the way, up to some limit: here it ends at once.
    const env = { NODE_OPTIONS: '--max-semi-space-size=1' }
    const child = crew.start('open-and-close', [name, TIMES, how], { env })
    await child.ended
    const samples = await child.hear<Belongings[]>()
    const mebibytes = samples.map(({ rss }) => (rss / 2 ** 20).toFixed(1))
    console.log(`${what}: resident MiB at every tenth ${mebibytes.join(' ')}`)
    for (const what of ['descriptors', 'mappings', 'objects'] as const)
      assert.deepEqual(new Set(samples.map((one) => one[what])), new Set([samples[0]![what]]), what)
    // A leak grows by as much in every tenth; the rest of the heap takes a step now and then.
    const steps = samples.slice(1).map(({ rss }, i) => rss - samples[i]!.rss)
    const usual = steps.sort((a, b) => a - b)[5]! / (TIMES / 10)
    assert.ok(usual < 64, `memory grew by ${usual.toFixed(0)} bytes each time`)
  })
}
