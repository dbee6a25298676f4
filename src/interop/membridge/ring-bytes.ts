// interop/membridge: the ring as bytes: frames in, frames out. ring.layout.ts draws it.
//
// Each side keeps a copy of the other's position and looks at the real one only when the copy says full or empty, so
// that a cache line travels between processors once for many messages. Its own position it keeps too: head and tail
// share a line, and reading the own one back would wait for the other side's last store, for every message. A handle
// reads its own position when it becomes producer or consumer, and compares whenever it must look anyway.
//
// Positions are 64 bits; arithmetic uses the lower 32, which is exact because no ring is larger than 2^31. A store
// changes the lower word alone, except for the one in 4 GiB that carries into the upper word: that one is a single
// 64-bit store, so that no reader of 64 bits ever sees half of it.

import { MemlaneError } from '../../errors.js'
import type { Memory } from '../../memory/index.js'
import { lostRace, RACE_TRIES } from '../../races.js'
import type { Attachment } from './attachment.js'
import { SHORT_BYTES } from './codec.js'
import {
  CAPACITY,
  CAPACITY_WORD,
  CONSUMER_LOCK,
  HEAD,
  HEAD_WORD,
  PREFIX,
  PRODUCER_LOCK,
  RING,
  slackWord,
  TAIL,
  TAIL_WORD,
} from './ring.layout.js'

/** No room for the frame now. */
export const FULL = -1
/** No message. */
export const EMPTY = -1

/** Copies up to this many bytes by a loop of words: making a view for `set` costs more. */
export const LOOP_BYTES = 512

const rings = new WeakMap<Attachment, RingBytes>()

export class RingBytes {
  readonly name: string
  readonly memory: Memory
  /** What the capacity is once the ring is initialised. */
  readonly room: number
  readonly view: DataView
  readonly u8: Uint8Array
  /** The same bytes, for writing text. */
  readonly buffer: Buffer
  /** Where the payload of the message at hand begins, as an index into the data; set by {@link peek}. */
  index = 0
  readonly #i32: Int32Array
  readonly #u64: BigUint64Array
  readonly #mask: number
  readonly #consumerSleeps: number
  readonly #producerSleeps: number
  /** 0 until the ring is initialised. */
  #capacity = 0
  /** Our own positions, low words. */
  #head = 0
  #tail = 0
  #seenHead = 0
  #seenTail = 0

  /** One for all rings of a handle, so that they know the same positions. */
  static of(attachment: Attachment): RingBytes {
    let ring = rings.get(attachment)
    if (ring === undefined) {
      ring = new RingBytes(attachment)
      rings.set(attachment, ring)
    }
    return ring
  }

  private constructor(attachment: Attachment) {
    const memory = attachment.map()
    this.name = JSON.stringify(attachment.name)
    this.memory = memory
    this.room = attachment.size - RING
    this.#mask = this.room - 1
    this.view = new DataView(memory.buffer, 0, attachment.size)
    this.u8 = memory.u8
    this.buffer = Buffer.from(memory.buffer as ArrayBuffer, 0, attachment.size)
    this.#i32 = memory.i32
    this.#u64 = new BigUint64Array(memory.buffer, 0, RING / 8)
    this.#consumerSleeps = slackWord(attachment.size)
    this.#producerSleeps = this.#consumerSleeps + 1
    if (attachment.created) this.#initialise()
    this.#attach()
  }

  // ---- header

  /** A new object is all zeros, so the capacity is all that is missing. Whoever finds it set leaves it. */
  #initialise(): void {
    Atomics.compareExchange(this.#u64, CAPACITY / 8, 0n, BigInt(this.room))
  }

