// record: the schema language. A field is a plain description: no memory, no behaviour.

import { MemlaneError, outOfRange, wrongType } from '../errors.js'
import { checkNames, known } from '../options.js'
import { parseInteger } from '../sizes.js'
import { type ArraysByDtype, checkNumber, DTYPES, type Dtype, dtypeInfo } from './dtypes.js'
import { elementsOf, type NdArray, type NdInput } from './ndarray.js'
import { cutAt, isWellFormed, loneSurrogate } from './text.js'

/** What a field is, and its parameters. */
export type FieldSpec =
  | { readonly kind: Dtype }
  | { readonly kind: 'str'; readonly length: number }
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'array'; readonly dtype: Dtype; readonly shape: readonly number[] }
  | { readonly kind: 'oneOf'; readonly choices: readonly string[] }
  | { readonly kind: 'optional'; readonly of: Field }
  | { readonly kind: 'record'; readonly fields: Fields }
  | { readonly kind: 'list'; readonly of: Field; readonly count: number }

/** The fields of a record by their names. */
export type Fields = Readonly<Record<string, Field>>

/**
 * One field of a schema.
 *
 * `Out` is what reading gives, `In` what writing takes, `Live` what `update` and `view` show in place.
 */
export class Field<Out = unknown, In = unknown, Live = unknown> {
  declare readonly types?: { out: Out; in: In; live: Live }
  readonly spec: FieldSpec
  /** What a field holds when a first write, or a push, does not give it; undefined: it stays unwritten. */
  readonly fallback: unknown

  /** @internal Use `f64()`, `str(32)` and the other constructors. */
  constructor(spec: FieldSpec, fallback?: unknown) {
    this.spec = spec
    this.fallback = fallback
  }
}

/** What the functions that make fields take. */
export interface FieldOptions<T> {
  /** What the field holds when the first write, or a push into a FIFO, does not give it. */
  default?: T
}

/** What a default can be. */
export type Fallback = number | bigint | boolean | string

/** A field whose value is a number. */
export type NumberField = Field<number, number, number>
/** A field whose value is a bigint. */
export type BigIntField = Field<bigint, bigint | number, bigint>

/** The largest record: what one buffer of Node 20 can hold, with room for several copies. */
export const RECORD_MAX: number = 2 ** 30

/** Where a default is given, the type says so: a nested record may then leave the field out. */
export type WithDefault<O> = O extends { readonly default: Fallback } ? { readonly fallback: Fallback } : unknown

const FIELD_OPTIONS = known('default')

function defaultOf<T>(options: FieldOptions<T> | undefined): T | undefined {
  return options === undefined ? undefined : checkNames(options, FIELD_OPTIONS, 'the options of a field').default
}

function numeric(kind: Dtype, options: FieldOptions<unknown> | undefined): never {
  const fallback = defaultOf(options)
  if (fallback === undefined) return new Field({ kind }) as never
  const what = `the default of a ${kind} field`
  if (kind === 'bool' && typeof fallback !== 'boolean') throw wrongType(what, 'a boolean', fallback)
  const checked = checkNumber(DTYPES[kind], fallback, what)
  // As it will be read, so that `5` and `5n` make the same schema.
  return new Field({ kind }, kind === 'bool' ? fallback : checked) as never
}

/** A 64-bit float: a JavaScript number, exactly. */
export function f64<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('f64', options)
}
/** A 32-bit float; numbers are rounded to it. */
export function f32<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('f32', options)
}
/** -128 to 127. */
export function i8<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('i8', options)
}
/** 0 to 255. */
export function u8<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('u8', options)
}
/** -32768 to 32767. */
export function i16<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('i16', options)
}
/** 0 to 65535. */
export function u16<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('u16', options)
}
/** -2^31 to 2^31 - 1. */
export function i32<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('i32', options)
}
/** 0 to 2^32 - 1. */
export function u32<O extends FieldOptions<number>>(options?: O): NumberField & WithDefault<O> {
  return numeric('u32', options)
}
/** -2^63 to 2^63 - 1, read as a bigint; safe integers are taken too. */
export function i64<O extends FieldOptions<bigint | number>>(options?: O): BigIntField & WithDefault<O> {
  return numeric('i64', options)
}
/** 0 to 2^64 - 1, read as a bigint; safe integers are taken too. */
export function u64<O extends FieldOptions<bigint | number>>(options?: O): BigIntField & WithDefault<O> {
  return numeric('u64', options)
}
/** true or false. */
export function bool<O extends FieldOptions<boolean>>(options?: O): Field<boolean, boolean, boolean> & WithDefault<O> {
  return numeric('bool', options)
}

/**
 * Text of up to `length` code points (1 to 2^24); longer text is cut and says `truncated`.
 *
 * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`.
 */
