// interop/rememory: what every open() takes.

import { MemlaneError, wrongType } from '../../errors.js'
import { checkOwner, type Owner } from '../../memory/index.js'
import { checkNames, type Known, known } from '../../options.js'
import { given, parseInteger, parseSize, parseTimeout, type Size } from '../../sizes.js'
import { checkName } from './names.js'
import type { ObjectAccess } from './shared-object.js'

/** Options of every `open`. */
export interface RMOptions {
  /** Milliseconds that a call waits for the lock before it throws `ERR_TIMEOUT`; default for ever, as in Python. */
  timeout?: number
  /** Make it when it is not there; default true. */
  create?: boolean
  /** Whose objects are trusted: this user's (default), anybody's, or those of a user id. */
  owner?: Owner
  /** Permission bits of what is made; default 0o600, as in Python. */
  mode?: number
}

/** Options of what has a size of its own. */
export interface RMSizedOptions extends RMOptions {
  /** Bytes of a new object, as `65536` or `'64 KiB'`. What is there keeps its size. */
  size?: Size
}

/** Names of options. */
export const COMMON: Known = known('timeout', 'create', 'owner', 'mode')
export const SIZED: Known = known(COMMON, 'size')
export const TYPED: Known = known(COMMON, 'type')

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_NAME`. */
export function accessOf(
  name: string,
  options: RMOptions,
  names: Known,
  size: number,
  initial: Uint8Array,
  check: (size: number) => void = () => {},
): ObjectAccess {
  const { create, owner, mode, timeout } = checkNames(options, names)
  if (create !== undefined && typeof create !== 'boolean') throw wrongType('create', 'a boolean', create)
  return {
    name: checkName(name),
    size,
    create: given(create, true),
    owner: checkOwner(owner),
    mode: parseInteger(given(mode, 0o600), 'mode', 0, 0o777),
    timeout: parseTimeout(timeout),
    initial,
    container: initial[0] === 0x80,
    check,
  }
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function sizeOf(options: RMSizedOptions, otherwise: number, least: number): number {
  const size = parseSize(given(checkNames(options, SIZED).size, otherwise))
  if (size < least) throw new MemlaneError('ERR_RANGE', `size must be ${least} bytes or more, got ${size}`)
  return size
}
