// heap/values: says which part of a value cannot be stored.

import { describe, MemlaneError } from '../../errors.js'

/** @param why what is wrong with this very one, where others of its kind can be stored. */
export function notCloneable(
  value: unknown,
  path: readonly (string | number)[],
  depth: number,
  why?: string,
): MemlaneError {
  let where = 'value'
  for (let i = 0; i < depth; i++) {
    const key = path[i]!
    if (typeof key === 'number') where += `[${key}]`
    else where += /^[\p{L}_$][\p{L}\d_$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
  }
  return new MemlaneError(
    'ERR_NOT_CLONEABLE',
    `${where} is ${describe(value)}${why === undefined ? ', which cannot' : ` ${why}; it cannot`} be stored; a value is anything that structuredClone takes, but for SharedArrayBuffer and arrays with named properties`,
  )
}
