// record: the room's door.

export { MemlaneError } from '../errors.js'
export {
  describeRecord,
  type FieldDescription,
  inspectRecord,
  type RecordChange,
  type RecordDescription,
  summarize,
  type WatchOptions,
  watchRecord,
} from './describe.js'
export type { AnyTypedArray, ArraysByDtype, Dtype } from './dtypes.js'
export { FieldValue } from './field-value.js'
export {
  array,
  type BigIntField,
  bool,
  bytes,
  type Fallback,
  Field,
  type FieldOptions,
  type FieldSpec,
  type Fields,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  list,
  type NumberField,
  oneOf,
  optional,
  str,
  u8,
  u16,
  u32,
  u64,
  type WithDefault,
} from './fields.js'
export type { ReaderMode } from './fifo.js'
export type { NdArray, NdInput, Nested } from './ndarray.js'
export type { RecordInfo } from './reader.js'
export { type RecordCreateOptions, type RecordOpenOptions, RecordType, record } from './record.js'
export {
  type NextOptions,
  type PushAsyncOptions,
  type PushOptions,
  type ReadOptions,
  SharedRecord,
  type WriteOptions,
} from './shared-record.js'
export type { Infer, Input, InputOf, Live, LiveRecord, LiveView, PartialInput, PlainOf, Snapshot } from './types.js'
export type { UpdateTools } from './writer.js'
