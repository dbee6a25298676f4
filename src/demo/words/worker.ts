// demo: one of four who count. `worker.js NAME WORKER BYTES`: takes files until all are done.

import { snapshot } from '../../collections/index.js'
import { countFile } from './count.js'
import { closePlan, deliver, openPlan, takeFile } from './plan.js'

const [name = '', number = '0', bytes = '0'] = process.argv.slice(2)
const worker = Number(number)
const plan = openPlan(name)
const all = plan.sources.length

while (plan.files.value < all) {
  const news = plan.news.value
  const file = takeFile(plan, worker)
  if (file === undefined) {
    // The last files are with others. Should one of those die, its files come back.
    if (plan.files.value < all) await plan.news.waitAsync((now) => now !== news)
    continue
  }
  const counts = new Map<string, number>()
  const source = snapshot(plan.sources[file]!)
  countFile(source, counts)
  deliver(plan, worker, { file, size: source.bytes, counts }, Number(bytes))
}
closePlan(plan)
