// testing: takes messages and says the number of each, until killed or the number -1 comes. Arguments: name.

import { SharedMemory } from '../../interop/membridge/index.js'

const ring = SharedMemory.open(process.argv[2] ?? '').spsc()
console.log('ready')
for await (const bytes of ring.messages()) {
  const number = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigInt64(0, true)
  if (number === -1n) break
  console.log(String(number))
}
console.log('done')
