// interop/membridge: an object used as one area of values, with a cursor and a lock.

import { MemlaneError, outOfRange, useOpen, wrongType } from '../../errors.js'
import type { Memory } from '../../memory/index.js'
import { checkNames, known } from '../../options.js'
import { parseTimeout } from '../../sizes.js'
import { spareStackToLeave } from '../../spare-stack.js'
import { Attachment } from './attachment.js'
import {
  checkBigInt,
  extent,
  extentOf,
  getAll,
  getFixed,
  getText,
  giveBack,
  isBytes,
  type Scratch,
  SHORT_BYTES,
  safeInt,
  setInt,
  takeScratch,
  tooShort,
} from './codec.js'
import {
  checkSchema,
  type Int,
  isInt,
  type Mixed,
  type Scalar,
  type SchemaEntry,
  sizeOf,
  type Tag,
  type TagTypes,
  unsupported,
  type Values,
} from './values.js'
import * as layout from './view.layout.js'
import { type LockState, ViewLock } from './view-lock.js'

const { DATA } = layout

const VIEW_OPTIONS = known('timeout')

/** How long an operation may wait for the lock. */
export interface ViewOptions {
  /** Milliseconds; default for ever. The options of one call come before those of `map()`. */
  timeout?: number
}

/**
 * The area of values in a shared memory, byte for byte that of the Python package: everything behind the lock word.
 *
 * Each view has a cursor of its own, which begins at 0; nothing in the memory says what lies where, so both sides must
 * agree on it. Reads and writes hold the memory's lock, and recover it when a Memlane process was killed with it; a
 * write that was cut short that way may have changed some of its bytes, see {@link recoveries}.
 *
 * @example
 * import { SharedMemory } from 'memlane/membridge'
 * using shm = SharedMemory.createOrOpen('/demo', 4096)
 * using view = shm.map({ timeout: 1000 })
 * view.write('text')
 * view.write(3.14)
 * view.seek(0)
 * console.log(view.read('str'), view.read('float'))
 */
export class MappedView implements Disposable {
  /** Bytes of the area. */
  readonly size: number
  readonly #attachment: Attachment
  readonly #memory: Memory
  readonly #view: DataView
  readonly #lock: ViewLock
  readonly #timeout: number
  readonly #reading: number
  readonly #writing: number
  #cursor = 0
  /** Where the area ends: its size, or -1 when this view is closed, so that one comparison finds out either. */
  #end: number

  /** @internal Made by `SharedMemory.map`. */
  constructor(attachment: Attachment, options: ViewOptions) {
    if (!(attachment instanceof Attachment)) throw useOpen('MappedView', 'map() of a SharedMemory')
    this.#timeout = parseTimeout(checkNames(options, VIEW_OPTIONS).timeout)
    this.#attachment = attachment
    this.#memory = attachment.map()
    this.#view = new DataView(this.#memory.buffer, 0, attachment.size)
    this.#lock = new ViewLock(attachment)
    this.#reading = this.#lock.reading
    this.#writing = this.#lock.writing
    this.size = attachment.size - DATA
    this.#end = this.size
    attachment.retain()
  }

  // ---- writing

  /**
   * Writes one value at the cursor and moves the cursor behind it, or at `offset` without moving the cursor.
   *
   * @param offset bytes from the beginning of the area, 0 to `size`.
   * @throws {MemlaneError} `ERR_TYPE` (no value of a known type, a lone surrogate), `ERR_RANGE` (a bigint beyond i64, a
   *   value that would pass the end, empty bytes), `ERR_TIMEOUT`, `ERR_TRUNCATED`, `ERR_CLOSED`; nothing is written then.
   */
  write(value: Scalar, offset?: number | null, options?: ViewOptions): void {
    // Each kind has a small function of its own, so that the whole way of one can be compiled into the caller's loop.
    if (isInt(value)) this.#writeInt(value.value, offset, options)
    else if (typeof value === 'number') this.#writeFloat(value, offset, options)
    else this.#writeOther(value, offset, options)
  }

  #writeInt(value: number, offset: number | null | undefined, options: ViewOptions | undefined): void {
    const at = this.#beginWriting(8, offset, options)
    setInt(this.#view, at, value)
    this.#endWriting(8, offset)
  }

