// cli: looks into a Condition.

import type { Segment } from '../../segment/index.js'
import { CAPACITY, ENTRIES } from '../../sync/waiter-table.js'
import { clampCount, type Kind, wordAt } from './kind.js'

const HIGHEST = 4

function look(segment: Segment): { waiting: number; called: number; dead: number } {
  const found = { waiting: 0, called: 0, dead: 0 }
  const entries = clampCount(segment, ENTRIES, 8, Math.min(CAPACITY, Math.max(0, wordAt(segment, HIGHEST))))
  for (let i = 0; i < entries; i++) {
    const owner = wordAt(segment, ENTRIES + 8 * i)
    const ticket = wordAt(segment, ENTRIES + 8 * i + 4)
    if (owner === 0) continue
    if (!segment.isAlive(owner)) found.dead++
    else if (ticket < 0) found.called++
    else if (ticket > 0) found.waiting++
  }
  return found
}

export const condition: Kind = {
  kind: 'condition',
  summary: (segment) => `${look(segment).waiting} waiting`,
  inspect(segment) {
    const { waiting, called, dead } = look(segment)
    return { facts: { waiting, 'called and not gone yet': called, 'entries of the dead': dead }, held: [] }
  },
}
