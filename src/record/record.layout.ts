// record: what a record's segment holds. Offsets from the segment's body.
//
//   0          64          128         192        256         320          384
//   +----------+-----------+-----------+----------+-----------+------------+---------------+--------+---------+-------------+
//   | lock     | published | waiting   | room     | share     | shape      | reader table  | schema | buffers | out of line |
//   +----------+-----------+-----------+----------+-----------+------------+---------------+--------+---------+-------------+
//
//   lock       OwnerLock: one writer at a time. A dead writer's lock is taken over; there is nothing to repair.
//   published  counter of the newest whole record; the writer's. Its buffer is counter mod buffers.
//   waiting    two event counts (src/waiting/event-count.ts): the flags of readers and of writers, then the epoch of readers.
//              Readers do not sleep on `published` itself, as an event count needs a word that moves only when the flag is down.
//   room       the epoch of writers who wait for a reader of a full FIFO to make room.
//   share      next counter that the competing readers take; whether anything was ever read; the shared `modified` mark
//              (u64 sequence); how many readers ever registered, so that a writer knows when to look at the table again.
//   shape      buffers, slots (0: latest value), policy (0 overwrite, 1 reject), bytes of schema text, first counter.
//
//   reader table: one entry of 64 bytes per participant, the participant's own
//   0       4        8
//   +-------+--------+----
//   | token | cursor |        token 0: no reader here; bit 30: it competes by `share`, its cursor does not count.
//   +-------+--------+----    cursor: next counter it will read. Only living readers hold a `reject` writer back.
//
//   buffer (F fields, P out-of-line ones)
//   0          8             8 + 8 F     8 + 9 F     align 4            align 8
//   +----------+-------------+-----------+-----------+------------------+---------+
//   | sequence | changed × F | status ×F | zeros     | which, u32 × P   | fields  |   stride: a multiple of 64
//   +----------+-------------+-----------+-----------+------------------+---------+
//   sequence   f64, how many records were ever published, this one included; 0: none yet. After 2^53 - 1 it starts over, at
//              slots + 1, as if every field had been given in that record.
//   changed    f64, sequence of the record in which the field was last given.
//   status     1 truncated, 2 unwritten.
//   which      latest value only: which of its out-of-line buffers holds a field of OUT_OF_LINE_BYTES bytes or more. A record that
//              does not change such a field names the old one: big fields that are not written are not copied.
//
// Publishing. The writer fills the buffer after the published one (and the out-of-line buffer after the current one, where a big field
// changes), then stores the next counter in `published`: that one store makes the record visible.
// Reading. A reader notes `published`, reads that buffer and its out-of-line buffers, and looks again. What it read is whole as long
// as `published` has moved on by no more than buffers - 2: the writer is then at most at the buffer before it.
// A FIFO of n slots has n + 1 buffers, so the n newest are whole also while the next one is written.
//
// Counters run from 0 to modulus - 1 and start over; modulus is a multiple of `buffers`, so that the buffer after the last
// one is the first one.
//
// Crash windows: a writer killed before the store in `published` leaves buffers and out-of-line buffers that nobody looks at, and its
// lock, which the next one takes over. Killed after it and before the wake: sleepers look again by themselves.
// A reader killed while registering leaves an entry without token; killed later, an entry whose token is dead: the next
// writer that needs room clears it.

import { roundUp } from '../sizes.js'
import type { Codec } from './codec.js'
import { codecOf } from './codecs.js'
import type { Field, Fields } from './fields.js'

const LINE = 64

