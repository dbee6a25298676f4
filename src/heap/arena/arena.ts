// heap/arena: one lock, versions for readers, an undo log. Every change of the heap goes through here.
//
// Order of stores of a transaction; blocks/ and the structures add theirs between the braces:
//
//   stack to spare → take LOCK → HOLDER → VERSION odd → { stripe odd → log entry → LENGTH → word }* → deferred frees, logged
//   → LENGTH = 0, the commit point → stripes even → VERSION even → release LOCK → wake watchers
//
// Memory that was free when the transaction began needs no log: nobody can reach it until a logged word leads there.
// Repair, by whoever gets the lock of a dead holder: VERSION odd → undo, last entry first → LENGTH = 0 → stripes even →
// VERSION even. test:crash visits every store of both, and every wrong order of them.
//
// A change inside a change has a mark: where the log, the lent and given pages, the blocks to free, the blocks taken, the
// bells and those who want to hear of an undoing stood when it began. Undone, it goes back to its mark, whatever was thrown:
// by the user, by us, by the engine. So that the end of the stack cannot come between: what undoing and committing need is
// asked for before anything is taken (spare-stack.ts), and compiled long before (#practise). Should undoing fail all the
// same, plain stores make this handle one of the dead, and the others undo what it left.
//
// Steps: a change that a log cannot hold is made in several, each committed, under one lock, with odd versions from the first to
// the last. The header names then what remains to be done (../intents.ts), and whoever repairs goes on with it.
//
// Readers take no lock: note a version, read, check the version; see read() for what they do when that keeps failing.
// A handle over a read-only segment has no slot, no log and no lock. It must not store a single byte: its mapping is
// private, and a page that it stored to would never again show what others do.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import type { Memory } from '../../memory/index.js'
import { pause as sleep } from '../../pause.js'
import type { Segment } from '../../segment/index.js'
import { spareStack as spareStackForAll } from '../../spare-stack.js'
import { BUSY, heldTooLong, OwnerLock, RECOVERED } from '../../sync/index.js'
import { EventCount, HEAP_LOCK_MS } from '../../waiting/index.js'
import { corrupt } from '../corrupt.js'
import {
  BELL_FLAG,
  BELLS,
  bodyPlan,
  H_BELLS,
  H_HOLDER,
  H_INTENT,
  H_LOCK,
  H_PAGES_MAX,
  H_QUEUE_BELLS,
  H_STRIPES,
  H_VERSION,
  HEAP_PAGE,
  QUEUE_BELL_STEP,
  QUEUE_BELLS,
  STRIPE_STEP,
  STRIPES,
} from '../heap.layout.js'
import { EXTENT_PAGES, EXTENTS, L_ENTRIES, L_EXTENTS, L_LENGTH, L_UNUSED } from './log.layout.js'
import { nothing, spareStack } from './spare-stack.js'

/** Optimistic attempts before a reader takes the lock. */
const ATTEMPTS = 48

/** How long a handle that cannot take the lock tries to read between the writers. */
const PATIENCE_MS = 1000

/** A sleep of a millisecond may last so long; beyond it the thread was kept off its processor, and that is no patience. */
const NAP_MS = 10

/** Looks at a taken lock before giving way: together about as long as a transaction and a hand-over. */
const LOOKS = 100

/** Who finds the lock taken twice within so many transactions of the heap is in a crowd. */
const CROWD = 2000

/**
 * In a crowd a writer leaves the lock alone for so long before it looks again, and so on a few times before it sleeps.
 * Writers then work in turns of about that length. To hand the lock over means to hand over what it guards, a dozen cache
 * lines; at every transaction, that takes longer than the transactions themselves, and each look slows the holder down.
 */
const TURN_MS = 0.1
const TURNS = 4

/** The smallest block, and the longest list of blocks that an engine is sure to make. */
const BLOCK_WORDS_MIN = 4
const DEFERRED_MAX = 2 ** 26

/** Words of a mark: five of the arena's own, and room for the allocator's. */
const MARK_PAGES = 5
const MARK_WORDS = 9
/** Marks that there is room for at first. */
const MARKS = 16

/** Wakes all who sleep on a bell. */
const EVERYBODY = 2 ** 30

/** In place of a level. */
const PRACTISING = -1

/** An engine forgets what a function was compiled to when it has not run for some rounds of garbage collection. */
const PRACTISE_EVERY = 4096

