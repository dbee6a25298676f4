// collections/cells: values in a word, by Atomics. No lock, no system call.

import { MemlaneError } from '../../errors.js'
import type { Memory } from '../../memory/index.js'
import { lostRace, RACE_TRIES } from '../../races.js'
import type { Segment } from '../../segment/index.js'
import { EventCount } from '../../waiting/index.js'
import type { Source } from '../changes.js'
import type { AddingStore, Store } from './store.js'
import { WATCHERS } from './word.layout.js'
import { announce, WordWatch } from './word-watch.js'

/** Where a word lies, and how it ends. */
export abstract class WordStore {
  readonly memory: Memory
  readonly base: number
  readonly watchers: EventCount
  readonly segment: Segment

  constructor(segment: Segment) {
    this.segment = segment
    this.memory = segment.memory
    this.base = segment.body / 4
    this.watchers = new EventCount(segment.memory, segment.body + WATCHERS)
  }

  checkOpen(): void {
    if (this.memory.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.segment.name)} is closed`)
    if (this.memory.faults !== 0) this.memory.checkWhole(JSON.stringify(this.segment.name))
  }

  watch(): Source {
    this.checkOpen()
    return new WordWatch(this.segment, this.base)
  }

  close(): void {
    this.segment.close()
  }
}

/** What fits into a word. */
export interface Range<T> {
  readonly least: T
  readonly most: T
  /** @throws MemlaneError `ERR_RANGE`. */
  refuse(value: T): never
}

export type NumberArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array

/** Integers of up to 32 bits. */
export class NumberWord extends WordStore implements AddingStore<number> {
  readonly #words: NumberArray
  readonly #range: Range<number>

  /** @param words a view of one element: the value. */
  constructor(segment: Segment, words: NumberArray, range: Range<number>) {
    super(segment)
    this.#words = words
    this.#range = range
  }

  get(): number {
    this.checkOpen()
    return Atomics.load(this.#words, 0)
  }

  set(value: number): void {
    this.checkOpen()
    Atomics.store(this.#words, 0, value)
    announce(this.memory, this.base, this.watchers)
  }

  exchange(value: number): number {
    this.checkOpen()
    const old = Atomics.exchange(this.#words, 0, value)
    announce(this.memory, this.base, this.watchers)
    return old
  }

  compareExchange(expected: number, value: number): number {
    this.checkOpen()
    const old = Atomics.compareExchange(this.#words, 0, expected, value)
    if (old === expected) announce(this.memory, this.base, this.watchers)
    return old
  }

  add(amount: number): number {
    this.checkOpen()
    const words = this.#words
    const { least, most } = this.#range
    // A guess that may be old: the exchange tells, and so does a second look before a sum is refused.
    let old = words[0]!
    for (let tries = 0; ; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`adding to ${JSON.stringify(this.segment.name)}`)
      const sum = old + amount
      if (sum >= least && sum <= most) {
        const seen = Atomics.compareExchange(words, 0, old, sum)
        if (seen === old) break
        old = seen
      } else {
        const seen = Atomics.load(words, 0)
        if (seen === old) this.#range.refuse(sum)
        old = seen
      }
    }
    announce(this.memory, this.base, this.watchers)
    return old
  }

  change(next: (old: number) => number): number {
    this.checkOpen()
    let old = Atomics.load(this.#words, 0)
    for (let tries = 0; ; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`changing ${JSON.stringify(this.segment.name)}`)
      const seen = Atomics.compareExchange(this.#words, 0, old, next(old))
      if (seen === old) break
      old = seen
    }
    announce(this.memory, this.base, this.watchers)
    return old
  }
}

/** 64-bit integers. */
export class BigWord extends WordStore implements AddingStore<bigint> {
  readonly #words: BigInt64Array | BigUint64Array
  readonly #range: Range<bigint>

  constructor(segment: Segment, words: BigInt64Array | BigUint64Array, range: Range<bigint>) {
    super(segment)
    this.#words = words
    this.#range = range
  }

  get(): bigint {
    this.checkOpen()
    return Atomics.load(this.#words, 0)
  }

  set(value: bigint): void {
    this.checkOpen()
    Atomics.store(this.#words, 0, value)
    announce(this.memory, this.base, this.watchers)
  }

  exchange(value: bigint): bigint {
    this.checkOpen()
    const old = Atomics.exchange(this.#words, 0, value)
    announce(this.memory, this.base, this.watchers)
    return old
  }

  compareExchange(expected: bigint, value: bigint): bigint {
    this.checkOpen()
    const old = Atomics.compareExchange(this.#words, 0, expected, value)
    if (old === expected) announce(this.memory, this.base, this.watchers)
    return old
  }

  add(amount: bigint): bigint {
    this.checkOpen()
    const words = this.#words
    const { least, most } = this.#range
    // As NumberWord.add does.
    let old = words[0]!
    for (let tries = 0; ; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`adding to ${JSON.stringify(this.segment.name)}`)
      const sum = old + amount
      if (sum >= least && sum <= most) {
        const seen = Atomics.compareExchange(words, 0, old, sum)
        if (seen === old) break
        old = seen
      } else {
        const seen = Atomics.load(words, 0)
        if (seen === old) this.#range.refuse(sum)
        old = seen
      }
    }
    announce(this.memory, this.base, this.watchers)
    return old
  }

  change(next: (old: bigint) => bigint): bigint {
    this.checkOpen()
    let old = Atomics.load(this.#words, 0)
    for (let tries = 0; ; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`changing ${JSON.stringify(this.segment.name)}`)
      const seen = Atomics.compareExchange(this.#words, 0, old, next(old))
      if (seen === old) break
      old = seen
    }
    announce(this.memory, this.base, this.watchers)
    return old
  }
}

/** Translates between a value and the bits that Atomics exchange. */
export interface Bits<T, B extends number | bigint> {
  toBits(value: T): B
  fromBits(bits: B): T
}

/** A value that is kept as the bits of an integer word: floats and booleans. */
export class BitsWord<T, B extends number | bigint> implements Store<T> {
  readonly #word: Store<B>
  readonly #bits: Bits<T, B>

  constructor(word: Store<B>, bits: Bits<T, B>) {
    this.#word = word
    this.#bits = bits
  }

  get segment(): Segment {
    return this.#word.segment
  }

  get(): T {
    return this.#bits.fromBits(this.#word.get())
  }

  set(value: T): void {
    this.#word.set(this.#bits.toBits(value))
  }

  exchange(value: T): T {
    return this.#bits.fromBits(this.#word.exchange(this.#bits.toBits(value)))
  }

  compareExchange(expected: T, value: T): T {
    return this.#bits.fromBits(this.#word.compareExchange(this.#bits.toBits(expected), this.#bits.toBits(value)))
  }

  change(next: (old: T) => T): T {
    const bits = this.#bits
    return bits.fromBits(this.#word.change((old) => bits.toBits(next(bits.fromBits(old)))))
  }

  watch(): Source {
    return this.#word.watch()
  }

  close(name: string): void {
    this.#word.close(name)
  }
}
