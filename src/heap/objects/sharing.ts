// heap/objects: from plain objects to shared ones, however they lead to each other. Each object and array becomes a block of its
// own, found by identity and filled in turn: no recursion, so a chain may be of any length. Strings, dates, buffers and all else
// belong to the object that has them. Needs a transaction.
//
// Crash windows: nothing leads to the new blocks before the last one is filled, so killed half way they are free again.

import { outOfRange } from '../../errors.js'
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
  CHUNK_SHIFT,
  CHUNK_SLOTS,
  FLAT,
  LENGTH_MAX,
  NO_ROOT,
} from '../kinds/list/list.layout.js'
import { E_VALUE } from '../kinds/map/map.layout.js'
import { CHUNK_UNITS, O_OUTSIDE, O_ROOM, O_ROOT, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import type { Shape } from '../kinds/object/shapes.js'
import { Encoder, namedProperty } from '../values/encode.js'
import { lengthOf } from '../values/intrinsics.js'
import { notCloneable } from '../values/not-cloneable.js'
import { ARRAY, CONST_HOLE, GRAPH, OBJECT, TAG_CONST } from '../values/values.layout.js'

/** An object whose block is there, and empty. */
interface Placed {
  readonly value: object
  readonly pointer: number
  readonly keys: readonly string[]
  readonly shape: Shape | undefined
  /** What led to it first, and by which name: for messages. */
  readonly parent: Placed | undefined
  readonly key: string | number
}

const NO_KEYS: readonly string[] = []

export class Sharing {
  /** The slot of the value. */
  low: number = 0
  high: number = 0
  readonly #core: Core
  readonly #encoder: Encoder
  readonly #places = new Map<object, number>()
  readonly #queue: Placed[] = []
  #filling: Placed | undefined
  #key: string | number = ''

  constructor(core: Core) {
    this.#core = core
    this.#encoder = new Encoder(core, this)
  }

  /**
   * Stores a value, and all that it leads to, and leaves its slot in `low` and `high`.
   *
   * @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_RANGE`, `ERR_STALE`, and whatever a getter throws.
   */
  encode(value: unknown): void {
    const { blocks, collector } = this.#core
    const before = blocks.taken
    this.#encoder.encode(value, 0, 0)
    this.low = this.#encoder.low
    this.high = this.#encoder.high
    for (let at = 0; at < this.#queue.length; at++) {
      const placed = this.#queue[at]!
      this.#filling = placed
      if (Array.isArray(placed.value)) this.#fillArray(placed.value, placed.pointer)
      else if (placed.shape === undefined) this.#fillTable(placed)
      else this.#fillObject(placed, placed.shape)
    }
    collector.born(blocks.taken - before)
  }

  /** Where the encoder is in the value, for messages. */
  path(): (string | number)[] {
    if (this.#filling === undefined) return []
    const path = [this.#key]
    for (let placed = this.#filling; placed.parent !== undefined; placed = placed.parent) path.unshift(placed.key)
    return path
  }

  /**
   * The block of an object or array, filled later.
   *
   * @param identity by which it is found again.
   * @param value the same, or its copy.
   */
  place(identity: object, value: object): number {
    const before = this.#places.get(identity)
    if (before !== undefined) return before
    const placed = Array.isArray(value) ? this.#placeArray(value) : this.#placeObject(identity, value)
    this.#places.set(identity, placed.pointer)
    this.#queue.push(placed)
    return placed.pointer
  }

  #placeObject(identity: object, value: object): Placed {
    const { arena, blocks, shapes, classes, adapter, objects, collector } = this.#core
    const { i32 } = arena
    const className = adapter.classOf?.(identity)
    const id = className === undefined ? 0 : classes.idOf(className)
    const keys = Object.keys(value)
    const shape = shapes.of(keys)
    const room = shape === undefined ? 0 : Allocator.fit(O_UNITS + keys.length) - O_UNITS
    const pointer = blocks.take(O_UNITS + room, OBJECT | GRAPH, objects.nextStripe() | collector.birthMark())
    const o = pointer << 1
    i32[o + O_SHAPE] = 0
    i32[o + O_ROOT] = -id
    i32[o + O_OUTSIDE] = 0
    i32[o + O_ROOM] = room
    return { value, pointer, keys, shape, parent: this.#filling, key: this.#key }
  }

  #placeArray(value: readonly unknown[]): Placed {
    const { arena, blocks, objects, collector } = this.#core
    const { i32 } = arena
    const pointer = blocks.take(A_UNITS, ARRAY | GRAPH, objects.nextStripe() | collector.birthMark())
    const a = pointer << 1
    i32[a + A_LENGTH] = 0
    i32[a + A_ROOT] = NO_ROOT
    i32[a + A_STORE] = 0
    i32[a + A_FIRST] = 0
    i32[a + A_ROOM] = 0
    i32[a + A_MODE] = FLAT
    i32[a + A_WATCH] = 0
    i32[a + A_WATCH + 1] = 0
    return { value, pointer, keys: NO_KEYS, shape: undefined, parent: this.#filling, key: this.#key }
  }

  #store(word: number, value: unknown, key: string | number): void {
    this.#key = key
    this.#encoder.encode(value, 0, 0)
    const { i32 } = this.#core.arena
    i32[word] = this.#encoder.low
    i32[word + 1] = this.#encoder.high
  }

  #fillObject({ value, pointer, keys }: Placed, shape: Shape): void {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      this.#store((pointer + O_UNITS + i) << 1, (value as Record<string, unknown>)[key], key)
    }
    const { i32 } = this.#core.arena
    i32[(pointer << 1) + O_SHAPE] = shape.id
  }

  #fillTable({ value, pointer, keys }: Placed): void {
    const { arena, index } = this.#core
    const { i32 } = arena
    const map = index.create(NO_ROOT)
    i32[(pointer << 1) + O_OUTSIDE] = map
    i32[(pointer << 1) + O_SHAPE] = TABLE
    for (const key of keys) {
      const entry = index.insert(map, index.hash(key), key)
      this.#store((entry << 1) + E_VALUE, (value as Record<string, unknown>)[key], key)
    }
  }

  #fillArray(value: readonly unknown[], pointer: number): void {
    const { i32 } = this.#core.arena
    const length = lengthOf(value)
    if (length > LENGTH_MAX) throw outOfRange('the length of an array', `at most ${LENGTH_MAX}`, length)
    const extra = namedProperty(value)
    if (extra !== undefined) {
      this.#key = extra
      const path = this.path()
      throw notCloneable((value as unknown as Record<string, unknown>)[extra], path, path.length)
    }
    const store = this.#encoder.layOut(length)
    const { room, mode } = this.#encoder
    for (let i = 0; i < length; i++) {
      const chunk = mode === FLAT ? store : i32[(store << 1) + C_FIRST + (i >> CHUNK_SHIFT)]!
      const word = (chunk + CHUNK_UNITS + (mode === FLAT ? i : i & (CHUNK_SLOTS - 1))) << 1
      if (i in value) this.#store(word, value[i], i)
      else {
        i32[word] = CONST_HOLE
        i32[word + 1] = TAG_CONST
      }
    }
    const a = pointer << 1
    i32[a + A_STORE] = store
    i32[a + A_ROOM] = room
    i32[a + A_MODE] = mode
    i32[a + A_LENGTH] = length
  }
}
