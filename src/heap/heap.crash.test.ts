// heap: a sample of the crash suite. `npm run test:crash` runs all of it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

test('whoever dies at whichever store, survivors find the state before or after', (t) => {
  const script = join(
    import.meta.dirname ?? new URL('.', import.meta.url).pathname,
    '..',
    '..',
    'scripts',
    'test-crash.mjs',
  )
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--sample'], { encoding: 'utf8' })
  for (const line of stdout.trim().split('\n')) t.diagnostic(line)
  assert.equal(status, 0, stdout + stderr)
})
