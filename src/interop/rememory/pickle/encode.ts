// interop/rememory/pickle: writing, in protocol 4, as CPython's pickler does it: the same opcodes, the same batches, the same
// numbers in the memo.
//
// Python remembers objects by identity. Objects here are remembered so, too. Texts have no identity in JavaScript: equal
// ones are one object within an item, as constants of one program are in Python; those of one character or none are one
// object everywhere, as CPython keeps them.

import { describe, MemlaneError, wrongType } from '../../../errors.js'
import { type KnownClass, takeApart } from './classes.js'
import { hashKey } from './keys.js'
import * as op from './opcodes.js'
import { textLength, writeText } from './text.js'
import { isTuple, PyByteArray, PyFloat, PyFrozenSet } from './values.js'

/** Python's pickler recurses; a value that nests deeper than some hundred levels can be read there, but not be written again. */
export const DEEPEST = 500
const BATCH = 1000
const LARGEST = 2 ** 31 - 1

/** How texts are shared: within an item and single characters everywhere, as CPython does; or not at all. */
export type Sharing = 'python' | 'none'

export class Pickler {
  bytes: Buffer
  at = 0
  /** Values in the memo, and how many were taken from it. */
  memos: number
  gets = 0
  /** Set when a class was named. */
  classes = false
  /** Single characters that are in the memo, with their numbers. */
  readonly singles: Map<string, number> = new Map()
  readonly #sharing: Sharing
  readonly #texts = new Map<string, number>()
  #fresh = false
  readonly #objects = new Map<object | string, number>()
  #depth = 0

  constructor(sharing: Sharing, memos: number = 0, room: number = 256) {
    this.#sharing = sharing
    this.memos = memos
    this.bytes = Buffer.allocUnsafe(room)
  }

  /** From here on texts are other objects than those before; in a fresh item single characters, too. */
  nextItem(fresh: boolean): void {
    this.#texts.clear()
    this.#fresh = fresh
  }

