// sync: many readers or one writer, turn and turn about: who waits is passed by nobody for more than one turn.
//
//   0          4          8          16         24           64
//   +----------+----------+----------+----------+------------+-----------+-----------+-----
//   | writer   | news     | gate     | door     | -          | reader 0  | reader 1  | …   see readers.ts
//   +----------+----------+----------+----------+------------+-----------+-----------+-----
//
// writer   an owner lock (see owner-lock.ts). Held by a writer that is inside, or that waits for the readers to go.
// news     1 when somebody took over from a dead writer and gave up before using the lock: the next one in is told.
// gate     where a writer sleeps that waits for readers to go.
// door     where readers sleep that wait for a writer to go.
//
// A reader raises its own word and then looks at `writer`; a writer takes `writer` and then looks at the readers' words
// (Dekker): of two that meet, one sees the other. A reader that sees a writer marks its word as queued, and `writer` as
// waited for. A writer that leaves and finds that mark takes it off, invites everybody who is queued, and then frees
// `writer`, unless it is marked again: the next writer finds the guests there and waits until they are gone, while new
// readers queue up behind it. These are
// the phases of B. Brandenburg and J. Anderson, "Spin-based reader-writer synchronization for multiprocessor real-time
// systems" (2010). Neither side can starve the other.
//
// Crash windows: a dead writer → as any owner lock, the next writer is told; a reader that finds it first frees the word
// and is told. A dead reader → its word names the dead, whoever has the slot by now, so the writer does not wait for it.

import { performance } from '../host.js'
import { type CreateOptions, type NameOptions, type Segment, SLOTS_MAX } from '../segment/index.js'
import { checkObject, endOf, given, parseInteger } from '../sizes.js'
import { Gate } from './gate.js'
import { Guard } from './guard.js'
import {
  ASYNC_LIMITS,
  type AsyncLimits,
  asyncWait,
  checkBody,
  Handle,
  openPrimitive,
  PARTICIPANTS,
  signalOf,
  timedOut,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { BUSY, OwnerLock, RECOVERED, TAKEN } from './owner-lock.js'
import { INVITED, LINE, QUEUED, Readers } from './readers.js'

const KIND = 'rwlock'
export const NEWS = 4
const GATE = 8
const DOOR = GATE + Gate.BYTES
export const READERS = 64
/** A draining writer looks for dead readers this often, in milliseconds. */
const SLICE = 5
/** Readers look at the writer's word this often before sleeping. */
const SPINS = 60
/** Sleeping readers look this often, in milliseconds, who the writer is: another one, or nobody, if its wake was lost. */
const LOOK_AFRESH = 100
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
  readonly #gate: Gate
  readonly #door: Gate
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
    this.#gate = new Gate(segment.memory, offset + GATE)
    this.#door = new Gate(segment.memory, offset + DOOR)
    this.#readers = new Readers(segment, offset + READERS, this.#door)
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
    const end = endOf(timeout)
    this.#queued++
    try {
      for (let spins = SPINS; ; ) {
        const sequence = this.#door.announce()
        const got = this.#enterRead()
        if (got !== BUSY) return new Guard(this, got === RECOVERED, READING)
        if (this.segment.isThisThread(this.#writer.owner)) throw this.#writer.deadlock()
        while (spins > 0 && this.#isKeptOut()) spins--
        if (spins-- > 0) continue
        const left = end - performance.now()
        if (left <= 0) throw timedOut(this.name, 'reading', timeout)
        const word = this.#writer.announce() // SYNC: "queued before the mark, the mark taken off before the look at who is queued"
        if (word !== 0) this.#door.sleep(sequence, Math.min(left, LOOK_AFRESH), this.#writer.watchOf(word))
        this.checkOpen()
      }
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
      const end = endOf(timeout)
      this.#queued++
      try {
        for (;;) {
          this.#checkRead()
          const sequence = this.#door.announce()
          const got = this.#enterRead()
          if (got !== BUSY) return new Guard(this, got === RECOVERED, READING)
          const left = end - performance.now()
          if (left <= 0) throw timedOut(this.name, 'reading', timeout)
          const word = this.#writer.announce()
          if (word === 0) continue
          const watch = this.#writer.watchOf(word)
          await this.#door.sleepAsync(sequence, { timeout: Math.min(left, LOOK_AFRESH), signal, watch })
        }
      } finally {
        this.#leaveQueue()
      }
    })
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
    if (got === BUSY) throw timedOut(this.name, 'writing', timeout)
    for (;;) {
      const sequence = this.#gate.announce()
      if (this.#readers.drained()) return this.#writeGuard(got)
      const left = end - performance.now()
      if (left <= 0) {
        this.#abandonWrite(got)
        throw timedOut(this.name, 'writing', timeout)
      }
      this.#gate.sleep(sequence, Math.min(left, SLICE))
      this.checkOpen()
    }
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
      if (got === BUSY) throw timedOut(this.name, 'writing', timeout)
      // From here on this handle is the writer, as its other users must see.
      this.#writing = true
      try {
        for (;;) {
          this.checkOpen()
          signal?.throwIfAborted()
          const sequence = this.#gate.announce()
          if (this.#readers.drained()) return this.#writeGuard(got)
          const left = end - performance.now()
          if (left <= 0) throw timedOut(this.name, 'writing', timeout)
          await this.#gate.sleepAsync(sequence, { timeout: Math.min(left, SLICE), signal })
        }
      } catch (error) {
        this.#writing = false
        if (!this.segment.memory.closed) this.#abandonWrite(got)
        throw error
      }
    })
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
    do {
      memory.store(this.#mine, this.#me) // SYNC: "reader's word before the look at writer, writer before the look at readers"
      if (this.#writer.owner === 0) return this.#entered()
      memory.store(this.#mine, 0)
      this.#gate.open()
      if (this.#takeOver()) return RECOVERED
    } while (this.#writer.owner === 0)
    return BUSY
  }

  #enterQueued(): number {
    const { memory } = this.segment
    const queued = this.#me | QUEUED
    for (;;) {
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
      this.#gate.open()
    }
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

  /** Neither reads nor waits any more. A writer may be waiting for this guest. */
  #forgo(): void {
    if (this.segment.memory.exchange(this.#mine, 0) < 0) this.#gate.open()
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
    if (this.#writer.owner !== 0) this.#gate.open()
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
    let awaited = false
    // A word that is no longer ours, because its memory is gone or was stored to by a foreign hand, is never ours again.
    while (!this.#writer.releaseUnawaited() && this.#writer.isMine) {
      // Whoever queues from here on says so anew, and is invited too: none is passed by because it came in this moment.
      // SYNC: "queued before the mark, the mark taken off before the look at who is queued"
      this.#writer.forgetWaiters()
      this.#readers.invite()
      awaited = true
    }
    if (!awaited) return
    this.#writer.wakeOne()
    this.#door.open()
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
      this.#door.open()
    }
  }
}
