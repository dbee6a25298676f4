// interop/membridge: an object used as a view, and the words that may stand in its lock.
//
//            0               4                                        size
//            +---------------+----------------------------------------+
//            | lock word i32 | data                                   |
//            +---------------+----------------------------------------+
//
// The package knows three kinds of lock word, and tests only for "0" (a writer enters by 0 → -1) and for "0 or more"
// (a reader enters by v → v + 1 and leaves by subtracting 1, whatever the word is by then):
//
//   0            free
//   v > 0        v readers of the package are inside; nobody can tell who
//   -1           a writer of the package is inside; nobody can tell who
//
// So any other negative word keeps the package out, and that is where Memlane's holders write who they are. With
// m = -2 - word, from the lowest bit:
//
//   bit   0         5         10                  20                29       30
//         +---------+---------+-------------------+-----------------+--------+---------+
//     m   | left    | found   | holder            | incarnation     | writer | waiters |
//         +---------+---------+-------------------+-----------------+--------+---------+
//
// found     readers of the package that were inside when the holder took the word over (0 to 31).
// left      how many of them have left since: each one's subtraction of 1 adds 1 to m.
// holder    number of the kernel lock that its handle holds for as long as it is open (0 to 1023).
//           The kernel lock free: the holder is dead, and whoever comes next takes over by one CAS.
// incarn.   1 to 510, chosen anew by each handle, so that a number used again is not taken for its predecessor.
// writer    1: the holder writes, 0: it reads. Both are alone among Memlane's handles: a reader that merely added 1
//           to a count would, when killed, leave a count that nobody can take back.
// waiters   1: somebody sleeps on the word; whoever releases it must wake.
//
// When a holder leaves, or is found dead, the word becomes found - left: the readers of the package that are still in.
//
// Crash windows: every change of the word is one atomic operation, so a kill leaves one of the words above. Killed as
// a holder: the next one in finds the kernel lock free. Killed while waiting: at worst a waiters bit costs one wake.

const FOUND_SHIFT = 5
const HOLDER_SHIFT = 10
const INCARNATION_SHIFT = 20
const WRITER_SHIFT = 29
const WAITERS_SHIFT = 30

const SMALL = 31
const WRITER = 1 << WRITER_SHIFT
const WAITERS = 1 << WAITERS_SHIFT

/** Index of the lock word, in 32-bit words. */
export const LOCK = 0
/** Where the data begins, in bytes. */
export const DATA = 4

export const FREE = 0
/** A writer of the package. */
export const FOREIGN_WRITER = -1
/** Readers of the package that a holder can take over at most. */
export const MOST_READERS: number = SMALL

/** Kernel locks 0 to HOLDERS - 1 stand for holders of lock words. */
export const HOLDERS = 1024
/** Incarnations are 1 to MOST_INCARNATION; 511 is left out so that no word passes -(2^31). */
export const MOST_INCARNATION = 510

/** The word of a holder that found nobody inside. */
export function holderWord(holder: number, incarnation: number, writer: boolean): number {
  return -2 - ((holder << HOLDER_SHIFT) | (incarnation << INCARNATION_SHIFT) | (writer ? WRITER : 0))
}

/** The same holder having found `readers` of the package inside. */
export function withReaders(word: number, readers: number): number {
  return word - (readers << FOUND_SHIFT)
}

/** The same word with somebody sleeping on it. */
export function withWaiters(word: number): number {
  return -2 - ((-2 - word) | WAITERS)
}

export function hasWaiters(word: number): boolean {
  return ((-2 - word) & WAITERS) !== 0
}

export function isWriter(word: number): boolean {
  return ((-2 - word) & WRITER) !== 0
}

export function holderOf(word: number): number {
  return ((-2 - word) >>> HOLDER_SHIFT) & (HOLDERS - 1)
}

export function incarnationOf(word: number): number {
  return ((-2 - word) >>> INCARNATION_SHIFT) & 511
}

/** Readers of the package that are still inside beside the holder. */
export function readersLeft(word: number): number {
  const m = -2 - word
  return ((m >>> FOUND_SHIFT) & SMALL) - (m & SMALL)
}

/** True when the word was written by a handle of Memlane. Other negative words are respected, and are nobody's we know. */
export function isOurs(word: number): boolean {
  if (word >= FOREIGN_WRITER) return false
  const incarnation = incarnationOf(word)
  return incarnation >= 1 && incarnation <= MOST_INCARNATION && readersLeft(word) >= 0
}

/** True when two words name the same holder, whatever else they say. */
export function sameHolder(a: number, b: number): boolean {
  return holderOf(a) === holderOf(b) && incarnationOf(a) === incarnationOf(b)
}
