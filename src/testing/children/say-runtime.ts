// testing: a child that says which runtime it is on and what it was given.

import { createInterface } from 'node:readline'
import { noGarbageCollection, runtimeName } from '../runtime.js'

for await (const line of createInterface({ input: process.stdin })) {
  console.log(
    JSON.stringify({ runtimeName, args: process.argv.slice(2), line, collects: noGarbageCollection === false }),
  )
}
