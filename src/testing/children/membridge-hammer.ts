// testing: writes and reads a view as fast as it can until killed. What is written is one byte value, over and over, so
// that a torn read shows. Arguments: name, byte.

import { SharedMemory } from '../../interop/membridge/index.js'

const [name = '', byte = ''] = process.argv.slice(2)
const view = SharedMemory.open(name).map()
const bytes = new Uint8Array(view.size).fill(Number(byte))
console.log('ready')
for (let round = 0; ; round++) {
  view.write(bytes, 0)
  view.readAll()
  if (round % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
}
