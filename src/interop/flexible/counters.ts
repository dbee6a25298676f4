// interop/flexible: the three counters of a FIFO. Both sides move read_idx, each with a compare-and-exchange, so that
// between Memlane processes every record is read once or given up once.

import { lostRace, RACE_TRIES } from '../../races.js'
import { COUNT, READ_INDEX, WRITE_INDEX } from './flexible.layout.js'

export class Counters {
  readonly #name: string
  readonly #words: BigUint64Array
  readonly #slots: bigint
  /** One beyond the last record this handle took: a Python writer may have put an older read_idx back. */
  #taken = 0n

  constructor(name: string, words: BigUint64Array, slots: number) {
    this.#name = name
    this.#words = words
    this.#slots = BigInt(slots)
  }

  /** The slot of an index. */
  slotOf(index: bigint): number {
    return Number(index % this.#slots)
  }

  get writeIndex(): bigint {
    // SYNC: "the record is whole before write_idx counts it"
    return Atomics.load(this.#words, WRITE_INDEX)
  }

  /** Oldest record that is not read yet; equal to `writeIndex` when there is none. */
  get readIndex(): bigint {
    const written = this.writeIndex
    let read = Atomics.load(this.#words, READ_INDEX)
    if (read < this.#taken) read = this.#taken
    if (read > written) return written
    return written - read > this.#slots ? written - this.#slots : read
  }

  /** Gives up the oldest record when the FIFO is full. Called before its slot is written again. */
  makeRoom(): void {
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      const read = Atomics.load(this.#words, READ_INDEX)
      const written = this.writeIndex
      if (written - read < this.#slots) return
      Atomics.compareExchange(this.#words, READ_INDEX, read, written - this.#slots + 1n)
    }
    throw lostRace(`making room in ${JSON.stringify(this.#name)}`)
  }

  /** Publishes the record at write_idx. One writer at a time, as the format has it. */
  published(): void {
    // SYNC: "the record is whole before write_idx counts it"
    Atomics.store(this.#words, WRITE_INDEX, this.writeIndex + 1n)
    this.#settle()
  }

  /**
   * Takes record `index` and every older one.
   *
   * @returns false when somebody else took it, or the writer gave it up.
   */
  take(index: bigint): boolean {
    for (let tries = 0; ; tries++) {
      if (tries > RACE_TRIES) throw lostRace(`taking a record of ${JSON.stringify(this.#name)}`)
      const read = Atomics.load(this.#words, READ_INDEX)
      if (read > index && read <= this.writeIndex) return false
      if (Atomics.compareExchange(this.#words, READ_INDEX, read, index + 1n) === read) break
    }
    this.#taken = index + 1n
    this.#settle()
    return true
  }

  /** Makes count right. Whoever changed an index last sees both as they are, so the last store is the right one. */
  #settle(): void {
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      const written = this.writeIndex
      const read = Atomics.load(this.#words, READ_INDEX)
      Atomics.store(this.#words, COUNT, written - read)
      if (this.writeIndex === written && Atomics.load(this.#words, READ_INDEX) === read) return
    }
  }
}
