// interop/membridge: the named object, and the two uses it can be put to.

import { MemlaneError, useOpen, wrongType } from '../../errors.js'
import { performance } from '../../host.js'
import { checkOwner, checkViewable, type Owner, ShmObject, unlinkObject } from '../../memory/index.js'
import { checkNames, known } from '../../options.js'
import { pause } from '../../pause.js'
import { lostRace, NAME_TRIES } from '../../races.js'
import { effectiveUser } from '../../sandbox.js'
import { given, parseInteger, parseSize, type Size } from '../../sizes.js'
import { spareStack, spareStackToLeave } from '../../spare-stack.js'
import { CREATION_LOOK_MS, SIZING_MS } from '../../waiting/index.js'
import { Attachment } from './attachment.js'
import { MappedView, type ViewOptions } from './mapped-view.js'
import { objectName } from './names.js'
import { SpscRingBuffer } from './ring.js'
import { CAPACITY_LIMIT, RING } from './ring.layout.js'
import { DATA } from './view.layout.js'

/** Options of {@link SharedMemory.open}. */
export interface OpenOptions {
  /** Who may own the object: this user (default), `'any'`, or the user of a numeric id. */
  owner?: Owner
}

const OPEN_OPTIONS = known('owner')
const MAKE_OPTIONS = known(OPEN_OPTIONS, 'mode')
const CREATE_OPTIONS = known(MAKE_OPTIONS, 'replace')

/** Options of {@link SharedMemory.create}. */
export interface CreateOptions extends OpenOptions {
  /** Remove what has the name and make a new object. Who uses the old one goes on with it, unharmed. */
  replace?: boolean
  /** Permission bits; default 0o600. The package makes its objects with 0o666 less the umask. */
  mode?: number
}

/** Held while a Memlane process gives an object its size. */
const SIZING_LOCK = 1030

/**
 * A named shared memory that programs with the Python package membridge 1.0.0 open under the same name.
 *
 * @example
 * import { SharedMemory } from 'memlane/membridge'
 * using shm = SharedMemory.create('/demo', 4096, { replace: true })
 * using view = shm.map()
 * view.write('hello')
 * SharedMemory.remove('/demo')
 */
export class SharedMemory implements Disposable {
  /** The name, with its slash. */
  readonly name: string
  /** Bytes of the object. */
  readonly size: number
  readonly #attachment: Attachment
  #closed = false

  private constructor(name: string, attachment: Attachment) {
    if (!(attachment instanceof Attachment))
      throw useOpen('SharedMemory', 'SharedMemory.open(name) or SharedMemory.create(name, size)')
    this.name = name
    this.size = attachment.size
    this.#attachment = attachment
  }

  /**
   * Makes a new object, every page of which has room.
   *
   * The package's `create` opens what is there and initialises it again under its users; this one refuses.
   *
   * @param name begins with a slash; up to 255 bytes behind it.
   * @param size bytes, 1 or more. A view needs 5 or more, a ring a power of two and 24 more.
   * @throws {MemlaneError} `ERR_NAME`, `ERR_TYPE`, `ERR_RANGE`, `ERR_EXISTS`, `ERR_NO_SPACE`, `ERR_TOO_LARGE`,
   *   `ERR_PERMISSION`, `ERR_LIMIT`; nothing is left behind then.
   */
  static create(name: string, size: Size, options: CreateOptions = {}): SharedMemory {
    spareStack()
    const plain = objectName(name)
    const bytes = parseSize(size)
    const { replace = false } = checkNames(options, CREATE_OPTIONS)
    if (typeof replace !== 'boolean') throw wrongType('replace', 'a boolean', replace)
    const checked = checkMaking(options)
    const mine = effectiveUser()
    if (replace && typeof checked.owner === 'number' && mine !== undefined && checked.owner !== mine) {
      throw new MemlaneError(
        'ERR_OWNER',
        `what this process makes belongs to user ${mine}, not to user ${checked.owner}: ${JSON.stringify(name)} was not replaced`,
      )
    }
    checkViewable(bytes)
    for (let tries = 0; tries < NAME_TRIES; tries++) {
      if (replace) unlinkObject(plain)
      try {
        return SharedMemory.#make(name, plain, bytes, checked)
      } catch (error) {
        // With `replace`, somebody made the name anew in between: theirs is replaced too.
        if (!replace || !(error instanceof MemlaneError) || error.code !== 'ERR_EXISTS') throw error
      }
    }
    throw lostRace(`replacing ${JSON.stringify(name)}`, NAME_TRIES)
  }

