// collections: opening whatever a name stands for, for tools.

import { MemlaneError, withArticle } from '../errors.js'
import { Heap } from '../heap/index.js'
import { type OpenOptions, Segment } from '../segment/index.js'
import { type Access, isReadOnly } from './access.js'
import { SharedBool } from './cells/shared-bool.js'
import { SharedFloat } from './cells/shared-float.js'
import { SharedInt } from './cells/shared-int.js'
import { type AnyCollection, SharedHeap } from './heap/shared-heap.js'
import { ALONE } from './structure.js'

/** What a name stands for. Closing `handle` closes `value`. */
export interface Existing extends Disposable {
  readonly kind: string
  /** A heap of several collections, or the only one under this name. */
  readonly value: AnyCollection | SharedHeap
}

/**
 * Opens a collection whose kind is not known, as it is; nothing is made.
 *
 * @throws MemlaneError `ERR_NOT_FOUND`, `ERR_KIND` when it is no collection, and what `Segment.open` throws.
 */
export function openExisting(
  name: string,
  options: OpenOptions & Access & { timeout?: number | undefined } = {},
): Existing {
  const { namespace, owner } = options
  const segment = Segment.open(name, { namespace, owner, readOnly: isReadOnly(options) })
  try {
    return existing(segment, options.timeout)
  } catch (error) {
    segment.close()
    throw error
  }
}

/** The same, over a segment that is open already, which is closed with what this gives. */
export function existing(segment: Segment, timeout?: number): Existing {
  const close = { [Symbol.dispose]: () => segment.close() }
  switch (segment.kind) {
    case 'int':
      return { kind: 'int', value: SharedInt.over(segment), ...close }
    case 'float':
      return { kind: 'float', value: SharedFloat.over(segment), ...close }
    case 'bool':
      return { kind: 'bool', value: SharedBool.over(segment), ...close }
    case 'heap': {
      const heap = SharedHeap.over(Heap.over(segment, timeout))
      const alone = heap.names().find((found) => found.name === ALONE)
      return alone === undefined
        ? { kind: 'heap', value: heap, ...close }
        : { kind: alone.kind, value: heap.collection(alone), ...close }
    }
    default:
      throw new MemlaneError(
        'ERR_KIND',
        `${JSON.stringify(segment.name)} is ${withArticle(segment.kind)}, not a collection`,
      )
  }
}
