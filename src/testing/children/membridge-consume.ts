// testing: takes messages until killed or the number -1 comes. Says the number of each on stdout, or where a second ring
// is named, sends it there: what has left a process through a ring survives it for certain.
// Arguments: name, name of the second ring.

import { int, SharedMemory } from '../../interop/membridge/index.js'

const [name = '', told = ''] = process.argv.slice(2)
const ring = SharedMemory.open(name).spsc()
const back = told === '' ? undefined : SharedMemory.open(told).spsc()
console.log('ready')
for await (const bytes of ring.messages()) {
  const number = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true))
  if (number === -1) break
  if (back === undefined) console.log(String(number))
  else await back.pushAsync(int(number))
}
console.log('done')
