// heap/kinds/object: shapes. A shape is its parent and one more property name; all of a heap's form a tree, kept as a list of
// SHAPE blocks in order of their ids that only ever grows. Each handle keeps what it has read of it.
//
// Crash windows: a new SHAPE is filled before H_SHAPES_LAST, the last one's `next` and H_SHAPES lead to it, all logged.

import type { Arena } from '../../arena/arena.js'
import type { Allocator } from '../../blocks/allocator.js'
import { corrupt } from '../../corrupt.js'
import { H_SHAPES, H_SHAPES_FIRST, H_SHAPES_LAST } from '../../heap.layout.js'
import { SHAPE, STRING, WIDE } from '../../values/values.layout.js'
import type { TextBytes } from '../text/text.js'
import { isLatin1 } from '../text/text.js'
import { SHAPED_MAX, SHAPES_MAX } from './object.layout.js'

/** Word offsets in a SHAPE block. */
export const S_ID: number = 2
export const S_PARENT: number = 3
/** Pointer to the STRING block with the name. */
export const S_NAME: number = 4
export const S_NEXT: number = 5
const S_UNITS = 3

export class Shape {
  readonly id: number
  readonly keys: readonly string[]
  readonly transitions: Map<string, Shape> = new Map()
  readonly #index: Map<string, number>
  #ordered: readonly string[] | undefined
  #lastKey: string
  #lastIndex: number

  constructor(id: number, keys: readonly string[]) {
    this.id = id
    this.keys = keys
    this.#index = new Map(keys.map((key, index) => [key, index]))
    // Any name will do that is looked up as it should be; '' is a name like any other.
    this.#lastKey = ''
    this.#lastIndex = this.#index.get('') ?? -1
  }

  /** Slot of a property, or -1. Property names are mostly interned, so the last one is found by comparing pointers. */
  indexOf(key: string): number {
    if (key === this.#lastKey) return this.#lastIndex
    const index = this.#index.get(key) ?? -1
    this.#lastKey = key
    this.#lastIndex = index
    return index
  }

  /** Property names as Object.keys gives them: array indices first, ascending. */
  get ordered(): readonly string[] {
    this.#ordered ??= orderKeys(this.keys)
    return this.#ordered
  }
}

/** Array indices ascending, then the others as they came. */
export function orderKeys(keys: readonly string[]): readonly string[] {
  if (!keys.some(isIndex)) return keys
  return [...keys.filter(isIndex).sort((a, b) => Number(a) - Number(b)), ...keys.filter((key) => !isIndex(key))]
}

function isIndex(key: string): boolean {
  const first = key.charCodeAt(0)
  if (!(first >= 48 && first <= 57)) return false
  const number = Number(key)
  return number < 4294967295 && String(number >>> 0) === key
}

export class Shapes {
  readonly #arena: Arena
  readonly #blocks: Allocator
  readonly #text: TextBytes
  readonly #known: Shape[] = [new Shape(0, [])]
  #last = 0
  #recent: Shape
  #older: Shape

  constructor(arena: Arena, blocks: Allocator, text: TextBytes) {
    this.#arena = arena
    this.#blocks = blocks
    this.#text = text
    this.#recent = this.#older = this.#known[0]!
  }

  get empty(): Shape {
    return this.#known[0]!
  }

  /** A shape this handle has read; `undefined` for one it has not. */
  known(id: number): Shape | undefined {
    return this.#known[id]
  }

  /** The shape of an id. @throws MemlaneError `ERR_CORRUPT` when there is none; inside an optimistic read that may pass. */
  get(id: number): Shape {
    return this.#known[id] ?? this.#learn(id)
  }

  #learn(id: number): Shape {
    const arena = this.#arena
    if (!(id >= 0 && id < SHAPES_MAX)) throw corrupt(arena.segment.name, `a shape has the number ${id}`)
    // Under the lock: the list may be read by others while it grows, but what is learned here is remembered. A read-only
    // handle has no lock, and forgets what it read in vain.
    const before = this.#known.length
    const last = this.#last
    let held = false
    try {
      arena.readLocked(() => {
        this.#cut(before, last)
        this.#load(Math.min(id, arena.i32[arena.base + H_SHAPES]!))
      })
      held = true
    } finally {
      if (!held) this.#cut(before, last)
    }
    const shape = this.#known[id]
    if (shape === undefined) throw corrupt(arena.segment.name, `there is no shape ${id} among ${this.#known.length}`)
    return shape
  }

