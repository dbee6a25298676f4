// testing: the golden vectors of rememory, recorded from the real package, and their tagged values.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asTuple, PyByteArray, PyComplex, PyFloat, PyFrozenSet } from '../interop/rememory/pickle/index.js'

export type Tagged =
  | { t: 'none' }
  | { t: 'bool'; v: boolean }
  | { t: 'int' | 'str'; v: string }
  | { t: 'f64'; v: string; bits: string }
  | { t: 'bytes' | 'bytearray'; hex: string }
  | { t: 'list' | 'tuple' | 'set' | 'frozenset'; items: Tagged[] }
  | { t: 'dict'; items: [Tagged, Tagged][] }
  | { t: 'complex'; re: Tagged; im: Tagged }
  | { t: 'slice'; start: number | null; stop: number | null; step: number | null }

export interface Step {
  op: string
  on?: string
  as?: string
  key?: Tagged
  value?: Tagged
  args?: Tagged[]
  at?: number
  hex?: string
  result?: Tagged | { size: number; hex: string }
  error?: { type: string; message: string }
}

export interface Vector {
  name: string
  type: 'int' | 'float' | 'bool' | 'string' | 'block' | 'dict' | 'list'
  args: { int_type?: string; float_type?: string; block_size?: number; size?: number }
  steps: Step[]
  segment_size: number
  bytes_hex: string
  semaphore: { value: number }
}

const golden = resolve(dirname(fileURLToPath(import.meta.url)), '../../src/testing/golden')

export function rememoryVectors(): Vector[] {
  return JSON.parse(readFileSync(resolve(golden, 'rememory.json'), 'utf8')) as Vector[]
}

/** A tagged value as it is to be written: floats without a fraction keep their kind. */
export function toWrite(tagged: Tagged): unknown {
  return untag(tagged, true)
}

/** A tagged value as it is to be read. */
export function toRead(tagged: Tagged): unknown {
  return untag(tagged, false)
}

function untag(tagged: Tagged, writing: boolean): unknown {
  const inner = (one: Tagged): unknown => untag(one, writing)
  switch (tagged.t) {
    case 'none':
      return null
    case 'bool':
      return tagged.v
    case 'int':
      return Number.isSafeInteger(Number(tagged.v)) ? Number(tagged.v) : BigInt(tagged.v)
    case 'f64': {
      const value = Buffer.from(tagged.bits, 'hex').readDoubleBE(0)
      return writing && Number.isInteger(value) ? new PyFloat(value) : value
    }
    case 'str':
      return tagged.v
    case 'bytes':
      return Uint8Array.from(Buffer.from(tagged.hex, 'hex'))
    case 'bytearray':
      return new PyByteArray(Buffer.from(tagged.hex, 'hex'))
    case 'list':
      return tagged.items.map(inner)
    case 'tuple':
      return asTuple(tagged.items.map(inner))
    case 'set':
      return new Set(tagged.items.map(inner))
    case 'frozenset':
      return new PyFrozenSet(tagged.items.map(inner))
    case 'dict': {
      const pairs = tagged.items.map(([key, value]) => [inner(key), inner(value)] as const)
      return pairs.every(([key]) => typeof key === 'string') ? Object.fromEntries(pairs) : new Map(pairs)
    }
    case 'complex':
      return new PyComplex(untag(tagged.re, false) as number, untag(tagged.im, false) as number)
    case 'slice':
      return tagged
  }
}
