// heap/watch: what watchers of one structure need to know. Made when the first one comes; freed with the structure.
//
//   word         0        2                4      5       8                              1032
//                +--------+----------------+------+-------+------------------------------+-----------------+
//  WATCH         | header | changes (f64)  | used | -     | ring of the last 256 changes | H_WATCHERS places |
//                +--------+----------------+------+-------+------------------------------+-----------------+
//  place         | token  | hash  | of a key: 1 | count | last type | serial | 2 unused |     8 words
//                +--------+-------+-------------+-------+-----------+--------+----------+
//  change        | slot of the key, a copy      | type  | -         |                4 words
//                +------------------------------+-------+-----------+
//
// A structure's word `watch` counts its places that are taken: 0, and a change costs one load.
// used     places from this one on are free: nobody looks at them.
// slot     of a string or bigint key may also lead to the ENTRY that was deleted, unlinked: in a full heap there is no other
//          place for the key.
// token    of the participant that watches; 0: free. A dead one's place is taken over by the next who comes.
// count    changes of the place's key since it was taken, whichever fell out of the ring.
// serial   tells one use of a place by a handle from the next.
//
// A handle takes one place for all of its iterators that watch the same: the whole structure, or the same key.
//
// Who writes: the holder of the lock, logged: a change that is rolled back was never noted.
//
// Crash windows: a watcher that is killed leaves its token: the next who comes looks for such, and so does every 4096th
// change. Killed after the commit and before the bell: watchers look by themselves, see watcher.ts.

export const W_CHANGES: number = 1 // f64 index from the block: words 2 and 3
export const W_USED: number = 4
export const W_RING: number = 8
export const RING: number = 256
export const RECORD_WORDS: number = 4
export const W_PLACES: number = W_RING + RING * RECORD_WORDS
export const PLACE_WORDS: number = 8
/** Places for the watchers of one structure, where nobody asks for more; and the most that may be asked for. */
export const WATCHERS: number = 256
export const WATCHERS_MAX: number = 4096

/** Units of a WATCH block with so many places. */
export function watchUnits(places: number): number {
  return (W_PLACES + places * PLACE_WORDS) / 2
}

/** Word offsets in a place. */
export const T_TOKEN: number = 0
export const T_HASH: number = 1
export const T_KEYED: number = 2
export const T_COUNT: number = 3
export const T_TYPE: number = 4
export const T_SERIAL: number = 5

export const CHANGE_SET: number = 1
export const CHANGE_DELETE: number = 2
export const CHANGE_CLEAR: number = 3
