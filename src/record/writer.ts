// record: the writing side. Fill the next buffer, publish it. An exception, or a kill, before that leaves nothing behind.

import { MemlaneError, wrongType } from '../errors.js'
import { performance } from '../host.js'
import { refusePromise } from '../sizes.js'
import { spareStack } from '../spare-stack.js'
import { BUSY, OwnerLock } from '../sync/index.js'
import type { Sleep } from '../waiting/index.js'
import type { ArrayCodec } from './array-codec.js'
import { TRUNCATED, UNWRITTEN } from './field-value.js'
import { type GeneratedWriting, generateWriting } from './generated-writing.js'
import { LOCK, type PlacedField } from './record.layout.js'
import type { RecordMemory } from './record-memory.js'

/** How an attempt to write ended. */
export const WRITTEN: number = 1
export const FULL: number = 0
/** Another writer is inside, and did not finish in time. */
export const HELD: number = -1

/** What `update` gives besides the record. */
export interface UpdateTools {
  /**
   * Starts an array from its current elements, instead of from whatever an older write left in its place.
   *
   * @throws MemlaneError `ERR_TYPE` for a name that is no field, `ERR_UNSUPPORTED` in a FIFO, whose records start empty.
   */
  keep(field: string): void
}

/** Fills a record in place. */
type Fill = (record: never, tools: UpdateTools) => void

