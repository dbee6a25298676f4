// interop/rememory: taking and giving back the semaphore of a name. semaphore.layout.ts draws its bytes.
//
// A thread has one NamedSemaphore per semaphore, which its handles share: what is held through one of them is held for
// all, so that a lock can be held around calls that take it themselves. In Python that is a deadlock.

import { randomBytes } from 'node:crypto'
import { MemlaneError } from '../../errors.js'
import { performance, random } from '../../host.js'
import { type Memory, NOBODY, type Owner, publishObject, ShmObject, unlinkObject } from '../../memory/index.js'
import { lostRace, NAME_TRIES, RACE_TRIES } from '../../races.js'
import { endOf } from '../../sizes.js'
import { spareStack } from '../../spare-stack.js'
import { BUSY, type LockHome, OwnerLock } from '../../sync/index.js'
import { semaphoreOf } from './names.js'
import { repair } from './redo.js'
import type { SemaphoreState } from './semaphore.layout.js'
import * as layout from './semaphore.layout.js'

const { FREE, H, HELD, OWNER, REDO, REMOVED, SEMAPHORE_SIZE, VALUE, WAITERS } = layout

/** Numbers of liveness locks, and the bits of an incarnation above them. */
const SLOTS = 1024
const INCARNATIONS = 2 ** 20 - 1
/** Looks at a taken semaphore before sleeping: a holder of the package keeps it for a tenth of a millisecond or so. */
const SPINS = 100
/** How long those of the package are waited for after they were woken, in milliseconds: about what a wake-up takes. */
const COURTESY = 0.3
/** The longest time for which no courtesy is shown after ones that nobody took, in milliseconds. */
const LONGEST_REST = 250

const here = new Map<string, NamedSemaphore>()

/** How a semaphore is found or made. */
export interface SemaphoreAccess {
  readonly create: boolean
  readonly owner: Owner
  readonly mode: number
}

export class NamedSemaphore {
  /** The name that it guards. */
  readonly name: string
  /** How often it was taken over from a Memlane process that had died with it. */
  recoveries = 0
  /** Stores of this thread into the object that it guards. */
  stores = 0
  readonly #key: string
  readonly #memory: Memory
  readonly #words: Int32Array
  readonly #longs: BigInt64Array
  readonly #floats: Float64Array
  readonly #lock: OwnerLock
  readonly #token: number
  #references = 0
  #depth = 0
  #woke = false
  #restUntil = 0
  #rest = 1

