// memory: the shm backend. Named objects of the operating system, and memory mapped from them.
//
// One external ArrayBuffer per handle over one mapping per object and process. It works on every runtime and copies
// faster than a SharedArrayBuffer (docs/design.md, "Mapping into JavaScript"); workers open the name themselves. Sparse
// objects may be seen in another way: see place.ts.

import { onAbort } from '../aborts.js'
import { MemlaneError, outOfRange, wrongType } from '../errors.js'
import { performance, random } from '../host.js'
import type { Addon, Waits } from '../native/addon.js'
import {
  OPEN_CREATE,
  OPEN_EXCLUSIVE,
  OPEN_READ_ONLY,
  STAT_CHANGED_MS,
  STAT_COMMITTED,
  STAT_DEVICE,
  STAT_FIELDS,
  STAT_GID,
  STAT_INODE,
  STAT_LINKS,
  STAT_MODE,
  STAT_SIZE,
  STAT_UID,
} from '../native/layout.js'
import { addon as loadAddon } from '../native/load.js'
import {
  isBusy,
  isForbidden,
  isMissing,
  isTaken,
  isUnsupported,
  noFolder,
  noLocks,
  osError,
  place,
} from '../native/os-error.js'
import { effectiveUser, environment } from '../sandbox.js'
import { parseInteger } from '../sizes.js'
import { closedInOrder, Leftover, watchOver } from './leftover.js'
import { LOCKS, Memory, Wait, type WaitOptions } from './memory.js'
import { FENCED, LOADS_STORE } from './ordering.js'
import { placeFor } from './place.js'

/** Who may own an object that is opened: this user (default), anybody, or the user of a numeric id. */
export type Owner = 'self' | 'any' | number

export interface ObjectOptions {
  /** Make it when it is not there. */
  create?: boolean
  /** With `create`: it must not be there yet. */
  exclusive?: boolean
  /** Permission bits of a new object; default 0o600. */
  mode?: number
  readOnly?: boolean
  /** Default `'self'`. */
  owner?: Owner
  /** Most of it may be holes, and its bytes are seldom copied in bulk: a large one shall not count as memory in use. */
  sparse?: boolean
}

export interface ObjectStat {
  readonly size: number
  /** Bytes that have pages. */
  readonly committed: number
  readonly uid: number
  readonly gid: number
  /** Permission bits. */
  readonly mode: number
  /** Names that lead to it: 0 once it is unlinked. */
  readonly links: number
  readonly inode: number
  readonly device: number
  /** Last change of the contents as far as the file system knows, milliseconds since 1970. */
  readonly changedMs: number
}

/** Liveness locks are locks on bytes this far into the file, beyond any size, so that they never meet data. */
const LOCK_BASE = 2 ** 40

/** A thread that sleeps in the kernel cannot be terminated: a blocking wait comes back to JavaScript this often, in milliseconds. */
const WAIT_SLICE_MS = 100

/** Whether waits may be reported by the event loop itself, which only Node.js allows; MEMLANE_WAITS=thread says no. */
const ON_LOOP: boolean =
  process.versions.bun === undefined && process.versions.deno === undefined && environment('MEMLANE_WAITS') !== 'thread'

interface Thread {
  readonly addon: Addon
  readonly faults: Uint32Array
  readonly waits: Waits
}

let thread: Thread | undefined

/** The addon, and this thread's table of pending waits. */
function here(): Thread {
  if (thread !== undefined) return thread
  const addon = loadAddon()
  addon.waits ??= takeReports(addon)
  const words = addon.faultWords()
  if (typeof words === 'number') {
    throw new MemlaneError(
      'ERR_UNSUPPORTED',
      'this runtime forbids buffers over memory outside its heap (as Electron does)',
    )
  }
  thread = { addon, faults: new Uint32Array(words), waits: addon.waits }
  return thread
}

/** The addon reports to one function in each thread, and so to the first copy of this module that comes. */
function takeReports(addon: Addon): Waits {
  const pending: Waits['pending'] = new Map()
  const result = addon.onWaitEnd((id, result) => {
    const resolve = pending.get(id)
    pending.delete(id)
    resolve?.(result)
  }, ON_LOOP)
  if (result < 0) throw osError('preparing to wait', result)
  return { pending, next: 1 }
}

