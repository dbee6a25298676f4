// demo: run as a user would, on a small folder.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runtimeArgs } from '../../testing/runtime.js'
import { countWords, top } from './count.js'

const main = fileURLToPath(new URL('./main.js', import.meta.url))

function demo(folder: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...runtimeArgs, main, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => (output += chunk))
    child.once('close', (code) => resolve({ code, output }))
  })
}

test('four processes count a folder, one is killed, and the map equals a single-process count', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memlane-demo-'))
  try {
    mkdirSync(join(folder, 'inner'))
    for (let i = 0; i < 60; i++) {
      const words = Array.from(
        { length: 4000 },
        (_, k) => `common word${String.fromCharCode(97 + ((i * 7 + k) % 26))} ünï ${i}`,
      )
      writeFileSync(join(folder, i % 2 ? 'inner' : '', `${i}.txt`), words.join(k(i)))
    }
    const { code, output } = await demo(folder)
    assert.equal(code, 0, output)
    assert.match(output, /ended by SIGKILL half-way; 1 of its files taken over/)
    assert.match(output, /\nequal\n/)
    assert.match(output, /60 text files/)
    assert.match(output, /common +240000/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const k = (i: number): string => (i % 3 ? '\n' : ' - ')

test('a folder that is not there is said to be so', async () => {
  const missing = await demo('/nowhere/at/all')
  assert.deepEqual([missing.code, /is no folder/.test(missing.output)], [2, true])
})

test('words are letters of any script; the top is in order', () => {
  const counts = new Map<string, number>()
  assert.equal(countWords("Don't über_all 42 ÜBER ok", counts), 6)
  assert.deepEqual(top(counts, 3), [
    ['über', 2],
    ['all', 1],
    ['don', 1],
  ])
})
