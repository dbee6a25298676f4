// record: reading code made for one schema. A loop over fields reads and stores at sites that see every type and name; a
// function that names its fields is several times faster and allocates no number. Where a host forbids making code from
// text (`--disallow-code-generation-from-strings`, a Content Security Policy), the loops in reader.ts do the same.
//
// Nothing but numbers and JSON-quoted field names goes into the text, so a schema that was read from shared memory can
// say nothing in it.

import { DTYPES } from './dtypes.js'
import { FieldValue } from './field-value.js'
import { CHANGED, type PlacedField, statusOffset } from './record.layout.js'
import type { RecordMemory } from './record-memory.js'

export interface GeneratedReading {
  fill(target: Record<string, unknown>, buffer: number): void
  snapshot(buffer: number, seen: number): Record<string, FieldValue>
  /** The record in place: what is in the buffer that `look` was told last. */
  readonly live: object
  look(buffer: number): void
}

/** Reads one field of the buffer `at`. */
function expression(field: PlacedField, how: 'read' | 'live' = 'read'): string {
  const { index, offset, isOutOfLine } = field
  const { kind } = field.field.spec
  if (isOutOfLine) return `fields[${index}].codec.${how}(bytes, store.place(fields[${index}], at))`
  if (kind === 'bool') return `u8[at + ${offset}] !== 0`
  const info = (DTYPES as Readonly<Record<string, { size: number }>>)[kind]
  if (info !== undefined) return `${kind}[(at + ${offset}) >>> ${Math.log2(info.size)}]`
  return `c${index}.${how}(bytes, at + ${offset})`
}

/** Numbers that JavaScript keeps in a property without making anything. */
function isPlainNumber({ field }: PlacedField): boolean {
  const { kind } = field.spec
  return kind in DTYPES && kind !== 'i64' && kind !== 'u64' && kind !== 'bool'
}

/** @returns undefined where code cannot be made from text. */
export function generateReading(store: RecordMemory): GeneratedReading | undefined {
  const { fields } = store.layout
  const status = statusOffset(fields.length)
  const fills = fields.map((field) => {
    const name = JSON.stringify(field.name)
    if (!field.codec.refills) return `target[${name}] = ${expression(field)}`
    const place = field.isOutOfLine ? `store.place(fields[${field.index}], at)` : `at + ${field.offset}`
    return `target[${name}] = fields[${field.index}].codec.readInto(bytes, ${place}, target[${name}])`
  })
  const values = fields.map((field) => {
    const { index } = field
    const bits = `(u8[at + ${status + index}] & 3) | (f64[(at + ${CHANGED + 8 * index}) >>> 3] > seen ? 4 : 0)`
    return `${JSON.stringify(field.name)}: new FieldValue(${expression(field)}, ${bits})`
  })
  // In place, numbers are copied when the view begins: a property costs a nanosecond, a getter fifteen.
  const copied = fields.filter((field) => isPlainNumber(field))
  const starts = copied.map(
    (field) => `this[${JSON.stringify(field.name)}] = ${field.field.spec.kind[0] === 'f' ? '0.5' : '0'}`,
  )
  const copies = copied.map((field) => `live[${JSON.stringify(field.name)}] = ${expression(field)}`)
  const getters = fields
    .filter((field) => !isPlainNumber(field))
    .map((field) => `get ${JSON.stringify(field.name)}() { return ${expression(field, 'live')} }`)
  const text = `'use strict'
    let at = 0
    class Live {
      constructor() { ${starts.join('\n')} }
      ${getters.join('\n')}
    }
    const live = Object.seal(new Live())
    const { u8, i8, u16, i16, u32, i32, f32, f64, u64, i64 } = bytes
    ${fields.map(({ index }) => `const c${index} = fields[${index}].codec`).join('\n')}
    return {
      fill(target, at) { ${fills.join('\n')} },
      snapshot(at, seen) { return { ${values.join(',\n')} } },
      live,
      look(buffer) {
        at = buffer
        ${copies.join('\n')}
      },
    }`
  try {
    return new Function('bytes', 'fields', 'store', 'FieldValue', text)(
      store.bytes,
      fields,
      store,
      FieldValue,
    ) as GeneratedReading
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}
