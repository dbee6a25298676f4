// cli: looks into a Barrier.

import type { Segment } from '../../segment/index.js'
import { ARRIVALS, GENERATION } from '../../sync/barrier.js'
import { clampCount, holderOf, type Kind, parameterOf, wordAt } from './kind.js'

const LOCK = 0

function look(segment: Segment): { parties: number; waiting: number; dead: number } {
  const parties = clampCount(segment, ARRIVALS, 4, parameterOf(segment))
  const found = { parties, waiting: 0, dead: 0 }
  for (let i = 0; i < parties; i++) {
    const token = wordAt(segment, ARRIVALS + 4 * i)
    if (token === 0) continue
    if (segment.isAlive(token)) found.waiting++
    else found.dead++
  }
  return found
}

export const barrier: Kind = {
  kind: 'barrier',
  summary(segment) {
    const { parties, waiting } = look(segment)
    return `${waiting} of ${parties} there`
  },
  inspect(segment) {
    const { parties, waiting, dead } = look(segment)
    return {
      facts: { parties, waiting, 'died while waiting': dead, 'times opened': wordAt(segment, GENERATION) >>> 0 },
      held: holderOf(segment, 'the counting lock', wordAt(segment, LOCK)),
    }
  },
}
