// sync: many readers or one writer. A waiting writer keeps new readers out, so it is never starved.
//
//   0          4          8          16           64
//   +----------+----------+----------+------------+-----------+-----------+-----
//   | writer   | news     | gate     | -          | reader 0  | reader 1  | …     one 64-byte line per participant
//   +----------+----------+----------+------------+-----------+-----------+-----
//
// writer   an owner lock (see owner-lock.ts). Held by a writer that is inside, or that waits for the readers to go.
// news     1 when somebody took over from a dead writer and gave up before using the lock: the next one in is told.
// reader i the token of participant i while it reads, else 0; it alone writes it.
//
// A reader raises its own word and then looks at `writer`; a writer takes `writer` and then looks at the readers' words
// (Dekker): of two that meet, one sees the other. A reader that sees a writer lowers its word again and waits.
//
// Crash windows: a dead writer → as any owner lock, the next writer is told; a reader that finds it first frees the word
// and is told. A dead reader → its word names the dead, whoever has the slot by now, so the writer does not wait for it.

import type { CreateOptions, NameOptions, Segment } from '../segment/index.js'
import { Gate } from './gate.js'
import { Guard } from './guard.js'
import {
  type AsyncLimits,
  asyncWait,
  checkBody,
  checkGiven,
  Handle,
  openPrimitive,
  signalOf,
  timedOut,
  timeoutOf,
  unlinkPrimitive,
  type WaitLimits,
} from './handle.js'
import { BUSY, OwnerLock, RECOVERED, TAKEN } from './owner-lock.js'

