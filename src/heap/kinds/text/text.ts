// heap/kinds/text: strings to bytes and back. Latin1 where every character fits, else UTF-16: fixed width, so that reading
// them is total on any bytes, and lone surrogates stay what they are.
//
// Short ones go through a loop, long ones through Buffer's natives; 24 and 10 characters are where the natives win.

import { Buffer } from 'node:buffer'

const ENCODE_LOOP = 24
const DECODE_LOOP = 10

/** Longest string a JavaScript engine makes, so that a garbage length cannot ask for more. */
const CHARS_MAX = 0x1fffffe8

/** What Buffer.write and toString end in, without the reading of arguments; all runtimes have them, no types name them. */
interface NativeText {
  latin1Slice(start: number, end: number): string
  ucs2Slice(start: number, end: number): string
  latin1Write(text: string, offset: number, length: number): number
  ucs2Write(text: string, offset: number, length: number): number
}

export function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 255) return false
  }
  return true
}

/** The bytes of one memory, with the natives that turn them into strings. */
export class TextBytes {
  readonly #u8: Uint8Array
  readonly #bytes: NativeText

  constructor(u8: Uint8Array) {
    this.#u8 = u8
    this.#bytes = Buffer.from(u8.buffer as ArrayBuffer, u8.byteOffset, u8.byteLength) as unknown as NativeText
  }

  write(byte: number, text: string, wide: boolean): void {
    const u8 = this.#u8
    if (wide) {
      this.#bytes.ucs2Write(text, byte, text.length * 2)
    } else if (text.length <= ENCODE_LOOP) {
      for (let i = 0; i < text.length; i++) {
        u8[byte + i] = text.charCodeAt(i)
      }
    } else {
      this.#bytes.latin1Write(text, byte, text.length)
    }
  }

  /** Total: a length beyond the memory is cut. */
  read(byte: number, length: number, wide: boolean): string {
    if (wide) {
      const chars = length > CHARS_MAX ? CHARS_MAX : length
      if (!(byte >= 0 && byte < this.#u8.length && chars > 0)) return ''
      return this.#bytes.ucs2Slice(byte, byte + chars * 2)
    }
    if (length <= DECODE_LOOP) {
      const u8 = this.#u8
      switch (length) {
        case 1:
          return String.fromCharCode(u8[byte]!)
        case 2:
          return String.fromCharCode(u8[byte]!, u8[byte + 1]!)
        case 3:
          return String.fromCharCode(u8[byte]!, u8[byte + 1]!, u8[byte + 2]!)
        case 4:
          return String.fromCharCode(u8[byte]!, u8[byte + 1]!, u8[byte + 2]!, u8[byte + 3]!)
        case 5:
          return String.fromCharCode(u8[byte]!, u8[byte + 1]!, u8[byte + 2]!, u8[byte + 3]!, u8[byte + 4]!)
        case 6:
          return String.fromCharCode(
            u8[byte]!,
            u8[byte + 1]!,
            u8[byte + 2]!,
            u8[byte + 3]!,
            u8[byte + 4]!,
            u8[byte + 5]!,
          )
        case 7:
          return String.fromCharCode(
            u8[byte]!,
            u8[byte + 1]!,
            u8[byte + 2]!,
            u8[byte + 3]!,
            u8[byte + 4]!,
            u8[byte + 5]!,
            u8[byte + 6]!,
          )
        case 8:
          return String.fromCharCode(
            u8[byte]!,
            u8[byte + 1]!,
            u8[byte + 2]!,
            u8[byte + 3]!,
            u8[byte + 4]!,
            u8[byte + 5]!,
            u8[byte + 6]!,
            u8[byte + 7]!,
          )
        default:
          if (!(length > 0)) return ''
      }
    }
    const chars = length > CHARS_MAX ? CHARS_MAX : length
    if (!(byte >= 0 && byte < this.#u8.length)) return ''
    return this.#bytes.latin1Slice(byte, byte + chars)
  }

  /** True when the bytes are this text. */
  equals(byte: number, text: string, wide: boolean): boolean {
    const u8 = this.#u8
    const length = text.length
    if (wide) {
      for (let i = 0; i < length; i++) {
        if ((u8[byte + 2 * i]! | (u8[byte + 2 * i + 1]! << 8)) !== text.charCodeAt(i)) return false
      }
      return true
    }
    for (let i = 0; i < length; i++) {
      if (u8[byte + i] !== text.charCodeAt(i)) return false
    }
    return true
  }
}
