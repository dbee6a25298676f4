// sync: many readers or one writer. Phase-fair: a reader waits for at most one writer, a writer for the readers before it.
//
//   0          4          8          16         24           64
//   +----------+----------+----------+----------+------------+-----------+-----------+-----
//   | writer   | news     | drained  | freed    | -          | reader 0  | reader 1  | …   see readers.ts
//   +----------+----------+----------+----------+------------+-----------+-----------+-----
//
// writer   an owner lock (see owner-lock.ts). Held by a writer that is inside, or that waits for the readers to go.
// news     1 when somebody took over from a dead writer and gave up before using the lock: the next one in is told.
// drained  event count: the writer sleeps here until the readers have left.
// freed    event count: readers sleep here until the writer has left.
//
// A reader raises its own word and then looks at `writer`; a writer takes `writer` and then looks at the readers' words
// (Dekker): of two that meet, one sees the other. A reader that sees a writer marks its word as queued, and `writer` as
// waited for. A writer that leaves and finds that mark takes it off, invites everybody who is queued, and then frees
// `writer`, unless it is marked again: the next writer finds the invited readers there and waits until they have left, while new
// readers queue up behind it. These are
// the phases of B. Brandenburg and J. Anderson, "Spin-based reader-writer synchronization for multiprocessor real-time
// systems" (2010). Neither side can starve the other.
//
// Crash windows: a dead writer → as any owner lock, the next writer is told; a reader that finds it first frees the word
// and is told. A dead reader → its word names the dead, whoever has the slot by now, so the writer does not wait for it.

