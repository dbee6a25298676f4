// cli: looks into a Semaphore.

import type { Segment } from '../../segment/index.js'
import { PERMITS } from '../../sync/semaphore.js'
import { clampCount, type Held, holderOf, type Kind, parameterOf, wordAt } from './kind.js'

function look(segment: Segment): { permits: number; held: Held[] } {
  const permits = clampCount(segment, PERMITS, 4, parameterOf(segment))
  const held: Held[] = []
  for (let i = 0; i < permits; i++) held.push(...holderOf(segment, `permit ${i}`, wordAt(segment, PERMITS + 4 * i)))
  return { permits, held }
}

export const semaphore: Kind = {
  kind: 'semaphore',
  summary(segment) {
    const { permits, held } = look(segment)
    const dead = held.filter(({ alive }) => !alive).length
    return `${permits - held.length} of ${permits} free${dead > 0 ? `, ${dead} held by the dead` : ''}`
  },
  inspect(segment) {
    const { permits, held } = look(segment)
    return { facts: { permits, available: permits - held.length }, held }
  },
}
