// heap/values: from blocks to JavaScript. Total on any bytes: it may be looking at what is being written, or at damage.
// What comes out counts only once the caller has checked the version; ERR_CORRUPT likewise.

import { Buffer } from 'node:buffer'
import { MemlaneError, outOfRange } from '../../errors.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import {
  A_FIRST,
  A_LENGTH,
  A_MODE,
  A_ROOM,
  A_STORE,
  C_FIRST,
  CHUNK_SHIFT,
  CHUNK_SLOTS,
  FLAT,
} from '../kinds/list/list.layout.js'
import { E_VALUE } from '../kinds/map/map.layout.js'
import { CHUNK_UNITS, O_OUTSIDE, O_ROOM, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import { orderKeys } from '../kinds/object/shapes.js'
import { NESTING_MAX } from './encode.js'
import { getConstant, getShort } from './slots.js'
import {
  ARRAY,
  BIGINT,
  BYTES,
  CONST_HOLE,
  FIRST_TAG,
  GRAPH,
  OBJECT,
  TAG_BLOCK,
  TAG_CONST,
  TAG_INT,
  TAG_MASK,
  TAG_REF,
  TAG_SHORT,
  TAG_STRING,
  TOMBSTONE,
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

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** Steps between looks at whether a long read is still worth going on. */
const CHECK_EVERY = 1024

/** The answer of a quick path that leaves the question to `read`. */
export const NOT_QUICK: unique symbol = Symbol('not quick')

/** Thrown where a copy comes to a shared object, and would need the version of more than it reads under. */
const FOLLOWS = new Error('a value leads to shared objects')

/** One copy: what was copied already, and how much more there can be. */
class Copy {
  readonly made: Map<number, object> = new Map()
  /** Shared objects come out live, and not as copies. */
  readonly keepsLive: boolean
  /** Copies of shared objects that are not filled yet. References go any number of steps deep, so they are no recursion. */
  readonly pending: number[] = []
  /** Copies of shared objects, by their blocks. */
  readonly copies: Map<number, object> = new Map()
  budget: number
  depth: number = 0

  constructor(budget: number, keepsLive: boolean) {
    this.budget = budget
    this.keepsLive = keepsLive
  }
}

export class Decoder {
  readonly #core: Core
  /** A copy may not follow references: what it reads under guards one value only. */
  #isNarrow = false
  /** Stands for what was destroyed; unset: that is an error. */
  #dangling: string | undefined = undefined

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Runs a read that copies: under the version at `word` while the value leads to no shared object, else under that of the
   * whole heap, as those have versions of their own.
   *
   * @param dangling stands in the copy for references to what was destroyed; default: they are `ERR_STALE`.
   */
  moment<T>(word: number, look: () => T, dangling?: string): T {
    const { arena } = this.#core
    this.#dangling = dangling
    try {
      this.#isNarrow = arena.depth === 0
      return arena.read(word, look)
    } catch (error) {
      if (error !== FOLLOWS) throw error
      this.#isNarrow = false
      return arena.read(arena.version, look)
    } finally {
      this.#isNarrow = false
      this.#dangling = undefined
    }
  }

  /** The value in a slot: primitives, detached copies, and live handles for plain objects and arrays. */
  read(word: number): unknown {
    const { i32, f64 } = this.#core.arena
    const high = i32[word + 1]!
    if (high >= 0 || high < FIRST_TAG) return f64[word >> 1]
    const low = i32[word]!
    if (high === TAG_INT) return low
    if (high === TAG_CONST) return getConstant(low)
    if (high === TAG_STRING) return this.string(low)
    if ((high & TAG_MASK) === TAG_SHORT) return getShort(low, high)
    if (high === TAG_REF) return this.#core.objects.live(low)
    if (high !== TAG_BLOCK) throw corrupt(this.#core.name, `a slot has the tag ${(high >>> 0).toString(16)}`)
    const kind = i32[(low << 1) + 1]! & 0xff
    if (kind === OBJECT || kind === ARRAY) return this.#core.live(low, kind)
    return this.#block(low, kind, this.#copy(true))
  }

  /** True when a slot of a list is a hole. */
  isHole(word: number): boolean {
    const { i32 } = this.#core.arena
    return i32[word + 1] === TAG_CONST && i32[word] === CONST_HOLE
  }

  /** The value in a slot, detached, whatever it is; shared objects as copies, too. */
  snapshot(word: number): unknown {
    const { i32 } = this.#core.arena
    // Only blocks need to be kept count of.
    if (i32[word + 1] !== TAG_BLOCK && i32[word + 1] !== TAG_REF) return this.read(word)
    const copy = this.#copy(false)
    return this.#filled(this.#slot(word, copy), copy)
  }

  /** The value in a slot, detached, but for shared objects: nobody owns them, so they stay live. */
  detach(word: number): unknown {
    return this.#core.arena.i32[word + 1] === TAG_BLOCK ? this.#slot(word, this.#copy(true)) : this.read(word)
  }

  /** A copy of an object or array block. @param keepsLive shared objects inside it stay live. */
  snapshotBlock(pointer: number, keepsLive: boolean = false): unknown {
    const copy = this.#copy(keepsLive)
    const header = this.#core.arena.i32[(pointer << 1) + 1]!
    if ((header & GRAPH) !== 0 && !keepsLive) return this.#filled(this.#follow(pointer, copy), copy)
    return this.#filled(this.#block(pointer, header & 0xff, copy), copy)
  }

  /** Several slots of one value, with what they share; shared objects stay live. */
  copier(): (word: number) => unknown {
    const copy = this.#copy(true)
    return (word) => this.#slot(word, copy)
  }

  /** Several slots that share nothing but shared objects; together they are no more than the memory they lie in. */
  copierOfMany(): (word: number) => unknown {
    const copy = this.#copy(false)
    return (word) => {
      if (copy.made.size !== 0) copy.made.clear()
      return this.#filled(this.#slot(word, copy), copy)
    }
  }

  #copy(keepsLive: boolean): Copy {
    return new Copy(this.#core.arena.i32.length, keepsLive)
  }

  // ---- copies of shared objects

  /** What stands for a shared object in a copy: filled later. */
  #follow(pointer: number, copy: Copy): unknown {
    if (this.#isNarrow) throw FOLLOWS
    const before = copy.copies.get(pointer)
    if (before !== undefined) return before
    const kind = this.#core.objects.kindOf(pointer)
    if (kind === TOMBSTONE) {
      if (this.#dangling === undefined) throw this.#core.objects.destroyed()
      return this.#dangling
    }
    const made = kind === ARRAY ? [] : {}
    copy.copies.set(pointer, made)
    copy.pending.push(pointer)
    return made
  }

  /** Fills the copies of shared objects that the value leads to. */
  #filled<T>(value: T, copy: Copy): T {
    for (let pointer = copy.pending.pop(); pointer !== undefined; pointer = copy.pending.pop()) {
      const made = copy.copies.get(pointer)!
      if (Array.isArray(made)) this.#array(pointer, copy, made)
      else this.#object(pointer, copy, made as Record<string, unknown>)
    }
    return value
  }

  /** For quick paths: the text or constant in a slot if it looks right, else NOT_QUICK; never an error. */
  quick(low: number, high: number): unknown {
    if (high === TAG_STRING) return this.#quickString(low)
    if (high === TAG_CONST) return getConstant(low)
    return (high & TAG_MASK) === TAG_SHORT ? getShort(low, high) : NOT_QUICK
  }

  #quickString(pointer: number): unknown {
    const { arena, text } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    const length = i32[b + 2]!
    if (!(length > 0 && length <= 4096)) return NOT_QUICK
    return text.read(pointer * 8 + 12, length, (i32[b + 1]! & WIDE) !== 0)
  }

  string(pointer: number): string {
    const { arena, text, blocks, name } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    const wide = (i32[b + 1]! & WIDE) !== 0
    const length = i32[b + 2]!
    if (length > 256 || length < 0) {
      const room = blocks.unitsOf(pointer) * 8 - 12
      if (length < 0 || (wide ? length * 2 : length) > room)
        throw corrupt(name, `a string of ${length} characters in a block of ${room} bytes`)
    }
    return text.read(pointer * 8 + 12, length, wide)
  }

  #slot(word: number, copy: Copy): unknown {
    const { i32, f64 } = this.#core.arena
    const high = i32[word + 1]!
    if (high >= 0 || high < FIRST_TAG) return f64[word >> 1]
    const low = i32[word]!
    if (high === TAG_INT) return low
    if (high === TAG_STRING) {
      const text = this.string(low)
      this.#spend(copy, text.length >> 2)
      return text
    }
    if ((high & TAG_MASK) === TAG_SHORT) return getShort(low, high)
    if (high === TAG_CONST) return getConstant(low)
    if (high === TAG_REF) return copy.keepsLive ? this.#core.objects.live(low) : this.#follow(low, copy)
    if (high !== TAG_BLOCK) throw corrupt(this.#core.name, `a slot has the tag ${(high >>> 0).toString(16)}`)
    return this.#block(low, i32[(low << 1) + 1]! & 0xff, copy)
  }

  #block(pointer: number, kind: number, copy: Copy): unknown {
    const before = copy.made.get(pointer)
    if (before !== undefined) return before
    if (++copy.depth > NESTING_MAX + 10)
      throw outOfRange('the nesting of a value to copy', `at most ${NESTING_MAX} levels`, copy.depth)
    let result: unknown
    switch (kind) {
      case OBJECT:
        result = {}
        copy.made.set(pointer, result as object)
        this.#object(pointer, copy, result as Record<string, unknown>)
        break
      case ARRAY:
        result = []
        copy.made.set(pointer, result as object)
        this.#array(pointer, copy, result as unknown[])
        break
      case BIGINT:
        result = this.#bigint(pointer)
        this.#spend(copy, this.#core.arena.i32[(pointer << 1) + 2]! >> 2)
        break
      case BYTES:
        result = this.#bytes(pointer)
        this.#spend(copy, (result as ArrayBuffer).byteLength >> 2)
        copy.made.set(pointer, result as object)
        break
      case TUPLE:
        result = this.#tuple(pointer, copy)
        break
      default:
        throw corrupt(this.#core.name, `a value of the kind ${kind}`)
    }
    copy.depth--
    return result
  }

  /** Counts down, so that a damaged value ends; and looks now and then whether going on is in vain. */
  #spend(copy: Copy, steps: number): void {
    copy.budget -= steps
    if (copy.budget < 0) throw corrupt(this.#core.name, 'a value is larger than the memory it lies in')
  }

  #object(pointer: number, copy: Copy, result: Record<string, unknown>): void {
    const { arena, shapes, index } = this.#core
    const { i32 } = arena
    const o = pointer << 1
    const outside = i32[o + O_OUTSIDE]!
    if (i32[o + O_SHAPE] === TABLE) {
      const entries: [string, number][] = []
      index.each(outside, (entry) => entries.push([String(index.keyOf(entry)), (entry << 1) + E_VALUE]))
      this.#spend(copy, entries.length)
      const words = new Map(entries)
      for (const key of orderKeys([...words.keys()])) define(result, key, this.#slot(words.get(key)!, copy))
      return
    }
    const { keys } = shapes.get(i32[o + O_SHAPE]!)
    const room = i32[o + O_ROOM]!
    if (keys.length > room && keys.length > 0)
      throw corrupt(this.#core.name, `an object of ${keys.length} properties with room for ${room}`)
    this.#spend(copy, keys.length + 1)
    const first = (outside === 0 ? pointer + O_UNITS : outside + CHUNK_UNITS) << 1
    for (let i = 0; i < keys.length; i++) define(result, keys[i]!, this.#slot(first + 2 * i, copy))
  }

  #array(pointer: number, copy: Copy, result: unknown[]): void {
    const { i32 } = this.#core.arena
    const a = pointer << 1
    const length = i32[a + A_LENGTH]!
    const first = i32[a + A_FIRST]!
    if (length < 0 || first < 0 || first + length > i32[a + A_ROOM]!)
      throw corrupt(this.#core.name, `an array of ${length} elements`)
    this.#spend(copy, length + 1)
    const store = i32[a + A_STORE]!
    const flat = i32[a + A_MODE] === FLAT
    for (let i = 0; i < length; i++) {
      const at = first + i
      const chunk = flat ? store : (i32[(store << 1) + C_FIRST + (at >> CHUNK_SHIFT)] ?? 0)
      const word = (chunk + CHUNK_UNITS + (flat ? at : at & (CHUNK_SLOTS - 1))) << 1
      if (this.isHole(word)) result.length = i + 1
      else result[i] = this.#slot(word, copy)
      if ((i & (CHECK_EVERY - 1)) === CHECK_EVERY - 1) this.#core.arena.checkpoint()
    }
  }

  #bigint(pointer: number): bigint {
    const { arena, blocks, name } = this.#core
    const { i32, u8 } = arena
    const b = pointer << 1
    const length = i32[b + 2]!
    if (length < 1 || length > blocks.unitsOf(pointer) * 8 - 16) throw corrupt(name, `a bigint of ${length} bytes`)
    const bytes = Buffer.from(u8.slice(pointer * 8 + 16, pointer * 8 + 16 + length)).reverse()
    if (bytes.length === 0) throw corrupt(name, 'a bigint lies outside of the memory')
    const magnitude = BigInt(`0x${bytes.toString('hex')}`)
    return i32[b + 3] === 1 ? -magnitude : magnitude
  }

  #bytes(pointer: number): ArrayBuffer {
    const { arena, blocks, name } = this.#core
    const { i32, u8 } = arena
    const b = pointer << 1
    const length = (i32[b + 2]! >>> 0) + i32[b + 3]! * 2 ** 32
    if (!(length >= 0 && length <= blocks.unitsOf(pointer) * 8 - 16)) throw corrupt(name, `a buffer of ${length} bytes`)
    const copy = new Uint8Array(length)
    copy.set(u8.subarray(pointer * 8 + 16, pointer * 8 + 16 + length))
    return copy.buffer
  }

  #tuple(pointer: number, copy: Copy): object {
    const { arena, blocks, name } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    const count = i32[b + 3]!
    if (count < 0 || count > blocks.unitsOf(pointer) - 2) throw corrupt(name, `a tuple of ${count} parts`)
    this.#spend(copy, count + 1)
    const keep = <T extends object>(made: T): T => {
      copy.made.set(pointer, made)
      return made
    }
    const part = (i: number): unknown => (i < count ? this.#slot(b + 4 + 2 * i, copy) : undefined)
    switch (i32[b + 2]) {
      case TUPLE_DATE:
        return keep(new Date(Number(part(0))))
      case TUPLE_REGEXP:
        return keep(this.#regexp(part(0), part(1)))
      case TUPLE_BOXED: {
        const primitive = part(0)
        if (typeof primitive === 'object' || primitive === undefined)
          throw corrupt(name, 'a boxed value is no primitive')
        return keep(Object(primitive) as object)
      }
      case TUPLE_ERROR:
        return this.#error(part, count, keep)
      case TUPLE_MAP: {
        const made = keep(new Map())
        for (let i = 0; i + 1 < count; i += 2) made.set(part(i), part(i + 1))
        return made
      }
      case TUPLE_SET: {
        const made = keep(new Set())
        for (let i = 0; i < count; i++) made.add(part(i))
        return made
      }
      case TUPLE_VIEW:
        return keep(this.#view(part(0), part(1), part(2), part(3)))
      case TUPLE_TYPED:
        return keep(this.#typed(part(0), part(1)))
      default:
        throw corrupt(name, `a tuple of the type ${i32[b + 2]}`)
    }
  }

  /** A value of a type that the program gave. */
  #typed(tag: unknown, data: unknown): object {
    const { adapter, name } = this.#core
    if (typeof tag !== 'string') throw corrupt(name, 'a type has no tag')
    const typed = adapter.typed?.(tag, data)
    if (typed !== undefined) return typed
    throw new MemlaneError(
      'ERR_SCHEMA',
      `${JSON.stringify(name)} holds a value of the type ${JSON.stringify(tag)}, which this process does not know: give it in \`types\` when the heap is opened`,
    )
  }

  #regexp(source: unknown, flags: unknown): RegExp {
    try {
      if (typeof source === 'string' && typeof flags === 'string') return new RegExp(source, flags)
    } catch {
      // Falls through: what was stored came from a RegExp, so this is damage (or a flag newer than this runtime).
    }
    throw corrupt(this.#core.name, 'a regular expression does not compile')
  }

  #error(part: (i: number) => unknown, count: number, keep: <T extends object>(made: T) => T): object {
    const name = part(0)
    const standard = typeof name === 'string' && Object.hasOwn(ERRORS, name) ? ERRORS[name]! : Error
    const message = part(1)
    const error = keep(typeof message === 'string' ? new standard(message) : new standard())
    const hidden = { writable: true, enumerable: false, configurable: true }
    Object.defineProperty(error, 'stack', { value: part(2), ...hidden })
    if (count > 3) Object.defineProperty(error, 'cause', { value: part(3), ...hidden })
    return error
  }

  #view(buffer: unknown, offset: unknown, length: unknown, type: unknown): object {
    const name = VIEWS[Number(type)]
    const View = name === undefined ? undefined : (globalThis as unknown as Record<string, unknown>)[name]
    try {
      if (typeof View === 'function' && buffer instanceof ArrayBuffer) {
        return Reflect.construct(View, [buffer, offset, length]) as object
      }
    } catch {
      // Falls through.
    }
    throw corrupt(this.#core.name, `a view of ${String(length)} elements at ${String(offset)} does not fit its buffer`)
  }
}

/** A property of a plain object; `__proto__` is a name like any other. */
export function define(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  else object[key] = value
}
