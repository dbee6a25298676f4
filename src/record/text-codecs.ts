// record: texts and bytes, of a length of their own within the field's.

import { wrongType } from '../errors.js'
import { type Bytes, copyOf } from './bytes.js'
import { Codec } from './codec.js'
import { cutAt, isWellFormed, loneSurrogate } from './text.js'

export class TextCodec extends Codec {
  readonly size: number
  readonly align = 4
  readonly #limit: number

  constructor(limit: number) {
    super()
    this.#limit = limit
    this.size = 4 + 4 * limit
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if (typeof value !== 'string') throw wrongType(what, 'a string', value)
    const { u8 } = bytes
    const start = at + 4
    const length = Math.min(value.length, this.#limit)
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 255) return this.#writeWide(bytes, at, value, what)
      u8[start + i] = unit
    }
    // Half a character is an error also where it is cut off.
    if (length < value.length && !isWellFormed(value)) throw loneSurrogate(value, what)
    bytes.u32[at >>> 2] = length << 1
    return length < value.length
  }

  #writeWide(bytes: Bytes, at: number, value: string, what: string): boolean {
    if (!isWellFormed(value)) throw loneSurrogate(value, what)
    const end = cutAt(value, this.#limit)
    const start = (at + 4) >>> 1
    for (let i = 0; i < end; i++) bytes.u16[start + i] = value.charCodeAt(i)
    bytes.u32[at >>> 2] = (end << 1) | 1
    return end < value.length
  }

  read(bytes: Bytes, at: number): string {
    const word = bytes.u32[at >>> 2]!
    const start = at + 4
    if ((word & 1) !== 0) {
      const length = Math.min(word >>> 1, 2 * this.#limit)
      return bytes.utf16(start, start + 2 * length)
    }
    const length = Math.min(word >>> 1, this.#limit)
    return bytes.latin1(start, start + length)
  }
}

/** @throws MemlaneError `ERR_TYPE`, also for a buffer that was transferred away. */
function given8(value: unknown, what: string): Uint8Array {
  try {
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value)
  } catch {
    throw wrongType(what, 'bytes that are still there', value)
  }
  throw wrongType(what, 'a Uint8Array, another view, or an ArrayBuffer', value)
}

export class BytesCodec extends Codec {
  override readonly refills = true
  readonly size: number
  readonly align = 8
  readonly #limit: number

  constructor(limit: number) {
    super()
    this.#limit = limit
    this.size = 8 + limit
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    const given = given8(value, what)
    const length = Math.min(given.length, this.#limit)
    bytes.u8.set(length < given.length ? given.subarray(0, length) : given, at + 8)
    bytes.u32[at >>> 2] = length
    return length < given.length
  }

  #length(bytes: Bytes, at: number): number {
    return Math.min(bytes.u32[at >>> 2]!, this.#limit)
  }

  read(bytes: Bytes, at: number): Uint8Array {
    return copyOf(bytes.u8, at + 8, this.#length(bytes, at))
  }

  override readInto(bytes: Bytes, at: number, target: unknown): unknown {
    const length = this.#length(bytes, at)
    if (!ArrayBuffer.isView(target) || !(target instanceof Uint8Array) || target.length !== length || length === 0)
      return this.read(bytes, at)
    target.set(bytes.u8.subarray(at + 8, at + 8 + length))
    return target
  }

  override live(bytes: Bytes, at: number): Uint8Array {
    return new Uint8Array(bytes.buffer, at + 8, this.#length(bytes, at))
  }
}
