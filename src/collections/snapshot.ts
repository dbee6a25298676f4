// collections: plain copies of what is shared.

import type { MapIteration } from '../iterators.js'
import { handleOf } from '../live/handle-of.js'
import { Cell } from './cells/cell.js'
import { SharedBlock } from './cells/shared-block.js'
import { SharedMap } from './map/shared-map.js'
import { SharedQueue } from './queue/shared-queue.js'
import { SharedSet } from './set/shared-set.js'

/** A map, whether or not it may be changed through this handle. */
interface AnyMap<K, V> {
  /** As of `SharedMap`. */
  entries(): MapIteration<[K, V]>
  /** As of `SharedMap`. */
  get(key: never): unknown
}

/** What `snapshot` makes of a collection; everything else keeps its type. */
export type Snapshot<T> =
  T extends AnyMap<infer K, infer V>
    ? Map<K, V>
    : T extends SharedSet<infer E>
      ? Set<E>
      : T extends Cell<infer C>
        ? C
        : T extends { snapshot(): infer S }
          ? S
          : T

/**
 * A plain, detached copy of one moment: of a collection, or of a live object or array with all that is in it. Shared and
 * cyclic references inside it are kept. Anything else is given back as it is.
 *
 * @throws MemlaneError `ERR_STALE`, `ERR_CLOSED`.
 * @example
 * import { SharedMap, snapshot } from 'memlane'
 * using players = SharedMap.open<string, { score: number }>('game_state')
 * const copy = structuredClone(snapshot(players.get('ada')))
 */
export function snapshot<T>(value: T): Snapshot<T> {
  const handle = handleOf(value)
  if (handle !== undefined) return handle.snapshot() as Snapshot<T>
  if (
    value instanceof SharedMap ||
    value instanceof SharedSet ||
    value instanceof SharedQueue ||
    value instanceof SharedBlock
  )
    return value.snapshot() as Snapshot<T>
  return (value instanceof Cell ? value.value : value) as Snapshot<T>
}

/** True for a live object or array: one that lies in shared memory. */
export function isLive(value: unknown): boolean {
  return handleOf(value) !== undefined
}