  static #make(name: string, plain: string, bytes: number, making: Making): SharedMemory {
    const object = ShmObject.open(plain, { create: true, exclusive: true, ...making })
    try {
      object.lock(SIZING_LOCK)
      object.resize(bytes)
      object.commit(0, bytes)
      object.unlock(SIZING_LOCK)
    } catch (error) {
      if (object.isLinked()) unlinkObject(plain)
      object.close()
      throw error
    }
    return new SharedMemory(name, new Attachment(name, object, bytes, true))
  }

  /**
   * Opens an object that is there, made by any program. Its size comes from the object.
   *
   * @param size when given, the object must have exactly this size.
   * @throws {MemlaneError} `ERR_NAME`, `ERR_NOT_FOUND`, `ERR_MISMATCH` (another size), `ERR_TOO_SMALL` (no size yet, as
   *   when its creator was killed before it gave it one), `ERR_OWNER`, `ERR_PERMISSION`, `ERR_FOREIGN` (no plain object).
   */
  static open(name: string, size?: Size, options: OpenOptions = {}): SharedMemory {
    spareStack()
    const plain = objectName(name)
    const wanted = size === undefined ? undefined : parseSize(size)
    const object = ShmObject.open(plain, { owner: checkOwner(checkNames(options, OPEN_OPTIONS).owner) })
    try {
      return SharedMemory.#opened(name, object, sized(name, object), wanted, false)
    } catch (error) {
      object.close()
      throw error
    }
  }

  static #opened(
    name: string,
    object: ShmObject,
    bytes: number,
    wanted: number | undefined,
    created: boolean,
  ): SharedMemory {
    if (wanted !== undefined && wanted !== bytes) {
      throw new MemlaneError('ERR_MISMATCH', `${JSON.stringify(name)} has ${bytes} bytes, not the ${wanted} asked for`)
    }
    return new SharedMemory(name, new Attachment(name, object, bytes, created))
  }

  /**
   * Opens the object, or makes it when it is not there. A half-made one, whose creator was killed before it gave it a
   * size, is finished.
   *
   * @throws {MemlaneError} `ERR_MISMATCH` when it is there with another size, and as {@link create} and {@link open}.
   */
  static createOrOpen(name: string, size: Size, options: Omit<CreateOptions, 'replace'> = {}): SharedMemory {
    spareStack()
    const plain = objectName(name)
    const bytes = parseSize(size)
    const making = checkMaking(checkNames(options, MAKE_OPTIONS))
    checkViewable(bytes)
    for (let tries = 0; tries < NAME_TRIES; tries++) {
      try {
        return SharedMemory.#make(name, plain, bytes, making)
      } catch (error) {
        if (!(error instanceof MemlaneError) || error.code !== 'ERR_EXISTS') throw error
      }
      let object: ShmObject
      try {
        object = ShmObject.open(plain, { owner: making.owner })
      } catch (error) {
        if (error instanceof MemlaneError && error.code === 'ERR_NOT_FOUND') continue // removed in between
        throw error
      }
      try {
        const { size, finished } = finish(name, object, bytes)
        return SharedMemory.#opened(name, object, size, bytes, finished)
      } catch (error) {
        object.close()
        throw error
      }
    }
    throw lostRace(`making or opening ${JSON.stringify(name)}`, NAME_TRIES)
  }

  /**
   * Removes the name. Who has the object open keeps it.
   *
   * @returns true if it was there.
   * @throws {MemlaneError} `ERR_NAME`, `ERR_PERMISSION`.
   */
  static remove(name: string): boolean {
    return unlinkObject(objectName(name))
  }

  /**
   * The object as an area of values behind a lock. Never touches a lock word that is there.
   *
   * @throws {MemlaneError} `ERR_TOO_SMALL` (less than 5 bytes), `ERR_NO_SPACE` (the object has holes and there is no room to fill
   *   them), `ERR_TOO_LARGE`, `ERR_TRUNCATED`, `ERR_LIMIT`, `ERR_CLOSED`.
   */
  map(options: ViewOptions = {}): MappedView {
    spareStack()
    this.#check()
    if (this.size <= DATA)
      throw new MemlaneError(
        'ERR_TOO_SMALL',
        `${JSON.stringify(this.name)} has ${this.size} byte(s); a view needs ${DATA + 1} or more`,
      )
    return new MappedView(this.#attachment, options)
  }

  /**
   * The object as a ring of messages from one producer to one consumer. The handle that made the object initialises
   * the ring, the first time; nobody ever initialises it again.
   *
   * @throws {MemlaneError} `ERR_RANGE` (made here with a size that is no power of two and 24), `ERR_TOO_SMALL`, `ERR_CORRUPT` (the
   *   object is no ring: its size, capacity or positions cannot be), `ERR_NO_SPACE`, `ERR_TOO_LARGE`, `ERR_TRUNCATED`, `ERR_CLOSED`.
   */
  spsc(): SpscRingBuffer {
    spareStack()
    this.#check()
    const capacity = this.size - RING
    const what = JSON.stringify(this.name)
    if (capacity < 1)
      throw new MemlaneError('ERR_TOO_SMALL', `${what} has ${this.size} byte(s); a ring needs ${RING + 1} or more`)
    const below = 2 ** Math.floor(Math.log2(capacity))
    if (below !== capacity) {
      throw new MemlaneError(
        this.#attachment.created ? 'ERR_RANGE' : 'ERR_CORRUPT',
        `${what} has ${this.size} bytes: a ring's capacity (${capacity} = ${this.size} - ${RING}) must be a power of two, as ${below} or ${below * 2}`,
      )
    }
    if (capacity > CAPACITY_LIMIT)
      throw new MemlaneError('ERR_TOO_LARGE', `${what}: a ring of ${capacity} bytes; ${CAPACITY_LIMIT} is the limit`)
    return new SpscRingBuffer(this.#attachment)
  }

  /** True after {@link close}. */
  get closed(): boolean {
    return this.#closed
  }

  /** Gives back this handle. Its views and rings go on until they are closed themselves. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    spareStackToLeave()
    this.#closed = true
    this.#attachment.release()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  toString(): string {
    return `SharedMemory(name=${JSON.stringify(this.name)}, size=${this.size}, role=${this.#attachment.created ? 'creator' : 'opener'})`
  }

  #check(): void {
    if (this.#closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
  }
}

/** The size of an object, whose creator may be about to give it one. @throws MemlaneError `ERR_TOO_SMALL` when it stays 0. */
function sized(name: string, object: ShmObject): number {
  for (const start = performance.now(); ; pause(CREATION_LOOK_MS)) {
    // Asked before the look: who was held up itself looks once more before it calls the creator late.
    const late = performance.now() - start > SIZING_MS
    const { size } = object.stat()
    if (size > 0) return size
    if (late) {
      throw new MemlaneError(
        'ERR_TOO_SMALL',
        `${JSON.stringify(name)} has no bytes: its creator has not sized it. If that one is gone, create it with { replace: true }, or use createOrOpen`,
      )
    }
  }
}

/** The same, giving it the size when its creator is gone: whoever does that has made the object. */
function finish(name: string, object: ShmObject, bytes: number): { size: number; finished: boolean } {
  try {
    return { size: sized(name, object), finished: false }
  } catch (error) {
    if (!(error instanceof MemlaneError) || error.code !== 'ERR_TOO_SMALL' || !object.lock(SIZING_LOCK)) throw error
    try {
      const finished = object.stat().size === 0
      if (finished) {
        object.resize(bytes)
        object.commit(0, bytes)
      }
      return { size: object.stat().size, finished }
    } finally {
      object.unlock(SIZING_LOCK)
    }
  }
}

/** What an object is made with. */
interface Making {
  readonly mode: number
  readonly owner: Owner
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
function checkMaking({ mode, owner }: CreateOptions): Making {
  return { mode: parseInteger(given(mode, 0o600), 'mode', 0, 0o777), owner: checkOwner(owner) }
}
