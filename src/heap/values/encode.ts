// heap/values: from JavaScript into blocks. Everything the structured clone algorithm takes. Blocks are filled before
// anything leads to them, so nothing here is logged but the taking of memory. Needs a transaction.

import { types } from 'node:util'
import { type MemlaneError, outOfRange } from '../../errors.js'
import { whyUncloneable } from '../../printable.js'
import { Allocator } from '../blocks/allocator.js'
import type { Core } from '../core.js'
import {
  A_FIRST,
  A_LENGTH,
  A_MODE,
  A_ROOM,
  A_ROOT,
  A_STORE,
  A_UNITS,
  A_WATCH,
  C_FIRST,
  CHUNK_FULL,
  CHUNK_SLOTS,
  CHUNKED,
  FLAT,
  LENGTH_MAX,
} from '../kinds/list/list.layout.js'
import { E_VALUE } from '../kinds/map/map.layout.js'
import { CHUNK_UNITS, O_OUTSIDE, O_ROOM, O_ROOT, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import { isLatin1 } from '../kinds/text/text.js'
import type { Sharing } from '../objects/sharing.js'
import { bytesOf, expressionOf, isHidden, keepsNothing, lengthOf, unboxed, windowOf } from './intrinsics.js'
import { notCloneable } from './not-cloneable.js'
import { setConstant, setNumber, setShort, slot } from './slots.js'
import {
  ARRAY,
  BIGINT,
  BYTES,
  CHUNK,
  CHUNKS,
  CONST_HOLE,
  OBJECT,
  OF_GRAPH,
  SHARED,
  STRING,
  TAG_BLOCK,
  TAG_CONST,
  TAG_REF,
  TAG_STRING,
  TUPLE,
  TUPLE_BOXED,
  TUPLE_DATE,
  TUPLE_ERROR,
  TUPLE_MAP,
  TUPLE_REGEXP,
  TUPLE_SET,
  TUPLE_TYPED,
  TUPLE_VIEW,
  WIDE,
} from './values.layout.js'
import { VIEWS } from './views.js'

/** Objects seen are looked up one by one up to this many, then by a Map. */
const FEW = 12
/** Values may nest this deep: what reads them recurses, and must not run out of stack. */
export const NESTING_MAX: number = 1000

const ERROR_NAMES = new Set(['EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'])

export class Encoder {
  /** The slot of the last value. */
  low: number = 0
  high: number = 0
  readonly #core: Core
  /** Set: objects and arrays become shared ones, and this encoder stores what they hold. */
  readonly #sharing: Sharing | undefined
  #root = 0
  #stripe = 0
  #seen: object[] = []
  #pointers: number[] = []
  #count = 0
  #lookup: Map<object, number> | undefined
  #shared = false
  #path: (string | number)[] = []
  #depth = 0
  #busy = false
  /** Properties of the outermost value that need not be read. */
  #read: readonly unknown[] | undefined = undefined

  constructor(core: Core, sharing?: Sharing) {
    this.#core = core
    this.#sharing = sharing
  }

  /**
   * Stores a value's blocks and leaves its slot in `low` and `high`.
   *
   * @param root the ENTRY, ARRAY or CELL that will own it; 0 or below: it goes into a shared object, and is shared, too.
   * @param read the properties of a plain object, where they have been read already.
   * @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_RANGE` (nested too deep), and whatever a getter throws.
   */
  encode(value: unknown, root: number, stripe: number, read?: readonly unknown[]): void {
    if (typeof value !== 'object' || value === null) {
      this.#slotOf(value)
      return
    }
    if (root <= 0 && this.#sharing === undefined) {
      const sharing = this.#core.objects.sharing()
      sharing.encode(value)
      this.low = sharing.low
      this.high = sharing.high
      return
    }
    // A getter in the value may itself store something into this heap.
    if (this.#busy) {
      const other = new Encoder(this.#core)
      other.encode(value, root, stripe, read)
      this.low = other.low
      this.high = other.high
      return
    }
    this.#busy = true
    this.#root = root
    this.#stripe = stripe
    this.#read = read
    try {
      this.#slotOf(value)
      if (this.#shared) this.#markShared()
    } finally {
      this.#busy = false
      this.#shared = false
      this.#lookup = undefined
      this.#depth = 0
      for (let i = 0; i < this.#count; i++) this.#seen[i] = NOTHING
      this.#count = 0
    }
  }

  #markShared(): void {
    const { i32 } = this.#core.arena
    for (let i = 0; i < this.#count; i++) {
      const header = (this.#pointers[i]! << 1) + 1
      i32[header] = i32[header]! | SHARED
    }
  }

  #slotOf(value: unknown): void {
    switch (typeof value) {
      case 'number':
        setNumber(value)
        break
      case 'string':
        if (setShort(value)) break
        this.low = this.#string(value)
        this.high = TAG_STRING
        return
      case 'boolean':
      case 'undefined':
        setConstant(value)
        break
      case 'bigint':
        this.low = this.#bigint(value)
        this.high = TAG_BLOCK
        return
      case 'object':
        if (value === null) {
          setConstant(null)
          break
        }
        this.#object(value)
        return
      default:
        throw this.#refusal(value, this.#depth)
    }
    this.low = slot.low
    this.high = slot.high
  }

  /** Stores a part of the value into a slot of a block that nobody can see yet. */
  #store(word: number, value: unknown, key: string | number): void {
    this.#path[this.#depth++] = key
    this.#slotOf(value)
    this.#depth--
    const { i32 } = this.#core.arena
    i32[word] = this.low
    i32[word + 1] = this.high
  }

  #string(text: string): number {
    const { arena, blocks, text: bytes } = this.#core
    const wide = !isLatin1(text)
    const size = wide ? text.length * 2 : text.length
    const pointer = blocks.take((12 + size + 7) >>> 3, wide ? STRING | WIDE : STRING, 0)
    arena.i32[(pointer << 1) + 2] = text.length
    bytes.write(pointer * 8 + 12, text, wide)
    return pointer
  }

  #bigint(value: bigint): number {
    const { arena, blocks } = this.#core
    const { i32, u8 } = arena
    const hex = (value < 0n ? -value : value).toString(16)
    const length = (hex.length + 1) >> 1
    const pointer = blocks.take((16 + length + 7) >>> 3, BIGINT, 0)
    const b = pointer << 1
    i32[b + 2] = length
    i32[b + 3] = value < 0n ? 1 : 0
    const digits = hex.padStart(2 * length, '0')
    for (let i = 0; i < length; i++) {
      u8[pointer * 8 + 16 + i] = Number.parseInt(digits.slice(2 * (length - i) - 2, 2 * (length - i)), 16)
    }
    return pointer
  }

  #object(value: object): void {
    const before = this.#find(value)
    if (before !== 0) {
      this.#shared = true
      this.low = before
      this.high = TAG_BLOCK
      return
    }
    if (this.#depth > NESTING_MAX)
      throw outOfRange('the nesting of a value', `at most ${NESTING_MAX} levels`, this.#depth)
    if (Array.isArray(value) || isPlain(value)) return this.#container(value)
    const pointer = this.#exotic(value)
    if (pointer === 0) return this.#container(value)
    this.low = pointer
    this.high = TAG_BLOCK
  }

  /** An array, or an object with properties: a shared one by reference, a live one as a copy. */
  #container(value: object): void {
    const { adapter, objects } = this.#core
    const live = adapter.unwrap(value)
    const ref = live === undefined ? 0 : objects.refFor(live)
    if (ref !== 0 || this.#sharing !== undefined) {
      this.low = ref !== 0 ? ref : this.#sharing!.place(value, live === undefined ? value : this.#copyOf(live))
      this.high = TAG_REF
      return
    }
    const copy = live === undefined ? value : this.#copyOf(live)
    this.low = Array.isArray(copy) ? this.#array(copy, value) : this.#plain(copy, value)
    this.high = TAG_BLOCK
  }

  #copyOf(live: object): object {
    return this.#core.copyOf(live) as object
  }

  #refusal(value: unknown, depth: number, why?: string): MemlaneError {
    if (this.#sharing === undefined) return notCloneable(value, this.#path, depth, why)
    const path = [...this.#sharing.path(), ...this.#path.slice(0, depth)]
    return notCloneable(value, path, path.length, why)
  }

  /** @returns 0 for what is no built-in: an object with properties. */
  #exotic(value: object): number {
    const typed = this.#core.adapter.typeOf?.(value)
    if (typed !== undefined) return this.#tuple(TUPLE_TYPED, value, typed)
    if (types.isDate(value)) return this.#tuple(TUPLE_DATE, value, [Date.prototype.getTime.call(value)])
    if (types.isRegExp(value)) return this.#tuple(TUPLE_REGEXP, value, expressionOf(value))
    if (types.isMap(value)) return this.#tuple(TUPLE_MAP, value, [...Map.prototype.entries.call(value)].flat(1))
    if (types.isSet(value)) return this.#tuple(TUPLE_SET, value, [...Set.prototype.values.call(value)])
    if (types.isBoxedPrimitive(value)) return this.#boxed(value)
    if (types.isArrayBuffer(value)) return this.#bytes(value)
    if (ArrayBuffer.isView(value)) return this.#view(value)
    if (types.isNativeError(value) || value instanceof Error) return this.#error(value)
    if (this.#core.adapter.unwrap(value) !== undefined) return 0
    const why = whyUncloneable(value)
    if (why !== undefined) throw this.#refusal(value, this.#depth, why)
    if (isHidden(value)) throw this.#refusal(value, this.#depth)
    if (keepsNothing(value)) throw this.#refusal(value, this.#depth, 'without a property of its own that could be kept')
    return 0
  }

  #boxed(value: object): number {
    const primitive = unboxed(value)
    if (primitive === undefined) throw this.#refusal(value, this.#depth)
    return this.#tuple(TUPLE_BOXED, value, [primitive])
  }

  /** A block of slots that is copied out whole when it is read. */
  #tuple(type: number, value: object, items: readonly unknown[]): number {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const kind = this.#sharing === undefined ? TUPLE : TUPLE | OF_GRAPH
    const pointer = blocks.take(2 + items.length, kind, this.#stripe)
    this.#remember(value, pointer)
    const b = pointer << 1
    i32[b + 2] = type
    i32[b + 3] = 0
    for (let i = 0; i < items.length; i++) {
      // Of an Error nothing but the cause can be refused.
      this.#store(b + 4 + 2 * i, items[i], type === TUPLE_MAP ? i >> 1 : type === TUPLE_ERROR ? 'cause' : i)
    }
    i32[b + 3] = items.length
    return pointer
  }

  /** As structured clone does: one of the standard names, message, stack, cause. */
  #error(error: Error): number {
    const name = ERROR_NAMES.has(error.name) ? error.name : 'Error'
    const message = Object.getOwnPropertyDescriptor(error, 'message')
    const items: unknown[] = [
      name,
      message === undefined ? undefined : String(error.message),
      typeof error.stack === 'string' ? error.stack : undefined,
    ]
    if (Object.hasOwn(error, 'cause')) items.push(error.cause)
    return this.#tuple(TUPLE_ERROR, error, items)
  }

  #bytes(buffer: ArrayBuffer): number {
    const { arena, blocks } = this.#core
    const { i32, u8 } = arena
    const bytes = bytesOf(buffer)
    if (bytes === undefined) throw this.#refusal(buffer, this.#depth, 'whose memory was given away')
    const { length } = bytes
    const pointer = blocks.take(Math.ceil((16 + length) / 8), BYTES, this.#stripe)
    this.#remember(buffer, pointer)
    i32[(pointer << 1) + 2] = length | 0
    i32[(pointer << 1) + 3] = Math.floor(length / 2 ** 32)
    u8.set(bytes, pointer * 8 + 16)
    return pointer
  }

  #view(view: ArrayBufferView): number {
    const window = windowOf(view)
    if (window === undefined) throw this.#refusal(view, this.#depth, 'whose memory is gone')
    const type = VIEWS.indexOf(window.type)
    const { buffer, offset, length } = window
    if (type < 0 || !types.isArrayBuffer(buffer)) throw this.#refusal(view, this.#depth)
    // A Buffer is a window of a pool that is none of its business; others keep the buffer they share.
    if (Buffer.isBuffer(view)) return this.#tuple(TUPLE_VIEW, view, [new Uint8Array(view).buffer, 0, length, type])
    return this.#tuple(TUPLE_VIEW, view, [buffer, offset, length, type])
  }

  // ---- live containers

  #plain(value: object, identity: object): number {
    const { shapes } = this.#core
    const read = this.#read
    this.#read = undefined
    const keys = Object.keys(value)
    const shape = shapes.of(keys)
    if (shape === undefined) return this.#table(value, identity, keys)
    const pointer = this.#emptyObject(shape.id, Allocator.fit(O_UNITS + keys.length) - O_UNITS)
    this.#remember(identity, pointer)
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      this.#store(
        (pointer + O_UNITS + i) << 1,
        read === undefined ? (value as Record<string, unknown>)[key] : read[i],
        key,
      )
    }
    return pointer
  }

  #emptyObject(shape: number, room: number): number {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const pointer = blocks.take(O_UNITS + room, OBJECT, this.#stripe)
    const o = pointer << 1
    i32[o + O_SHAPE] = shape
    i32[o + O_ROOT] = this.#root
    i32[o + O_OUTSIDE] = 0
    i32[o + O_ROOM] = room
    return pointer
  }

  #table(value: object, identity: object, keys: readonly string[]): number {
    const { arena, index } = this.#core
    const { i32 } = arena
    const pointer = this.#emptyObject(TABLE, 0)
    this.#remember(identity, pointer)
    const map = index.create(this.#root)
    i32[(pointer << 1) + O_OUTSIDE] = map
    for (const key of keys) {
      const entry = index.insert(map, index.hash(key), key)
      this.#store((entry << 1) + E_VALUE, (value as Record<string, unknown>)[key], key)
    }
    return pointer
  }

  #array(value: readonly unknown[], identity: object): number {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const length = lengthOf(value)
    if (length > LENGTH_MAX) throw outOfRange('the length of an array', `at most ${LENGTH_MAX}`, length)
    const extra = namedProperty(value)
    if (extra !== undefined) {
      this.#path[this.#depth] = extra
      throw this.#refusal(value, this.#depth + 1)
    }
    const pointer = blocks.take(A_UNITS, ARRAY, this.#stripe)
    this.#remember(identity, pointer)
    const a = pointer << 1
    i32[a + A_LENGTH] = length
    i32[a + A_ROOT] = this.#root
    i32[a + A_WATCH] = 0
    i32[a + A_WATCH + 1] = 0
    this.#elements(a, value, length)
    return pointer
  }

  /** Fresh chunks with these elements, for an ARRAY block whose words at `a` nobody can see yet. */
  #elements(a: number, value: readonly unknown[], length: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const plan = this.layOut(length)
    i32[a + A_STORE] = plan
    i32[a + A_FIRST] = 0
    i32[a + A_ROOM] = this.room
    i32[a + A_MODE] = this.mode
    for (let i = 0; i < length; i++) {
      const word =
        this.mode === FLAT
          ? (plan + CHUNK_UNITS + i) << 1
          : (i32[(plan << 1) + C_FIRST + (i >> 8)]! + CHUNK_UNITS + (i & 255)) << 1
      if (i in value) {
        // Inner values may have changed these two.
        const { room, mode } = this
        this.#store(word, value[i], i)
        this.room = room
        this.mode = mode
      } else {
        i32[word] = CONST_HOLE
        i32[word + 1] = TAG_CONST
      }
    }
  }

  /** Of the last store that was laid out. */
  room: number = 0
  mode: number = FLAT

  /** A fresh store for `length` elements, its slots not yet filled. @returns its pointer, 0 for none. */
  layOut(length: number): number {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    this.mode = FLAT
    this.room = 0
    if (length === 0) return 0
    blocks.mustFit(length)
    if (length <= CHUNK_SLOTS) {
      const units = Math.min(CHUNK_FULL, Allocator.fit(CHUNK_UNITS + length))
      this.room = units - CHUNK_UNITS
      return blocks.take(units, CHUNK, this.#stripe)
    }
    const chunks = (length + CHUNK_SLOTS - 1) >> 8
    // Room for as much again as a quarter, so that pushes do not lay out anew each time.
    const pointers = (Allocator.fit(1 + ((chunks + (chunks >> 2) + 2) >> 1)) - 1) << 1
    const store = blocks.take(1 + (pointers >> 1), CHUNKS, this.#stripe)
    for (let i = 0; i < pointers; i++) {
      i32[(store << 1) + C_FIRST + i] = 0
    }
    for (let i = 0; i < chunks; i++) {
      const chunk = blocks.take(CHUNK_FULL, CHUNK, this.#stripe)
      i32[(store << 1) + C_FIRST + i] = chunk
    }
    this.mode = CHUNKED
    this.room = pointers << 8
    return store
  }

  // ---- identity

  #find(value: object): number {
    if (this.#lookup !== undefined) return this.#lookup.get(value) ?? 0
    for (let i = 0; i < this.#count; i++) {
      if (this.#seen[i] === value) return this.#pointers[i]!
    }
    return 0
  }

  #remember(value: object, pointer: number): void {
    this.#seen[this.#count] = value
    this.#pointers[this.#count++] = pointer
    if (this.#lookup !== undefined) this.#lookup.set(value, pointer)
    else if (this.#count > FEW) {
      this.#lookup = new Map()
      for (let i = 0; i < this.#count; i++) this.#lookup.set(this.#seen[i]!, this.#pointers[i]!)
    }
  }
}

const NOTHING = {}

/** True for what object literals and Object.create(null) make. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** A property of an array that is no element; they come after the elements. */
export function namedProperty(array: readonly unknown[]): string | undefined {
  const keys = Object.keys(array)
  const last = keys.at(-1)
  if (last === undefined || isIndex(last)) return undefined
  return keys.find((key) => !isIndex(key))
}

function isIndex(key: string): boolean {
  const index = Number(key) >>> 0
  return String(index) === key && index < 2 ** 32 - 1
}
