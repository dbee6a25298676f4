// interop/rememory: a list that Python programs share.

import { isDeepStrictEqual } from 'node:util'
import { outOfRange, wrongType } from '../../errors.js'
import { type Updated, updated } from '../../updating.js'
import { Container } from './container.js'
import { checkFunction, OPENING, refusePromise, unlinkRememory } from './handle.js'
import { encodeItem } from './image.js'
import type { RMSizedOptions } from './options.js'

/**
 * The list of that name of the Python package rememory: `List("chat")` there.
 *
 * Every method works on what is shared; in Python most of a list's methods change a private copy. Negative places count
 * from the end.
 *
 * @example
 * import { RMList } from 'memlane/rememory'
 * using chat = RMList.open<string>('chat')
 * chat.push('hello', 'world')
 * console.log(chat.at(-1), chat.length)
 */
export class RMList<T = unknown> extends Container {
  private constructor(opening: typeof OPENING, name: string, options: RMSizedOptions) {
    super(opening, 'list', name, options)
  }

  /** Opens the list of that name, or makes it. @throws MemlaneError as `RMDict.open`. */
  static open<T = unknown>(name: string, options: RMSizedOptions = {}): RMList<T> {
    return new RMList<T>(OPENING, name, options)
  }

  /** Removes a name. @see unlinkRememory */
  static unlink(name: string, options: { lock?: boolean } = {}): boolean {
    return unlinkRememory(name, options)
  }

  /** How many items it holds at this moment. */
  get length(): number {
    return this.read(() => this.image.count)
  }

  /** A copy of the item at a place, or undefined. @throws MemlaneError `ERR_FOREIGN`, `ERR_CORRUPT`, `ERR_TYPE`, `ERR_TIMEOUT`, `ERR_CLOSED`. */
  at(place: number): T | undefined {
    return this.read(() => {
      const at = this.#find(place)
      return at === undefined ? undefined : (this.image.value(at) as T)
    })
  }

  /** Replaces the item at a place. @throws MemlaneError `ERR_RANGE` when there is none, and as `RMDict.set`. */
  set(place: number, value: T): void {
    const item = encodeItem('list', undefined, value)
    this.change(() => this.image.put(this.#must(place), undefined, item))
  }

  /** Replaces an item by what a function makes of it, in one step. @returns the new item. @throws MemlaneError `ERR_RANGE`, and as `RMDict.update`. */
  update(place: number, change: (item: T) => Updated<T>): T {
    checkFunction(change, 'change')
    return this.change(() => {
      const at = this.#must(place)
      const before = this.image.value(at) as T
      const value = updated(before, refusePromise(change(before), 'the change'), `the item at ${place}`)
      this.image.put(at, undefined, encodeItem('list', undefined, value))
      return value
    })
  }

  /** Adds items at the end, in one step. @returns the new length. */
  push(...items: readonly T[]): number {
    const encoded = items.map((value) => encodeItem('list', undefined, value))
    return this.change(() => {
      for (const item of encoded) this.image.put(-1, undefined, item)
      return this.image.count
    })
  }

  /** Takes the last item off. */
  pop(): T | undefined {
    return this.#take(-1)
  }

  /** Takes the first item off. */
  shift(): T | undefined {
    return this.#take(0)
  }

  /** Removes the item at a place. @returns it, or undefined when there was none. */
  delete(place: number): T | undefined {
    return this.#take(place)
  }

  #take(place: number): T | undefined {
    return this.change(() => {
      const at = this.#find(place)
      if (at === undefined) return undefined
      const value = this.image.value(at) as T
      this.image.remove(at)
      return value
    })
  }

  /** Adds items at the beginning. @returns the new length. */
  unshift(...items: readonly T[]): number {
    return this.#edit((all) => all.unshift(...items))
  }

  /** Adds an item before a place; as in Python, a place beyond the ends is at the end. */
  insert(place: number, item: T): void {
    checkPlace(place)
    this.#edit((all) => all.splice(place, 0, item))
  }

  /** As `Array.prototype.splice`. @returns the items that were taken out. */
  splice(start: number, count: number = Number.POSITIVE_INFINITY, ...items: readonly T[]): T[] {
    checkPlace(start)
    if (count !== Number.POSITIVE_INFINITY) checkPlace(count)
    return this.#edit((all) => all.splice(start, count, ...items))
  }

  /** Turns the order round, in one step. */
  reverse(): void {
    this.#edit((all) => all.reverse())
  }

  /** Sorts, as `Array.prototype.sort`. */
  sort(compare?: (a: T, b: T) => number): void {
    if (compare !== undefined) checkFunction(compare, 'compare')
    this.#edit((all) => all.sort(compare))
  }

  /** The first place of an item that is deeply equal, or -1. */
  indexOf(item: T): number {
    return this.toArray().findIndex((one) => isDeepStrictEqual(one, item))
  }

  /** Whether it holds this item. */
  includes(item: T): boolean {
    return this.indexOf(item) >= 0
  }

  /** Removes the first item that is deeply equal. @returns true when there was one. */
  remove(item: T): boolean {
    return this.change(() => {
      const at = this.image.pairs().findIndex((pair) => isDeepStrictEqual(pair[1], item))
      if (at >= 0) this.image.remove(at)
      return at >= 0
    })
  }

  /** A copy of everything, as of one moment. */
  toArray(): T[] {
    return this.read(() => this.image.pairs()).map((pair) => pair[1] as T)
  }

  /** As `Array.prototype.slice`. */
  slice(start?: number, end?: number): T[] {
    return this.toArray().slice(start, end)
  }

  /** The items as of one moment. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.toArray()[Symbol.iterator]()
  }

  #edit<R>(work: (all: T[]) => R): R {
    return this.change(() => {
      const all = this.image.pairs().map((pair) => pair[1] as T)
      const result = work(all)
      this.image.setAll(all.map((item) => [undefined, item]))
      return result
    })
  }

  #find(place: number): number | undefined {
    checkPlace(place)
    const at = place < 0 ? place + this.image.count : place
    return at >= 0 && at < this.image.count ? at : undefined
  }

  #must(place: number): number {
    const at = this.#find(place)
    if (at === undefined) throw outOfRange('place', `one of the ${this.image.count} items`, place)
    return at
  }
}

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
function checkPlace(place: unknown): void {
  if (typeof place !== 'number') throw wrongType('place', 'a number', place)
  if (!Number.isInteger(place)) throw outOfRange('place', 'a whole number', place)
}
