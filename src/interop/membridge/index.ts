// interop/membridge: the room's door, and the public face of 'memlane/membridge'. Byte-compatible with the Python package membridge 1.0.0.

export { MemlaneError } from '../../errors.js'
export { type Examined, examine } from './examine.js'
export { MappedView, type ViewOptions } from './mapped-view.js'
export { SpscRingBuffer } from './ring.js'
export { type CreateOptions, type OpenOptions, SharedMemory } from './shared-memory.js'
export {
  type Int,
  int,
  type Message,
  type Mixed,
  type Scalar,
  type SchemaEntry,
  type Tag,
  type TagTypes,
  type Values,
} from './values.js'
export type { LockState } from './view-lock.js'
export type { WaitOptions } from './waiting-line.js'
