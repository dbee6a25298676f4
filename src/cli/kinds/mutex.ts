// cli: looks into a Mutex.

import { hasWaiters, heldSummary, holderOf, type Kind, wordAt } from './kind.js'

const LOCK = 0

export const mutex: Kind = {
  kind: 'mutex',
  summary: (segment) => heldSummary(holderOf(segment, 'the mutex', wordAt(segment, LOCK)), 'free'),
  inspect(segment) {
    const word = wordAt(segment, LOCK)
    const held = holderOf(segment, 'the mutex', word)
    return { facts: { locked: held.length > 0, 'waiters announced': hasWaiters(word) }, held }
  },
}
