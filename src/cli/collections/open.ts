// cli: opening the collection that a name on the command line stands for.

import { type Access, type Existing, openExisting } from '../../collections/index.js'
import { MemlaneError } from '../../errors.js'
import { readRememory } from '../../interop/rememory/index.js'
import { Advised } from '../failure.js'
import { inspectForeign } from '../foreign.js'
import { addressOf, findTarget } from '../look.js'
import { quoted } from '../text.js'

/**
 * @param timeout milliseconds to wait for the lock of a heap.
 * @throws MemlaneError `ERR_NOT_FOUND` with advice, `ERR_FOREIGN`, `ERR_KIND`, and what attaching throws.
 */
export function openNamed(name: string, namespace: string | undefined, timeout: number, access: Access = {}): Existing {
  const target = findTarget(name, namespace)
  if (target.type === 'foreign')
    throw new MemlaneError('ERR_FOREIGN', `/${target.object} belongs to another program; it holds no collection`)
  const { info } = target
  try {
    return openExisting(info.name, { namespace: info.namespace, owner: 'any', timeout, ...access })
  } catch (error) {
    if (!(error instanceof MemlaneError) || error.code !== 'ERR_KIND') throw error
    const address = quoted(addressOf(info))
    const also = info.header?.kind === 'record' ? `, and memlane watch ${address} its records as they come` : ''
    throw new Advised(error, `memlane inspect ${address} shows it${also}.`)
  }
}

/**
 * Reads a collection without attaching to it. Only where that finds no quiet moment (writers that never pause, or a
 * change that a killed process left half done) does it attach, if it may, and reads with the lock held.
 */
export function readNamed<T>(
  name: string,
  namespace: string | undefined,
  timeout: number,
  read: (value: unknown) => T,
): T {
  const target = findTarget(name, namespace)
  if (target.type === 'foreign' && inspectForeign(target.object)?.guess.startsWith('Rememory '))
    return read(readRememory(target.object))
  try {
    using open = openNamed(name, namespace, timeout, { readOnly: true })
    return read(open.value)
  } catch (error) {
    if (!(error instanceof MemlaneError) || error.code !== 'ERR_BUSY') throw error
    using open = attach(name, namespace, timeout, error)
    return read(open.value)
  }
}

/** @throws MemlaneError `busy` where this user may not attach. */
function attach(name: string, namespace: string | undefined, timeout: number, busy: MemlaneError): Existing {
  try {
    return openNamed(name, namespace, timeout)
  } catch (error) {
    if (error instanceof MemlaneError && error.code === 'ERR_PERMISSION') throw busy
    throw error
  }
}
