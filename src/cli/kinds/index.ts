// cli: the kinds that tools can look into. A new kind is a file beside this one, and a line here.

import { barrier } from './barrier.js'
import { condition } from './condition.js'
import { event } from './event.js'
import { heap } from './heap.js'
import type { Kind } from './kind.js'
import { mutex } from './mutex.js'
import { bool, float, int } from './number.js'
import { record } from './record.js'
import { rwlock } from './rwlock.js'
import { semaphore } from './semaphore.js'

const KINDS: readonly Kind[] = [mutex, rwlock, semaphore, event, condition, barrier, int, float, bool, heap, record]

/** @returns undefined for a kind that this version cannot look into; its header can still be shown. */
export function kindOf(name: string): Kind | undefined {
  return KINDS.find(({ kind }) => kind === name)
}
