// heap/objects: frees shared objects that nothing leads to any more. Mark and sweep, in steps of a bounded length under the lock;
// readers never wait, as nothing they may look at changes. collector.layout.ts has the words and the rules.
//
// Reachable is what references in maps, lists, blocks and messages lead to, what processes hold as live objects, and what shared
// objects lead to that are reachable.
//
// Crash windows: killed while marking → what is marked stays so, and whoever does the next step looks for grey objects. Killed
// while sweeping → the freeing of that step is undone as any change is.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { H_COLLECTOR, H_GREY } from '../heap.layout.js'
import { A_FIRST, A_LENGTH, A_MODE, A_STORE, CHUNK_SHIFT, FLAT } from '../kinds/list/list.layout.js'
import { listWord } from '../kinds/list/store.js'
import { E_MAP, E_VALUE, M_ROOT } from '../kinds/map/map.layout.js'
import { CHUNK_UNITS, O_OUTSIDE, O_SHAPE, O_UNITS, TABLE } from '../kinds/object/object.layout.js'
import { G_SLOT } from '../kinds/queue/queue.layout.js'
import {
  ARRAY,
  CELL,
  CELL_SLOT,
  ENTRY,
  GRAPH,
  HOLD,
  MESSAGE,
  OBJECT,
  OF_GRAPH,
  SHARED,
  TAG_BLOCK,
  TAG_REF,
  TOMBSTONE,
  TUPLE,
} from '../values/values.layout.js'
import {
  EPOCHS,
  G_AFTER,
  G_BORN,
  G_CURSOR,
  G_CYCLES,
  G_EPOCH,
  G_GREYS,
  G_HOLDS,
  G_KEPT,
  G_LIST,
  G_PHASE,
  G_PLACE,
  G_REWALK,
  G_SPILLED,
  G_STEPS,
  G_STORE,
  GREY,
  GREYS_MAX,
  HOLD_FIRST,
  HOLD_NEXT,
  HOLD_OWNER,
  HOLD_ROOM,
  IDLE,
  MARK,
  MARK_SHIFT,
  SWEEP,
} from './collector.layout.js'

/** Slots and blocks that a step looks at: about 1 ms. */
const STEP_UNITS = 40_000
/** What a cycle takes at most: steps, and one more for so many words of the heap. */
const STEPS_LEAST = 10_000
const WORDS_PER_STEP = 1000
/** Frees cost more: a share of the step each. */
const FREE_UNITS = 40
/** Elements of a list that are looked at in one go. */
const SLICE = 256
/** A cycle begins when so many objects were made, and half as many as there are. */
const BORN_MIN = 4096
/** Units of memory of one new object; larger ones count as several. */
const BIRTH_UNITS = 16
/** Work per new object while a cycle is on, so that it ends long before as many objects again are made. */
const UNITS_PER_BIRTH = 64
/** Births between two steps. */
const BIRTHS_PER_STEP = 64

const MARK_MASK = ~(0xff << MARK_SHIFT)

/** Damaged values may lead in circles. */
const NESTING_MAX = 2000

/** What a cycle did. */
export interface Collected {
  /** Shared objects that nothing led to any more. */
  readonly freed: number
  /** Those that are left. */
  readonly kept: number
  /** Turns with the lock, and the longest in milliseconds. */
  readonly steps: number
  readonly longest: number
}

export class Collector {
  readonly #core: Core
  readonly #i32: Int32Array
  readonly #words: number
  readonly #greys: number
  /** Grey objects, and the place at which each goes on. */
  readonly #stack: number[] = []
  /** Of arrays that are looked at in parts: the store that the place belongs to. */
  readonly #stores = new Map<number, number>()
  /** The number of the last step that was done here. */
  #lastStep = -1
  #units = 0
  /** Of the cycle that is on. */
  #epoch = 0
  /** Objects made here since the last step done here. */
  #births = 0
  /** Of the running cycle, as far as it was swept here. */
  freed: number = 0

  constructor(core: Core) {
    this.#core = core
    this.#i32 = core.arena.i32
    this.#words = core.arena.base + H_COLLECTOR
    this.#greys = core.arena.base + H_GREY
  }

