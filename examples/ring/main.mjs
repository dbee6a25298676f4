// Real input, real processes, real shared memory:   node main.mjs [folder]
//
//   producer ──ring──▶ consumer ──view──▶ this process, which draws
//
// Half-way the producer is killed with SIGKILL and started again. At the end the totals must equal those of a count in
// a single process; the exit code says whether they did. The bytes are those of the Python package membridge, so
// either side could be a Python program.

import { spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SharedMemory } from 'memlane/membridge'
import { megabytes, Screen } from './screen.mjs'
import { countAll, textFiles } from './text.mjs'
import { RING_SIZE, readTotals, VIEW_SIZE } from './wire.mjs'

/** Bytes of text at most: some seconds. */
const MOST = 400_000_000
/** Milliseconds between looks at the totals. */
const FRAME = 20

const beside = (file) => fileURLToPath(new URL(file, import.meta.url))
const folder = resolve(process.argv[2] ?? beside('../../node_modules'))
if (!existsSync(folder) || !statSync(folder).isDirectory()) {
  console.error(`${folder} is no folder. Usage: node examples/ring/main.mjs [folder with text files]`)
  process.exit(2)
}
const files = textFiles(folder, MOST)
const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
if (total === 0) {
  console.error(`there is no text below ${folder}`)
  process.exit(2)
}

const unique = `${process.env.MEMLANE_NAMESPACE ?? ''}-${process.pid}-${Date.now().toString(36)}`
const ringName = `/memlane-ring-${unique}-ring`
const viewName = `/memlane-ring-${unique}-view`
const children = new Set()

/** Starts a program; `ended` resolves with how it ended. */
function start(program, ...args) {
  const child = spawn(process.execPath, [beside(program), ...args.map(String)], { stdio: 'inherit' })
  children.add(child)
  const ended = new Promise((done) => {
    child.once('exit', (code, signal) => {
      children.delete(child)
      done(signal ?? code)
    })
  })
  return { pid: child.pid, child, ended }
}

function cleanUp() {
  for (const child of children) child.kill('SIGKILL')
  SharedMemory.remove(ringName)
  SharedMemory.remove(viewName)
}
process.once('SIGINT', () => {
  cleanUp()
  process.exit(130)
})

/** Runs it all. Gives the exit code. */
async function run() {
  const ring = SharedMemory.create(ringName, RING_SIZE).spsc()
  const view = SharedMemory.create(viewName, VIEW_SIZE).map({ timeout: 60_000 })
  if (!ring.isInitialized) return 1

  const screen = new Screen(total)
  screen.say(`${files.length} text files, ${megabytes(total)}, below ${folder}`)
  const began = performance.now()
  const consumer = start('consumer.mjs', ringName, viewName)
  let producer = start('producer.mjs', ringName, viewName, folder, MOST, Math.ceil(total * 0.75))
  screen.say(`producer ${producer.pid} ──ring──▶ consumer ${consumer.pid} ──view──▶ this process ${process.pid}`)
  let ended
  consumer.ended.then((how) => {
    ended = how
  })
  for (let killed = false; ended === undefined; await new Promise((next) => setTimeout(next, FRAME))) {
    const totals = readTotals(view)
    screen.progress(totals)
    if (!killed && totals.bytes * 2 >= total) {
      killed = true
      producer.child.kill('SIGKILL')
      const how = await producer.ended
      const found = readTotals(view)
      screen.say(`producer ${producer.pid} ended by ${how} after ${found.next} acknowledged messages`)
      producer = start('producer.mjs', ringName, viewName, folder, MOST)
      screen.say(`producer ${producer.pid} goes on from there`)
    } else if (producer.child.exitCode !== null && producer.child.exitCode !== 0) {
      screen.say(`producer ${producer.pid} ended with ${producer.child.exitCode}`)
      return 1
    }
  }
  const seconds = (performance.now() - began) / 1000
  const totals = readTotals(view)
  screen.progress(totals, true)
  screen.say('')
  if (ended !== 0 || !totals.done) {
    screen.say(`consumer ${consumer.pid} ended with ${ended}`)
    return 1
  }
  await producer.ended
  const rate = megabytes(totals.bytes / seconds)
  screen.say(`${totals.next} messages, ${megabytes(totals.bytes)} in ${seconds.toFixed(1)} s (${rate}/s, the kill and`)
  screen.say(`two starts included); ${totals.repeats} came twice and were dropped`)
  const single = countAll(files)
  screen.say('                     lines        words        bytes')
  for (const [who, count] of Object.entries({ 'three processes': totals, 'one process': single })) {
    const numbers = [count.lines, count.words, count.bytes].map((n) => String(n).padStart(12))
    screen.say(`${who.padEnd(15)} ${numbers.join(' ')}`)
  }
  const same = single.lines === totals.lines && single.words === totals.words && single.bytes === totals.bytes
  screen.say(same ? 'equal' : 'NOT EQUAL')
  return same ? 0 : 1
}

try {
  process.exitCode = await run()
} finally {
  cleanUp()
}
