// interop/flexible: one slot. Writing it so that no peer, old or new, accepts it half written; reading it likewise.

import type { Memory } from '../../memory/index.js'
import { MODIFIED, TRUNCATED, UNWRITTEN } from '../../record/field-value.js'
import type { Prepared } from './codec.js'
import { type FlexibleLayout, METADATA_SIZE, SEQUENCE_SIZE, STATUS } from './flexible.layout.js'

/** The slots of a segment; `words` views its 64-bit words. */
export class Slots {
  readonly #memory: Memory
  readonly #words: BigUint64Array
  readonly #layout: FlexibleLayout
  readonly #first: number

  constructor(memory: Memory, words: BigUint64Array, layout: FlexibleLayout) {
    this.#memory = memory
    this.#words = words
    this.#layout = layout
    this.#first = layout.slots > 1 ? METADATA_SIZE : 0
  }

  #at(slot: number): number {
    return this.#first + slot * this.#layout.slotSize
  }

  /** What a creator does before anyone else looks: every field unwritten. The memory is zero before. */
  initialize(): void {
    for (let slot = 0; slot < this.#layout.slots; slot++) {
      const status = this.#at(slot) + STATUS
      this.#memory.u8.fill(UNWRITTEN, status, status + this.#layout.fields.length)
    }
  }

  /** Stores values that cannot fail any more. `values` is in field order; undefined leaves a field as it is. */
  write(slot: number, values: readonly (Prepared | undefined)[]): void {
    const { u8 } = this.#memory
    const at = this.#at(slot)
    const begin = at / 8
    const end = (at + this.#layout.slotSize - SEQUENCE_SIZE) / 8
    const before = Atomics.load(this.#words, begin)
    // SYNC: "begin and end differ before the first byte changes, in whichever order they are read"
    Atomics.store(this.#words, end, before + 1n)
    Atomics.store(this.#words, begin, before + 2n)
    this.#memory.fence()
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      const status = at + STATUS + i
      if (value === undefined) {
        u8[status]! &= ~MODIFIED
        continue
      }
      u8.set(value.bytes, at + this.#layout.fields[i]!.offset)
      u8[status] = (u8[status]! & ~(UNWRITTEN | TRUNCATED)) | MODIFIED | (value.truncated ? TRUNCATED : 0)
    }
    // SYNC: "the data is whole before begin and end are equal again"
    Atomics.store(this.#words, begin, before + 3n)
    Atomics.store(this.#words, end, before + 3n)
  }

  /** Copies a slot that nobody is writing. @returns undefined when it is half written, or was written meanwhile. */
  read(slot: number): Uint8Array | undefined {
    const at = this.#at(slot)
    const size = this.#layout.slotSize
    // End before begin: an old writer moves begin first and end last, so equal numbers mean nothing moved between.
    // SYNC: "the data is whole before begin and end are equal again"
    const end = Atomics.load(this.#words, (at + size - SEQUENCE_SIZE) / 8)
    if (Atomics.load(this.#words, at / 8) !== end) return undefined
    const copy = this.#memory.u8.slice(at, at + size)
    this.#memory.fence()
    // SYNC: "begin and end differ before the first byte changes, in whichever order they are read"
    return Atomics.load(this.#words, at / 8) === end ? copy : undefined
  }

  /** Clears the shared modified flags, unless the slot has been written since `seen` was copied. */
  resetModified(slot: number, seen: Uint8Array): void {
    const at = this.#at(slot)
    const sequence = new DataView(seen.buffer, seen.byteOffset).getBigUint64(0, true)
    for (let i = 0; i < this.#layout.fields.length; i++) {
      // A write that starts between this look and the store may lose its flag: the wire has no room for better.
      if (Atomics.load(this.#words, (at + this.#layout.slotSize - SEQUENCE_SIZE) / 8) !== sequence) return
      Atomics.and(this.#memory.u8, at + STATUS + i, ~MODIFIED)
    }
  }
}
