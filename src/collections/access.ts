// collections: opening to read only.

import { MemlaneError, wrongType } from '../errors.js'

/** What a handle may do. */
export interface Access {
  /**
   * Only read: takes no participant's slot, stores nothing, and needs no more than the permission to read. Nothing is
   * made: a name that is not there is `ERR_NOT_FOUND`. Changes and transactions are `ERR_READ_ONLY`, and so are
   * waits and watches of what lives in a heap; numbers and switches of their own are looked at instead. A read that writers give no quiet moment to is `ERR_BUSY` after a second. Default false.
   */
  readOnly?: boolean | undefined
}

/** @throws MemlaneError `ERR_TYPE`. */
export function isReadOnly(options: Access): boolean {
  const { readOnly = false } = options
  if (typeof readOnly !== 'boolean') throw wrongType('readOnly', 'true or false', readOnly)
  return readOnly
}

export function readOnlyError(name: string, why: string = ''): MemlaneError {
  return new MemlaneError('ERR_READ_ONLY', `${JSON.stringify(name)} was opened read-only${why}`)
}
