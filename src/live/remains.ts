// live: what a live value still says when it is stale or its collection is closed.
//
// Reading or changing it is ERR_STALE or ERR_CLOSED. But whoever only shows it must not fail: a test runner that reports
// why `expect(m.get('a'))` failed looks at the value when the test, and the map, are over, and so does a log of an error.
// So the questions that such programs ask before all others have answers: what it prints as, what JSON says, its class
// and its tag, which is no other value's, so that comparisons end there; and of an array its length, which is NaN (a list
// with a name throws there too: a program's loop over its indexes must not end in silence).

import { MemlaneError } from '../errors.js'
import { mark } from '../printable.js'

/** Properties that pretty-format, chai, sinon, React and promises ask any object for. */
const PROBES = /^(?:then|toJSON|nodeType|tagName|hasAttribute|asymmetricMatch|inspect|cause|(?:@@|\$\$|_is|__v_).*)$/

/** True when the error says that the value is gone, and not that it cannot be read just now. */
function isGone(error: unknown): boolean {
  return error instanceof MemlaneError && /^ERR_(?:STALE|CLOSED|TRUNCATED)$/.test(error.code)
}

/** @throws what made the look at the value fail, when it does not say that the value is gone. */
export function markOfGone(error: unknown): string {
  if (!isGone(error)) throw error
  return mark(error)
}

/** A property of a value that could not be looked at. @throws the error, for a property that only the value has. */
export function remaining(error: unknown, key: string, prototype: object): unknown {
  const stands = markOfGone(error)
  if (key === 'toJSON') return () => stands
  if (key in prototype) return (prototype as Record<string, unknown>)[key]
  if (PROBES.test(key)) return undefined
  throw error
}
