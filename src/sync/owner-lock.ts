// sync: the lock that everything else stands on. One word that names its owner; recovered when the owner dies, never stolen.
//
//   31      30        29 ............ 10   9 ... 0
//   +-------+---------+----------------+-----------+
//   | 0     | WAITERS | incarnation    | slot      |      0: free
//   +-------+---------+----------------+-----------+
//
// Anybody may take a free word, or set WAITERS on a taken one; only the owner frees it. Whoever finds that the kernel
// no longer holds the owner's liveness lock may exchange the dead token for its own: exactly one succeeds, and is told.
//
// A thread that blocks here says in its participant slot what it waits for (wait-graph.ts), so that circles are found.
//
// Crash windows: killed while holding → as above. Killed after waking or being woken → the others look at the word
// again within a slice (native WATCH_SLICE_MS), so no wake is ever missed for longer. Killed while queued → WAITERS
// stays set, which costs the next release one wake for nothing.
//
// The word is the third mutex of U. Drepper, "Futexes are tricky" (2011), with the owner in place of 1 and 2.

import { MemlaneError } from '../errors.js'
import { performance } from '../host.js'
import { FOREVER, type Memory, NOBODY } from '../memory/index.js'
import { POLL_TRIES } from '../races.js'
import { Segment, slotOf } from '../segment/index.js'
import { endOf } from '../sizes.js'
import { spareStack } from '../spare-stack.js'
import { block, type Pollable, type Sleep, untilFound } from '../waiting/index.js'
import { blockVisibly, OWNED } from './wait-graph.js'

export const WAITERS: number = 1 << 30
export const TOKEN: number = WAITERS - 1

/** Looks at a taken word this often before sleeping: about as long as a short critical section plus a hand-over. */
const SPIN_TRIES = 60

/** How an attempt ended. */
export const BUSY: number = 0
export const TAKEN: number = 1
/** Taken from a holder that died: what it guarded may be half done. */
export const RECOVERED: number = 2

/** What a lock must know of where its word lies. A segment is such a home; waits in other homes are not shown to others. */
export type LockHome = Pick<Segment, 'name' | 'memory' | 'isAlive' | 'isThisThread'> & {
  readonly participant: { readonly token: number }
}

export class OwnerLock {
  readonly #segment: LockHome
  /** Where others can see what a thread waits for. */
  readonly #published: Segment | undefined
  readonly #memory: Memory
  readonly #word: number
  readonly #me: number
  #shut = false

  /** @param offset byte offset of the word in the segment's memory, a multiple of 4. */
  constructor(segment: LockHome, offset: number) {
    this.#segment = segment
    this.#published = segment instanceof Segment ? segment : undefined
    this.#memory = segment.memory
    this.#word = offset / 4
    this.#me = segment.participant.token
  }

  /** The token of who holds it, or 0. */
  get owner(): number {
    return this.#memory.load(this.#word) & TOKEN
  }

  get isMine(): boolean {
    return this.owner === this.#me
  }

  /** Takes it if it is free. */
  takeFree(): boolean {
    // SYNC: "what the last holder wrote is visible to the next"
    return this.#memory.compareExchange(this.#word, 0, this.#me) === 0
  }

  /** Takes it if it is free, or if its holder is dead. @returns BUSY, TAKEN or RECOVERED. */
  tryAcquire(): number {
    // SYNC: "what the last holder wrote is visible to the next"
    const seen = this.#memory.compareExchange(this.#word, 0, this.#me)
    return seen === 0 ? TAKEN : this.#takeFromDead(seen)
  }

  /** Takes it only if its holder is dead. @returns BUSY or RECOVERED. */
  takeOver(): number {
    const seen = this.#memory.load(this.#word)
    return seen === 0 ? BUSY : this.#takeFromDead(seen)
  }

