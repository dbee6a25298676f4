// host: nothing depends on the globals that test runners replace and simulated browsers lack.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Segment } from './segment/index.js'
import { Crew } from './testing/crew.js'
import { runtimeArgs } from './testing/runtime.js'

const child = fileURLToPath(new URL('testing/children/replaced-globals.js', import.meta.url))

for (const [mode, what] of [
  ['late', 'after the package was loaded'],
  ['early', 'before the package was loaded'],
] as const) {
  test(`waits of every room end when clocks and timers were replaced ${what}`, async () => {
    await using crew = new Crew()
    const prefix = crew.name(mode)
    try {
      const { status, stdout, stderr } = spawnSync(process.execPath, [...runtimeArgs, child, mode, prefix], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      assert.equal(status, 0, `after ${stdout}\n${stderr}`)
      assert.match(stdout, /^all$/m)
    } finally {
      for (const file of readdirSync('/dev/shm')) {
        const name = file.split(':')[2]
        if (name?.startsWith(prefix)) Segment.unlink(name)
      }
    }
  })
}
