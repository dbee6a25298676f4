// testing: the golden vectors of flexible-shared-memory, recorded from the real package, and their tagged values.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DTYPES, type Dtype } from '../record/dtypes.js'
import { array, bool, type Field, f64, i32, str } from '../record/fields.js'

export type Tagged =
  | { t: 'none' }
  | { t: 'bool'; v: boolean }
  | { t: 'i64' | 'f64' | 'str'; v: string; bits?: string }
  | { t: 'list'; items: Tagged[] }
  | { t: 'ndarray'; dtype: string; shape: number[]; hex: string }

export interface FieldResult {
  value: Tagged
  valid: boolean
  modified: boolean
  truncated: boolean
  unwritten: boolean
}

export interface Step {
  op: 'write' | 'finalize' | 'read' | 'open' | 'poke' | 'dump'
  on?: string
  as?: string
  fields?: Record<string, Tagged>
  at?: number
  hex?: string
  latest?: boolean
  reset_modified?: boolean
  result?: Record<string, FieldResult> | { t: 'bytes'; hex: string } | null
  error?: { type: string; message: string }
}

export interface Vector {
  name: string
  schema: [string, string][]
  slots: number
  layout: { slot_size: number; total_size: number; offsets: Record<string, number>; sizes: Record<string, number> }
  steps: Step[]
  bytes_hex: string
}

// The golden files lie beside the sources; tests run from dist/testing.
const golden = resolve(dirname(fileURLToPath(import.meta.url)), '../../src/testing/golden')

export function flexibleVectors(): Vector[] {
  return JSON.parse(readFileSync(resolve(golden, 'flexible.json'), 'utf8')) as Vector[]
}

const DTYPE_OF: Record<string, Dtype> = {
  float32: 'f32',
  float64: 'f64',
  int8: 'i8',
  int16: 'i16',
  int32: 'i32',
  int64: 'i64',
  uint8: 'u8',
  uint16: 'u16',
  uint32: 'u32',
  uint64: 'u64',
  bool: 'bool',
}

/** A Python annotation as a field. */
export function fieldOf(annotation: string): Field {
  const match = /^(\w+)(?:\[([\d,]+)\])?$/.exec(annotation)
  const [, name, sizes] = match ?? []
  if (sizes === undefined) return ({ float: f64, int: i32, bool } as Record<string, () => Field>)[name!]!()
  if (name === 'str') return str(Number(sizes)) as Field
  return array(DTYPE_OF[name!]!, sizes.split(',').map(Number)) as Field
}

/** A tagged value as JavaScript has it. */
export function untag(tagged: Tagged): unknown {
  switch (tagged.t) {
    case 'none':
      return null
    case 'bool':
      return tagged.v
    case 'i64':
      return Number.isSafeInteger(Number(tagged.v)) ? Number(tagged.v) : BigInt(tagged.v)
    case 'f64':
      return Buffer.from(tagged.bits!, 'hex').readDoubleBE(0)
    case 'str':
      return tagged.v
    case 'list':
      return tagged.items.map(untag)
    case 'ndarray': {
      const info = DTYPES[DTYPE_OF[tagged.dtype]!]
      const bytes = Uint8Array.from(Buffer.from(tagged.hex, 'hex'))
      const data = new info.array(bytes.buffer, 0, bytes.length / info.size)
      return { data, shape: tagged.shape, dtype: tagged.dtype }
    }
  }
}
