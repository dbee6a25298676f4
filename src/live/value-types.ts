// live: types of values beyond those that structured clone knows. A value is stored as the tag of its type and what `write` makes
// of it, and comes out as a copy that `read` makes of that.

import { describe, MemlaneError } from '../errors.js'
import type { Adapter } from '../heap/index.js'

/**
 * How values of one type are stored.
 *
 * @example
 * import { SharedHeap, type ValueType } from 'memlane'
 * class Money {
 *   constructor(readonly cents: number) {}
 * }
 * const money: ValueType<Money, number> = {
 *   tag: 'money',
 *   write: (value) => (value instanceof Money ? value.cents : undefined),
 *   read: (cents) => new Money(cents),
 * }
 * using heap = SharedHeap.open('shop', { types: [money] })
 * heap.map<string, Money>('prices').set('tea', new Money(250))
 */
export interface ValueType<T extends object = object, D = unknown> {
  /** Names the type in shared memory, for all programs: keep it. */
  readonly tag: string
  /** What a value of this type is stored as, itself anything that can be stored; `undefined` for a value that is of another type. */
  write(value: object): D | undefined
  /** The value again. May be called more than once, and with what a failed look at changing memory has read: it must only make a value. */
  read(data: D): T
}

const text = (
  tag: string,
  is: (value: object) => boolean,
  read: (data: string) => object,
): ValueType<object, string> => ({
  tag,
  write: (value) => (is(value) ? String(value) : undefined),
  read,
})

interface TemporalType {
  new (...args: never): object
  from(data: string): object
}

const { Temporal } = globalThis as { Temporal?: Readonly<Record<string, TemporalType>> }
const TEMPORAL = [
  'Instant',
  'ZonedDateTime',
  'PlainDateTime',
  'PlainDate',
  'PlainTime',
  'PlainYearMonth',
  'PlainMonthDay',
  'Duration',
] as const

/**
 * Types to give in `types` when a heap is opened.
 *
 * - `url`: `URL`
 * - `buffer`: `Buffer`, which is else stored as the `Uint8Array` it is
 * - `temporal`: the eight types of `Temporal`, where the runtime has them; else empty
 * - `decimal(Decimal)`: numbers of decimal.js, or of any class whose instances are made of their text
 */
export const valueTypes: {
  readonly url: ValueType<URL, string>
  readonly buffer: ValueType<Buffer, Uint8Array>
  readonly temporal: readonly ValueType<object, string>[]
  /** Of a class whose instances are made of a text, and give it. @param tag the same in all programs. */
  decimal<T extends object>(type: new (text: string) => T, tag?: string): ValueType<T, string>
} = {
  url: text(
    'URL',
    (value) => value instanceof URL,
    (data) => new URL(data),
  ) as ValueType<URL, string>,
  buffer: {
    tag: 'Buffer',
    write: (value) => (Buffer.isBuffer(value) ? new Uint8Array(value) : undefined),
    read: (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  },
  temporal: TEMPORAL.flatMap((name) => {
    const type = Temporal?.[name]
    return type === undefined
      ? []
      : [
          text(
            `Temporal.${name}`,
            (value) => value instanceof type,
            (data) => type.from(data),
          ),
        ]
  }),
  decimal: <T extends object>(type: new (text: string) => T, tag = 'Decimal') =>
    text(
      tag,
      (value) => value instanceof type,
      (data) => new type(data),
    ) as ValueType<T, string>,
}

/** @throws MemlaneError `ERR_TYPE` for what is no type, or two with one tag. */
export function typesFor(types: readonly ValueType[]): Pick<Adapter, 'typeOf' | 'typed'> {
  if (!Array.isArray(types)) throw new MemlaneError('ERR_TYPE', `types must be an array, got ${describe(types)}`)
  const byTag = new Map<string, ValueType>()
  for (const type of types as readonly (ValueType | null | undefined)[]) {
    const { tag, write, read } = type ?? ({} as Partial<ValueType>)
    if (typeof tag !== 'string' || tag === '' || typeof write !== 'function' || typeof read !== 'function')
      throw new MemlaneError(
        'ERR_TYPE',
        `a type is { tag, write, read }: a text and two functions; got ${describe(type)}`,
      )
    if (byTag.has(tag)) throw new MemlaneError('ERR_TYPE', `types has two of the tag ${JSON.stringify(tag)}`)
    byTag.set(tag, type as ValueType)
  }
  return {
    typeOf(value) {
      for (const type of byTag.values()) {
        const data = type.write(value)
        if (data === value)
          throw new MemlaneError(
            'ERR_TYPE',
            `write() of the type ${JSON.stringify(type.tag)} gave the value itself, not what it is stored as`,
          )
        if (data !== undefined) return [type.tag, data]
      }
      return undefined
    },
    typed(tag, data) {
      const type = byTag.get(tag)
      if (type === undefined) return undefined
      const value: unknown = type.read(data)
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
        throw new MemlaneError(
          'ERR_TYPE',
          `read() of the type ${JSON.stringify(tag)} gave ${describe(value)}, not an object`,
        )
      return value
    },
  }
}
