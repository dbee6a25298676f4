// heap/handles: a live array, under a name of its own or inside a value.

import { outOfRange } from '../../errors.js'
import { whenFull } from '../arena/arena.js'
import type { Core } from '../core.js'
import { STRIPE_STEP } from '../heap.layout.js'
import { CUT } from '../intents.js'
import {
  A_FIRST,
  A_LENGTH,
  A_MODE,
  A_ROOM,
  A_ROOT,
  A_WATCH,
  CHUNK_SLOTS,
  CHUNKED,
  LENGTH_MAX,
} from '../kinds/list/list.layout.js'
import { ListStore } from '../kinds/list/store.js'
import {
  CONST_HOLE,
  FIRST_TAG,
  GRAPH,
  TAG_BLOCK,
  TAG_CONST,
  TAG_INT,
  TAG_REF,
  TAG_STRING,
} from '../values/values.layout.js'
import { Looker } from '../watch/looker.js'
import { ListPicture } from '../watch/pictures.js'
import { CHANGE_DELETE, CHANGE_SET } from '../watch/watch.layout.js'
import { Watcher, type Watching } from '../watch/watcher.js'
import { Handle, isSameHeap } from './handle.js'

/** Moving more elements than this inside the list costs more log than laying out a fresh store. */
const MOVES = 512

export class HeapList extends Handle {
  readonly #core: Core
  readonly #list: number
  readonly #stripe: number
  readonly #store: ListStore

  /** @internal */
  constructor(core: Core, pointer: number) {
    super(core, pointer)
    this.#core = core
    this.#list = pointer
    this.#stripe = Handle.stripeOf(core, pointer)
    this.#store = new ListStore(core, pointer, this.#stripe)
  }

  /** @internal Where the shared array lies; 0 when it has a name or is part of a value. @throws MemlaneError `ERR_STALE`. */
  sharedAt(): number {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.check('list')
      return (arena.i32[(this.#list << 1) + 1]! & GRAPH) === 0 ? 0 : this.#list
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

  get length(): number {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.check('list')
      return this.#store.check()
    })
  }

  /** Cuts, or leaves holes at the end. @throws MemlaneError `ERR_RANGE`. */
  set length(length: number) {
    if (!Number.isInteger(length) || length < 0 || length > LENGTH_MAX)
      throw outOfRange('length', `a whole number from 0 to ${LENGTH_MAX}`, length)
    const change = (): void => {
      const before = this.#store.length()
      if (length < before) this.#splice(length, before - length, NONE)
      else if (length > before) this.#extend(length)
      if (length !== before) this.#note(undefined)
    }
    this.#change(change, () => {
      const before = this.#store.length()
      if (length < before) this.#cut(length, before - length, undefined)
      else change()
    })
  }

  // ---- reading

