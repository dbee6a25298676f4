// heap/kinds/object: shapes. A shape is its parent and one more property name; all of a heap's form a tree, kept as a list of
// SHAPE blocks in which each comes behind its parent. Each handle keeps what it has read of it.
//
// There are not many: a heap has room for some per page, and what needs one more, or has a long name, becomes a TABLE. Before that,
// whoever needs one looks at all objects of the heap and frees the shapes that none of them has.
//
//   id    31 .. 12  epoch: how often shapes were freed before this one was made  |  11 .. 0  place, 1 to 4095
//
// So an id never means another shape, and whoever still has an old one reads what it meant. Handles that see another epoch in
// the header read the list anew before they make use of a shape that no object need have.
//
// Crash windows: a new SHAPE is filled before H_SHAPES_LAST, the last one's `next` and H_SHAPES lead to it, all logged. Freeing
// takes them out of the list, all logged; their blocks are free at the commit.

import type { Arena } from '../../arena/arena.js'
import type { Allocator } from '../../blocks/allocator.js'
import { corrupt } from '../../corrupt.js'
import { H_SHAPES, H_SHAPES_EPOCH, H_SHAPES_FIRST, H_SHAPES_LAST } from '../../heap.layout.js'
import { OBJECT, SHAPE, STRING, WIDE } from '../../values/values.layout.js'
import type { TextBytes } from '../text/text.js'
import { isLatin1 } from '../text/text.js'
import { O_SHAPE, SHAPED_MAX, SHAPES_MAX } from './object.layout.js'

/** Word offsets in a SHAPE block. */
export const S_ID: number = 2
export const S_PARENT: number = 3
/** Pointer to the STRING block with the name. */
export const S_NAME: number = 4
export const S_NEXT: number = 5

const PLACE_MASK = SHAPES_MAX - 1
const EPOCHS_MAX = 2 ** 31 / SHAPES_MAX - 1
/** Shapes that a heap has room for: with names of some length they fill a hundredth of it. */
const SHAPES_PER_PAGE = 2
const SHAPES_LEAST = 128
/** Objects with a longer property name are TABLEs, which own their names. */
const NAME_MAX = 256
/** Shapes that are freed at once, and words of the log for each. */
const FREED_MAX = 1024
const FREED_LEAST = 8
const FREED_WORDS = 16
const S_UNITS = 3

export class Shape {
  readonly id: number
  readonly keys: readonly string[]
  /** The same without its last property; `undefined`: it has none. */
  readonly parent: Shape | undefined
  readonly transitions: Map<string, Shape> = new Map()
  readonly #index: Map<string, number>
  #ordered: readonly string[] | undefined
  #lastKey: string
  #lastIndex: number

  constructor(id: number, keys: readonly string[], parent: Shape | undefined) {
    this.id = id
    this.parent = parent
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
  /** Calls `visit` with every living block. Set by the heap. */
  living: (visit: (pointer: number) => void) => void = () => {}
  readonly #arena: Arena
  readonly #blocks: Allocator
  readonly #text: TextBytes
  readonly #most: number
  /** By place: the low bits of an id. */
  #empty: Shape = new Shape(0, [], undefined)
  #known: (Shape | undefined)[] = [this.#empty]
  /** The last SHAPE that was read; 0: none. */
  #last = 0
  #epoch = 0
  #count = 0
  #recent: Shape = this.#empty
  #older: Shape = this.#empty
  /** Ids of shapes that were given out in the transaction of this version: an object may be about to get them. */
  readonly #given: Set<number> = new Set()
  #givenAt = 0
  /** Shapes that were not made because there were too many, and how many of them it takes to look for unused ones again. */
  #refused = 0
  #patience = 0

  constructor(arena: Arena, blocks: Allocator, text: TextBytes) {
    this.#arena = arena
    this.#blocks = blocks
    this.#text = text
    this.#most = Math.min(SHAPES_MAX - 1, Math.max(SHAPES_LEAST, blocks.pagesMax * SHAPES_PER_PAGE))
  }

  get empty(): Shape {
    return this.#empty
  }

  /** A shape this handle has read; `undefined` for one it has not. */
  known(id: number): Shape | undefined {
    const shape = this.#known[id & PLACE_MASK]
    return shape !== undefined && shape.id === id ? shape : undefined
  }

  /** The shape of an id. @throws MemlaneError `ERR_CORRUPT` when there is none; inside an optimistic read that may pass. */
  get(id: number): Shape {
    return this.known(id) ?? this.#learn(id)
  }

  #learn(id: number): Shape {
    const arena = this.#arena
    // Under the lock: the list may be read by others while it grows, but what is learned here is remembered. A read-only
    // handle has no lock, and forgets what it read in vain.
    let again = false
    let held = false
    try {
      arena.readLocked(() => {
        if (again) this.forget()
        again = true
        this.#load()
      })
      held = true
    } finally {
      if (!held) this.forget()
    }
    const shape = this.known(id)
    if (shape === undefined) throw corrupt(arena.segment.name, `there is no shape ${id} among ${this.#count}`)
    return shape
  }

