// segment: who is attached. One slot per attached handle; the holder of the slot's liveness lock alone writes it.
//
//            0        4        8        12       16        24        32        40       44      48        56      64
//            +--------+--------+--------+--------+---------+---------+---------+--------+-------+---------+-------+
//  slot i    | state  | incarn | pid    | thread | start   | pid ns  | claimed | waits  | mode  | since   | -     |   SLOT_SIZE = 64
//            +--------+--------+--------+--------+---------+---------+---------+--------+-------+---------+-------+
//
// state   FREE → CLAIMING → LIVE → FREE. A slot whose liveness lock is free is dead whatever its state says.
// incarn  +1 at every claim, 1 to 2^20 - 1. Lock words carry (slot, incarnation): a reused slot is another participant.
// start, pid ns, claimed, since (f64: ticks since boot, inode, ms since 1970, the same) are for people; nothing is recovered by them.
// waits   0, or the index of the word that the owner's thread blocks on; mode says how to read that word (sync/wait-graph.ts), since
//         when the wait began. Stored before the thread sleeps and cleared after, so that who else waits can find circles. One
//         that was killed leaves it; it counts only while the slot's liveness lock is held.
//
// A participant's private area starts with one word that belongs to this rule: other than 0 it says that its owner left
// work to be undone, so a dead slot is not claimed again before a survivor has undone it and set the word to 0.
//
// Crash windows: killed in CLAIMING or LIVE → the liveness lock is free; the next claimer starts over with the next
// incarnation. Slots that were left in order are claimed before those of the dead, so that whoever still waits for a
// dead slot's lock has time to see it free.

export const S_STATE: number = 0
export const S_INCARNATION: number = 1
export const S_PID: number = 2
export const S_THREAD: number = 3
export const S_WAIT_WORD: number = 10
export const S_WAIT_MODE: number = 11
/** f64 indices within the slot. */
export const S_START: number = 2
export const S_NAMESPACE: number = 3
export const S_CLAIMED: number = 4
export const S_WAIT_SINCE: number = 6

export const SLOT_FREE: number = 0
export const SLOT_CLAIMING: number = 1
export const SLOT_LIVE: number = 2

/** token = incarnation << SLOT_BITS | slot; bits 30 and 31 stay free for flags of lock words. */
export const SLOT_BITS: number = 10
export const SLOT_MASK: number = (1 << SLOT_BITS) - 1
export const INCARNATION_MAX: number = (1 << 20) - 1
export const TOKEN_MASK: number = 0x3fffffff