const KIND = 'rwlock'
export const NEWS = 4
const GATE = 8
export const READERS = 64
export const LINE = 64
/** A draining writer looks for dead readers this often, in milliseconds. */
const SLICE = 5
/** Readers look at the writer's word this often before sleeping. */
const SPINS = 60
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
  readonly #me: number
  readonly #mine: number
  readonly #news: number
  #reads = 0
  #writing = false

  private constructor(segment: Segment, offset: number, owned: boolean) {
    super(segment, offset, owned)
    this.#writer = new OwnerLock(segment, offset)
    this.#gate = new Gate(segment.memory, offset + GATE)
    this.#news = (offset + NEWS) / 4
    this.#me = segment.participant.token
    this.#mine = this.#readerWord(segment.participant.slot)
  }

  /** Opens the lock of that name, or makes it. @throws MemlaneError `ERR_NAME`, `ERR_KIND`, `ERR_PARTICIPANTS`. */
  static open(name: string, options: CreateOptions = {}): RwLock {
    const slots = checkGiven(options).participants ?? 256
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
    let count = 0
    for (let slot = 0; slot < this.segment.slots; slot++) count += this.#isReading(slot) ? 1 : 0
    return count
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

  /** Waits until no writer is there, blocking the thread. @throws MemlaneError `ERR_TIMEOUT`, `ERR_DEADLOCK`, `ERR_CLOSED`. */
  read(limits?: WaitLimits): Guard {
    this.#checkRead()
    for (let i = 0; i < SPINS; i++) {
      const got = this.#enterRead()
      if (got !== BUSY) return new Guard(this, got === RECOVERED, READING)
    }
    const timeout = timeoutOf(limits)
    const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
    for (;;) {
      if (this.segment.isThisThread(this.#writer.owner)) throw this.#writer.deadlock()
      const got = this.#enterRead()
      if (got !== BUSY) return new Guard(this, got === RECOVERED, READING)
      const left = end - performance.now()
      if (left <= 0) throw timedOut(this.name, 'reading', timeout)
      const word = this.#writer.announce()
      if (word !== 0) this.segment.memory.wait(this.offset / 4, word, Math.min(left, SLICE), -1)
      this.checkOpen()
    }
  }

  /** Waits until no writer is there without blocking the thread. */
  readAsync(limits?: AsyncLimits): Promise<Guard> {
    return asyncWait(async () => {
      this.#checkRead()
      const timeout = timeoutOf(limits)
      const signal = signalOf(limits)
      const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
      for (;;) {
        signal?.throwIfAborted()
        this.#checkRead()
        const got = this.#enterRead()
        if (got !== BUSY) return new Guard(this, got === RECOVERED, READING)
        const left = end - performance.now()
        if (left <= 0) throw timedOut(this.name, 'reading', timeout)
        const word = this.#writer.announce()
        if (word !== 0)
          await this.segment.memory.waitAsync(this.offset / 4, word, { timeout: Math.min(left, SLICE), signal })
      }
    })
  }

  /** Writes if nobody is there. @throws MemlaneError `ERR_DEADLOCK` when this handle reads or writes; `ERR_CLOSED`. */
  tryWrite(): Guard | undefined {
    this.#checkWrite()
    const got = this.#writer.tryAcquire()
    if (got === BUSY) return undefined
    if (this.#drained()) return this.#writeGuard(got)
    this.#abandonWrite(got)
    return undefined
  }

  /** Waits until nobody is there, blocking the thread. @throws MemlaneError `ERR_TIMEOUT`, `ERR_DEADLOCK`, `ERR_CLOSED`. */
  write(limits?: WaitLimits): Guard {
    this.#checkWrite()
    const timeout = timeoutOf(limits)
    const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
    const got = this.#writer.acquire(timeout)
    if (got === BUSY) throw timedOut(this.name, 'writing', timeout)
    for (;;) {
      const sequence = this.#gate.announce()
      if (this.#drained()) return this.#writeGuard(got)
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
      const timeout = timeoutOf(limits)
      const signal = signalOf(limits)
      const end = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
      const got = await this.#writer.acquireAsync(timeout, signal)
      if (got === BUSY) throw timedOut(this.name, 'writing', timeout)
      // From here on this handle is the writer, as its other users must see.
      this.#writing = true
      try {
        for (;;) {
          this.checkOpen()
          signal?.throwIfAborted()
          const sequence = this.#gate.announce()
          if (this.#drained()) return this.#writeGuard(got)
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

  #readerWord(slot: number): number {
    return (this.offset + READERS + slot * LINE) / 4
  }

  #checkRead(): void {
    this.checkOpen()
    if (this.#writing) throw this.#writer.deadlock()
  }

  #checkWrite(): void {
    this.checkOpen()
    if (this.#writing || this.#reads > 0) throw this.#writer.deadlock()
  }

  /** @returns BUSY, TAKEN, or RECOVERED when it freed the lock from a dead writer. */
  #enterRead(): number {
    const { memory } = this.segment
    if (this.#reads > 0) {
      // This handle reads already: a writer that waits, waits for us, and making us wait for it would be a deadlock.
      this.#reads++
      return TAKEN
    }
    do {
      memory.store(this.#mine, this.#me) // SYNC: "reader's word before the look at writer, writer before the look at readers"
      if (this.#writer.owner === 0) {
        this.#reads = 1
        return this.#told(TAKEN)
      }
      memory.store(this.#mine, 0)
      this.#gate.open()
      if (this.#writer.takeOver() === RECOVERED) {
        memory.store(this.#mine, this.#me)
        this.#reads = 1
        this.#writer.releaseAll()
        return RECOVERED
      }
    } while (this.#writer.owner === 0)
    return BUSY
  }

  /** @internal */
  endHold(side: number): void {
    if (side === WRITING) this.#leaveWrite()
    else this.#leaveRead()
  }

  #leaveRead(): void {
    if (this.closed) return
    if (--this.#reads === 0) this.segment.memory.store(this.#mine, 0)
    // SYNC: "reader's word before the look at writer, writer before the look at readers"
    if (this.#reads === 0 && this.#writer.owner !== 0) this.#gate.open()
  }

  #isReading(slot: number): boolean {
    const token = this.segment.memory.load(this.#readerWord(slot))
    return token !== 0 && this.segment.isAlive(token)
  }

  /** True when no live reader is inside. The caller holds `writer`. */
  #drained(): boolean {
    // SYNC: "reader's word before the look at writer, writer before the look at readers"
    for (let slot = 0; slot < this.segment.slots; slot++) {
      if (this.#isReading(slot)) return false
    }
    return true
  }

  #writeGuard(got: number): Guard {
    this.#writing = true
    return new Guard(this, this.#told(got) === RECOVERED, WRITING)
  }

  /** Gives up after taking `writer`. If that was from the dead, the next one in must still be told. */
  #abandonWrite(got: number): void {
    if (got === RECOVERED) this.segment.memory.store(this.#news, 1)
    this.#writer.releaseAll()
  }

  /** RECOVERED when this is the one to be told. */
  #told(got: number): number {
    const { memory } = this.segment
    if (memory.load(this.#news) === 0) return got
    return memory.exchange(this.#news, 0) === 1 ? RECOVERED : got
  }

  #leaveWrite(): void {
    this.#writing = false
    if (!this.closed) this.#writer.releaseAll()
  }

  /** @internal */
  protected override releaseHeld(): void {
    this.#writer.shut()
    if (this.#writing) this.#leaveWrite()
    if (this.#reads > 0) {
      this.#reads = 1
      this.#leaveRead()
    }
  }
}