/** Who hears that what it did inside a change was undone. */
export interface Undoable {
  /** The change is undone; others around it may still be open. */
  undone(): void
}

/** What the allocator does for the arena. */
export interface Pages {
  /** Notes up to four words at `at`: what `undone` needs to go back to this moment. */
  mark(marks: Int32Array, at: number): void
  /** The words of the heap are again what they were at that mark; below 0: before the outermost change. */
  undone(marks: Int32Array, at: number): void
  /** Frees blocks for good; between the last change and the commit point, so it may log. */
  release(pointers: number[], count: number): void
  /** Calls what `undone` may call, to no effect. */
  practise(): void
  /** Finds free pages for more log, and steps around them until the transaction ends. @returns page number, -1: none. */
  lend(count: number): number
  /** The transaction is over: lent pages may be taken again. */
  settle(): void
}

type Work = (a: unknown, b: unknown, c: unknown, d: unknown, e: unknown) => unknown

/** Other ways to make a change when the heap is full, by the function that makes it first. */
interface OtherWays {
  /** In steps that are committed one by one; as an outermost change only. */
  readonly inSteps?: Work | undefined
  /** Without a block more than there is. */
  readonly inPlace?: Work | undefined
}

const NO_OTHER_WAY: OtherWays = {}
const otherWays = new WeakMap<Work, OtherWays>()

/** What change() does instead of `work`, with the same arguments, when that was ERR_NO_SPACE or ERR_TX_TOO_BIG. */
export function whenFull<A extends unknown[], R>(
  work: (...args: A) => R,
  ways: { inSteps?: (...args: A) => R; inPlace?: (...args: A) => R },
): void {
  otherWays.set(work as unknown as Work, ways as unknown as OtherWays)
}

export class Arena {
  readonly segment: Segment
  readonly memory: Memory
  readonly i32: Int32Array
  readonly f64: Float64Array
  readonly u8: Uint8Array
  /** Word index of the body. */
  readonly base: number
  readonly version: number
  readonly stripes: number
  /** Nesting of transactions; 0: none is open and the lock is not ours; -1: closed, so that no quick path is taken. */
  depth: number = 0
  /** Milliseconds that a change, or a read that needs the lock, waits for it; below 0 for ever. */
  lockTimeout: number = HEAP_LOCK_MS
  /** Counts transactions that joined the open one: who runs foreign code may see whether it changed anything. */
  joins: number = 0
  /** Goes on with what the header says that remains to be done. Set by the intents. */
  resume: () => void = () => {}
  /** Called after something was undone, with the handle's caches to purge. */
  onUndone: () => void = () => {}
  /** Live objects wait for a place where they are held: `onOwing` gives it to them in the next change, or after a locked read. */
  owes: boolean = false
  onOwing: () => void = () => {}
  /** Objects were made: `onBirths` is called when the lock is free again. */
  births: boolean = false
  onBirths: () => void = () => {}
  /** Set by the allocator. */
  pages!: Pages
  /** The allocator wants to hear of the end of the transaction. */
  unsettled: boolean = false
  readonly #lock: OwnerLock
  /** Over a word of this handle's own. */
  readonly #practiceLock: OwnerLock
  readonly #log: number
  /** Where entry 0 would be if the extent that is being filled began with it. */
  #entries: number
  /** Entries that fit before the next extent is needed. */
  #limit: number
  readonly #areaLimit: number
  #extents = 0
  readonly #lockWord: number
  /** 0: this handle only reads. */
  #token: number
  /** The word by which the others know that this handle is alive. */
  readonly #incarnation: number
  readonly #nextIncarnation: number
  readonly #holder: number
  readonly #slot: number
  #length = 0
  /** The arena's version when this handle last found the lock taken. */
  #contended = -2 * CROWD
  #dirtyLow = 0
  #dirtyHigh = 0
  /** The version an optimistic read goes by, for long reads that want to know early that they are in vain. */
  #readWord = -1
  #readSeen = 0
  #deferred: number[] = []
  #deferredCount = 0
  readonly #deferredMax: number
  /** Bells to ring after the commit. */
  #rings: number[] = []
  /** How many each of them is to wake. */
  #ringCounts: number[] = []
  #ringCount = 0
  #marks = new Int32Array(MARKS * MARK_WORDS)
  /** The level of a change that has failed. */
  #failed = 0
  /** Changes until undoing is practised again. */
  #practice = 0
  #gaveUp: unknown = undefined
  readonly #undoables: Undoable[] = []
  /** How often this handle has repaired what a dead one left. */
  repairs: number = 0

