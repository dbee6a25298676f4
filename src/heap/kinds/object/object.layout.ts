// heap/kinds/object: a plain object inside a value. Its shape (the names of its properties, in order) is shared by all like it.
//
//   word         0         1        2        3        4          5          6
//                +---------+--------+--------+--------+----------+----------+--------+--------+----
//  OBJECT        | header           | shape  | root   | outside  | room     | slot 0 | slot 1 | ...
//                +---------+--------+--------+--------+----------+----------+--------+--------+----
//
// shape    id of the shape, or TABLE: the object has many or odd keys, and `outside` is a MAP of them.
// root     the ENTRY, ARRAY or CELL of a named structure that the value belongs to: whose change a change here is. Of a shared
//          object (flag GRAPH), which belongs to nothing: 0, or minus the number of its class.
// outside  0: slots lie here. Else a CHUNK block that has all of them, because they outgrew the room.
// room     slots that fit here, or into `outside`.
//
// Who writes: the holder of the lock, logged, once something leads here.
// Crash windows: adding a property stores the slot beyond the old shape's, then the shape: both logged.

export const O_SHAPE: number = 2
export const O_ROOT: number = 3
export const O_OUTSIDE: number = 4
export const O_ROOM: number = 5
/** Units from the block to its first slot. */
export const O_UNITS: number = 3
/** Units from a CHUNK to its first slot. */
export const CHUNK_UNITS: number = 1

export const TABLE: number = -1
/** More properties than this make a TABLE. */
export const SHAPED_MAX: number = 64
/** A heap has fewer shapes than this, a power of 2; objects of further ones become TABLEs. */
export const SHAPES_MAX: number = 4096
