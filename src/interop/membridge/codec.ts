// interop/membridge: values to bytes and back. Little-endian, packed, nothing aligned.
//
//   boolean       1 byte   0 or 1 (any other byte reads true)
//   number        8 bytes  f64
//   bigint, int   8 bytes  i64
//   string        4 bytes  u32 length n, then n bytes of UTF-8
//   Uint8Array    its bytes, without a length
//
// Encoding happens in private memory, before any lock is taken, so a value that is refused leaves no trace. Text is
// copied out before it is decoded: a decoder looks twice, and another process may write in between.

import { MemlaneError, outOfRange, wrongType } from '../../errors.js'
import { isInt, type Scalar, type SchemaEntry, sizeOf, type Tag, type TagTypes, unsupported } from './values.js'

const TWO_32 = 2 ** 32
const LEAST_I64 = -(2n ** 63n)
const MOST_I64 = 2n ** 63n - 1n

/** A string up to this many characters is cheaper to copy by a loop than by a call into the engine. */
const SHORT_TEXT = 24
/** The same for bytes. */
export const SHORT_BYTES = 32

// ---- whole numbers

/** Writes a safe integer as i64. */
export function setInt(view: DataView, at: number, value: number): void {
  const low = value | 0
  view.setInt32(at, low, true)
  // Most are of 32 bits: their upper half is their sign.
  view.setInt32(at + 4, low === value ? low >> 31 : high(value), true)
}

/** The upper 32 bits of a safe integer as i64. */
function high(value: number): number {
  return Math.floor(value / TWO_32)
}

/** An i64 from its halves. @throws MemlaneError `ERR_RANGE` when a number cannot hold it exactly. */
export function safeInt(high: number, low: number): number {
  const value = high * TWO_32 + low
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) throw unsafe(high, low)
  return value
}

function unsafe(high: number, low: number): MemlaneError {
  const value = (BigInt(high) << 32n) | BigInt(low)
  return new MemlaneError(
    'ERR_RANGE',
    `the integer ${value} does not fit into a number exactly (2^53 - 1 is the limit); read it as 'i64'`,
  )
}

/** @throws MemlaneError `ERR_RANGE` when the value is no i64. */
export function checkBigInt(value: bigint, what: string): bigint {
  if (value < LEAST_I64 || value > MOST_I64) throw outOfRange(what, 'from -(2^63) to 2^63 - 1', value)
  return value
}

// ---- text

interface Utf16 {
  isWellFormed(): boolean
}

/** Lone surrogates have no UTF-8. @throws MemlaneError `ERR_TYPE` saying where. */
export function checkText(text: string, what: string): void {
  if ((text as unknown as Utf16).isWellFormed()) return
  const at = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(text)?.index
  throw wrongType(what, `well-formed text; it has a lone surrogate at index ${at}`, text)
}

interface RawBuffer {
  utf8Write(text: string, at: number, room: number): number
  latin1Slice(from: number, to: number): string
  utf8Slice(from: number, to: number): string
}

const raw = Buffer.prototype as unknown as Partial<RawBuffer>
/** Node's and Bun's Buffer have direct entries that spare the look-up of an encoding's name. */
const DIRECT = typeof raw.utf8Write === 'function' && typeof raw.utf8Slice === 'function'

/** Writes well-formed text as UTF-8. @returns how many bytes; `room` must be enough for them. */
export function putText(bytes: Buffer, at: number, text: string, room: number): number {
  const length = text.length
  if (length <= SHORT_TEXT) {
    let i = 0
    for (; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) break
      bytes[at + i] = unit
    }
    if (i === length) return length
  }
  return DIRECT ? (bytes as unknown as RawBuffer).utf8Write(text, at, room) : bytes.write(text, at, room, 'utf8')
}

/** Decodes bytes that are all ASCII. */
export function getAscii(bytes: Buffer, from: number, to: number): string {
  return DIRECT ? (bytes as unknown as RawBuffer).latin1Slice(from, to) : bytes.toString('latin1', from, to)
}

/** Decodes private bytes leniently: one U+FFFD for each maximal ill-formed part, a byte order mark is kept. */
export function getText(bytes: Buffer, from: number, to: number): string {
  if (from === to) return ''
  return DIRECT ? (bytes as unknown as RawBuffer).utf8Slice(from, to) : bytes.toString('utf8', from, to)
}

// ---- private memory

/** Private bytes that grow as needed. */
export class Scratch {
  bytes: Buffer = Buffer.alloc(1024)
  view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
  length = 0

