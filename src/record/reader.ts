// record: the reading side. Note `published`, read that buffer, look again. Nothing is locked and nothing is written.

import { MemlaneError, wrongType } from '../errors.js'
import { refusePromise } from '../sizes.js'
import { spareStack } from '../spare-stack.js'
import { FieldValue, MODIFIED, TRUNCATED, UNWRITTEN } from './field-value.js'
import { type GeneratedReading, generateReading } from './generated.js'
import * as quiet from './quiet.js'
import { type PlacedField, SHARED_MARK } from './record.layout.js'
import type { RecordMemory } from './record-memory.js'

// Taken apart, not imported by name: an imported name is looked up at every use, a constant of the module is compiled in.
const { TORN_TRIES } = quiet
const TORN: typeof quiet.TORN = quiet.TORN

/** What is known about the record that `view` shows. For a name that is no field its functions throw `ERR_TYPE`. */
export interface RecordInfo {
  /** How many records were ever published, this one included. */
  readonly sequence: number
  valid(field: string): boolean
  /** Changed since this reader's last read; in a FIFO: given in this record. */
  modified(field: string): boolean
  truncated(field: string): boolean
  unwritten(field: string): boolean
}

export class Reader {
  readonly #store: RecordMemory
  readonly #template: Record<string, unknown>
  readonly #generated: GeneratedReading | undefined
  readonly #live: object
  readonly #info: RecordInfo
  /** While a view runs: where it looks. */
  #buffer = 0
  #sequence = 0
  #since = 0
  /** The sequence of the record that this reader saw last. */
  seen = 0

  constructor(store: RecordMemory) {
    this.#store = store
    this.#template = Object.fromEntries(store.layout.fields.map(({ name }) => [name, undefined]))
    this.#generated = generateReading(store)
    this.#live = this.#generated?.live ?? this.#makeLive()
    this.#info = this.#makeInfo()
  }

  // ---- decoding one buffer

