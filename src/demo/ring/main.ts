// demo: `npm run demo [-- folder]`. Real input, real processes, real shared memory:
//
//   producer ──ring──▶ consumer ──view──▶ this process, which draws
//
// Half-way the producer is killed with SIGKILL and started again. At the end the totals must equal those of a count in
// a single process; the exit code says whether they did. The bytes are those of the Python package membridge, so
// either side could be a Python program.

import type { ChildProcess } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SharedMemory } from '../../interop/membridge/index.js'
import { formatSize } from '../../sizes.js'
import { end, filesOf, start } from '../folder.js'
import { Screen } from './screen.js'
import { countAll } from './text.js'
import { RING_SIZE, readTotals, VIEW_SIZE } from './wire.js'

/** Bytes of text at most: some seconds. */
const MOST = 400_000_000
/** Milliseconds between looks at the totals. */
const FRAME = 20

const here = dirname(fileURLToPath(import.meta.url))
const folder = resolve(process.argv[2] ?? join(here, '..', '..', '..', 'node_modules'))

async function run(): Promise<number> {
  const found = filesOf(folder, MOST)
  if (found === undefined) return 2
  const { files, total } = found
  const unique = `${process.pid}-${Date.now().toString(36)}`
  const ringName = `/memlane-demo-${process.env.MEMLANE_NAMESPACE ?? ''}-${unique}-ring`
  const viewName = `/memlane-demo-${process.env.MEMLANE_NAMESPACE ?? ''}-${unique}-view`
  const children = new Set<ChildProcess>()
  const child = (program: string, ...args: (string | number)[]): ChildProcess => {
    const started = start(join(here, program), ...args)
    children.add(started)
    started.once('exit', () => children.delete(started))
    return started
  }
  const cleanUp = (): void => {
    for (const one of children) one.kill('SIGKILL')
    SharedMemory.remove(ringName)
    SharedMemory.remove(viewName)
  }
  process.once('SIGINT', () => {
    cleanUp()
    process.exit(130)
  })
  try {
    using ring = SharedMemory.create(ringName, RING_SIZE).spsc()
    using view = SharedMemory.create(viewName, VIEW_SIZE).map({ timeout: 10_000 })
    if (!ring.isInitialized) return 1

    const screen = new Screen(total)
    screen.say(`${files.length} text files, ${formatSize(total)}, below ${folder}`)
    const began = performance.now()
    const consumer = child('consumer.js', ringName, viewName)
    const consumed = end(consumer)
    let producer = child('producer.js', ringName, viewName, folder, MOST, Math.ceil(total * 0.75))
    screen.say(`producer ${producer.pid} ──ring──▶ consumer ${consumer.pid} ──view──▶ this process ${process.pid}`)
    let produced = end(producer)
    let ended: number | NodeJS.Signals | null | undefined
    void consumed.then((how) => {
      ended = how
    })
    for (let killed = false; ended === undefined; await new Promise((next) => setTimeout(next, FRAME))) {
      const totals = readTotals(view)
      screen.progress(totals)
      if (!killed && totals.bytes * 2 >= total) {
        killed = true
        producer.kill('SIGKILL')
        const how = await produced
        const found = readTotals(view)
        screen.say(`producer ${producer.pid} ended by ${how} after ${found.next} acknowledged messages`)
        producer = child('producer.js', ringName, viewName, folder, MOST, 0)
        produced = end(producer)
        screen.say(`producer ${producer.pid} goes on from there`)
      } else if (killed && producer.exitCode !== null && producer.exitCode !== 0) {
        screen.say(`producer ${producer.pid} ended with ${producer.exitCode}`)
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
    await produced
    screen.say(
      `${totals.next} messages, ${formatSize(totals.bytes)} in ${seconds.toFixed(1)} s (${(totals.bytes / seconds / 1e6).toFixed(1)} MB/s, the kill and two starts included); ${totals.repeats} came twice and were dropped`,
    )
    const single = countAll(files)
    const same = single.lines === totals.lines && single.words === totals.words && single.bytes === totals.bytes
    screen.say('                     lines        words        bytes')
    for (const [who, count] of [
      ['three processes', totals],
      ['one process', single],
    ] as const) {
      screen.say(
        `${who.padEnd(15)} ${[count.lines, count.words, count.bytes].map((n) => String(n).padStart(12)).join(' ')}`,
      )
    }
    screen.say(same ? 'equal' : 'NOT EQUAL')
    return same ? 0 : 1
  } finally {
    cleanUp()
  }
}

process.exitCode = await run()