  /**
   * Waits for it.
   *
   * @param timeout milliseconds, below 0 for ever.
   * @returns BUSY when the time is over, TAKEN or RECOVERED.
   * @throws MemlaneError `ERR_DEADLOCK` when this thread holds it, through this handle or another one, or when this wait closes a
   *   circle of waits.
   */
  acquire(timeout: number = FOREVER): number {
    // SYNC: "what the last holder wrote is visible to the next"
    if (this.#memory.compareExchange(this.#word, 0, this.#me) === 0) return TAKEN
    for (let i = 0; i < SPIN_TRIES; i++) {
      if (this.#memory.load(this.#word) === 0 && this.#memory.compareExchange(this.#word, 0, this.#me) === 0)
        return TAKEN
    }
    const wait = new OwnerWait(this, true)
    const end = endOf(timeout)
    const got =
      this.#published === undefined ? block(wait, end) : blockVisibly(this.#published, this.#word, OWNED, wait, end)
    return got ?? BUSY
  }

  /**
   * Waits for it without blocking the thread.
   *
   * @returns BUSY when the time is over, TAKEN or RECOVERED; rejects with the signal's reason.
   */
  async acquireAsync(timeout: number = FOREVER, signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted()
    const quick = this.tryAcquire()
    if (quick !== BUSY) return quick
    return (await untilFound(new OwnerWait(this, false), endOf(timeout), signal)) ?? BUSY
  }

  /** @internal One poll of a wait for it. @param flag WAITERS once the waiter has slept, as others may sleep too. */
  poll(sleep: Sleep, blocking: boolean, flag: number): number | undefined {
    for (let tries = 0; tries < POLL_TRIES; tries++) {
      if ((this.#shut && !blocking) || this.#memory.closed)
        throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.#segment.name)} was closed while waiting`)
      const seen = this.#memory.load(this.#word)
      if (blocking && this.#segment.isThisThread(seen & TOKEN)) throw this.deadlock()
      const got = this.#attempt(seen, flag)
      if (got !== BUSY) return got
      const word = this.#memory.load(this.#word)
      if (word === 0 || (word & WAITERS) === 0) continue
      sleep.word = this.#word
      sleep.expected = word
      sleep.watch = this.watchOf(word)
      return undefined
    }
    sleep.retryAtOnce()
    return undefined
  }

  /** @internal Who gives up after a sleep may have used up a wake that was meant for somebody. */
  passOn(): void {
    if (!this.#memory.closed) this.#memory.wake(this.#word, 1)
  }

  /** @internal */
  get memory(): Memory {
    return this.#memory
  }

  /** Its handle is closed: asynchronous waits through it end with `ERR_CLOSED`. */
  shut(): void {
    this.#shut = true
    // Who sleeps looks again.
    if ((this.#memory.load(this.#word) & WAITERS) !== 0) this.#memory.wake(this.#word, 0x7fffffff)
  }

  /**
   * Runs `work` while holding it, and gives it back whatever is thrown.
   *
   * @param work is told TAKEN or RECOVERED.
   * @returns undefined when the time is over.
   * @throws MemlaneError as `acquire`; RangeError of the engine, before anything is taken, when the stack is almost full.
   */
  hold<T>(work: (got: number) => T, timeout: number = FOREVER): T | undefined {
    spareStack()
    return this.#holding(this.acquire(timeout), work)
  }

  /** The same without waiting. @returns undefined when another one holds it. */
  tryHold<T>(work: (got: number) => T): T | undefined {
    spareStack()
    return this.#holding(this.tryAcquire(), work)
  }

  #holding<T>(got: number, work: (got: number) => T): T | undefined {
    if (got === BUSY) return undefined
    try {
      return work(got)
    } finally {
      // A function that closed the handle has let the lock die with it.
      if (!this.#memory.closed) this.release()
    }
  }

  /** Frees it and wakes one waiter. The caller holds it. */
  release(): void {
    // SYNC: "what the last holder wrote is visible to the next"
    const before = this.#memory.exchange(this.#word, 0)
    if ((before & WAITERS) !== 0) this.#memory.wake(this.#word, 1)
  }

  /** Frees it unless somebody waits for it. The caller holds it. @returns true when it is free. */
  releaseUnawaited(): boolean {
    // SYNC: "what the last holder wrote is visible to the next"
    return this.#memory.compareExchange(this.#word, this.#me, 0) === this.#me
  }

  /** Takes WAITERS off the word. The caller holds it, lets in whoever waits, and owes those that want it `wakeOne`. */
  forgetWaiters(): void {
    this.#memory.and(this.#word, TOKEN)
  }

  /** After the word was freed by one that has taken WAITERS off it. */
  wakeOne(): void {
    this.#memory.wake(this.#word, 1)
  }

  /** Word index of it. */
  get word(): number {
    return this.#word
  }

  /** For who waits until it may be free, without taking it. @returns false when it is free. */
  prepareWait(sleep: Sleep): boolean {
    const word = this.announce()
    if ((word & WAITERS) === 0) return false
    sleep.word = this.#word
    sleep.expected = word
    sleep.watch = this.watchOf(word)
    return true
  }

  /** Sets WAITERS on a taken word, for those who wait for it to be free without taking it. @returns the word to wait on, or 0 where it is free or changes hands all the time. */
  announce(): number {
    for (let tries = 0; tries < POLL_TRIES; tries++) {
      const seen = this.#memory.load(this.#word)
      if (seen === 0 || (seen & WAITERS) !== 0) return seen
      if (this.#memory.compareExchange(this.#word, seen, seen | WAITERS) === seen) return seen | WAITERS
    }
    return 0
  }

  /** Sleeps once until it may be free, without taking it and without blocking the thread. Rejects with the signal's reason. */
  async whenFree(timeout: number, signal?: AbortSignal): Promise<void> {
    let slept = false
    const poll = (sleep: Sleep): true | undefined => {
      if (slept || this.#memory.closed || !this.prepareWait(sleep)) return true
      slept = true
      return undefined
    }
    await untilFound({ memory: this.#memory, poll, passOn: () => this.passOn() }, performance.now() + timeout, signal)
  }

  deadlock(): MemlaneError {
    return new MemlaneError(
      'ERR_DEADLOCK',
      `${JSON.stringify(this.#segment.name)} is held by this very thread: waiting for it would never end`,
    )
  }

  /** Whose life to watch while waiting at that word: the holder's, unless that is this handle, whose own lock looks free to itself. */
  watchOf(word: number): number {
    return (word & TOKEN) === this.#me ? NOBODY : slotOf(word & TOKEN)
  }

  /** Free: takes it. Dead owner: takes over. Else makes sure that WAITERS is set. */
  #attempt(seen: number, flag: number): number {
    if (seen === 0) return this.#memory.compareExchange(this.#word, 0, this.#me | flag) === 0 ? TAKEN : BUSY
    const got = this.#takeFromDead(seen)
    if (got !== BUSY) return got
    if ((seen & WAITERS) === 0) this.#memory.compareExchange(this.#word, seen, seen | WAITERS)
    return BUSY
  }

  #takeFromDead(seen: number): number {
    if ((seen & TOKEN) === this.#me || this.#segment.isAlive(seen & TOKEN)) return BUSY
    // Others may be asleep on the dead one's word, whether or not it says so.
    return this.#memory.compareExchange(this.#word, seen, this.#me | WAITERS) === seen ? RECOVERED : BUSY
  }
}

/** The wait for an owner lock. */
class OwnerWait implements Pollable<number> {
  readonly memory: Memory
  readonly #lock: OwnerLock
  readonly #blocking: boolean
  #flag = 0

  constructor(lock: OwnerLock, blocking: boolean) {
    this.memory = lock.memory
    this.#lock = lock
    this.#blocking = blocking
  }

  poll(sleep: Sleep): number | undefined {
    const got = this.#lock.poll(sleep, this.#blocking, this.#flag)
    this.#flag = WAITERS
    return got
  }

  passOn(): void {
    this.#lock.passOn()
  }
}
