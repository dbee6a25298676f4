// cli: looks into an RwLock.

import type { Segment } from '../../segment/index.js'
import { LINE, NEWS, READERS } from '../../sync/rwlock.js'
import { clampCount, type Held, heldSummary, holderOf, type Kind, wordAt } from './kind.js'

const WRITER = 0

/** A dead reader's word keeps nobody out, so it holds nothing. */
function readers(segment: Segment): Held[] {
  const found: Held[] = []
  const lines = clampCount(segment, READERS, LINE, segment.slots)
  for (let slot = 0; slot < lines; slot++) {
    const word = wordAt(segment, READERS + slot * LINE)
    if (word !== 0 && segment.isAlive(word)) found.push(...holderOf(segment, 'reading', word))
  }
  return found
}

export const rwlock: Kind = {
  kind: 'rwlock',
  summary(segment) {
    const writer = holderOf(segment, 'writing', wordAt(segment, WRITER))
    if (writer.length > 0) return `written, ${heldSummary(writer, '')}`
    const reading = readers(segment).length
    return reading === 0 ? 'free' : `read by ${reading}`
  },
  inspect(segment) {
    const writer = holderOf(segment, 'writing', wordAt(segment, WRITER))
    const reading = readers(segment)
    return {
      facts: {
        'write-locked': writer.length > 0,
        readers: reading.length,
        'recovery still to be told': wordAt(segment, NEWS) !== 0,
      },
      held: [...writer, ...reading],
    }
  },
}
