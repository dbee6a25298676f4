// heap/handles: a live plain object inside a value.

import { inspect } from 'node:util'
import { STALE_MARK, shown } from '../../printable.js'
import { pause, whenFull } from '../arena/arena.js'
import { Allocator } from '../blocks/allocator.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { STRIPE_STEP } from '../heap.layout.js'
import { NO_ROOT } from '../kinds/list/list.layout.js'
import { E_VALUE } from '../kinds/map/map.layout.js'
import { CHUNK_UNITS, O_OUTSIDE, O_ROOM, O_ROOT, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import { orderKeys } from '../kinds/object/shapes.js'
import { NOT_QUICK } from '../values/decode.js'
import { setNumber, slot } from '../values/slots.js'
import {
  CHUNK,
  CONST_UNDEFINED,
  FIRST_TAG,
  GRAPH,
  OBJECT,
  SHARED,
  TAG_CONST,
  TAG_INT,
  TAG_REF,
} from '../values/values.layout.js'
import { gone, Handle, isSameHeap } from './handle.js'

const QUICK = 4

/**
 * What a Handle is, without extending it: each get of a map makes one of these, and an instance of a derived class costs
 * V8 three times as much.
 */
export class HeapObject {
  readonly #core: Core
  readonly #pointer: number
  readonly #stripe: number
  readonly #generation: number
  readonly #carve: number
  readonly #carveWord: number

  /** @internal */
  constructor(core: Core, pointer: number) {
    const { arena, blocks } = core
    this.#core = core
    this.#pointer = pointer
    this.#stripe = Handle.stripeOf(core, pointer)
    this.#carveWord = blocks.carveWord(pointer)
    this.#generation = arena.i32[pointer << 1]!
    this.#carve = arena.i32[this.#carveWord]!
  }

  /** @internal */
  get isFresh(): boolean {
    const { i32 } = this.#core.arena
    return i32[this.#pointer << 1] === this.#generation && i32[this.#carveWord] === this.#carve
  }

  #check(): void {
    if (!this.isFresh) throw gone(this.#core, 'object')
  }

  /** @internal Where the shared object lies; 0 when it is part of a value. @throws MemlaneError `ERR_STALE`, `ERR_CLOSED`. */
  sharedAt(): number {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.#check()
      return (arena.i32[(this.#pointer << 1) + 1]! & GRAPH) === 0 ? 0 : this.#pointer
    })
  }

  /** @internal */
  isOf(core: Core): boolean {
    return isSameHeap(this.#core, core)
  }

  /** @internal */
  heapName(): string {
    return this.#core.name
  }

  /** @internal True when both stand for the very same object. */
  same(other: unknown): boolean {
    return (
      other instanceof HeapObject &&
      other.#pointer === this.#pointer &&
      other.#generation === this.#generation &&
      other.#carve === this.#carve &&
      isSameHeap(other.#core, this.#core)
    )
  }

  static {
    Object.defineProperty(HeapObject.prototype, inspect.custom, {
      // util.inspect looks through a Proxy over this handle, and calls it with the Proxy: that answers for itself.
      value(this: { [inspect.custom](): unknown }): unknown {
        return #core in this
          ? shown(() => (this as unknown as HeapObject).snapshot(STALE_MARK))
          : this[inspect.custom]()
      },
    })
  }

  /** Word of a property's slot; 0: there is none. Total. */
  #find(key: string): number {
    const { arena, shapes, index } = this.#core
    const { i32 } = arena
    const o = this.#pointer << 1
    const id = i32[o + O_SHAPE]!
    if (id === TABLE) {
      const entry = index.find(i32[o + O_OUTSIDE]!, index.hash(key), key)
      return entry === 0 ? 0 : (entry << 1) + E_VALUE
    }
    const at = shapes.get(id).indexOf(key)
    if (at < 0) return 0
    return slotWord(i32, this.#pointer, at)
  }

  /** @throws MemlaneError `ERR_STALE` once the value was overwritten or deleted, `ERR_CLOSED`, `ERR_CORRUPT`. */
  get(key: string): unknown {
    const { arena, shapes, decoder, objects } = this.#core
    const { i32, f64, memory } = arena
    const version = arena.stripes + this.#stripe * STRIPE_STEP
    const o = this.#pointer << 1
    if (arena.depth === 0) {
      for (let attempt = 0; attempt < QUICK; attempt++) {
        const seen = memory.loadVersion(version)
        const shape = shapes.known(i32[o + O_SHAPE]!)
        if ((seen & 1) !== 0 || !this.isFresh || shape === undefined) {
          pause(attempt)
          continue
        }
        const at = shape.indexOf(key)
        if (at < 0) {
          if (memory.checkVersion(version, seen)) return undefined
          continue
        }
        const word = slotWord(i32, this.#pointer, at)
        const high = i32[word + 1]!
        if (high >= 0 || high < FIRST_TAG) {
          const value = f64[word >> 1]
          // Zero is an integer elsewhere (setNumber): these may be the bytes of a page that is gone. read() tells.
          if (value !== 0 && memory.checkVersion(version, seen)) return value
        } else if (high === TAG_INT) {
          const value = i32[word]
          if (memory.checkVersion(version, seen)) return value
        } else if (high === TAG_REF) {
          const value = objects.known(i32[word]!)
          if (value === undefined) break
          if (memory.checkVersion(version, seen)) return value
        } else {
          const value = decoder.quick(i32[word]!, high)
          if (value === NOT_QUICK) break
          if (memory.checkVersion(version, seen)) return value
        }
      }
    }
    return arena.read(version, () => {
      this.#check()
      const word = this.#find(key)
      return word === 0 ? undefined : decoder.read(word)
    })
  }

  has(key: string): boolean {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.#check()
      return this.#find(key) !== 0
    })
  }

  /** Property names as Object.keys orders them. */
  keys(): readonly string[] {
    const { arena, shapes, index } = this.#core
    const { i32 } = arena
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.#check()
      const o = this.#pointer << 1
      if (i32[o + O_SHAPE] !== TABLE) return shapes.get(i32[o + O_SHAPE]!).ordered
      const keys: string[] = []
      index.each(i32[o + O_OUTSIDE]!, (entry) => keys.push(String(index.keyOf(entry))))
      // The engine insists on that, and says so in a way of its own.
      if (new Set(keys).size !== keys.length) throw corrupt(this.#core.name, 'an object has a property twice')
      return orderKeys(keys)
    })
  }

  /** @throws MemlaneError `ERR_STALE`, `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_TX_TOO_BIG`. */
  set(key: string, value: unknown): void {
    this.#core.arena.change(HeapObject.#setWork, this, key, value)
  }

  static #setWork(this: void, object: HeapObject, key: string, value: unknown): void {
    object.#check()
    object.#set(key, value)
  }

  #set(key: string, value: unknown): void {
    const { arena, graph, overwriter, watches } = this.#core
    const root = arena.i32[(this.#pointer << 1) + O_ROOT]!
    if (typeof value === 'number') setNumber(value)
    else if (typeof value !== 'string') this.#encode(value, root)
    let { low, high } = slot
    arena.touch(this.#stripe)
    let word = this.#find(key)
    if (typeof value !== 'string' || word === 0 || !overwriter.text(word, value)) {
      if (typeof value === 'string') {
        this.#encode(value, root)
        low = slot.low
        high = slot.high
      }
      if (word === 0) word = this.#append(key)
      graph.replace(this.#pointer, word, low, high)
    }
    if (root > 0) watches.noteRoot(root)
  }

  /** Of the value that this is part of, when it was given with shared references; else 0. */
  get #sharedRoot(): number {
    const { arena, graph } = this.#core
    return graph.isShared(this.#pointer) ? arena.i32[(this.#pointer << 1) + O_ROOT]! : 0
  }

  #note(): void {
    const { arena, watches } = this.#core
    const root = arena.i32[(this.#pointer << 1) + O_ROOT]!
    if (root > 0) watches.noteRoot(root)
  }

  /** The same where the log cannot hold what becomes free. */
  static #setInSteps(this: void, self: HeapObject, key: string, value: unknown): void {
    const { arena, encoder, intents } = self.#core
    self.#check()
    self.#encode(value, arena.i32[(self.#pointer << 1) + O_ROOT]!)
    const { low, high } = encoder
    arena.touch(self.#stripe)
    const word = self.#find(key)
    if (word === 0) return self.#set(key, value)
    intents.replaceInSteps(word, low, high, self.#sharedRoot, () => self.#note())
  }

  /** The same where no block is left. */
  static #setInPlace(this: void, self: HeapObject, key: string, value: unknown): void {
    const { arena, intents } = self.#core
    self.#check()
    arena.touch(self.#stripe)
    const word = self.#find(key)
    if (word === 0) return self.#set(key, value)
    const root = arena.i32[(self.#pointer << 1) + O_ROOT]!
    intents.replaceInPlace(
      word,
      self.#sharedRoot,
      () => self.#encode(value, root),
      () => self.#note(),
    )
  }

  static {
    whenFull(HeapObject.#setWork, { inSteps: HeapObject.#setInSteps, inPlace: HeapObject.#setInPlace })
    whenFull(HeapObject.#setInSteps, { inSteps: HeapObject.#setInPlace })
  }

  #encode(value: unknown, root: number): void {
    const { encoder } = this.#core
    encoder.encode(value, root, this.#stripe)
    // A getter inside the value may have deleted this very object.
    this.#check()
    slot.low = encoder.low
    slot.high = encoder.high
  }

  /** Makes a place for a new property. @returns the word of its slot, which holds `undefined`. */
  #append(key: string): number {
    const { arena, shapes } = this.#core
    const { i32 } = arena
    const o = this.#pointer << 1
    const id = i32[o + O_SHAPE]!
    if (id !== TABLE) {
      const shape = shapes.get(id)
      const next = shapes.with(shape, key)
      if (next !== undefined) {
        const at = shape.keys.length
        if (at >= i32[o + O_ROOM]!) this.#moveOut(at)
        const word = slotWord(i32, this.#pointer, at)
        arena.put2(word, CONST_UNDEFINED, TAG_CONST)
        arena.put(o + O_SHAPE, next.id)
        return word
      }
      this.#becomeTable(shape.keys)
    }
    const { index } = this.#core
    const map = i32[o + O_OUTSIDE]!
    // The map's buckets are walked by readers of this object's stripe only, whatever stripe its hashes name.
    const entry = index.insert(map, index.hash(key), key)
    return (entry << 1) + E_VALUE
  }

  /** All slots into a block of their own, with room to grow. */
  #moveOut(count: number): void {
    const { arena, blocks, collector } = this.#core
    const { i32 } = arena
    const o = this.#pointer << 1
    const room = Allocator.fit(CHUNK_UNITS + Math.max(8, count * 2)) - CHUNK_UNITS
    const chunk = blocks.take(CHUNK_UNITS + room, CHUNK, this.#stripe)
    const from = slotWord(i32, this.#pointer, 0)
    collector.movedAll(from, count)
    i32.copyWithin((chunk + CHUNK_UNITS) << 1, from, from + 2 * count)
    const old = i32[o + O_OUTSIDE]!
    if (old !== 0) blocks.drop(old)
    arena.put2(o + O_OUTSIDE, chunk, room)
  }

  #becomeTable(keys: readonly string[]): void {
    const { arena, blocks, index, collector } = this.#core
    const { i32 } = arena
    const o = this.#pointer << 1
    const root = i32[o + O_ROOT]!
    const map = index.create(root > 0 ? root : NO_ROOT)
    const flags = i32[o + 1]! & SHARED
    if (flags !== 0) {
      const header = (map << 1) + 1
      i32[header] = i32[header]! | flags
    }
    for (let at = 0; at < keys.length; at++) {
      const entry = index.insert(map, index.hash(keys[at]!), keys[at]!)
      const from = slotWord(i32, this.#pointer, at)
      const word = (entry << 1) + E_VALUE
      collector.moved(i32[from]!, i32[from + 1]!)
      i32[word] = i32[from]!
      i32[word + 1] = i32[from + 1]!
    }
    const old = i32[o + O_OUTSIDE]!
    if (old !== 0) blocks.drop(old)
    arena.put2(o + O_OUTSIDE, map, 0)
    arena.put(o + O_SHAPE, TABLE)
  }

  /** @returns true when the property was there. */
  delete(key: string): boolean {
    return this.#core.arena.change(HeapObject.#deleteWork, this, key)
  }

  static #deleteWork(this: void, object: HeapObject, key: string): boolean {
    object.#check()
    return object.#delete(key)
  }

  #delete(key: string): boolean {
    const { arena, shapes, index, graph, watches, collector } = this.#core
    const { i32 } = arena
    const o = this.#pointer << 1
    const word = this.#find(key)
    if (word === 0) return false
    arena.touch(this.#stripe)
    if (i32[o + O_SHAPE] !== TABLE) {
      const { keys } = shapes.get(i32[o + O_SHAPE]!)
      const left = keys.filter((kept) => kept !== key)
      const next = shapes.of(left)
      if (next === undefined) this.#becomeTable(keys)
      else {
        graph.replace(this.#pointer, word, CONST_UNDEFINED, TAG_CONST)
        for (let at = keys.indexOf(key); at + 1 < keys.length; at++) {
          const from = slotWord(i32, this.#pointer, at + 1)
          collector.moved(i32[from]!, i32[from + 1]!)
          arena.put2(slotWord(i32, this.#pointer, at), i32[from]!, i32[from + 1]!)
        }
        arena.put(o + O_SHAPE, next.id)
      }
    }
    if (i32[o + O_SHAPE] === TABLE) {
      const entry = index.find(i32[o + O_OUTSIDE]!, index.hash(key), key)
      graph.replace(this.#pointer, (entry << 1) + E_VALUE, CONST_UNDEFINED, TAG_CONST)
      index.remove(entry)
    }
    const root = i32[o + O_ROOT]!
    if (root > 0) watches.noteRoot(root)
    return true
  }

  /**
   * A detached copy, of one moment; of shared objects, too.
   *
   * @param dangling stands for what was destroyed; default: that is an error.
   */
  snapshot(dangling?: string): object {
    const { arena, decoder } = this.#core
    return decoder.moment(arena.stripeWord(this.#stripe), () => this.#copy(false), dangling)
  }

  /** @internal The same, but for shared objects that this one leads to: they stay live. */
  copy(): object {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => this.#copy(true))
  }

  #copy(keepsLive: boolean): object {
    const { arena, decoder } = this.#core
    this.#check()
    if ((arena.i32[(this.#pointer << 1) + 1]! & 0xff) !== OBJECT) throw corrupt(this.#core.name, 'an object is none')
    return decoder.snapshotBlock(this.#pointer, keepsLive) as object
  }
}

/** Word of slot `at` of the object at `pointer`. */
function slotWord(i32: Int32Array, pointer: number, at: number): number {
  const outside = i32[(pointer << 1) + O_OUTSIDE]!
  return ((outside === 0 ? pointer + O_UNITS : outside + CHUNK_UNITS) + at) << 1
}
