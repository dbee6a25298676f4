// heap/blocks: pages, by runs. First fit from the lowest free one, so that a heap stays as short as it can; a bitmap says
// which are taken. A page without memory is free and cannot be taken before the heap has grown.

import { MemlaneError } from '../../errors.js'
import { formatSize } from '../../sizes.js'
import type { Arena } from '../arena/arena.js'
import { corrupt } from '../corrupt.js'
import { H_BITMAP, H_PAGE_HINT, HEAP_PAGE } from '../heap.layout.js'

/**
 * Growth asks for a sixteenth of what there is, at least and at most so many pages at once: 256 KiB to 4 MiB. Committing
 * costs about 0.2 ms per MiB whatever the step; small steps keep small heaps small.
 */
const STEP_PAGES = 16
const STEP_PAGES_MAX = 256

export class PagePool {
  readonly pagesMax: number
  readonly #arena: Arena
  readonly #bitmap: number
  readonly #hint: number
  readonly #firstPageByte: number
  /** Pages lent to the log, and pages given back, in the open transaction: neither may be taken before it ends. */
  readonly #lent: number[] = []
  readonly #given: number[] = []
  /** Pages of empty spans that were given back to be carved anew; the log must not lie there, as undoing writes to them. */
  readonly #emptied: number[] = []

  /** @param firstPageByte where the pages begin, in bytes from the body. */
  constructor(arena: Arena, pagesMax: number, firstPageByte: number) {
    this.#arena = arena
    this.pagesMax = pagesMax
    this.#firstPageByte = firstPageByte
    this.#bitmap = arena.base + H_BITMAP
    this.#hint = arena.base + H_PAGE_HINT
  }

  /** Pages that have memory. */
  get committedPages(): number {
    const bytes = this.#arena.segment.committed - this.#firstPageByte
    return Math.max(0, Math.min(this.pagesMax, Math.floor(bytes / HEAP_PAGE)))
  }

