// heap/kinds/map: entries. Finding one by its key, adding, unlinking, and walking them in insertion order. What an entry's
// value is, others know. All that changes needs a transaction; what reads is total on any bytes.

import { wrongType } from '../../../errors.js'
import type { Arena } from '../../arena/arena.js'
import type { Allocator } from '../../blocks/allocator.js'
import { corrupt } from '../../corrupt.js'
import { getConstant, isDouble, setConstant, setNumber, slot } from '../../values/slots.js'
import { ENTRY, MAP, TAG_CONST, TAG_INT } from '../../values/values.layout.js'
import { isLatin1, type TextBytes } from '../text/text.js'
import { Buckets } from './buckets.js'
import { hashSlot, hashText } from './hash.js'
import {
  B_FIRST,
  B_OVERFLOW,
  B_SLOTS,
  D_DEPTH,
  D_FIRST,
  E_HASH,
  E_KEY,
  E_KEY_SLOT,
  E_MAP,
  E_NEXT,
  E_PREV,
  E_SEQUENCE,
  E_TEXT_BYTE,
  E_VALUE,
  KEY_BIGINT,
  KEY_LATIN1,
  KEY_SLOT,
  KEY_WIDE,
  M_DIRECTORY,
  M_EPOCH,
  M_HEAD,
  M_ROOT,
  M_SEQUENCE,
  M_SIZE,
  M_TAIL,
  M_UNITS,
  M_WATCH,
} from './map.layout.js'

/** What can be a key of a map or a value of a set. */
export type Key = string | number | bigint | boolean | null | undefined

export class MapIndex {
  readonly buckets: Buckets
  readonly #arena: Arena
  readonly #blocks: Allocator
  readonly #text: TextBytes
  readonly #seed: number

  constructor(arena: Arena, blocks: Allocator, text: TextBytes, seed: number) {
    this.#arena = arena
    this.#blocks = blocks
    this.#text = text
    this.#seed = seed
    this.buckets = new Buckets(arena, blocks)
  }

  /** A new empty map. */
  create(root: number): number {
    const { i32, f64 } = this.#arena
    const map = this.#blocks.take(M_UNITS, MAP, 0)
    const m = map << 1
    i32[m + M_SIZE] = 0
    i32[m + M_DIRECTORY] = 0
    i32[m + M_HEAD] = 0
    i32[m + M_TAIL] = 0
    f64[map + M_SEQUENCE] = 1
    i32[m + M_WATCH] = 0
    i32[m + M_WATCH + 1] = 0
    i32[m + M_ROOT] = root
    i32[m + M_EPOCH] = 0
    return map
  }

  // ---- keys

