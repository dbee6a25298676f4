// interop/rememory/pickle: the folder's door.

export { decode, decodePart } from './decode.js'
export { checkKey, DEEPEST, encode, frame, HEADER, Pickler, type Sharing, setFrameLength } from './encode.js'
export { type HashedKey, hashKey } from './keys.js'
export { Machine, type RootTarget, refuseForeign, type Special } from './machine.js'
export {
  asTuple,
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
  UTC,
} from './values.js'
