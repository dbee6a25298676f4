// interop/flexible: the room's door.

export { FieldValue, FieldValue as ValueWithStatus } from '../../record/field-value.js'
export {
  FieldStatus,
  type FlexibleInput,
  FlexibleMemory,
  type FlexibleOptions,
  type FlexibleReadAsyncOptions,
  type FlexibleReadOptions,
  type FlexibleRecord,
} from './flexible.js'
export type { FlexibleField, FlexibleKind, FlexibleLayout, FlexibleSchema } from './flexible.layout.js'
