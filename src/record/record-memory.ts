// record: one open segment of records: its words, its buffers, publishing and sleeping. What readers and writers share.

import { MemlaneError } from '../errors.js'
import type { Memory } from '../memory/index.js'
import type { Segment } from '../segment/index.js'
import { AdaptiveSpin, EventCount, type Sleep } from '../waiting/index.js'
import { type Bytes, bytesOf } from './bytes.js'
import { TRUNCATED, UNWRITTEN } from './field-value.js'
import { Quiet } from './quiet.js'
import {
  CHANGED,
  type PlacedField,
  PUBLISHED,
  READERS_EPOCH,
  READERS_FLAG,
  type RecordLayout,
  SHAPE_BUFFERS,
  SHAPE_FIRST,
  SHAPE_POLICY,
  SHAPE_SLOTS,
  SHAPE_TEXT,
  SHARE_CURSOR,
  statusOffset,
  WRITERS_EPOCH,
  WRITERS_FLAG,
} from './record.layout.js'

/** The largest sequence. At ten million records per second it takes 28 years to get there. */
const LAST = Number.MAX_SAFE_INTEGER
/** Up to so many bytes a loop copies faster than a call. */
const SMALL = 256

export class RecordMemory {
  readonly segment: Segment
  readonly memory: Memory
  readonly bytes: Bytes
  readonly layout: RecordLayout
  readonly body: number
  /** How far `published` may move on while a buffer is read. */
  readonly slack: number
  readonly policy: number
  readonly #published: number
  /** Where readers sleep until there is a record. */
  readonly readers: EventCount
  /** Where the writers of a full `reject` FIFO sleep until there is room. */
  readonly room: EventCount
  readonly spin: AdaptiveSpin = new AdaptiveSpin()
  /** The last resort of readers. */
  readonly quiet: Quiet = new Quiet(this)
  readonly #first: number
  readonly #stride: number
  readonly #buffers: number
  readonly #modulus: number
  readonly #status: number
  /** buffers - 1 where that masks a counter, which is much cheaper than dividing; else -1. */
  readonly #mask: number

  constructor(segment: Segment, layout: RecordLayout, bytes: Bytes = bytesOf(segment.memory)) {
    this.segment = segment
    this.memory = segment.memory
    this.layout = layout
    this.bytes = bytes
    this.body = segment.body
    this.slack = layout.buffers - 2
    this.policy = this.memory.u32[this.word(SHAPE_POLICY)]!
    this.#published = this.word(PUBLISHED)
    this.readers = new EventCount(segment.memory, segment.body + READERS_FLAG, segment.body + READERS_EPOCH)
    this.room = new EventCount(segment.memory, segment.body + WRITERS_FLAG, segment.body + WRITERS_EPOCH)
    this.#first = segment.body + layout.first
    this.#stride = layout.stride
    this.#buffers = layout.buffers
    this.#modulus = layout.modulus
    this.#status = statusOffset(layout.fields.length)
    this.#mask = (layout.buffers & (layout.buffers - 1)) === 0 ? layout.buffers - 1 : -1
  }

  /** The word of an offset in the body. */
  word(offset: number): number {
    return (this.body + offset) / 4
  }

