// cli: looks into an RwLock.

import type { Segment } from '../../segment/index.js'
import { TOKEN } from '../../sync/owner-lock.js'
import { LINE } from '../../sync/readers.js'
import { NEWS, READERS } from '../../sync/rwlock.js'
import { clampCount, type Held, heldSummary, holderOf, type Kind, wordAt } from './kind.js'

const WRITER = 0

/** Who reads, and how many wait to. A dead reader's word keeps nobody out, so it holds nothing. */
function readers(segment: Segment): { reading: Held[]; waiting: number } {
  const reading: Held[] = []
  let waiting = 0
  const lines = clampCount(segment, READERS, LINE, segment.slots)
  for (let slot = 0; slot < lines; slot++) {
    const word = wordAt(segment, READERS + slot * LINE)
    if (word === 0 || !segment.isAlive(word & TOKEN)) continue
    if (word === (word & TOKEN)) reading.push(...holderOf(segment, 'reading', word))
    else waiting++
  }
  return { reading, waiting }
}

export const rwlock: Kind = {
  kind: 'rwlock',
  summary(segment) {
    const writer = holderOf(segment, 'writing', wordAt(segment, WRITER))
    if (writer.length > 0) return `written, ${heldSummary(writer, '')}`
    const { reading } = readers(segment)
    return reading.length === 0 ? 'free' : `read by ${reading.length}`
  },
  inspect(segment) {
    const writer = holderOf(segment, 'writing', wordAt(segment, WRITER))
    const { reading, waiting } = readers(segment)
    return {
      facts: {
        'write-locked': writer.length > 0,
        readers: reading.length,
        'readers waiting': waiting,
        'recovery still to be told': wordAt(segment, NEWS) !== 0,
      },
      held: [...writer, ...reading],
    }
  },
}
