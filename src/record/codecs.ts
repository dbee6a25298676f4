// record: how each kind of field lies in memory. Writing checks; reading is total: any bytes give some value, because a
// reader may look at bytes that are just being written, and finds out afterwards.
//
//   number, bool        the value, aligned to its size
//   oneOf               u8, index of the choice
//   str(n)              0         4                          text as latin1, or as UTF-16 where a character needs it:
//                       | length  | 4 n bytes |              fixed width, so any bytes are some text
//                       length = UTF-16 units << 1 | wide
//   bytes(n)            | length u32 | zeros u32 | n bytes |
//   array               the elements, row-major, aligned to 8
//   optional(x)         | present u8 | padding | x |
//   record, list        the members, each aligned; a list's stride is its element's size, rounded up to its alignment

import { MemlaneError, outOfRange, wrongType } from '../errors.js'
import { roundUp } from '../sizes.js'
import type { Bytes } from './bytes.js'
import { type AnyTypedArray, checkNumber, DTYPES, type DtypeInfo } from './dtypes.js'
import type { Field, FieldSpec } from './fields.js'
import { elementsOf, flatten, type NdArray, sameShape, strideOf } from './ndarray.js'
import { cutAt, isWellFormed, loneSurrogate } from './text.js'

export abstract class Codec {
  abstract readonly size: number
  abstract readonly align: number
  /** @returns true when the value had to be cut. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_MISMATCH`. */
  abstract write(bytes: Bytes, at: number, value: unknown, what: string): boolean
  abstract read(bytes: Bytes, at: number): unknown
  /** True where `readInto` can use what the caller has. */
  readonly refills: boolean = false
  /** Like `read`, but into what the caller has, where that is possible without making anything new. */
  readInto(bytes: Bytes, at: number, _target: unknown): unknown {
    return this.read(bytes, at)
  }
  /** In place, for `view`: arrays are views, everything else is as `read` gives it. */
  live(bytes: Bytes, at: number): unknown {
    return this.read(bytes, at)
  }
}

class F64Codec extends Codec {
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

class I32Codec extends Codec {
  readonly size = 4
  readonly align = 4
  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if ((value as number) !== ((value as number) | 0)) checkNumber(DTYPES.i32, value, what)
    bytes.i32[at >>> 2] = Number(value)
    return false
  }
  read(bytes: Bytes, at: number): number {
    return bytes.i32[at >>> 2]!
  }
}

class BoolCodec extends Codec {
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

class NumberCodec extends Codec {
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

class ChoiceCodec extends Codec {
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

class TextCodec extends Codec {
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
    bytes.u32[at >>> 2] = length << 1
    return length < value.length
  }

  #writeWide(bytes: Bytes, at: number, value: string, what: string): boolean {
    const end = cutAt(value, this.#limit)
    const text = end < value.length ? value.slice(0, end) : value
    if (!isWellFormed(text)) throw loneSurrogate(text, what)
    const start = (at + 4) >>> 1
    for (let i = 0; i < end; i++) bytes.u16[start + i] = text.charCodeAt(i)
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

class BytesCodec extends Codec {
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
    let given: Uint8Array
    if (ArrayBuffer.isView(value)) given = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    else if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) given = new Uint8Array(value)
    else throw wrongType(what, 'a Uint8Array, another view, or an ArrayBuffer', value)
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
    if (!(target instanceof Uint8Array) || target.length !== length) return this.read(bytes, at)
    target.set(bytes.u8.subarray(at + 8, at + 8 + length))
    return target
  }

  override live(bytes: Bytes, at: number): Uint8Array {
    return new Uint8Array(bytes.buffer, at + 8, this.#length(bytes, at))
  }
}

/** A copy in memory that was not cleared first: every byte is written at once. */
function copyOf(u8: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer, 0, length)
  copy.set(u8.subarray(at, at + length))
  return copy
}

export class ArrayCodec extends Codec {
  override readonly refills = true
  readonly size: number
  readonly align = 8
  readonly shape: readonly number[]
  readonly info: DtypeInfo
  readonly #count: number
  readonly #stride: readonly number[]
  /** Views that `view` and `update` gave out before, by place: there are only so many buffers. */
  readonly #views = new Map<number, AnyTypedArray>()

