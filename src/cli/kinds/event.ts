// cli: looks into an Event.

import { AUTO } from '../../sync/event.js'
import { EventCount } from '../../waiting/index.js'
import { type Kind, parameterOf, wordAt } from './kind.js'

export const event: Kind = {
  kind: 'event',
  summary: (segment) => (wordAt(segment, EventCount.BYTES) !== 0 ? 'set' : 'not set'),
  inspect: (segment) => ({
    facts: { set: wordAt(segment, EventCount.BYTES) !== 0, reset: parameterOf(segment) === AUTO ? 'auto' : 'manual' },
    held: [],
  }),
}
