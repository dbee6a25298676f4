// heap/watch: what watchers of one structure need to know. Made when the first one comes; freed with the structure.
//
//   word         0        2                4      5       8            264
//                +--------+----------------+------+-------+------------+------------------------------+
//  WATCH         | header | changes (f64)  | -    | -     | 32 watchers| ring of the last 256 changes |
//                +--------+----------------+------+-------+------------+------------------------------+
//  watcher       | token  | hash  | of a key: 1 | count | last type | 3 unused |     8 words
//                +--------+-------+-------------+-------+-----------+----------+
//  change        | slot of the key, a copy      | type  | -         |                4 words
//                +------------------------------+-------+-----------+
//
// A structure's word `watch` counts its watchers: 0, and a change costs one load.
// token    of the participant that watches; 0: free. A dead one's place is taken over by the next who comes.
// count    changes of the watcher's key since it came, whichever fell out of the ring.
//
// Who writes: the holder of the lock, logged: a change that is rolled back was never noted.
//
// Crash windows: a watcher that is killed leaves its token: the next who comes looks for such, and so does every 4096th
// change. Killed after the commit and before the bell: watchers look by themselves, see watcher.ts.

export const W_CHANGES: number = 1 // f64 index from the block: words 2 and 3
export const W_WATCHERS: number = 8
export const WATCHERS: number = 32
export const WATCHER_WORDS: number = 8
export const W_RING: number = W_WATCHERS + WATCHERS * WATCHER_WORDS
export const RING: number = 256
export const RECORD_WORDS: number = 4
export const WATCH_UNITS: number = (W_RING + RING * RECORD_WORDS) / 2

/** Word offsets in a watcher. */
export const T_TOKEN: number = 0
export const T_HASH: number = 1
export const T_KEYED: number = 2
export const T_COUNT: number = 3
export const T_TYPE: number = 4

export const CHANGE_SET: number = 1
export const CHANGE_DELETE: number = 2
export const CHANGE_CLEAR: number = 3
