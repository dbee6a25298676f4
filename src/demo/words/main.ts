// demo: `npm run demo [-- folder]`. Real input, real processes, one shared map:
//
//   worker 1 ─┐
//   worker 2 ─┤ one transaction per file ─▶ SharedMap word → count ─▶ a fifth process draws the top twenty
//   worker 3 ─┤
//   worker 4 ─┘
//
// The worker that comes to half-way is killed with SIGKILL while it adds the words of a file: what it had added goes, and
// the others take the file over. At the end the map must equal a count in a single process, word for word; the exit code
// says whether it does.

import type { ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatSize } from '../../sizes.js'
import { countFile } from './count.js'
import { end, filesOf, start, type TextFile } from './folder.js'
import { closePlan, fill, openPlan, type Plan, takeOver, unlinkPlan } from './plan.js'

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
    unlinkPlan(name)
  }
  process.once('SIGINT', () => {
    cleanUp()
    process.exit(130)
  })
  try {
    const began = performance.now()
    const workers = Array.from({ length: WORKERS }, (_, i) => start(join(here, 'worker.js'), name, i, total))
    const screen = start(join(here, 'screen.js'), name, files.length, total)
    children.push(...workers, screen)
    console.log(
      `workers ${workers.map(({ pid }) => pid).join(', ')}; screen ${screen.pid}; memlane get ${name} words.the`,
    )
    // Whoever is listened to late may have ended before.
    const ending = workers.map((child, worker) => takeOverWhenKilled(plan, child, worker))
    const shown = end(screen)
    const victim = await killHalfWay(plan, workers, ending)
    const ends = await Promise.all(ending)
    const seconds = (performance.now() - began) / 1000
    if (ends.some((how, worker) => how !== (worker === victim ? 'SIGKILL' : 0)))
      throw new Error(`workers ended with ${ends.join(', ')}`)
    await shown
    return compare(plan, files, total, seconds)
  } finally {
    closePlan(plan)
    cleanUp()
  }
}

/** Resolves with how a worker ended, when its files are with the others. */
async function takeOverWhenKilled(plan: Plan, child: ChildProcess, worker: number): Promise<number | string | null> {
  const how = await end(child)
  if (how === 0) return how
  const files = takeOver(plan, worker)
  console.log(`worker ${child.pid} ended by ${how} half-way; ${files} of its files taken over`)
  return how
}

/** Kills the worker that came to half-way. @returns its number. */
async function killHalfWay(
  plan: Plan,
  workers: readonly ChildProcess[],
  ending: readonly Promise<unknown>[],
): Promise<number> {
  const nobody = new AbortController()
  const abort = (): void => nobody.abort(new Error('the workers ended, and none had come to half-way'))
  Promise.all(ending).then(abort, abort)
  await plan.halfWay.waitAsync((worker) => worker !== 0, { signal: nobody.signal })
  const victim = plan.halfWay.value - 1
  workers[victim]!.kill('SIGKILL')
  return victim
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
  // Somebody who sees the second line ahead of the first should not have to guess why.
  console.log(
    `The Map belongs to one process and is gone with it. What the ${WORKERS} share takes a lock for each file, is seen by the screen at once, and ` +
      `lost nothing when one of them was killed; this machine gives them ${availableParallelism()} processors, and most of the time goes into starting them.`,
  )
  const wrong = [...expected].filter(([word, count]) => found.get(word) !== count)
  console.log(
    `${found.size} different words, ${words} in all; ${expected.size} expected, ${wrong.length} of them differ`,
  )
  const equal = wrong.length === 0 && found.size === expected.size
  console.log(equal ? 'equal' : `NOT EQUAL: ${JSON.stringify(wrong.slice(0, 5))}`)
  return equal ? 0 : 1
}

process.exitCode = await run()
