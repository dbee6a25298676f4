// interop/rememory: names. 'game_state' is the object 'game_state' of the operating system, and the semaphore beside it.

import { MemlaneError, wrongType } from '../../errors.js'

/** Before the name of every semaphore; on Windows before that of a mutex, of the same text. */
const LOCK = 'rememorydict_'
/** What the C library puts before that. */
const SEMAPHORE_FILE = 'sem.'
/** Bytes of a file's name on Linux. */
const LONGEST = 255

/** The object that holds the semaphore of a name. */
export function semaphoreOf(name: string): string {
  return `${SEMAPHORE_FILE}${LOCK}${name}`
}

/** What the name of an object made beside it begins with: no longer than the semaphore's. */
export function draftOf(name: string): string {
  return `memlane-draft.${name}`
}

/**
 * Python takes slashes where they break it later; here they are refused.
 *
 * @throws MemlaneError `ERR_TYPE`, `ERR_NAME`.
 */
export function checkName(name: unknown): string {
  if (typeof name !== 'string') throw wrongType('name', 'a string', name)
  const room = LONGEST - semaphoreOf('').length
  const why =
    name === ''
      ? 'it is empty'
      : name.includes('/')
        ? 'it has a slash: Python makes the object and then fails at the lock'
        : name.includes('\0')
          ? 'it holds a NUL'
          : name === '.' || name === '..'
            ? 'that is a folder'
            : Buffer.byteLength(name) > room
              ? `${Buffer.byteLength(name)} bytes are more than ${room}`
              : Buffer.from(name).toString() === name
                ? undefined
                : 'it has a lone surrogate'
  if (why === undefined) return name
  throw new MemlaneError('ERR_NAME', `${JSON.stringify(name.slice(0, 300))} cannot name an object of Rememory: ${why}`)
}
