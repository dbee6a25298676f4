// native: turns what the addon refused, one of the FAILED_ numbers, into a coded error that says what was being done, and what to do about it.

import { getSystemErrorMap } from 'node:util'
import { type ErrorCode, MemlaneError } from '../errors.js'
import { formatSize } from '../sizes.js'
import {
  FAILED_BUSY,
  FAILED_DEVICE,
  FAILED_EXISTS,
  FAILED_FORBIDDEN,
  FAILED_INVALID,
  FAILED_IS_DEVICE,
  FAILED_IS_FOLDER,
  FAILED_IS_LINK,
  FAILED_NAME_TOO_LONG,
  FAILED_NO_HANDLES,
  FAILED_NO_LOCKS,
  FAILED_NO_MEMORY,
  FAILED_NO_MORE_HANDLES,
  FAILED_NO_SPACE,
  FAILED_NOT_A_FILE,
  FAILED_NOT_FOUND,
  FAILED_NOT_PERMITTED,
  FAILED_QUOTA,
  FAILED_READ_ONLY,
  FAILED_SYSTEM,
  FAILED_TOO_LARGE,
  FAILED_UNSUPPORTED,
  SPACE_AVAILABLE,
  SPACE_FIELDS,
  SPACE_INODES,
  SPACE_INODES_FREE,
  SPACE_TOTAL,
  SPACE_TYPE,
} from './layout.js'
import { addon } from './load.js'

const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  16914836: 'a tmpfs',
  2240043254: 'a ramfs',
  2035054128: 'an overlay',
  61267: 'an ext4',
  1481003842: 'an xfs',
  2435016766: 'a btrfs',
}

const TMPFS = 0x01021994

const ON_LINUX: boolean = process.platform === 'linux'

/** Where objects are, for messages: `/dev/shm`. */
export function place(): string {
  return addon().place()
}

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
  if (!ON_LINUX)
    return new MemlaneError(
      'ERR_UNSUPPORTED',
      `${doing}: there is no folder ${place()}; MEMLANE_DIRECTORY names another one`,
    )
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
  const room = `${doing}: no room for ${formatSize(wanted)}. ${place()} holds ${formatSize(total)} and has ${formatSize(available)} free. `
  if (!ON_LINUX)
    return new MemlaneError(
      'ERR_NO_SPACE',
      `${room}Unlink segments that are not needed (memlane list, memlane rm), or free some of the disk`,
    )
  return new MemlaneError(
    'ERR_NO_SPACE',
    room +
      'Unlink segments that are not needed (memlane list, memlane rm), or make it larger: in Docker `--shm-size=1g` (the default is 64 MB), ' +
      'in Kubernetes an emptyDir with medium: Memory, elsewhere `mount -o remount,size=1G /dev/shm`; a memory limit of the container counts too',
  )
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  [FAILED_NOT_FOUND]: 'ERR_NOT_FOUND',
  [FAILED_EXISTS]: 'ERR_EXISTS',
  [FAILED_FORBIDDEN]: 'ERR_PERMISSION',
  [FAILED_NOT_PERMITTED]: 'ERR_PERMISSION',
  [FAILED_READ_ONLY]: 'ERR_PERMISSION',
  [FAILED_IS_LINK]: 'ERR_FOREIGN',
  [FAILED_NOT_A_FILE]: 'ERR_FOREIGN',
  [FAILED_IS_FOLDER]: 'ERR_FOREIGN',
  [FAILED_IS_DEVICE]: 'ERR_FOREIGN',
  [FAILED_NO_HANDLES]: 'ERR_LIMIT',
  [FAILED_NO_MORE_HANDLES]: 'ERR_LIMIT',
  [FAILED_NO_LOCKS]: 'ERR_LIMIT',
  [FAILED_NO_MEMORY]: 'ERR_LIMIT',
  [FAILED_TOO_LARGE]: 'ERR_TOO_LARGE',
  [FAILED_NAME_TOO_LONG]: 'ERR_NAME',
  [FAILED_INVALID]: 'ERR_RANGE',
  // A lock that somebody else holds is an answer, see isBusy.
  [FAILED_BUSY]: 'ERR_LIMIT',
  [FAILED_UNSUPPORTED]: 'ERR_UNSUPPORTED',
}

const HINTS: Readonly<Record<number, string>> = {
  [FAILED_FORBIDDEN]: 'the object belongs to another user or its mode forbids it',
  [FAILED_IS_LINK]: 'the name is a symbolic link, which is never followed',
  [FAILED_NOT_A_FILE]: 'the name is not a regular file',
  [FAILED_IS_FOLDER]: 'the name is a folder',
  [FAILED_IS_DEVICE]: 'the name is a socket or a device',
  [FAILED_NO_HANDLES]:
    'the process has no descriptors or mappings left; every open handle holds one descriptor (ulimit -n)',
  [FAILED_NO_MORE_HANDLES]: 'the machine has no descriptors left',
  [FAILED_NO_MEMORY]: 'out of memory, address space or mappings (vm.max_map_count)',
  [FAILED_BUSY]:
    'the system has no thread, or no locked memory, left for this user (ulimit -u, ulimit -l, pids.max of the cgroup)',
  [FAILED_READ_ONLY]: 'the file system is mounted for reading only',
  [FAILED_DEVICE]: 'the device failed',
}

/** The system's name and text for a refusal; elsewhere than on Linux ours, or the bare number of the system. */
function nameOf(result: number): readonly [string, string] {
  const known = ON_LINUX ? getSystemErrorMap().get(result) : undefined
  if (known !== undefined) return known
  if (result <= FAILED_SYSTEM) return [`error ${FAILED_SYSTEM - result} of the system`, 'refused']
  return [`refusal ${-result}`, 'refused']
}

/** The coded error for a refusal. `wanted` is the number of bytes that were asked for, when that was it. */
export function osError(doing: string, result: number, wanted: number = 0): MemlaneError {
  if (result === FAILED_NO_SPACE || result === FAILED_QUOTA) return noSpace(doing, wanted)
  if (result === FAILED_NOT_FOUND) {
    const nowhere = noFolder(doing)
    if (nowhere !== undefined) return nowhere
  }
  const [name, text] = nameOf(result)
  const hint = result === FAILED_UNSUPPORTED ? unsupported() : HINTS[result]
  return new MemlaneError(
    CODES[result] ?? 'ERR_OS',
    `${doing}: ${text} (${name})${hint === undefined ? '' : `; ${hint}`}`,
  )
}

/** What the file system cannot do that objects need. */
function unsupported(): string | undefined {
  const out = look()
  if (!ON_LINUX || typeof out === 'number' || out[SPACE_TYPE] === TMPFS) return undefined
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
  return result === FAILED_UNSUPPORTED
}

/** True for the refusal that says the other side holds what was asked for. */
export function isBusy(result: number): boolean {
  return result === FAILED_BUSY || result === FAILED_FORBIDDEN
}

export function isMissing(result: number): boolean {
  return result === FAILED_NOT_FOUND
}

export function isTaken(result: number): boolean {
  return result === FAILED_EXISTS
}

export function isForbidden(result: number): boolean {
  return result === FAILED_FORBIDDEN || result === FAILED_NOT_PERMITTED
}