  constructor(segment: Segment, undoBytes: number) {
    this.segment = segment
    this.memory = segment.memory
    this.i32 = segment.memory.i32
    this.f64 = segment.memory.f64
    this.u8 = segment.memory.u8
    this.#deferredMax = Math.min(this.i32.length / BLOCK_WORDS_MIN, DEFERRED_MAX)
    this.base = segment.body / 4
    this.version = this.base + H_VERSION
    this.stripes = this.base + H_STRIPES
    // A read-only handle never comes to use it.
    this.#lock = segment.readOnly ? (undefined as never) : new OwnerLock(segment, segment.body + H_LOCK * 4)
    this.#practiceLock = segment.readOnly
      ? (undefined as never)
      : new OwnerLock(segment, segment.participant.area + L_UNUSED * 4)
    this.#lockWord = this.base + H_LOCK
    this.#holder = this.base + H_HOLDER
    this.#token = segment.readOnly ? 0 : segment.participant.token
    this.#incarnation = segment.readOnly ? 0 : segment.incarnationWord
    this.#nextIncarnation = segment.readOnly ? 0 : segment.participant.incarnation + 1
    this.#slot = segment.readOnly ? 0 : segment.participant.slot
    this.#log = segment.readOnly ? 0 : segment.participant.area / 4 + L_LENGTH
    this.#entries = this.#log + L_ENTRIES
    this.#limit = this.#areaLimit = (undoBytes / 4 - L_ENTRIES) >> 1
  }

  // ---- changes

