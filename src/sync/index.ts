// sync: the room's door.

export { Barrier, type BarrierOptions } from './barrier.js'
export { Condition } from './condition.js'
export { Event, type EventOptions } from './event.js'
export { Guard } from './guard.js'
export { ASYNC_LIMITS, type AsyncLimits, WAIT_LIMITS, type WaitLimits } from './handle.js'
export { heldTooLong, nameOf } from './holder.js'
export { Mutex } from './mutex.js'
export { BUSY, type LockHome, OwnerLock, RECOVERED, TAKEN } from './owner-lock.js'
export { RwLock } from './rwlock.js'
export { Semaphore, type SemaphoreOptions } from './semaphore.js'
export { Turn, type TurnInfo } from './turn.js'
export { allWaits, circlesOf, describeCircle, type Waits, waitsIn } from './wait-graph.js'
