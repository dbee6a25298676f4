// heap/arena: the undo log, in the private area of the participant that writes.
//
//   byte   0         4          8                        64                    72
//          +---------+----------+------------------------+---------------------+---------------------+----
//          | LENGTH  | -        | extents, 14 numbers    | word 0 | old value  | word 1 | old value  | ...
//          +---------+----------+------------------------+---------------------+---------------------+----
//
// LENGTH  entries that must be undone, oldest first; 0: nothing. Setting it to 0 is the commit point of a transaction,
//         and (the segment's rule) what makes the slot of a dead participant fit for reuse.
// extents a transaction that outgrows the area goes on in free pages of the heap: extent i has EXTENT_PAGES << i of
//         them. They stay free in the page bitmap; only the writer's own allocator steps around them, and nobody else
//         can take a page before the lock is free or the log is undone. So they need no freeing, whoever dies.
//
// Order:  entry → LENGTH → the word itself. Killed before LENGTH: the word still has its old value. Killed after: undoing
//         stores the old value over itself or over the new one. Undo goes from the last entry to the first, because a
//         word may be there twice; doing it twice changes nothing, so a repairer may be killed at any store.

/** Word offsets from the area. */
export const L_LENGTH: number = 0
/** Always 0. */
export const L_UNUSED: number = 1
export const L_EXTENTS: number = 2
export const L_ENTRIES: number = 16

/** Most extents: together 1 GiB of log. */
export const EXTENTS: number = 14
export const EXTENT_PAGES: number = 4