  /** @throws MemlaneError `ERR_TYPE` for what is no primitive, or a symbol. */
  hash(key: Key): number {
    if (typeof key === 'string') return hashText(key, this.#seed)
    if (typeof key === 'number') setNumber(key === 0 ? 0 : key)
    else if (typeof key === 'bigint') return hashText(key.toString(16), this.#seed ^ 0x5bd1e995)
    else if (key === null || key === undefined || typeof key === 'boolean') setConstant(key)
    else throw wrongType('key', 'a string, number, bigint, boolean, null or undefined', key)
    return hashSlot(slot.low, slot.high, this.#seed)
  }

  keyEquals(entry: number, key: Key): boolean {
    if (typeof key === 'string') {
      const word = (entry << 1) + E_KEY
      if (this.#arena.i32[word] === key.length << 3) return this.#sameLatin1(word + 1, key)
    }
    return this.#equalsOther(entry, key)
  }

  #equalsOther(entry: number, key: Key): boolean {
    const { i32 } = this.#arena
    const e = entry << 1
    const meta = i32[e + E_KEY]!
    const type = meta & 7
    if (typeof key === 'string') {
      return meta === ((key.length << 3) | KEY_WIDE) && this.#text.equals(entry * 8 + E_TEXT_BYTE, key, true)
    }
    if (typeof key === 'bigint') {
      if (type !== KEY_BIGINT) return false
      const text = key.toString(16)
      return meta >> 3 === text.length && this.#text.equals(entry * 8 + E_TEXT_BYTE, text, false)
    }
    if (type !== KEY_SLOT) return false
    if (typeof key === 'number') setNumber(key === 0 ? 0 : key)
    else setConstant(key)
    return i32[e + E_KEY_SLOT] === slot.low && i32[e + E_KEY_SLOT + 1] === slot.high
  }

  /** Four characters at a time. A key with a character that is not latin1 is equal to none that is stored so. */
  #sameLatin1(word: number, key: string): boolean {
    const { i32, u8 } = this.#arena
    const length = key.length
    let i = 0
    for (; i + 4 <= length; i += 4) {
      const a = key.charCodeAt(i)
      const b = key.charCodeAt(i + 1)
      const c = key.charCodeAt(i + 2)
      const d = key.charCodeAt(i + 3)
      if ((a | b | c | d) > 255 || i32[word + (i >> 2)] !== (a | (b << 8) | (c << 16) | (d << 24))) return false
    }
    for (; i < length; i++) {
      if (u8[word * 4 + i] !== key.charCodeAt(i)) return false
    }
    return true
  }

  keyOf(entry: number): Key {
    const { i32, f64, segment } = this.#arena
    const e = entry << 1
    const meta = i32[e + E_KEY]!
    const type = meta & 7
    const length = meta >>> 3
    if (type === KEY_SLOT) {
      const high = i32[e + E_KEY_SLOT + 1]!
      if (isDouble(high)) return f64[entry + E_KEY_SLOT / 2]!
      if (high === TAG_INT) return i32[e + E_KEY_SLOT]!
      if (high === TAG_CONST) return getConstant(i32[e + E_KEY_SLOT]!)
      throw corrupt(segment.name, 'a key is of no known kind')
    }
    if (length > 64 && length > this.#blocks.unitsOf(entry) * 8)
      throw corrupt(segment.name, `a key of ${length} characters`)
    const text = this.#text.read(entry * 8 + E_TEXT_BYTE, length, type === KEY_WIDE)
    if (type !== KEY_BIGINT) return text
    if (!/^-?[0-9a-f]+$/.test(text)) throw corrupt(segment.name, 'a bigint key has no digits')
    return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`)
  }

  // ---- finding

  /**
   * The entry of a key; 0: none. Total.
   *
   * The comparison of latin1 keys stands here once more: with it this is too long for V8 to be compiled into its callers
   * (more than 460 bytes of bytecode), which leaves them room for what comes after, and is compiled well by itself.
   */
  find(map: number, hash: number, key: Key): number {
    const { i32, u8 } = this.#arena
    const directory = i32[(map << 1) + M_DIRECTORY]! << 1
    if (directory === 0) return 0
    const depth = i32[directory + D_DEPTH]! & 31
    const b = i32[directory + D_FIRST + (depth === 0 ? 0 : hash >>> (32 - depth))]! << 1
    const length = typeof key === 'string' ? key.length : -1
    let i = ((hash & 0xffff) * B_SLOTS) >>> 16
    for (let n = 0; n < B_SLOTS; n++) {
      const slotWord = b + B_FIRST + (i << 1)
      const entry = i32[slotWord + 1]!
      if (entry === 0) break
      if (i32[slotWord] === hash) {
        const word = (entry << 1) + E_KEY
        if (length >= 0 && i32[word] === length << 3) {
          const text = key as string
          let at = 0
          for (; at + 4 <= length; at += 4) {
            const c = text.charCodeAt(at)
            const d = text.charCodeAt(at + 1)
            const e = text.charCodeAt(at + 2)
            const f = text.charCodeAt(at + 3)
            if ((c | d | e | f) > 255 || i32[word + 1 + (at >> 2)] !== (c | (d << 8) | (e << 16) | (f << 24))) break
          }
          if (at + 4 > length) {
            while (at < length && u8[word * 4 + 4 + at] === text.charCodeAt(at)) at++
            if (at === length) return entry
          }
        } else if (this.#equalsOther(entry, key)) return entry
      }
      i = i + 1 === B_SLOTS ? 0 : i + 1
    }
    return i32[b + B_OVERFLOW] === 0 ? 0 : this.#findFurther(b, hash, key)
  }

  /** In the buckets that a full one overflows into. */
  #findFurther(first: number, hash: number, key: Key): number {
    const { i32, segment } = this.#arena
    let b = (i32[first + B_OVERFLOW] ?? 0) << 1
    for (let hops = 0; b !== 0; hops++) {
      for (let n = 0; n < B_SLOTS; n++) {
        const slotWord = b + B_FIRST + (n << 1)
        if (i32[slotWord] === hash && i32[slotWord + 1] !== 0 && this.keyEquals(i32[slotWord + 1]!, key))
          return i32[slotWord + 1]!
      }
      b = (i32[b + B_OVERFLOW] ?? 0) << 1
      if (hops > i32.length >> 7) throw corrupt(segment.name, 'a chain of buckets does not end')
    }
    return 0
  }

  // ---- changing

  /** A new entry at the end, its value slot `undefined` until the caller stores one: nobody sees it before the commit. */
  insert(map: number, hash: number, key: Key): number {
    const arena = this.#arena
    const { i32, f64, segment } = arena
    const m = map << 1
    const stripe = hash >>> 26
    if ((i32[m + 1]! & 0xff) !== MAP) throw corrupt(segment.name, 'an object has lost its table')
    arena.touch(stripe)
    const entry = this.#newEntry(key, stripe)
    const e = entry << 1
    const tail = i32[m + M_TAIL]!
    setConstant(undefined)
    i32[e + E_VALUE] = slot.low
    i32[e + E_VALUE + 1] = slot.high
    i32[e + E_HASH] = hash
    i32[e + E_MAP] = map
    i32[e + E_PREV] = tail
    i32[e + E_NEXT] = 0
    const sequence = f64[map + M_SEQUENCE]!
    f64[entry + E_SEQUENCE] = sequence
    setNumberBits(sequence + 1)
    arena.put2(m + 2 * M_SEQUENCE, bits[0]!, bits[1]!)
    arena.put(m + M_SIZE, i32[m + M_SIZE]! + 1)
    if (tail === 0) arena.put2(m + M_HEAD, entry, entry)
    else {
      arena.put((tail << 1) + E_NEXT, entry)
      arena.put(m + M_TAIL, entry)
    }
    this.buckets.add(map, hash, entry)
    return entry
  }

  #newEntry(key: Key, stripe: number): number {
    const { i32 } = this.#arena
    let text: string
    let type = KEY_LATIN1
    if (typeof key === 'string') {
      text = key
      if (!isLatin1(key)) type = KEY_WIDE
    } else if (typeof key === 'bigint') {
      text = key.toString(16)
      type = KEY_BIGINT
    } else {
      const entry = this.#blocks.take(7, ENTRY, stripe)
      const e = entry << 1
      this.hash(key) // leaves the slot
      i32[e + E_KEY] = KEY_SLOT
      i32[e + E_KEY_SLOT] = slot.low
      i32[e + E_KEY_SLOT + 1] = slot.high
      return entry
    }
    const bytes = type === KEY_WIDE ? text.length * 2 : text.length
    const entry = this.#blocks.take((E_TEXT_BYTE + bytes + 7) >> 3, ENTRY, stripe)
    i32[(entry << 1) + E_KEY] = type | (text.length << 3)
    this.#text.write(entry * 8 + E_TEXT_BYTE, text, type === KEY_WIDE)
    return entry
  }

  /**
   * Takes an entry out and frees it; its value is the caller's to free.
   *
   * @param keep the block lives on, for the key in it, and belongs to the caller.
   */
  remove(entry: number, keep: boolean = false): void {
    const arena = this.#arena
    const { i32, segment } = arena
    const e = entry << 1
    const map = i32[e + E_MAP]!
    const m = map << 1
    const hash = i32[e + E_HASH]!
    const prev = i32[e + E_PREV]!
    const next = i32[e + E_NEXT]!
    if ((i32[m + 1]! & 0xff) !== MAP) throw corrupt(segment.name, 'an entry belongs to no map')
    arena.touch(hash >>> 26)
    arena.put(m + M_SIZE, i32[m + M_SIZE]! - 1)
    if (prev === 0) arena.put(m + M_HEAD, next)
    else arena.put((prev << 1) + E_NEXT, next)
    if (next === 0) arena.put(m + M_TAIL, prev)
    else arena.put((next << 1) + E_PREV, prev)
    this.buckets.remove(map, hash, entry)
    if (keep) arena.put(e, (i32[e]! + 1) | 0)
    else this.#blocks.free(entry)
  }

  /** Frees all entries and the index; `visit` sees each entry first. */
  clear(map: number, visit: (entry: number) => void): void {
    const arena = this.#arena
    const { i32 } = arena
    const m = map << 1
    arena.touchPrefix(0, 0)
    // Nothing of an entry is overwritten before the commit.
    this.each(map, (entry) => {
      visit(entry)
      this.#blocks.drop(entry)
    })
    this.buckets.drop(map)
    arena.put2(m + M_HEAD, 0, 0)
    arena.put(m + M_SIZE, 0)
    arena.put(m + M_EPOCH, (i32[m + M_EPOCH]! + 1) | 0)
  }

  /** Visits the entries in insertion order. Total: a list that does not end is ERR_CORRUPT. */
  each(map: number, visit: (entry: number) => void): void {
    const { i32, f64, segment } = this.#arena
    let left = Math.min(i32[(map << 1) + M_SIZE]! >>> 0, i32.length / 12)
    let passed = 0
    for (let entry = i32[(map << 1) + M_HEAD] ?? 0; entry !== 0; entry = i32[(entry << 1) + E_NEXT] ?? 0) {
      if (--left < 0) throw corrupt(segment.name, 'a map has more entries than it counts')
      const sequence = f64[entry + E_SEQUENCE]!
      if (!(sequence > passed)) throw corrupt(segment.name, 'the entries of a map lead in circles')
      passed = sequence
      visit(entry)
    }
  }
}

const number = new Float64Array(1)
const bits = new Int32Array(number.buffer)

function setNumberBits(value: number): void {
  number[0] = value
}
