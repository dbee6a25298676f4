// interop/membridge: names. '/demo' is the object 'demo' of the operating system.

import { MemlaneError, wrongType } from '../../errors.js'

/** Bytes of a name behind its slash, on Linux. */
const LONGEST = 255

function refuse(name: string, why: string): MemlaneError {
  return new MemlaneError('ERR_NAME', `${JSON.stringify(name)} cannot name a shared memory: ${why}`)
}

/**
 * The object's plain name. As in the package a name begins with a slash, and further leading slashes mean nothing.
 *
 * @throws MemlaneError `ERR_TYPE`, `ERR_NAME` saying which rule was broken.
 */
export function objectName(name: string): string {
  if (typeof name !== 'string') throw wrongType('name', "a string such as '/demo'", name)
  if (!name.startsWith('/')) throw refuse(name, "it must begin with a slash, as '/demo'")
  const plain = name.replace(/^\/+/, '')
  if (plain === '') throw refuse(name, 'there is nothing behind the slash')
  if (plain.includes('/')) throw refuse(name, 'only the beginning may have slashes')
  if (plain.includes('\0')) throw refuse(name, 'it holds a NUL')
  if (plain === '.' || plain === '..') throw refuse(name, 'that is a folder')
  const bytes = Buffer.byteLength(plain)
  if (bytes > LONGEST)
    throw refuse(`${name.slice(0, 40)}…`, `${bytes} bytes behind the slash, at most ${LONGEST} are allowed`)
  if (Buffer.from(plain).toString() !== plain) throw refuse(name, 'it has a lone surrogate')
  return plain
}
