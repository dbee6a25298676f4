// heap/kinds/map: extendible hashing, and a list of entries in insertion order. Word offsets from each block.
//
//              0            2       3           4      5      6           8       9         10     11
//              +------------+-------+-----------+------+------+-----------+-------+---------+------+------+
//  MAP         | header     | size  | directory | head | tail | next seq  | watch | WATCH   | root | epoch|
//              +------------+-------+-----------+------+------+-----------+-------+---------+------+------+
//  DIRECTORY   | header     | depth | deep      | bucket of hash prefix 0 | 1 | 2 | … 2^depth - 1          |
//              +------------+-------+-----------+------+------+-----------+-------+---------+------+------+
//  BUCKET      | header     | local | overflow  | hash | entry | hash | entry | … 62 of them                |
//              +------------+-------+-----------+------+------+-----------+-------+---------+------+------+
//  ENTRY       | header     | value slot        | hash | map  | prev, next | seq (f64)       | key  | bytes …
//              +------------+-------------------+------+------+-----------+-----------------+------+------+
//
// size       entries. directory 0: an empty map.
// deep       buckets whose local depth is the directory's: at 0 the directory may be halved.
// local      depth << 8 | entries in this very bucket. The bucket holds hashes that share their top `depth` bits.
// overflow   a further bucket, where splitting would not part the hashes.
// hash, entry   entry 0: free. Linear probing from (hash & 0xffff) * 62 >> 16; deleting closes the gap.
// seq        grows with each insertion: a cursor finds its place again by it.
// root       of a map inside a value (an object with many keys): the entry, list or cell that the value belongs to.
// epoch      +1 at every clear(): entries freed by it are not marked one by one.
// watch      watchers of this map; 0: changes are not noted.
// An entry with the flag DOOMED is about to be deleted, if the header's intent says so; see intents.ts.
// key        type | length << 3. Text in latin1 (0) or UTF-16 (1) from byte 44; a slot (2) at word 12: numbers,
//            booleans, null, undefined; a bigint (3) as its hexadecimal text.
//
// Who writes: the holder of the lock. An insertion stores into a free slot: readers of other hashes pass it by. A move
// (delete closing a gap, split, merge, halving) marks the stripes of everything it moves first.
//
// Crash windows: split, merge, doubling and halving fill fresh blocks, then swap a few logged words.

export const M_SIZE: number = 2
export const M_DIRECTORY: number = 3
export const M_HEAD: number = 4
export const M_TAIL: number = 5
/** f64 index from the block: words 6 and 7. */
export const M_SEQUENCE: number = 3
export const M_WATCH: number = 8
export const M_ROOT: number = 10
export const M_EPOCH: number = 11
export const M_UNITS: number = 6

export const D_DEPTH: number = 2
export const D_DEEP: number = 3
export const D_FIRST: number = 4

export const B_LOCAL: number = 2
export const B_OVERFLOW: number = 3
export const B_FIRST: number = 4
export const B_SLOTS: number = 62
export const B_UNITS: number = 2 + B_SLOTS
/** A bucket is split rather than filled beyond this. */
export const B_FULL: number = 52

/** Flag of an ENTRY. */
export const DOOMED: number = 0x80 << 8
export const E_VALUE: number = 2
export const E_HASH: number = 4
export const E_MAP: number = 5
export const E_PREV: number = 6
export const E_NEXT: number = 7
/** f64 index from the block: words 8 and 9. */
export const E_SEQUENCE: number = 4
export const E_KEY: number = 10
export const E_TEXT_BYTE: number = 44
export const E_KEY_SLOT: number = 12

export const KEY_LATIN1: number = 0
export const KEY_WIDE: number = 1
export const KEY_SLOT: number = 2
export const KEY_BIGINT: number = 3

export const DEPTH_MAX: number = 24