/** Nested records and lists are written whole: changing a copy of one must not look as if it had done something. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

export class Writer {
  readonly #store: RecordMemory
  readonly #lock: OwnerLock
  readonly #indexOf: ReadonlyMap<string, PlacedField>
  readonly #live: object
  readonly #tools: UpdateTools
  readonly #generated: GeneratedWriting | undefined
  #writing = false
  /** While writing: the published buffer, and the one being filled. */
  #from = 0
  #to = 0
  #next = 0
  /** While writing: out-of-line fields whose out-of-line buffer has been turned. */
  readonly #turned = new Set<PlacedField>()

  constructor(store: RecordMemory) {
    this.#store = store
    this.#lock = new OwnerLock(store.segment, store.body + LOCK)
    this.#indexOf = new Map(store.layout.fields.map((field) => [field.name, field]))
    this.#generated = generateWriting(
      store,
      (field) => this.#turn(field),
      (name) => this.field(name),
    )
    this.#live = this.#makeLive()
    this.#tools = Object.freeze({ keep: (name: string) => this.#keep(this.field(name)) })
  }

  /** @throws MemlaneError `ERR_TYPE` for a name that is no field. */
  field(name: string): PlacedField {
    const field = this.#indexOf.get(name)
    if (field !== undefined) return field
    throw wrongType('a field', `one of ${[...this.#indexOf.keys()].join(', ')}`, name)
  }

  /** For who waits until another writer may have finished. @returns false when it has. */
  prepareWait(sleep: Sleep): boolean {
    return this.#lock.prepareWait(sleep)
  }

  /** After a wait that ended in vain. */
  passOn(): void {
    this.#lock.passOn()
  }

  /** The token of who writes, or 0. */
  get owner(): number {
    return this.#lock.owner
  }

  /** One record from an object of values. */
  write(values: object, hasRoom?: () => boolean, end?: number): number {
    return this.#record(values, undefined, hasRoom, end)
  }

  /** One record filled in place. */
  update(fill: Fill, hasRoom?: () => boolean, end?: number): number {
    return this.#record(undefined, fill, hasRoom, end)
  }

  /**
   * The only way in: takes the lock, prepares the next buffer, has it filled from `values` or by `fill`, publishes it, and
   * gives the lock back whatever is thrown.
   *
   * @param hasRoom is asked under the lock.
   * @param end when to give up while another writer is inside, as `performance.now()` counts.
   */
  #record(
    values: object | undefined,
    fill: Fill | undefined,
    hasRoom: (() => boolean) | undefined,
    end: number = Number.POSITIVE_INFINITY,
  ): number {
    if (this.#writing) {
      throw new MemlaneError(
        'ERR_DEADLOCK',
        `${JSON.stringify(this.#store.segment.name)} is being written by this very handle: a getter or an update wrote again`,
      )
    }
    spareStack()
    if (this.#lock.acquire(end === Number.POSITIVE_INFINITY ? -1 : Math.max(0, end - performance.now())) === BUSY)
      return HELD
    try {
      this.#writing = true
      if (hasRoom !== undefined && !hasRoom()) return FULL
      this.#prepare()
      if (fill !== undefined) this.#fill(fill)
      else if (this.#generated === undefined) this.#setAll(values!)
      else this.#generated(values!, this.#to)
      this.#publish()
    } finally {
      this.#end()
    }
    return WRITTEN
  }

  /** The next buffer holds the next record, of which nothing is given yet. */
  #prepare(): void {
    const store = this.#store
    const published = store.published()
    this.#next = store.next(published)
    this.#from = store.bufferAt(published)
    this.#to = store.bufferAt(this.#next)
    const before = store.sequence(this.#from)
    const sequence = store.nextSequence(before)
    if (store.layout.slots === 0) {
      store.carry(this.#from, this.#to)
      store.setSequence(this.#to, sequence)
      if (sequence !== before + 1) store.markAll(this.#to)
    } else {
      store.clear(this.#to, sequence)
    }
  }

  #publish(): void {
    const store = this.#store
    if (store.layout.slots > 0) for (const field of store.layout.fields) store.blank(this.#to, field)
    store.publish(this.#next)
  }

  /**
   * Gives the lock back, published or not.
   *
   * @throws MemlaneError `ERR_CLOSED` when a function or a getter has closed the handle meanwhile: its lock has died with it, and
   *   the next writer takes it over.
   */
  #end(): void {
    if (this.#turned.size > 0) this.#turned.clear()
    this.#writing = false
    this.#store.checkOpen()
    this.#lock.release()
  }

  #fill(fill: Fill): void {
    refusePromise(
      fill(this.#live as never, this.#tools) as unknown,
      'update() holds the writer lock while its function runs',
    )
  }

  #setAll(values: object): void {
    for (const name in values) this.#set(this.field(name), (values as Record<string, unknown>)[name])
  }

  #set(field: PlacedField, value: unknown): void {
    const at = field.isOutOfLine ? this.#turn(field) : this.#to + field.offset
    this.#store.mark(this.#to, field.index, field.codec.write(this.#store.bytes, at, value, field.name))
  }

  /** The out-of-line buffer to fill; the same one for the whole record. */
  #turn(field: PlacedField): number {
    this.#turned.add(field)
    return this.#store.nextOutOfLine(field, this.#from, this.#to)
  }

  #get(field: PlacedField): unknown {
    if (!this.#writing) throw new MemlaneError('ERR_CLOSED', 'this record belongs to an update() that has ended')
    const { kind } = field.field.spec
    if (kind !== 'array') {
      this.#store.blank(this.#to, field)
      return this.#current(field)
    }
    const at = field.isOutOfLine && !this.#turned.has(field) ? this.#turn(field) : this.#store.place(field, this.#to)
    this.#store.mark(this.#to, field.index, false)
    return (field.codec as ArrayCodec).live(this.#store.bytes, at)
  }

  /** What a field holds: bytes in place, also where they are optional; of everything else a copy that cannot be changed. */
  #current(field: PlacedField): unknown {
    const store = this.#store
    const value = field.codec.live(store.bytes, store.place(field, this.#to))
    if (!ArrayBuffer.isView(value)) return frozen(value)
    const status = store.status(this.#to, field.index)
    if ((status & UNWRITTEN) !== 0) return value
    // What can be changed from here on counts as given.
    if (field.isOutOfLine && !this.#turned.has(field)) this.#keep(field)
    else store.mark(this.#to, field.index, (status & TRUNCATED) !== 0)
    return field.codec.live(store.bytes, store.place(field, this.#to))
  }

  #keep(field: PlacedField): void {
    if (this.#store.layout.slots > 0) {
      throw new MemlaneError(
        'ERR_UNSUPPORTED',
        `keep() is for latest values: a record pushed into ${JSON.stringify(this.#store.segment.name)} starts empty`,
      )
    }
    if (!field.isOutOfLine) return
    const { u8 } = this.#store.bytes
    const current = this.#store.place(field, this.#from)
    u8.copyWithin(this.#turn(field), current, current + field.codec.size)
    const status = this.#store.status(this.#from, field.index)
    this.#store.mark(this.#to, field.index, (status & 1) !== 0)
  }

  #makeLive(): object {
    // Asked only for what is no field: in a script that is not strict, storing it would be passed over without a word.
    const live = Object.create(
      new Proxy(Object.prototype, { set: (_, name) => this.field(String(name)) === undefined }),
    )
    for (const field of this.#indexOf.values()) {
      Object.defineProperty(live, field.name, {
        enumerable: true,
        get: () => this.#get(field),
        set: (value: unknown) => {
          if (!this.#writing) this.#get(field)
          this.#set(field, value)
        },
      })
    }
    return Object.freeze(live)
  }
}
