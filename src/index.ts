// The public face: re-exports, nothing else.

export { ERROR_CODES, type ErrorCode, MemlaneError } from './errors.js'
export type { Owner } from './memory/index.js'
export type { CreateOptions, Lifetime, NameOptions, OpenOptions } from './segment/index.js'
export type { Size } from './sizes.js'
export {
  type AsyncLimits,
  Barrier,
  type BarrierOptions,
  Condition,
  Event,
  type EventOptions,
  Guard,
  Mutex,
  RwLock,
  Semaphore,
  type SemaphoreOptions,
  type WaitLimits,
} from './sync/index.js'
