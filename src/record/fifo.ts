// record: reading a FIFO. A cursor per reader ('each'), or one for those who compete ('share').

import { MemlaneError } from '../errors.js'
import { performance } from '../host.js'
import { spareStack, spareStackToLeave } from '../spare-stack.js'
import { heldTooLong } from '../sync/index.js'
import { BRIEF_LOCK_MS } from '../waiting/index.js'
import * as quiet from './quiet.js'
import {
  EVER_READ,
  READER_CURSOR,
  READER_SIZE,
  READER_TOKEN,
  READERS,
  REGISTRATIONS,
  REJECT,
  SHARE_CURSOR,
  SHARES,
} from './record.layout.js'
import type { RecordMemory } from './record-memory.js'

/** `each`: every reader sees every record. `share`: readers compete, each record goes to one of them. */
export type ReaderMode = 'each' | 'share'

// Taken apart as in reader.ts.
const { TORN_TRIES } = quiet
const TORN: typeof quiet.TORN = quiet.TORN

const TOKEN_MASK = SHARES - 1

/** The cursor of one handle. */
export class Cursor {
  readonly #store: RecordMemory
  readonly #mode: ReaderMode
  readonly #holdsBack: boolean
  /** 'each': next counter to read. */
  #next: number
  #registered = false
  #hasRead = false
  /** Records missed just before the last one read, and in all. */
  lost = 0
  totalLost = 0

  constructor(store: RecordMemory, mode: ReaderMode) {
    this.#store = store
    this.#mode = mode
    this.#holdsBack = store.policy === REJECT
    this.#next = this.#oldest()
  }