  /** @returns `undefined` beyond the end and for a hole. */
  get(index: number): unknown {
    const { arena, decoder, objects } = this.#core
    const { i32, f64, memory } = arena
    const version = arena.stripes + this.#stripe * STRIPE_STEP
    // The version of a closed heap must not be looked at.
    const seen = arena.depth === 0 ? memory.loadVersion(version) : 1
    if ((seen & 1) === 0 && this.isFresh) {
      if (!(index >= 0 && index < this.#store.length() && Number.isInteger(index))) {
        if (memory.checkVersion(version, seen)) return undefined
      } else {
        const word = this.#store.word(index)
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
          if (value !== undefined && memory.checkVersion(version, seen)) return value
        }
      }
    }
    return arena.read(version, () => {
      this.check('list')
      if (!(index >= 0 && index < this.#store.length() && Number.isInteger(index))) return undefined
      return decoder.read(this.#store.word(index))
    })
  }

  /** False beyond the end and for a hole. */
  has(index: number): boolean {
    const { arena, decoder } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.check('list')
      return (
        index >= 0 &&
        index < this.#store.length() &&
        Number.isInteger(index) &&
        !decoder.isHole(this.#store.word(index))
      )
    })
  }

  snapshotOf(index: number): unknown {
    const { arena, decoder } = this.#core
    return decoder.moment(arena.stripeWord(this.#stripe), () => {
      this.check('list')
      return index >= 0 && index < this.#store.length() ? decoder.snapshot(this.#store.word(index)) : undefined
    })
  }

  /**
   * A detached copy of all, of one moment; of shared objects, too.
   *
   * @param dangling stands for what was destroyed; default: that is an error.
   */
  snapshot(dangling?: string): unknown[] {
    const { arena, decoder } = this.#core
    return decoder.moment(arena.stripeWord(this.#stripe), () => this.#copy(false), dangling)
  }

  /** The same, but for shared objects among the elements: they stay live. */
  copy(): unknown[] {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => this.#copy(true))
  }

  #copy(keepsLive: boolean): unknown[] {
    this.check('list')
    return this.#core.decoder.snapshotBlock(this.#list, keepsLive) as unknown[]
  }

  // ---- changing

  /** @param inSteps the same for a full heap, see whenFull(). Without it the work is tried once more as it is. */
  #change<T>(work: () => T, inSteps: () => T = work): T {
    return this.#core.arena.change(HeapList.#changeWork, this, work, inSteps) as T
  }

  static #changeWork(this: void, list: HeapList, work: () => unknown, _inSteps: () => unknown): unknown {
    list.#begin()
    return work()
  }

  static #changeInSteps(this: void, list: HeapList, _work: () => unknown, inSteps: () => unknown): unknown {
    list.#begin()
    return inSteps()
  }

