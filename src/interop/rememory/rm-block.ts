// interop/rememory: one value of any kind, and text, in a block of bytes that Python programs share.

import { MemlaneError, outOfRange, wrongType } from '../../errors.js'
import { type Updated, updated } from '../../updating.js'
import { checkFunction, Handle, OPENING, refusePromise, unlinkRememory } from './handle.js'
import { accessOf, type RMOptions, type RMSizedOptions, SIZED, sizeOf } from './options.js'
import { decode, encode } from './pickle/index.js'
import { readText } from './pickle/text.js'

/** One past the last byte that is not 0. */
function usedEnd(bytes: Buffer): number {
  let end = bytes.length
  while (end >= 8 && bytes.readInt32LE(end - 4) === 0 && bytes.readInt32LE(end - 8) === 0) end -= 8
  while (end > 0 && bytes[end - 1] === 0) end--
  return end
}

abstract class Bytes extends Handle {
  /** @internal Stores bytes from the beginning on, and zeros behind them. The caller has the lock. */
  protected replace(content: Uint8Array): void {
    const { object } = this
    if (content.length > object.size) return object.grow(content)
    const end = Math.max(content.length, usedEnd(object.bytes))
    if (end === content.length) return object.store(0, content, end)
    const longer = new Uint8Array(end)
    longer.set(content)
    object.store(0, longer, end)
  }
}

/**
 * The block of that name of the Python package rememory: one value, `RMBlock("task", 256)` there.
 *
 * @example
 * import { RMBlock } from 'memlane/rememory'
 * using task = RMBlock.open<{ id: number } | null>('task', { size: 256 })
 * task.set({ id: 7 })
 * console.log(task.get())
 */
export class RMBlock<T = unknown> extends Bytes {
  private constructor(opening: typeof OPENING, name: string, options: RMSizedOptions) {
    super(opening, () => accessOf(name, options, SIZED, sizeOf(options, 256, 1), new Uint8Array(0)))
  }

  /**
   * Opens the block of that name, or makes it, as null.
   *
   * @param options.size bytes, needed to make one. Python must say the same size: it trusts what it is told.
   * @throws MemlaneError as `RMDict.open`.
   */
  static open<T = unknown>(name: string, options: RMSizedOptions = {}): RMBlock<T> {
    return new RMBlock<T>(OPENING, name, options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /** A copy of the value; null when nothing was stored yet. @throws MemlaneError `ERR_CORRUPT`, `ERR_FOREIGN`, `ERR_TIMEOUT`, `ERR_CLOSED`. */
  get(): T {
    return this.locked(() => this.#read())
  }

  /** Stores a value. A block that is too small grows, as a dict does. @throws MemlaneError as `RMDict.set`; nothing has changed then. */
  set(value: T): void {
    const content = encode(value)
    this.locked(() => this.replace(content))
  }

  /** What is stored; assignable. */
  get value(): T {
    return this.get()
  }

  /** Stores a value. */
  set value(value: T) {
    this.set(value)
  }

  /** Replaces the value by what a function makes of it, in one step. @returns the new value. @throws MemlaneError as `RMDict.update`. */
  update(change: (value: T) => Updated<T>): T {
    checkFunction(change, 'change')
    return this.locked(() => {
      const before = this.#read()
      const value = updated(before, refusePromise(change(before), 'the change'), JSON.stringify(this.name))
      this.replace(encode(value))
      return value
    })
  }

  /** The block as it is, a copy. */
  get bytes(): Uint8Array {
    return this.locked(() => Uint8Array.from(this.object.bytes))
  }

  /** Stores bytes as they are. A block that is too small grows. */
  set bytes(bytes: Uint8Array) {
    if (!(bytes instanceof Uint8Array)) throw wrongType('bytes', 'a Uint8Array', bytes)
    const copy = Uint8Array.from(bytes)
    this.locked(() => this.replace(copy))
  }

  #read(): T {
    const { bytes } = this.object
    if (bytes[0] === 0 && usedEnd(bytes) === 0) return null as T
    return decode(bytes, 0, bytes.length, JSON.stringify(this.name)) as T
  }
}

/** Options of {@link RMString.open}. */
export interface RMStringOptions extends RMOptions {
  /** Bytes of a new text, default 256, which is Python's `BlockSize.s256`. What is there keeps its size. */
  size?: number | string
}

/**
 * The text of that name of the Python package rememory: `RMString("status")` there.
 *
 * @example
 * import { RMString } from 'memlane/rememory'
 * using status = RMString.open('status')
 * if (!status.set('ready')) console.warn('cut')
 */
export class RMString extends Bytes {
  private constructor(opening: typeof OPENING, name: string, options: RMStringOptions) {
    super(opening, () => accessOf(name, options, SIZED, sizeOf(options, 256, 1), new Uint8Array(0)))
  }

  /** Opens the text of that name, or makes it, empty. @throws MemlaneError as `RMDict.open`. */
  static open(name: string, options: RMStringOptions = {}): RMString {
    return new RMString(OPENING, name, options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /** The text. What Python cut in the middle of a character ends before it. @throws MemlaneError `ERR_CORRUPT` (no UTF-8), `ERR_TIMEOUT`, `ERR_CLOSED`. */
  get(): string {
    return this.locked(() => this.#read())
  }

  /**
   * Stores a text, cut at a whole character where it does not fit.
   *
   * @returns false when it was cut.
   * @throws MemlaneError `ERR_TYPE`; `ERR_RANGE` for what the format cannot hold: a lone surrogate, or NULs at the end; `ERR_TIMEOUT`, `ERR_CLOSED`.
   */
  set(text: string): boolean {
    const bytes = utf8(text)
    return this.locked(() => this.#write(bytes))
  }

  /** What is stored; assignable. */
  get value(): string {
    return this.get()
  }

  /** Stores a value. */
  set value(text: string) {
    this.set(text)
  }

  /** Replaces the text by what a function makes of it, in one step. @returns what is stored. @throws MemlaneError `ERR_ASYNC`, and as {@link set}, and what `change` throws. */
  update(change: (text: string) => string): string {
    checkFunction(change, 'change')
    return this.locked(() => {
      this.#write(utf8(refusePromise(change(this.#read()), 'the change')))
      return this.#read()
    })
  }

  #read(): string {
    const { bytes } = this.object
    const end = usedEnd(bytes)
    const text = readText(bytes, 0, wholeEnd(bytes, end))
    if (text === undefined)
      throw new MemlaneError('ERR_CORRUPT', `${JSON.stringify(this.name)}: its bytes are no UTF-8`)
    return text
  }

  #write(bytes: Buffer): boolean {
    const { size } = this.object
    const fits = bytes.length <= size
    this.replace(fits ? bytes : bytes.subarray(0, wholeEnd(bytes, size)))
    return fits
  }
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
function utf8(text: unknown): Buffer {
  if (typeof text !== 'string') throw wrongType('text', 'a string', text)
  if (text.endsWith('\0')) throw outOfRange('text', 'without NULs at its end, which the format loses', text)
  const bytes = Buffer.from(text)
  if (bytes.includes(0xef) && bytes.toString() !== text)
    throw outOfRange('text', 'without lone surrogates, which UTF-8 does not have', text)
  return bytes
}

/** The end of the last whole character at or before `end`. */
function wholeEnd(bytes: Buffer, end: number): number {
  for (let start = end - 1; start >= 0 && start >= end - 4; start--) {
    const byte = bytes[start]!
    if ((byte & 0xc0) === 0x80) continue
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return start + length > end ? start : end
  }
  return end
}