  /** Reads the shapes that others have added, up to a number. Needs the lock. */
  #load(count: number): void {
    const { i32, base, segment } = this.#arena
    while (this.#known.length <= count) {
      const pointer = this.#last === 0 ? i32[base + H_SHAPES_FIRST]! : i32[(this.#last << 1) + S_NEXT]!
      const word = pointer << 1
      const parent = this.#known[i32[word + S_PARENT]!]
      if (
        pointer <= 0 ||
        (i32[word + 1]! & 0xff) !== SHAPE ||
        i32[word + S_ID] !== this.#known.length ||
        parent === undefined
      ) {
        throw corrupt(segment.name, `shape ${this.#known.length} of ${count} is not where it should be`)
      }
      const name = this.#readName(i32[word + S_NAME]!)
      if (parent.indexOf(name) >= 0) throw corrupt(segment.name, `shape ${this.#known.length} has a property twice`)
      const shape = this.#add(parent, name)
      this.#last = pointer
      parent.transitions.set(name, shape)
    }
  }

  #readName(pointer: number): string {
    const { i32, segment } = this.#arena
    const word = pointer << 1
    const wide = (i32[word + 1]! & WIDE) !== 0
    const length = i32[word + 2]!
    if (!(length >= 0 && (wide ? length * 2 : length) <= this.#blocks.unitsOf(pointer) * 8 - 12))
      throw corrupt(segment.name, `the name of a property has ${length} characters`)
    return this.#text.read(pointer * 8 + 12, length, wide)
  }

  #add(parent: Shape, name: string): Shape {
    const shape = new Shape(this.#known.length, [...parent.keys, name])
    this.#known.push(shape)
    return shape
  }

  /** The shape of these property names in this order; `undefined` when a TABLE is better. Needs a transaction. */
  of(keys: readonly string[]): Shape | undefined {
    const recent = this.#recent
    if (sameKeys(recent.keys, keys)) return recent
    const older = this.#older
    if (sameKeys(older.keys, keys)) {
      this.#older = recent
      this.#recent = older
      return older
    }
    if (keys.length > SHAPED_MAX) return undefined
    let shape: Shape | undefined = this.#known[0]!
    for (let i = 0; i < keys.length && shape !== undefined; i++) shape = this.with(shape, keys[i]!)
    if (shape !== undefined) {
      this.#older = recent
      this.#recent = shape
    }
    return shape
  }

  /** The shape with one more property; `undefined` when a TABLE is better. Needs a transaction. */
  with(shape: Shape, name: string): Shape | undefined {
    const known = shape.transitions.get(name)
    if (known !== undefined) return known
    if (shape.keys.length >= SHAPED_MAX) return undefined
    this.#load(Math.min(this.#arena.i32[this.#arena.base + H_SHAPES]!, SHAPES_MAX))
    const loaded = shape.transitions.get(name)
    if (loaded !== undefined) return loaded
    if (this.#known.length >= SHAPES_MAX) return undefined
    return this.#create(shape, name)
  }

  #create(parent: Shape, name: string): Shape {
    const arena = this.#arena
    const { i32, base } = arena
    const wide = !isLatin1(name)
    const bytes = wide ? name.length * 2 : name.length
    const text = this.#blocks.take((12 + bytes + 7) >> 3, STRING | (wide ? WIDE : 0), 0)
    i32[(text << 1) + 2] = name.length
    this.#text.write(text * 8 + 12, name, wide)
    const pointer = this.#blocks.take(S_UNITS, SHAPE, 0)
    const word = pointer << 1
    i32[word + S_ID] = this.#known.length
    i32[word + S_PARENT] = parent.id
    i32[word + S_NAME] = text
    i32[word + S_NEXT] = 0
    const last = i32[base + H_SHAPES_LAST]!
    if (last === 0) arena.put(base + H_SHAPES_FIRST, pointer)
    else arena.put((last << 1) + S_NEXT, pointer)
    arena.put(base + H_SHAPES_LAST, pointer)
    arena.put(base + H_SHAPES, this.#known.length)
    const shape = this.#add(parent, name)
    this.#last = pointer
    parent.transitions.set(name, shape)
    return shape
  }

  /** After a roll back: forgets shapes that the heap does not have any more. */
  forget(): void {
    const { i32, base } = this.#arena
    const count = i32[base + H_SHAPES]!
    // There is always the shape without properties, whatever a damaged heap says.
    this.#cut(Math.max(1, count + 1), i32[base + H_SHAPES_LAST]!)
  }

  /** Keeps the first so many shapes that are known, the last of which lies at `last`. */
  #cut(count: number, last: number): void {
    if (this.#known.length <= count) return
    for (const shape of this.#known.splice(count)) {
      for (const kept of this.#known) {
        const name = shape.keys[shape.keys.length - 1]!
        if (kept.transitions.get(name) === shape) kept.transitions.delete(name)
      }
    }
    this.#last = last
    this.#recent = this.#older = this.#known[0]!
  }
}

/** True when the names are the same, in the same order. */
export function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false
  }
  return true
}