  #get(word: number): number {
    return this.#i32[this.#words + word]!
  }

  #set(word: number, value: number): void {
    const i32 = this.#i32
    i32[this.#words + word] = value
  }

  /** The epoch of the cycle that is on, as a mark can hold it, whatever a damaged heap says. */
  get #currentEpoch(): number {
    return this.#get(G_EPOCH) & EPOCHS
  }

  /** Cycles that have ended. */
  get cycles(): number {
    return this.#get(G_CYCLES)
  }

  /** All that is reachable is marked, and the rest is being freed. */
  get isSweeping(): boolean {
    return this.#get(G_PHASE) === SWEEP
  }

  /** Not marking, not sweeping. */
  get isIdle(): boolean {
    return this.#get(G_PHASE) === IDLE
  }

  // ---- what changes of the heap tell

  /** The mark of a new shared object, as the bits above its stripe. */
  birthMark(): number {
    return this.#currentEpoch << 8
  }

  /** Objects were made. @param units of memory they took. Needs the lock. */
  born(units: number): void {
    const count = Math.max(1, units / BIRTH_UNITS) | 0
    this.#births += count
    this.#core.arena.births = true
    this.#set(G_BORN, this.#get(G_BORN) + count)
  }

  /** A reference to this object is about to be stored. Needs the lock. */
  shade(pointer: number): void {
    if (this.#get(G_PHASE) === MARK) this.#shade(pointer)
  }

  /** The same for a slot that is copied raw. */
  moved(low: number, high: number): void {
    if (high === TAG_REF && this.#get(G_PHASE) === MARK) this.#shade(low)
  }

  /** The same for several slots, one after the other from `word` on. */
  movedAll(word: number, count: number): void {
    if (this.#get(G_PHASE) !== MARK) return
    const i32 = this.#i32
    for (let i = word; i < word + 2 * count; i += 2) this.moved(i32[i]!, i32[i + 1]!)
  }

  #shade(pointer: number): void {
    const i32 = this.#i32
    const word = (pointer << 1) + 1
    const header = i32[word] ?? 0
    const epoch = this.#currentEpoch
    if ((header & GRAPH) === 0 || ((header >>> MARK_SHIFT) & EPOCHS) === epoch) return
    const count = this.#get(G_GREYS)
    // Before the mark: whoever finds it grey must find it here.
    if (count >= 0 && count < GREYS_MAX) {
      i32[this.#greys + count] = pointer
      this.#set(G_GREYS, count + 1)
    } else this.#set(G_SPILLED, 1)
    i32[word] = (header & MARK_MASK) | ((epoch | GREY) << MARK_SHIFT)
  }

  /** True for one that was found unreachable and is about to be freed. Total. */
  isDoomed(pointer: number): boolean {
    if (this.#get(G_PHASE) !== SWEEP) return false
    return ((this.#core.arena.i32[(pointer << 1) + 1]! >>> MARK_SHIFT) & EPOCHS) !== this.#currentEpoch
  }

  // ---- steps

  /**
   * Runs a whole cycle that begins now.
   *
   * @throws MemlaneError `ERR_BUSY` in a transaction, `ERR_TIMEOUT`, `ERR_READ_ONLY`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  collect(): Collected {
    const { arena, name } = this.#core
    if (arena.depth > 0)
      throw new MemlaneError('ERR_BUSY', `${JSON.stringify(name)} cannot be collected inside its own transaction`)
    let steps = 0
    let longest = 0
    let freed = 0
    // The cycle that is on may have passed what is unreachable by now.
    const wanted = this.isIdle ? 1 : 2
    for (let before = this.cycles; this.cycles - before < wanted; steps++) {
      // Each object and slot is looked at a few times at most.
      if (steps > STEPS_LEAST + this.#i32.length / WORDS_PER_STEP) throw corrupt(name, 'collecting it does not end')
      const start = performance.now()
      if (this.step()) freed += this.freed
      longest = Math.max(longest, performance.now() - start)
    }
    return { freed, kept: this.#get(G_KEPT), steps, longest }
  }

  /** After a change that has made objects: time for a step? Does it then. Needs that no change is open. */
  afterBirths(): void {
    if (this.#births < BIRTHS_PER_STEP) return
    if (this.isIdle && this.#get(G_BORN) < Math.max(BORN_MIN, this.#get(G_KEPT) >> 1)) {
      this.#births = 0
      return
    }
    const units = Math.min(STEP_UNITS, this.#births * UNITS_PER_BIRTH)
    this.#births = 0
    this.step(units)
  }

  /** One step of the cycle; begins one when none is on. @returns true when a cycle has ended. */
  step(units: number = STEP_UNITS): boolean {
    const { arena } = this.#core
    // What an open change has overwritten comes back when it is undone, marked or not.
    if (arena.depth > 0) return false
    this.#units = units
    // Marking changes nothing that a reader looks at, so it leaves the versions alone.
    if (this.#get(G_PHASE) === MARK && !arena.readLocked(() => this.#mark(false))) return false
    return arena.change(Collector.#stepWork, this)
  }

  static #stepWork(this: void, self: Collector): boolean {
    const phase = self.#get(G_PHASE)
    if (phase === SWEEP) return self.#sweep()
    if (phase === MARK) self.#end()
    else self.#begin()
    return false
  }

  #begin(): void {
    const { arena } = this.#core
    this.#set(G_GREYS, 0)
    this.#set(G_SPILLED, 0)
    this.#set(G_REWALK, 0)
    this.#set(G_CURSOR, 0)
    this.#set(G_LIST, 0)
    this.#set(G_AFTER, 0)
    this.#stack.length = 0
    this.#stores.clear()
    this.#lastStep = -1
    this.freed = 0
    this.#dropDeadHolds()
    this.#set(G_EPOCH, (this.#currentEpoch % EPOCHS) + 1)
    arena.put(this.#words + G_PHASE, MARK)
  }

  /**
   * Marks for as long as the step may.
   *
   * @param last looks at what processes hold, too, when nothing else is left.
   * @returns true when nothing is grey.
   */
  #mark(last: boolean): boolean {
    // Another process may have begun to sweep before this one got the lock.
    if (this.#get(G_PHASE) !== MARK) return true
    const step = this.#get(G_STEPS)
    this.#epoch = this.#currentEpoch
    // Somebody else did the last step, or more was made grey than H_GREY has room for: some may be known to nobody.
    const isMine = this.#lastStep === step
    if (!isMine) this.#stack.length = 0
    if (this.#get(G_SPILLED) !== 0 && !(isMine && this.#get(G_GREYS) < GREYS_MAX)) this.#set(G_REWALK, 1)
    // For whoever comes after this step, should it not end.
    this.#set(G_SPILLED, 1)
    this.#set(G_STEPS, (step + 1) | 0)
    this.#lastStep = -1
    this.#takeGreys()
    let isHeld = !last
    let isDone = false
    for (;;) {
      this.#drain()
      if (this.#stack.length > 0) break
      const isLooking = this.#get(G_REWALK) !== 0 || this.#get(G_CURSOR) >= 0
      if (isLooking && this.#units <= 0) break
      if (this.#get(G_REWALK) !== 0) this.#rewalk()
      else if (isLooking) this.#roots()
      else if (!isHeld) {
        isHeld = true
        this.#heldOnes()
      } else {
        isDone = true
        break
      }
    }
    this.#set(G_SPILLED, this.#stack.length > 0 ? 1 : 0)
    this.#lastStep = (step + 1) | 0
    return isDone
  }

  /** What processes hold is looked at when nothing is grey: if nothing becomes grey by that, all that is reachable is marked. */
  #end(): void {
    const { arena } = this.#core
    if (!this.#mark(true)) return
    this.#set(G_CURSOR, 0)
    this.#set(G_KEPT, 0)
    arena.put(this.#words + G_PHASE, SWEEP)
  }

  #takeGreys(): void {
    const i32 = this.#i32
    const count = Math.min(GREYS_MAX, Math.max(0, this.#get(G_GREYS)))
    for (let i = 0; i < count; i++) this.#push(i32[this.#greys + i]!)
    this.#set(G_GREYS, 0)
  }

  // ---- marking

  /** Marks an object, if there is one: what is to be looked at for references in it. */
  #push(pointer: number): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    if (!blocks.isLiving(pointer)) return
    const word = (pointer << 1) + 1
    const header = i32[word] ?? 0
    if ((header & GRAPH) === 0 || header >>> MARK_SHIFT === this.#epoch) return
    i32[word] = (header & MARK_MASK) | ((this.#epoch | GREY) << MARK_SHIFT)
    this.#stack.push(pointer, 0)
  }

  /** What a slot leads to becomes grey. */
  #slot(word: number): void {
    const i32 = this.#i32
    const high = i32[word + 1]
    if (high === TAG_REF) this.#reach(i32[word]!)
  }

  #reach(pointer: number): void {
    const i32 = this.#i32
    const word = (pointer << 1) + 1
    const header = i32[word] ?? 0
    if ((header & GRAPH) === 0 || ((header >>> MARK_SHIFT) & EPOCHS) === this.#epoch) return
    i32[word] = (header & MARK_MASK) | ((this.#epoch | GREY) << MARK_SHIFT)
    this.#stack.push(pointer, 0)
  }

  /** Looks at grey objects for as long as the step may. */
  #drain(): void {
    const i32 = this.#i32
    const stack = this.#stack
    while (stack.length > 0 && this.#units > 0) {
      const at = stack.pop()!
      const pointer = stack.pop()!
      const word = (pointer << 1) + 1
      const kind = i32[word]! & 0xff
      if (kind === ARRAY) {
        const next = this.#elements(pointer, at)
        if (next > 0) {
          this.#stores.set(pointer, i32[(pointer << 1) + A_STORE]!)
          stack.push(pointer, next)
          continue
        }
        if (at > 0) this.#stores.delete(pointer)
      } else if (kind === OBJECT) this.#properties(pointer)
      this.#units--
      const header = i32[word]!
      i32[word] = header & ~(GREY << MARK_SHIFT)
    }
  }

  /**
   * Elements from a place in the store on: places stay what they are when elements in front go. In another store it begins anew.
   *
   * @returns the place at which to go on; 0: that was all.
   */
  #elements(list: number, place: number): number {
    const i32 = this.#i32
    const a = list << 1
    const from = place > 0 && this.#stores.get(list) === i32[a + A_STORE] ? Math.max(0, place - i32[a + A_FIRST]!) : 0
    const length = this.#lengthOf(list)
    const to = Math.min(length, from + SLICE)
    for (let i = from; i < to; i++) this.#part(listWord(i32, list, i))
    this.#units -= Math.max(0, to - from)
    return to < length ? i32[a + A_FIRST]! + to : 0
  }

  /** Elements that a list has room for, whatever it says. */
  #lengthOf(list: number): number {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const a = list << 1
    const store = i32[a + A_STORE]!
    const units = store === 0 ? 0 : Math.max(0, blocks.unitsOf(store) - 1)
    return Math.min(i32[a + A_LENGTH]!, i32[a + A_MODE] === FLAT ? units : units << (1 + CHUNK_SHIFT))
  }

  #properties(pointer: number): void {
    const { shapes, index } = this.#core
    const i32 = this.#i32
    const o = pointer << 1
    const outside = i32[o + O_OUTSIDE]!
    if (i32[o + O_SHAPE] === TABLE) {
      index.each(outside, (entry) => this.#part((entry << 1) + E_VALUE))
      this.#units -= 64
      return
    }
    const count = shapes.get(i32[o + O_SHAPE]!).keys.length
    const first = (outside === 0 ? pointer + O_UNITS : outside + CHUNK_UNITS) << 1
    for (let word = first; word < first + 2 * count; word += 2) {
      const high = i32[word + 1]
      if (high === TAG_REF) this.#reach(i32[word]!)
      else if (high === TAG_BLOCK) this.#tuple(i32[word]!)
    }
    this.#units -= count
  }

  /** A slot of a shared object: what it owns may hold references, too. */
  #part(word: number): void {
    const i32 = this.#i32
    const high = i32[word + 1]
    if (high === TAG_REF) this.#reach(i32[word]!)
    else if (high === TAG_BLOCK) this.#tuple(i32[word]!)
  }

  #tuple(pointer: number, depth: number = 0): void {
    const i32 = this.#i32
    const header = i32[(pointer << 1) + 1]!
    if ((header & 0xff) !== TUPLE) return
    if ((header & SHARED) !== 0) for (const block of this.#core.graph.reach(pointer)) this.#tupleSlots(block)
    else {
      const count = this.#tupleSlots(pointer)
      for (let i = 0; i < count; i++) {
        const word = (pointer << 1) + 4 + 2 * i
        if (i32[word + 1] === TAG_BLOCK && depth < NESTING_MAX) this.#tuple(i32[word]!, depth + 1)
      }
    }
  }

  /** @returns how many it has. */
  #tupleSlots(pointer: number): number {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    if ((i32[b + 1]! & 0xff) !== TUPLE) return 0
    const count = Math.min(i32[b + 3]! >>> 0, Math.max(0, blocks.unitsOf(pointer) - 2))
    for (let i = 0; i < count; i++) this.#slot(b + 4 + 2 * i)
    this.#units -= count
    return count
  }

  // ---- roots

  /** Looks for references in what belongs to maps, lists, blocks and messages: page by page. */
  #roots(): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const list = this.#get(G_LIST)
    if (list !== 0) {
      const header = i32[(list << 1) + 1] ?? 0
      // It may be gone, or another block: then what was in it is marked, or was never looked for.
      const isThere = blocks.isLiving(list) && (header & (0xff | GRAPH)) === ARRAY
      const place = i32[(list << 1) + A_STORE] === this.#get(G_STORE) ? this.#get(G_PLACE) : 0
      if (!isThere || this.#ownedElements(list, place) === 0) this.#set(G_LIST, 0)
      return
    }
    let page = this.#get(G_CURSOR)
    while (page < blocks.committedPages && this.#units > 0) {
      const after = this.#get(G_AFTER)
      const next = blocks.eachIn(page, (pointer) => {
        if (pointer > after && this.#get(G_LIST) === 0) this.#root(pointer)
      })
      this.#units--
      // The rest of these pages comes when that list is done.
      if (this.#get(G_LIST) !== 0) break
      this.#set(G_AFTER, 0)
      page = next
    }
    this.#set(G_CURSOR, page < blocks.committedPages ? page : -1)
  }

  #root(pointer: number): void {
    const i32 = this.#i32
    const b = pointer << 1
    const header = i32[b + 1]!
    this.#units--
    switch (header & 0xff) {
      case ENTRY:
        // The root of a shared object's table is no structure.
        if (i32[(i32[b + E_MAP]! << 1) + M_ROOT]! >= 0) this.#slot(b + E_VALUE)
        return
      case OBJECT:
        if ((header & GRAPH) === 0 && i32[b + O_SHAPE] !== TABLE) this.#ownedProperties(pointer)
        return
      case ARRAY:
        if ((header & GRAPH) === 0) this.#ownedArray(pointer)
        return
      case TUPLE:
        if ((header & OF_GRAPH) === 0) this.#tupleSlots(pointer)
        return
      case CELL:
        this.#slot(b + CELL_SLOT)
        return
      case MESSAGE:
        this.#slot(b + G_SLOT)
    }
  }

  #ownedProperties(pointer: number): void {
    const { arena, shapes } = this.#core
    const { i32 } = arena
    const o = pointer << 1
    const outside = i32[o + O_OUTSIDE]!
    const count = shapes.get(i32[o + O_SHAPE]!).keys.length
    const first = (outside === 0 ? pointer + O_UNITS : outside + CHUNK_UNITS) << 1
    for (let i = 0; i < count; i++) this.#slot(first + 2 * i)
    this.#units -= count
  }

  #ownedArray(pointer: number): void {
    if (this.#ownedElements(pointer, 0) === 0) return
    this.#set(G_LIST, pointer)
    this.#set(G_AFTER, pointer)
  }

  #ownedElements(list: number, place: number): number {
    const i32 = this.#i32
    const a = list << 1
    const from = Math.max(0, place - i32[a + A_FIRST]!)
    const length = this.#lengthOf(list)
    const to = Math.min(length, (place === 0 ? 0 : from) + SLICE)
    for (let i = place === 0 ? 0 : from; i < to; i++) this.#slot(listWord(i32, list, i))
    this.#units -= SLICE
    this.#set(G_STORE, i32[a + A_STORE]!)
    this.#set(G_PLACE, i32[a + A_FIRST]! + to)
    return to < length ? 1 : 0
  }

  /** Looks for grey objects that are on no stack any more. */
  #rewalk(): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const grey = this.#currentEpoch | GREY
    let page = Math.max(0, this.#get(G_REWALK) - 1)
    while (page < blocks.committedPages && this.#units > 0) {
      page = blocks.eachIn(page, (pointer) => {
        this.#units--
        const header = i32[(pointer << 1) + 1]!
        if ((header & GRAPH) !== 0 && header >>> MARK_SHIFT === grey) this.#stack.push(pointer, 0)
      })
    }
    this.#set(G_REWALK, page < blocks.committedPages ? page + 1 : 0)
  }

  /** What processes hold. */
  #heldOnes(): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    this.#eachHold((hold) => {
      const b = hold << 1
      const room = Math.min(i32[b + HOLD_ROOM]!, 2 * blocks.unitsOf(hold) - HOLD_FIRST)
      for (let i = 0; i < room; i++) {
        const pointer = i32[b + HOLD_FIRST + i]!
        // A reader stores what it is about to look at, which may be no object.
        if (pointer !== 0 && blocks.isLiving(pointer)) this.#reach(pointer)
      }
    })
  }

  #eachHold(visit: (hold: number) => void): void {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    let budget = i32.length >> 4
    for (let hold = this.#get(G_HOLDS); hold !== 0 && budget > 0; budget--) {
      if (!blocks.isLiving(hold) || (i32[(hold << 1) + 1]! & 0xff) !== HOLD) return
      const next = i32[(hold << 1) + HOLD_NEXT]!
      visit(hold)
      hold = next
    }
  }

  /** The dead hold nothing. */
  #dropDeadHolds(): void {
    const { arena, blocks } = this.#core
    const { i32, segment } = arena
    const living = new Map<number, boolean>()
    let before = this.#words + G_HOLDS
    this.#eachHold((hold) => {
      const owner = i32[(hold << 1) + HOLD_OWNER]!
      let alive = living.get(owner)
      if (alive === undefined) {
        alive = segment.isAlive(owner)
        living.set(owner, alive)
      }
      if (alive) {
        before = (hold << 1) + HOLD_NEXT
        return
      }
      arena.put(before, i32[(hold << 1) + HOLD_NEXT]!)
      blocks.drop(hold)
    })
  }

  // ---- sweeping

  #sweep(): boolean {
    const { arena, blocks, graph } = this.#core
    const { i32 } = arena
    const epoch = this.#currentEpoch
    let page = this.#get(G_CURSOR)
    let kept = this.#get(G_KEPT)
    while (page >= 0 && page < blocks.committedPages && this.#units > 0) {
      page = blocks.eachIn(page, (pointer) => {
        this.#units--
        const header = i32[(pointer << 1) + 1]!
        if ((header & GRAPH) === 0) return
        if (((header >>> MARK_SHIFT) & EPOCHS) === epoch) {
          if ((header & 0xff) !== TOMBSTONE) kept++
          return
        }
        this.#units -= FREE_UNITS
        this.freed++
        graph.releaseParts(pointer)
        blocks.free(pointer)
      })
    }
    arena.put(this.#words + G_CURSOR, page)
    arena.put(this.#words + G_KEPT, kept)
    if (page >= 0 && page < blocks.committedPages) return false
    arena.put(this.#words + G_PHASE, IDLE)
    arena.put(this.#words + G_BORN, 0)
    arena.put(this.#words + G_CYCLES, (this.#get(G_CYCLES) + 1) | 0)
    return true
  }
}