  get #entry(): number {
    return this.#store.word(READERS + this.#store.segment.participant.slot * READER_SIZE)
  }

  /** The writers' lock: while it is held no writer is at work. */
  /** The oldest record that is still there, or the next one to come. */
  #oldest(): number {
    const store = this.#store
    const published = store.published()
    const sequence = store.sequence(store.bufferAt(published))
    // Total, as everything that looks: a sequence from a foreign hand may be any number, or none.
    const kept = sequence >= store.layout.slots ? store.layout.slots : Math.max(0, Math.trunc(sequence) || 0)
    return store.before(store.next(published), kept)
  }

  /**
   * From now on this reader holds a `reject` writer back. Under the writers' lock, so that no writer is half past it.
   *
   * @param timeout milliseconds to wait for a writer, below 0 for ever.
   * @throws MemlaneError `ERR_TIMEOUT` naming the writer; `ERR_READ_ONLY`; `ERR_DEADLOCK`.
   */
  register(timeout: number = BRIEF_LOCK_MS): void {
    if (!this.#holdsBack || this.#registered) return
    this.#checkRegistering()
    const { lock } = this.#store.quiet
    if (lock.hold(() => this.#enter(), timeout) === undefined)
      throw heldTooLong(this.#store.segment, lock.owner, "the writers' lock", timeout)
  }

  /** The same without waiting. @returns false when a writer is at work. */
  tryRegister(): boolean {
    if (!this.#holdsBack || this.#registered) return true
    this.#checkRegistering()
    return this.#store.quiet.lock.tryHold(() => this.#enter()) === true
  }

  #checkRegistering(): void {
    const { segment } = this.#store
    if (!segment.readOnly) return
    throw new MemlaneError(
      'ERR_READ_ONLY',
      `${JSON.stringify(segment.name)} lets no record go unread, so its readers must be able to say what they have read`,
    )
  }

  /** The caller holds the lock. */
  #enter(): true {
    const { memory, segment } = this.#store
    this.#next = this.#oldest()
    memory.store(this.#entry + READER_CURSOR / 4, this.#next)
    memory.add(this.#store.word(REGISTRATIONS), 1)
    // SYNC: "a reader's cursor is there before its token"
    memory.store(this.#entry + READER_TOKEN / 4, segment.participant.token | (this.#mode === 'share' ? SHARES : 0))
    this.#registered = true
    return true
  }

  /** Holds nobody back any more. */
  unregister(): void {
    if (!this.#registered) return
    spareStackToLeave()
    this.#registered = false
    this.#store.memory.store(this.#entry + READER_TOKEN / 4, 0)
    this.#madeRoom()
  }

  /** A handle that writes before it has read anything is a writer: what nobody will read must not pile up. */
  becomeWriter(): void {
    if (this.#registered && !this.#hasRead) this.unregister()
  }

  /**
   * Takes the next record, or the newest one.
   *
   * @param decode reads a buffer; called again when it was torn, or when another reader was faster.
   * @param end how long a writer may keep it waiting, as `performance.now()` counts.
   * @returns undefined when there is none.
   */
  take<T>(latest: boolean, decode: (buffer: number, sequence: number) => T, end?: number): T | undefined {
    this.register(end === undefined ? BRIEF_LOCK_MS : remaining(end))
    const found = this.look(latest, decode)
    return found !== TORN ? found : this.#store.quiet.read(() => this.look(latest, decode), end)
  }

  /** The same for one that is registered, without waiting. @returns TORN when writers, or other readers, were in the way. */
  look<T>(latest: boolean, decode: (buffer: number, sequence: number) => T): T | undefined | typeof TORN {
    // What was claimed must reach the caller.
    spareStack()
    const store = this.#store
    for (let margin = 0, tries = 0; tries < TORN_TRIES; tries++) {
      const published = store.published()
      const end = store.next(published)
      const from = this.#mode === 'share' ? store.memory.load(store.word(SHARE_CURSOR)) : this.#next
      const unread = store.distance(from, end)
      if (unread === 0) return undefined
      // Behind by more than the slots: those are lost. The last read was torn: skip more of the oldest records.
      const reachable = store.layout.slots - (unread > store.layout.slots - margin ? margin : 0)
      const lost = Math.max(0, unread - reachable)
      const counter = latest ? published : lost > 0 ? store.before(end, reachable) : from
      const buffer = store.bufferAt(counter)
      const sequence = store.sequence(buffer)
      let value: T | undefined
      let failure: unknown
      let failed = false
      try {
        value = decode(buffer, sequence)
      } catch (error) {
        failed = true
        failure = error
      }
      if (store.sequence(buffer) !== sequence || !store.isWhole(counter)) {
        store.checkRetry(sequence)
        if (!this.#holdsBack) margin = Math.min(2 * margin + 1, store.layout.slots - 1)
        continue
      }
      // An exception leaves the record unread.
      if (failed) throw failure
      // The function has read on by itself, this record and perhaps more: there is nothing left to claim.
      if (this.#mode === 'each' && this.#next !== from) return value
      if (!this.#claim(from, store.next(counter))) continue
      this.lost = lost
      this.totalLost += lost
      return value
    }
    return TORN
  }

  get isEmpty(): boolean {
    const store = this.#store
    const from = this.#mode === 'share' ? store.memory.load(store.word(SHARE_CURSOR)) : this.#next
    return store.distance(from, store.next(store.published())) === 0
  }

  /** Copied first and claimed then: a reader killed in between has taken nothing. */
  #claim(from: number, next: number): boolean {
    const { memory } = this.#store
    if (this.#mode === 'share') {
      if (memory.compareExchange(this.#store.word(SHARE_CURSOR), from, next) !== from) return false
    } else {
      this.#next = next
      // SYNC: "a reader is done with a record before its cursor passes it"
      if (this.#registered) memory.store(this.#entry + READER_CURSOR / 4, next)
    }
    if (!this.#hasRead) {
      this.#hasRead = true
      if (this.#holdsBack) memory.store(this.#store.word(EVER_READ), 1)
    }
    if (this.#holdsBack) this.#madeRoom()
    return true
  }

  #madeRoom(): void {
    this.#store.room.notifyAll()
  }
}

/** Milliseconds until then, or -1 for ever. */
function remaining(end: number): number {
  return end === Number.POSITIVE_INFINITY ? -1 : Math.max(0, end - performance.now())
}

/** What a `reject` writer asks before it writes. */
export class FreeSlots {
  readonly #store: RecordMemory
  /** Next counter of the slowest reader when we last looked; it can only have moved on, unless somebody registered. */
  #floor = 0
  #registrations = -1

  constructor(store: RecordMemory) {
    this.#store = store
  }

  /** Under the writers' lock. */
  hasRoom(): boolean {
    const store = this.#store
    const { slots } = store.layout
    const end = store.next(store.published())
    const registrations = store.memory.load(store.word(REGISTRATIONS))
    if (registrations === this.#registrations && store.distance(this.#floor, end) < slots) return true
    const floor = this.#slowest(end)
    if (floor === undefined) {
      this.#registrations = -1
      // Nobody reads. What nobody has ever read is kept for the first reader; else the oldest goes.
      if (store.memory.load(store.word(EVER_READ)) !== 0) return true
      return store.sequence(store.bufferAt(store.published())) < slots
    }
    this.#floor = floor
    this.#registrations = registrations
    return store.distance(floor, end) < slots
  }

  /** The cursor furthest behind among living readers; entries of dead ones are cleared. */
  #slowest(end: number): number | undefined {
    const { memory, segment } = this.#store
    let slowest: number | undefined
    let behind = -1
    for (let slot = 0; slot < segment.slots; slot++) {
      const entry = this.#store.word(READERS + slot * READER_SIZE)
      // SYNC: "a reader's cursor is there before its token"
      const token = memory.load(entry + READER_TOKEN / 4)
      if (token === 0) continue
      if (!segment.isAlive(token & TOKEN_MASK)) {
        memory.compareExchange(entry + READER_TOKEN / 4, token, 0)
        continue
      }
      // SYNC: "a reader is done with a record before its cursor passes it"
      const shared = (token & SHARES) !== 0
      const cursor = memory.load(shared ? this.#store.word(SHARE_CURSOR) : entry + READER_CURSOR / 4)
      const distance = this.#store.distance(cursor, end)
      if (distance > behind) [slowest, behind] = [cursor, distance]
    }
    return slowest
  }
}
