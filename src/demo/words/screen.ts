// demo: the fifth process. `screen.js NAME FILES BYTES`: shows the twenty most frequent words while they are counted.

import { setTimeout as sleep } from 'node:timers/promises'
import { formatSize } from '../../sizes.js'
import { type Entry, top } from './count.js'
import { closePlan, openPlan, type Plan } from './plan.js'

const TOP = 20
const WIDTH = 40
/** Milliseconds between frames on a terminal, and between lines elsewhere. */
const FRAME = process.stdout.isTTY ? 150 : 1000

const [name = '', files = '0', bytes = '0'] = process.argv.slice(2)
const start = performance.now()

function lines(plan: Plan, best: readonly Entry[], done: number): string[] {
  const part = plan.bytes.value / Number(bytes)
  const speed = plan.bytes.value / ((performance.now() - start) / 1000)
  const bar = '█'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '░')
  const head = `${bar} ${(part * 100).toFixed(0).padStart(3)} %  ${done} of ${files} files  ${plan.words.size} words  ${formatSize(Math.round(speed))}/s`
  const most = best[0]?.[1] ?? 1
  return [
    head,
    ...best.map(([word, count]) => {
      const length = Math.max(1, Math.round((count / most) * WIDTH))
      return `${word.slice(0, 16).padStart(16)} ${String(count).padStart(9)} ${'▆'.repeat(length)}`
    }),
  ]
}

const plan = openPlan(name)
let drawn = 0
for (;;) {
  const done = plan.files.value
  // Readers take no lock: four writers go on while this one walks through every word.
  const shown = lines(plan, top(plan.words, TOP), done)
  const over = done >= Number(files)
  if (process.stdout.isTTY) {
    if (drawn > 0) process.stdout.write(`\x1b[${drawn}A`)
    process.stdout.write(`${shown.map((line) => `\x1b[K${line}`).join('\n')}\n`)
    drawn = shown.length
  } else console.log((over ? shown : shown.slice(0, 1)).join('\n'))
  if (over) break
  await sleep(FRAME)
}
closePlan(plan)
