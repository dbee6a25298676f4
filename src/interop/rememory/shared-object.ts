// interop/rememory: the bytes behind a name, and the name itself, which may come to lead to other bytes.
//
// Python grows a dict by removing its name and making a larger object under the same one: whoever had the old one open
// goes on with it, alone. And a Python process that exits removes the names of all objects that it had open. So each
// access, with the semaphore taken, asks whether the name still leads here, and
//   - follows it to another object, leaving in the old one a pickle that reads the new one to whoever of Python still has it;
//   - puts the name back when it leads nowhere, unless a Memlane process removed it on purpose.
// Growing makes the larger object ready under another name and gives it the name in one step, and leaves such a pickle, too.
//
// Crash windows: killed before the object has its name → a draft is left, which the next one who makes one removes.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import { checkViewable, type Memory, type Owner, publishObject, ShmObject, unlinkObject } from '../../memory/index.js'
import { pause } from '../../pause.js'
import { draftOf } from './names.js'
import { cleanTail, stage, tailFor } from './redo.js'
import { NamedSemaphore } from './semaphore.js'

/** An object without a size, or a container without a pickle, is one whose maker is at work: so long is it given, in milliseconds. */
const MAKING = 200
/**
 * Accesses to a number after which its name is asked after: asking takes longer than all the rest of an access. One at a time
 * where they are rare, up to so many where they come fast: about one question a millisecond.
 */
const MOST_UNASKED = 64
const ASK_AGAIN_MS = 1
/** A store of so many bytes is done or not done. */
const WORD = 8

/** What a name leads to, and how it is made. */
export interface ObjectAccess {
  readonly name: string
  readonly size: number
  readonly create: boolean
  readonly owner: Owner
  readonly mode: number
  readonly timeout: number
  /** First bytes of a new object. */
  readonly initial: Uint8Array
  /** True for what begins with a pickle as soon as it is made. */
  readonly container: boolean
  /** @throws MemlaneError when an object of that size is not one of this type. */
  readonly check: (size: number) => void
}

export class SharedObject {
  readonly name: string
  readonly semaphore: NamedSemaphore
  /** How often the name came to lead to another object, which was followed. */
  followed = 0
  readonly #access: ObjectAccess
  #object!: ShmObject
  #memory!: Memory
  #inode = 0
  bytes!: Buffer
  #closed = false
  #asked = 0
  #pace = 1
  #unasked = 0

  /** @throws MemlaneError what making and opening throw; `ERR_TIMEOUT`. */
  constructor(access: ObjectAccess) {
    const { name, create, owner, mode } = access
    this.name = name
    this.#access = access
    // A semaphore is not made for what is not there.
    if (!create) ShmObject.open(name, { owner }).close()
    this.semaphore = NamedSemaphore.open(name, { create: true, owner, mode })
    try {
      this.semaphore.acquire(access.timeout)
      try {
        this.#attach(this.#open() ?? this.#make(access.size, access.initial, false))
      } finally {
        this.semaphore.release()
      }
    } catch (error) {
      this.semaphore.close()
      throw error
    }
  }

  get closed(): boolean {
    return this.#closed
  }

  get size(): number {
    return this.bytes.length
  }

  get memory(): Memory {
    return this.#memory
  }