  /** @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_TYPE` (a key that Python cannot hash), `ERR_RANGE` (too deep), `ERR_TOO_LARGE`. */
  save(value: unknown): void {
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return Number.isSafeInteger(value) && !Object.is(value, -0) ? this.#integer(value) : this.#float(value)
      case 'boolean':
        return this.code(value ? op.NEWTRUE : op.NEWFALSE)
      case 'bigint':
        return this.#bigInteger(value)
      case 'undefined':
        return this.code(op.NONE)
      case 'object':
        return value === null ? this.code(op.NONE) : this.#object(value)
      default:
        throw notPlain(value)
    }
  }

  code(opcode: number): void {
    this.room(1)
    this.bytes[this.at++] = opcode
  }

  memoize(): number {
    this.code(op.MEMOIZE)
    return this.memos++
  }

  room(count: number): void {
    const wanted = this.at + count
    if (wanted <= this.bytes.length) return
    if (wanted > LARGEST) throw new MemlaneError('ERR_TOO_LARGE', `a pickle of more than ${LARGEST} bytes`)
    const larger = Buffer.allocUnsafe(Math.min(LARGEST, Math.max(wanted, this.bytes.length * 2)))
    this.bytes.copy(larger, 0, 0, this.at)
    this.bytes = larger
  }

  #get(index: number): void {
    this.gets++
    this.room(5)
    if (index < 256) {
      this.bytes[this.at++] = op.BINGET
      this.bytes[this.at++] = index
    } else {
      this.bytes[this.at++] = op.LONG_BINGET
      this.at = this.bytes.writeUInt32LE(index, this.at)
    }
  }

  // ---- what has no parts

  #text(text: string): void {
    const single = text.length === 0 || (text.length === 1 && text.charCodeAt(0) < 256)
    const memo = this.#sharing === 'none' ? undefined : single && !this.#fresh ? this.singles : this.#texts
    const known = memo?.get(text)
    if (known !== undefined) return this.#get(known)
    const length = textLength(text)
    this.room(10 + length)
    if (length < 256) {
      this.bytes[this.at++] = op.SHORT_BINUNICODE
      this.bytes[this.at++] = length
    } else {
      this.bytes[this.at++] = op.BINUNICODE
      this.at = this.bytes.writeUInt32LE(length, this.at)
    }
    writeText(this.bytes, this.at, text, length)
    this.at += length
    const index = this.memoize()
    memo?.set(text, index)
    if (single && !this.#fresh) this.singles.set(text, index)
  }

  #integer(value: number): void {
    this.room(12)
    const { bytes } = this
    if (value >= 0 && value <= 0xff) {
      bytes[this.at++] = op.BININT1
      bytes[this.at++] = value
    } else if (value >= 0 && value <= 0xffff) {
      bytes[this.at++] = op.BININT2
      this.at = bytes.writeUInt16LE(value, this.at)
    } else if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
      bytes[this.at++] = op.BININT
      this.at = bytes.writeInt32LE(value, this.at)
    } else {
      this.#bigInteger(BigInt(value))
    }
  }

  #bigInteger(value: bigint): void {
    if (value >= -0x8000_0000n && value <= 0x7fff_ffffn) return this.#integer(Number(value))
    // Two's complement in as few bytes as hold the sign.
    const bits = (value < 0n ? -value - 1n : value).toString(16).length * 4
    let length = Math.floor(bits / 8) + 1
    const hex = BigInt.asUintN(length * 8, value)
      .toString(16)
      .padStart(length * 2, '0')
    const digits = Buffer.from(hex, 'hex').reverse()
    while (length > 1 && isExtension(digits[length - 1]!, digits[length - 2]!)) length--
    this.room(5 + length)
    if (length < 256) {
      this.bytes[this.at++] = op.LONG1
      this.bytes[this.at++] = length
    } else {
      this.bytes[this.at++] = op.LONG4
      this.at = this.bytes.writeInt32LE(length, this.at)
    }
    this.at += digits.copy(this.bytes, this.at, 0, length)
  }

  #float(value: number): void {
    this.room(9)
    this.bytes[this.at++] = op.BINFLOAT
    this.at = this.bytes.writeDoubleBE(value, this.at)
  }

  #binary(value: Uint8Array): void {
    // CPython keeps one object for no byte and for each single one.
    const single = value.length === 0 ? 'b' : value.length === 1 ? `b${value[0]}` : undefined
    if (single !== undefined && this.#sharing === 'python') {
      const known = this.#objects.get(single)
      if (known !== undefined) return this.#get(known)
    }
    this.room(6 + value.length)
    if (value.length < 256) {
      this.bytes[this.at++] = op.SHORT_BINBYTES
      this.bytes[this.at++] = value.length
    } else {
      this.bytes[this.at++] = op.BINBYTES
      this.at = this.bytes.writeUInt32LE(value.length, this.at)
    }
    this.bytes.set(value, this.at)
    this.at += value.length
    this.#objects.set(single ?? value, this.memoize())
  }

  // ---- what has

  #object(value: object): void {
    if (value instanceof PyFloat) return this.#float(value.value)
    const known = this.#objects.get(value)
    if (known !== undefined) return this.#get(known)
    if (++this.#depth > DEEPEST) {
      throw new MemlaneError(
        'ERR_RANGE',
        `values may nest ${DEEPEST} deep: Python reads deeper ones, but cannot write them again`,
      )
    }
    if (Array.isArray(value)) {
      if (isTuple(value)) this.#tuple(value)
      else this.#list(value)
    } else if (value instanceof Uint8Array && !(value instanceof PyByteArray)) {
      this.#binary(value)
    } else if (value instanceof Map) {
      this.#dict(value, value.size, value)
    } else if (value instanceof Set) {
      this.#set(value)
    } else {
      this.#other(value)
    }
    this.#depth--
  }

  #other(value: object): void {
    const parts = takeApart(value)
    if (parts !== undefined) return this.#reduce(value, parts.of, parts.args)
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype !== null && prototype !== Object.prototype && Object.getPrototypeOf(prototype) !== null)
      throw notPlain(value)
    // Of another realm, as of a vm context, if it is not ours; a class has a constructor that is no `Object`.
    if (prototype !== null && prototype !== Object.prototype && !Object.hasOwn(prototype, 'hasOwnProperty'))
      throw notPlain(value)
    const entries = Object.entries(value)
    this.#dict(value, entries.length, entries)
  }

  #tuple(value: readonly unknown[]): void {
    const { length } = value
    if (length === 0) return this.code(op.EMPTY_TUPLE)
    if (length > 3) this.code(op.MARK)
    for (let i = 0; i < length; i++) this.save(value[i])
    // It may hold itself, and be there by now.
    const known = this.#objects.get(value)
    if (known !== undefined) {
      if (length > 3) this.code(op.POP_MARK)
      else for (let i = 0; i < length; i++) this.code(op.POP)
      return this.#get(known)
    }
    this.code(length > 3 ? op.TUPLE : op.TUPLE1 - 1 + length)
    this.#objects.set(value, this.memoize())
  }

  #list(value: readonly unknown[]): void {
    this.code(op.EMPTY_LIST)
    this.#objects.set(value, this.memoize())
    this.elements(value.length, (i) => this.save(value[i]))
  }

  /** The items of a list, in CPython's batches. */
  elements(length: number, each: (at: number) => void): void {
    if (length === 1) {
      each(0)
      return this.code(op.APPEND)
    }
    for (let i = 0; i < length; ) {
      this.code(op.MARK)
      for (const end = Math.min(length, i + BATCH); i < end; i++) each(i)
      this.code(op.APPENDS)
    }
  }

  #dict(value: object, size: number, entries: Iterable<readonly [unknown, unknown]>): void {
    this.code(op.EMPTY_DICT)
    this.#objects.set(value, this.memoize())
    this.items(size, entries, (key, inner) => {
      if (typeof key !== 'string') hashKey(key)
      this.save(key)
      this.save(inner)
    })
  }

  /** The items of a dict, in CPython's batches: one that is full is followed by another, be it empty. */
  items<A, B>(size: number, entries: Iterable<readonly [A, B]>, each: (key: A, value: B) => void): void {
    if (size === 0) return
    if (size > 1) this.code(op.MARK)
    let batch = 0
    for (const [key, value] of entries) {
      each(key, value)
      if (++batch % BATCH === 0) {
        this.code(op.SETITEMS)
        this.code(op.MARK)
      }
    }
    this.code(size > 1 ? op.SETITEMS : op.SETITEM)
  }

  #set(value: Set<unknown>): void {
    for (const item of value) if (typeof item !== 'string') hashKey(item)
    if (value instanceof PyFrozenSet) {
      this.code(op.MARK)
      for (const item of value) this.save(item)
      this.code(op.FROZENSET)
      this.#objects.set(value, this.memoize())
      return
    }
    this.code(op.EMPTY_SET)
    this.#objects.set(value, this.memoize())
    if (value.size === 0) return
    this.code(op.MARK)
    let batch = 0
    for (const item of value) {
      this.save(item)
      if (++batch % BATCH === 0) {
        this.code(op.ADDITEMS)
        this.code(op.MARK)
      }
    }
    this.code(op.ADDITEMS)
  }

  #reduce(value: object, of: KnownClass, args: readonly unknown[]): void {
    this.#class(of)
    for (const arg of args) this.save(arg)
    if (args.length === 0) {
      this.code(op.EMPTY_TUPLE)
    } else {
      this.code(op.TUPLE1 - 1 + args.length)
      this.memoize()
    }
    this.code(op.REDUCE)
    this.#objects.set(value, this.memoize())
  }

  #class(of: KnownClass): void {
    this.classes = true
    const known = this.#objects.get(of)
    if (known !== undefined) return this.#get(known)
    const module = `module ${of.module}`
    const moduleKnown = this.#objects.get(module)
    if (moduleKnown === undefined) {
      this.#name(of.module)
      this.#objects.set(module, this.memos - 1)
    } else {
      this.#get(moduleKnown)
    }
    this.#name(of.name)
    this.code(op.STACK_GLOBAL)
    this.#objects.set(of, this.memoize())
  }

  #name(name: string): void {
    this.room(2 + name.length)
    this.bytes[this.at++] = op.SHORT_BINUNICODE
    this.bytes[this.at++] = name.length
    this.at += this.bytes.write(name, this.at, 'latin1')
    this.memoize()
  }
}