const scratch = new Float64Array(STAT_FIELDS)

function readStat(s: Float64Array): ObjectStat {
  return {
    size: s[STAT_SIZE]!,
    committed: s[STAT_COMMITTED]!,
    uid: s[STAT_UID]!,
    gid: s[STAT_GID]!,
    mode: s[STAT_MODE]! & 0o7777,
    links: s[STAT_LINKS]!,
    inode: s[STAT_INODE]!,
    device: s[STAT_DEVICE]!,
    changedMs: s[STAT_CHANGED_MS]!,
  }
}

/** Names of all objects on the machine that this user may see. */
export function listObjects(): string[] {
  const names = here().addon.list()
  if (typeof names === 'number') throw osError(`listing ${place()}`, names)
  return names
}

/** @returns undefined when there is no object of that name. */
export function statObject(name: string): ObjectStat | undefined {
  const out = new Float64Array(STAT_FIELDS)
  const result = here().addon.statName(name, out)
  if (isMissing(result)) return undefined
  if (result < 0) throw osError(`looking at ${JSON.stringify(name)}`, result)
  return readStat(out)
}

/** @returns true if it was there. */
export function unlinkObject(name: string): boolean {
  const result = here().addon.unlink(name)
  if (isMissing(result)) return false
  if (result < 0) throw osError(`unlinking ${JSON.stringify(name)}`, result)
  return true
}

/**
 * Gives an object another name, in one step: who opens that name finds what was there before, or all of this object.
 *
 * @returns false when the name is taken and `replace` is not set; the object has its old name then.
 */
export function publishObject(name: string, as: string, replace: boolean): boolean {
  const result = here().addon.publish(name, as, replace)
  if (!replace && isTaken(result)) return false
  if (result < 0) throw osError(`naming ${JSON.stringify(name)} ${JSON.stringify(as)}`, result)
  return true
}

/** A view of an object's bytes keeps the object open, wherever the view has come to. */
const keepers = new WeakMap<ArrayBufferLike, ShmObject>()

/** An open object, with or without memory mapped from it. Holds one descriptor. */
export class ShmObject {
  readonly name: string
  readonly readOnly: boolean
  /** @internal What is given back should this be dropped without being closed. */
  readonly leftover: Leftover
  readonly #sparse: boolean
  #handle: number
  #memory: ShmMemory | undefined

  /** @internal Use `open` or `tryOpen`. */
  constructor(name: string, handle: number, readOnly: boolean, sparse: boolean) {
    this.name = name
    this.#handle = handle
    this.readOnly = readOnly
    this.#sparse = sparse
    this.leftover = new Leftover(name, here().addon, handle)
    watchOver(this, this.leftover)
  }

  /**
   * Opens an object by its plain name (no slash). Links are never followed.
   *
   * @throws MemlaneError `ERR_NOT_FOUND`, `ERR_EXISTS`, `ERR_PERMISSION`, `ERR_OWNER`, `ERR_FOREIGN` (a link, a folder or
   *   a device), `ERR_NAME`, `ERR_LIMIT`, `ERR_NO_SPACE`.
   */
  static open(name: string, options: ObjectOptions = {}): ShmObject {
    const object = openObject(name, options)
    if (typeof object !== 'number') return object
    throw osError(`${options.create === true ? 'creating' : 'opening'} ${JSON.stringify(name)}`, object)
  }

  /** The same, but undefined when it is not there, or with `exclusive` when it is. */
  static tryOpen(name: string, options: ObjectOptions = {}): ShmObject | undefined {
    const object = openObject(name, options)
    if (typeof object !== 'number') return object
    if (isMissing(object) || (options.exclusive === true && isTaken(object))) return undefined
    throw osError(`${options.create === true ? 'creating' : 'opening'} ${JSON.stringify(name)}`, object)
  }

  get closed(): boolean {
    return this.#handle < 0
  }

  stat(): ObjectStat {
    const out = new Float64Array(STAT_FIELDS)
    const result = here().addon.stat(this.handle, out)
    if (result < 0) throw osError(`looking at ${JSON.stringify(this.name)}`, result)
    return readStat(out)
  }

