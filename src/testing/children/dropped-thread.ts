// testing: a worker thread that drops handles without closing them.

import { parentPort, workerData } from 'node:worker_threads'
import { SharedInt } from '../../index.js'
import { until } from '../crew.js'
import { collectGarbage } from '../runtime.js'

const { name, handful } = workerData as { name: string; handful: number }
using witness = SharedInt.open(name)
const others = (): number => witness.participants().filter(({ own }) => !own).length
const drop = (): void => {
  for (let i = 0; i < handful; i++) SharedInt.open(name)
}
drop()
parentPort?.postMessage({ opened: others() })
await until(() => {
  collectGarbage()
  return others() <= 4
}, 'the dropped handles to be collected')
parentPort?.postMessage({ left: others() })