  /** @returns elements. */
  #begin(): number {
    this.check('list')
    const length = this.#store.check()
    this.#core.arena.touch(this.#stripe)
    return length
  }

  /** Takes elements out in steps; the last act of an outermost change. */
  #cut(from: number, count: number, note: number | undefined, type: number = CHANGE_SET): void {
    const { graph, intents } = this.#core
    if (count <= 0) return
    this.#note(note, type)
    if (graph.isShared(this.#list)) return this.#splice(from, count, NONE)
    intents.carryOut(CUT, this.#list, from, count)
  }

  /** Puts fewer elements in the place of more. What the first of them replace is freed with a log. */
  #replaceInSteps(from: number, count: number, slots: Int32Array): void {
    const added = slots.length >> 1
    if (added > count) {
      this.#splice(from, count, slots)
      return this.#note(undefined)
    }
    for (let i = 0; i < added; i++) this.#replace(this.#store.word(from + i), slots[2 * i]!, slots[2 * i + 1]!)
    if (count === added) this.#note(undefined)
    this.#cut(from + added, count - added, undefined)
  }

  #note(index: number | undefined, type: number = CHANGE_SET): void {
    const { arena, watches } = this.#core
    const a = this.#list << 1
    if (arena.i32[a + A_WATCH] !== 0) watches.note(this.#list, a + A_WATCH, type, 0, index)
    else if (arena.i32[a + A_ROOT]! > 0) watches.noteRoot(arena.i32[a + A_ROOT]!)
  }

  /** The owner of what is stored here; below 0: nobody, this array is shared and so are its elements. */
  get #root(): number {
    const root = this.#core.arena.i32[(this.#list << 1) + A_ROOT]!
    return root === 0 ? this.#list : root
  }

  /** Stores one value, as the encoder's slot. Code of the user's may run: whatever was known of this list is to be read again. */
  #encode(value: unknown): void {
    const { encoder, arena } = this.#core
    encoder.encode(value, this.#root, this.#stripe)
    if (typeof value !== 'object') return
    // A getter inside the value may have deleted this very list, or have failed in a change of it.
    this.check('list')
    arena.touch(this.#stripe)
  }

  /** Stores values, as pairs of low and high; holes stay holes. The same holds afterwards. */
  #encodeAll(values: readonly unknown[]): Int32Array {
    const { encoder } = this.#core
    const slots = holes(values.length)
    for (let i = 0; i < values.length; i++) {
      if (!(i in values)) continue
      this.#encode(values[i])
      slots[2 * i] = encoder.low
      slots[2 * i + 1] = encoder.high
    }
    return slots
  }

  #replace(word: number, low: number, high: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const oldLow = i32[word]!
    const oldHigh = i32[word + 1]!
    arena.put2(word, low, high)
    this.#release(oldLow, oldHigh)
  }

  #release(low: number, high: number): void {
    const { graph } = this.#core
    if (high !== TAG_STRING && high !== TAG_BLOCK && high !== TAG_REF) return
    if (high === TAG_BLOCK && graph.isShared(this.#list)) graph.releaseShared([low, high], this.#root)
    else graph.release(low, high)
  }

  /** Frees what several slots led to: pairs of low and high. */
  #releaseAll(gone: readonly number[]): void {
    const { graph } = this.#core
    if (graph.isShared(this.#list)) graph.releaseShared(gone, this.#root)
    else for (let i = 0; i < gone.length; i += 2) graph.release(gone[i]!, gone[i + 1]!)
  }

  /** Beyond the end leaves holes. @throws MemlaneError `ERR_RANGE` for an index no list has. */
  set(index: number, value: unknown): void {
    if (!Number.isInteger(index) || index < 0 || index >= LENGTH_MAX)
      throw outOfRange('index', `a whole number from 0 to ${LENGTH_MAX - 1}`, index)
    this.#core.arena.change(HeapList.#setWork, this, index, value)
  }

  static #setWork(this: void, list: HeapList, index: number, value: unknown): void {
    const { encoder, overwriter } = list.#core
    const length = list.#begin()
    const text = typeof value === 'string' && index < length
    if (!text || !overwriter.text(list.#store.word(index), value as string)) {
      list.#encode(value)
      const { low, high } = encoder
      if (index >= list.#store.length()) list.#extend(index + 1)
      list.#replace(list.#store.word(index), low, high)
    }
    list.#note(index)
  }

  static #setInSteps(this: void, list: HeapList, index: number, value: unknown): void {
    list.#begin()
    list.#encode(value)
    const { encoder, intents } = list.#core
    const { low, high } = encoder
    if (index >= list.#store.length()) return HeapList.#setWork(list, index, value)
    intents.replaceInSteps(list.#store.word(index), low, high, list.#sharedOwner, () => list.#note(index))
  }

  static #setInPlace(this: void, list: HeapList, index: number, value: unknown): void {
    if (index >= list.#begin()) return HeapList.#setWork(list, index, value)
    list.#core.intents.replaceInPlace(
      list.#store.word(index),
      list.#sharedOwner,
      () => list.#encode(value),
      () => list.#note(index),
    )
  }

  /** The owner, where what an element leads to may be led to from elsewhere, too; else 0. */
  get #sharedOwner(): number {
    return this.#core.graph.isShared(this.#list) ? this.#root : 0
  }

  /** Makes a hole. @returns true when there was an element. */
  delete(index: number): boolean {
    return this.#change(() => {
      if (!(index >= 0 && index < this.#store.length()) || this.#core.decoder.isHole(this.#store.word(index)))
        return false
      this.#replace(this.#store.word(index), CONST_HOLE, TAG_CONST)
      this.#note(index, CHANGE_DELETE)
      return true
    })
  }

  /** @returns the new length. */
  push(...values: unknown[]): number {
    return this.pushAll(values)
  }

  /** The same. Arguments of calls lie on the stack, and there many of them should lie but once. */
  pushAll(values: readonly unknown[]): number {
    return this.#core.arena.change(HeapList.#pushWork, this, values)
  }

  static #pushWork(this: void, list: HeapList, values: readonly unknown[]): number {
    list.check('list')
    list.#store.check()
    list.#core.arena.touch(list.#stripe)
    for (let i = 0; i < values.length; i++) list.#pushOne(values[i])
    return list.#store.length()
  }

  #pushOne(value: unknown): void {
    const { arena, encoder } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    this.#encode(value)
    const { low, high } = encoder
    const index = i32[a + A_LENGTH]!
    if (i32[a + A_MODE] === CHUNKED || i32[a + A_FIRST]! + index >= i32[a + A_ROOM]!) this.#store.makeRoom(index + 1)
    arena.put2(this.#store.word(index), low, high)
    arena.put(a + A_LENGTH, index + 1)
    this.#note(index)
  }

  /** The last element, detached; a shared object stays live. */
  pop(): unknown {
    return this.#core.arena.change(HeapList.#popWork, this)
  }

  static #popWork(this: void, list: HeapList): unknown {
    list.check('list')
    const last = list.#store.check() - 1
    if (last < 0) return undefined
    const { arena, decoder } = list.#core
    const { i32 } = arena
    const a = list.#list << 1
    arena.touch(list.#stripe)
    const word = list.#store.word(last)
    const value = decoder.detach(word)
    const low = i32[word]!
    const high = i32[word + 1]!
    arena.put(a + A_LENGTH, last)
    list.#release(low, high)
    if (last === 0 || (i32[a + A_MODE] === CHUNKED && ((i32[a + A_FIRST]! + last) & (CHUNK_SLOTS - 1)) === 0))
      list.#store.giveBack()
    list.#note(last, CHANGE_DELETE)
    return value
  }

  static #popInSteps(this: void, list: HeapList): unknown {
    const last = list.#begin() - 1
    if (last < 0) return undefined
    const value = list.#core.decoder.detach(list.#store.word(last))
    list.#cut(last, 1, last, CHANGE_DELETE)
    return value
  }

  /** The first element, likewise. */
  shift(): unknown {
    return this.#core.arena.change(HeapList.#shiftWork, this)
  }

  static #shiftWork(this: void, list: HeapList): unknown {
    if (list.#begin() === 0) return undefined
    const value = list.#core.decoder.detach(list.#store.word(0))
    list.#splice(0, 1, NONE)
    list.#note(0, CHANGE_DELETE)
    return value
  }

  static #shiftInSteps(this: void, list: HeapList): unknown {
    if (list.#begin() === 0) return undefined
    const value = list.#core.decoder.detach(list.#store.word(0))
    list.#cut(0, 1, 0, CHANGE_DELETE)
    return value
  }

  unshift(...values: unknown[]): number {
    return this.unshiftAll(values)
  }

  unshiftAll(values: readonly unknown[]): number {
    return this.#change(() => {
      if (values.length > 0) {
        this.#splice(0, 0, this.#encodeAll(values))
        this.#note(undefined)
      }
      return this.#store.length()
    })
  }

  /** As an array's, with numbers that are within the list. @returns what was removed, detached. */
  splice(start: number, deleteCount: number, ...values: unknown[]): unknown[] {
    return this.spliceAll(start, deleteCount, values)
  }

  spliceAll(start: number, deleteCount: number, values: readonly unknown[]): unknown[] {
    const take = (cut: (from: number, count: number, slots: Int32Array) => void): unknown[] => {
      const slots = this.#encodeAll(values)
      const length = this.#store.length()
      const from = Math.min(length, Math.max(0, Math.trunc(start) || 0))
      const count = Math.min(length - from, Math.max(0, Math.trunc(deleteCount) || 0))
      const copy = this.#core.decoder.copier()
      const removed: unknown[] = new Array(count)
      for (let i = 0; i < count; i++) {
        const word = this.#store.word(from + i)
        if (!this.#core.decoder.isHole(word)) removed[i] = copy(word)
      }
      cut(from, count, slots)
      return removed
    }
    return this.#change(
      () =>
        take((from, count, slots) => {
          this.#splice(from, count, slots)
          if (count > 0 || values.length > 0) this.#note(undefined)
        }),
      () => take((from, count, slots) => this.#replaceInSteps(from, count, slots)),
    )
  }

  /** Replaces all elements. */
  assign(values: readonly unknown[]): void {
    this.#change(
      () => {
        // Values may be live ones from this very list: they are copied before the old ones go.
        const slots = this.#encodeAll(values)
        this.#rebuild(this.#store.length(), 0, slots)
        this.#note(undefined)
      },
      () => {
        const slots = this.#encodeAll(values)
        this.#replaceInSteps(0, this.#store.length(), slots)
      },
    )
  }

  // ---- moving elements

  /** Holes up to a new length. */
  #extend(length: number): void {
    const { arena } = this.#core
    const before = this.#store.length()
    this.#core.blocks.mustFit(length)
    if (length - before > MOVES) {
      this.#rebuild(before, before, holes(length - before))
      return
    }
    this.#store.makeRoom(length)
    for (let i = before; i < length; i++) arena.put2(this.#store.word(i), CONST_HOLE, TAG_CONST)
    arena.put((this.#list << 1) + A_LENGTH, length)
  }

  /** Takes `count` elements out at `from`, frees them, and puts slots in their place. */
  #splice(from: number, count: number, slots: Int32Array): void {
    const { arena } = this.#core
    const { i32 } = arena
    const a = this.#list << 1
    const length = this.#store.length()
    const added = slots.length >> 1
    const delta = added - count
    const tail = length - from - count
    const atFront = from < tail && from <= MOVES && delta !== 0
    if (added > MOVES || (delta !== 0 && Math.min(from, tail) > MOVES)) {
      this.#rebuild(from + count, from, slots)
      return
    }
    if (atFront && delta > 0) this.#store.roomInFront(delta)
    else if (delta > 0) this.#store.makeRoom(length + delta)
    const gone: number[] = []
    for (let i = 0; i < count; i++) {
      const word = this.#store.word(from + i)
      gone.push(i32[word]!, i32[word + 1]!)
    }
    if (atFront) {
      const first = i32[a + A_FIRST]! - delta
      if (delta > 0) {
        arena.put(a + A_FIRST, first)
        for (let i = 0; i < from; i++) this.#store.move(i + delta, i)
      } else {
        for (let i = from - 1; i >= 0; i--) this.#store.move(i, i - delta)
        arena.put(a + A_FIRST, first)
      }
    } else if (delta > 0) {
      for (let i = length - 1; i >= from + count; i--) this.#store.move(i, i + delta)
    } else if (delta < 0) {
      for (let i = from + count; i < length; i++) this.#store.move(i, i + delta)
    }
    arena.put(a + A_LENGTH, length + delta)
    for (let i = 0; i < added; i++) arena.put2(this.#store.word(from + i), slots[2 * i]!, slots[2 * i + 1]!)
    this.#releaseAll(gone)
    if (delta < 0) this.#store.giveBack()
  }

  /** A fresh store: elements before `keep`, the slots, elements from `resume` on. What is left out is freed. */
  #rebuild(resume: number, keep: number, slots: Int32Array): void {
    this.#releaseAll(this.#store.replace(keep, resume, slots))
  }

  static {
    // biome-ignore-start lint/complexity/noThisInStatic: TypeScript writes another name for HeapList, which is not set yet.
    whenFull(this.#changeWork, { inSteps: this.#changeInSteps })
    whenFull(this.#setWork, { inSteps: this.#setInSteps, inPlace: this.#setInPlace })
    whenFull(this.#setInSteps, { inSteps: this.#setInPlace })
    whenFull(this.#popWork, { inSteps: this.#popInSteps })
    whenFull(this.#shiftWork, { inSteps: this.#shiftInSteps })
    // biome-ignore-end lint/complexity/noThisInStatic: as above.
  }

  /** @throws MemlaneError `ERR_LIMIT` when all places for watchers of this list are taken. */
  watch(): Watching {
    if (this.#core.arena.segment.readOnly)
      return new Looker(this.#core, () => {
        this.check('list')
        return new ListPicture(this.#core.decoder.snapshotBlock(this.#list) as unknown[])
      })
    return this.#change(() => new Watcher(this.#core, this.#list, (this.#list << 1) + A_WATCH, false, undefined))
  }
}

const NONE = new Int32Array(0)

/** Slots of so many holes. */
function holes(count: number): Int32Array {
  const slots = new Int32Array(2 * count).fill(TAG_CONST)
  for (let i = 0; i < count; i++) slots[2 * i] = CONST_HOLE
  return slots
}
