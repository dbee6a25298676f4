// interop/membridge: taking and leaving the lock of a view. view.layout.ts says what its word may hold.
//
// Uncontended it is one CAS in, and a look and a store out. A waiter spins a little and then sleeps: on a holder of ours in the
// kernel, to be woken by it or by its death; on the package, which wakes nobody, in naps that grow with the wait.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import { type Memory, NOBODY, publish } from '../../memory/index.js'
import { lostRace, POLL_TRIES, RACE_TRIES } from '../../races.js'
import { spareStack } from '../../spare-stack.js'
import {
  FIRST_NAP_MS,
  NAP_SHARE,
  VIEW_AFTER_DRAIN_MS,
  VIEW_DRAIN_MS,
  VIEW_LOOK_AGAIN_MS,
  VIEW_NAP_MS,
} from '../../waiting/index.js'
import type { Attachment } from './attachment.js'
import * as layout from './view.layout.js'
import {
  FOREIGN_WRITER,
  hasWaiters,
  holderOf,
  isOurs,
  isWriter,
  MOST_READERS,
  readersLeft,
  sameHolder,
  withReaders,
  withWaiters,
} from './view.layout.js'

const { FREE, LOCK } = layout

/** Looks at the word before the first sleep: some microseconds. */
const SPIN_TRIES = 300

/** Who has the lock, as far as the word tells. */
export type LockState =
  | { readonly state: 'free' }
  | { readonly state: 'readers'; readonly readers: number }
  | { readonly state: 'writer' }
  | {
      readonly state: 'memlane'
      readonly writing: boolean
      readonly alive: boolean
      readonly readers: number
      readonly lock: number
    }
  | { readonly state: 'unknown'; readonly word: number }

/** What a lock word says. Anything but `free`, and `memlane` that is alive, may be a lock whose holder is gone. */
export function lockState(memory: Memory): LockState {
  const word = memory.load(LOCK)
  if (word === FREE) return { state: 'free' }
  if (word > 0) return { state: 'readers', readers: word }
  if (word === FOREIGN_WRITER) return { state: 'writer' }
  if (!isOurs(word)) return { state: 'unknown', word }
  const lock = holderOf(word)
  return { state: 'memlane', writing: isWriter(word), alive: memory.isLocked(lock), readers: readersLeft(word), lock }
}

export class ViewLock {
  readonly #name: string
  readonly #memory: Memory
  /** The memory as words: the uncontended way in and out goes straight to them. */
  readonly #words: Int32Array
  /** What this handle writes into the word. */
  readonly reading: number
  readonly writing: number
  /** How often this handle took the lock over from a handle that died with it. */
  recoveries = 0

  constructor(attachment: Attachment) {
    this.#name = attachment.name
    this.#memory = attachment.map()
    this.#words = this.#memory.i32
    const { reading, writing } = attachment.holder()
    this.reading = reading
    this.writing = writing
  }