  /** Names that lead to the object, as cheaply as it can be asked: 0 once it was unlinked or its name was given to another. */
  links(): number {
    const result = here().addon.stat(this.handle, scratch)
    if (result < 0) throw osError(`looking at ${JSON.stringify(this.name)}`, result)
    return scratch[STAT_LINKS]!
  }

  /** True while the object's name still leads to this very object. */
  isLinked(): boolean {
    const mine = this.stat()
    if (mine.links === 0) return false
    const named = statObject(this.name)
    return named !== undefined && named.inode === mine.inode && named.device === mine.device
  }

  /** Sets the size in bytes. Longer: the new bytes are a hole. Never shorten what others map. */
  resize(size: number): void {
    const result = here().addon.truncate(this.handle, size)
    if (result < 0) throw osError(`sizing ${JSON.stringify(this.name)} to ${size} bytes`, result, size)
  }

  /** Gives bytes pages of their own. @throws MemlaneError `ERR_NO_SPACE`. */
  commit(offset: number, length: number): void {
    const result = here().addon.commit(this.handle, offset, length)
    if (result < 0) throw osError(`committing ${length} bytes of ${JSON.stringify(this.name)}`, result, length)
  }

  /**
   * Maps bytes of the object; an object is mapped once at most.
   *
   * @param offset a multiple of the page size.
   * @throws MemlaneError `ERR_TOO_LARGE` when this runtime cannot view so many bytes in one buffer (Node 20: 4 GiB).
   */
  map(length: number, offset: number = 0): ShmMemory {
    if (this.#memory !== undefined)
      throw new MemlaneError('ERR_RANGE', `${JSON.stringify(this.name)} is mapped already`)
    const { addon, faults } = here()
    const placed = this.#mapInto(length, offset)
    const buffer = placed ?? addon.map(this.handle, offset, length, this.readOnly, undefined)!
    if (typeof buffer === 'number')
      throw tooLargeOr(osError(`mapping ${length} bytes of ${JSON.stringify(this.name)}`, buffer, length), length)
    // Memory of the engine's own is kept by the addon until the object is closed: it must not keep the object.
    if (placed === undefined) keepers.set(buffer, this)
    const Mapped = this.readOnly && LOADS_STORE ? PrivateMemory : ShmMemory
    this.#memory = new Mapped(this, addon, this.#handle, buffer, length, faults, addon.faultSlot(this.#handle))
    return this.#memory
  }

  #mapInto(length: number, offset: number): ArrayBufferLike | undefined {
    const place = this.#sparse ? placeFor(length) : undefined
    if (place === undefined) return undefined
    const refused = here().addon.map(this.handle, offset, length, this.readOnly, place)
    return refused === undefined ? place.buffer : undefined
  }

  get memory(): ShmMemory | undefined {
    return this.#memory
  }

  lock(lock: number): boolean {
    const result = here().addon.lockByte(this.handle, lockByte(lock))
    if (isBusy(result)) return false
    if (result < 0) throw lockError(`locking byte ${lock} of ${JSON.stringify(this.name)}`, result)
    return true
  }

  unlock(lock: number): void {
    const result = here().addon.unlockByte(this.handle, lockByte(lock))
    if (result < 0) throw lockError(`unlocking byte ${lock} of ${JSON.stringify(this.name)}`, result)
  }

  isLocked(lock: number): boolean {
    const result = here().addon.byteHeld(this.handle, lockByte(lock))
    if (result < 0) throw lockError(`looking at lock ${lock} of ${JSON.stringify(this.name)}`, result)
    return result === 1
  }