  /** Takes the lock and finds where the name leads. Every call needs an {@link end}. @throws MemlaneError `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_TRUNCATED`, and what opening throws. */
  begin(timeout: number): void {
    if (this.#closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    this.semaphore.acquire(timeout)
    try {
      if (this.#object.links() === 0) this.#follow()
      this.#memory.checkWhole(this.name)
    } catch (error) {
      this.semaphore.release()
      throw error
    }
  }

  /** The same where the name need not be asked after each time. */
  beginQuickly(timeout: number): void {
    if (this.#closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    if (--this.#unasked >= 0) this.semaphore.acquire(timeout)
    else this.#beginAsking(timeout)
  }

  #beginAsking(timeout: number): void {
    const now = performance.now()
    this.#pace = now - this.#asked < ASK_AGAIN_MS ? Math.min(MOST_UNASKED, this.#pace * 2) : 1
    this.#unasked = this.#pace - 1
    this.#asked = now
    this.begin(timeout)
  }

  end(): void {
    this.semaphore.release()
  }

  /**
   * Stores bytes at a place, so that a kill leaves all of them or none, where there is room to do so. The caller has the lock.
   *
   * @param end of what is in use after that.
   */
  store(where: number, content: Uint8Array, end: number): void {
    const { bytes } = this
    if (content.length <= WORD || end > tailFor(bytes.length, content.length)) {
      bytes.set(content, where)
      return
    }
    stage(bytes, content, where, this.#inode)
    this.semaphore.redo = true
    bytes.set(content, where)
    this.semaphore.redo = false
    cleanTail(bytes, content.length)
  }

  /** Makes a larger object of that content, and gives it the name. The caller has the lock. @throws MemlaneError `ERR_NO_SPACE`, `ERR_TOO_LARGE`, `ERR_LIMIT`. */
  grow(content: Uint8Array): void {
    // As Python does it.
    const larger = this.#make(Math.max(content.length, this.size * 2), content, true)
    this.#leave(content)
    this.#attach(larger)
  }

  /** Removes the name on purpose. @returns true if it was there. */
  unlink(): boolean {
    if (this.#closed) return SharedObject.unlink(this.name)
    this.semaphore.removed = this.#inode
    return unlinkObject(this.name)
  }

  /** The same without having it open. */
  static unlink(name: string): boolean {
    return unlinkObject(name)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#object.close()
    this.semaphore.close()
  }

  // ---- following the name

  #follow(): void {
    const next = this.#open()
    if (next !== undefined) {
      this.#moveTo(next)
    } else if (this.semaphore.removed !== this.#inode) {
      this.#moveTo(this.#make(this.size, Uint8Array.from(this.bytes), false))
    }
  }

  #moveTo(next: ShmObject): void {
    const before = this.bytes
    const old = this.#object
    const { size } = next.stat()
    try {
      this.#access.check(size)
    } catch (error) {
      next.close()
      throw error
    }
    const content = Buffer.from((next.memory ?? next.map(size)).buffer, 0, size)
    leaveWord(before, content, this.name)
    this.#adopt(next, content)
    old.close()
    this.followed++
  }

  /** Tells Python processes that have the old object open where the new one is. */
  #leave(content: Uint8Array): void {
    leaveWord(this.bytes, content, this.name)
    this.#object.close()
    this.followed++
  }

  #attach(object: ShmObject): void {
    try {
      const size = this.#sized(object)
      this.#access.check(size)
      checkViewable(size)
      object.commit(0, size)
      this.#adopt(object, Buffer.from((object.memory ?? object.map(size)).buffer, 0, size))
      if (this.#access.container) this.#waitForPickle()
    } catch (error) {
      object.close()
      throw error
    }
  }

  #adopt(object: ShmObject, bytes: Buffer): void {
    this.#object = object
    this.#memory = object.memory!
    this.#inode = object.stat().inode
    this.bytes = bytes
  }

  /** The size of an object, whose maker in Python may be about to give it one. */
  #sized(object: ShmObject): number {
    for (const start = performance.now(); ; pause(1)) {
      const late = performance.now() - start > MAKING
      const { size } = object.stat()
      if (size > 0) return size
      if (late) {
        throw new MemlaneError(
          'ERR_TOO_SMALL',
          `${JSON.stringify(this.name)} has no bytes: its maker has not sized it. If that one is gone, remove it with unlink`,
        )
      }
    }
  }

  /** Python stores the first pickle without the lock, after the object is there: what were stored before that would be lost. */
  #waitForPickle(): void {
    for (const start = performance.now(); this.bytes[0] === 0 && performance.now() - start < MAKING; ) pause(1)
  }

  #open(): ShmObject | undefined {
    return ShmObject.tryOpen(this.name, { owner: this.#access.owner })
  }

  /** A new object with its name. The caller has the lock, so no other Memlane process makes one; a Python process may. */
  #make(size: number, content: Uint8Array, replace: boolean): ShmObject {
    const { name } = this
    const { owner, mode } = this.#access
    checkViewable(size)
    const draft = draftOf(name)
    unlinkObject(draft)
    const object = ShmObject.open(draft, { create: true, exclusive: true, owner, mode })
    try {
      object.resize(size)
      object.commit(0, size)
      object.map(size).u8.set(content)
      if (publishObject(draft, name, replace)) return object
      // Python was faster.
      unlinkObject(draft)
      object.close()
      return ShmObject.open(name, { owner })
    } catch (error) {
      unlinkObject(draft)
      object.close()
      throw error
    }
  }
}

/**
 * Writes into an object that has lost its name a pickle that loads the object under that name: `_pickle.load(io.open(…))`.
 * A Python process that has the old one open reads the new one with it, and with its next write that does not fit makes
 * another object under the name, which is followed here. Where there is no room, None: there every access fails, loudly.
 */
function leaveWord(old: Buffer, next: Uint8Array, name: string): void {
  if (old[0] !== 0x80 || next[0] !== 0x80) return
  const path = Buffer.from(`/dev/shm/${name}`)
  const word = Buffer.concat([
    Buffer.from('\x80\x04c_pickle\nload\ncio\nopen\n\x8c', 'latin1'),
    Buffer.from([path.length & 0xff]),
    path,
    Buffer.from('\x8c\x02rb\x86R\x85R.', 'latin1'),
  ])
  const fits = path.length < 256 && word.length <= old.length
  const content = fits ? word : Buffer.from('\x80\x04N.', 'latin1')
  old.fill(0)
  old.set(content.subarray(0, old.length))
}