  /**
   * The one way to change the heap: runs `work` with the lock held, and commits what it did, or undoes all of it when
   * anything is thrown. Inside another change it joins that one: a failure then undoes its own part alone.
   *
   * `work` should be a function made once, not one made for each call, and gets what it needs as arguments: so that
   * nothing is allocated, and the engine may compile all of it into the caller.
   *
   * @throws what `work` throws, MemlaneError `ERR_TIMEOUT` naming who has the lock, `ERR_DEADLOCK` in a circle of waits,
   *   `ERR_CLOSED`, `ERR_READ_ONLY`, `ERR_TRUNCATED`, and the engine's RangeError when the stack is nearly full; nothing has begun
   *   then.
   */
  change<R>(work: () => R): R
  change<A, R>(work: (a: A) => R, a: A): R
  change<A, B, R>(work: (a: A, b: B) => R, a: A, b: B): R
  change<A, B, C, R>(work: (a: A, b: B, c: C) => R, a: A, b: B, c: C): R
  change<A, B, C, D, R>(work: (a: A, b: B, c: C, d: D) => R, a: A, b: B, c: C, d: D): R
  change<A, B, C, D, E, R>(work: (a: A, b: B, c: C, d: D, e: E) => R, a: A, b: B, c: C, d: D, e: E): R
  change(work: Work, a?: unknown, b?: unknown, c?: unknown, d?: unknown, e?: unknown): unknown {
    const level = this.#enter()
    let result: unknown
    try {
      result = work(a, b, c, d, e)
      if (level === 0 && this.owes) this.onOwing()
      if (level === 0 && this.#deferredCount !== 0) this.pages.release(this.#deferred, this.#deferredCount)
    } catch (error) {
      this.#failed = level
      try {
        this.#abort()
      } catch (why) {
        // The stack is so full that nothing can be called: what giveUp() does.
        this.i32[this.#incarnation] = this.#nextIncarnation
        this.#gaveUp = why
        this.#token = 0
        this.depth = -1
      }
      return this.#otherwise(error, level, work, a, b, c, d, e)
    }
    this.#leave(level)
    return result
  }

  /** The same change in another way, where there is one for heaps that are full. @throws the error. */
  #otherwise(error: unknown, level: number, work: Work, ...args: Parameters<Work>): unknown {
    const code = (error as Partial<MemlaneError> | undefined)?.code
    if ((code !== 'ERR_NO_SPACE' && code !== 'ERR_TX_TOO_BIG') || this.#gaveUp !== undefined) throw error
    const { inSteps, inPlace } = otherWays.get(work) ?? NO_OTHER_WAY
    const other = level === 0 ? (inSteps ?? inPlace) : inPlace
    if (other === undefined) throw error
    // What is begun in steps cannot be undone: it must not meet the end of the stack.
    spareStackForAll()
    return this.change(other, ...args)
  }

  /**
   * Commits what the change has done so far; the lock stays, and so do odd versions. Only for an outermost change whose rest the
   * header names.
   */
  commitStep(): void {
    if (this.#deferredCount !== 0) this.pages.release(this.#deferred, this.#deferredCount)
    this.#deferredCount = 0
    if (this.#length === 0) return
    this.i32[this.#log] = 0
    this.#length = 0
    if (this.#extents !== 0) this.#useExtents(0)
  }

  /** Words that the log holds without free pages. */
  get logRoom(): number {
    return this.#areaLimit
  }

  /** With plain stores, which take no stack: the others take this handle for one that was killed, and finish what it began. */
  giveUp(why: unknown): void {
    this.i32[this.#incarnation] = this.#nextIncarnation
    this.#gaveUp = why
    this.#token = 0
    this.depth = -1
  }

  /**
   * Asks for stack before it takes anything, as spare-stack.ts says: it has the long call here, on a way that is never
   * taken, so that this costs no further call.
   *
   * @returns how many changes are open around the one that begins.
   */
  #enter(): number {
    const { depth } = this
    if (depth > 0) return this.#join()
    if (--this.#practice < 0) this.#practise()
    this.#open()
    this.depth = 1
    // biome-ignore format: nobody reads this line.
    if (depth < -1) nothing(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    return 0
  }

  #leave(level: number): void {
    if (this.#gaveUp !== undefined) throw this.closedError()
    if (level === 0) this.#close()
    else this.depth = level
  }

  /** Notes where an inner change begins. The outermost one needs no mark: it goes back to nothing. */
  #join(): number {
    const level = this.depth
    this.joins = (this.joins + 1) | 0
    const at = (level - 1) * MARK_WORDS
    if (at + MARK_WORDS > this.#marks.length) {
      const more = new Int32Array(2 * this.#marks.length)
      more.set(this.#marks)
      this.#marks = more
    }
    const marks = this.#marks
    marks[at] = this.#length
    marks[at + 1] = this.#extents
    marks[at + 2] = this.#deferredCount
    marks[at + 3] = this.#ringCount
    marks[at + 4] = this.#undoables.length
    this.pages.mark(marks, at + MARK_PAGES)
    this.depth = level + 1
    return level
  }

  #open(): void {
    const { i32, memory, version } = this
    if (this.#token === 0 || memory.closed || memory.faults !== 0) throw this.#refusal()
    // The first step of OwnerLock.acquire, here so that it costs no call.
    // SYNC: "what the last holder wrote is visible to the next"
    if (memory.compareExchange(this.#lockWord, 0, this.#token) !== 0) {
      this.#contend()
    }
    const holder = this.#holder
    if (i32[holder] !== this.#slot) {
      i32[holder] = this.#slot
    }
    // SYNC: "odd before the first store, even after the last"
    memory.openVersion(version, i32[version]! | 1)
  }

  /** Commits the outermost change. Nothing here may fail: the stack it needs was asked for in the beginning. */
  #close(): void {
    const { i32, memory, version } = this
    this.#deferredCount = 0
    if (this.#length !== 0) {
      // The commit point.
      i32[this.#log] = 0
      this.#length = 0
      if (this.#extents !== 0) this.#useExtents(0)
    }
    if (this.unsettled) this.pages.settle()
    if ((this.#dirtyLow | this.#dirtyHigh) !== 0) this.#cleanStripes()
    memory.closeVersion(version, (i32[version]! + 1) & ~1)
    this.depth = 0
    this.#lock.release()
    if (this.#undoables.length !== 0) this.#undoables.length = 0
    if (this.births) this.#born()
    if (this.#ringCount > 0) {
      // Who sleeps on without the bell looks by itself after a while; the change has happened.
      try {
        this.#ring()
      } catch {}
    }
  }

  /** Somebody else has the lock. */
  #contend(): void {
    const { memory } = this
    const crowded = ((this.i32[this.version]! - this.#contended) | 0) < 2 * CROWD
    if (crowded || !this.#grab()) {
      let turns = TURNS
      do {
        const end = performance.now() + TURN_MS
        while (performance.now() < end) memory.giveWay()
      } while (!this.#grab() && --turns > 0)
      if (turns === 0) {
        const got = this.#lock.acquire(this.lockTimeout)
        if (got === BUSY) throw this.#timedOut()
        if (got === RECOVERED) this.#repair()
      }
    }
    this.#contended = this.i32[this.version]!
  }

  #born(): void {
    this.births = false
    // Collecting can wait for another time; the change has happened.
    try {
      this.onBirths()
    } catch {}
  }

  #timedOut(): MemlaneError {
    return heldTooLong(this.segment, this.#lock.owner, 'the heap', this.lockTimeout)
  }

  #grab(): boolean {
    const { memory } = this
    for (let i = 0; i < LOOKS; i++) {
      if (memory.load(this.#lockWord) !== 0) continue
      // SYNC: "what the last holder wrote is visible to the next"
      if (memory.compareExchange(this.#lockWord, 0, this.#token) === 0) {
        return true
      }
    }
    return false
  }

  /** Undoes the change that failed; the outermost one ends so, having changed nothing. */
  #abort(): void {
    if (this.#gaveUp === undefined) this.#undoTo(this.#failed)
  }

  /**
   * Calls all that undoing calls, where it does nothing: the engine compiles a function when it is called first (and anew
   * when it has not run for some rounds of garbage collection), and that takes far more stack than there is in the end.
   */
  #practise(): void {
    // It only reads, and is refused next.
    if (this.#token === 0) return
    const { i32, memory } = this
    const unused = this.#log + L_UNUSED
    this.#practice = PRACTISE_EVERY
    this.#failed = PRACTISING
    this.#abort()
    this.pages.practise()
    this.pages.settle()
    this.#pageWord(0)
    extentEntries(0)
    this.#evenWord(unused)
    memory.closeVersion(unused, i32[unused]!)
    this.#practiceLock.release()
    memory.wake(unused, 0)
    this.depth = 0
  }

  #undoTo(level: number): void {
    const { i32, memory, version } = this
    const marks = this.#marks
    const at = level > 0 ? (level - 1) * MARK_WORDS : -1
    const length = at < 0 ? 0 : marks[at]!
    this.#undo(this.#log, this.#length, length)
    i32[this.#log] = length
    this.#length = length
    this.#useExtents(at < 0 ? 0 : marks[at + 1]!)
    this.#deferredCount = at < 0 ? 0 : marks[at + 2]!
    this.#ringCount = at < 0 ? 0 : marks[at + 3]!
    this.pages.undone(marks, at < 0 ? -1 : at + MARK_PAGES)
    this.onUndone()
    if (level === 0) {
      if (this.unsettled) this.pages.settle()
      this.#cleanStripes()
      memory.closeVersion(version, (i32[version]! + 1) & ~1)
      this.depth = 0
      this.#lock.release()
    }
    this.depth = level
    this.#tell(at < 0 ? 0 : marks[at + 4]!)
  }

  /** Tells those who asked, the last first. What they throw is not theirs to throw: the change has failed for another reason. */
  #tell(from: number): void {
    if (this.#undoables.length <= from) return
    for (const target of this.#undoables.splice(from).reverse()) {
      try {
        target.undone()
      } catch {}
    }
  }

  /** Should the open change, or one around it, be undone, `target` hears of it: for what is not kept in the heap. */
  ifUndone(target: Undoable): void {
    this.#undoables.push(target)
  }

  /** Words logged in the open transaction. */
  get logged(): number {
    return this.#length
  }

  /** Frees a block when the transaction commits. @throws MemlaneError `ERR_CORRUPT` for more than the memory can hold. */
  defer(pointer: number): void {
    if (this.#deferredCount >= this.#deferredMax) throw corrupt(this.segment.name, 'it has blocks without end to free')
    this.#deferred[this.#deferredCount++] = pointer
  }

  /** Stores a word of living memory, so that it can be undone. */
  put(word: number, value: number): void {
    const i32 = this.i32
    const length = this.#length
    if (length >= this.#limit) this.#extend()
    const entry = this.#entries + (length << 1)
    i32[entry] = word
    i32[entry + 1] = i32[word]!
    i32[this.#log] = length + 1
    this.#length = length + 1
    i32[word] = value
  }

  /** The same for two neighbouring words. */
  put2(word: number, low: number, high: number): void {
    const i32 = this.i32
    const length = this.#length
    if (length + 1 >= this.#limit) {
      this.put(word, low)
      this.put(word + 1, high)
      return
    }
    const entry = this.#entries + (length << 1)
    i32[entry] = word
    i32[entry + 1] = i32[word]!
    i32[entry + 2] = word + 1
    i32[entry + 3] = i32[word + 1]!
    i32[this.#log] = length + 2
    this.#length = length + 2
    i32[word] = low
    i32[word + 1] = high
  }

  #extend(): void {
    const page = this.#extents < EXTENTS ? this.pages.lend(EXTENT_PAGES << this.#extents) : -1
    if (page < 0) this.#full()
    this.i32[this.#log + L_EXTENTS + this.#extents] = page
    this.#useExtents(this.#extents + 1)
  }

  /** Goes on in the last of the first `count` extents; 0: in the area. */
  #useExtents(count: number): void {
    this.#extents = count
    this.#entries = this.#log + L_ENTRIES
    this.#limit = this.#areaLimit
    for (let extent = 0; extent < count; extent++) {
      this.#entries = this.#pageWord(this.i32[this.#log + L_EXTENTS + extent]!) - (this.#limit << 1)
      this.#limit += extentEntries(extent)
    }
  }

  #pageWord(page: number): number {
    const pages = this.i32[this.base + H_PAGES_MAX]!
    return (this.segment.body + bodyPlan(pages).pages + page * HEAP_PAGE) / 4
  }

  #full(): never {
    throw new MemlaneError(
      'ERR_TX_TOO_BIG',
      `${JSON.stringify(this.segment.name)}: one transaction overwrites more than ${this.#limit} words, and there are no free pages for more log; nothing of it was kept. Split it, or create the heap with a larger maxSize`,
    )
  }

  /** Marks a stripe as being written; before the first store to anything a reader of that stripe may walk through. */
  touch(stripe: number): void {
    if (stripe < 32) {
      const bit = 1 << stripe
      if ((this.#dirtyLow & bit) !== 0) return
      this.#dirtyLow |= bit
    } else {
      const bit = 1 << (stripe - 32)
      if ((this.#dirtyHigh & bit) !== 0) return
      this.#dirtyHigh |= bit
    }
    const word = this.stripes + stripe * STRIPE_STEP
    this.memory.openVersion(word, this.i32[word]! | 1)
  }

  /** Marks the stripes that share the `bits` top bits of a hash. */
  touchPrefix(hash: number, bits: number): void {
    if (bits >= 6) return this.touch(hash >>> 26)
    const first = bits === 0 ? 0 : (hash >>> (32 - bits)) << (6 - bits)
    for (let i = 0; i < 1 << (6 - bits); i++) this.touch(first + i)
  }

  #cleanStripes(): void {
    let low = this.#dirtyLow
    let high = this.#dirtyHigh
    this.#dirtyLow = 0
    this.#dirtyHigh = 0
    while (low !== 0) {
      const stripe = 31 - Math.clz32(low)
      low &= ~(1 << stripe)
      this.#evenWord(this.stripes + stripe * STRIPE_STEP)
    }
    while (high !== 0) {
      const stripe = 31 - Math.clz32(high)
      high &= ~(1 << stripe)
      this.#evenWord(this.stripes + (stripe + 32) * STRIPE_STEP)
    }
  }

  #evenWord(word: number): void {
    // SYNC: "odd before the first store, even after the last"
    this.memory.closeVersion(word, (this.i32[word]! + 1) & ~1)
  }

  // ---- ringing for watchers, after the lock is released

  /**
   * After the commit, wakes those who sleep on the bell at `word`.
   *
   * @param count of them, where each takes one thing of as many; calls for one bell add up.
   */
  ringLater(word: number, count: number = EVERYBODY): void {
    let i = 0
    while (i < this.#ringCount && this.#rings[i] !== word) i++
    if (i === this.#ringCount) {
      this.#rings[this.#ringCount++] = word
      this.#ringCounts[i] = count
    } else {
      this.#ringCounts[i] = Math.min(EVERYBODY, this.#ringCounts[i]! + count)
    }
  }

  #ring(): void {
    for (let i = 0; i < this.#ringCount; i++) this.#ringBell(this.#rings[i]!, this.#ringCounts[i]!)
    this.#ringCount = 0
  }

  #ringBell(word: number, count: number): void {
    const bell = new EventCount(this.memory, (word + BELL_FLAG) * 4, word * 4)
    if (count === EVERYBODY) bell.advance()
    else bell.advanceBy(count)
  }

  // ---- repair

  #repair(): void {
    const { i32, memory, version, segment } = this
    const slot = i32[this.base + H_HOLDER]!
    if (slot >= 0 && slot < segment.slots) {
      memory.openVersion(version, i32[version]! | 1)
      const log = segment.areaOf(slot) / 4 + L_LENGTH
      const length = i32[log]!
      if (length !== 0) {
        this.#undo(log, length >>> 0, 0)
        i32[log] = 0
      }
      if (i32[this.base + H_INTENT] !== 0) this.#finish()
    }
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      if ((i32[this.stripes + stripe * STRIPE_STEP]! & 1) !== 0) this.#evenWord(this.stripes + stripe * STRIPE_STEP)
    }
    memory.closeVersion(version, (i32[version]! + 1) & ~1)
    // The dead one may have committed without ringing.
    for (let i = 0; i < BELLS; i++) this.#ringFlagged(this.base + H_BELLS + 2 * i)
    for (let i = 0; i < QUEUE_BELLS; i++) this.#ringFlagged(this.base + H_QUEUE_BELLS + QUEUE_BELL_STEP * i)
    this.repairs++
  }

  /** Goes on with the steps of a dead participant. Its log is empty by now; from here on the log of this one counts. */
  #finish(): void {
    const { i32 } = this
    const { depth } = this
    i32[this.#holder] = this.#slot
    this.depth = 1
    try {
      this.resume()
      this.commitStep()
    } catch (error) {
      if ((error as Partial<MemlaneError>).code !== 'ERR_CORRUPT') throw error
      // It can never be finished. What is damaged is told to whoever comes upon it.
      this.#undo(this.#log, this.#length, 0)
      i32[this.#log] = 0
      this.#length = 0
      this.#deferredCount = 0
      i32[this.base + H_INTENT] = 0
    }
    this.pages.settle()
    // All bells are rung after a repair.
    this.#ringCount = 0
    this.#cleanStripes()
    this.depth = depth
  }

  #ringFlagged(bell: number): void {
    if (this.memory.load(bell + BELL_FLAG) !== 0) this.#ringBell(bell, EVERYBODY)
  }

  /** Stores the old values of entries `from - 1` down to `to` of a log, which may be another participant's. */
  #undo(log: number, from: number, to: number): void {
    const { i32 } = this
    const pages = i32[this.base + H_PAGES_MAX]!
    let start = this.#areaLimit
    const starts = [0]
    const bases = [log + L_ENTRIES]
    for (let extent = 0; extent < EXTENTS && start < from; extent++) {
      const page = i32[log + L_EXTENTS + extent]!
      // A page number beyond the pages can only come from a broken log.
      if (!(page >= 0 && page + (EXTENT_PAGES << extent) <= pages)) break
      starts.push(start)
      bases.push(this.#pageWord(page))
      start += extentEntries(extent)
    }
    let extent = starts.length - 1
    for (let i = Math.min(from, start) - 1; i >= to; i--) {
      while (i < starts[extent]!) extent--
      const entry = bases[extent]! + ((i - starts[extent]!) << 1)
      const word = i32[entry]!
      if (word >= 0 && word < i32.length) {
        i32[word] = i32[entry + 1]!
      }
    }
  }

  // ---- reading

  /**
   * Runs a read until it saw one state: under the version at `word` (a stripe's, or the arena's for whole structures).
   * After a while it takes the lock, leaving the versions alone, so it always finishes. A read-only handle goes on trying
   * instead.
   *
   * @param look must be total: whatever the bytes, it ends. What it throws counts only when the version held.
   * @throws MemlaneError `ERR_TIMEOUT` naming who has the lock; `ERR_BUSY` on a read-only handle, when the writers give it no
   *   quiet moment.
   */
  read<T>(word: number, look: () => T): T {
    if (this.depth > 0) return look()
    const { memory } = this
    if (memory.closed || this.#gaveUp !== undefined) throw this.#refusal()
    for (let end = 0; ; end = this.#patience(end)) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const seen = memory.loadVersion(word)
        if ((seen & 1) === 0) {
          let result: T | undefined
          let thrown: unknown
          let threw = false
          this.#readWord = word
          this.#readSeen = seen
          try {
            result = look()
          } catch (error) {
            threw = true
            thrown = error
          }
          this.#readWord = -1
          if (memory.checkVersion(word, seen)) {
            // Pages are gone: what was seen may be the zeros in their place.
            if (memory.faults !== 0) throw this.#refusal()
            if (threw) throw thrown
            return result as T
          }
          // A read within this one has been patient already.
          if (threw && this.#token === 0 && (thrown as Partial<MemlaneError> | undefined)?.code === 'ERR_BUSY')
            throw thrown
        }
        pause(attempt)
      }
      if (this.#token !== 0) return this.readLocked(look)
    }
  }

  /** One look under the version of the whole, without patience. @returns undefined when somebody has written meanwhile. */
  glance<T>(look: () => T): T | undefined {
    const { memory, version } = this
    if (memory.closed) throw this.#refusal()
    const seen = memory.loadVersion(version)
    if ((seen & 1) !== 0) return undefined
    let result: T | undefined
    let thrown: unknown
    let threw = false
    this.#readWord = version
    this.#readSeen = seen
    try {
      result = look()
    } catch (error) {
      threw = true
      thrown = error
    }
    this.#readWord = -1
    if (!memory.checkVersion(version, seen)) return undefined
    if (memory.faults !== 0) throw this.#refusal()
    if (threw) throw thrown
    return result
  }

  /** @returns when patience ends; `end` of the call before, 0 at first. @throws MemlaneError `ERR_BUSY`. */
  #patience(end: number): number {
    const { segment, memory } = this
    const now = performance.now()
    if (end === 0 || now < end) {
      sleep(1)
      const overslept = performance.now() - now - NAP_MS
      return (end === 0 ? now + PATIENCE_MS : end) + Math.max(0, overslept)
    }
    const holder = memory.load(this.#lockWord)
    const why =
      holder === 0
        ? 'its writers leave it no quiet moment'
        : segment.isAlive(holder)
          ? 'who changes it is stopped, or at a long transaction'
          : 'a process was killed while changing it; the next that opens it for writing and changes anything undoes what is half done (so does memlane doctor --fix)'
    throw new MemlaneError(
      'ERR_BUSY',
      `${JSON.stringify(segment.name)} was opened read-only and could not be read for ${PATIENCE_MS} ms: ${why}`,
    )
  }

  #refusal(): MemlaneError {
    if (this.#gaveUp !== undefined) this.segment.abandon()
    if (!this.memory.closed) this.memory.checkWhole(`the heap ${JSON.stringify(this.segment.name)}`)
    return this.memory.closed
      ? this.closedError()
      : new MemlaneError('ERR_READ_ONLY', `${JSON.stringify(this.segment.name)} was opened read-only`)
  }

  /** Why nothing can be done with this handle any more. */
  closedError(): MemlaneError {
    const heap = `the heap ${JSON.stringify(this.segment.name)}`
    if (this.#gaveUp === undefined) return new MemlaneError('ERR_CLOSED', `${heap} is closed`)
    return new MemlaneError(
      'ERR_CLOSED',
      `${heap} was closed in the middle of a change that could not be undone here; others have undone it. Open it again`,
      { cause: this.#gaveUp },
    )
  }

  /** Ends a read that has gone on for long and cannot succeed any more; read() begins it again. */
  checkpoint(): void {
    if (this.#readWord >= 0 && !this.memory.checkVersion(this.#readWord, this.#readSeen)) throw IN_VAIN
  }

  /**
   * The reader's way out: nobody writes while we hold the lock, and no version changes, so readers are not disturbed.
   * A read-only handle reads under the version of the whole: `look` may then run several times.
   */
  readLocked<T>(look: () => T): T {
    if (this.depth > 0) return look()
    if (this.#token === 0 || this.memory.closed || this.memory.faults !== 0) return this.read(this.version, look)
    spareStack(true)
    const got = this.#lock.acquire(this.lockTimeout)
    if (got === BUSY) throw this.#timedOut()
    if (got === RECOVERED) this.#repair()
    this.depth = 1
    try {
      return look()
    } finally {
      this.depth = 0
      this.#lock.release()
      if (this.owes) this.onOwing()
    }
  }

  stripeWord(stripe: number): number {
    return this.stripes + stripe * STRIPE_STEP
  }
}

/** Entries that fit into an extent. */
function extentEntries(extent: number): number {
  return ((EXTENT_PAGES << extent) * HEAP_PAGE) >> 3
}

const IN_VAIN = new Error('what was being read has changed')

let spins = 0

/** A short busy wait that grows with the attempts: about 5 to 500 ns. */
export function pause(attempt: number): void {
  for (let i = attempt << 2; i > 0; i--) spins = (spins + 1) | 0
}