  /**
   * @param mine {@link reading} or {@link writing}.
   * @param timeout milliseconds; below 0 waits for ever.
   * @throws MemlaneError `ERR_TIMEOUT`; RangeError of the engine when there is too little stack for what comes until the release:
   *   a caller that copies bytes of a fixed size cannot fail in between.
   */
  acquire(mine: number, timeout: number): void {
    spareStack()
    // SYNC: "what the last holder wrote is visible to the next"
    if (Atomics.compareExchange(this.#words, LOCK, FREE, mine) !== FREE) this.#waitFor(mine, timeout)
  }

  /** @param mine what it was acquired with. */
  release(mine: number): void {
    // A look and a store cost half of a CAS. A waiter that announces itself just in between finds the word free when it
    // goes to sleep, or, should this thread stop here, wakes by itself after VIEW_LOOK_AGAIN_MS.
    // SYNC: "what the last holder wrote is visible to the next"
    if (this.#words[LOCK] === mine) publish(this.#words, LOCK, FREE)
    else this.#giveBack(mine)
  }

  #giveBack(mine: number): void {
    let word = this.#memory.load(LOCK)
    // Somebody sleeps, or readers of the package were inside; or the word is not ours any more: a creator of the
    // package has reset it, or breakLock() was called.
    for (let tries = 0; word < FOREIGN_WRITER && sameHolder(word, mine); tries++) {
      if (tries > RACE_TRIES) throw lostRace(`giving back the lock of ${JSON.stringify(this.#name)}`)
      // Below 0 only after a reader of the package whose lock had been broken left all the same.
      const seen = this.#memory.compareExchange(LOCK, word, Math.max(FREE, readersLeft(word)))
      if (seen === word) {
        if (hasWaiters(word)) this.#memory.wake(LOCK, 1)
        return
      }
      word = seen
    }
  }

  #waitFor(mine: number, timeout: number): void {
    const memory = this.#memory
    const start = performance.now()
    const left = (): number => (timeout < 0 ? Number.POSITIVE_INFINITY : timeout - (performance.now() - start))
    let spins = SPIN_TRIES
    // Once slept, this waiter cannot know whether others sleep: it takes the word with the waiters bit set.
    let slept = false
    for (let looks = 1; ; looks++) {
      if (looks % POLL_TRIES === 0 && left() <= 0) throw this.#timedOut(timeout)
      const word = memory.load(LOCK)
      const claim = slept ? withWaiters(mine) : mine
      if (word === FREE) {
        if (memory.compareExchange(LOCK, FREE, claim) === FREE) return
        continue
      }
      if (word > 0 && word <= MOST_READERS) {
        if (memory.compareExchange(LOCK, word, withReaders(claim, word)) !== word) continue
        if (this.#enter(mine, left())) return
      } else if (spins > 0) {
        spins--
        continue
      } else if (isOurs(word) && (sameHolder(word, mine) || !memory.isLocked(holderOf(word)))) {
        const heir = withReaders(hasWaiters(word) ? withWaiters(mine) : claim, readersLeft(word))
        if (memory.compareExchange(LOCK, word, heir) !== word) continue
        this.recoveries++
        if (this.#enter(mine, left())) return
      }
      const remaining = left()
      if (remaining <= 0) {
        if (slept) memory.wake(LOCK, 1) // a wake may have come to us in vain
        throw this.#timedOut(timeout)
      }
      slept = this.#sleep(Math.min(remaining, VIEW_LOOK_AGAIN_MS), performance.now() - start) || slept
    }
  }

  /** Holding the word: a writer waits until the readers of the package are out. False: given back, after a while. */
  #enter(mine: number, left: number): boolean {
    if (!isWriter(mine)) return true
    const memory = this.#memory
    const start = performance.now()
    for (let looks = 0; ; looks++) {
      if (looks > RACE_TRIES) throw lostRace(`taking the lock of ${JSON.stringify(this.#name)}`)
      const word = memory.load(LOCK)
      if (!isOurs(word) || !sameHolder(word, mine)) return false
      if (readersLeft(word) === 0) return true
      const waited = performance.now() - start
      if (waited > Math.min(VIEW_DRAIN_MS, left)) {
        if (memory.compareExchange(LOCK, word, readersLeft(word)) !== word) continue
        if (hasWaiters(word)) memory.wake(LOCK, 1)
        // Those readers are slow, or dead for good: let others in for longer than they were kept out.
        memory.wait(LOCK, readersLeft(word), Math.max(0, Math.min(VIEW_AFTER_DRAIN_MS, left - waited)), NOBODY)
        return false
      }
      if (looks > SPIN_TRIES) memory.wait(LOCK, word, FIRST_NAP_MS, NOBODY)
    }
  }

  /** One sleep of at most `longest` milliseconds. @returns true when the sleeper had announced itself to one of ours. */
  #sleep(longest: number, waited: number): boolean {
    const memory = this.#memory
    let word = memory.load(LOCK)
    if (word === FREE) return false
    if (isOurs(word)) {
      const announced = withWaiters(word)
      if (word !== announced && memory.compareExchange(LOCK, word, announced) !== word) return false
      word = announced
      memory.wait(LOCK, word, longest, holderOf(word))
      return true
    }
    memory.wait(LOCK, word, Math.min(longest, VIEW_NAP_MS, Math.max(FIRST_NAP_MS, waited * NAP_SHARE)), NOBODY)
    return false
  }

  #timedOut(timeout: number): MemlaneError {
    const state = lockState(this.#memory)
    const who =
      state.state === 'memlane'
        ? `a live Memlane handle ${state.writing ? 'writes' : 'reads'}`
        : state.state === 'readers'
          ? `${state.readers} reader(s) of another program are inside, or were when they died`
          : state.state === 'writer'
            ? 'a writer of another program is inside, or was when it died'
            : `the lock word is ${this.#memory.load(LOCK)}`
    return new MemlaneError(
      'ERR_TIMEOUT',
      `${JSON.stringify(this.#name)}: the lock was not free within ${timeout} ms: ${who}. If that program is gone for certain, view.breakLock() frees it`,
    )
  }

  get state(): LockState {
    return lockState(this.#memory)
  }

  /** @returns true when there was a lock to break. @throws MemlaneError `ERR_BUSY` when the holder is known to live. */
  break(): boolean {
    const memory = this.#memory
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      const word = memory.load(LOCK)
      if (word === FREE) return false
      if (isOurs(word) && memory.isLocked(holderOf(word))) {
        throw new MemlaneError(
          'ERR_BUSY',
          `${JSON.stringify(this.#name)}: a live Memlane process holds the lock; it is never taken from it`,
        )
      }
      if (memory.compareExchange(LOCK, word, isOurs(word) ? readersLeft(word) : FREE) !== word) continue
      memory.wake(LOCK, 2 ** 30)
      return true
    }
    throw lostRace(`breaking the lock of ${JSON.stringify(this.#name)}`)
  }
}
