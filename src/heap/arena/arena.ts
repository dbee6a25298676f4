// heap/arena: one lock, versions for readers, an undo log. Every change of the heap goes through here.
//
// Order of stores of a transaction; blocks/ and the structures add theirs between the braces:
//
//   take LOCK → HOLDER → VERSION odd → { stripe odd → log entry → LENGTH → word }* → deferred frees, logged
//   → LENGTH = 0, the commit point → stripes even → VERSION even → release LOCK → wake watchers
//
// Memory that was free when the transaction began needs no log: nobody can reach it until a logged word leads there.
// Repair, by whoever gets the lock of a dead holder: VERSION odd → undo, last entry first → LENGTH = 0 → stripes even →
// VERSION even. test:crash visits every store of both, and every wrong order of them.
//
// Readers take no lock: note a version, read, check the version; see read() for what they do when that keeps failing.
// A handle over a read-only segment has no slot, no log and no lock. It must not store a single byte: its mapping is
// private, and a page that it stored to would never again show what others do.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import type { Memory } from '../../memory/index.js'
import { pause as sleep } from '../../pause.js'
import type { Segment } from '../../segment/index.js'
import { OwnerLock, RECOVERED } from '../../sync/index.js'
import { corrupt } from '../corrupt.js'
import {
  BELLS,
  bodyPlan,
  H_BELLS,
  H_HOLDER,
  H_LOCK,
  H_PAGES_MAX,
  H_STRIPES,
  H_VERSION,
  HEAP_PAGE,
  STRIPE_STEP,
  STRIPES,
} from '../heap.layout.js'
import { EXTENT_PAGES, EXTENTS, L_ENTRIES, L_EXTENTS, L_LENGTH } from './log.layout.js'

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

