// leaf: options objects. An option that nobody knows is a slip of the pen, and the default would be used in silence.

import { MemlaneError, wrongType } from './errors.js'
import { nearest } from './nearest.js'

/** The names of the options that a call takes. */
export type Known = Readonly<Record<string, true>>

/** Makes the list of an options object's names, from other lists and further names. */
export function known(...parts: readonly (Known | string)[]): Known {
  const all: Record<string, true> = Object.create(null)
  for (const part of parts) {
    if (typeof part === 'string') all[part] = true
    else Object.assign(all, part)
  }
  return Object.freeze(all)
}

/**
 * Checks that options are an object without unknown names.
 *
 * @throws MemlaneError `ERR_TYPE`, naming the option that is nearest.
 */
export function checkNames<T>(options: T, names: Known, what: string = 'options'): T {
  if (typeof options !== 'object' || options === null) throw wrongType(what, 'an object', options)
  for (const name in options) if (names[name] !== true) throw unknown(name, names, what)
  return options
}

function unknown(name: string, names: Known, what: string): MemlaneError {
  const all = Object.keys(names)
  const near = nearest(name, all)
  const hint =
    near !== undefined
      ? `did you mean ${near}?`
      : all.length === 0
        ? 'there are none'
        : `there ${all.length === 1 ? 'is' : 'are'} ${all.join(', ')}`
  return new MemlaneError('ERR_TYPE', `${what} have no ${JSON.stringify(name)}: ${hint}`)
}
