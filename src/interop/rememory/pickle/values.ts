// interop/rememory/pickle: Python's values that JavaScript has no type of its own for. All of them are immutable, but
// PyByteArray.

import { MemlaneError, outOfRange, wrongType } from '../../../errors.js'

const TUPLE: unique symbol = Symbol('tuple')

/** A Python tuple: a frozen array that knows that it is one. Made by {@link tuple}. */
export type PyTuple<T extends readonly unknown[] = readonly unknown[]> = T & { readonly [TUPLE]: true }

/**
 * Makes a Python tuple: a frozen array. Any other array is a list in Python.
 *
 * @example
 * import { tuple } from 'memlane/rememory'
 * const position = tuple(3, 4)
 * console.log(position[0], position.length)
 */
export function tuple<T extends readonly unknown[]>(...items: T): PyTuple<Readonly<T>> {
  return asTuple(items) as PyTuple<Readonly<T>>
}

/** Makes an array a tuple. */
export function asTuple(items: readonly unknown[]): PyTuple {
  Object.defineProperty(items, TUPLE, { value: true })
  return Object.freeze(items) as PyTuple
}

/** True for what {@link tuple} made, and for the tuples that were read. */
export function isTuple(value: unknown): value is PyTuple {
  return Array.isArray(value) && (value as { [TUPLE]?: true })[TUPLE] === true
}

/** A Python frozenset. It is a Set that refuses to change. */
export class PyFrozenSet<T = unknown> extends Set<T> {
  #made = false

  constructor(items: Iterable<T> = []) {
    super()
    for (const item of items) super.add(item)
    this.#made = true
  }

  override add(item: T): this {
    this.#refuse()
    return super.add(item)
  }

  override delete(item: T): boolean {
    this.#refuse()
    return super.delete(item)
  }

  override clear(): void {
    this.#refuse()
    super.clear()
  }

  #refuse(): void {
    if (this.#made) throw new MemlaneError('ERR_READ_ONLY', 'a frozenset cannot be changed')
  }
}

/** A Python bytearray. A plain Uint8Array is Python's bytes. */
export class PyByteArray extends Uint8Array {}

/** A number that is to be a float in Python even if it has no fraction: `new PyFloat(1)` is `1.0`. Floats are read as plain numbers. */
export class PyFloat {
  readonly value: number

  /** @throws MemlaneError `ERR_TYPE`. */
  constructor(value: number) {
    if (typeof value !== 'number') throw wrongType('value', 'a number', value)
    this.value = value
    Object.freeze(this)
  }

  /** The number that it stands for. */
  valueOf(): number {
    return this.value
  }
}

/** A Python complex number. */
export class PyComplex {
  readonly real: number
  readonly imag: number

  /** @throws MemlaneError `ERR_TYPE`. */
  constructor(real: number, imag: number) {
    if (typeof real !== 'number') throw wrongType('real', 'a number', real)
    if (typeof imag !== 'number') throw wrongType('imag', 'a number', imag)
    this.real = real
    this.imag = imag
    Object.freeze(this)
  }
}

const DECIMAL = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Infinity|Inf|s?NaN\d*)$/i

/** A Python decimal.Decimal, as its text. */
export class PyDecimal {
  readonly text: string

  /** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE` for text that is no decimal number. */
  constructor(text: string) {
    if (typeof text !== 'string') throw wrongType('text', 'a string', text)
    if (!DECIMAL.test(text)) throw outOfRange('text', 'a decimal number such as 1.50 or 1E+3', text)
    this.text = text
    Object.freeze(this)
  }

  /** As Python writes it. */
  toString(): string {
    return this.text
  }

  /** What JSON can say of it. */
  toJSON(): string {
    return this.text
  }
}

/** Checks a field of a date or time. */
function field(value: number, what: string, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(what, 'a number', value)
  if (!Number.isInteger(value) || value < least || value > most)
    throw outOfRange(what, `a whole number from ${least} to ${most}`, value)
  return value
}

const two = (value: number): string => String(value).padStart(2, '0')
const fraction = (microsecond: number): string => (microsecond === 0 ? '' : `.${String(microsecond).padStart(6, '0')}`)

/** A Python datetime.timedelta, normalised as Python does: only the days may be negative. */
export class PyTimeDelta {
  readonly days: number
  readonly seconds: number
  readonly microseconds: number

  /**
   * @param days -999999999 to 999999999. @param seconds 0 to 86399. @param microseconds 0 to 999999.
   * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`.
   */
  constructor(days: number, seconds: number = 0, microseconds: number = 0) {
    this.days = field(days, 'days', -999_999_999, 999_999_999)
    this.seconds = field(seconds, 'seconds', 0, 86_399)
    this.microseconds = field(microseconds, 'microseconds', 0, 999_999)
    Object.freeze(this)
  }

  /** A time span from milliseconds; what is below a microsecond is rounded away. @throws MemlaneError `ERR_RANGE`. */
  static fromMilliseconds(milliseconds: number): PyTimeDelta {
    const days = Math.floor(milliseconds / 86_400_000)
    let micro = Math.round((milliseconds - days * 86_400_000) * 1000)
    const carry = micro === 86_400_000_000 ? 1 : 0
    micro -= carry * 86_400_000_000
    return new PyTimeDelta(days + carry, Math.floor(micro / 1e6), micro % 1e6)
  }

