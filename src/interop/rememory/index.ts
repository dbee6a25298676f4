// interop/rememory: the room's door.

export type { BigIntType, IntType, SmallIntType } from '../../collections/cells/int-types.js'
export { examineRememory, examineRememoryLock, type RememoryExamined, readRememory } from './examine.js'
export { type Handle as RMHandle, unlinkRememory } from './handle.js'
export type { RMOptions, RMSizedOptions } from './options.js'
export {
  isTuple,
  PyByteArray,
  PyComplex,
  PyDate,
  PyDateTime,
  PyDecimal,
  PyFloat,
  PyFrozenSet,
  PyTime,
  PyTimeDelta,
  PyTimeZone,
  type PyTuple,
  type TimeParts,
  tuple,
} from './pickle/index.js'
export { RMBlock, RMString, type RMStringOptions } from './rm-block.js'
export { RMDict } from './rm-dict.js'
export { RMList } from './rm-list.js'
export { RMHeld, RMLock, type RMLockLimits } from './rm-lock.js'
export { RMBool, RMFloat, type RMFloatOptions, RMInt, type RMIntOptions } from './rm-scalars.js'
export type { SemaphoreState } from './semaphore.layout.js'