  private constructor(name: string, key: string, memory: Memory) {
    this.name = name
    this.#key = key
    this.#memory = memory
    this.#words = memory.i32
    this.#longs = new BigInt64Array(memory.buffer, 0, SEMAPHORE_SIZE / 8)
    this.#floats = memory.f64
    const slot = claimSlot(name, memory)
    const left = this.#words[OWNER]! & 0x3fff_ffff
    let token = 0
    do token = ((1 + random.below(INCARNATIONS)) << 10) | slot
    while (token === left)
    this.#token = token
    const home: LockHome = {
      name,
      memory,
      participant: { token },
      isThisThread: () => false,
      // The kernel calls our own slot's lock free, and tells nothing of who had the slot before us.
      isAlive: (other) => ((other & (SLOTS - 1)) === slot ? other === token : memory.isLocked(other & (SLOTS - 1))),
    }
    this.#lock = new OwnerLock(home, OWNER * 4)
    // Whoever had the slot before us died; if that was with the lock, others take us for it and wait.
    if ((left & (SLOTS - 1)) === slot && left !== 0 && this.#lock.takeOver() !== BUSY) this.#settle()
  }

  /**
   * The semaphore of a name, made if need be. Every call needs a {@link close}.
   *
   * @throws MemlaneError `ERR_NOT_FOUND`, `ERR_FOREIGN` (no semaphore of the C library), `ERR_LIMIT`, `ERR_OWNER`, `ERR_PERMISSION`.
   */
  static open(name: string, access: SemaphoreAccess): NamedSemaphore {
    const object = openOrMake(semaphoreOf(name), access)
    try {
      const { size, inode, device } = object.stat()
      if (size < SEMAPHORE_SIZE) {
        throw new MemlaneError(
          'ERR_FOREIGN',
          `${JSON.stringify(semaphoreOf(name))} has ${size} bytes; a semaphore of the C library has ${SEMAPHORE_SIZE}`,
        )
      }
      const key = `${device}:${inode}`
      let semaphore = here.get(key)
      if (semaphore === undefined) {
        semaphore = new NamedSemaphore(name, key, object.map(SEMAPHORE_SIZE))
        here.set(key, semaphore)
      } else {
        object.close()
      }
      semaphore.#references++
      return semaphore
    } catch (error) {
      object.close()
      throw error
    }
  }

  get isHeld(): boolean {
    return this.#depth > 0
  }

  /**
   * Takes it. Held by this thread already, it is held once more.
   *
   * @param timeout milliseconds, below 0 for ever.
   * @throws MemlaneError `ERR_TIMEOUT`; RangeError when the stack is too full to be sure that it can be given back.
   */
  acquire(timeout: number): void {
    if (this.#depth > 0) {
      this.#depth++
      return
    }
    spareStack()
    if (this.#woke) this.#letOthersIn()
    if (!this.#lock.takeFree()) this.#acquireSlowly(timeout)
    // SYNC: "what the last holder wrote is visible to the next"
    else if (Atomics.compareExchange(this.#longs, 0, FREE, HELD) !== FREE) this.#takePermit(timeout)
    this.#depth = 1
  }

  /** Gives it back as often as it was taken. */
  release(): void {
    if (--this.#depth > 0) return
    // SYNC: "what the last holder wrote is visible to the next"
    if (Atomics.compareExchange(this.#longs, 0, HELD, FREE) !== HELD) this.#post()
    this.#lock.release()
    if (this.#references === 0) this.#end()
  }

  /** @throws MemlaneError `ERR_TIMEOUT`. */
  #acquireSlowly(timeout: number): void {
    const start = performance.now()
    if (this.#lock.acquire(timeout) === BUSY) throw this.#timedOut(timeout)
    this.#takePermit(timeout < 0 ? timeout : Math.max(0, timeout - (performance.now() - start)), timeout)
  }

  /** Takes the permit, as the owner. @throws MemlaneError `ERR_TIMEOUT`: the owner lock is given back then. */
  #takePermit(timeout: number, asked: number = timeout): void {
    try {
      if (!this.#waitForPermit(timeout)) throw this.#timedOut(asked)
    } catch (error) {
      if (this.#depth === 0) this.#lock.release()
      throw error
    }
  }

  /** @returns false when the time is over. */
  #waitForPermit(timeout: number): boolean {
    if (this.#inherit()) return true
    for (let spins = 0; spins < SPINS; spins++) if (this.#tryPermit()) return true
    const memory = this.#memory
    const end = endOf(timeout)
    // Counted in, whoever posts wakes us.
    memory.add(WAITERS, 1)
    try {
      for (;;) {
        if (this.#tryPermit()) return true
        const left = end - performance.now()
        if (left <= 0) return false
        // A wake may have gone to a sleeper that was killed: the wait looks at the word again now and then.
        memory.wait(VALUE, 0, Math.min(left, 1e9), NOBODY)
      }
    } finally {
      memory.add(WAITERS, -1)
    }
  }

  /** The permit that a dead Memlane process left to us. */
  #inherit(): boolean {
    if (this.#memory.load(WAITERS) >= 0) return false
    this.recoveries++
    // SYNC: "a write that is to be done again is whole"
    repair(this.name, this.#memory.load(REDO) !== 0)
    this.#memory.store(REDO, 0)
    return true
  }

  #tryPermit(): boolean {
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      const seen = Atomics.load(this.#longs, 0)
      const value = BigInt.asUintN(32, seen)
      if (value === 0n) return false
      // More than one permit is left where a lock was broken whose holder gave it back all the same: they are taken as one.
      if (Atomics.compareExchange(this.#longs, 0, seen, (seen - value) | HELD) === seen) return true
    }
    // Whoever waits looks at its limits, and tries again.
    return false
  }

  #post(): void {
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      const seen = Atomics.load(this.#longs, 0)
      // Broken in the meantime.
      if (seen >= 0n) return
      const waiters = BigInt.asUintN(31, seen >> 32n)
      if (Atomics.compareExchange(this.#longs, 0, seen, (waiters << 32n) | FREE) !== seen) continue
      if (waiters > 0n) {
        this.#memory.wake(VALUE, 1)
        this.#woke = true
      }
      return
    }
    throw lostRace(`giving back the lock of ${JSON.stringify(this.name)}`)
  }

  /** As the owner: what a dead one left is mended and given back. */
  #settle(): void {
    if (this.#inherit()) this.#post()
    this.#lock.release()
  }

  /** Who was woken needs some time to come, and would find that we have taken the semaphore again. */
  #letOthersIn(): void {
    this.#woke = false
    const start = performance.now()
    if (start < this.#restUntil) return
    while (performance.now() - start < COURTESY) {
      if (this.#memory.load(VALUE) === 0) {
        this.#rest = 1
        return
      }
      this.#memory.giveWay()
    }
    // Perhaps those that are counted are dead.
    this.#restUntil = performance.now() + this.#rest
    this.#rest = Math.min(LONGEST_REST, this.#rest * 2)
  }

  #timedOut(timeout: number): MemlaneError {
    const state = this.state()
    const who =
      state.state === 'memlane'
        ? 'a live Memlane process holds it'
        : state.state === 'python'
          ? 'a Python process holds it, or did when it died'
          : 'others were faster'
    return new MemlaneError(
      'ERR_TIMEOUT',
      `${JSON.stringify(this.name)}: the lock was not free within ${timeout} ms: ${who}. If that process is gone for certain, breakLock() frees it`,
    )
  }

  state(): SemaphoreState {
    return stateOf(this.#memory, this.#token, this.#depth > 0)
  }

  /**
   * Frees it where a Python process died with it.
   *
   * @returns true when there was a lock to break.
   * @throws MemlaneError `ERR_BUSY` when a live Memlane process holds it.
   */
  break(): boolean {
    const busy = new MemlaneError(
      'ERR_BUSY',
      `${JSON.stringify(this.name)}: a live Memlane process holds the lock; it is never taken from it`,
    )
    if (this.#depth > 0) throw busy
    const owned = this.#lock.acquire(0) !== BUSY
    if (!owned) {
      // The owner waits for a permit that no living process may have.
      if (this.#memory.load(WAITERS) < 0) throw busy
      return this.#givePermit()
    }
    try {
      if (!this.#inherit()) return this.#givePermit()
      this.#post()
      return true
    } finally {
      this.#lock.release()
    }
  }

  #givePermit(): boolean {
    if (this.#memory.compareExchange(VALUE, 0, 1) !== 0) return false
    this.#memory.wake(VALUE, 1)
    return true
  }

  // ---- notes for whoever mends what we leave

  set redo(on: boolean) {
    // SYNC: "a write that is to be done again is whole"
    this.#memory.store(REDO, on ? 1 : 0)
  }

  get removed(): number {
    return this.#floats[REMOVED]!
  }

  set removed(inode: number) {
    this.#floats[REMOVED] = inode
  }

  /** Held, it is closed when it is given back. */
  close(): void {
    if (--this.#references === 0 && this.#depth === 0) this.#end()
  }

  #end(): void {
    here.delete(this.#key)
    this.#memory.close()
  }

  /** Removes the semaphore of a name. Those who have it open go on with it, and no longer keep out those who open a new one. */
  static unlink(name: string): boolean {
    return unlinkObject(semaphoreOf(name))
  }
}

/** @param mine the token of who asks, and whether it holds the semaphore. */
export function stateOf(memory: Memory, mine: number = 0, held: boolean = false): SemaphoreState {
  const waiters = memory.load(WAITERS)
  if ((waiters & H) !== 0) {
    const owner = memory.load(OWNER) & 0x3fff_ffff
    const alive = owner === mine ? held : owner !== 0 && memory.isLocked(owner & (SLOTS - 1))
    return { state: 'memlane', alive }
  }
  return memory.load(VALUE) === 0 ? { state: 'python' } : { state: 'free' }
}

function claimSlot(name: string, memory: Memory): number {
  const first = random.below(SLOTS)
  for (let tried = 0; tried < SLOTS; tried++) {
    const slot = (first + tried) % SLOTS
    if (memory.lock(slot)) return slot
  }
  throw new MemlaneError(
    'ERR_LIMIT',
    `${JSON.stringify(name)}: ${SLOTS} threads have its semaphore open, which is the limit`,
  )
}

/** The C library makes a semaphore under another name first, so that no one ever opens half of one. */
function openOrMake(file: string, access: SemaphoreAccess): ShmObject {
  const { owner, mode } = access
  for (let tries = 0; tries < NAME_TRIES; tries++) {
    if (!access.create) return ShmObject.open(file, { owner })
    const found = ShmObject.tryOpen(file, { owner })
    if (found !== undefined) return found
    const draft = `sem.${randomBytes(6).toString('hex')}`
    const object = ShmObject.open(draft, { create: true, exclusive: true, mode, owner })
    try {
      object.resize(SEMAPHORE_SIZE)
      object.commit(0, SEMAPHORE_SIZE)
      layout.newSemaphore(object.map(SEMAPHORE_SIZE).i32)
      if (publishObject(draft, file, false)) return ShmObject.open(file, { owner })
      unlinkObject(draft)
    } catch (error) {
      unlinkObject(draft)
      throw error
    } finally {
      object.close()
    }
  }
  throw lostRace(`making or opening ${JSON.stringify(file)}`, NAME_TRIES)
}