  snapshot(buffer: number, seen: number): Record<string, FieldValue> {
    if (this.#generated !== undefined) return this.#generated.snapshot(buffer, seen)
    const store = this.#store
    const record = { ...this.#template } as Record<string, FieldValue>
    for (const field of store.layout.fields) {
      const value = field.codec.read(store.bytes, store.place(field, buffer))
      record[field.name] = new FieldValue(value, this.#bits(field.index, buffer, seen))
    }
    return record
  }

  #bits(index: number, buffer: number, seen: number): number {
    const status = this.#store.status(buffer, index) & (TRUNCATED | UNWRITTEN)
    return this.#store.changed(buffer, index) > seen ? status | MODIFIED : status
  }

  fill(target: Record<string, unknown>, buffer: number): void {
    if (this.#generated !== undefined) return this.#generated.fill(target, buffer)
    const store = this.#store
    for (const field of store.layout.fields) {
      const { codec, name } = field
      const at = store.place(field, buffer)
      if (codec.refills) {
        const before = target[name]
        const value = codec.readInto(store.bytes, at, before)
        if (value !== before) target[name] = value
      } else {
        target[name] = codec.read(store.bytes, at)
      }
    }
  }

  /** Shows a buffer in place. Views may be nested. */
  show<T>(buffer: number, sequence: number, seen: number, use: (record: never, info: RecordInfo) => T): T {
    const outer = this.#buffer
    const outerSequence = this.#sequence
    const outerSince = this.#since
    if (outer !== 0) spareStack()
    this.#look(buffer, sequence, seen)
    try {
      const result = use(this.#live as never, this.#info)
      refusePromise(result, 'view() shows a record in place while its function runs')
      return result
    } finally {
      if (outer !== 0) this.#look(outer, outerSequence, outerSince)
      else this.#buffer = 0
    }
  }

  #look(buffer: number, sequence: number, since: number): void {
    this.#buffer = buffer
    this.#sequence = sequence
    this.#since = since
    this.#generated?.look(buffer)
  }

  // ---- the latest value

  /**
   * @param end how long a writer may keep it waiting, as `performance.now()` counts.
   * @returns undefined before the first write.
   */
  read(shared: boolean, end?: number): Record<string, FieldValue> | undefined {
    const found = this.look(shared)
    return found !== TORN ? found : this.#store.quiet.read(() => this.look(shared), end)
  }

  /** The same without waiting. @returns TORN when writers were in the way. */
  look(shared: boolean): Record<string, FieldValue> | undefined | typeof TORN {
    const store = this.#store
    for (let tries = 0; tries < TORN_TRIES; tries++) {
      const counter = store.published()
      const buffer = store.bufferAt(counter)
      const sequence = store.sequence(buffer)
      const mark = shared ? Atomics.load(store.bytes.u64, this.#mark) : 0n
      const record =
        sequence === 0 ? undefined : this.snapshot(buffer, store.since(shared ? Number(mark) : this.seen, sequence))
      if (store.sequence(buffer) !== sequence || !store.isWhole(counter)) {
        store.checkRetry(sequence)
        continue
      }
      if (record === undefined) return undefined
      if (shared && !this.#raiseMark(mark, sequence)) continue
      this.seen = sequence
      return record
    }
    return TORN
  }

  /**
   * The newest record, for tools: nobody's cursor moves.
   *
   * @param since fields that changed after this sequence are modified; left out: those given in that very record.
   */
  newest(since?: number): { sequence: number; record: Record<string, FieldValue> } | undefined {
    const found = this.#lookAtNewest(since)
    return found !== TORN ? found : this.#store.quiet.read(() => this.#lookAtNewest(since))
  }

  #lookAtNewest(since?: number): { sequence: number; record: Record<string, FieldValue> } | undefined | typeof TORN {
    const store = this.#store
    for (let tries = 0; tries < TORN_TRIES; tries++) {
      const counter = store.published()
      const buffer = store.bufferAt(counter)
      const sequence = store.sequence(buffer)
      const seen = since === undefined ? sequence - 1 : store.since(since, sequence)
      const record = sequence === 0 ? undefined : this.snapshot(buffer, seen)
      if (store.sequence(buffer) === sequence && store.isWhole(counter)) return record && { sequence, record }
      store.checkRetry(sequence)
    }
    return TORN
  }

  readInto(target: object): boolean {
    const found = this.#lookInto(target)
    return found !== TORN ? found : this.#store.quiet.read(() => this.#lookInto(target))
  }

  #lookInto(target: object): boolean | typeof TORN {
    const store = this.#store
    for (let tries = 0; tries < TORN_TRIES; tries++) {
      const counter = store.published()
      const buffer = store.bufferAt(counter)
      const sequence = store.sequence(buffer)
      if (sequence !== 0) this.fill(target as Record<string, unknown>, buffer)
      if (store.sequence(buffer) !== sequence || !store.isWhole(counter)) {
        store.checkRetry(sequence)
        continue
      }
      if (sequence === 0) return false
      this.seen = sequence
      return true
    }
    return TORN
  }

  view<T>(use: (record: never, info: RecordInfo) => T): T | undefined {
    const found = this.#lookAt(use)
    return found !== TORN ? found : this.#store.quiet.read(() => this.#lookAt(use))
  }

  #lookAt<T>(use: (record: never, info: RecordInfo) => T): T | undefined | typeof TORN {
    const store = this.#store
    for (let tries = 0; tries < TORN_TRIES; tries++) {
      const counter = store.published()
      const buffer = store.bufferAt(counter)
      const sequence = store.sequence(buffer)
      let result: T | undefined
      let failure: unknown
      let failed = false
      if (sequence !== 0) {
        const outer = this.#buffer
        const outerSequence = this.#sequence
        const outerSince = this.#since
        // The outer view must be shown its own record again.
        if (outer !== 0) spareStack()
        this.#look(buffer, sequence, store.since(this.seen, sequence))
        try {
          result = use(this.#live as never, this.#info)
          refusePromise(result, 'view() shows a record in place while its function runs')
        } catch (error) {
          // What it saw may have been torn: then what it thought of it does not count.
          failed = true
          failure = error
        }
        // Inside another view: that one goes on where it was.
        if (outer !== 0) this.#look(outer, outerSequence, outerSince)
        else this.#buffer = 0
      }
      if (store.sequence(buffer) !== sequence || !store.isWhole(counter)) {
        store.checkRetry(sequence)
        continue
      }
      if (failed) throw failure
      if (sequence !== 0) this.seen = sequence
      return result
    }
    return TORN
  }

  /** True when a record was published that this reader has not seen. */
  get hasNews(): boolean {
    return this.#store.sequence(this.#store.bufferAt(this.#store.published())) !== this.seen
  }

  // ---- the shared `modified` mark

  get #mark(): number {
    return (this.#store.body + SHARED_MARK) / 8
  }

  /** @returns false when another reader has raised it since it was `before`: then this one must look afresh. */
  #raiseMark(before: bigint, sequence: number): boolean {
    if (!Number.isSafeInteger(sequence)) {
      const name = JSON.stringify(this.#store.segment.name)
      throw new MemlaneError('ERR_CORRUPT', `${name} is no whole record: its newest record is number ${sequence}`)
    }
    if (this.#store.since(Number(before), sequence) >= sequence) return true
    return Atomics.compareExchange(this.#store.bytes.u64, this.#mark, before, BigInt(sequence)) === before
  }

  // ---- in place

  #makeLive(): object {
    const live = {}
    const store = this.#store
    for (const field of store.layout.fields) {
      const get = (): unknown => field.codec.live(store.bytes, store.place(field, this.#buffer))
      Object.defineProperty(live, field.name, { enumerable: true, get })
    }
    return Object.freeze(live)
  }

  #makeInfo(): RecordInfo {
    const indexOf = new Map(this.#store.layout.fields.map(({ name, index }: PlacedField) => [name, index]))
    const bits = (name: string): number => {
      const index = indexOf.get(name)
      if (index === undefined) throw wrongType('a field', `one of ${[...indexOf.keys()].join(', ')}`, name)
      return this.#bits(index, this.#buffer, this.#since)
    }
    const sequence = (): number => this.#sequence
    return Object.freeze({
      get sequence() {
        return sequence()
      },
      valid: (name: string) => (bits(name) & (TRUNCATED | UNWRITTEN)) === 0,
      modified: (name: string) => (bits(name) & MODIFIED) !== 0,
      truncated: (name: string) => (bits(name) & TRUNCATED) !== 0,
      unwritten: (name: string) => (bits(name) & UNWRITTEN) !== 0,
    })
  }
}