  /** Looks whether the ring is initialised. @throws MemlaneError `ERR_CORRUPT` when this cannot be a ring. */
  #attach(): boolean {
    if (this.#capacity !== 0) return true
    if (this.memory.load(CAPACITY_WORD) === 0 && this.memory.load(CAPACITY_WORD + 1) === 0) return false
    const capacity = Atomics.load(this.#u64, CAPACITY / 8)
    if (capacity !== BigInt(this.room)) {
      throw this.corrupt(`its capacity says ${capacity}, its size gives ${this.room}`)
    }
    this.used()
    this.refresh()
    this.#capacity = this.room
    return true
  }

  /** Reads all positions where they stand: on becoming producer or consumer. */
  refresh(): void {
    this.#head = this.#seenHead = this.memory.load(HEAD_WORD)
    this.#tail = this.#seenTail = this.memory.load(TAIL_WORD)
  }

  get capacity(): number {
    this.#attach()
    return this.#capacity
  }

  /**
   * Bytes in the ring, of one moment.
   *
   * @throws MemlaneError `ERR_CORRUPT` when the positions cannot be.
   */
  used(): number {
    let head = Atomics.load(this.#u64, HEAD / 8)
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      // Between two equal reads of head it stood still, and tail was that far ahead of it.
      const tail = Atomics.load(this.#u64, TAIL / 8)
      const again = Atomics.load(this.#u64, HEAD / 8)
      if (again === head) {
        const used = BigInt.asUintN(64, tail - head)
        if (used > BigInt(this.room))
          throw this.corrupt(`head ${head} and tail ${tail} are more than ${this.room} bytes apart`)
        return Number(used)
      }
      head = again
    }
    throw lostRace(`counting the bytes of ${this.name}`)
  }

  corrupt(why: string): MemlaneError {
    return new MemlaneError('ERR_CORRUPT', `${this.name} is no ring, or a broken one: ${why}`)
  }

  // ---- producer

  /**
   * Looks for room for a message of `length` bytes.
   *
   * @returns the index where its frame begins, or FULL.
   * @throws MemlaneError `ERR_TOO_LARGE`, `ERR_BUSY` (not initialised), `ERR_CORRUPT`.
   */
  claim(length: number): number {
    const frame = length + PREFIX
    if (((this.#tail - this.#seenHead) >>> 0) + frame > this.#capacity && !this.#makeRoom(frame)) return FULL
    return this.#tail & this.#mask
  }

  #makeRoom(frame: number): boolean {
    if (frame > this.room) {
      throw new MemlaneError(
        'ERR_TOO_LARGE',
        `a message of ${frame - PREFIX} bytes takes ${frame} in the ring ${this.name}, which holds ${this.room}`,
      )
    }
    if (!this.#attach())
      throw new MemlaneError('ERR_BUSY', `the ring ${this.name} was not initialised by its creator yet`)
    this.#tail = this.memory.load(TAIL_WORD)
    this.#seenHead = this.memory.load(HEAD_WORD) // SYNC: "bytes were read before head lets go of them"
    const used = (this.#tail - this.#seenHead) >>> 0
    if (used > this.room) throw this.corrupt(`${used} bytes used of ${this.room}`)
    return used + frame <= this.room
  }

  /** True when the frame at `index` lies in one piece. */
  isWhole(index: number, length: number): boolean {
    return index + PREFIX + length <= this.room
  }

  /** Writes the length of a frame that lies in one piece. @returns where its payload begins, in bytes of the object. */
  begin(index: number, length: number): number {
    this.view.setUint32(RING + index, length, true)
    return RING + index + PREFIX
  }

  /** Writes a frame at a claimed index. */
  put(index: number, source: Uint8Array, length: number): void {
    if (!this.isWhole(index, length)) return this.#putInPieces(index, source, length)
    const at = this.begin(index, length)
    const { u8 } = this
    if (length <= SHORT_BYTES / 2) for (let i = 0; i < length; i++) u8[at + i] = source[i]!
    else u8.set(length === source.length ? source : source.subarray(0, length), at)
  }

  #putInPieces(index: number, source: Uint8Array, length: number): void {
    const { u8 } = this
    for (let i = 0; i < PREFIX; i++) u8[RING + ((index + i) & this.#mask)] = (length >>> (8 * i)) & 255
    const start = (index + PREFIX) & this.#mask
    const first = Math.min(length, this.room - start)
    u8.set(source.subarray(0, first), RING + start)
    if (first < length) u8.set(source.subarray(first, length), RING)
  }

  /** Lets the consumer see the frame. */
  publish(length: number): void {
    const before = this.#tail
    const after = (before + length + PREFIX) | 0
    this.#tail = after
    // SYNC: "message bytes are visible before tail"
    if (after >>> 0 > before >>> 0) this.memory.closeVersion(TAIL_WORD, after)
    else this.#carry(TAIL / 8, length + PREFIX)
    if (this.#i32[this.#consumerSleeps] !== 0) this.#wake(this.#consumerSleeps, TAIL_WORD)
  }

  // ---- consumer

  /**
   * Looks at the next message.
   *
   * @returns its length in bytes, with `index` set to where it begins, or EMPTY.
   * @throws MemlaneError `ERR_CORRUPT`.
   */
  peek(): number {
    let available = (this.#seenTail - this.#head) >>> 0
    if (available === 0 || available > this.#capacity) {
      available = this.#look()
      if (available === 0) return EMPTY
    }
    const start = this.#head & this.#mask
    const length = start + PREFIX <= this.room ? this.view.getUint32(RING + start, true) : this.#prefixInPieces(start)
    if (length + PREFIX > available) {
      available = this.#look()
      if (length + PREFIX > available)
        throw this.corrupt(`a message of ${length} bytes is announced where ${available - PREFIX} are at most`)
    }
    this.index = (start + PREFIX) & this.#mask
    return length
  }

  #look(): number {
    if (!this.#attach()) return 0
    this.#head = this.memory.load(HEAD_WORD)
    this.#seenTail = this.memory.load(TAIL_WORD) // SYNC: "message bytes are visible before tail"
    const available = (this.#seenTail - this.#head) >>> 0
    if (available > this.room) throw this.corrupt(`${available} bytes used of ${this.room}`)
    return available
  }

  #prefixInPieces(start: number): number {
    let length = 0
    for (let i = 0; i < PREFIX; i++) length += this.u8[RING + ((start + i) & this.#mask)]! * 2 ** (8 * i)
    return length
  }

  /** True when the message at hand lies in one piece. */
  isMessageWhole(length: number): boolean {
    return this.index + length <= this.room
  }

  /** Copies the message at hand into private bytes. `view` looks at the same bytes as `target`. */
  take(target: Uint8Array, view: DataView, length: number): void {
    if (length <= LOOP_BYTES && this.isMessageWhole(length)) copyWords(view, 0, this.view, RING + this.index, length)
    else this.takeBlocks(target, length)
  }

  /** The same for messages that are long, or lie in two pieces. */
  takeBlocks(target: Uint8Array, length: number): void {
    const at = RING + this.index
    const first = Math.min(length, this.room - this.index)
    target.set(this.u8.subarray(at, at + first))
    if (first < length) target.set(this.u8.subarray(RING, RING + length - first), first)
  }

  /** Gives the room of the message back to the producer. */
  consume(length: number): void {
    this.#advance(length + PREFIX)
  }

  /** Drops all there is. @returns how many bytes. */
  clear(): number {
    if (!this.#attach()) return 0
    const dropped = this.#look()
    if (dropped > 0) this.#advance(dropped)
    return dropped
  }

  #advance(bytes: number): void {
    const before = this.#head
    const after = (before + bytes) | 0
    this.#head = after
    // SYNC: "bytes were read before head lets go of them"
    if (after >>> 0 > before >>> 0) this.memory.closeVersion(HEAD_WORD, after)
    else this.#carry(HEAD / 8, bytes)
    if (this.#i32[this.#producerSleeps] !== 0) this.#wake(this.#producerSleeps, HEAD_WORD)
  }

  #carry(index: number, bytes: number): void {
    // BigUint64Array stores modulo 2^64 by itself.
    Atomics.store(this.#u64, index, this.#u64[index]! + BigInt(bytes))
  }

  // ---- sleeping

  #wake(sleeps: number, word: number): void {
    this.memory.store(sleeps, 0)
    this.memory.wake(word, 2 ** 30)
  }

  /** Tells the other side that this one is about to sleep. @returns the word to sleep on, and what it holds now. */
  announce(consumer: boolean): { word: number; value: number } {
    // The slack is ours only while the object is the ring we attached to.
    if (this.#attach()) this.memory.store(consumer ? this.#consumerSleeps : this.#producerSleeps, 1)
    const word = consumer ? (this.#capacity === 0 ? CAPACITY_WORD : TAIL_WORD) : HEAD_WORD
    return { word, value: this.memory.load(word) }
  }

  /** True when the other side is a live Memlane process, which wakes who has announced itself. */
  othersWake(consumer: boolean): boolean {
    return this.memory.isLocked(consumer ? PRODUCER_LOCK : CONSUMER_LOCK)
  }
}

/**
 * Copies bytes between two views by words of 4; neither end needs to be aligned.
 *
 * @returns all words put together by OR: text is ASCII when no byte of it is above 127.
 */
export function copyWords(to: DataView, toAt: number, from: DataView, fromAt: number, length: number): number {
  let all = 0
  let i = 0
  for (; i + 16 <= length; i += 16) {
    const a = from.getInt32(fromAt + i, true)
    const b = from.getInt32(fromAt + i + 4, true)
    const c = from.getInt32(fromAt + i + 8, true)
    const d = from.getInt32(fromAt + i + 12, true)
    to.setInt32(toAt + i, a, true)
    to.setInt32(toAt + i + 4, b, true)
    to.setInt32(toAt + i + 8, c, true)
    to.setInt32(toAt + i + 12, d, true)
    all |= a | b | c | d
  }
  for (; i + 4 <= length; i += 4) {
    const word = from.getInt32(fromAt + i, true)
    to.setInt32(toAt + i, word, true)
    all |= word
  }
  for (; i < length; i++) {
    const byte = from.getUint8(fromAt + i)
    to.setUint8(toAt + i, byte)
    all |= byte
  }
  return all
}

/** Bits that no word of ASCII text has. */
export const NOT_ASCII: number = 0x80808080 | 0
