// leaf: what the function of an `update` gave. JavaScript functions that change what they are given mostly give nothing, so
// nothing must never be taken for "delete", nor be stored.

import { describe, MemlaneError } from './errors.js'

/** Given by the function of an `update`: there shall be no value any more. The same in every copy of the package. */
export const DELETE: unique symbol = Symbol.for('memlane.DELETE')

/** What the function of an `update` may give in place of a value: nothing, if the value can be changed in place. */
export type Updated<V> = V | (V extends object ? void : never)

/**
 * The value after an update: what the function gave, or when it gave nothing the object that it was given, as it left it.
 *
 * @param of names what is updated.
 * @param how else to say what may have been meant, after "return the new value".
 * @throws MemlaneError `ERR_TYPE` when nothing was given, and the value is none that can be changed in place.
 */
export function updated<T>(before: T, given: unknown, of: string, how: string = ''): T {
  if (given !== undefined) return given as T
  if (typeof before === 'object' && before !== null) return before
  throw new MemlaneError(
    'ERR_TYPE',
    `the function that updates ${of} gave undefined, and ${before === undefined ? 'there was no value' : `the value ${describe(before)}`} that it could have changed in place: return the new value${how}`,
  )
}
