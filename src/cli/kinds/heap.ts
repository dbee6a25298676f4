// cli: looks into a heap: maps, lists, sets, strings, objects.
//
// What a heap holds can be read by attaching to it only. So a look tells of the lock and the memory; `verify` and `repair`
// attach like any process and take the heap's lock, which undoes what a killed process left half done.

import { MemlaneError } from '../../errors.js'
import { H_LOCK, H_VERSION, HEAP_PAGE } from '../../heap/heap.layout.js'
import { Heap } from '../../heap/index.js'
import type { Segment } from '../../segment/index.js'
import { formatSize } from '../../sizes.js'
import { heldSummary, holderOf, type Kind, wordAt } from './kind.js'

const held = (segment: Segment) => holderOf(segment, 'the lock of the heap', wordAt(segment, 4 * H_LOCK))

export const heap: Kind = {
  kind: 'heap',
  summary(segment) {
    const room = `${formatSize(segment.committed)} of ${formatSize(segment.bodySize)}`
    const holders = held(segment)
    return holders.length === 0 ? room : `${room}, ${heldSummary(holders, '')}`
  },
  inspect: (segment) => ({
    facts: {
      'may grow to': formatSize(segment.bodySize),
      'has memory': formatSize(segment.committed),
      'page size': formatSize(HEAP_PAGE),
      version: wordAt(segment, 4 * H_VERSION) >>> 0,
    },
    held: held(segment),
  }),
  verify(segment) {
    try {
      attached(segment, (open) => open.verify())
      return []
    } catch (error) {
      if (error instanceof MemlaneError && error.code === 'ERR_CORRUPT') return [error.message]
      throw error
    }
  },
  repair(segment) {
    // Whoever takes the lock next repairs; a transaction that changes nothing will do.
    attached(segment, (open) => open.transaction(() => {}))
  },
}

function attached<T>(segment: Segment, work: (heap: Heap) => T): T {
  const open = Heap.open(segment.name, { namespace: segment.namespace })
  try {
    return work(open)
  } finally {
    open.close()
  }
}
