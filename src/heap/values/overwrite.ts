// heap/values: storing a value where another one lies. A short text, and a flat object of the same shape, keep the blocks
// of what they replace: nothing is taken, nothing is freed, and only words that differ are logged. Needs a transaction
// that has touched the container's stripe.
//
// Crash windows: every word is logged before it is stored, as any word of living memory.

import { CLASS_OF } from '../blocks/classes.js'
import { KIND_MASK } from '../blocks/pages.layout.js'
import type { Core } from '../core.js'
import { O_OUTSIDE, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import { sameKeys } from '../kinds/object/shapes.js'
import { isPlain } from './encode.js'
import { setNumber, slot } from './slots.js'
import { OBJECT, SHARED, TAG_BLOCK, TAG_REF, TAG_STRING, WIDE } from './values.layout.js'

/** Beyond so many characters a fresh block, filled without a log, costs less. */
const TEXT_MAX = 48

export class Overwriter {
  /** Properties of the last value given to `object`, in order, when it has read them in vain: getters run once. */
  read: readonly unknown[] | undefined = undefined
  readonly #core: Core
  readonly #parts: unknown[] = []

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * A text over the one that a slot leads to.
   *
   * @returns false when it does not fit there. Words of the old text may be gone then: its block must be dropped.
   */
  text(slotWord: number, text: string): boolean {
    const { arena } = this.#core
    const { i32 } = arena
    if (i32[slotWord + 1] !== TAG_STRING) return false
    const b = i32[slotWord]! << 1
    const length = text.length
    const before = i32[b + 2]!
    if (length > TEXT_MAX || !(before >= 0 && before <= TEXT_MAX) || (i32[b + 1]! & WIDE) !== 0) return false
    // Of the same size class: the block is as long as its text needs, whatever has lain here.
    if (length !== before && CLASS_OF[(length + 19) >> 3] !== CLASS_OF[(before + 19) >> 3]) return false
    let word = b + 3
    let i = 0
    for (; i + 4 <= length; i += 4, word++) {
      const first = text.charCodeAt(i)
      const second = text.charCodeAt(i + 1)
      const third = text.charCodeAt(i + 2)
      const fourth = text.charCodeAt(i + 3)
      if ((first | second | third | fourth) > 255) return false
      const four = first | (second << 8) | (third << 16) | (fourth << 24)
      if (i32[word] !== four) arena.put(word, four)
    }
    if (i < length) {
      let rest = i32[word]!
      for (let shift = 0; i < length; i++, shift += 8) {
        const char = text.charCodeAt(i)
        if (char > 255) return false
        rest = (rest & ~(255 << shift)) | (char << shift)
      }
      if (i32[word] !== rest) arena.put(word, rest)
    }
    if (length !== before) arena.put(b + 2, length)
    return true
  }

  /**
   * A plain object over the OBJECT block at `pointer`: handles to what was there are stale from then on. Only as the one
   * operation of its transaction: nobody can have got a handle to the new one before it is there for good.
   *
   * @returns false, with nothing changed, when it is no flat object of the same shape.
   * @throws whatever a getter throws, MemlaneError `ERR_NO_SPACE`, `ERR_TX_TOO_BIG`.
   */
  object(pointer: number, value: object): boolean {
    const { arena, adapter, shapes } = this.#core
    const { i32 } = arena
    const o = pointer << 1
    this.read = undefined
    const id = i32[o + O_SHAPE]!
    if ((i32[o + 1]! & (KIND_MASK | SHARED)) !== OBJECT || id === TABLE || i32[o + O_OUTSIDE] !== 0) return false
    if (!isPlain(value) || adapter.unwrap(value) !== undefined) return false
    const keys = Object.keys(value)
    if (!sameKeys(shapes.get(id).keys, keys)) return false
    const count = keys.length
    const first = (pointer + O_UNITS) << 1
    for (let i = 0; i < count; i++) {
      const high = i32[first + 2 * i + 1]
      if (high === TAG_BLOCK || high === TAG_REF) return false
    }

    const parts = this.#parts
    const { joins } = arena
    let flat = true
    for (let i = 0; i < count; i++) {
      const part = (value as Record<string, unknown>)[keys[i]!]
      if (!isFlat(part)) flat = false
      parts[i] = part
    }
    // A getter may have changed this very entry.
    if (!flat || arena.joins !== joins) {
      this.read = parts
      return false
    }
    for (let i = 0; i < count; i++) {
      this.#put(first + 2 * i, parts[i])
      parts[i] = undefined
    }
    arena.put(o, (i32[o]! + 2) | 0)
    return true
  }

  #put(word: number, part: unknown): void {
    const { arena, blocks, encoder } = this.#core
    const { i32 } = arena
    const low = i32[word]!
    const high = i32[word + 1]!
    if (typeof part === 'number') setNumber(part)
    else {
      if (typeof part === 'string' && this.text(word, part)) return
      encoder.encode(part, 0, 0)
      slot.low = encoder.low
      slot.high = encoder.high
    }
    if (slot.low === low && slot.high === high) return
    arena.put2(word, slot.low, slot.high)
    if (high === TAG_STRING) blocks.drop(low)
  }
}

/** True for what needs no block, or a STRING. */
function isFlat(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
    case 'string':
    case 'boolean':
    case 'undefined':
      return true
    default:
      return value === null
  }
}
