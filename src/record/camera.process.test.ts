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
import { killed } from '../testing/crew.js'
import { findPython } from '../testing/python.js'
import { runtimeArgs } from '../testing/runtime.js'
import { send } from '../testing/signals.js'
import { array, f64, i32, RecordType, record, str } from './index.js'

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

test('a camera that was killed leaves its last frame, and the next one goes on from there', async () => {
  const first = spawn(process.execPath, [...runtimeArgs, join(folder, 'writer.mjs'), name, '--flexible'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(first)
  await once(first.stdout!, 'data')
  const Camera = record({ frame: i32(), sent: f64(), label: str(32), image: array('u8', [480, 640, 3]) })
  using reader = Camera.open(name)
  while ((await reader.next())!.frame.value < 3);
  await killed(first)
  running.delete(first)
  const last = reader.read()!.frame.value
  const next = example('writer.mjs', '3', '--flexible')
  assert.match(await next.ended, /stopped/)
  assert.equal(reader.read()!.frame.value, last + 3)
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

test('memlane watch lets no record move the cursor or colour the screen', async () => {
  const Odd = record({ 'a\u001b[31m': str(20) })
  const odd = `${name}-odd`
  using out = Odd.create(odd)
  try {
    out.write({ 'a\u001b[31m': 'x\u001b[2J\u009b31m\u202e\ny' })
    const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url))
    const shown = await run(process.execPath, [...runtimeArgs, cli, 'watch', odd, '--count', '1']).ended
    assert.equal(shown, '#1 a\\x1b[31m="x\\u001b[2J\\x9b31m\\u202e\\ny"\n')
  } finally {
    Odd.unlink(odd)
  }
})
