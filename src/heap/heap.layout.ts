// heap: the map of a heap's body. Everything before the pages is written at creation and committed for good.
//
//   byte from body   what
//   +---------------------------------------------------------------------------------------------------------+
//   |      0 | FORMAT   | PAGES_MAX | HASH_SEED | ROOTS     | SHAPES_FIRST | SHAPES_LAST | SHAPES | WATCHERS  |
//   |     32 | CLASSES  | SHAPES_EPOCH                                                                        |
//   |     64 | INTENT   | A         | B         | C         | D     see intents.ts                           |
//   |    128 | LOCK     token | WAITERS, see sync/owner-lock                                                  |
//   |    256 | VERSION  | HOLDER                                                                              |
//   |    384 | PAGE_HINT                                                                                      |
//   |    512 | class heads, one word per size class: 1 + page number of a span with room, 0 none              |
//   |   1024 | the collector, see objects/collector.layout.ts                                                  |
//   |   2048 | bells, 64 of (epoch, flag): who waits for changes of a structure sleeps on one                 |
//   |   2560 | bells of queues, 64 of (epoch, flag, queues, -): who waits for a message sleeps on one         |
//   |   3584 | TURN     token | WAITERS: whose turn it is, see sync/turn.ts                                   |
//   |   4096 | stripe versions, 64 words, one per 64 bytes                                                    |
//   |   8192 | the collector's grey objects, 1024 pointers                                                    |
//   |  12288 | page bitmap, 1 bit per page: 1 taken                                                           |
//   |    ... | page table, 32 bytes per page, see blocks/pages.layout.ts                                      |
//   |    ... | pages of 16 KiB, starting on a memory page; the committed ones are a prefix                    |
//   +---------------------------------------------------------------------------------------------------------+
//
// Who writes: the holder of LOCK, and nobody else, all but the log of each participant, which lies in its own area.
// HOLDER names the slot of who holds (or held) LOCK: it tells a repairer whose log to undo. It is stored after LOCK was
// taken and before the first log entry; killed between the two, HOLDER names a log that is empty.
//
// Bells are the exception: event counts (src/waiting/event-count.ts) whose epoch comes first. Whoever has committed a change that is
// watched advances one, after the lock is free. Killed before that, sleepers sleep on until the next change or their next look.
// A queue has a bell to itself while there are no more than 64 of them, so that a message wakes one sleeper and not all; QUEUES counts
// those that share one, and is written as all else is: by the holder of LOCK, logged. TURN is a lock of its own, beside the heap's.
//
// A pointer is the index of 8 bytes from the start of the memory (byte / 8); 0 is none. A word index is byte / 4.

import { PAGE, roundUp } from '../sizes.js'

export const FORMAT: number = 4

/** Word offsets from the body. */
export const H_FORMAT: number = 0
export const H_PAGES_MAX: number = 1
export const H_HASH_SEED: number = 2
export const H_ROOTS: number = 3
export const H_SHAPES_FIRST: number = 4
export const H_SHAPES_LAST: number = 5
export const H_SHAPES: number = 6
/** Places for the watchers of one structure. */
export const H_WATCHERS: number = 7
/** A MAP of class names, each with its number; 0: none yet. */
export const H_CLASSES: number = 8
/** How often shapes were freed. */
export const H_SHAPES_EPOCH: number = 9
export const H_INTENT: number = 64 / 4
export const H_INTENT_A: number = 68 / 4
export const H_INTENT_B: number = 72 / 4
export const H_INTENT_C: number = 76 / 4
export const H_INTENT_D: number = 80 / 4
export const H_LOCK: number = 128 / 4
export const H_VERSION: number = 256 / 4
export const H_HOLDER: number = 260 / 4
export const H_PAGE_HINT: number = 384 / 4
export const H_CLASS_HEADS: number = 512 / 4
export const H_BELLS: number = 2048 / 4
export const H_QUEUE_BELLS: number = 2560 / 4
export const H_TURN: number = 3584 / 4
export const H_STRIPES: number = 4096 / 4
export const H_COLLECTOR: number = 1024 / 4
export const H_GREY: number = 8192 / 4
export const H_BITMAP: number = 12_288 / 4

export const BELLS: number = 64
export const QUEUE_BELLS: number = 64
/** Words from one bell of queues to the next. The epoch is the first, as in all bells. */
export const QUEUE_BELL_STEP: number = 4
/** Word offsets in a bell. */
export const BELL_FLAG: number = 1
export const BELL_QUEUES: number = 2
export const STRIPES: number = 64
/** Words from one stripe's version to the next: a cache line. */
export const STRIPE_STEP: number = 16

/** Bytes of a heap page, the grain in which size classes and large blocks take memory. */
export const HEAP_PAGE: number = 16_384
export const PAGE_SHIFT: number = 11
/** Units of 8 bytes in a page. */
export const PAGE_UNITS: number = 1 << PAGE_SHIFT
export const DESCRIPTOR_WORDS: number = 8

/** Where the parts of a body for `pages` pages begin, in bytes from the body. */
export function bodyPlan(pages: number): { table: number; pages: number; total: number } {
  const table = H_BITMAP * 4 + roundUp(Math.ceil(pages / 8), 64)
  const first = roundUp(table + pages * DESCRIPTOR_WORDS * 4, PAGE)
  return { table, pages: first, total: first + pages * HEAP_PAGE }
}
