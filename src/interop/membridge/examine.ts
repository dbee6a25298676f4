// interop/membridge: what an object may be, for tools. Nothing in it says; its words make one use likelier than another.

import { ShmObject } from '../../memory/index.js'
import { PAGE } from '../../sizes.js'
import { Attachment } from './attachment.js'
import { objectName } from './names.js'
import { CAPACITY, HEAD, RING, TAIL } from './ring.layout.js'
import { DATA } from './view.layout.js'
import { type LockState, lockState } from './view-lock.js'

/** What {@link examine} found. */
export interface Examined {
  readonly size: number
  /** `ring`: capacity and positions are those of a ring. `view`: it may be one, as may anything of 5 bytes or more. */
  readonly guess: 'ring' | 'view' | 'nothing'
  /** Of a ring: bytes in it. */
  readonly used?: number
  /** Of a view: what its lock says. `readers` and `writer` may be dead: nobody can tell. */
  readonly lock?: LockState
}

/**
 * Looks at an object without changing it.
 *
 * @param name with its slash, as '/demo'.
 * @throws {MemlaneError} `ERR_NAME`, `ERR_NOT_FOUND`, `ERR_PERMISSION`, `ERR_OWNER`.
 */
export function examine(name: string): Examined {
  const object = ShmObject.open(objectName(name), { readOnly: true, owner: 'any' })
  const attachment = new Attachment(name, object, object.stat().size, false)
  try {
    const { size } = attachment
    if (size <= DATA) return { size, guess: 'nothing' }
    const memory = object.map(Math.min(size, PAGE))
    const used = size > RING ? usedOf(new DataView(memory.buffer, 0, RING), size) : undefined
    if (used !== undefined) return { size, guess: 'ring', used }
    return { size, guess: 'view', lock: lockState(memory) }
  } finally {
    attachment.release()
  }
}

function usedOf(view: DataView, size: number): number | undefined {
  const capacity = view.getBigUint64(CAPACITY, true)
  if (capacity !== BigInt(size - RING) || (capacity & (capacity - 1n)) !== 0n) return undefined
  const used = BigInt.asUintN(64, view.getBigUint64(TAIL, true) - view.getBigUint64(HEAD, true))
  return used <= capacity ? Number(used) : undefined
}