  /** Gives back mapping and descriptor; with the descriptor go its liveness locks. Safe to call twice. */
  close(): void {
    if (this.#handle < 0) return
    const handle = this.#handle
    this.#handle = -1
    closedInOrder(this.leftover)
    if (this.#memory !== undefined) this.#memory.closed = true
    here().addon.close(handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  private get handle(): number {
    if (this.#handle < 0) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    return this.#handle
  }
}

/** @returns the object, or a negated errno. @throws MemlaneError `ERR_OWNER`. */
function openObject(name: string, options: ObjectOptions): ShmObject | number {
  const { create = false, exclusive = false, mode = 0o600, readOnly = false } = options
  const owner = checkOwner(options.owner)
  const flags =
    (readOnly ? OPEN_READ_ONLY : 0) | (create ? OPEN_CREATE : 0) | (create && exclusive ? OPEN_EXCLUSIVE : 0)
  if (create && typeof owner === 'number') refuseToMakeFor(owner, name)
  const handle = here().addon.open(name, flags, mode)
  if (handle < 0) {
    if (isForbidden(handle)) {
      // Another user's object: say whose it is rather than that the kernel said no.
      const there = statObject(name)
      refuseStranger(name, there, owner)
      if (create && there === undefined) throw mayNotMake(name)
    }
    // Whoever makes what is missing would try for ever.
    const nowhere = isMissing(handle)
      ? noFolder(`${create ? 'creating' : 'opening'} ${JSON.stringify(name)}`)
      : undefined
    if (nowhere !== undefined) throw nowhere
    return handle
  }
  const object = new ShmObject(name, handle, readOnly, options.sparse === true)
  // What was made this very moment is this user's.
  if (owner === 'any' || (create && exclusive && owner === 'self')) return object
  try {
    refuseStranger(name, object.stat(), owner)
  } catch (error) {
    object.close()
    throw error
  }
  return object
}

function lockError(doing: string, result: number): MemlaneError {
  return isUnsupported(result) ? noLocks(doing) : osError(doing, result)
}

function mayNotMake(name: string): MemlaneError {
  const user = effectiveUser()
  return new MemlaneError(
    'ERR_PERMISSION',
    `creating ${JSON.stringify(name)}: ${user === undefined ? 'this user' : `user ${user}`} may not make files in /dev/shm; ` +
      'its mode should be 1777 (`chmod 1777 /dev/shm`)',
  )
}

export function lockByte(lock: number): number {
  if (!(Number.isInteger(lock) && lock >= 0 && lock < LOCKS))
    throw outOfRange('a liveness lock', `from 0 to ${LOCKS - 1}`, lock)
  return LOCK_BASE + lock
}

function tooLargeOr(error: MemlaneError, length: number): MemlaneError {
  if (error.code !== 'ERR_TOO_LARGE') return error
  return new MemlaneError(
    'ERR_TOO_LARGE',
    `${length} bytes do not fit into one buffer of this runtime (${process.versions.bun === undefined ? process.version : `Bun ${process.versions.bun}`}); Node 20 and Bun end at 4 GiB, Node 22 and later go beyond`,
  )
}

let largest: number | undefined

/**
 * Throws `ERR_TOO_LARGE` when this runtime cannot view so many bytes in one buffer. To be asked before anything is
 * created. Probed once, by mapping a sparse object without a name that is never touched.
 */
export function checkViewable(length: number): void {
  if (length <= 2 ** 31) return
  if (largest !== undefined && length <= largest) return
  const name = `memlane-probe-${process.pid}-${random.below(2 ** 32).toString(36)}`
  const probe = ShmObject.open(name, { create: true, exclusive: true })
  try {
    unlinkObject(name)
    probe.resize(length)
    probe.map(length)
    largest = Math.max(largest ?? 0, length)
  } finally {
    probe.close()
  }
}

/** The largest user id; the next one stands for none. */
const UID_MAX = 2 ** 32 - 2

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function checkOwner(owner: unknown): Owner {
  if (owner === undefined || owner === 'self') return 'self'
  if (owner === 'any') return 'any'
  if (typeof owner === 'number') return parseInteger(owner, 'owner', 0, UID_MAX)
  throw wrongType('owner', "'self', 'any' or a user id", owner)
}

/** What a process makes is its own user's: for another one it can only be found. */
function refuseToMakeFor(owner: number, name: string): void {
  const mine = effectiveUser()
  if (mine === undefined || mine === owner || statObject(name) !== undefined) return
  throw new MemlaneError(
    'ERR_OWNER',
    `there is no ${JSON.stringify(name)}, and made by this process it would belong to user ${mine}, not to user ${owner}`,
  )
}

function refuseStranger(name: string, stat: ObjectStat | undefined, owner: Owner): void {
  if (stat === undefined || owner === 'any') return
  const wanted = owner === 'self' ? (effectiveUser() ?? stat.uid) : owner
  if (stat.uid === wanted) return
  throw new MemlaneError(
    'ERR_OWNER',
    `${JSON.stringify(name)} belongs to user ${stat.uid}, not to ${owner === 'self' ? `this user (${wanted})` : `user ${wanted}`}; ` +
      `pass { owner: ${stat.uid} } or { owner: 'any' } if that user is trusted with it`,
  )
}

/** Memory mapped from an object. Made by `ShmObject.map`. */
export class ShmMemory extends Memory {
  readonly object: ShmObject
  readonly #addon: Addon
  readonly #handle: number
  readonly #faults: Uint32Array
  readonly #faultSlot: number

  constructor(
    object: ShmObject,
    addon: Addon,
    handle: number,
    buffer: ArrayBufferLike,
    size: number,
    faults: Uint32Array,
    faultSlot: number,
  ) {
    super(buffer, size)
    this.object = object
    this.#addon = addon
    this.#handle = handle
    this.#faults = faults
    this.#faultSlot = faultSlot
  }

  override fence(): void {
    if (FENCED) this.#addon.fence()
  }

  override giveWay(): void {
    this.#addon.giveWay()
  }

  override wake(word: number, count: number): number {
    if (this.closed) return 0
    return this.#addon.wake(this.#handle, word * 4, count)
  }

  override wait(word: number, expected: number, timeout: number, watch: number): number {
    const watched = watch < 0 ? -1 : lockByte(watch)
    const whole = timeout < 0 ? Number.POSITIVE_INFINITY : timeout
    const end = performance.now() + whole
    for (let left = whole; ; left = end - performance.now()) {
      if (this.closed) return Wait.closed
      const isLast = !(left > WAIT_SLICE_MS) // also for what is no number, which the addon refuses
      const slice = isLast ? Math.max(left, 0) : WAIT_SLICE_MS
      const result = this.#addon.wait(this.#handle, word * 4, expected | 0, slice, watched)
      if (result < 0) throw osError(`waiting on word ${word} of ${JSON.stringify(this.object.name)}`, result)
      if (result !== Wait.timedOut || isLast) return result
    }
  }

  override waitAsync(word: number, expected: number, options: WaitOptions = {}): Promise<number> {
    const { timeout = -1, signal, watch = -1 } = options
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.closed) return Promise.resolve(Wait.closed)
    const { addon, waits } = here()
    const { pending } = waits
    const id = waits.next++
    return new Promise((resolve, reject) => {
      let release = (): void => {}
      pending.set(id, (result) => {
        release()
        resolve(result)
      })
      const place = addon.waitStart(this.#handle, word * 4, expected | 0, timeout, watch < 0 ? -1 : lockByte(watch), id)
      if (place < 0) {
        pending.delete(id)
        reject(osError(`waiting on word ${word} of ${JSON.stringify(this.object.name)}`, place))
        return
      }
      release = onAbort(signal, () => {
        addon.waitCancel(id, place)
        pending.delete(id)
        reject(signal?.reason)
      })
    })
  }

  override lock(lock: number): boolean {
    return this.object.lock(lock)
  }

  override unlock(lock: number): void {
    this.object.unlock(lock)
  }

  override isLocked(lock: number): boolean {
    return this.object.isLocked(lock)
  }

  override commit(offset: number, length: number): void {
    this.object.commit(offset, length)
  }

  override get faults(): number {
    return this.closed ? 0 : this.#faults[this.#faultSlot]!
  }

  override close(): void {
    this.object.close()
  }
}

/** A private mapping on a runtime whose atomic loads store: see LOADS_STORE. */
class PrivateMemory extends ShmMemory {
  readonly #addon: Addon = here().addon

  override load(word: number): number {
    // The plain load is neither taken for one before the call nor moved above it.
    this.#addon.fence()
    return this.i32[word]!
  }

  override loadVersion(word: number): number {
    return this.load(word)
  }

  override checkVersion(word: number, seen: number): boolean {
    return this.load(word) === seen
  }
}