export function str<O extends FieldOptions<string>>(
  length: number,
  options?: O,
): Field<string, string, string> & WithDefault<O> {
  parseInteger(length, 'the length of a str field', 1, 2 ** 24)
  const fallback: unknown = defaultOf(options)
  if (fallback !== undefined) {
    if (typeof fallback !== 'string') throw wrongType('the default of a str field', 'a string', fallback)
    if (!isWellFormed(fallback)) throw loneSurrogate(fallback, 'the default of a str field')
    if (cutAt(fallback, length) < fallback.length) {
      throw outOfRange('the default of a str field', `text of up to ${length} code points`, fallback)
    }
  }
  return new Field({ kind: 'str', length }, fallback) as never
}

/** Up to `length` bytes (1 to 2^30); how many there are is kept. Longer input is cut and says `truncated`. */
export function bytes(length: number): Field<Uint8Array, ArrayBufferView | ArrayBuffer, Uint8Array> {
  return new Field({ kind: 'bytes', length: parseInteger(length, 'the length of a bytes field', 1, RECORD_MAX) })
}

/**
 * An n-dimensional array of a fixed shape, row-major: `array('u8', [480, 640, 3])`.
 *
 * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`.
 */
export function array<D extends Dtype>(
  dtype: D,
  shape: readonly number[],
): Field<NdArray<ArraysByDtype[D]>, NdInput<ArraysByDtype[D]>, ArraysByDtype[D]> {
  const info = dtypeInfo(dtype)
  if (!Array.isArray(shape) || shape.length === 0) throw wrongType('shape', 'a list of one or more sizes', shape)
  for (const size of shape) parseInteger(size, 'a size in shape', 0, RECORD_MAX)
  if (elementsOf(shape) * info.size > RECORD_MAX) {
    throw new MemlaneError(
      'ERR_TOO_LARGE',
      `array('${dtype}', [${shape.join(', ')}]) has ${elementsOf(shape) * info.size} bytes, at most ${RECORD_MAX}`,
    )
  }
  return new Field({ kind: 'array', dtype, shape: Object.freeze([...shape]) })
}

/** One of 1 to 256 texts, stored in one byte: `oneOf('idle', 'run', 'stop')`. */
export function oneOf<const C extends readonly [string, ...string[]]>(
  ...choices: C
): Field<C[number], C[number], C[number]> {
  if (choices.length < 1 || choices.length > 256) throw outOfRange('oneOf', '1 to 256 choices', choices.length)
  for (const choice of choices) {
    if (typeof choice !== 'string') throw wrongType('a choice of oneOf', 'a string', choice)
    if (!isWellFormed(choice as string)) throw loneSurrogate(choice, 'a choice of oneOf')
  }
  if (new Set(choices).size !== choices.length)
    throw new MemlaneError('ERR_RANGE', `oneOf has a choice twice: ${choices.join(', ')}`)
  return new Field({ kind: 'oneOf', choices: Object.freeze([...choices]) })
}

/** A field that may also be written as `undefined`, meaning: there is none. */
export function optional<O, I, L>(field: Field<O, I, L>): Field<O | undefined, I | undefined, L | undefined> {
  if (!(field instanceof Field)) throw wrongType('optional()', 'a field such as f64()', field)
  if (field.spec.kind === 'optional')
    throw new MemlaneError('ERR_TYPE', 'optional(optional(…)) says nothing more than optional(…)')
  return new Field({ kind: 'optional', of: field as Field })
}

/** Exactly `count` values of one kind, one after the other: `list(Point, 8)`. For numbers `array` is faster. */
export function list<O, I>(of: Field<O, I, unknown>, count: number): Field<O[], readonly I[], readonly O[]> {
  if (!(of instanceof Field)) throw wrongType('list()', 'a field or a record', of)
  return new Field({ kind: 'list', of: of as Field, count: parseInteger(count, 'the count of a list', 1, 2 ** 24) })
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function checkFields(fields: unknown): Fields {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw wrongType('the fields of a record', 'an object', fields)
  for (const [name, field] of Object.entries(fields)) {
    if (!(field instanceof Field))
      throw wrongType(`field ${JSON.stringify(name)}`, 'a field such as f64() or str(32)', field)
    checkFieldName(name)
  }
  return Object.freeze({ ...(fields as Fields) })
}

/** Names that objects treat in their own way would not come back as they went. */
function checkFieldName(name: string): void {
  if (name === '__proto__' || name === 'constructor' || name === '' || /^\d+$/.test(name) || !isWellFormed(name)) {
    throw outOfRange(
      'a field name',
      "text other than '', '__proto__', 'constructor' and whole numbers (their order is not the order given)",
      name,
    )
  }
}
