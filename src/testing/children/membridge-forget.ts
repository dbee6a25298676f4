// testing: starts to wait for a message and never looks at the promise: the process must end. Arguments: name.

import { SharedMemory } from '../../interop/membridge/index.js'

const ring = SharedMemory.open(process.argv[2] ?? '').spsc()
void ring.popAsync('str')
console.log('waiting')