  constructor(info: DtypeInfo, shape: readonly number[]) {
    super()
    this.info = info
    this.shape = shape
    this.#count = elementsOf(shape)
    this.#stride = Object.freeze(strideOf(shape))
    this.size = this.#count * info.size
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    const target = this.live(bytes, at)
    // The common case: a typed array of the very kind and length.
    if (value instanceof this.info.array && value.length === this.#count && this.info.name !== 'bool') {
      target.set(value as never)
      return false
    }
    const { elements, shape } = flatten(value, what)
    const other = shape === undefined ? elements.length !== this.#count : !sameShape(shape, this.shape)
    const sameKind = elements instanceof this.info.array && this.info.name !== 'bool'
    if (other && ArrayBuffer.isView(elements) && !sameKind) {
      const given = shape === undefined ? `${elements.length} elements` : `shape [${shape.join(', ')}]`
      throw new MemlaneError(
        'ERR_MISMATCH',
        `${what} is array('${this.info.name}', [${this.shape.join(', ')}]), got ${(elements as object).constructor.name} of ${given}: neither type nor shape fit`,
      )
    }
    if (sameKind) {
      const source = elements as unknown as Uint8Array
      target.set(source.subarray(0, Math.min(source.length, this.#count)) as never)
    } else {
      // Checked also where they are cut off: a wrong element is an error either way.
      for (let i = 0; i < elements.length; i++) {
        const element = checkNumber(this.info, elements[i], what)
        if (i < this.#count) target[i] = element as never
      }
    }
    if (elements.length < this.#count) target.fill(0 as never, elements.length)
    return other
  }

  read(bytes: Bytes, at: number): NdArray {
    const copy = copyOf(bytes.u8, at, this.size)
    return this.#wrap(new this.info.array(copy.buffer, 0, this.#count))
  }

  #wrap(data: AnyTypedArray): NdArray {
    return { data, shape: this.shape, stride: this.#stride, offset: 0 }
  }

  override readInto(bytes: Bytes, at: number, target: unknown): unknown {
    const data = (ArrayBuffer.isView(target) ? target : (target as NdArray | undefined)?.data) as
      | AnyTypedArray
      | undefined
    if (!(data instanceof this.info.array) || data.length !== this.#count) return this.read(bytes, at)
    data.set(this.live(bytes, at) as never)
    return target
  }

  override live(bytes: Bytes, at: number): AnyTypedArray {
    let view = this.#views.get(at)
    if (view === undefined || view.buffer !== bytes.buffer) {
      view = new this.info.array(bytes.buffer, at, this.#count)
      this.#views.set(at, view)
    }
    return view
  }
}

class OptionalCodec extends Codec {
  override readonly refills = true
  readonly size: number
  readonly align: number
  readonly #of: Codec

  constructor(of: Codec) {
    super()
    this.#of = of
    this.align = of.align
    this.size = of.align + of.size
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    bytes.u8[at] = value === undefined ? 0 : 1
    return value !== undefined && this.#of.write(bytes, at + this.align, value, what)
  }

  read(bytes: Bytes, at: number): unknown {
    return bytes.u8[at] === 0 ? undefined : this.#of.read(bytes, at + this.align)
  }

  override readInto(bytes: Bytes, at: number, target: unknown): unknown {
    return bytes.u8[at] === 0 ? undefined : this.#of.readInto(bytes, at + this.align, target)
  }

  override live(bytes: Bytes, at: number): unknown {
    return bytes.u8[at] === 0 ? undefined : this.#of.live(bytes, at + this.align)
  }
}

interface Member {
  readonly name: string
  readonly codec: Codec
  readonly offset: number
  readonly fallback: unknown
  readonly optional: boolean
}

class RecordCodec extends Codec {
  readonly size: number
  readonly align: number
  readonly #members: readonly Member[]
  readonly #names: ReadonlySet<string>

  constructor(fields: Readonly<Record<string, Field>>) {
    super()
    let offset = 0
    let align = 1
    this.#members = Object.entries(fields).map(([name, field]) => {
      const codec = codecOf(field.spec)
      const place = roundUp(offset, codec.align)
      offset = place + codec.size
      align = Math.max(align, codec.align)
      return { name, codec, offset: place, fallback: field.fallback, optional: field.spec.kind === 'optional' }
    })
    this.#names = new Set(Object.keys(fields))
    this.align = align
    this.size = roundUp(offset, align)
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if (typeof value !== 'object' || value === null) throw wrongType(what, 'an object', value)
    for (const name in value) {
      if (!this.#names.has(name)) throw wrongType(what, `an object of ${[...this.#names].join(', ')}`, name)
    }
    let truncated = false
    for (const { name, codec, offset, fallback, optional } of this.#members) {
      const given = (value as Record<string, unknown>)[name] ?? fallback
      if (given === undefined && !optional) throw wrongType(`${what}.${name}`, 'given, as it has no default', given)
      if (codec.write(bytes, at + offset, given, `${what}.${name}`)) truncated = true
    }
    return truncated
  }

  read(bytes: Bytes, at: number): Record<string, unknown> {
    const value: Record<string, unknown> = {}
    for (const { name, codec, offset } of this.#members) value[name] = codec.read(bytes, at + offset)
    return value
  }
}

class ListCodec extends Codec {
  readonly size: number
  readonly align: number
  readonly #of: Codec
  readonly #count: number
  readonly #stride: number

  constructor(of: Codec, count: number) {
    super()
    this.#of = of
    this.#count = count
    this.#stride = roundUp(of.size, of.align)
    this.align = of.align
    this.size = this.#stride * count
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if (!Array.isArray(value)) throw wrongType(what, `a list of ${this.#count}`, value)
    if (value.length !== this.#count) throw outOfRange(`the length of ${what}`, `${this.#count}`, value.length)
    let truncated = false
    for (let i = 0; i < this.#count; i++) {
      if (this.#of.write(bytes, at + i * this.#stride, value[i], `${what}[${i}]`)) truncated = true
    }
    return truncated
  }

  read(bytes: Bytes, at: number): unknown[] {
    return Array.from({ length: this.#count }, (_, i) => this.#of.read(bytes, at + i * this.#stride))
  }
}

/** The codec of a field; every call makes a new one, which belongs to one memory. */
export function codecOf(spec: FieldSpec): Codec {
  switch (spec.kind) {
    case 'f64':
      return new F64Codec()
    case 'i32':
      return new I32Codec()
    case 'bool':
      return new BoolCodec()
    case 'str':
      return new TextCodec(spec.length)
    case 'bytes':
      return new BytesCodec(spec.length)
    case 'array':
      return new ArrayCodec(DTYPES[spec.dtype], spec.shape)
    case 'oneOf':
      return new ChoiceCodec(spec.choices)
    case 'optional':
      return new OptionalCodec(codecOf(spec.of.spec))
    case 'record':
      return new RecordCodec(spec.fields)
    case 'list':
      return new ListCodec(codecOf(spec.of.spec), spec.count)
    default:
      return new NumberCodec(DTYPES[spec.kind])
  }
}
