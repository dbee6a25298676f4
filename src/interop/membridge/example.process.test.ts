// interop/membridge: examples/ring runs as its README says, on a small folder.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { listObjects } from '../../memory/index.js'
import { runtimeArgs } from '../../testing/runtime.js'

const folderOfExample = new URL('../../../examples/ring/', import.meta.url)

interface Counter {
  lines: number
  words: number
  bytes: number
  add(piece: Uint8Array, from: number, to: number, ends: boolean): void
}

function run(folder: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const main = fileURLToPath(new URL('main.mjs', folderOfExample))
    const child = spawn(process.execPath, [...runtimeArgs, main, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => (output += chunk))
    child.once('close', (code) => resolve({ code, output }))
  })
}

test('the example counts a folder through three processes and a kill, and ends with equal totals', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'memlane-ring-'))
  try {
    mkdirSync(join(folder, 'inner'))
    for (let i = 0; i < 30; i++) {
      const lines = Array.from({ length: 500 }, (_, k) => `line ${k} of file ${i}${' and on'.repeat((k * 7) % 11)} é`)
      writeFileSync(join(folder, i % 2 ? 'inner' : '', `${i}.txt`), lines.join('\n') + (i % 3 ? '\n' : ''))
    }
    writeFileSync(join(folder, 'long.txt'), `${'word '.repeat(60_000)}\nend`)
    writeFileSync(join(folder, 'binary'), Buffer.alloc(5000))
    writeFileSync(join(folder, 'empty.txt'), '')
    const { code, output } = await run(folder)
    assert.equal(code, 0, output)
    assert.match(output, /ended by SIGKILL/)
    assert.match(output, /\nequal\n/)
    assert.match(output, /31 text files/)
    assert.deepEqual(
      listObjects().filter((object) => object.startsWith(`memlane-ring-${process.env.MEMLANE_NAMESPACE}-`)),
      [],
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a folder that is not there, or has no text, is said to be so, with the command that was meant', async () => {
  const missing = await run('/nowhere/at/all')
  assert.deepEqual([missing.code, /Usage: node examples\/ring\/main\.mjs/.test(missing.output)], [2, true])
  const folder = mkdtempSync(join(tmpdir(), 'memlane-ring-'))
  const empty = await run(folder)
  assert.deepEqual([empty.code, /no text/.test(empty.output)], [2, true])
  rmSync(folder, { recursive: true })
})

test('counting in pieces is counting at once', async () => {
  const example = (await import(new URL('text.mjs', folderOfExample).href)) as { Counter: new () => Counter }
  const text = Buffer.from('one two\n\nthree  four\tfive\nsix')
  const once = new example.Counter()
  once.add(text, 0, text.length, true)
  assert.deepEqual([once.lines, once.words, once.bytes], [4, 6, text.length])
  for (let cut = 0; cut <= text.length; cut++) {
    const pieces = new example.Counter()
    pieces.add(text, 0, cut, false)
    pieces.add(text, cut, text.length, true)
    assert.deepEqual([pieces.lines, pieces.words], cut === text.length ? [3, 6] : [4, 6])
  }
})
