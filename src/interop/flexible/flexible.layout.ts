// interop/flexible: what a segment of flexible-shared-memory 0.1.1 looks like. Little-endian; no magic, no version.
//
//   single slot (slots = 1)          FIFO (slots > 1)
//   0              S                 0           8          16      24           24 + S
//   +--------------+                 +-----------+----------+-------+------------+------------+--
//   | slot 0       |                 | write_idx | read_idx | count | slot 0     | slot 1     | …
//   +--------------+                 +-----------+----------+-------+------------+------------+--
//
//   slot (F fields)
//   0           8            8 + F     align8(8 + F)                            S - 8
//   +-----------+------------+---------+----------------------------+-----------+---------+
//   | seq_begin | status × F | zeros   | fields, packed, unaligned  | zeros     | seq_end |   S is a multiple of 8
//   +-----------+------------+---------+----------------------------+-----------+---------+
//
// seq_begin, seq_end   u64, the writer's. Equal: the slot is whole. Python stores n + 1 in begin, the data, n + 1 in end.
//                      Memlane stores three numbers: end n + 1, begin n + 2, the data, begin n + 3, end n + 3. Whoever
//                      reads begin first (Python) then meets no equal pair around changing data, and neither does
//                      whoever reads end first (Memlane), whichever of the two wrote.
// status               1 truncated, 2 unwritten, 4 modified; a fresh slot is all 2.
// write_idx, read_idx  u64, monotonic; slot = index mod slots. The writer moves write_idx. Readers move read_idx, and so
//                      does a writer that gives up the oldest record of a full FIFO: both with a compare-and-exchange.
// count                write_idx - read_idx. Python peers decide by it, Memlane only keeps it right for them.
//
// float f64, int i32, bool one byte, str[N] u32 byte length and 4 N bytes of UTF-8 whose rest keeps older bytes,
// arrays row-major.
//
// Crash windows (the wire allows no better): a writer killed between its first and last store of a single slot leaves
// it unreadable until the next write; in a FIFO the record is not published, and readers go on with the others.

import { MemlaneError, wrongType } from '../../errors.js'
import { DTYPES, type DtypeInfo } from '../../record/dtypes.js'
import { checkFields, Field, type Fields } from '../../record/fields.js'
import { elementsOf } from '../../record/ndarray.js'

export const METADATA_SIZE: number = 24
/** Indices into a view of 64-bit words over the segment. */
export const WRITE_INDEX: number = 0
export const READ_INDEX: number = 1
export const COUNT: number = 2

export const SEQUENCE_SIZE: number = 8
export const STATUS: number = SEQUENCE_SIZE

/** What a field holds. */
export type FlexibleKind = 'float' | 'int' | 'bool' | 'str' | 'array'

/** Where a field lies in its slot. */
export interface FlexibleField {
  readonly name: string
  readonly kind: FlexibleKind
  readonly offset: number
  readonly size: number
  /** Code points of a `str`. */
  readonly length: number
  readonly dtype: DtypeInfo | undefined
  readonly shape: readonly number[]
}

/** Where each field of a record lies. Sizes and offsets are bytes. */
export interface FlexibleLayout {
  readonly fields: readonly FlexibleField[]
  readonly slotSize: number
  readonly slots: number
  readonly totalSize: number
}

const align8 = (value: number): number => Math.ceil(value / 8) * 8

/** A record type, or the fields themselves. */
export type FlexibleSchema = Fields | Field

/**
 * @throws MemlaneError `ERR_TYPE` for fields the format does not know, `ERR_RANGE`.
 */
export function layoutOf(schema: FlexibleSchema, slots: number): FlexibleLayout {
  const fields = fieldsOf(schema)
  const names = Object.keys(fields)
  let offset = align8(STATUS + names.length)
  const placed = names.map((name) => {
    const field = place(name, fields[name]!, offset)
    offset += field.size
    return field
  })
  const slotSize = align8(offset + SEQUENCE_SIZE)
  return { fields: placed, slotSize, slots, totalSize: (slots > 1 ? METADATA_SIZE : 0) + slots * slotSize }
}

function fieldsOf(schema: FlexibleSchema): Fields {
  if (!(schema instanceof Field)) return checkFields(schema)
  if (schema.spec.kind !== 'record') throw wrongType('schema', 'a record or an object of fields', schema)
  return schema.spec.fields
}

function place(name: string, field: Field, offset: number): FlexibleField {
  const { spec } = field
  const make = (kind: FlexibleKind, size: number, more: Partial<FlexibleField> = {}): FlexibleField => {
    return { name, kind, offset, size, length: 0, dtype: undefined, shape: [], ...more }
  }
  switch (spec.kind) {
    case 'f64':
      return make('float', 8)
    case 'i32':
      return make('int', 4)
    case 'bool':
      return make('bool', 1)
    case 'str':
      return make('str', 4 + 4 * spec.length, { length: spec.length })
    case 'array': {
      const dtype = DTYPES[spec.dtype]
      return make('array', elementsOf(spec.shape) * dtype.size, { dtype, shape: spec.shape })
    }
    default:
      throw new MemlaneError(
        'ERR_TYPE',
        `field ${JSON.stringify(name)} is ${spec.kind}; flexible-shared-memory knows f64 (float), i32 (int), bool, str(n) and array(dtype, shape)`,
      )
  }
}
