// waiting: how long anything waits, looks again or gives up, in milliseconds, and why just so long.
//
// Two more are shared with the C side and lie in native/layout.h: WATCH_SLICE_MS, how often the kernel is asked whether a watched
// participant lives, and RELOOK_MS, how often a sleeper of the addon compares its word. Limits that users set (`timeout`) come on top.

import { WATCH_SLICE_MS } from '../native/layout.js'

// ---- sleeping

/**
 * A sleeper comes back to JavaScript this often. It makes up for a notifier that was killed between taking the flag of an event
 * count down and waking, finds that its handle was closed or that the slot of a holder belongs to somebody else by now, and lets
 * a worker that blocks be terminated. Four times a second costs an idle waiter some 0.01 % of a processor.
 */
export const LOOK_AGAIN_MS = 250

/** Who waits for several holders has no single one whose life the kernel could be asked about, so it asks for each by itself. */
export const DEATH_LOOK_MS: number = WATCH_SLICE_MS

/** Looks for a circle of waits begin after this time, which is longer than locks are held, and go on at that pace. */
export const CIRCLE_LOOK_MS = 250

// ---- spinning

/** A sleep that was over within this time makes the next wait spin first: a wake-up alone takes 10 to 50 µs. */
export const SHORT_SLEEP_MS = 0.1

/** One spin takes no longer, which is about what the wake-up that it may save costs. */
export const SPIN_MS = 0.05

/** A thread that has not slept for this time sleeps, so that its event loop gets its turn. */
export const SPIN_TOTAL_MS = 2

// ---- locks that are held for microseconds

/**
 * The lock of a barrier, and that of a record's writers, is held for microseconds: who meets it waits for it this long at least,
 * whatever the limit, as a time-out of 0 should not fail because a neighbour is inside for a moment. Who holds it longer is stopped.
 */
export const BRIEF_LOCK_MS = 1000

/** Opening waits this long for a lock when nobody says otherwise: a stopped holder is told of, a debugger's short stop is not. */
export const OPEN_LOCK_MS = 10_000

/**
 * Operations on a heap wait this long for its lock when nobody says otherwise. A transaction takes microseconds, a large one
 * milliseconds; a process that a debugger or a paused container holds up for longer must not hold up all others with it.
 */
export const HEAP_LOCK_MS = 10_000

/** Commands wait this long: somebody sits before them. */
export const COMMAND_LOCK_MS = 2000

/** A reader that was torn many times asks for the writers' lock in slices of this length, and reads without it in between. */
export const QUIET_SLICE_MS = 5

/** An invited reader has this long to come in. A thread that is woken takes far less, even when all processors are taken. */
export const INVITATION_MS = 50

// ---- looking where nobody can be asked to wake

/** Who may not store cannot set the flag of an event count, so it looks at the words this often. */
export const READ_ONLY_LOOK_MS = 5

/** `memlane watch` shows records to people, who see 50 pictures a second as movement. */
export const SHOW_MS = 20

/** A value that changed without an announcement is told when it stands so for this long: its writer may be about to announce it. */
export const UNANNOUNCED_MS = 100

// ---- segments

/** A creator that is alive may be committing gigabytes; beyond this time it counts as stopped. */
export const CREATOR_MS = 5000

/** A creator has this long between making the name and locking it; and the last one out waits this long for that lock. */
export const CREATION_GAP_MS = 100

/** How often who waits for a creator looks. */
export const CREATION_LOOK_MS = 1

/** Nothing tells of a newcomer, so `departures()` looks through the participants this often: 0.5 µs for each of them. */
export const PEERS_LOOK_MS = 50

// ---- other programs, which wake nobody

/** The first nap of who waits for a program that cannot wake it. The next ones grow with the time waited: see NAP_SHARE. */
export const FIRST_NAP_MS = 0.05

/** A nap takes at most this share of the wait so far, so an answer is late by that share at most. */
export const NAP_SHARE: number = 1 / 8

/** The longest nap beside a ring: a hundred looks a second. */
export const RING_NAP_MS = 10

/** The longest nap beside the lock of a view, which is held for shorter times than messages are apart. */
export const VIEW_NAP_MS = 2

/** A waiter at a ring spins this long first. */
export const RING_SPIN_MS = 0.02

/** A waiter at a ring looks on for this long after setting its flag, which is more than a store takes to leave the processor. */
export const RING_SETTLE_MS = 0.003

/** A sleeper at the lock of a view looks again this often, should the process that was woken instead have been killed. */
export const VIEW_LOOK_AGAIN_MS = 20

/** A writer keeps new readers of the package out of a view this long while it waits for those inside, ... */
export const VIEW_DRAIN_MS = 5

/** ... and then leaves the word to others for this long. */
export const VIEW_AFTER_DRAIN_MS = 20

/** An object of the package without a size is one whose creator is between making and sizing it; it has this long. */
export const SIZING_MS = 200

/** How often a blocking reader of the flexible format looks; the format has nothing to be woken by. */
export const FLEXIBLE_LOOK_MS = 0.1

/** The same for one that awaits: the shortest timer there is. */
export const FLEXIBLE_TIMER_MS = 1
