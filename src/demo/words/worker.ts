// demo: one of four who count. `worker.js NAME WORKER`: takes files until all are done.

import { snapshot } from '../../collections/index.js'
import { countFile } from './count.js'
import { deliver, openPlan, takeFile } from './plan.js'

const [name = '', worker = '0'] = process.argv.slice(2)
const plan = openPlan(name)
const all = plan.sources.length

while (plan.files.value < all) {
  const news = plan.news.value
  const file = takeFile(plan, Number(worker))
  if (file === undefined) {
    // The last files are with others. Should one of those die, its files come back.
    if (plan.files.value < all) await plan.news.waitAsync((now) => now !== news)
    continue
  }
  const counts = new Map<string, number>()
  const source = snapshot(plan.sources[file]!)
  countFile(source, counts)
  deliver(plan, file, counts, source.bytes)
}
plan.heap.close()