  /** Room for at least `length` more bytes behind what is there. */
  reserve(length: number): void {
    const needed = this.length + length
    if (needed <= this.bytes.length) return
    let grown: Buffer
    try {
      grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.bytes.length * 2, needed + 2 ** 24)))
    } catch (cause) {
      throw new MemlaneError('ERR_TOO_LARGE', `no private buffer of ${needed} bytes can be had in this runtime`, {
        cause,
      })
    }
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.view = new DataView(grown.buffer, grown.byteOffset, grown.byteLength)
  }

  clear(): void {
    this.length = 0
    // One huge message must not hold its memory for ever.
    if (this.bytes.length > 2 ** 20) {
      this.bytes = Buffer.alloc(1024)
      this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
    }
  }

  /** Appends one value. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`; what was appended before stays. */
  put(value: Scalar, what: string): void {
    switch (typeof value) {
      case 'number':
        this.reserve(8)
        this.view.setFloat64(this.length, value, true)
        this.length += 8
        return
      case 'string': {
        checkText(value, what)
        const most = value.length * 3
        this.reserve(4 + most)
        const bytes = putText(this.bytes, this.length + 4, value, most)
        this.view.setUint32(this.length, bytes, true)
        this.length += 4 + bytes
        return
      }
      case 'boolean':
        this.reserve(1)
        this.bytes[this.length++] = value ? 1 : 0
        return
      case 'bigint':
        this.reserve(8)
        this.view.setBigInt64(this.length, checkBigInt(value, what), true)
        this.length += 8
        return
    }
    if (isInt(value)) {
      this.reserve(8)
      setInt(this.view, this.length, value.value)
      this.length += 8
    } else if (isBytes(value)) {
      const length = value.length
      this.reserve(length)
      this.bytes.set(value, this.length)
      this.length += length
    } else {
      throw unsupported(what, value)
    }
  }

  /** Appends the elements of a list; with `nested` an element may itself be a list of values. */
  putAll(list: readonly unknown[], what: string, nested: boolean): void {
    const length = list.length
    for (let i = 0; i < length; i++) {
      const element = list[i]
      if (nested && Array.isArray(element)) this.putAll(element, `${what}[${i}]`, false)
      else this.put(element as Scalar, `${what}[${i}]`)
    }
  }
}

export function isBytes(value: unknown): value is Uint8Array {
  return ArrayBuffer.isView(value) && value instanceof Uint8Array
}

let idle: Scratch | undefined

/**
 * Empty private memory, until {@link giveBack}. A getter in a list may call back into this room: the inner call then
 * gets memory of its own.
 */
export function takeScratch(): Scratch {
  const scratch = idle ?? new Scratch()
  idle = undefined
  return scratch
}

export function giveBack(scratch: Scratch): void {
  scratch.clear()
  idle = scratch
}

// ---- reading

/** What a value of the tag was read as, when bytes are missing. */
export function tooShort(tag: Tag, needed: number, have: number): MemlaneError {
  return new MemlaneError(
    'ERR_RANGE',
    `not enough data to read '${tag}': it takes ${needed} byte(s), there are ${have}`,
  )
}

/**
 * Reads a value of fixed size. The caller has checked that its bytes are there.
 *
 * @throws MemlaneError `ERR_RANGE` for an `int` beyond 2^53 - 1.
 */
export function getFixed<T extends Exclude<Tag, 'str'>>(view: DataView, tag: T, at: number): TagTypes[T]
export function getFixed(view: DataView, tag: Tag, at: number): unknown {
  switch (tag) {
    case 'float':
    case 'f64':
      return view.getFloat64(at, true)
    case 'int':
      return safeInt(view.getInt32(at + 4, true), view.getUint32(at, true))
    case 'bool':
      return view.getUint8(at) !== 0
    case 'i64':
      return view.getBigInt64(at, true)
    case 'u64':
      return view.getBigUint64(at, true)
    case 'u8':
      return view.getUint8(at)
    case 'i32':
      return view.getInt32(at, true)
    case 'u32':
      return view.getUint32(at, true)
    default:
      return view.getFloat32(at, true)
  }
}

/**
 * How many bytes one value of the tag takes at `at`.
 *
 * @throws MemlaneError `ERR_RANGE` when it would pass `end`, `ERR_TYPE` for an unknown tag.
 */
export function extent(view: DataView, tag: Tag, at: number, end: number): number {
  const size = sizeOf(tag)
  if (at + size > end) throw tooShort(tag, size, Math.max(0, end - at))
  if (tag !== 'str') return size
  const needed = size + view.getUint32(at, true)
  if (at + needed > end) throw tooShort(tag, needed, end - at)
  return needed
}

/** How many bytes the values of a checked schema take, each within `end`. @throws MemlaneError `ERR_RANGE`. */
export function extentOf(view: DataView, schema: readonly SchemaEntry[], from: number, end: number): number {
  let at = from
  for (const [tag, count] of schema) {
    const size = sizeOf(tag)
    if (count * size > end - at) throw tooShort(tag, count * size, Math.max(0, end - at))
    if (tag !== 'str') at += count * size
    else for (let i = 0; i < count; i++) at += extent(view, tag, at, end)
  }
  return at - from
}

/**
 * Reads the values of a schema from private bytes. Count 1 gives the value itself, any other count a list.
 *
 * @throws MemlaneError `ERR_RANGE` when a value would pass `end`, or for an `int` beyond 2^53 - 1.
 */
export function getAll(bytes: Buffer, view: DataView, schema: readonly SchemaEntry[], end: number): unknown[] {
  const values: unknown[] = []
  let at = 0
  for (let i = 0; i < schema.length; i++) {
    const [tag, count] = schema[i]!
    const list: unknown[] = []
    for (let k = 0; k < count; k++) {
      const size = extent(view, tag, at, end)
      const value = tag === 'str' ? getText(bytes, at + 4, at + size) : getFixed(view, tag, at)
      at += size
      if (count === 1) values.push(value)
      else list.push(value)
    }
    if (count !== 1) values.push(list)
  }
  return values
}