  /** Reads the shapes that others have made. Needs the lock. */
  #load(): void {
    const { i32, base, segment } = this.#arena
    const epoch = i32[base + H_SHAPES_EPOCH]!
    if (epoch !== this.#epoch) {
      this.forget()
      this.#epoch = epoch
    }
    for (;;) {
      const pointer = this.#last === 0 ? i32[base + H_SHAPES_FIRST]! : (i32[(this.#last << 1) + S_NEXT] ?? 0)
      if (pointer === 0) return
      const word = pointer << 1
      const id = i32[word + S_ID] ?? 0
      const parent = this.known(i32[word + S_PARENT] ?? -1)
      if (
        pointer < 0 ||
        (i32[word + 1]! & 0xff) !== SHAPE ||
        id <= 0 ||
        this.#known[id & PLACE_MASK] !== undefined ||
        parent === undefined
      )
        throw corrupt(segment.name, `shape ${id}, after ${this.#count} others, is not where it should be`)
      const name = this.#readName(i32[word + S_NAME]!)
      if (parent.indexOf(name) >= 0) throw corrupt(segment.name, `shape ${id} has a property twice`)
      this.#add(id, parent, name)
      this.#last = pointer
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

  #add(id: number, parent: Shape, name: string): Shape {
    const shape = new Shape(id, [...parent.keys, name], parent)
    while (this.#known.length < (id & PLACE_MASK)) this.#known.push(undefined)
    this.#known[id & PLACE_MASK] = shape
    this.#count++
    parent.transitions.set(name, shape)
    return shape
  }

  /** The shape of these property names in this order; `undefined` when a TABLE is better. Needs a transaction. */
  of(keys: readonly string[]): Shape | undefined {
    if (this.#arena.i32[this.#arena.base + H_SHAPES_EPOCH] === this.#epoch) {
      const recent = this.#recent
      if (sameKeys(recent.keys, keys)) return recent
      const older = this.#older
      if (sameKeys(older.keys, keys)) {
        this.#older = recent
        this.#recent = older
        return older
      }
    }
    if (keys.length > SHAPED_MAX) return undefined
    let shape: Shape | undefined = this.#empty
    for (let i = 0; i < keys.length && shape !== undefined; i++) shape = this.with(shape, keys[i]!)
    if (shape !== undefined) {
      this.#give(this.#older)
      this.#older = this.#recent
      this.#recent = shape
    }
    return shape
  }

  /** Somebody may be about to make an object of this shape, in this transaction. */
  #give(shape: Shape): void {
    const version = this.#arena.i32[this.#arena.version]!
    if (version !== this.#givenAt) this.#given.clear()
    this.#givenAt = version
    this.#given.add(shape.id)
  }

  /** The shape with one more property; `undefined` when a TABLE is better. Needs a transaction. */
  with(from: Shape, name: string): Shape | undefined {
    let shape = from
    if (this.#arena.i32[this.#arena.base + H_SHAPES_EPOCH] !== this.#epoch) {
      this.#load()
      shape = this.get(from.id)
    }
    const known = shape.transitions.get(name)
    if (known !== undefined) return known
    if (shape.keys.length >= SHAPED_MAX || name.length > NAME_MAX) return undefined
    this.#load()
    const loaded = shape.transitions.get(name)
    if (loaded !== undefined) return loaded
    if (this.#count >= this.#most && !this.#makeRoom(shape)) return undefined
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
    let place = 1
    while (this.#known[place] !== undefined) place++
    const id = this.#epoch * SHAPES_MAX + place
    const word = pointer << 1
    i32[word + S_ID] = id
    i32[word + S_PARENT] = parent.id
    i32[word + S_NAME] = text
    i32[word + S_NEXT] = 0
    const last = i32[base + H_SHAPES_LAST]!
    if (last === 0) arena.put(base + H_SHAPES_FIRST, pointer)
    else arena.put((last << 1) + S_NEXT, pointer)
    arena.put(base + H_SHAPES_LAST, pointer)
    const shape = this.#add(id, parent, name)
    arena.put(base + H_SHAPES, this.#count)
    this.#last = pointer
    return shape
  }

  /** Frees shapes that no object has. @returns false when there is no more room than before. */
  #makeRoom(keep: Shape): boolean {
    if (this.#refused++ < this.#patience || this.#epoch >= EPOCHS_MAX) return false
    const arena = this.#arena
    // Each that goes takes some words of the log, now and when its blocks are freed.
    const most = Math.min(FREED_MAX, ((arena.logRoom - arena.logged) / FREED_WORDS) | 0)
    if (most < FREED_LEAST) return false
    const used = new Set<Shape>()
    const use = (shape: Shape | undefined): void => {
      for (let one = shape; one !== undefined && !used.has(one); one = one.parent) used.add(one)
    }
    let objects = 0
    this.living((pointer) => {
      const o = pointer << 1
      if ((arena.i32[o + 1]! & 0xff) !== OBJECT) return
      objects++
      use(this.known(arena.i32[o + O_SHAPE]!))
    })
    for (const shape of [keep, this.#recent, this.#older]) use(shape)
    if (this.#givenAt === arena.i32[arena.version]) for (const id of this.#given) use(this.known(id))
    const freed = this.#free(used, most)
    this.#refused = 0
    // Where nearly all are in use, looking again soon would be in vain.
    this.#patience = freed >= most / 2 ? 0 : Math.max(this.#most, objects >> 3)
    return freed > 0
  }

  /** Frees the last of those that are not in use: whoever comes from one of them comes later in the list. @returns how many. */
  #free(used: Set<Shape>, most: number): number {
    const arena = this.#arena
    const { i32, base, segment } = arena
    const list: number[] = []
    for (let pointer = i32[base + H_SHAPES_FIRST]!; pointer !== 0; pointer = i32[(pointer << 1) + S_NEXT] ?? 0) {
      if (list.push(pointer) > this.#count || this.known(i32[(pointer << 1) + S_ID] ?? 0) === undefined)
        throw corrupt(segment.name, 'its list of shapes is not what it was')
    }
    let freed = 0
    let next = 0
    for (let at = list.length - 1; at >= 0; at--) {
      const word = list[at]! << 1
      const shape = this.known(i32[word + S_ID]!)!
      if (used.has(shape) || freed === most) {
        if (i32[word + S_NEXT] !== next) arena.put(word + S_NEXT, next)
        if (next === 0) arena.put(base + H_SHAPES_LAST, list[at]!)
        next = list[at]!
        continue
      }
      freed++
      this.#blocks.drop(i32[word + S_NAME]!)
      this.#blocks.drop(list[at]!)
      this.#known[shape.id & PLACE_MASK] = undefined
      shape.parent!.transitions.delete(shape.keys[shape.keys.length - 1]!)
    }
    if (freed === 0) return 0
    this.#count -= freed
    this.#epoch++
    if (i32[base + H_SHAPES_FIRST] !== next) arena.put(base + H_SHAPES_FIRST, next)
    if (next === 0) arena.put(base + H_SHAPES_LAST, 0)
    arena.put(base + H_SHAPES, this.#count)
    arena.put(base + H_SHAPES_EPOCH, this.#epoch)
    this.#last = i32[base + H_SHAPES_LAST]!
    return freed
  }

  /** Shapes, and the bytes of their blocks. Needs the lock. */
  figures(): { count: number; bytes: number } {
    const { i32, base, segment } = this.#arena
    let count = 0
    let units = 0
    for (let pointer = i32[base + H_SHAPES_FIRST]!; pointer !== 0; pointer = i32[(pointer << 1) + S_NEXT] ?? 0) {
      if (++count >= SHAPES_MAX) throw corrupt(segment.name, 'its list of shapes does not end')
      units += this.#blocks.unitsOf(pointer) + this.#blocks.unitsOf(i32[(pointer << 1) + S_NAME] ?? 0)
    }
    return { count, bytes: units * 8 }
  }

  /** Forgets all that was read: after a roll back, it may not be there. */
  forget(): void {
    if (this.#count === 0 && this.#last === 0) return
    this.#give(this.#recent)
    this.#give(this.#older)
    this.#empty = new Shape(0, [], undefined)
    this.#known = [this.#empty]
    this.#last = 0
    this.#count = 0
    // No epoch is below 0: the next look reads it.
    this.#epoch = -1
    this.#recent = this.#older = this.#empty
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
