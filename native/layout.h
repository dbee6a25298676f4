/* native: numbers that C and TypeScript both know. src/native/layout.ts says the same; `npm run check` compares them. */
#ifndef MEMLANE_LAYOUT_H
#define MEMLANE_LAYOUT_H

/* Flags of memlane_open. */
#define OPEN_READ_ONLY 1u
#define OPEN_CREATE 2u
#define OPEN_EXCLUSIVE 4u

/* Why something was refused; every number of a system's own is translated into one of these where it comes up. Below
 * FAILED_SYSTEM: an error of which we know nothing but the system's number, subtracted from it. */
#define FAILED_NOT_FOUND (-1)
#define FAILED_EXISTS (-2)
#define FAILED_FORBIDDEN (-3)
#define FAILED_BUSY (-4) /* the other side holds what was asked for */
#define FAILED_NO_SPACE (-5)
#define FAILED_NO_MEMORY (-6) /* or address space, or mappings */
#define FAILED_NO_HANDLES (-7)
#define FAILED_NO_MORE_HANDLES (-8) /* on the whole machine */
#define FAILED_NO_LOCKS (-9)
#define FAILED_TOO_LARGE (-10)
#define FAILED_NAME_TOO_LONG (-11)
#define FAILED_INVALID (-12)
#define FAILED_IS_LINK (-13)
#define FAILED_IS_FOLDER (-14)
#define FAILED_IS_DEVICE (-15) /* or a socket */
#define FAILED_NOT_A_FILE (-16)
#define FAILED_READ_ONLY (-17) /* a file system that nobody may change */
#define FAILED_UNSUPPORTED (-18)
#define FAILED_DEVICE (-19)
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
#define SPACE_TYPE 4 /* the file system's magic number */
#define SPACE_FIELDS 5

_Static_assert(sizeof(void *) == 8, "Memlane needs a 64-bit process");
_Static_assert(sizeof(unsigned int) == 4, "lock words are 32 bits");

#endif