  #writeFloat(value: number, offset: number | null | undefined, options: ViewOptions | undefined): void {
    const at = this.#beginWriting(8, offset, options)
    this.#view.setFloat64(at, value, true)
    this.#endWriting(8, offset)
  }

  #writeOther(
    value: Exclude<Scalar, number | Int>,
    offset: number | null | undefined,
    options: ViewOptions | undefined,
  ): void {
    this.#check()
    if (typeof value === 'string') {
      this.#writeScratch(value, offset, options)
    } else if (typeof value === 'boolean') {
      const at = this.#beginWriting(1, offset, options)
      this.#view.setUint8(at, value ? 1 : 0)
      this.#endWriting(1, offset)
    } else if (typeof value === 'bigint') {
      checkBigInt(value, 'value')
      const at = this.#beginWriting(8, offset, options)
      this.#view.setBigInt64(at, value, true)
      this.#endWriting(8, offset)
    } else {
      if (!isBytes(value)) throw unsupported('value', value)
      this.#writeBytes(value, value.length, offset, options)
    }
  }

  /**
   * Writes values one behind the other; an element may be a list of values, whose elements stand in its place.
   *
   * @throws {MemlaneError} as {@link write}; an empty list is `ERR_RANGE`.
   * @example
   * import { int, SharedMemory } from 'memlane/membridge'
   * using shm = SharedMemory.create('/mixed', 4096, { replace: true })
   * using view = shm.map()
   * view.writeMixed(['a', [1.5, 2.5], true, int(7)])
   */
  writeMixed(items: readonly Mixed[], offset?: number | null, options?: ViewOptions): void {
    this.#check()
    if (!Array.isArray(items)) throw wrongType('items', 'an array of values', items)
    this.#writeScratch(items, offset, options)
  }

  #writeScratch(
    value: string | readonly Mixed[],
    offset: number | null | undefined,
    options: ViewOptions | undefined,
  ): void {
    const scratch = takeScratch()
    try {
      if (typeof value === 'string') scratch.put(value, 'value')
      else scratch.putAll(value, 'items', true)
      this.#check() // a getter in the list may have closed us
      this.#writeBytes(scratch.bytes, scratch.length, offset, options)
    } finally {
      giveBack(scratch)
    }
  }

  #writeBytes(
    bytes: Uint8Array,
    length: number,
    offset: number | null | undefined,
    options: ViewOptions | undefined,
  ): void {
    if (length === 0) throw outOfRange('the length of what is written', '1 or more bytes', 0)
    const target = this.#memory.u8
    const at = this.#beginWriting(length, offset, options)
    try {
      // A subclass may throw here.
      if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) target[at + i] = bytes[i]!
      else target.set(length === bytes.length ? bytes : bytes.subarray(0, length), at)
    } catch (error) {
      this.#lock.release(this.#writing)
      throw error
    }
    this.#endWriting(length, offset)
  }

  /** Takes the lock for `length` bytes, when there is room for them. @returns where they go, in bytes of the object. */
  #beginWriting(length: number, offset: number | null | undefined, options: ViewOptions | undefined): number {
    const from = offset ?? this.#cursor
    if (!(Number.isInteger(from) && from >= 0 && length <= this.#end - from)) throw this.#noRoom(length, offset)
    this.#lock.acquire(this.#writing, options === undefined ? this.#timeout : this.#timeoutOf(options))
    return DATA + from
  }

  #endWriting(length: number, offset: number | null | undefined): void {
    this.#lock.release(this.#writing)
    if (offset === undefined || offset === null) this.#cursor += length
    if (this.#memory.faults !== 0) this.#checkWhole()
  }

  // ---- reading

  /**
   * Reads one value at the cursor and moves the cursor behind it.
   *
   * @throws {MemlaneError} `ERR_TYPE` (unknown tag), `ERR_RANGE` (too few bytes before the end, or an `int` beyond
   *   2^53 - 1), `ERR_TIMEOUT`, `ERR_TRUNCATED`, `ERR_CLOSED`; the cursor stays where it was then.
   */
  read<T extends Tag>(tag: T, options?: ViewOptions): TagTypes[T]
  read(tag: Tag, options?: ViewOptions): unknown {
    // As in `write`.
    if (tag === 'int') return this.#readInt(options)
    if (tag === 'float' || tag === 'f64') return this.#readFloat(options)
    return this.#readOther(tag, options)
  }

  #readInt(options: ViewOptions | undefined): number {
    const at = this.#beginReading('int', 8, options)
    const low = this.#view.getUint32(at, true)
    const high = this.#view.getInt32(at + 4, true)
    this.#endReading()
    const value = safeInt(high, low)
    this.#cursor += 8
    return value
  }

  #readFloat(options: ViewOptions | undefined): number {
    const at = this.#beginReading('float', 8, options)
    const value = this.#view.getFloat64(at, true)
    this.#endReading()
    this.#cursor += 8
    return value
  }

  #readOther(tag: Exclude<Tag, 'int' | 'float' | 'f64'>, options: ViewOptions | undefined): unknown {
    this.#check()
    const size = sizeOf(tag)
    if (tag === 'str') return this.#readText(options)
    const at = this.#beginReading(tag, size, options)
    const value = getFixed(this.#view, tag, at)
    this.#endReading()
    this.#cursor += size
    return value
  }

  /** Takes the lock for a value of `size` bytes at the cursor. @returns where they are, in bytes of the object. */
  #beginReading(tag: Tag, size: number, options: ViewOptions | undefined): number {
    const from = this.#cursor
    if (size > this.#end - from) throw this.#nothingLeft(tag, size)
    this.#lock.acquire(this.#reading, options === undefined ? this.#timeout : this.#timeoutOf(options))
    return DATA + from
  }

  #endReading(): void {
    this.#lock.release(this.#reading)
    if (this.#memory.faults !== 0) this.#checkWhole()
  }

  #readText(options: ViewOptions | undefined): string {
    const scratch = takeScratch()
    try {
      const at = this.#beginReading('str', 4, options)
      try {
        this.#copyOut(scratch, at, extent(this.#view, 'str', at, DATA + this.size))
      } finally {
        this.#lock.release(this.#reading)
      }
      this.#checkWhole()
      const text = getText(scratch.bytes, 4, scratch.length)
      this.#cursor += scratch.length
      return text
    } finally {
      giveBack(scratch)
    }
  }

  /**
   * Reads values by a schema of `[tag, count]` pairs, at the cursor, which moves behind them, or at `offset`, and the
   * cursor stays. Count 1 gives the value itself, any other count (0 too) a list.
   *
   * @throws {MemlaneError} as {@link read}; at or behind the end of the area an empty schema too is `ERR_RANGE`.
   * @example
   * import { SharedMemory } from 'memlane/membridge'
   * using shm = SharedMemory.open('/mixed')
   * using view = shm.map()
   * const [name, pair, flag] = view.readMixed([['str', 1], ['float', 2], ['bool', 1]])
   * console.log(name.length, pair[0], flag)
   */
  readMixed<const S extends readonly SchemaEntry[]>(
    schema: S,
    offset?: number | null,
    options?: ViewOptions,
  ): Values<S> {
    this.#check()
    checkSchema(schema)
    const from = this.#position(offset)
    if (from >= this.size)
      throw outOfRange('the place to read from', `before the end of the area at ${this.size}`, from)
    const timeout = this.#timeoutOf(options)
    const scratch = takeScratch()
    try {
      this.#lock.acquire(this.#reading, timeout)
      try {
        this.#copyOut(scratch, DATA + from, extentOf(this.#view, schema, DATA + from, DATA + this.size))
      } finally {
        this.#lock.release(this.#reading)
      }
      this.#checkWhole()
      const values = getAll(scratch.bytes, scratch.view, schema, scratch.length) as Values<S>
      if (offset === undefined || offset === null) this.#cursor += scratch.length
      return values
    } finally {
      giveBack(scratch)
    }
  }

  /**
   * A copy of raw bytes; the cursor stays.
   *
   * @param offset bytes from the beginning of the area.
   * @param length 1 or more bytes.
   * @throws {MemlaneError} `ERR_TYPE`, `ERR_RANGE`, `ERR_TIMEOUT`, `ERR_TRUNCATED`, `ERR_CLOSED`.
   */
  readRange(offset: number, length: number, options?: ViewOptions): Uint8Array {
    const from = this.#position(offset)
    if (typeof length !== 'number') throw wrongType('length', 'a number of bytes', length)
    if (!Number.isInteger(length) || length < 1) throw outOfRange('length', '1 or more bytes', length)
    if (length > this.size - from) throw this.#passesEnd(from, length)
    const timeout = this.#timeoutOf(options)
    const bytes = newBytes(length)
    this.#lock.acquire(this.#reading, timeout)
    try {
      bytes.set(this.#memory.u8.subarray(DATA + from, DATA + from + length))
    } finally {
      this.#lock.release(this.#reading)
    }
    this.#checkWhole()
    return bytes
  }

  /** A copy of the whole area. @throws {MemlaneError} as {@link readRange}. */
  readAll(options?: ViewOptions): Uint8Array {
    return this.readRange(0, this.size, options)
  }

  #copyOut(scratch: Scratch, at: number, length: number): void {
    scratch.reserve(length)
    const { bytes } = scratch
    const { u8 } = this.#memory
    if (length <= SHORT_BYTES) for (let i = 0; i < length; i++) bytes[i] = u8[at + i]!
    else bytes.set(u8.subarray(at, at + length))
    scratch.length = length
  }

  // ---- cursor

  /** Moves the cursor. @param position 0 to `size`. @throws {MemlaneError} `ERR_TYPE`, `ERR_RANGE`, `ERR_CLOSED`. */
  seek(position: number = 0): void {
    const fits = Number.isInteger(position) && position >= 0 && position <= this.#end
    this.#cursor = fits ? position : this.#position(position)
  }

  /** Where the cursor is: bytes from the beginning of the area. @throws {MemlaneError} `ERR_CLOSED`. */
  tell(): number {
    this.#check()
    return this.#cursor
  }

  /** Fills the area with zeros; the cursor stays. @throws {MemlaneError} `ERR_TIMEOUT`, `ERR_TRUNCATED`, `ERR_CLOSED`. */
  zero(options?: ViewOptions): void {
    this.#check()
    const timeout = this.#timeoutOf(options)
    this.#lock.acquire(this.#writing, timeout)
    try {
      this.#memory.u8.fill(0, DATA, DATA + this.size)
    } finally {
      this.#lock.release(this.#writing)
    }
    this.#checkWhole()
  }

  // ---- lock

  /** Readers inside just now. @throws {MemlaneError} `ERR_CLOSED`. */
  get readerCount(): number {
    this.#check()
    const lock = this.#lock.state
    if (lock.state === 'readers') return lock.readers
    return lock.state === 'memlane' ? lock.readers + (lock.writing ? 0 : 1) : 0
  }

  /** True while a writer is inside, or the word of a dead one stands. @throws {MemlaneError} `ERR_CLOSED`. */
  get isWriteLocked(): boolean {
    this.#check()
    const lock = this.#lock.state
    return lock.state === 'writer' || (lock.state === 'memlane' && lock.writing)
  }

  /** What the lock word says. @throws {MemlaneError} `ERR_CLOSED`. */
  get lockState(): LockState {
    this.#check()
    return this.#lock.state
  }

  /** How often this view took the lock from a Memlane process that was killed with it. */
  get recoveries(): number {
    return this.#lock.recoveries
  }

  /**
   * Frees a lock that a dead Python process has left: its word looks the same as that of a live one, so only you can
   * know. Locks of Memlane processes need no help.
   *
   * Breaking the lock of a live Python process lets others in beside it; a reader broken that way leaves -1 behind.
   *
   * @returns true when there was a lock.
   * @throws {MemlaneError} `ERR_BUSY` when a live Memlane process holds it, `ERR_CLOSED`.
   */
  breakLock(): boolean {
    this.#check()
    return this.#lock.break()
  }

  // ---- end

  /** True after {@link close}. */
  get closed(): boolean {
    return this.#end < 0
  }

  /** Gives back this view; the memory and other views stay. Safe to call twice. */
  close(): void {
    if (this.#end < 0) return
    spareStackToLeave()
    this.#end = -1
    this.#attachment.release()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  toString(): string {
    if (this.#end < 0) return 'MappedView(closed)'
    return `MappedView(data_size=${this.size}, readers=${this.readerCount}, write_locked=${this.isWriteLocked})`
  }

  // ---- checks

  #check(): void {
    if (this.#end < 0) throw this.#closed()
  }

  #closed(): MemlaneError {
    return new MemlaneError('ERR_CLOSED', `the view of ${JSON.stringify(this.#attachment.name)} is closed`)
  }

  #checkWhole(): void {
    this.#memory.checkWhole(this.#attachment.name)
  }

  /** Why `length` bytes cannot be written. */
  #noRoom(length: number, offset: number | null | undefined): MemlaneError {
    return this.#passesEnd(this.#position(offset), length)
  }

  /** Why a value cannot be read at the cursor. */
  #nothingLeft(tag: Tag, size: number): MemlaneError {
    this.#check()
    return tooShort(tag, size, this.size - this.#cursor)
  }

  /** Checks an offset; without one it is the cursor. */
  #position(offset: number | null | undefined): number {
    this.#check()
    if (offset === undefined || offset === null) return this.#cursor
    if (typeof offset !== 'number') throw wrongType('offset', 'a number of bytes', offset)
    if (!Number.isInteger(offset) || offset < 0 || offset > this.size) {
      throw outOfRange('offset', `a whole number from 0 to ${this.size}`, offset)
    }
    return offset
  }

  #passesEnd(from: number, length: number): MemlaneError {
    return new MemlaneError(
      'ERR_RANGE',
      `${length} byte(s) at offset ${from} would pass the end of the area at ${this.size}`,
    )
  }

  #timeoutOf(options: ViewOptions | undefined): number {
    if (options === undefined) return this.#timeout
    const { timeout } = checkNames(options, VIEW_OPTIONS)
    return timeout === undefined ? this.#timeout : parseTimeout(timeout)
  }
}

function newBytes(length: number): Uint8Array {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new MemlaneError('ERR_TOO_LARGE', `no private buffer of ${length} bytes can be had in this runtime`, {
      cause,
    })
  }
}
