// record: reading a FIFO. A cursor per reader ('each'), or one for those who compete ('share').

import { MemlaneError } from '../errors.js'
import { spareStack, spareStackToLeave } from '../spare-stack.js'
import { OwnerLock } from '../sync/index.js'
import {
  EVER_READ,
  LOCK,
  READER_CURSOR,
  READER_SIZE,
  READER_TOKEN,
  READERS,
  REGISTRATIONS,
  REJECT,
  SHARE_CURSOR,
  SHARES,
  SPACE,
  WRITERS_SLEEP,
} from './record.layout.js'
import type { Store } from './store.js'

/** `each`: every reader sees every record. `share`: readers compete, each record goes to one of them. */
export type ReaderMode = 'each' | 'share'

const TOKEN_MASK = SHARES - 1
const EVERYBODY = 0x7fffffff
/** So many failures in a row, and a reader takes the writers' lock once: whoever reads, finishes. */
const PATIENCE = 100

/** The cursor of one handle. */
export class Cursor {
  readonly #store: Store
  readonly #mode: ReaderMode
  readonly #holdsBack: boolean
  /** 'each': next counter to read. */
  #next: number
  #registered = false
  #hasRead = false
  /** Records missed just before the last one read, and in all. */
  lost = 0
  totalLost = 0

  constructor(store: Store, mode: ReaderMode) {
    this.#store = store
    this.#mode = mode
    this.#holdsBack = store.policy === REJECT
    this.#next = this.#oldest()
  }

  get #entry(): number {
    return this.#store.word(READERS + this.#store.segment.participant.slot * READER_SIZE)
  }

  /** The writers' lock: while it is held no writer is at work. */
  get #lock(): OwnerLock {
    return new OwnerLock(this.#store.segment, this.#store.body + LOCK)
  }

  /** The oldest record that is still there, or the next one to come. */
  #oldest(): number {
    const store = this.#store
    const published = store.published()
    const sequence = store.sequence(store.bufferAt(published))
    // Total, as everything that looks: a sequence from a foreign hand may be any number, or none.
    const kept = sequence >= store.layout.slots ? store.layout.slots : Math.max(0, Math.trunc(sequence) || 0)
    return store.before(store.next(published), kept)
  }

  /** From now on this reader holds a `reject` writer back. Under the writers' lock, so that no writer is half past it. */
  register(): void {
    if (!this.#holdsBack || this.#registered) return
    const { memory, segment } = this.#store
    if (segment.readOnly) {
      throw new MemlaneError(
        'ERR_READ_ONLY',
        `${JSON.stringify(segment.name)} lets no record go unread, so its readers must be able to say what they have read`,
      )
    }
    this.#lock.hold(() => {
      this.#next = this.#oldest()
      memory.store(this.#entry + READER_CURSOR / 4, this.#next)
      memory.add(this.#store.word(REGISTRATIONS), 1)
      // SYNC: "a reader's cursor is there before its token"
      memory.store(this.#entry + READER_TOKEN / 4, segment.participant.token | (this.#mode === 'share' ? SHARES : 0))
      this.#registered = true
    })
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
   * @returns undefined when there is none.
   */
  take<T>(latest: boolean, decode: (buffer: number, sequence: number) => T): T | undefined {
    // What was claimed must reach the caller.
    spareStack()
    this.register()
    const store = this.#store
    for (let margin = 0, tries = 0; ; tries++) {
      if (tries === PATIENCE && !this.#store.segment.readOnly) return this.#lock.hold(() => this.take(latest, decode))
      const published = store.published()
      const end = store.next(published)
      const from = this.#mode === 'share' ? store.memory.load(store.word(SHARE_CURSOR)) : this.#next
      const unread = store.distance(from, end)
      if (unread === 0) return undefined
      // Behind by more than the slots: those are lost. Torn just now: the writer is at our heels, so a few more are.
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
    const { memory } = this.#store
    if (memory.load(this.#store.word(WRITERS_SLEEP)) === 0) return
    memory.store(this.#store.word(WRITERS_SLEEP), 0)
    memory.add(this.#store.word(SPACE), 1)
    memory.wake(this.#store.word(SPACE), EVERYBODY)
  }
}

/** What a `reject` writer asks before it writes. */
export class Room {
  readonly #store: Store
  /** Next counter of the slowest reader when we last looked; it can only have moved on, unless somebody registered. */
  #floor = 0
  #registrations = -1

  constructor(store: Store) {
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
