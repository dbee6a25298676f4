// demo: run as a user would, on a small folder.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runtimeArgs } from '../../testing/runtime.js'
import { Counter } from './text.js'

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

test('the demo counts a folder through three processes and a kill, and ends with equal totals', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memlane-demo-'))
  try {
    mkdirSync(join(folder, 'inner'))
    for (let i = 0; i < 30; i++) {
      const lines = Array.from({ length: 500 }, (_, k) => `line ${k} of file ${i}${' and on'.repeat((k * 7) % 11)} é`)
      writeFileSync(join(folder, i % 2 ? 'inner' : '', `${i}.txt`), lines.join('\n') + (i % 3 ? '\n' : ''))
    }
    writeFileSync(join(folder, 'long.txt'), `${'word '.repeat(60_000)}\nend`)
    writeFileSync(join(folder, 'binary'), Buffer.alloc(5000))
    writeFileSync(join(folder, 'empty.txt'), '')
    const { code, output } = await demo(folder)
    assert.equal(code, 0, output)
    assert.match(output, /ended by SIGKILL/)
    assert.match(output, /\nequal\n/)
    assert.match(output, /31 text files/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a folder that is not there, or has no text, is said to be so', async () => {
  const missing = await demo('/nowhere/at/all')
  assert.deepEqual([missing.code, /is no folder/.test(missing.output)], [2, true])
  const folder = mkdtempSync(join(tmpdir(), 'memlane-demo-'))
  const empty = await demo(folder)
  assert.deepEqual([empty.code, /no text/.test(empty.output)], [2, true])
  rmSync(folder, { recursive: true })
})

test('counting in pieces is counting at once', () => {
  const text = Buffer.from('one two\n\nthree  four\tfive\nsix')
  const once = new Counter()
  once.add(text, 0, text.length, true)
  assert.deepEqual([once.lines, once.words, once.bytes], [4, 6, text.length])
  for (let cut = 0; cut <= text.length; cut++) {
    const pieces = new Counter()
    pieces.add(text, 0, cut, false)
    pieces.add(text, cut, text.length, true)
    assert.deepEqual([pieces.lines, pieces.words], cut === text.length ? [3, 6] : [4, 6])
  }
})
