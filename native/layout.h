/* native: numbers that C and TypeScript both know. src/native/layout.ts says the same; `npm run check` compares them. */
#ifndef MEMLANE_LAYOUT_H
#define MEMLANE_LAYOUT_H

/* Flags of memlane_open. */
#define OPEN_READ_ONLY 1u
#define OPEN_CREATE 2u
#define OPEN_EXCLUSIVE 4u

/* Why something was refused, in our words. The numbers are those of Linux, negated, so that nothing is translated there; the
 * others translate what comes up. Any other number of Linux may come too; elsewhere an error of which we know nothing but the
 * system's number is FAILED_SYSTEM less that number. */
#define FAILED_FORBIDDEN (-13)
#define FAILED_NOT_PERMITTED (-1)
#define FAILED_NOT_FOUND (-2)
#define FAILED_DEVICE (-5)
#define FAILED_IS_DEVICE (-6) /* or a socket */
#define FAILED_NOT_A_FILE (-9)
#define FAILED_BUSY (-11) /* the other side holds what was asked for */
#define FAILED_NO_MEMORY (-12) /* or address space, or mappings */
#define FAILED_EXISTS (-17)
#define FAILED_IS_FOLDER (-21)
#define FAILED_INVALID (-22)
#define FAILED_NO_MORE_HANDLES (-23) /* on the whole machine */
#define FAILED_NO_HANDLES (-24)
#define FAILED_TOO_LARGE (-27)
#define FAILED_NO_SPACE (-28)
#define FAILED_READ_ONLY (-30) /* a file system that nobody may change */
#define FAILED_NAME_TOO_LONG (-36)
#define FAILED_NO_LOCKS (-37)
#define FAILED_IS_LINK (-40)
#define FAILED_UNSUPPORTED (-95)
#define FAILED_QUOTA (-122)
#define FAILED_SYSTEM (-1000)

/* How a wait ended. A negative number says why it could not begin. */
#define WAIT_WOKEN 0   /* a wake came (or a spurious one: look at the word again) */
#define WAIT_CHANGED 1 /* the word no longer held the expected value */
#define WAIT_TIMED_OUT 2
#define WAIT_DEAD 3    /* the participant whose life was watched is gone */
#define WAIT_CLOSED 4  /* the mapping was closed while waiting */

/* How often a parked waiter asks the kernel whether the holder it waits for is still alive. */
#define WATCH_SLICE_MS 5

/* How often any other parked waiter looks at its word again: whoever changed it may have been killed before the wake. */
#define RELOOK_MS 100

/* Mappings a process may have at once; one word each tells how many of its pages a fault replaced by zeros. */
#define MAX_MAPPINGS 8192

/* Fields of memlane_stat, each a double. */
#define STAT_SIZE 0
#define STAT_COMMITTED 1
#define STAT_UID 2
#define STAT_GID 3
#define STAT_MODE 4
#define STAT_LINKS 5
#define STAT_INODE 6
#define STAT_DEVICE 7
#define STAT_CHANGED_MS 8
#define STAT_FIELDS 9

/* Fields of space, each a double. */
#define SPACE_TOTAL 0
#define SPACE_AVAILABLE 1
#define SPACE_INODES 2 /* 0: the file system does not count them */
#define SPACE_INODES_FREE 3
#define SPACE_TYPE 4 /* the file system's magic number on Linux, else 0 */
#define SPACE_FIELDS 5

_Static_assert(sizeof(void *) == 8, "Memlane needs a 64-bit process");
_Static_assert(sizeof(unsigned int) == 4, "lock words are 32 bits");

#endif
