// demo: `npm run demo [-- folder]`. Real input, real processes, one shared map:
//
//   worker 1 ─┐
//   worker 2 ─┤ one transaction per file ─▶ SharedMap word → count ─▶ a fifth process draws the top twenty
//   worker 3 ─┤
//   worker 4 ─┘
//
// Half-way one worker is killed with SIGKILL, and the others take its files over. At the end the map must equal a count in
// a single process, word for word; the exit code says whether it does.

import type { ChildProcess } from 'node:child_process'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SharedHeap } from '../../collections/index.js'
import { formatSize } from '../../sizes.js'
import { countFile } from './count.js'
import { end, filesOf, start, type TextFile } from './folder.js'
import { fill, openPlan, type Plan, takeOver } from './plan.js'

const WORKERS = 4
/** Bytes of text at most: some seconds. */
const MOST = 60_000_000

const here = dirname(fileURLToPath(import.meta.url))
const folder = resolve(process.argv[2] ?? join(here, '..', '..', '..', 'node_modules'))

async function run(): Promise<number> {
  const found = filesOf(folder, MOST)
  if (found === undefined) return 2
  const { files, total } = found
  const name = `words-${process.pid}-${Date.now().toString(36)}`
  const plan = openPlan(name)
  fill(plan, files)
  console.log(`${files.length} text files, ${formatSize(total)}, below ${folder}`)
  const children: ChildProcess[] = []
  const cleanUp = (): void => {
    for (const child of children) child.kill('SIGKILL')
    SharedHeap.unlink(name)
  }
  process.once('SIGINT', () => {
    cleanUp()
    process.exit(130)
  })
  try {
    const began = performance.now()
    const workers = Array.from({ length: WORKERS }, (_, i) => start(join(here, 'worker.js'), name, i))
    const screen = start(join(here, 'screen.js'), name, files.length, total)
    children.push(...workers, screen)
    console.log(
      `workers ${workers.map(({ pid }) => pid).join(', ')}; screen ${screen.pid}; memlane get ${name} words.the`,
    )
    const killed = killHalfWay(plan, workers[0]!, total)
    // Whoever is listened to late may have ended before.
    const shown = end(screen)
    const ends = await Promise.all(workers.map(end))
    const seconds = (performance.now() - began) / 1000
    await shown
    console.log(`worker ${workers[0]!.pid} ended by ${ends[0]} half-way; ${await killed} of its files were taken over`)
    const others = ends.slice(1)
    if (others.some((how) => how !== 0)) throw new Error(`workers ended with ${others.join(', ')}`)
    return compare(plan, files, total, seconds)
  } finally {
    plan.heap.close()
    cleanUp()
  }
}

/** @returns how many files the dead one had taken. */
async function killHalfWay(plan: Plan, victim: ChildProcess, total: number): Promise<number> {
  const dead = end(victim)
  let gone = false
  void dead.then(() => {
    gone = true
  })
  await Promise.race([plan.bytes.waitAsync((bytes) => bytes * 2 >= total), dead])
  // While it is at a file, so that there is something to take over. Taking one is no news: hence the time-out.
  for (let news = plan.news.value; !gone && !holds(plan, 0); news = plan.news.value)
    await Promise.race([plan.news.waitAsync((now) => now !== news, { timeout: 10 }), dead])
  victim.kill('SIGKILL')
  await dead
  return takeOver(plan, 0)
}

function holds({ taken }: Plan, worker: number): boolean {
  return [...taken.values()].includes(worker)
}

function compare(plan: Plan, files: readonly TextFile[], total: number, seconds: number): number {
  const began = performance.now()
  const expected = new Map<string, number>()
  let words = 0
  for (const file of files) words += countFile(file, expected)
  const alone = (performance.now() - began) / 1000
  const found = plan.words.snapshot()
  const rate = (time: number): string =>
    `${time.toFixed(2)} s, ${formatSize(Math.round(total / time))}/s, ${(words / time / 1e6).toFixed(2)} M words/s`
  console.log(`${WORKERS} processes, one of them killed: ${rate(seconds)} (starting them included)`)
  console.log(`one process and a plain Map:         ${rate(alone)}`)
  const wrong = [...expected].filter(([word, count]) => found.get(word) !== count)
  console.log(
    `${found.size} different words, ${words} in all; ${expected.size} expected, ${wrong.length} of them differ`,
  )
  const equal = wrong.length === 0 && found.size === expected.size
  console.log(equal ? 'equal' : `NOT EQUAL: ${JSON.stringify(wrong.slice(0, 5))}`)
  return equal ? 0 : 1
}

process.exitCode = await run()
