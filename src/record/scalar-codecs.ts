// record: numbers, booleans and choices.

import { outOfRange, wrongType } from '../errors.js'
import type { Bytes } from './bytes.js'
import { Codec } from './codec.js'
import { checkNumber, DTYPES, type DtypeInfo } from './dtypes.js'

export class F64Codec extends Codec {
  readonly size = 8
  readonly align = 8
  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if (typeof value !== 'number') throw wrongType(what, 'a number', value)
    bytes.f64[at >>> 3] = value
    return false
  }
  read(bytes: Bytes, at: number): number {
    return bytes.f64[at >>> 3]!
  }
}

export class I32Codec extends Codec {
  readonly size = 4
  readonly align = 4
  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    // Looked at before it is compared: what is no number may have code of its own, or none for `|`.
    if (typeof value !== 'number' || value !== (value | 0)) checkNumber(DTYPES.i32, value, what)
    bytes.i32[at >>> 2] = Number(value)
    return false
  }
  read(bytes: Bytes, at: number): number {
    return bytes.i32[at >>> 2]!
  }
}

export class BoolCodec extends Codec {
  readonly size = 1
  readonly align = 1
  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if (typeof value !== 'boolean') throw wrongType(what, 'a boolean', value)
    bytes.u8[at] = value ? 1 : 0
    return false
  }
  read(bytes: Bytes, at: number): boolean {
    return bytes.u8[at] !== 0
  }
}

export class NumberCodec extends Codec {
  readonly size: number
  readonly align: number
  readonly #info: DtypeInfo
  readonly #shift: number

  constructor(info: DtypeInfo) {
    super()
    this.#info = info
    this.size = info.size
    this.align = info.size
    this.#shift = Math.log2(info.size)
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    const elements = bytes[this.#info.name as 'u8'] as Uint8Array
    elements[at >>> this.#shift] = checkNumber(this.#info, value, what) as number
    return false
  }

  read(bytes: Bytes, at: number): unknown {
    return bytes[this.#info.name as 'u8'][at >>> this.#shift]
  }
}

export class ChoiceCodec extends Codec {
  readonly size = 1
  readonly align = 1
  readonly #choices: readonly string[]

  constructor(choices: readonly string[]) {
    super()
    this.#choices = choices
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    const index = this.#choices.indexOf(value as string)
    if (index < 0)
      throw outOfRange(what, `one of ${this.#choices.map((choice) => JSON.stringify(choice)).join(', ')}`, value)
    bytes.u8[at] = index
    return false
  }

  read(bytes: Bytes, at: number): string {
    return this.#choices[bytes.u8[at]!] ?? this.#choices[0]!
  }
}