  /** The same length in milliseconds. */
  toMilliseconds(): number {
    return this.days * 86_400_000 + this.seconds * 1000 + this.microseconds / 1000
  }

  /** What JSON can say of it. */
  toJSON(): number {
    return this.toMilliseconds()
  }
}

/** A Python datetime.timezone: a fixed offset from UTC, perhaps with a name. */
export class PyTimeZone {
  readonly offset: PyTimeDelta
  readonly name: string | undefined

  /** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE` for an offset of a day or more. */
  constructor(offset: PyTimeDelta, name?: string) {
    if (!(offset instanceof PyTimeDelta)) throw wrongType('offset', 'a PyTimeDelta', offset)
    if (name !== undefined && typeof name !== 'string') throw wrongType('name', 'a string', name)
    const ms = offset.toMilliseconds()
    if (Math.abs(ms) >= 86_400_000) throw outOfRange('offset', 'less than a day', ms)
    this.offset = offset
    this.name = name
    Object.freeze(this)
  }

  /** `+01:00`. */
  toString(): string {
    const total = this.offset.days * 86_400 + this.offset.seconds
    const at = Math.abs(total)
    const seconds = at % 60 === 0 ? '' : `:${two(at % 60)}`
    return `${total < 0 ? '-' : '+'}${two(Math.floor(at / 3600))}:${two(Math.floor(at / 60) % 60)}${seconds}`
  }
}

function zone(value: PyTimeZone | undefined): PyTimeZone | undefined {
  if (value !== undefined && !(value instanceof PyTimeZone)) throw wrongType('zone', 'a PyTimeZone', value)
  return value
}

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** A Python datetime.date. */
export class PyDate {
  readonly year: number
  readonly month: number
  readonly day: number

  /** @param month 1 to 12. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
  constructor(year: number, month: number, day: number) {
    this.year = field(year, 'year', 1, 9999)
    this.month = field(month, 'month', 1, 12)
    this.day = field(day, 'day', 1, daysIn(year, month))
    Object.freeze(this)
  }

  /** As Python writes it. */
  toString(): string {
    return `${String(this.year).padStart(4, '0')}-${two(this.month)}-${two(this.day)}`
  }

  /** What JSON can say of it. */
  toJSON(): string {
    return this.toString()
  }
}

/** The parts of a day that a {@link PyTime} and a {@link PyDateTime} have. */
export interface TimeParts {
  readonly hour?: number
  readonly minute?: number
  readonly second?: number
  readonly microsecond?: number
  /** 1: the second of two equal times, when clocks are put back. */
  readonly fold?: number
  readonly zone?: PyTimeZone | undefined
}

/** A Python datetime.time. */
export class PyTime {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: number
  readonly zone: PyTimeZone | undefined

  /** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
  constructor(parts: TimeParts = {}) {
    this.hour = field(parts.hour ?? 0, 'hour', 0, 23)
    this.minute = field(parts.minute ?? 0, 'minute', 0, 59)
    this.second = field(parts.second ?? 0, 'second', 0, 59)
    this.microsecond = field(parts.microsecond ?? 0, 'microsecond', 0, 999_999)
    this.fold = field(parts.fold ?? 0, 'fold', 0, 1)
    this.zone = zone(parts.zone)
    Object.freeze(this)
  }

  /** As Python writes it. */
  toString(): string {
    return `${two(this.hour)}:${two(this.minute)}:${two(this.second)}${fraction(this.microsecond)}${this.zone ?? ''}`
  }

  /** What JSON can say of it. */
  toJSON(): string {
    return this.toString()
  }
}

/** A Python datetime.datetime. Without a zone it is what Python calls naive. */
export class PyDateTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: number
  readonly zone: PyTimeZone | undefined

  /** @param month 1 to 12. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
  constructor(year: number, month: number, day: number, parts: TimeParts = {}) {
    const date = new PyDate(year, month, day)
    const time = new PyTime(parts)
    this.year = date.year
    this.month = date.month
    this.day = date.day
    this.hour = time.hour
    this.minute = time.minute
    this.second = time.second
    this.microsecond = time.microsecond
    this.fold = time.fold
    this.zone = time.zone
    Object.freeze(this)
  }

  /** The moment of a Date, in UTC. A Date that is stored becomes the same. @throws MemlaneError `ERR_RANGE`. */
  static from(date: Date): PyDateTime {
    return new PyDateTime(date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), {
      hour: date.getUTCHours(),
      minute: date.getUTCMinutes(),
      second: date.getUTCSeconds(),
      microsecond: date.getUTCMilliseconds() * 1000,
      zone: UTC,
    })
  }

  /** The moment, to the millisecond; without a zone its parts are taken for UTC. */
  toDate(): Date {
    const date = new Date(0)
    date.setUTCFullYear(this.year, this.month - 1, this.day)
    date.setUTCHours(this.hour, this.minute, this.second, Math.floor(this.microsecond / 1000))
    return new Date(date.getTime() - Math.round(this.zone?.offset.toMilliseconds() ?? 0))
  }

  /** As Python's isoformat(). */
  toString(): string {
    return `${new PyDate(this.year, this.month, this.day)}T${new PyTime(this)}`
  }

  /** What JSON can say of it. */
  toJSON(): string {
    return this.toString()
  }
}

/** datetime.timezone.utc. */
export const UTC: PyTimeZone = new PyTimeZone(new PyTimeDelta(0))
