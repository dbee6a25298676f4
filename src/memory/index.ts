// memory: the room's door.

export type { Leftover } from './leftover.js'
export { LocalMemory } from './local.js'
export { FOREVER, LOCKS, Memory, NOBODY, Wait, type WaitOptions } from './memory.js'
export { LOADS_STORE, publish } from './ordering.js'
export {
  checkOwner,
  checkViewable,
  listObjects,
  lockByte,
  type ObjectOptions,
  type ObjectStat,
  type Owner,
  publishObject,
  ShmMemory,
  ShmObject,
  statObject,
  unlinkObject,
} from './shm.js'
