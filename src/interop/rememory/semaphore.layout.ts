// interop/rememory: the named semaphore that guards every object of the package. It is the file that the C library's
// sem_open() makes and maps (glibc on 64-bit machines), byte for byte; posix_ipc in Python takes and posts the same bytes.
//
//            0           4           8           12          16          20          24                     32
//            +-----------+-----------+-----------+-----------+-----------+-----------+----------------------+
//            | value     | H waiters | pshared   | pad       | owner     | redo      | removed              |
//            +-----------+-----------+-----------+-----------+-----------+-----------+----------------------+
//            '------ one 64-bit word -'          '-- the C library leaves these 20 bytes as they are ------'
//
// value    permits: 1 free, 0 taken. Whoever posts adds 1 and wakes one sleeper if `waiters` is not 0.
// waiters  who sleeps in sem_wait() counts itself in and out. Bit 31 of it, H, is ours: a Memlane process holds the
//          permit. The C library adds and subtracts below it and takes a count with H for one that is not 0.
// pshared  128 in a semaphore between processes.
// owner    an owner lock (src/sync/owner-lock.ts) between Memlane processes: 0, or who may take the permit. Its liveness
//          locks are those of this very file.
// redo     1: the tail of the guarded object holds a write that is to be done again (redo.ts).
// removed  number of the object (its inode, a float64) that a Memlane process removed on purpose.
//
// Taking: the owner lock, then value and H in one 64-bit exchange. Giving back: the same exchange the other way, then
// the owner lock. So H is set exactly while a Memlane process holds the permit, and the owner lock says which.
//
// Crash windows: killed with the owner lock alone → the next owner finds it free of H, and takes the permit like anybody.
// Killed with H → the next owner inherits the permit, and finishes or undoes what was being written. Killed while counted
// among the waiters, in Python or here → posts wake nobody, at the cost of a system call each.
//
// Windows: there the package uses a mutex of the same name without the slash, which its holder's death frees.

/** Bytes of the file. */
export const SEMAPHORE_SIZE = 32

/** Of 32-bit words. */
export const VALUE = 0
export const WAITERS = 1
const PSHARED = 2
export const OWNER = 4
export const REDO = 5
/** Of float64 numbers. */
export const REMOVED = 3

/** The first 64-bit word: free with nobody waiting, and held by us with nobody waiting. */
export const FREE: bigint = 1n
export const HELD: bigint = -(1n << 63n)

/** The mark in the word `waiters`. */
export const H: number = 1 << 31

/** A new semaphore, free. */
export function newSemaphore(words: Int32Array): void {
  words[PSHARED] = 128
  words[VALUE] = 1
}

/** What a semaphore's first words say. */
export type SemaphoreState =
  | { readonly state: 'free' }
  /** By Python, be it alive or dead: nobody can tell. */
  | { readonly state: 'python' }
  | { readonly state: 'memlane'; readonly alive: boolean }