/** True for a byte that only repeats the sign of the one below it. */
function isExtension(high: number, low: number): boolean {
  return (high === 0 && low < 0x80) || (high === 0xff && low >= 0x80)
}

function notPlain(value: unknown): MemlaneError {
  return new MemlaneError(
    'ERR_NOT_CLONEABLE',
    `${describe(value)} cannot be stored for Python: plain objects, Maps, arrays, tuples, Sets, text, numbers, bigints, booleans, null, Uint8Arrays, Dates and the Py… classes can`,
  )
}

/** Bytes of a pickle's beginning when it has a frame: PROTO, its version, FRAME, a length. */
export const HEADER = 11
/** Shorter pickles have no frame. */
const FRAME_LEAST = 4

/** Makes a whole pickle of what a pickler wrote after {@link HEADER} bytes that it left free. */
export function frame(pickler: Pickler): Buffer {
  pickler.code(op.STOP)
  const length = pickler.at - HEADER
  const { bytes } = pickler
  if (length < FRAME_LEAST) {
    bytes[HEADER - 2] = op.PROTO
    bytes[HEADER - 1] = 4
    return bytes.subarray(HEADER - 2, pickler.at)
  }
  bytes[0] = op.PROTO
  bytes[1] = 4
  bytes[2] = op.FRAME
  setFrameLength(bytes, length)
  return bytes.subarray(0, pickler.at)
}

export function setFrameLength(bytes: Buffer, length: number): void {
  bytes.writeUInt32LE(length, 3)
  bytes.writeUInt32LE(0, 7)
}

/**
 * Writes a value as Python's `pickle.dumps(value, 4)` does.
 *
 * @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_TYPE`, `ERR_RANGE`, `ERR_TOO_LARGE`.
 */
export function encode(value: unknown): Buffer {
  const pickler = new Pickler('python')
  pickler.at = HEADER
  pickler.save(value)
  return frame(pickler)
}

/** @throws MemlaneError `ERR_TYPE`. */
export function checkKey(key: unknown): void {
  if (typeof key === 'function' || typeof key === 'symbol' || key === undefined)
    throw wrongType('key', 'a key that Python can hash', key)
  hashKey(key)
}
