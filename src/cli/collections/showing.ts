// cli: how much of a value `get` and `dump` show.

import { type Call, numberOf, type Option } from '../command.js'

export interface Showing {
  /** Entries of each collection, elements of each list, bytes of each buffer. */
  readonly limit: number
  /** Levels below the value itself. */
  readonly depth: number
  /** Keys only, without what they lead to. */
  readonly keys: boolean
}

export const ALL: Showing = { limit: Number.POSITIVE_INFINITY, depth: Number.POSITIVE_INFINITY, keys: false }

export const SHOWING: Readonly<Record<string, Option>> = {
  limit: {
    type: 'string',
    short: 'l',
    value: 'N',
    about: 'at most N entries, elements or bytes of each thing; a line on stderr says what was left out',
  },
  depth: { type: 'string', short: 'd', value: 'N', about: 'at most N levels deep' },
  keys: { type: 'boolean', short: 'k', about: 'only the keys of a map or set, the names in a heap or of properties' },
}

/** @throws UsageError. */
export function showingOf(call: Call): Showing {
  return {
    limit: numberOf(call, 'limit', 1) ?? ALL.limit,
    depth: numberOf(call, 'depth', 0) ?? ALL.depth,
    keys: call.on('keys'),
  }
}
