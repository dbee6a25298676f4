// collections/cells: a number in a segment of its own. Offsets in bytes from the body.
//
//   0                 8            12           16                        24
//   +-----------------+------------+------------+-------------------------+
//   | value           | interest   | sequence   | event count             |      all on one cache line
//   +-----------------+------------+------------+-------------------------+
//
// value     1, 2, 4 or 8 bytes, as the type kept in the segment's parameters says; the rest 0.
// interest  those who watch or wait. 0: a store is one Atomics store and one load, nothing else.
// sequence  +1 with every change while interest is not 0. Watchers count by it.
// event count  where watchers sleep.
//
// Anybody may write every word, with Atomics only.
//
// Crash windows: killed between value and sequence → the value is there, that one change is not announced; those who
// wait or watch look at the value themselves within a second or so. Killed between sequence and wake → the same. A
// watcher that is killed leaves its interest behind, which costs every later change one more Atomics operation.

import { EventCount } from '../../waiting/index.js'

const WORD = 4

export const VALUE: number = 0
export const INTEREST: number = VALUE + 2 * WORD
export const SEQUENCE: number = INTEREST + WORD
export const WATCHERS: number = SEQUENCE + WORD
export const BYTES: number = WATCHERS + EventCount.BYTES
