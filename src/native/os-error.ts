// native: turns a negated errno into a coded error that says what was being done, and what to do about it.

import { getSystemErrorMap } from 'node:util'
import { type ErrorCode, MemlaneError } from '../errors.js'
import { formatSize } from '../sizes.js'
import { SPACE_AVAILABLE, SPACE_FIELDS, SPACE_INODES, SPACE_INODES_FREE, SPACE_TOTAL, SPACE_TYPE } from './layout.js'
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

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  16914836: 'a tmpfs',
  2240043254: 'a ramfs',
  2035054128: 'an overlay',
  61267: 'an ext4',
  1481003842: 'an xfs',
  2435016766: 'a btrfs',
}

const TMPFS = 0x01021994

function look(): Float64Array | number {
  const out = new Float64Array(SPACE_FIELDS)
  const result = addon().space(out)
  return result < 0 ? result : out
}

/** How large the file system of the objects is and what is free, in bytes. */
export function space(): { total: number; available: number } {
  const out = look()
  if (typeof out === 'number') return { total: 0, available: 0 }
  return { total: out[SPACE_TOTAL]!, available: out[SPACE_AVAILABLE]! }
}

/** `ERR_UNSUPPORTED` where there is no folder for objects at all; `undefined` where there is. */
export function noFolder(doing: string): MemlaneError | undefined {
  if (!isMissing(addon().space(new Float64Array(SPACE_FIELDS)))) return undefined
  return new MemlaneError(
    'ERR_UNSUPPORTED',
    `${doing}: there is no /dev/shm on this system, where shared memory has its names. Make one: ` +
      '`mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm`, in a chroot `mount --bind /dev/shm CHROOT/dev/shm`; ' +
      'function services that forbid both have no memory that processes could share',
  )
}

/** `ERR_NO_SPACE` with the size of the file system, what is free, and the usual cure. */
export function noSpace(doing: string, wanted: number): MemlaneError {
  const { total, available } = space()
  const out = look()
  if (typeof out !== 'number' && out[SPACE_INODES]! > 0 && out[SPACE_INODES_FREE] === 0) {
    return new MemlaneError(
      'ERR_NO_SPACE',
      `${doing}: /dev/shm has no inodes left for another name: all ${out[SPACE_INODES]} are taken, though ${formatSize(available)} are free. ` +
        'Unlink segments that are not needed (memlane list, memlane rm), or allow more: `mount -o remount,nr_inodes=1M /dev/shm`',
    )
  }
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
  // A lock that somebody else holds is an answer, see isBusy.
  [EAGAIN]: 'ERR_LIMIT',
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
  [EAGAIN]:
    'the system has no thread, or no locked memory, left for this user (ulimit -u, ulimit -l, pids.max of the cgroup)',
  [EROFS]: 'the file system is mounted for reading only',
  [EIO]: 'the device failed',
}

/** The coded error for a negated errno. `wanted` is the number of bytes that were asked for, when that was it. */
export function osError(doing: string, result: number, wanted: number = 0): MemlaneError {
  const errno = -result
  if (errno === ENOSPC || errno === EDQUOT) return noSpace(doing, wanted)
  if (errno === ENOENT) {
    const nowhere = noFolder(doing)
    if (nowhere !== undefined) return nowhere
  }
  const [name, text] = getSystemErrorMap().get(result) ?? [`errno ${errno}`, 'unknown error']
  const hint = errno === ENOTSUP ? unsupported() : HINTS[errno]
  return new MemlaneError(
    CODES[errno] ?? 'ERR_OS',
    `${doing}: ${text} (${name})${hint === undefined ? '' : `; ${hint}`}`,
  )
}

/** What the file system cannot do that objects need. */
function unsupported(): string | undefined {
  const out = look()
  if (typeof out === 'number' || out[SPACE_TYPE] === TMPFS) return undefined
  const type = out[SPACE_TYPE]!
  return `/dev/shm is ${FILE_SYSTEMS[type] ?? `a file system of type 0x${type.toString(16)}`}, where a tmpfs is needed: \`mount -t tmpfs -o mode=1777 tmpfs /dev/shm\``
}

/** `ERR_UNSUPPORTED` for locks that the kernel does not know. */
export function noLocks(doing: string): MemlaneError {
  return new MemlaneError(
    'ERR_UNSUPPORTED',
    `${doing}: this kernel has no open file description locks (Linux 3.15 has them, gVisor and WSL1 do not), and without them nobody can tell who is alive`,
  )
}

export function isUnsupported(result: number): boolean {
  return result === -ENOTSUP
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