  isTaken(page: number): boolean {
    return ((this.#arena.i32[this.#bitmap + (page >> 5)]! >>> (page & 31)) & 1) === 1
  }

  /**
   * Takes a run of pages.
   *
   * @param reclaim called when pages run short, before the heap grows.
   * @throws MemlaneError `ERR_NO_SPACE`.
   */
  take(count: number, reclaim: () => void): number {
    let page = this.#find(count, this.#arena.i32[this.#hint]!)
    if (page < 0) page = this.#find(count, 0)
    if (page < 0) {
      reclaim()
      page = this.#find(count, 0)
    }
    while (page < 0) {
      this.#grow(count)
      page = this.#find(count, 0)
    }
    this.setBits(page, count, true)
    if (count === 1) {
      this.#arena.i32[this.#hint] = page
    }
    return page
  }

  /** First run of free pages with memory, at or after `from`; -1 when there is none. */
  #find(count: number, from: number, forLog: boolean = false): number {
    const { i32 } = this.#arena
    const end = this.committedPages
    let run = 0
    for (let page = from >= 0 && from < end ? from : 0; page < end; page++) {
      if ((page & 31) === 0) {
        const bits = i32[this.#bitmap + (page >> 5)]!
        if (bits === -1) {
          run = 0
          page += 31
          continue
        }
        if (bits === 0 && page + 32 <= end && run + 32 < count) {
          run += 32
          page += 31
          continue
        }
      }
      if (this.isTaken(page)) {
        run = 0
        continue
      }
      if (++run === count) {
        const first = page - count + 1
        const beyond = this.#busyUntil(first, count, forLog)
        if (beyond === 0) return first
        run = 0
        page = beyond - 1
      }
    }
    return -1
  }

  /** The end of the last lent or given run that these pages meet; 0: none. */
  #busyUntil(page: number, count: number, forLog: boolean): number {
    let until = 0
    if (this.#lent.length !== 0) until = meets(this.#lent, page, count)
    if (this.#given.length !== 0) until = Math.max(until, meets(this.#given, page, count))
    if (forLog && this.#emptied.length !== 0) until = Math.max(until, meets(this.#emptied, page, count))
    return until
  }

  /** Marks pages in the bitmap, logged. @throws MemlaneError `ERR_CORRUPT` when they are marked so already. */
  setBits(page: number, count: number, taken: boolean): void {
    const arena = this.#arena
    for (let at = page; at < page + count; ) {
      const word = this.#bitmap + (at >> 5)
      const length = Math.min(32 - (at & 31), page + count - at)
      const mask = (length === 32 ? -1 : (1 << length) - 1) << (at & 31)
      const bits = arena.i32[word]!
      if ((bits & mask) !== (taken ? 0 : mask))
        throw corrupt(arena.segment.name, `pages at ${at} are ${taken ? 'taken' : 'freed'} twice`)
      arena.put(word, taken ? bits | mask : bits & ~mask)
      at += length
    }
  }

  /** Gives a run back; nobody takes it before the transaction ends. */
  give(page: number, count: number): void {
    if (count < 1 || page + count > this.pagesMax)
      throw corrupt(this.#arena.segment.name, `a run of ${count} pages at ${page}`)
    this.setBits(page, count, false)
    this.#given.push(page, count)
    this.#arena.unsettled = true
    const { i32 } = this.#arena
    if (page < i32[this.#hint]!) {
      i32[this.#hint] = page
    }
  }

  /** Gives back pages whose undoing is provided for: they may be taken at once, but not for the log. */
  giveEmptied(page: number, count: number): void {
    this.setBits(page, count, false)
    this.#emptied.push(page, count)
    this.#arena.unsettled = true
  }

  /** @internal See Pages. */
  lend(count: number): number {
    let page = this.#find(count, 0, true)
    while (page < 0) {
      if (this.committedPages >= this.pagesMax) return -1
      try {
        this.#grow(count)
      } catch (error) {
        if (error instanceof MemlaneError && error.code === 'ERR_NO_SPACE') return -1
        throw error
      }
      page = this.#find(count, 0, true)
    }
    this.#lent.push(page, count)
    this.#arena.unsettled = true
    return page
  }

  /** @internal See Pages. */
  mark(marks: Int32Array, at: number): void {
    marks[at] = this.#lent.length
    marks[at + 1] = this.#given.length
    marks[at + 2] = this.#emptied.length
  }

  /** @internal See Pages. */
  undone(marks: Int32Array, at: number): void {
    this.#lent.length = at < 0 ? 0 : marks[at]!
    this.#given.length = at < 0 ? 0 : marks[at + 1]!
    this.#emptied.length = at < 0 ? 0 : marks[at + 2]!
  }

  /** @internal See Pages. */
  settle(): void {
    this.#lent.length = 0
    this.#given.length = 0
    this.#emptied.length = 0
    this.#arena.unsettled = false
  }

  /** Growth is not undone by a roll back: memory that is there harms nobody. */
  #grow(count: number): void {
    const { segment } = this.#arena
    const pages = this.committedPages
    const step = Math.max(count, Math.min(STEP_PAGES_MAX, Math.max(STEP_PAGES, pages >> 4)))
    const wanted = Math.min(this.pagesMax, pages + step)
    // A free run at the end of what is committed is continued by the new pages.
    const least = Math.min(this.pagesMax, pages + count)
    if (pages + 1 > this.pagesMax) throw this.#noSpace(count, undefined)
    try {
      segment.grow(this.#firstPageByte + wanted * HEAP_PAGE)
    } catch (error) {
      if (!(error instanceof MemlaneError) || error.code !== 'ERR_NO_SPACE' || least >= wanted) throw error
      segment.grow(this.#firstPageByte + least * HEAP_PAGE)
    }
  }

  /** Refuses what would not fit even if nothing else were there. @throws MemlaneError `ERR_NO_SPACE`. */
  mustFit(count: number): void {
    if (count > this.pagesMax) throw this.#noSpace(count, undefined)
  }

  #noSpace(count: number, cause: unknown): MemlaneError {
    const { segment } = this.#arena
    return new MemlaneError(
      'ERR_NO_SPACE',
      `${JSON.stringify(segment.name)} is full: ${formatSize(count * HEAP_PAGE)} more are needed, and it has reached its maxSize of ${formatSize(this.pagesMax * HEAP_PAGE)}`,
      cause === undefined ? {} : { cause },
    )
  }
}

/** The end of the last of the runs (page, count, page, count, …) that meets these pages; 0: none does. */
function meets(runs: readonly number[], page: number, count: number): number {
  let until = 0
  for (let i = 0; i < runs.length; i += 2) {
    const end = runs[i]! + runs[i + 1]!
    if (page < end && page + count > runs[i]! && end > until) until = end
  }
  return until
}
