// record: examples/camera runs as its README says.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FlexibleMemory } from '../interop/flexible/index.js'
import { findPython } from '../testing/python.js'
import { runtimeArgs } from '../testing/runtime.js'
import { send } from '../testing/signals.js'
import { f64, RecordType, record, str } from './index.js'

const folder = resolve(fileURLToPath(new URL('../../examples/camera', import.meta.url)))
const frames = mkdtempSync(join(tmpdir(), 'memlane-camera-'))
const name = `camera-${process.pid}`
const Gauge = record({ level: f64(), label: str(8) })
const running = new Set<ChildProcess>()

function run(
  command: string,
  args: string[],
): { child: ChildProcess; firstWords: Promise<unknown>; ended: Promise<string> } {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  let output = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    assert.equal(code, 0, output)
    return output
  })
  return { child, firstWords: once(child.stdout!, 'data'), ended }
}
const example = (file: string, ...args: string[]): ReturnType<typeof run> =>
  run(process.execPath, [...runtimeArgs, join(folder, file), name, ...args])

after(() => {
  for (const child of running) send(child)
  rmSync(frames, { recursive: true })
  new RecordType({}).unlink(name)
  FlexibleMemory.unlink(`${name}_py`)
})

test('a camera at 60 Hz, a reader that checks every frame, one that writes PNGs, and one in Python', async (t) => {
  const writer = example('writer.mjs', '--flexible')
  await writer.firstWords
  const { python, skip } = findPython('mmap')
  const readers = [example('latency.mjs', '30'), example('png.mjs', '2', frames)]
  if (skip === false) readers.push(run(python!, [join(folder, 'reader.py'), name, '20']))
  else t.diagnostic(skip)
  const [latency, png, inPython] = await Promise.all(readers.map((reader) => reader.ended))
  assert.match(latency!, /^30 frames, \d+ missed, 0 torn; age in ms: p50 /)
  assert.match(png!, /wrote /)
  if (inPython !== undefined) assert.match(inPython, /^20 frames by \w+, 0 torn/)
  const files = readdirSync(frames)
  assert.equal(files.length, 2)
  for (const file of files) assert.equal(readFileSync(join(frames, file)).toString('latin1', 1, 4), 'PNG')
  send(writer.child, 'SIGINT')
  assert.match(await writer.ended, /stopped/)
})

test('memlane watch shows a record as it changes, and one field of it', async () => {
  const out = Gauge.createOrOpen(name)
  out.write({ level: 0.5, label: 'start' })
  const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url))
  const watching = [[], ['level', '--json']].map((more) =>
    run(process.execPath, [...runtimeArgs, cli, 'watch', name, ...more, '--count', '2']),
  )
  const writing = setInterval(() => out.write({ level: Math.random() }), 20)
  try {
    const [all, level] = await Promise.all(watching.map(({ ended }) => ended))
    assert.match(all!, /^#\d+ .*level=[\d.]+/)
    assert.equal(all!.trim().split('\n').length, 2)
    assert.equal((JSON.parse(level!.split('\n')[0]!) as { fields: { name: string }[] }).fields[0]!.name, 'level')
  } finally {
    clearInterval(writing)
    out.close()
    Gauge.unlink(name)
  }
})
