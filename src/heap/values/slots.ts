// heap/values: primitives in a slot. The two words of a result are left in fields, so that nothing is allocated.

import {
  CONST_FALSE,
  CONST_NULL,
  CONST_TRUE,
  CONST_UNDEFINED,
  FIRST_TAG,
  SHORT_MAX,
  TAG_CONST,
  TAG_INT,
  TAG_MASK,
  TAG_SHORT,
} from './values.layout.js'

const both = new Float64Array(1)
const words = new Int32Array(both.buffer)

/** The last result of `number` and `short`. */
export const slot: { low: number; high: number } = { low: 0, high: 0 }

export function setNumber(value: number): void {
  const whole = value | 0
  if (whole === value && (whole !== 0 || 1 / value > 0)) {
    slot.low = whole
    slot.high = TAG_INT
  } else if (!Number.isNaN(value)) {
    both[0] = value
    slot.low = words[0]!
    slot.high = words[1]!
  } else {
    slot.low = 0
    slot.high = 0x7ff80000
  }
}

export function setConstant(value: undefined | null | boolean): void {
  slot.low = value === undefined ? CONST_UNDEFINED : value === null ? CONST_NULL : value ? CONST_TRUE : CONST_FALSE
  slot.high = TAG_CONST
}

/** @returns false when the text needs a block. */
export function setShort(text: string): boolean {
  const length = text.length
  if (length > SHORT_MAX) return false
  let low = 0
  for (let i = 0; i < length && i < 4; i++) {
    const char = text.charCodeAt(i)
    if (char > 255) return false
    low |= char << (i << 3)
  }
  let high = TAG_SHORT | (length << 8)
  if (length === 5) {
    const char = text.charCodeAt(4)
    if (char > 255) return false
    high |= char
  }
  slot.low = low
  slot.high = high
  return true
}

export function getShort(low: number, high: number): string {
  const a = low & 0xff
  const b = (low >>> 8) & 0xff
  const c = (low >>> 16) & 0xff
  const d = low >>> 24
  switch ((high >>> 8) & 7) {
    case 0:
      return ''
    case 1:
      return String.fromCharCode(a)
    case 2:
      return String.fromCharCode(a, b)
    case 3:
      return String.fromCharCode(a, b, c)
    case 4:
      return String.fromCharCode(a, b, c, d)
    default:
      return String.fromCharCode(a, b, c, d, high & 0xff)
  }
}

export function getConstant(low: number): undefined | null | boolean {
  return low === CONST_NULL ? null : low === CONST_FALSE ? false : low === CONST_TRUE ? true : undefined
}

export function isDouble(high: number): boolean {
  return high >= 0 || high < FIRST_TAG
}

/** True for slots that lead nowhere: numbers, constants, short strings. */
export function isPlain(high: number): boolean {
  const tag = high & TAG_MASK
  return high >= 0 || high < FIRST_TAG || tag === TAG_INT || tag === TAG_CONST || tag === TAG_SHORT
}
