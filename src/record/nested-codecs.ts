// record: fields made of fields.

import { outOfRange, wrongType } from '../errors.js'
import { roundUp } from '../sizes.js'
import type { Bytes } from './bytes.js'
import { Codec } from './codec.js'
import type { Field } from './fields.js'
import { isArray } from './ndarray.js'

export class OptionalCodec extends Codec {
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

export class RecordCodec extends Codec {
  readonly size: number
  readonly align: number
  readonly #members: readonly Member[]
  readonly #names: ReadonlySet<string>

  /** @param make gives the codec of a member. */
  constructor(fields: Readonly<Record<string, Field>>, make: (field: Field) => Codec) {
    super()
    let offset = 0
    let align = 1
    this.#members = Object.entries(fields).map(([name, field]) => {
      const codec = make(field)
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
    // A revoked proxy has no keys to look at, and says so in its own way.
    if (typeof value !== 'object' || value === null || isArray(value, what)) throw wrongType(what, 'an object', value)
    for (const name in value) {
      if (!this.#names.has(name)) throw wrongType(what, `an object of ${[...this.#names].join(', ')}`, name)
    }
    let truncated = false
    for (const { name, codec, offset, fallback, optional } of this.#members) {
      const own = (value as Record<string, unknown>)[name]
      const given = own === undefined ? fallback : own
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

export class ListCodec extends Codec {
  readonly size: number
  readonly align: number
  readonly #of: Codec
  readonly #count: number
  readonly #stride: number

  constructor(of: Codec, count: number) {
    super()
    this.#of = of
    this.#count = count
    // A byte also for what has none: the bytes of a record bound the time that reading it takes.
    this.#stride = Math.max(1, roundUp(of.size, of.align))
    this.align = of.align
    this.size = this.#stride * count
  }

  write(bytes: Bytes, at: number, value: unknown, what: string): boolean {
    if (!isArray(value, what)) throw wrongType(what, `a list of ${this.#count}`, value)
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
