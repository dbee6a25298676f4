// testing: sends numbered messages of growing and shrinking length until killed or done. Arguments: name, first, count.
// A message: its number as i64, then (number mod 50) bytes of (number mod 256).

import { SharedMemory } from '../../interop/membridge/index.js'

const [name = '', first = '0', count = '0'] = process.argv.slice(2)
const ring = SharedMemory.open(name).spsc()
console.log('ready')
for (let i = Number(first); i < Number(first) + Number(count); i++) {
  await ring.pushAsync([BigInt(i), new Uint8Array(i % 50).fill(i % 256)])
}
console.log('done')
