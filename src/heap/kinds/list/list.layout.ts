// heap/kinds/list: an array, alone under a name or inside a value. Slots in one CHUNK while they are few, else in chunks of 256.
//
//   word         0         1        2        3        4        5        6        7        8         9
//                +---------+--------+--------+--------+--------+--------+--------+--------+---------+---------+
//  ARRAY         | header           | length | root   | store  | first  | room   | mode   | watch   | WATCH   |
//                +---------+--------+--------+--------+--------+--------+--------+--------+---------+---------+
//  CHUNK         | header           | slot 0          | slot 1          | ...  up to 256
//                +---------+--------+-----------------+-----------------+----
//  CHUNKS        | header           | chunk 0 | chunk 1 | ... pointers, 0: none
//                +---------+--------+---------+---------+----
//
// store  FLAT: one CHUNK. CHUNKED: a CHUNKS block. 0: an empty array that never had a place.
// first  place of element 0 in the store: shift() moves it on, unshift() back.
// room   places in the store: slots of the CHUNK, or 256 times the pointers of CHUNKS.
// root   0: this is a named list. -1: a shared array, which belongs to nothing. Else as in object.layout.ts.
//
// A place outside of first … first + length - 1 holds anything; a store to it is logged nevertheless, since the same
// transaction may have made it such a place a moment ago.
//
// Who writes: the holder of the lock. Crash windows: growing and long moves fill fresh chunks, then swap logged words.

export const A_LENGTH: number = 2
export const A_ROOT: number = 3
export const A_STORE: number = 4
export const A_FIRST: number = 5
export const A_ROOM: number = 6
export const A_MODE: number = 7
export const A_WATCH: number = 8
export const A_UNITS: number = 5

/** Root of an array that belongs to nothing. */
export const NO_ROOT: number = -1

export const FLAT: number = 0
export const CHUNKED: number = 1

export const CHUNK_SLOTS: number = 256
export const CHUNK_SHIFT: number = 8
/** Units of a full chunk, header included. */
export const CHUNK_FULL: number = 257
/** Word of the first pointer in CHUNKS. */
export const C_FIRST: number = 2
/** Longest array: as many slots as 4 GiB hold. */
export const LENGTH_MAX: number = 2 ** 29 - 1