export const LOCK: number = 0
export const PUBLISHED: number = LOCK + LINE
export const READERS_FLAG: number = PUBLISHED + LINE
export const WRITERS_FLAG: number = READERS_FLAG + 4
export const READERS_EPOCH: number = READERS_FLAG + 8
export const WRITERS_EPOCH: number = READERS_FLAG + LINE
export const SHARE_CURSOR: number = WRITERS_EPOCH + LINE
export const EVER_READ: number = SHARE_CURSOR + 4
export const SHARED_MARK: number = SHARE_CURSOR + 8
export const REGISTRATIONS: number = SHARE_CURSOR + 16
export const SHAPE: number = SHARE_CURSOR + LINE
export const SHAPE_BUFFERS: number = SHAPE
export const SHAPE_SLOTS: number = SHAPE + 4
export const SHAPE_POLICY: number = SHAPE + 8
export const SHAPE_TEXT: number = SHAPE + 12
export const SHAPE_FIRST: number = SHAPE + 16
export const READERS: number = SHAPE + LINE
export const READER_SIZE: number = LINE
export const READER_TOKEN: number = 0
export const READER_CURSOR: number = 4
/** In a reader's token: it competes with others by the shared cursor. */
export const SHARES: number = 1 << 30

/** Fields of so many bytes have out-of-line buffers of their own in a latest-value record. */
export const OUT_OF_LINE_BYTES: number = 1024
/** Buffers of a latest-value record when nobody says otherwise. */
export const BUFFERS: number = 4
export const OVERWRITE: number = 0
export const REJECT: number = 1

/** One field, placed. */
export interface PlacedField {
  readonly name: string
  readonly index: number
  readonly field: Field
  readonly codec: Codec
  /** Byte offset in the buffer; for a out-of-line field, of its out-of-line buffer number. */
  readonly offset: number
  readonly isOutOfLine: boolean
  /** Out of line: byte offset of its first out-of-line buffer from the body. */
  readonly outOfLine: number
  readonly outOfLineStride: number
}

export interface RecordLayout {
  readonly fields: readonly PlacedField[]
  /** 0: latest value. */
  readonly slots: number
  readonly buffers: number
  readonly modulus: number
  /** Byte offsets from the body. */
  readonly text: number
  readonly first: number
  readonly stride: number
  /** Bytes of a buffer that mean something: a copy of so many carries every field over. */
  readonly used: number
  readonly size: number
}

export const CHANGED: number = 8
export const statusOffset = (fields: number): number => CHANGED + 8 * fields

/** Where everything lies, from the fields and the shape. */
export function layoutOf(
  fields: Fields,
  shape: { slots: number; buffers: number; participants: number; textBytes: number },
): RecordLayout {
  const { slots, buffers } = shape
  const entries = Object.entries(fields).map(([name, field]) => ({ name, field, codec: codecOf(field.spec) }))
  const isOutOfLineCodec = (codec: Codec): boolean => slots === 0 && codec.size >= OUT_OF_LINE_BYTES
  let offset = roundUp(statusOffset(entries.length) + entries.length, 4)
  const offsets = new Map<string, number>()
  for (const { name, codec } of entries) {
    if (!isOutOfLineCodec(codec)) continue
    offsets.set(name, offset)
    offset += 4
  }
  for (const { name, codec } of entries) {
    if (isOutOfLineCodec(codec)) continue
    offset = roundUp(offset, codec.align)
    offsets.set(name, offset)
    offset += codec.size
  }
  const used = roundUp(offset, 8)
  const stride = roundUp(used, LINE)
  const text = READERS + shape.participants * READER_SIZE
  const first = roundUp(text + shape.textBytes, LINE)
  let end = first + buffers * stride
  const placed = entries.map(({ name, field, codec }, index): PlacedField => {
    const isOutOfLine = isOutOfLineCodec(codec)
    const outOfLineStride = isOutOfLine ? roundUp(codec.size, LINE) : 0
    const at = end
    end += buffers * outOfLineStride
    return { name, index, field, codec, offset: offsets.get(name)!, isOutOfLine, outOfLine: at, outOfLineStride }
  })
  const modulus = buffers * Math.floor(2 ** 30 / buffers)
  return { fields: placed, slots, buffers, modulus, text, first, stride, used, size: end }
}