/** What the allocator does for the arena. */
export interface Pages {
  /** Frees blocks for good; between the last change and the commit point, so it may log. */
  release(pointers: number[], count: number): void
  /** Finds free pages for more log, and steps around them until the transaction ends. @returns page number, -1: none. */
  lend(count: number): number
  /** The transaction is over: lent pages may be taken again. */
  settle(): void
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
  /** Counts transactions that joined the open one: who runs foreign code may see whether it changed anything. */
  joins: number = 0
  /** Called after a roll back with the handle's caches to purge. */
  onRollback: () => void = () => {}
  /** Set by the allocator. */
  pages!: Pages
  /** The allocator wants to hear of the end of the transaction. */
  unsettled: boolean = false
  readonly #lock: OwnerLock
  readonly #log: number
  /** Where entry 0 would be if the extent that is being filled began with it. */
  #entries: number
  /** Entries that fit before the next extent is needed. */
  #limit: number
  readonly #areaLimit: number
  #extents = 0
  readonly #lockWord: number
  /** 0: this handle only reads. */
  readonly #token: number
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
  #ringCount = 0
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
    this.#lockWord = this.base + H_LOCK
    this.#holder = this.base + H_HOLDER
    this.#token = segment.readOnly ? 0 : segment.participant.token
    this.#slot = segment.readOnly ? 0 : segment.participant.slot
    this.#log = segment.readOnly ? 0 : segment.participant.area / 4 + L_LENGTH
    this.#entries = this.#log + L_ENTRIES
    this.#limit = this.#areaLimit = (undoBytes / 4 - L_ENTRIES) >> 1
  }

  // ---- transactions

  /**
   * Opens a transaction, or joins the open one.
   *
   * @returns a mark for `rollback`.
   */
  begin(): number {
    if (this.depth <= 0) this.#open()
    else this.joins = (this.joins + 1) | 0
    this.depth++
    return this.#length
  }

  /** Ends what `begin` opened. The outermost one commits. */
  commit(): void {
    if (this.depth === 1) this.#close()
    this.depth--
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

  #close(): void {
    const { i32, memory, version } = this
    // Freed only now: a block that dies in a transaction must not be reused in it, or undoing could not bring it back.
    if (this.#deferredCount !== 0) this.#releaseDeferred()
    if (this.#length !== 0) {
      // The commit point.
      i32[this.#log] = 0
      this.#length = 0
      if (this.#extents !== 0) this.#forgetExtents()
    }
    if (this.unsettled) this.pages.settle()
    if ((this.#dirtyLow | this.#dirtyHigh) !== 0) this.#cleanStripes()
    memory.closeVersion(version, (i32[version]! + 1) & ~1)
    this.#lock.release()
    if (this.#ringCount > 0) this.#ring()
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
        const got = this.#lock.acquire(-1)
        if (got === RECOVERED) this.#repair()
      }
    }
    this.#contended = this.i32[this.version]!
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

  #releaseDeferred(): void {
    try {
      this.pages.release(this.#deferred, this.#deferredCount)
    } catch (error) {
      this.rollback(0)
      throw error
    }
    this.#deferredCount = 0
  }

  /** Undoes everything since `mark`; with the outermost mark the transaction ends, having changed nothing. */
  rollback(mark: number, deferred: number = 0): void {
    const { i32, memory, version } = this
    this.#undo(this.#log, this.#length, mark)
    i32[this.#log] = mark
    this.#length = mark
    this.#deferredCount = Math.min(this.#deferredCount, deferred)
    this.onRollback()
    if (this.depth === 1) {
      this.#ringCount = 0
      if (this.#extents !== 0) this.#forgetExtents()
      if (this.unsettled) this.pages.settle()
      this.#cleanStripes()
      memory.closeVersion(version, (i32[version]! + 1) & ~1)
      this.#lock.release()
    }
    this.depth--
  }

  /** Blocks waiting to be freed; the second half of a mark. */
  get deferred(): number {
    return this.#deferredCount
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
    const pages = EXTENT_PAGES << this.#extents
    const page = this.#extents < EXTENTS ? this.pages.lend(pages) : -1
    if (page < 0) this.#full()
    this.i32[this.#log + L_EXTENTS + this.#extents] = page
    this.#extents++
    this.#entries = this.#pageWord(page) - (this.#length << 1)
    this.#limit = this.#length + ((pages * HEAP_PAGE) >> 3)
  }

  #forgetExtents(): void {
    this.#extents = 0
    this.#entries = this.#log + L_ENTRIES
    this.#limit = this.#areaLimit
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
      this.#evenStripe(stripe)
    }
    while (high !== 0) {
      const stripe = 31 - Math.clz32(high)
      high &= ~(1 << stripe)
      this.#evenStripe(stripe + 32)
    }
  }

  #evenStripe(stripe: number): void {
    const word = this.stripes + stripe * STRIPE_STEP
    // SYNC: "odd before the first store, even after the last"
    this.memory.closeVersion(word, (this.i32[word]! + 1) & ~1)
  }

  // ---- ringing for watchers, after the lock is released

  /** After the commit, wakes those who sleep on the bell at `word`. */
  ringLater(word: number): void {
    for (let i = 0; i < this.#ringCount; i++) {
      if (this.#rings[i] === word) return
    }
    this.#rings[this.#ringCount++] = word
  }

  #ring(): void {
    for (let i = 0; i < this.#ringCount; i++) this.#ringBell(this.#rings[i]!)
    this.#ringCount = 0
  }

  #ringBell(word: number): void {
    const { memory } = this
    memory.add(word, 1)
    // SYNC: "a sleeper's flag is up before it looks at the bell, and the bell has rung before we look at the flag"
    if (memory.load(word + 1) !== 0) {
      memory.store(word + 1, 0)
      memory.wake(word, 0x7fffffff)
    }
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
    }
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      if ((i32[this.stripes + stripe * STRIPE_STEP]! & 1) !== 0) this.#evenStripe(stripe)
    }
    memory.closeVersion(version, (i32[version]! + 1) & ~1)
    // The dead one may have committed without ringing.
    for (let bell = this.base + H_BELLS; bell < this.base + H_BELLS + 2 * BELLS; bell += 2) {
      if (memory.load(bell + 1) !== 0) this.#ringBell(bell)
    }
    this.repairs++
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
      start += ((EXTENT_PAGES << extent) * HEAP_PAGE) >> 3
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
   * @throws MemlaneError `ERR_BUSY` on a read-only handle, when the writers give it no quiet moment.
   */
  read<T>(word: number, look: () => T): T {
    if (this.depth > 0) return look()
    const { memory } = this
    if (memory.closed) throw this.#refusal()
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
    if (!this.memory.closed) this.memory.checkWhole(`the heap ${JSON.stringify(this.segment.name)}`)
    return this.memory.closed
      ? new MemlaneError('ERR_CLOSED', `the heap ${JSON.stringify(this.segment.name)} is closed`)
      : new MemlaneError('ERR_READ_ONLY', `${JSON.stringify(this.segment.name)} was opened read-only`)
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
    const got = this.#lock.acquire(-1)
    try {
      if (got === RECOVERED) this.#repair()
      this.depth++
      return look()
    } finally {
      this.depth--
      this.#lock.release()
    }
  }

  stripeWord(stripe: number): number {
    return this.stripes + stripe * STRIPE_STEP
  }
}

const IN_VAIN = new Error('what was being read has changed')

let spins = 0

/** A short busy wait that grows with the attempts: about 5 to 500 ns. */
export function pause(attempt: number): void {
  for (let i = attempt << 2; i > 0; i--) spins = (spins + 1) | 0
}
