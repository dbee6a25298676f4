// cli: looks into a single number or switch that has a segment of its own.

import { typeOfCode } from '../../collections/cells/int-types.js'
import { INTEREST, VALUE } from '../../collections/cells/word.layout.js'
import type { Segment } from '../../segment/index.js'
import { type Kind, parameterOf, wordAt } from './kind.js'

interface Read {
  readonly type: string
  readonly value: number | bigint | boolean
}

function bytesOf(segment: Segment): DataView {
  const bytes = new DataView(new ArrayBuffer(8))
  // Two loads: a 64-bit value that changes in between is shown torn, for once, to a person.
  for (const at of [0, 4]) bytes.setInt32(at, wordAt(segment, VALUE + at), true)
  return bytes
}

function readInt(segment: Segment): Read {
  const code = parameterOf(segment)
  const bytes = bytesOf(segment)
  switch (typeOfCode(code)) {
    case 'int8':
      return { type: 'int8', value: bytes.getInt8(0) }
    case 'uint8':
      return { type: 'uint8', value: bytes.getUint8(0) }
    case 'int16':
      return { type: 'int16', value: bytes.getInt16(0, true) }
    case 'uint16':
      return { type: 'uint16', value: bytes.getUint16(0, true) }
    case 'int32':
      return { type: 'int32', value: bytes.getInt32(0, true) }
    case 'uint32':
      return { type: 'uint32', value: bytes.getUint32(0, true) }
    case 'int64':
      return { type: 'int64', value: bytes.getBigInt64(0, true) }
    case 'uint64':
      return { type: 'uint64', value: bytes.getBigUint64(0, true) }
    default:
      return { type: `unknown (${code})`, value: bytes.getBigUint64(0, true) }
  }
}

function readFloat(segment: Segment): Read {
  const bytes = bytesOf(segment)
  return parameterOf(segment) === 32
    ? { type: 'float32', value: bytes.getFloat32(0, true) }
    : { type: 'float64', value: bytes.getFloat64(0, true) }
}

const readBool = (segment: Segment): Read => ({ type: 'bool', value: bytesOf(segment).getUint8(0) !== 0 })

function kind(name: string, read: (segment: Segment) => Read): Kind {
  return {
    kind: name,
    summary(segment) {
      const { type, value } = read(segment)
      return type === 'bool' ? String(value) : `${type} ${value}`
    },
    inspect(segment) {
      const { type, value } = read(segment)
      // JSON has no NaN and no infinity.
      const shown = typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
      return { facts: { type, value: shown, 'watched or waited for': wordAt(segment, INTEREST) !== 0 }, held: [] }
    },
  }
}

export const int: Kind = kind('int', readInt)
export const float: Kind = kind('float', readFloat)
export const bool: Kind = kind('bool', readBool)