  /** What a creator does before anybody else can look. The body is zero before. */
  initialize(shape: { policy: number; text: Uint8Array; firstCounter: number }): void {
    const { u32, u8 } = this.memory
    u32[this.word(SHAPE_BUFFERS)] = this.#buffers
    u32[this.word(SHAPE_SLOTS)] = this.layout.slots
    u32[this.word(SHAPE_POLICY)] = shape.policy
    u32[this.word(SHAPE_TEXT)] = shape.text.length
    u32[this.word(SHAPE_FIRST)] = shape.firstCounter
    u8.set(shape.text, this.body + this.layout.text)
    this.memory.store(this.#published, shape.firstCounter)
    this.memory.store(this.word(SHARE_CURSOR), this.next(shape.firstCounter))
    this.clear(this.bufferAt(shape.firstCounter), 0)
  }

  // ---- counters

  next(counter: number): number {
    return counter + 1 === this.#modulus ? 0 : counter + 1
  }

  /** Steps from one counter to a later one. */
  distance(from: number, to: number): number {
    return to >= from ? to - from : to - from + this.#modulus
  }

  /** The counter so many steps before. */
  before(counter: number, steps: number): number {
    return counter >= steps ? counter - steps : counter - steps + this.#modulus
  }

  // ---- buffers

  /** Byte offset of a counter's buffer. Total: any counter leads to some buffer. */
  bufferAt(counter: number): number {
    const buffer = this.#mask >= 0 ? counter & this.#mask : (counter >>> 0) % this.#buffers
    return this.#first + buffer * this.#stride
  }

  sequence(buffer: number): number {
    return this.bytes.f64[buffer >>> 3]!
  }

  setSequence(buffer: number, sequence: number): void {
    this.bytes.f64[buffer >>> 3] = sequence
  }

  /** The sequence of the record after this one. One that cannot be, from a foreign hand, starts over too. */
  nextSequence(sequence: number): number {
    return sequence >= 0 && sequence < LAST ? sequence + 1 : this.layout.slots + 1
  }

  /** What is newer than this is news to who has seen the record `seen` and now looks at the record `sequence`. */
  since(seen: number, sequence: number): number {
    return seen - sequence > LAST / 2 ? 0 : seen
  }

  /**
   * After a look in vain, before the next one.
   *
   * @throws MemlaneError `ERR_CLOSED` when a function that was shown the record has closed it; `ERR_CORRUPT` for a sequence
   *   that is no number: it never equals itself, so there would be no end.
   */
  checkRetry(sequence: number): void {
    this.checkOpen()
    if (Number.isNaN(sequence)) {
      const name = JSON.stringify(this.segment.name)
      throw new MemlaneError(
        'ERR_CORRUPT',
        `${name} is no whole record: the sequence of its newest record is no number`,
      )
    }
  }

  /** @throws MemlaneError `ERR_CLOSED`. */
  checkOpen(): void {
    if (this.memory.closed)
      throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.segment.name)} was closed while it was in use`)
  }

  changed(buffer: number, index: number): number {
    return this.bytes.f64[((buffer + CHANGED) >>> 3) + index]!
  }

  status(buffer: number, index: number): number {
    return this.bytes.u8[buffer + this.#status + index]!
  }

  /** Says that a field was given in the record being written. */
  mark(buffer: number, index: number, truncated: boolean): void {
    const { f64, u8 } = this.bytes
    f64[((buffer + CHANGED) >>> 3) + index] = f64[buffer >>> 3]!
    u8[buffer + this.#status + index] = truncated ? TRUNCATED : 0
  }

  /** Byte offset of a field's value in the record that a buffer holds. */
  place(field: PlacedField, buffer: number): number {
    return field.isOutOfLine
      ? this.outOfLineAt(field, this.bytes.u32[(buffer + field.offset) >>> 2]!)
      : buffer + field.offset
  }

  outOfLineAt(field: PlacedField, which: number): number {
    return this.body + field.outOfLine + ((which >>> 0) % this.#buffers) * field.outOfLineStride
  }

  /** Names the next out-of-line buffer in the buffer being written, as seen from the published one. @returns its byte offset. */
  nextOutOfLine(field: PlacedField, from: number, to: number): number {
    const which = ((this.bytes.u32[(from + field.offset) >>> 2]! >>> 0) + 1) % this.#buffers
    this.bytes.u32[(to + field.offset) >>> 2] = which
    return this.outOfLineAt(field, which)
  }

  /** Carries every field over from one buffer to another. */
  carry(from: number, to: number): void {
    const { used } = this.layout
    if (used > SMALL) {
      this.bytes.u8.copyWithin(to, from, from + used)
      return
    }
    const { u32 } = this.bytes
    const [source, target] = [from >>> 2, to >>> 2]
    for (let i = (used + 3) >>> 2; i-- > 0; ) u32[target + i] = u32[source + i]!
  }

  /** Says of every field that was ever given that it was given in the record being written. */
  markAll(buffer: number): void {
    for (const { index } of this.layout.fields) {
      const status = this.status(buffer, index)
      if ((status & UNWRITTEN) === 0) this.mark(buffer, index, (status & TRUNCATED) !== 0)
    }
  }

  /** A record without fields: what has a default has it, everything else is unwritten, and its bytes are of old. */
  clear(buffer: number, sequence: number): void {
    this.setSequence(buffer, sequence)
    for (const placed of this.layout.fields) {
      const { index, codec, name } = placed
      const { fallback } = placed.field
      this.bytes.f64[((buffer + CHANGED) >>> 3) + index] = fallback === undefined ? 0 : Math.max(1, sequence)
      this.bytes.u8[buffer + this.#status + index] = fallback === undefined ? UNWRITTEN : 0
      if (fallback !== undefined) codec.write(this.bytes, this.place(placed, buffer), fallback, name)
    }
  }

  /** Makes zeros of a field that nobody gave, so that what an older record held does not show. */
  blank(buffer: number, { index, offset, isOutOfLine, codec }: PlacedField): void {
    if (isOutOfLine || (this.status(buffer, index) & UNWRITTEN) === 0) return
    this.bytes.u8.fill(0, buffer + offset, buffer + offset + codec.size)
  }

  // ---- publishing

  /** Before reading a buffer. */
  published(): number {
    // SYNC: "a record is whole before `published` names it"
    return this.memory.loadVersion(this.#published)
  }

  /** After reading it: true when nobody can have written into it meanwhile. */
  isWhole(counter: number): boolean {
    // SYNC: "`published` names the next record before the one `buffers` back is written over"
    if (this.memory.checkVersion(this.#published, counter)) return true
    return this.distance(counter, this.memory.load(this.#published)) <= this.slack
  }

  /** Makes the record of `counter` visible, and wakes who waits for it. */
  publish(counter: number): void {
    // SYNC: "a record is whole before `published` names it"
    // SYNC: "`published` names the next record before the one `buffers` back is written over"
    this.memory.store(this.#published, counter)
    this.readers.notifyAll()
    this.memory.fence()
  }

  /** Says where a reader sleeps that has seen everything up to `counter`. @returns false when there is more. */
  prepareWait(sleep: Sleep, counter: number): boolean {
    if (this.segment.readOnly) {
      // Who may not store cannot set a flag. The addon looks at a word of a read-only mapping every millisecond.
      sleep.word = this.#published
      sleep.expected = counter
      return true
    }
    if (this.spin.spin(this.memory, this.#published, counter)) return false
    this.readers.prepareWait(sleep)
    return this.memory.load(this.#published) === counter
  }
}
