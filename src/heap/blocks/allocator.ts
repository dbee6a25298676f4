// heap/blocks: takes and frees blocks. Small ones from spans of their class, large ones as runs of pages of their own.
// A span whose last block is freed gives its pages back, to be carved for any class; one empty span may stay per class,
// until pages run short. All calls need the lock.

import type { MemlaneError } from '../../errors.js'
import type { Arena, Pages } from '../arena/arena.js'
import { corrupt } from '../corrupt.js'
import { bodyPlan, DESCRIPTOR_WORDS, H_CLASS_HEADS, H_PAGES_MAX, PAGE_SHIFT, PAGE_UNITS } from '../heap.layout.js'
import {
  CLASS_COUNT,
  CLASS_FIRST,
  CLASS_OF,
  CLASS_PAGES,
  CLASS_UNITS,
  CLASS_WORDS,
  CLASSES,
  SMALL_MAX,
} from './classes.js'
import { PagePool } from './page-pool.js'
import {
  D_BITS,
  D_CARVE,
  D_EXTENT,
  D_HINT,
  D_KIND,
  D_NEXT,
  D_PREV,
  D_USED,
  LARGE,
  PART,
  SPAN,
  STRIPE_SHIFT,
} from './pages.layout.js'

/** What is at a place after a roll back: a block; room for one, or a page for any; the middle of blocks of another size. */
const LIVES = 1
const FREE = 0
const NO_PLACE = -1

export class Allocator implements Pages {
  readonly arena: Arena
  readonly pagesMax: number
  /** Word index of the page table. */
  readonly table: number
  /** Unit index of page 0. */
  readonly origin: number
  /** Units of all blocks that were ever taken here. */
  taken: number = 0
  readonly #heads: number
  readonly #pool: PagePool
  readonly #reclaim: () => void = () => this.#giveEmptySpans()
  /** Blocks that may be written over where no other can be had, in a transaction that frees those that are left. */
  #spare: number[] | undefined = undefined
  /** Blocks taken inside a transaction of the user's, who may have got handles to them. */
  readonly #taken: number[] = []
  #takenCount = 0

  constructor(arena: Arena) {
    this.arena = arena
    const { segment, i32, base } = arena
    this.pagesMax = i32[base + H_PAGES_MAX]!
    const plan = bodyPlan(this.pagesMax)
    if (this.pagesMax < 1 || plan.total > segment.bodySize)
      throw corrupt(segment.name, `it names ${this.pagesMax} pages`)
    this.table = base + plan.table / 4
    this.origin = (segment.body + plan.pages) / 8
    this.#heads = base + H_CLASS_HEADS
    this.#pool = new PagePool(arena, this.pagesMax, plan.pages)
    arena.pages = this
  }

  /** Pages that have memory. */
  get committedPages(): number {
    return this.#pool.committedPages
  }

  isTaken(page: number): boolean {
    return this.#pool.isTaken(page)
  }

  /** @internal See Pages. */
  lend(count: number): number {
    return this.#pool.lend(count)
  }

  /** @internal See Pages. */
  settle(): void {
    this.#takenCount = 0
    this.#pool.settle()
  }

  /** @internal See Pages. */
  mark(marks: Int32Array, at: number): void {
    marks[at] = this.#takenCount
    this.#pool.mark(marks, at + 1)
  }

  /** True where a block lives. Total. */
  isLiving(pointer: number): boolean {
    return Number.isInteger(pointer) && pointer >= this.origin && this.#stateOf(pointer) === LIVES
  }

  /** Calls `visit` with each living block that begins in the run of pages at `page`. @returns the page after it. */
  eachIn(page: number, visit: (pointer: number) => void): number {
    if (!this.isTaken(page)) return page + 1
    const { i32 } = this.arena
    const d = this.descriptor(page)
    const kind = i32[d + D_KIND]!
    const start = this.origin + page * PAGE_UNITS
    if (kind === LARGE) {
      visit(start)
      return page + Math.max(1, i32[d + D_EXTENT]!)
    }
    const size = kind >> 8
    // The middle of what was carved since the walk began.
    if ((kind & 0xff) !== SPAN || size < 0 || size >= CLASSES) return page + 1
    const words = CLASS_WORDS[size]!
    const count = CLASS_COUNT[size]!
    const units = CLASS_UNITS[size]!
    const first = start + CLASS_FIRST[size]!
    const bitmap = words === 1 ? d + D_BITS : start << 1
    for (let word = 0; word < words; word++) {
      let bits = i32[bitmap + word]!
      for (let index = word << 5; bits !== 0 && index < count; index++, bits >>>= 1) {
        if ((bits & 1) !== 0) visit(first + index * units)
      }
    }
    return page + CLASS_PAGES[size]!
  }

