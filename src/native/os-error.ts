// native: turns a negated errno into a coded error that says what was being done, and what to do about it.

import { getSystemErrorMap } from 'node:util'
import { type ErrorCode, MemlaneError } from '../errors.js'
import { formatSize } from '../sizes.js'
import { addon } from './load.js'

const ENOENT = 2
const EIO = 5
const ENXIO = 6
const EBADF = 9
const EAGAIN = 11
const ENOMEM = 12
const EACCES = 13
const EEXIST = 17
const EISDIR = 21
const EINVAL = 22
const ENFILE = 23
const EMFILE = 24
const EFBIG = 27
const ENOSPC = 28
const EROFS = 30
const EPERM = 1
const ENAMETOOLONG = 36
const ENOLCK = 37
const ELOOP = 40
const ENOTSUP = 95
const EDQUOT = 122

/** How large the file system of the objects is and what is free, in bytes. */
export function space(): { total: number; available: number } {
  const out = new Float64Array(2)
  if (addon().space(out) < 0) return { total: 0, available: 0 }
  return { total: out[0]!, available: out[1]! }
}

/** `ERR_NO_SPACE` with the size of the file system, what is free, and the usual cure. */
export function noSpace(doing: string, wanted: number): MemlaneError {
  const { total, available } = space()
  return new MemlaneError(
    'ERR_NO_SPACE',
    `${doing}: no room for ${formatSize(wanted)}. /dev/shm holds ${formatSize(total)} and has ${formatSize(available)} free. ` +
      'Unlink segments that are not needed (memlane list, memlane rm), or make it larger: in Docker `--shm-size=1g` (the default is 64 MB), ' +
      'in Kubernetes an emptyDir with medium: Memory, elsewhere `mount -o remount,size=1G /dev/shm`; a memory limit of the container counts too',
  )
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [ENOENT]: 'ERR_NOT_FOUND',
  [EEXIST]: 'ERR_EXISTS',
  [EACCES]: 'ERR_PERMISSION',
  [EPERM]: 'ERR_PERMISSION',
  [EROFS]: 'ERR_PERMISSION',
  [ELOOP]: 'ERR_FOREIGN',
  [EBADF]: 'ERR_FOREIGN',
  [EISDIR]: 'ERR_FOREIGN',
  [ENXIO]: 'ERR_FOREIGN',
  [EMFILE]: 'ERR_LIMIT',
  [ENFILE]: 'ERR_LIMIT',
  [ENOLCK]: 'ERR_LIMIT',
  [ENOMEM]: 'ERR_LIMIT',
  [EFBIG]: 'ERR_TOO_LARGE',
  [ENAMETOOLONG]: 'ERR_NAME',
  [EINVAL]: 'ERR_RANGE',
  [EAGAIN]: 'ERR_BUSY',
  [ENOTSUP]: 'ERR_UNSUPPORTED',
}

const HINTS: Readonly<Record<number, string>> = {
  [EACCES]: 'the object belongs to another user or its mode forbids it',
  [ELOOP]: 'the name is a symbolic link, which is never followed',
  [EBADF]: 'the name is not a regular file',
  [EISDIR]: 'the name is a folder',
  [ENXIO]: 'the name is a socket or a device',
  [EMFILE]: 'the process has no descriptors or mappings left; every open handle holds one descriptor (ulimit -n)',
  [ENFILE]: 'the machine has no descriptors left',
  [ENOMEM]: 'out of memory, address space or mappings (vm.max_map_count)',
  [EIO]: 'the device failed',
}

/** The coded error for a negated errno. `wanted` is the number of bytes that were asked for, when that was it. */
export function osError(doing: string, result: number, wanted: number = 0): MemlaneError {
  const errno = -result
  if (errno === ENOSPC || errno === EDQUOT) return noSpace(doing, wanted)
  const [name, text] = getSystemErrorMap().get(result) ?? [`errno ${errno}`, 'unknown error']
  const hint = HINTS[errno]
  return new MemlaneError(
    CODES[errno] ?? 'ERR_OS',
    `${doing}: ${text} (${name})${hint === undefined ? '' : `; ${hint}`}`,
  )
}

/** True for the errno that says the other side holds what was asked for. */
export function isBusy(result: number): boolean {
  return result === -EAGAIN || result === -EACCES
}

export function isMissing(result: number): boolean {
  return result === -ENOENT
}

export function isTaken(result: number): boolean {
  return result === -EEXIST
}

export function isForbidden(result: number): boolean {
  return result === -EACCES || result === -EPERM
}
