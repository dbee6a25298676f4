// heap/values: how a value lies in 8 bytes, and the blocks that hold what does not fit.
//
//   A slot: two words, low and high. `high` below 0xfff90000 (unsigned): the slot is a double (NaN is 0x7ff80000:0).
//
//   high                      low                   value
//   +-------------------------+---------------------+---------------------------------------------------+
//   | 0xfff9 0000             | int32               | number                                            |
//   | 0xfffa 0000             | CONST_…             | undefined, null, false, true, a hole in an array  |
//   | 0xfffb 0000             | pointer             | STRING block                                      |
//   | 0xfffc 0000             | pointer             | any other block; its kind tells                   |
//   | 0xfffd 0 length, char 4 | chars 0 to 3        | string of up to 5 latin1 characters               |
//   | 0xfffe 0000             | pointer             | reference to a shared object: it owns nothing     |
//   +-------------------------+---------------------+---------------------------------------------------+
//
//   Blocks; every one begins with the 8 bytes of blocks/pages.layout.ts, words are counted from the block:
//
//   STRING   2 length in characters | bytes from byte 12, latin1 or (flag WIDE) UTF-16LE
//   BIGINT   2 length in bytes | 3 sign: 1 negative | magnitude, little-endian, from byte 16
//   BYTES    2 length in bytes, low | 3 high | bytes from byte 16: an ArrayBuffer
//   TUPLE    2 type, TUPLE_… | 3 count | slots: everything else that is copied out whole when it is read
//   OBJECT   see object/object.layout.ts; live
//   ARRAY, CHUNK, CHUNKS   see list/list.layout.ts; live
//   SHAPE    2 id | 3 parent's id | slot: last property's name | 6 next shape
//   MAP, DIRECTORY, BUCKET, ENTRY   see map/map.layout.ts
//   CELL     2 root (0) | 3 - | slot: the value | 6 watch count | 7 WATCH pointer
//   WATCH    see watch/watch.layout.ts
//   HOLD     see objects/collector.layout.ts
//   TOMBSTONE   what a shared object leaves when it is destroyed: references may still lead here
//   QUEUE, MESSAGE   see kinds/queue/queue.layout.ts
//
// Who writes: the holder of the lock. Slots of OBJECT, CHUNK, ENTRY, CELL and short texts change in place, logged
// (overwrite.ts); all else is written before anything leads to it, and never again.
//
// Crash windows: killed while a value is written, before a logged slot leads to it → its blocks were taken with logged
// bits, and are free again. Killed later → the slot's old value is put back, and what hung on it was not freed yet.
//
// Ownership: a block belongs to the one slot that leads to it. Only values that were given with shared or cyclic
// references are different: all of their containers carry the flag SHARED, see graph.ts. OBJECT and ARRAY blocks with the flag GRAPH are
// shared objects: nobody owns them, references lead to them from anywhere, see heap/objects.

export const TAG_INT: number = 0xfff90000 | 0
export const TAG_CONST: number = 0xfffa0000 | 0
export const TAG_STRING: number = 0xfffb0000 | 0
export const TAG_BLOCK: number = 0xfffc0000 | 0
export const TAG_SHORT: number = 0xfffd0000 | 0
export const TAG_REF: number = 0xfffe0000 | 0
export const TAG_MASK: number = 0xffff0000 | 0
/** Lowest `high` that is a tag, as a signed word: tags are -458752 … -131073. */
export const FIRST_TAG: number = TAG_INT

export const CONST_UNDEFINED: number = 0
export const CONST_NULL: number = 1
export const CONST_FALSE: number = 2
export const CONST_TRUE: number = 3
export const CONST_HOLE: number = 4

export const SHORT_MAX: number = 5

export const STRING: number = 1
export const BIGINT: number = 2
export const BYTES: number = 3
export const TUPLE: number = 4
export const OBJECT: number = 5
export const ARRAY: number = 6
export const CHUNK: number = 7
export const CHUNKS: number = 8
export const SHAPE: number = 9
export const MAP: number = 10
export const DIRECTORY: number = 11
export const BUCKET: number = 12
export const ENTRY: number = 13
export const CELL: number = 14
export const WATCH: number = 15
export const QUEUE: number = 16
export const MESSAGE: number = 17
export const TOMBSTONE: number = 18
export const HOLD: number = 19
/** The last of the kinds. */
export const KINDS_LAST: number = HOLD

/** Flags of a block. */
export const WIDE: number = 1 << 8
/** What this container leads to may be led to from elsewhere in the same value. */
export const SHARED: number = 2 << 8
/** A shared object: a block of its own that nothing owns. */
export const GRAPH: number = 4 << 8
/** A TUPLE that a shared object owns. */
export const OF_GRAPH: number = 8 << 8

export const TUPLE_DATE: number = 1
export const TUPLE_REGEXP: number = 2
export const TUPLE_ERROR: number = 3
export const TUPLE_MAP: number = 4
export const TUPLE_SET: number = 5
export const TUPLE_BOXED: number = 6
/** Slots: buffer, byte offset, length, index of the constructor in VIEWS. */
export const TUPLE_VIEW: number = 7
/** Tag of a type that the program gave, and what its `write` made of the value. */
export const TUPLE_TYPED: number = 8

export const CELL_SLOT: number = 2
export const CELL_WATCH: number = 6
