// leaf: the one error class, and the list of its codes. docs/errors.md has an entry for every code.

/** Every code a {@link MemlaneError} can carry. Codes are stable; messages are not. */
export const ERROR_CODES = [
  // What the caller gave
  'ERR_TYPE',
  'ERR_RANGE',
  'ERR_NAME',
  'ERR_NOT_CLONEABLE',
  'ERR_MISMATCH',
  // What was found under a name
  'ERR_EXISTS',
  'ERR_NOT_FOUND',
  'ERR_FOREIGN',
  'ERR_VERSION',
  'ERR_BYTE_ORDER',
  'ERR_KIND',
  'ERR_SCHEMA',
  'ERR_TOO_SMALL',
  'ERR_TRUNCATED',
  'ERR_CORRUPT',
  'ERR_BOOT',
  'ERR_BUSY',
  // What the machine allows
  'ERR_PERMISSION',
  'ERR_OWNER',
  'ERR_NO_SPACE',
  'ERR_TOO_LARGE',
  'ERR_LIMIT',
  'ERR_PARTICIPANTS',
  'ERR_NATIVE',
  'ERR_UNSUPPORTED',
  'ERR_OS',
  // What happened to a handle or a wait
  'ERR_CLOSED',
  'ERR_STALE',
  'ERR_READ_ONLY',
  'ERR_TIMEOUT',
  'ERR_DEADLOCK',
  'ERR_NOT_HELD',
  // Transactions
  'ERR_ASYNC',
  'ERR_TX_TOO_BIG',
] as const

/** A stable name for what went wrong. See docs/errors.md. */
export type ErrorCode = (typeof ERROR_CODES)[number]

const BRAND = Symbol.for('memlane.MemlaneError')

/**
 * What Memlane throws: a stable `code`, and a message that holds the names, sizes and numbers concerned.
 *
 * @example
 * import { MemlaneError, Mutex } from 'memlane'
 * try {
 *   Mutex.open('a/b')
 * } catch (error) {
 *   if (error instanceof MemlaneError && error.code === 'ERR_NAME') console.error(error.message)
 * }
 */
export class MemlaneError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'MemlaneError'
    this.code = code
  }
}

Object.defineProperty(MemlaneError.prototype, BRAND, { value: true })
// `instanceof` is true of errors of another copy of the package, too: one loaded by `require` beside one by `import`, say.
Object.defineProperty(MemlaneError, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    if (this !== MemlaneError) return Function.prototype[Symbol.hasInstance].call(this as () => void, value)
    return typeof value === 'object' && value !== null && BRAND in value
  },
})

/** Throws `ERR_TYPE` saying what was wanted and what came. */
export function wrongType(what: string, wanted: string, got: unknown): MemlaneError {
  return new MemlaneError('ERR_TYPE', `${what} must be ${wanted}, got ${describe(got)}`)
}

/** Throws `ERR_RANGE` saying the allowed range and what came. */
export function outOfRange(what: string, range: string, got: unknown): MemlaneError {
  return new MemlaneError('ERR_RANGE', `${what} must be ${range}, got ${describe(got)}`)
}

/** For a class whose objects stand for something with a name: what `new` cannot make, `open` does. */
export function useOpen(type: string, how: string = `${type}.open(name)`): MemlaneError {
  return new MemlaneError('ERR_TYPE', `a ${type} is not made with new; use ${how}`)
}

/** `a mutex`, `an event`: a kind of thing with its article. */
export function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`
}

/** A short, safe rendering of any value for a message. */
export function describe(value: unknown): string {
  if (typeof value === 'string')
    return value.length > 60
      ? `${JSON.stringify(value.slice(0, 60))}… (${value.length} characters)`
      : JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'symbol') return 'a symbol'
  if (typeof value === 'function') return 'a function'
  try {
    const name = (value as { constructor?: { name?: unknown } }).constructor?.name
    if (typeof name === 'string' && name !== '')
      return Array.isArray(value) ? `an array of ${value.length}` : `an instance of ${name}`
  } catch {
    // A hostile proxy or getter: fall through to the plain word.
  }
  return 'an object'
}
