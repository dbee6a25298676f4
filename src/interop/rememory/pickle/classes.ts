// interop/rememory/pickle: the classes whose objects are plain data, and how each is taken apart and put together. What is
// not here is never made: a name in a pickle is looked up in this table, and nowhere else.

import {
  PyByteArray,
  PyComplex,
  PyDate,
  PyDateTime,
  PyDecimal,
  PyFloat,
  PyTime,
  PyTimeDelta,
  PyTimeZone,
  type TimeParts,
} from './values.js'

/** A class as it stands in a pickle. */
export interface KnownClass {
  readonly module: string
  readonly name: string
  /** @returns undefined for arguments that its Python class would refuse, too. May throw a MemlaneError for the same reason. */
  make(args: readonly unknown[]): unknown
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array && !(value instanceof PyByteArray)
const isZone = (value: unknown): value is PyTimeZone | undefined => value === undefined || value instanceof PyTimeZone

export const BYTEARRAY: KnownClass = {
  module: 'builtins',
  name: 'bytearray',
  make([bytes = new Uint8Array(0), ...rest]) {
    return isBytes(bytes) && rest.length === 0 ? new PyByteArray(bytes) : undefined
  },
}

export const COMPLEX: KnownClass = {
  module: 'builtins',
  name: 'complex',
  make([real, imag, ...rest]) {
    return isNumber(real) && isNumber(imag) && rest.length === 0 ? new PyComplex(real, imag) : undefined
  },
}

export const DECIMAL: KnownClass = {
  module: 'decimal',
  name: 'Decimal',
  make([text, ...rest]) {
    return typeof text === 'string' && rest.length === 0 ? new PyDecimal(text) : undefined
  },
}

export const DATE: KnownClass = {
  module: 'datetime',
  name: 'date',
  make([b, ...rest]) {
    if (!isBytes(b) || b.length !== 4 || rest.length > 0) return undefined
    return new PyDate(b[0]! * 256 + b[1]!, b[2]!, b[3]!)
  },
}

/** The six bytes of a time; the fold stands elsewhere in a datetime. */
function timeParts(b: Uint8Array, at: number, fold: number, zone: PyTimeZone | undefined): TimeParts {
  const hour = b[at]!
  const microsecond = b[at + 3]! * 65536 + b[at + 4]! * 256 + b[at + 5]!
  return { hour, minute: b[at + 1]!, second: b[at + 2]!, microsecond, fold, zone }
}

export const TIME: KnownClass = {
  module: 'datetime',
  name: 'time',
  make([b, zone, ...rest]) {
    if (!isBytes(b) || b.length !== 6 || !isZone(zone) || rest.length > 0) return undefined
    const parts = timeParts(b, 0, b[0]! >> 7, zone)
    return new PyTime({ ...parts, hour: b[0]! & 0x7f })
  },
}

export const DATETIME: KnownClass = {
  module: 'datetime',
  name: 'datetime',
  make([b, zone, ...rest]) {
    if (!isBytes(b) || b.length !== 10 || !isZone(zone) || rest.length > 0) return undefined
    return new PyDateTime(b[0]! * 256 + b[1]!, b[2]! & 0x7f, b[3]!, timeParts(b, 4, b[2]! >> 7, zone))
  },
}

export const TIMEDELTA: KnownClass = {
  module: 'datetime',
  name: 'timedelta',
  make([days, seconds, micros, ...rest]) {
    const right = isNumber(days) && isNumber(seconds) && isNumber(micros) && rest.length === 0
    return right ? new PyTimeDelta(days, seconds, micros) : undefined
  },
}

export const TIMEZONE: KnownClass = {
  module: 'datetime',
  name: 'timezone',
  make([offset, name, ...rest]) {
    if (!(offset instanceof PyTimeDelta) || rest.length > 0) return undefined
    return name === undefined || typeof name === 'string' ? new PyTimeZone(offset, name) : undefined
  },
}

const KNOWN: ReadonlyMap<string, KnownClass> = new Map(
  [BYTEARRAY, COMPLEX, DECIMAL, DATE, TIME, DATETIME, TIMEDELTA, TIMEZONE].map((one) => [
    `${one.module}.${one.name}`,
    one,
  ]),
)

export function knownClass(name: string): KnownClass | undefined {
  return KNOWN.get(name)
}

const time = (from: PyTime | PyDateTime, fold: number): number[] => [
  from.hour | (fold << 7),
  from.minute,
  from.second,
  from.microsecond >> 16,
  (from.microsecond >> 8) & 0xff,
  from.microsecond & 0xff,
]

/** A class and the arguments that make an object again; undefined for what is no object of a known class. */
export function takeApart(value: object): { of: KnownClass; args: readonly unknown[] } | undefined {
  if (value instanceof Date) return takeApart(PyDateTime.from(value))
  if (value instanceof PyByteArray) {
    return { of: BYTEARRAY, args: value.length === 0 ? [] : [new Uint8Array(value)] }
  }
  if (value instanceof PyComplex) return { of: COMPLEX, args: [new PyFloat(value.real), new PyFloat(value.imag)] }
  if (value instanceof PyDecimal) return { of: DECIMAL, args: [value.text] }
  if (value instanceof PyDateTime) {
    const { year, month, day, fold, zone } = value
    const bytes = [year >> 8, year & 0xff, month | (fold << 7), day, ...time(value, 0)]
    return { of: DATETIME, args: [Uint8Array.from(bytes), ...(zone === undefined ? [] : [zone])] }
  }
  if (value instanceof PyDate) {
    return { of: DATE, args: [Uint8Array.of(value.year >> 8, value.year & 0xff, value.month, value.day)] }
  }
  if (value instanceof PyTime) {
    return {
      of: TIME,
      args: [Uint8Array.from(time(value, value.fold)), ...(value.zone === undefined ? [] : [value.zone])],
    }
  }
  if (value instanceof PyTimeDelta) return { of: TIMEDELTA, args: [value.days, value.seconds, value.microseconds] }
  if (value instanceof PyTimeZone) {
    return { of: TIMEZONE, args: value.name === undefined ? [value.offset] : [value.offset, value.name] }
  }
  return undefined
}