import type { MemlaneError } from '../errors.js'
import { POLL_TRIES } from '../races.js'
import { type CreateOptions, type NameOptions, PARTICIPANTS, type Segment, SLOTS_MAX } from '../segment/index.js'
import { checkObject, endOf, given, parseInteger } from '../sizes.js'
import { DEATH_LOOK_MS, EventCount, type Pollable, type Sleep, untilFound } from '../waiting/index.js'
import { Guard } from './guard.js'
import {
  ASYNC_LIMITS,
  type AsyncLimits,
  asyncWait,
  checkBody,
  Handle,
  openPrimitive,
  signalOf,
  timedOut,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { heldTooLong } from './holder.js'
import { BUSY, OwnerLock, RECOVERED, TAKEN } from './owner-lock.js'
import { INVITED, LINE, QUEUED, Readers } from './readers.js'
import { blockVisibly, OWNED, READERS_LEAVE } from './wait-graph.js'

const KIND = 'rwlock'
export const NEWS = 4
const DRAINED = 8
const FREED = DRAINED + EventCount.BYTES
export const READERS = 64
/** Readers look at the writer's word this often before sleeping. */
const SPIN_TRIES = 60
const READING = 0
const WRITING = 1

/**
 * A lock with many readers or one writer.
 *
 * Reads through one handle may overlap. Writing while this handle reads, or the other way round, is `ERR_DEADLOCK`.
 *
 * @example
 * import { RwLock } from 'memlane'
 * using lock = RwLock.open('config')
 * {
 *   using reading = lock.read({ timeout: 100 })
 * }
 * {
 *   using writing = await lock.writeAsync()
 *   if (writing.recovered) console.warn('the last writer was killed half-way')
 * }
 */
export class RwLock extends Handle {
  readonly #writer: OwnerLock
  readonly #drained: EventCount
  readonly #freed: EventCount
  readonly #readers: Readers
  readonly #me: number
  readonly #mine: number
  readonly #news: number
  #reads = 0
  /** Reads of this handle that wait for a writer to go. */
  #queued = 0
  #writing = false
  /** A `writeAsync` is under way. It may have the writer's word already, and be heard of in the next turn only. */
  #acquiring = false

  private constructor(segment: Segment, offset: number, owned: boolean) {
    super(segment, offset, owned)
    this.#writer = new OwnerLock(segment, offset)
    this.#drained = new EventCount(segment.memory, offset + DRAINED)
    this.#freed = new EventCount(segment.memory, offset + FREED)
    this.#readers = new Readers(segment, offset + READERS, this.#freed)
    this.#news = (offset + NEWS) / 4
    this.#me = segment.participant.token
    this.#mine = this.#readers.wordOf(segment.participant.slot)
  }

  /** Opens the lock of that name, or makes it. @throws MemlaneError `ERR_NAME`, `ERR_KIND`, `ERR_PARTICIPANTS`. */
  static open(name: string, options: CreateOptions = {}): RwLock {
    const slots = parseInteger(given(checkObject(options).participants, PARTICIPANTS), 'participants', 1, SLOTS_MAX)
    const segment = openPrimitive(KIND, name, RwLock.bytes(slots), options)
    return new RwLock(checkBody(segment, RwLock.bytes(segment.slots)), segment.body, true)
  }

  /** Bytes it takes inside another segment with so many slots. */
  static bytes(slots: number): number {
    return READERS + slots * LINE
  }

  /** A lock at a zeroed place inside another segment with room for `bytes(segment.slots)`; one handle per participant and place. */
  static at(segment: Segment, offset: number): RwLock {
    return new RwLock(segment, offset, false)
  }

  /** Removes the name. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkPrimitive(name, options)
  }

  /** Live readers at this moment. */
  get readers(): number {
    this.checkOpen()
    return this.#readers.count()
  }

  /** True while a writer is inside or waits for readers to go. */
  get isWriteLocked(): boolean {
    this.checkOpen()
    return this.#writer.owner !== 0
  }

  /** Reads if no writer is there. @throws MemlaneError `ERR_DEADLOCK` when this handle writes; `ERR_CLOSED`. */
  tryRead(): Guard | undefined {
    this.#checkRead()
    const got = this.#enterRead()
    return got === BUSY ? undefined : new Guard(this, got === RECOVERED, READING)
  }

  /**
   * Waits until no writer is there, blocking the thread.
   *
   * @throws MemlaneError `ERR_TIMEOUT`, `ERR_DEADLOCK`, `ERR_CLOSED`, `ERR_RANGE`.
   */
  read(limits?: WaitLimits): Guard {
    this.#checkRead()
    const timeout = limits === undefined ? -1 : timeoutOf(limits)
    const got = this.#enterRead()
    return got === BUSY ? this.#readInTurn(timeout) : new Guard(this, got === RECOVERED, READING)
  }

  #readInTurn(timeout: number): Guard {
    this.#queued++
    try {
      const guard = blockVisibly(this.segment, this.#writer.word, OWNED, this.#readerWait(true), endOf(timeout))
      if (guard === undefined) throw this.#timedOut('reading', timeout)
      return guard
    } finally {
      this.#leaveQueue()
    }
  }

  /** Waits until no writer is there without blocking the thread. */
  readAsync(limits?: AsyncLimits): Promise<Guard> {
    return asyncWait(async () => {
      this.#checkRead()
      const timeout = timeoutOf(limits, ASYNC_LIMITS)
      const signal = signalOf(limits)
      signal?.throwIfAborted()
      this.#queued++
      try {
        const guard = await untilFound(this.#readerWait(false), endOf(timeout), signal)
        if (guard === undefined) throw this.#timedOut('reading', timeout)
        return guard
      } finally {
        this.#leaveQueue()
      }
    })
  }

  /** The wait of a queued reader for the writer to leave. */
  #readerWait(blocking: boolean): Pollable<Guard> {
    let spins = blocking ? SPIN_TRIES : 0
    const poll = (sleep: Sleep): Guard | undefined => {
      for (let tries = 0; tries < POLL_TRIES; tries++) {
        this.#checkRead()
        this.#freed.prepareWait(sleep)
        const got = this.#enterRead()
        if (got !== BUSY) return new Guard(this, got === RECOVERED, READING)
        if (blocking && this.segment.isThisThread(this.#writer.owner)) throw this.#writer.deadlock()
        while (spins > 0 && this.#isKeptOut()) spins--
        if (spins-- > 0) continue
        const word = this.#writer.announce() // SYNC: "queued before the mark, the mark taken off before the look at who is queued"
        if (word === 0) continue
        sleep.watch = this.#writer.watchOf(word)
        return undefined
      }
      sleep.retryAtOnce()
      return undefined
    }
    return { memory: this.segment.memory, poll }
  }

  /** Writes if nobody is there. @throws MemlaneError `ERR_DEADLOCK` when this handle reads or writes; `ERR_CLOSED`. */
  tryWrite(): Guard | undefined {
    this.#checkWrite()
    const got = this.#writer.tryAcquire()
    if (got === BUSY) return undefined
    if (this.#readers.drained()) return this.#writeGuard(got)
    this.#abandonWrite(got)
    return undefined
  }

  /** Waits until nobody is there, blocking the thread. @throws MemlaneError `ERR_TIMEOUT`, `ERR_DEADLOCK`, `ERR_CLOSED`. */
  write(limits?: WaitLimits): Guard {
    this.#checkWrite()
    const timeout = timeoutOf(limits)
    const end = endOf(timeout)
    const got = this.#writer.acquire(timeout)
    if (got === BUSY) throw this.#timedOut('writing', timeout)
    // Where nobody reads there is nothing to wait for.
    if (this.#readers.drained()) return this.#writeGuard(got)
    let guard: Guard | undefined
    try {
      guard = blockVisibly(this.segment, this.#readers.wordOf(0), READERS_LEAVE, this.#writerWait(got), end)
    } finally {
      if (guard === undefined && !this.closed) this.#abandonWrite(got)
    }
    if (guard === undefined) throw timedOut(this.name, 'the readers to leave', timeout)
    return guard
  }

  /** Waits until nobody is there without blocking the thread. */
  writeAsync(limits?: AsyncLimits): Promise<Guard> {
    return asyncWait(async () => {
      this.#checkWrite()
      if (this.#acquiring) throw this.#writer.deadlock()
      const timeout = timeoutOf(limits, ASYNC_LIMITS)
      const signal = signalOf(limits)
      const end = endOf(timeout)
      this.#acquiring = true
      let got = BUSY
      try {
        got = await this.#writer.acquireAsync(timeout, signal)
      } finally {
        this.#acquiring = false
      }
      if (got === BUSY) throw this.#timedOut('writing', timeout)
      // From here on this handle is the writer, as its other users must see.
      this.#writing = true
      try {
        const guard = await untilFound(this.#writerWait(got), end, signal)
        if (guard === undefined) throw timedOut(this.name, 'the readers to leave', timeout)
        return guard
      } catch (error) {
        this.#writing = false
        if (!this.segment.memory.closed) this.#abandonWrite(got)
        throw error
      }
    })
  }

  /** The wait of who holds `writer` for the readers to leave. @param got how it was taken. */
  #writerWait(got: number): Pollable<Guard> {
    const poll = (sleep: Sleep): Guard | undefined => {
      this.checkOpen()
      this.#drained.prepareWait(sleep)
      sleep.longestMs = DEATH_LOOK_MS
      return this.#readers.drained() ? this.#writeGuard(got) : undefined
    }
    return { memory: this.segment.memory, poll }
  }

  #timedOut(what: string, timeout: number): MemlaneError {
    return heldTooLong(this.segment, this.#writer.owner, what, timeout)
  }

  #checkRead(): void {
    this.checkEntry()
    if (this.#writing) throw this.#writer.deadlock()
  }

  #checkWrite(): void {
    this.checkEntry()
    if (this.#writing || this.#reads > 0) throw this.#writer.deadlock()
  }

  /** @returns BUSY, TAKEN, or RECOVERED when it freed the lock from a dead writer. */
  #enterRead(): number {
    if (this.#reads > 0) {
      // This handle reads already: a writer that waits, waits for us, and making us wait for it would be a deadlock.
      this.#reads++
      return TAKEN
    }
    return this.#queued === 0 ? this.#enterFresh() : this.#enterQueued()
  }

  #enterFresh(): number {
    const { memory } = this.segment
    let tries = 0
    do {
      memory.store(this.#mine, this.#me) // SYNC: "reader's word before the look at writer, writer before the look at readers"
      if (this.#writer.owner === 0) return this.#entered()
      memory.store(this.#mine, 0)
      this.#drained.notifyAll()
      if (this.#takeOver()) return RECOVERED
    } while (this.#writer.owner === 0 && ++tries < POLL_TRIES)
    return BUSY
  }

  #enterQueued(): number {
    const { memory } = this.segment
    const queued = this.#me | QUEUED
    for (let tries = 0; tries < POLL_TRIES; tries++) {
      const seen = memory.load(this.#mine) // SYNC: "invited before the writer's word is free, looked at after it is taken"
      if (seen === (this.#me | INVITED)) {
        if (memory.compareExchange(this.#mine, seen, this.#me) === seen) return this.#entered()
        continue
      }
      // New in the queue; or a read of this handle has ended; or an invitation was taken back.
      if (seen !== queued) memory.store(this.#mine, queued)
      if (this.#writer.owner !== 0) return this.#takeOver() ? RECOVERED : BUSY
      if (memory.compareExchange(this.#mine, queued, this.#me) !== queued) continue
      // SYNC: "reader's word before the look at writer, writer before the look at readers"
      if (this.#writer.owner === 0) return this.#entered()
      memory.store(this.#mine, queued)
      this.#drained.notifyAll()
    }
    return BUSY
  }

  #entered(): number {
    this.#reads = 1
    return this.#told(TAKEN)
  }

  /** Frees the lock from a dead writer. @returns true when this handle did it, and is to be told; it reads then. */
  #takeOver(): boolean {
    if (this.#writer.takeOver() !== RECOVERED) return false
    this.segment.memory.store(this.#mine, this.#me)
    this.#reads = 1
    this.#freeWriter()
    return true
  }

  #isKeptOut(): boolean {
    return this.segment.memory.load(this.#mine) === (this.#me | QUEUED) && this.#writer.owner !== 0
  }

  #leaveQueue(): void {
    this.#queued--
    if (this.#queued === 0 && this.#reads === 0 && !this.closed) this.#forgo()
  }

  /** Neither reads nor waits any more. A writer may be waiting for this invited reader. */
  #forgo(): void {
    if (this.segment.memory.exchange(this.#mine, 0) < 0) this.#drained.notifyAll()
  }

  /** @internal */
  endHold(side: number): void {
    if (side === WRITING) this.#leaveWrite()
    else this.#leaveRead()
  }

  #leaveRead(): void {
    if (this.closed || --this.#reads > 0) return
    this.segment.memory.store(this.#mine, this.#queued === 0 ? 0 : this.#me | QUEUED)
    // SYNC: "reader's word before the look at writer, writer before the look at readers"
    if (this.#writer.owner !== 0) this.#drained.notifyAll()
  }

  #writeGuard(got: number): Guard {
    this.#writing = true
    return new Guard(this, this.#told(got) === RECOVERED, WRITING)
  }

  /** Gives up after taking `writer`. If that was from the dead, the next one in must still be told. */
  #abandonWrite(got: number): void {
    if (got === RECOVERED) this.segment.memory.store(this.#news, 1)
    this.#freeWriter()
  }

  /** Gives the writer's word back. Readers that wait come in before the next writer. */
  #freeWriter(): void {
    let awaited = 0
    // A word that is no longer ours, because its memory is gone or was stored to by a foreign hand, is never ours again.
    while (!this.#writer.releaseUnawaited() && this.#writer.isMine) {
      // Readers that queue from here on set the mark again; the loop then admits them, too.
      // SYNC: "queued before the mark, the mark taken off before the look at who is queued"
      this.#writer.forgetWaiters()
      this.#readers.invite()
      if (++awaited < POLL_TRIES) continue
      this.#writer.release()
      break
    }
    if (awaited === 0) return
    this.#writer.wakeOne()
    this.#freed.notifyAll()
  }

  /** RECOVERED when this is the one to be told. */
  #told(got: number): number {
    const { memory } = this.segment
    if (memory.load(this.#news) === 0) return got
    return memory.exchange(this.#news, 0) === 1 ? RECOVERED : got
  }

  #leaveWrite(): void {
    this.#writing = false
    if (!this.closed) this.#freeWriter()
  }

  /** @internal */
  protected override releaseHeld(): void {
    this.#writer.shut()
    if (this.#writing) this.#leaveWrite()
    if (this.#reads > 0) {
      this.#reads = 1
      this.#leaveRead()
    }
    if (this.#queued > 0) {
      this.#forgo()
      // Its own waiters look again, and find it closed.
      this.#freed.notifyAll()
    }
  }
}
