// cli: opening the collection that a name on the command line stands for.

import { type Existing, openExisting } from '../../collections/index.js'
import { MemlaneError } from '../../errors.js'
import { findTarget } from '../look.js'

/** @throws MemlaneError `ERR_NOT_FOUND` with advice, `ERR_FOREIGN`, `ERR_KIND`, and what attaching throws. */
export function openNamed(name: string, namespace: string | undefined): Existing {
  const target = findTarget(name, namespace)
  if (target.type === 'foreign')
    throw new MemlaneError('ERR_FOREIGN', `/${target.object} belongs to another program; it holds no collection`)
  const { info } = target
  return openExisting(info.name, { namespace: info.namespace, owner: 'any' })
}