  /** @internal See Pages. Handles to blocks that were taken meanwhile, and are free again, must not fit what lies there next. */
  undone(marks: Int32Array, at: number): void {
    const { i32 } = this.arena
    const kept = at < 0 ? 0 : marks[at]!
    for (let i = kept; i < this.#takenCount; i++) {
      const pointer = this.#taken[i]!
      const state = this.#stateOf(pointer)
      if (state === LIVES) continue
      // Where its page is again what it was before it was carved for this block, the block's header may be the bitmap of that
      // span. The span is empty, so no handle of anybody minds that the page seems carved anew.
      const word = state === NO_PLACE ? this.carveWord(pointer) : pointer << 1
      i32[word] = (i32[word]! + 1) | 0
    }
    this.#takenCount = kept
    this.#pool.undone(marks, at < 0 ? -1 : at + 1)
  }

  /** @internal See Pages. */
  practise(): void {
    this.#stateOf(this.origin)
    this.carveWord(this.origin)
  }

  /** True for a block that is taken. For what was freed while nothing is taken this is exact. */
  lives(pointer: number): boolean {
    return this.#stateOf(pointer) === LIVES
  }

  #stateOf(pointer: number): typeof LIVES | typeof FREE | typeof NO_PLACE {
    const { i32 } = this.arena
    let page = this.pageOf(pointer)
    if (page >= this.pagesMax) return NO_PLACE
    let d = this.descriptor(page)
    if (this.isTaken(page) && i32[d + D_KIND] === PART) {
      page = i32[d + D_EXTENT]!
      if (!(page >= 0 && page < this.pagesMax)) return NO_PLACE
      d = this.descriptor(page)
    }
    if (!this.isTaken(page)) return FREE
    const kind = i32[d + D_KIND]!
    const start = this.origin + page * PAGE_UNITS
    if (kind === LARGE) return pointer === start ? LIVES : NO_PLACE
    const size = kind >> 8
    if ((kind & 0xff) !== SPAN || size < 0 || size >= CLASSES) return NO_PLACE
    const index = (pointer - start - CLASS_FIRST[size]!) / CLASS_UNITS[size]!
    if (!(Number.isInteger(index) && index >= 0 && index < CLASS_COUNT[size]!)) return NO_PLACE
    const bitmap = CLASS_WORDS[size] === 1 ? d + D_BITS : start << 1
    return ((i32[bitmap + (index >> 5)]! >>> (index & 31)) & 1) === 1 ? LIVES : FREE
  }

  descriptor(page: number): number {
    return this.table + page * DESCRIPTOR_WORDS
  }

  /** Page that holds a pointer; may be out of range for a garbage pointer. */
  pageOf(pointer: number): number {
    return (pointer - this.origin) >> PAGE_SHIFT
  }

  /** Word that tells whether the place of a block was carved anew; 0 leads to a harmless word for garbage. */
  carveWord(pointer: number): number {
    const page = (pointer - this.origin) >> PAGE_SHIFT
    return page >= 0 && page < this.pagesMax ? this.table + page * DESCRIPTOR_WORDS : this.table
  }

  /** Units a block of at least `units` gets. */
  static fit(units: number): number {
    if (units <= SMALL_MAX) return CLASS_UNITS[CLASS_OF[units]!]!
    return Math.ceil(units / PAGE_UNITS) * PAGE_UNITS
  }

  /** Units a living block has; 0 for what is none. */
  unitsOf(pointer: number): number {
    const { i32 } = this.arena
    const page = this.pageOf(pointer)
    if (!(page >= 0 && page < this.pagesMax)) return 0
    let d = this.descriptor(page)
    let kind = i32[d + D_KIND]!
    if (kind === PART) {
      const head = i32[d + D_EXTENT]!
      if (!(head >= 0 && head < this.pagesMax)) return 0
      d = this.descriptor(head)
      kind = i32[d + D_KIND]!
    }
    if (kind === LARGE) return Math.min(Math.max(0, i32[d + D_EXTENT]!), this.pagesMax) * PAGE_UNITS
    return (kind & 0xff) === SPAN ? (CLASS_UNITS[kind >> 8] ?? 0) : 0
  }

  /**
   * Refuses what can never be taken, before time and memory are spent on it: the lock is held meanwhile.
   *
   * @throws MemlaneError `ERR_NO_SPACE`.
   */
  mustFit(units: number): void {
    if (units > this.pagesMax * PAGE_UNITS) this.#pool.mustFit(Math.ceil(units / PAGE_UNITS))
  }

  /**
   * Takes a block.
   *
   * @param units of 8 bytes, header included.
   * @param kind and flags: the low 16 bits of the block's second word.
   * @throws MemlaneError `ERR_NO_SPACE`.
   */
  take(units: number, kind: number, stripe: number): number {
    if (units > SMALL_MAX) return this.#takeLarge(units, kind, stripe)
    const { arena } = this
    const { i32 } = arena
    const size = CLASS_OF[units]!
    this.taken += units
    let page = i32[this.#heads + size]! - 1
    if (page < 0) {
      if (this.#spare !== undefined) return this.#takeOrReuse(units, kind, stripe)
      page = this.#carveSpan(size)
    } else if (page >= this.pagesMax)
      throw corrupt(arena.segment.name, `the list of size class ${size} leads to page ${page}`)
    const d = this.table + page * DESCRIPTOR_WORDS
    const words = CLASS_WORDS[size]!
    const bitmap = words === 1 ? d + D_BITS : (this.origin + page * PAGE_UNITS) << 1
    let word = i32[d + D_HINT]!
    if (word < 0 || word >= words) word = 0
    let bits = i32[bitmap + word]!
    for (let n = 0; bits === -1; n++) {
      if (n === words) throw corrupt(arena.segment.name, `page ${page} is listed as having room and has none`)
      word = word + 1 === words ? 0 : word + 1
      bits = i32[bitmap + word]!
      i32[d + D_HINT] = word
    }
    const lowest = ~bits & (bits + 1)
    const index = (word << 5) + 31 - Math.clz32(lowest)
    if (index >= CLASS_COUNT[size]!)
      throw corrupt(arena.segment.name, `the bitmap of page ${page} has room beyond its end`)
    arena.put(bitmap + word, bits | lowest)
    const used = i32[d + D_USED]! + 1
    arena.put(d + D_USED, used)
    if (used >= CLASS_COUNT[size]!) this.#unlink(d, size)
    const pointer = this.origin + page * PAGE_UNITS + CLASS_FIRST[size]! + index * CLASS_UNITS[size]!
    const header = pointer << 1
    i32[header] = (i32[header]! + 1) | 0
    i32[header + 1] = kind | (stripe << STRIPE_SHIFT)
    if (arena.depth > 1) this.remember(pointer)
    return pointer
  }

  /** The same. @returns 0 when there is no block left. */
  tryTake(units: number, kind: number, stripe: number): number {
    try {
      return this.take(units, kind, stripe)
    } catch (error) {
      if ((error as Partial<MemlaneError>).code !== 'ERR_NO_SPACE') throw error
      return 0
    }
  }

  /**
   * Runs `work`, in which a block that cannot be had otherwise may be one of these: living ones that the caller frees in the
   * same transaction. What lies in them is logged before it is written over.
   *
   * @returns those that were not used, for the caller to free.
   */
  reusing(spare: number[], work: () => void): readonly number[] {
    const before = this.#spare
    this.#spare = spare.sort((a, b) => this.unitsOf(a) - this.unitsOf(b))
    try {
      work()
    } finally {
      this.#spare = before
    }
    return spare
  }

  #takeOrReuse(units: number, kind: number, stripe: number): number {
    const spare = this.#spare!
    this.#spare = undefined
    try {
      const pointer = this.tryTake(units, kind, stripe)
      if (pointer !== 0) return pointer
      const at = spare.findIndex((block) => this.unitsOf(block) >= units)
      // Says how full the heap is.
      return at < 0 ? this.take(units, kind, stripe) : this.#reuse(spare.splice(at, 1)[0]!, units, kind, stripe)
    } finally {
      this.#spare = spare
    }
  }

  #reuse(pointer: number, units: number, kind: number, stripe: number): number {
    const { arena } = this
    const { i32 } = arena
    const header = pointer << 1
    // Freed and taken again: handles to what it was are stale.
    arena.put2(header, (i32[header]! + 2) | 0, kind | (stripe << STRIPE_SHIFT))
    for (let word = header + 2; word < header + 2 * units; word++) arena.put(word, i32[word]!)
    return pointer
  }

  /** Foreign code may get to know a block that was just taken: should it be undone, `undone` sees to it. */
  remember(pointer: number): void {
    this.#taken[this.#takenCount++] = pointer
    this.arena.unsettled = true
  }

  /** Ends a block's life: handles to it are stale from now on; its memory is free once the transaction commits. */
  free(pointer: number): void {
    const { arena } = this
    const header = pointer << 1
    arena.put(header, (arena.i32[header]! + 1) | 0)
    arena.defer(pointer)
  }

  /** The same for a block that no handle or cursor ever names: its generation need not tell. */
  drop(pointer: number): void {
    this.arena.defer(pointer)
  }

  /** @internal Part of the commit. Sorted, so that many blocks of one span cost few log entries. */
  release(pointers: number[], count: number): void {
    if (count < 32) {
      for (let i = 0; i < count; i++) this.#releaseRun(pointers, i, i + 1)
      return
    }
    const sorted = Int32Array.from({ length: count }, (_, i) => pointers[i]!).sort()
    for (let i = 0; i < count; ) i = this.#releaseRun(sorted, i, count)
  }

  /** Frees the block at `from`, and those after it whose bits are in the same word. @returns index of the next one. */
  #releaseRun(pointers: ArrayLike<number>, from: number, to: number): number {
    const { arena } = this
    const { i32 } = arena
    const pointer = pointers[from]!
    const page = this.pageOf(pointer)
    if (!(page >= 0 && page < this.pagesMax))
      throw corrupt(arena.segment.name, `a block at ${pointer} lies outside of the pages`)
    let head = page
    let d = this.table + page * DESCRIPTOR_WORDS
    if (i32[d + D_KIND] === PART) {
      head = i32[d + D_EXTENT]!
      if (!(head >= 0 && head < this.pagesMax))
        throw corrupt(arena.segment.name, `page ${page} names ${head} as its first`)
      d = this.table + head * DESCRIPTOR_WORDS
    }
    const kind = i32[d + D_KIND]!
    if (kind === LARGE) {
      this.#pool.give(head, i32[d + D_EXTENT]!)
      return from + 1
    }
    const size = kind >> 8
    if ((kind & 0xff) !== SPAN || size < 0 || size >= CLASSES)
      throw corrupt(arena.segment.name, `page ${page} holds no blocks`)
    const words = CLASS_WORDS[size]!
    const count = CLASS_COUNT[size]!
    const start = this.origin + head * PAGE_UNITS
    const first = start + CLASS_FIRST[size]!
    const units = CLASS_UNITS[size]!
    let index = ((pointer - first) / units) | 0
    const word = index >> 5
    const bitmap = (words === 1 ? d + D_BITS : start << 1) + word
    let bits = i32[bitmap]!
    let freed = 0
    let next = from
    for (; next < to; next++) {
      index = ((pointers[next]! - first) / units) | 0
      // Another word of the bitmap, or another span that begins where this one ends.
      if (next > from && (index >> 5 !== word || index >= count)) break
      const bit = 1 << (index & 31)
      if (index < 0 || index >= count || (bits & bit) === 0)
        throw corrupt(arena.segment.name, `a block at ${pointers[next]} is freed twice`)
      bits &= ~bit
      freed++
    }
    arena.put(bitmap, bits)
    const used = i32[d + D_USED]! - freed
    arena.put(d + D_USED, used)
    if (used + freed === count) this.#link(d, head, size)
    i32[d + D_HINT] = word
    if (used === 0 && !(i32[d + D_NEXT] === 0 && i32[d + D_PREV] === 0)) {
      this.#unlink(d, size)
      this.#pool.give(head, CLASS_PAGES[size]!)
    }
    return next
  }

  // ---- lists of spans with room

  /** Behind the first span of the list: that one is filled up first, while this one may gather more free blocks. */
  #link(d: number, page: number, size: number): void {
    const { arena } = this
    const head = this.#heads + size
    const first = arena.i32[head]!
    if (first <= 0 || first > this.pagesMax) {
      arena.put2(d + D_NEXT, 0, 0)
      arena.put(head, page + 1)
      return
    }
    const f = this.descriptor(first - 1)
    const next = arena.i32[f + D_NEXT]!
    arena.put2(d + D_NEXT, next, first)
    if (next > 0 && next <= this.pagesMax) arena.put(this.descriptor(next - 1) + D_PREV, page + 1)
    arena.put(f + D_NEXT, page + 1)
  }

  #unlink(d: number, size: number): void {
    const { arena } = this
    const next = arena.i32[d + D_NEXT]!
    const prev = arena.i32[d + D_PREV]!
    if (next > 0 && next <= this.pagesMax) arena.put(this.descriptor(next - 1) + D_PREV, prev)
    if (prev > 0 && prev <= this.pagesMax) arena.put(this.descriptor(prev - 1) + D_NEXT, next)
    else arena.put(this.#heads + size, next)
    arena.put2(d + D_NEXT, 0, 0)
  }

  // ---- carving

  #carveSpan(size: number): number {
    const { arena } = this
    const { i32 } = arena
    const pages = CLASS_PAGES[size]!
    const page = this.#pool.take(pages, this.#reclaim)
    const d = this.descriptor(page)
    const words = CLASS_WORDS[size]!
    const bitmap = words === 1 ? d + D_BITS : (this.origin + page * PAGE_UNITS) << 1
    for (let i = 0; i < words; i++) {
      i32[bitmap + i] = 0
    }
    const odd = CLASS_COUNT[size]! & 31
    if (odd !== 0) {
      i32[bitmap + words - 1] = -1 << odd
    }
    this.#describe(page, pages, SPAN | (size << 8))
    // The span is this transaction's own, but the list it enters is everybody's.
    arena.put(this.#heads + size, page + 1)
    return page
  }

  #takeLarge(units: number, kind: number, stripe: number): number {
    if (this.#spare !== undefined) return this.#takeOrReuse(units, kind, stripe)
    this.taken += units
    const { i32 } = this.arena
    const pages = Math.ceil(units / PAGE_UNITS)
    const page = this.#pool.take(pages, this.#reclaim)
    this.#describe(page, pages, LARGE)
    const pointer = this.origin + page * PAGE_UNITS
    const header = pointer << 1
    i32[header] = (i32[header]! + 1) | 0
    i32[header + 1] = kind | (stripe << STRIPE_SHIFT)
    if (this.arena.depth > 1) this.remember(pointer)
    return pointer
  }

  /** Fills the descriptors of pages that are free as far as anybody else can see: nothing of it needs the log. */
  #describe(page: number, pages: number, kind: number): void {
    const { i32 } = this.arena
    for (let i = 0; i < pages; i++) {
      const d = this.descriptor(page + i)
      i32[d + D_CARVE] = (i32[d + D_CARVE]! + 1) | 0
      i32[d + D_KIND] = i === 0 ? kind : PART
      i32[d + D_USED] = 0
      i32[d + D_NEXT] = 0
      i32[d + D_PREV] = 0
      i32[d + D_HINT] = 0
      i32[d + D_EXTENT] = i === 0 ? pages : page
    }
  }

  /** Each class may keep one empty span, to spare the carving; here they go back. */
  #giveEmptySpans(): void {
    const { i32 } = this.arena
    for (let size = 0; size < CLASSES; size++) {
      let page = i32[this.#heads + size]! - 1
      for (let n = 0; page >= 0 && page < this.pagesMax && n < this.pagesMax; n++) {
        const d = this.descriptor(page)
        const next = i32[d + D_NEXT]! - 1
        if (i32[d + D_USED] === 0) {
          this.#unlink(d, size)
          this.#keepForUndo(page, size)
          this.#pool.giveEmptied(page, CLASS_PAGES[size]!)
        }
        page = next
      }
    }
  }

  /** These pages are carved again in this very transaction, without a log: note here what that will overwrite. */
  #keepForUndo(page: number, size: number): void {
    const { arena } = this
    const { i32 } = arena
    const words = CLASS_WORDS[size]!
    const bitmap = (this.origin + page * PAGE_UNITS) << 1
    if (words > 1) for (let i = 0; i < words; i++) arena.put(bitmap + i, i32[bitmap + i]!)
    for (let part = 0; part < CLASS_PAGES[size]!; part++) {
      const d = this.descriptor(page + part)
      for (let i = D_KIND; i <= D_BITS; i++) arena.put(d + i, i32[d + i]!)
    }
  }
}
