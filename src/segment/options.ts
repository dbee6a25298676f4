// segment: what a caller may choose, checked before anything is touched.

import { MemlaneError, outOfRange, wrongType } from '../errors.js'
import type { Owner } from '../memory/index.js'
import { type Known, known } from '../options.js'
import { checkObject, given, PAGE, parseInteger, roundUp } from '../sizes.js'
import { checkKind, type HeaderFields } from './header.js'
import { KEEP, LAST_CLOSE, PARAMETERS_MAX, SLOTS_MAX } from './header.layout.js'
import type { Segment } from './segment.js'

/** `keep`: stays until it is unlinked or the machine restarts. `lastClose`: the last one out unlinks it. */
export type Lifetime = 'keep' | 'lastClose'

/** Options that every named thing takes. */
export interface NameOptions {
  /** Keeps applications and test runs apart; default MEMLANE_NAMESPACE, else `default`. */
  namespace?: string | undefined
}

export interface OpenOptions extends NameOptions {
  /** Whose objects are trusted: this user's (default), anybody's, or those of a user id. */
  owner?: Owner | undefined
}

/** What the one who creates may choose. */
export interface CreateOptions extends OpenOptions {
  /** Permission bits; default 0o600. 0o660 or 0o666 let other users in (who then need `owner`). */
  mode?: number | undefined
  /** Default `'keep'`. */
  lifetime?: Lifetime | undefined
  /** Slots for attached handles, 1 to 1023; default 256, for records 64. */
  participants?: number | undefined
}

/** Handles that may be open at a time, where nobody asks for more: a machine of many cores, twice while its workers are replaced. */
export const PARTICIPANTS = 256

/** Names in NameOptions, OpenOptions and CreateOptions. */
export const NAME_OPTIONS: Known = known('namespace')
export const OPEN_OPTIONS: Known = known(NAME_OPTIONS, 'owner')
export const CREATE_OPTIONS: Known = known(OPEN_OPTIONS, 'mode', 'lifetime', 'participants')

export interface SegmentOpenOptions extends OpenOptions {
  kind?: string
  schema?: bigint
  /** Least body size in bytes: a smaller segment is `ERR_TOO_SMALL`. */
  least?: number
  /** Maps privately and claims no slot: for tools. */
  readOnly?: boolean
  /** See ObjectOptions. */
  sparse?: boolean
}

export interface SegmentOptions extends CreateOptions {
  /** 1 to 15 ASCII characters. */
  kind: string
  /** Bytes of the body, reserved sparse; rounded up to pages. */
  size: number
  /** Bytes of the body that get memory at once; default all. */
  commit?: number
  /** Bytes of private area per participant; default 0; rounded up to pages. */
  participantBytes?: number
  /** 64-bit hash of what is stored; default 0n, none. */
  schema?: bigint
  /** Up to 2048 bytes that the kind wants to find again. */
  parameters?: Uint8Array
  /** When it exists already: the least body size that will do; default `size`. */
  least?: number
  /** See ObjectOptions. */
  sparse?: boolean
  /** Fills the zeroed body, before anybody else can open the segment. */
  init?: (segment: Segment) => void
}

export interface Checked extends HeaderFields {
  commit: number
  mode: number
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function checkOptions(options: SegmentOptions): Checked {
  checkObject(options)
  const { lifetime = 'keep', schema = 0n, parameters = new Uint8Array(0) } = options
  if (lifetime !== 'keep' && lifetime !== 'lastClose') throw outOfRange('lifetime', "'keep' or 'lastClose'", lifetime)
  if (typeof schema !== 'bigint') throw wrongType('schema', 'a bigint', schema)
  if (schema < 0n || schema >= 1n << 64n) throw outOfRange('schema', 'a 64-bit unsigned number', schema)
  if (!(parameters instanceof Uint8Array)) throw wrongType('parameters', 'a Uint8Array', parameters)
  if (parameters.length > PARAMETERS_MAX)
    throw new MemlaneError('ERR_RANGE', `parameters have ${parameters.length} bytes, ${PARAMETERS_MAX} fit`)
  const bodySize = roundUp(parseInteger(options.size, 'size', 1, 2 ** 52), PAGE)
  const commit =
    options.commit === undefined
      ? bodySize
      : Math.min(bodySize, roundUp(parseInteger(options.commit, 'commit', 0, 2 ** 52), PAGE))
  return {
    kind: checkKind(options.kind),
    schema,
    lifetime: lifetime === 'lastClose' ? LAST_CLOSE : KEEP,
    slots: parseInteger(given(options.participants, PARTICIPANTS), 'participants', 1, SLOTS_MAX),
    participantBytes: roundUp(parseInteger(given(options.participantBytes, 0), 'participantBytes', 0, 2 ** 31), PAGE),
    bodySize,
    parameters,
    commit,
    mode: parseInteger(given(options.mode, 0o600), 'mode', 0, 0o777),
  }
}
