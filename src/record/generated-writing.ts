// record: writing code made for one schema, for the same reason and with the same care as the reading code in
// generated.ts: a loop over fields stores at sites that see every type and name.

import { DTYPES, MOST_F32 } from './dtypes.js'
import { TRUNCATED } from './field-value.js'
import { CHANGED, type PlacedField, statusOffset } from './record.layout.js'
import type { RecordMemory } from './record-memory.js'

/** Stores the fields of `values` in the buffer `to`. Throws what a field's codec throws, and for a name that is no field. */
export type GeneratedWriting = (values: object, to: number) => void

/** Names are found by comparing them one after another, so the code is not made for many. */
const MOST_FIELDS = 24

/** A statement that stores `v` at the field's place and leaves its status in `bits`. */
function storing({ index, offset, isOutOfLine, field }: PlacedField): string {
  const { kind } = field.spec
  if (isOutOfLine)
    return `bits = fields[${index}].codec.write(bytes, turn(fields[${index}]), v, names[${index}]) ? ${TRUNCATED} : 0`
  const place = `to + ${offset}`
  const general = `bits = c${index}.write(bytes, ${place}, v, names[${index}]) ? ${TRUNCATED} : 0`
  if (kind === 'f64') return `if (typeof v === 'number') f64[(${place}) >>> 3] = v; else ${general}`
  // What is beyond, infinite or no number goes the general way, which tells them apart.
  if (kind === 'f32')
    return `if (typeof v === 'number' && v >= -${MOST_F32} && v <= ${MOST_F32}) f32[(${place}) >>> 2] = v; else ${general}`
  if (kind === 'bool') return `if (typeof v === 'boolean') u8[${place}] = v ? 1 : 0; else ${general}`
  const info = (DTYPES as Readonly<Record<string, (typeof DTYPES)['i32'] | undefined>>)[kind]
  if (info === undefined || info.big) return general
  const shift = Math.log2(info.size)
  return `if (Number.isInteger(v) && v >= ${info.least} && v <= ${info.most}) ${kind}[(${place}) >>> ${shift}] = v; else ${general}`
}

/**
 * @param turn gives the place to fill of a field whose elements lie outside the record.
 * @param unknown throws for a name that is no field.
 * @returns undefined where code cannot be made from text, or would not be worth it.
 */
export function generateWriting(
  store: RecordMemory,
  turn: (field: PlacedField) => number,
  unknown: (name: string) => void,
): GeneratedWriting | undefined {
  const { fields } = store.layout
  if (fields.length > MOST_FIELDS) return undefined
  const status = statusOffset(fields.length)
  const cases = fields.map(
    (field) => `
        case ${JSON.stringify(field.name)}:
          ${storing(field)}
          f64[(to + ${CHANGED + 8 * field.index}) >>> 3] = sequence
          u8[to + ${status + field.index}] = bits
          break`,
  )
  const text = `'use strict'
    const { u8, i8, u16, i16, u32, i32, f32, f64 } = bytes
    ${fields.map(({ index }) => `const c${index} = fields[${index}].codec`).join('\n')}
    return function write(values, to) {
      const sequence = f64[to >>> 3]
      for (const name in values) {
        const v = values[name]
        let bits = 0
        switch (name) {${cases.join('')}
        default:
          unknown(name)
        }
      }
    }`
  const names = fields.map(({ name }) => name)
  try {
    return new Function('bytes', 'fields', 'names', 'turn', 'unknown', text)(
      store.bytes,
      fields,
      names,
      turn,
      unknown,
    ) as GeneratedWriting
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}
