// testing: a participant that dies at any store it makes. Everything that goes to shared memory through the views of a
// memory or its ordered words is counted; from a chosen store on, nothing gets there any more, and its locks are lost,
// as when the kernel had killed it there.

import type { Memory } from '../memory/index.js'

/** Thrown at the store that kills; what the code does on the way out reaches no memory. */
export class Killed extends Error {}

export class Killer {
  /** Stores seen so far. */
  stores = 0
  readonly #at: number
  dead = false

  /** @param at dies instead of making this store, counted from 1; Infinity never. */
  constructor(at: number) {
    this.#at = at
  }

  /** Called before every store. @returns true when it may be made. */
  step(): boolean {
    if (this.dead) return false
    if (++this.stores < this.#at) return true
    this.dead = true
    throw new Killed(`killed at store ${this.#at}`)
  }

  /** A typed array whose stores are counted. A bulk store counts twice: before it, and with half of it done. */
  view<T extends { length: number }>(array: T): T {
    const killer = this
    return new Proxy(array, {
      get(target, property) {
        const value = Reflect.get(target, property) as unknown
        if (typeof value !== 'function') return value
        if (property === 'set') return (source: ArrayLike<never>, at: number = 0) => killer.#bulk(target, source, at)
        if (property === 'copyWithin') {
          return (to: number, from: number, end: number) =>
            killer.#bulk(target, (target as never as Uint8Array).slice(from, end) as never, to)
        }
        if (property === 'fill') {
          return (item: never, from = 0, end = target.length) =>
            killer.#bulk(target, new Array(end - from).fill(item) as never, from)
        }
        return value.bind(target)
      },
      set(target, property, value) {
        if (killer.step()) Reflect.set(target, property, value)
        return true
      },
    })
  }

  #bulk(target: object, source: ArrayLike<never>, at: number): void {
    const array = target as { set(source: ArrayLike<never>, at: number): void }
    if (source.length === 0 || !this.step()) return
    const half = source.length >> 1
    array.set(Array.prototype.slice.call(source, 0, half) as never, at)
    if (!this.step()) return
    array.set(Array.prototype.slice.call(source, half) as never, at + half)
  }

  /** Counts the ordered stores of a memory. */
  watch(memory: Memory): void {
    const patched = memory as unknown as Record<string, (...args: number[]) => unknown>
    for (const name of ['store', 'exchange', 'compareExchange', 'add', 'or', 'and', 'wake']) {
      const original = patched[name]!.bind(memory)
      patched[name] = (...args) => (this.step() ? original(...args) : 0)
    }
  }
}
