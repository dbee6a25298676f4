// record: a schema as text. The text is canonical (same fields, same text), lies in the segment, and is what the 64-bit
// schema hash is made of: FNV-1a over its UTF-8 bytes.
//
//   {"temperature":"f64","status":{"str":32},"image":{"array":"u8","shape":[480,640,3]},"mode":{"oneOf":["idle","run"]},
//    "pose":{"record":{"x":"f64"}},"points":{"list":"f64","count":8},"note":{"optional":{"str":8}},"gain":{"f32":null,"default":1}}

import { MemlaneError } from '../errors.js'
import { utf8 } from '../host.js'
import { DTYPES, type Dtype } from './dtypes.js'
import { array, bytes, checkFields, Field, type Fields, list, oneOf, optional, str } from './fields.js'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

/** A bigint as `{ "big": "5" }`, a float that JSON cannot say as `{ "float": "NaN" }`. */
function plain(value: unknown): Json {
  if (typeof value === 'bigint') return { big: String(value) }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { float: Object.is(value, -0) ? '-0' : String(value) }
  return value as Json
}

function unplain(value: Json): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return 'big' in value ? BigInt(value.big as string) : Number(value.float)
}

function toJson(field: Field): Json {
  const { spec, fallback } = field
  if (spec.kind in DTYPES) return fallback === undefined ? spec.kind : { [spec.kind]: null, default: plain(fallback) }
  switch (spec.kind) {
    case 'str':
      return fallback === undefined ? { str: spec.length } : { str: spec.length, default: fallback as string }
    case 'bytes':
      return { bytes: spec.length }
    case 'array':
      return { array: spec.dtype, shape: [...spec.shape] }
    case 'oneOf':
      return { oneOf: [...spec.choices] }
    case 'optional':
      return { optional: toJson(spec.of) }
    case 'list':
      return { list: toJson(spec.of), count: spec.count }
    default:
      return { record: fieldsToJson((spec as { fields: Fields }).fields) }
  }
}

function fieldsToJson(fields: Fields): JsonObject {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, toJson(field)]))
}

function fromJson(json: Json): Field {
  if (typeof json === 'string')
    return new Field({ kind: Object.hasOwn(DTYPES, json) ? (json as Dtype) : unknownKind(json) })
  const made = json as JsonObject
  const kind = Object.keys(made)[0] ?? ''
  const fallback = made.default === undefined ? undefined : unplain(made.default)
  if (Object.hasOwn(DTYPES, kind)) return new Field({ kind: kind as Dtype }, fallback)
  switch (kind) {
    case 'str':
      return str(made.str as number, fallback === undefined ? {} : { default: fallback as string }) as Field
    case 'bytes':
      return bytes(made.bytes as number) as Field
    case 'array':
      return array(made.array as Dtype, made.shape as number[]) as Field
    case 'oneOf':
      return oneOf(...(made.oneOf as [string, ...string[]])) as Field
    case 'optional':
      return optional(fromJson(made.optional!)) as Field
    case 'list':
      return list(fromJson(made.list!), made.count as number) as Field
    case 'record':
      return new Field({ kind: 'record', fields: fieldsFromJson(made.record as JsonObject) })
    default:
      return unknownKind(kind)
  }
}

function fieldsFromJson(json: JsonObject): Fields {
  return checkFields(Object.fromEntries(Object.entries(json).map(([name, field]) => [name, fromJson(field)])))
}

function unknownKind(kind: string): never {
  throw new MemlaneError(
    'ERR_VERSION',
    `the schema has a field of kind ${JSON.stringify(kind)}, which this version does not know`,
  )
}

/** The canonical text of a schema. */
export function schemaText(fields: Fields): string {
  return JSON.stringify(fieldsToJson(fields))
}

/** The fields that a text describes. @throws MemlaneError `ERR_CORRUPT`, `ERR_VERSION`. */
export function parseSchema(text: string, name: string): Fields {
  try {
    return fieldsFromJson(JSON.parse(text) as JsonObject)
  } catch (cause) {
    if (cause instanceof MemlaneError && cause.code === 'ERR_VERSION') throw cause
    throw new MemlaneError('ERR_CORRUPT', `the schema text of ${JSON.stringify(name)} cannot be read`, { cause })
  }
}

/** FNV-1a, 64 bits; never 0, which would mean: no schema. */
export function schemaHash(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of utf8.bytes(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash === 0n ? 1n : hash
}

/** `'run'`, whatever is in it. */
function quoted(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
}

function literal(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'number' ? (Object.is(value, -0) ? '-0' : String(value)) : JSON.stringify(value)
}

/** A field as one would write it: `array('u8', [480, 640, 3])`. */
export function fieldText(field: Field): string {
  const { spec, fallback } = field
  const options = fallback === undefined ? '' : `{ default: ${literal(fallback)} }`
  switch (spec.kind) {
    case 'str':
      return `str(${spec.length}${options && `, ${options}`})`
    case 'bytes':
      return `bytes(${spec.length})`
    case 'array':
      return `array('${spec.dtype}', [${spec.shape.join(', ')}])`
    case 'oneOf':
      return `oneOf(${spec.choices.map(quoted).join(', ')})`
    case 'optional':
      return `optional(${fieldText(spec.of)})`
    case 'list':
      return `list(${fieldText(spec.of)}, ${spec.count})`
    case 'record':
      return `record({ ${Object.entries(spec.fields)
        .map(([name, inner]) => `${/^[\w$]+$/.test(name) ? name : quoted(name)}: ${fieldText(inner)}`)
        .join(', ')} })`
    default:
      return `${spec.kind}(${options})`
  }
}

/** What is different, a line per field. @param has what the segment has. @param wanted what the caller has. */
export function schemaDifference(has: Fields, wanted: Fields): string[] {
  const lines: string[] = []
  for (const name of new Set([...Object.keys(has), ...Object.keys(wanted)])) {
    const [there, here] = [has[name], wanted[name]]
    if (there === undefined) lines.push(`${name}: not in the segment, here ${fieldText(here!)}`)
    else if (here === undefined) lines.push(`${name}: in the segment ${fieldText(there)}, not here`)
    else if (fieldText(there) !== fieldText(here))
      lines.push(`${name}: in the segment ${fieldText(there)}, here ${fieldText(here)}`)
  }
  if (lines.length === 0)
    lines.push(`the order: in the segment ${Object.keys(has).join(', ')}, here ${Object.keys(wanted).join(', ')}`)
  return lines
}
