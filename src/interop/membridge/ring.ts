// interop/membridge: an object used as a ring of messages, from one producer to one consumer.

import { MemlaneError, useOpen, wrongType } from '../../errors.js'
import { checkNames, known } from '../../options.js'
import { checkSignal, parseTimeout } from '../../sizes.js'
import { spareStack, spareStackToLeave } from '../../spare-stack.js'
import { keepAlive, WaitingIterator } from '../../waiting/index.js'
import { Attachment } from './attachment.js'
import {
  checkBigInt,
  checkText,
  extent,
  getAll,
  getAscii,
  getFixed,
  getText,
  giveBack,
  isBytes,
  putText,
  type Scratch,
  setInt,
  takeScratch,
  tooShort,
} from './codec.js'
import { isPooled, newBytes, slabAt, slabView } from './pool.js'
import { CONSUMER_LOCK, PREFIX, PRODUCER_LOCK, RING } from './ring.layout.js'
import { copyWords, EMPTY, FULL, LOOP_BYTES, NOT_ASCII, RingBytes } from './ring-bytes.js'
import {
  checkSchema,
  isInt,
  type Message,
  type Scalar,
  type SchemaEntry,
  sizeOf,
  type Tag,
  type TagTypes,
  type Values,
} from './values.js'
import { NOT_YET, WaitingLine, type WaitOptions } from './waiting-line.js'

const WAIT_OPTIONS = known('timeout', 'signal')
const MESSAGES_OPTIONS = known('signal')

/**
 * A ring of messages in a shared memory, byte for byte that of the Python package: one process pushes, one pops.
 *
 * Full and empty are answers: `push` gives `false`, `pop` gives `undefined`. A message that cannot be read as asked
 * stays in the ring.
 *
 * @example
 * import { SharedMemory } from 'memlane/membridge'
 * using shm = SharedMemory.create('/ring', 1024 + 24, { replace: true })
 * using ring = shm.spsc()
 * ring.push('hello')
 * console.log(ring.pop('str'), ring.pop('str')) // hello undefined
 */
export class SpscRingBuffer implements Disposable {
  readonly #attachment: Attachment
  readonly #ring: RingBytes
  readonly #poppers: WaitingLine
  readonly #pushers: WaitingLine
  #pushing = false
  #popping = false
  #closed = false
  /** The target of the last popInto, and a view of it. */
  #target: Uint8Array | undefined
  #targetView: DataView | undefined

  /** @internal Made by `SharedMemory.spsc`. */
  constructor(attachment: Attachment) {
    if (!(attachment instanceof Attachment)) throw useOpen('SpscRingBuffer', 'spsc() of a SharedMemory')
    this.#attachment = attachment
    this.#ring = RingBytes.of(attachment)
    this.#poppers = new WaitingLine(this.#ring, true)
    this.#pushers = new WaitingLine(this.#ring, false)
    attachment.retain()
  }

  // ---- producer

  /**
   * Sends one message: a value, or a list of values one behind the other (read back by a schema).
   *
   * @returns false when there is no room now.
   * @throws {MemlaneError} `ERR_TYPE` (no value of a known type, a lone surrogate, a list in a list), `ERR_RANGE` (a bigint
   *   beyond i64), `ERR_TOO_LARGE` (it would never fit), `ERR_BUSY` (the ring is not initialised yet, or another live Memlane
   *   process is its producer), `ERR_CORRUPT`, `ERR_TRUNCATED`, `ERR_CLOSED`; nothing is sent then.
   */
  push(message: Message): boolean {
    // Sent and told, or neither.
    spareStack()
    if (!this.#pushing || this.#closed) this.#becomeProducer()
    switch (typeof message) {
      case 'string':
        return this.#pushText(message)
      case 'number': {
        const at = this.#pushFixed(8)
        if (at <= 0) return at === 0 && this.#pushScratch(message)
        this.#ring.view.setFloat64(at, message, true)
        return this.#sent(8)
      }
      case 'boolean':
        return this.#pushScratch(message)
      case 'bigint': {
        checkBigInt(message, 'message')
        const at = this.#pushFixed(8)
        if (at <= 0) return at === 0 && this.#pushScratch(message)
        this.#ring.view.setBigInt64(at, message, true)
        return this.#sent(8)
      }
    }
    if (isBytes(message)) {
      const { length } = message
      const index = this.#ring.claim(length)
      if (index === FULL) return false
      this.#ring.put(index, message, length)
      return this.#sent(length)
    }
    if (isInt(message)) {
      const at = this.#pushFixed(8)
      if (at <= 0) return at === 0 && this.#pushScratch(message)
      setInt(this.#ring.view, at, message.value)
      return this.#sent(8)
    }
    return this.#pushScratch(message)
  }

  /** Begins a frame. @returns where its payload goes, 0 when it lies in two pieces, or FULL. */
  #pushFixed(length: number): number {
    const index = this.#ring.claim(length)
    if (index === FULL) return FULL
    return this.#ring.isWhole(index, length) ? this.#ring.begin(index, length) : 0
  }

  #pushText(text: string): boolean {
    checkText(text, 'message')
    const ring = this.#ring
    const most = PREFIX + text.length * 3
    // Straight into the ring when any text of this many characters fits in one piece.
    const index = most + PREFIX <= ring.room ? ring.claim(most) : FULL
    if (index === FULL || !ring.isWhole(index, most)) return this.#pushScratch(text)
    const at = RING + index + PREFIX
    const bytes = putText(ring.buffer, at + PREFIX, text, most - PREFIX)
    ring.view.setUint32(at, bytes, true)
    ring.begin(index, PREFIX + bytes)
    return this.#sent(PREFIX + bytes)
  }

  #pushScratch(message: Message): boolean {
    const scratch = takeScratch()
    try {
      encode(scratch, message)
      this.#check() // a getter in the list may have closed us
      const index = this.#ring.claim(scratch.length)
      if (index === FULL) return false
      this.#ring.put(index, scratch.bytes, scratch.length)
      return this.#sent(scratch.length)
    } finally {
      giveBack(scratch)
    }
  }

  #sent(length: number): true {
    this.#ring.publish(length)
    this.#ring.memory.checkWhole(this.#ring.name)
    return true
  }

  /**
   * Sends one message as soon as there is room; calls that wait are served in turn.
   *
   * @param options `timeout` in milliseconds (`ERR_TIMEOUT`), `signal`.
   * @throws {MemlaneError} as {@link push}; a ring that is not initialised yet is waited for.
   */
  pushAsync(message: Message, options: WaitOptions = {}): Promise<void> {
    try {
      const timeout = parseTimeout(checkNames(options, WAIT_OPTIONS).timeout)
      checkSignal(options.signal)
      options.signal?.throwIfAborted()
      this.#check()
      const initialised = this.isInitialized
      if (initialised && this.#pushers.isEmpty && this.push(message)) return Promise.resolve()
      // The message as it is now, not as it may be when there is room.
      const bytes = encoded(message)
      if (bytes.length + PREFIX > this.#ring.room) this.push(bytes) // refused with its reason
      const attempt = (): typeof NOT_YET | undefined => (this.isInitialized && this.push(bytes) ? undefined : NOT_YET)
      return keepAlive(this.#pushers.enter<undefined>(attempt, timeout, options.signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // ---- consumer

  /**
   * Takes the next message: its bytes, or with a tag its first value. Bytes behind that value are dropped with it.
   *
   * @returns undefined when there is none.
   * @throws {MemlaneError} `ERR_TYPE` (unknown tag), `ERR_RANGE` (the message is too short for the tag, or an `int` beyond
   *   2^53 - 1), `ERR_BUSY` (another live Memlane process is the consumer), `ERR_CORRUPT`, `ERR_TRUNCATED`, `ERR_CLOSED`;
   *   the message stays in the ring then.
   */
  pop(): Uint8Array | undefined
  pop<T extends Tag>(tag: T): TagTypes[T] | undefined
  pop(tag?: Tag): unknown
  pop(tag?: Tag): unknown {
    // Taken and given, or neither.
    spareStack()
    if (!this.#popping || this.#closed) this.#becomeConsumer()
    if (tag !== undefined && tag !== null) sizeOf(tag)
    const length = this.#ring.peek()
    if (length === EMPTY) return this.#nothing()
    const value =
      tag === undefined || tag === null
        ? this.#bytes(length)
        : tag === 'str'
          ? this.#text(length)
          : this.#fixed(tag, length)
    this.#took(length)
    return value
  }

  /**
   * Takes the next message into bytes of yours: nothing is allocated.
   *
   * @returns how many bytes, or -1 when there is no message.
   * @throws {MemlaneError} `ERR_RANGE` when the message is longer than `target`, and as {@link pop}; it stays then.
   */
  popInto(target: Uint8Array): number {
    spareStack()
    if (!this.#popping || this.#closed) this.#becomeConsumer()
    if (!isBytes(target)) throw wrongType('target', 'a Uint8Array', target)
    const length = this.#ring.peek()
    if (length === EMPTY) {
      this.#nothing()
      return EMPTY
    }
    if (length > target.length)
      throw new MemlaneError('ERR_RANGE', `the message has ${length} bytes, the target ${target.length}`)
    if (this.#target !== target || this.#targetView?.byteLength !== target.length) {
      this.#target = target
      this.#targetView = new DataView(target.buffer, target.byteOffset, target.length)
    }
    this.#ring.take(target, this.#targetView, length)
    this.#took(length)
    return length
  }

  /**
   * Takes the next message and reads it by a schema of `[tag, count]` pairs. Count 1 gives the value itself, any other
   * count (0 too) a list. Bytes that the schema does not cover are dropped.
   *
   * @returns undefined when there is no message.
   * @throws {MemlaneError} as {@link pop}.
   * @example
   * import { SharedMemory } from 'memlane/membridge'
   * using shm = SharedMemory.open('/ring')
   * using ring = shm.spsc()
   * const [name, ratio, ok] = ring.popMixed([['str', 1], ['float', 1], ['bool', 1]]) ?? ['', 0, false]
   * console.log(name, ratio, ok)
   */
  popMixed<const S extends readonly SchemaEntry[]>(schema: S): Values<S> | undefined {
    spareStack()
    this.#check()
    checkSchema(schema)
    if (!this.#popping || this.#closed) this.#becomeConsumer()
    const length = this.#ring.peek()
    if (length === EMPTY) return this.#nothing()
    const scratch = takeScratch()
    try {
      this.#copyOut(scratch, length)
      const values = getAll(scratch.bytes, scratch.view, schema, length) as Values<S>
      this.#took(length)
      return values
    } finally {
      giveBack(scratch)
    }
  }

  #nothing(): undefined {
    this.#ring.memory.checkWhole(this.#ring.name)
    return undefined
  }

  #took(length: number): void {
    this.#ring.memory.checkWhole(this.#ring.name)
    this.#ring.consume(length)
  }

  #bytes(length: number): Uint8Array {
    const ring = this.#ring
    const bytes = newBytes(length)
    if (length <= LOOP_BYTES && isPooled(length) && ring.isMessageWhole(length)) {
      copyWords(slabView, slabAt, ring.view, RING + ring.index, length)
    } else {
      ring.takeBlocks(bytes, length)
    }
    return bytes
  }

  #fixed(tag: Exclude<Tag, 'str'>, length: number): unknown {
    const ring = this.#ring
    const size = sizeOf(tag)
    if (length < size) throw tooShort(tag, size, length)
    if (ring.isMessageWhole(size)) return getFixed(ring.view, tag, RING + ring.index)
    const scratch = takeScratch()
    try {
      this.#copyOut(scratch, length)
      return getFixed(scratch.view, tag, 0)
    } finally {
      giveBack(scratch)
    }
  }

  #text(length: number): string {
    const ring = this.#ring
    const scratch = takeScratch()
    try {
      if (length <= LOOP_BYTES && length >= PREFIX && ring.isMessageWhole(length)) {
        // The length prefix has no bit of NOT_ASCII unless the text is longer than 127 bytes: then all bytes are looked at.
        const all = copyWords(scratch.view, 0, ring.view, RING + ring.index, length)
        const end = extent(scratch.view, 'str', 0, length)
        return (all & NOT_ASCII) === 0 ? getAscii(scratch.bytes, PREFIX, end) : getText(scratch.bytes, PREFIX, end)
      }
      this.#copyOut(scratch, length)
      return getText(scratch.bytes, PREFIX, extent(scratch.view, 'str', 0, length))
    } finally {
      giveBack(scratch)
    }
  }

  /** The message at hand in private bytes, where nobody changes it any more. */
  #copyOut(scratch: Scratch, length: number): void {
    scratch.reserve(length)
    this.#ring.take(scratch.bytes, scratch.view, length)
    scratch.length = length
  }

  /**
   * Takes the next message as soon as there is one; calls that wait are served in turn.
   *
   * Memlane's own producers wake this process. Programs with the package do not: while none of ours is on the other
   * side the ring is looked at in naps that grow from 50 µs to 10 ms with the time already waited.
   *
   * @param options `timeout` in milliseconds (`ERR_TIMEOUT`), `signal` (rejects with its reason).
   * @throws {MemlaneError} as {@link pop}, and `ERR_CLOSED` when the ring is closed meanwhile.
   */
  popAsync(tag?: undefined, options?: WaitOptions): Promise<Uint8Array>
  popAsync<T extends Tag>(tag: T, options?: WaitOptions): Promise<TagTypes[T]>
  popAsync(tag?: Tag, options?: WaitOptions): Promise<unknown>
  popAsync(tag?: Tag, options: WaitOptions = {}): Promise<unknown> {
    try {
      const timeout = parseTimeout(checkNames(options, WAIT_OPTIONS).timeout)
      checkSignal(options.signal)
      options.signal?.throwIfAborted()
      if (this.#poppers.isEmpty) {
        const value = this.pop(tag)
        if (value !== undefined) return Promise.resolve(value)
      }
      this.#check()
      const attempt = (): unknown => {
        const value = this.pop(tag)
        return value === undefined ? NOT_YET : value
      }
      return keepAlive(this.#poppers.enter(attempt, timeout, options.signal))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Messages as they come, for ever. Leaving the loop leaves the ring open.
   *
   * @throws {MemlaneError} as {@link popAsync}; an abort throws the signal's reason.
   * @example
   * import { SharedMemory } from 'memlane/membridge'
   * using shm = SharedMemory.open('/ring')
   * using ring = shm.spsc()
   * for await (const line of ring.messages('str')) {
   *   if (line === '__EOF__') break
   *   console.log(line)
   * }
   */
  messages(tag?: undefined, options?: Pick<WaitOptions, 'signal'>): AsyncIterableIterator<Uint8Array>
  messages<T extends Tag>(tag: T, options?: Pick<WaitOptions, 'signal'>): AsyncIterableIterator<TagTypes[T]>
  messages(tag?: Tag, options: Pick<WaitOptions, 'signal'> = {}): AsyncIterableIterator<unknown> {
    this.#check()
    if (tag !== undefined) sizeOf(tag)
    checkSignal(checkNames(options, MESSAGES_OPTIONS).signal)
    const { signal } = options
    return new Messages(
      () => {
        signal?.throwIfAborted()
        return this.#poppers.isEmpty ? this.pop(tag) : undefined
      },
      () => this.popAsync(tag, options),
    )
  }

  /**
   * Drops every message, a broken one too. For the consumer.
   *
   * @returns how many bytes were dropped.
   * @throws {MemlaneError} `ERR_BUSY`, `ERR_CORRUPT` (the positions themselves are broken), `ERR_CLOSED`.
   */
  clear(): number {
    spareStack()
    if (!this.#popping || this.#closed) this.#becomeConsumer()
    return this.#ring.clear()
  }

  // ---- looking

  /** False until the creator has initialised the ring; it works from then on. @throws {MemlaneError} `ERR_CORRUPT`, `ERR_CLOSED`. */
  get isInitialized(): boolean {
    this.#check()
    return this.#ring.capacity !== 0
  }

  /** Bytes the ring holds, 0 until it is initialised. Every message takes 4 more than its own. @throws {MemlaneError} `ERR_CLOSED`. */
  get capacity(): number {
    this.#check()
    return this.#ring.capacity
  }

  /** Bytes in the ring now. @throws {MemlaneError} `ERR_CORRUPT`, `ERR_CLOSED`. */
  get used(): number {
    this.#check()
    return this.#ring.used()
  }

  /** Bytes free now. @throws {MemlaneError} `ERR_CORRUPT`, `ERR_CLOSED`. */
  get free(): number {
    this.#check()
    return Math.max(0, this.#ring.capacity - this.#ring.used())
  }

  /** @throws {MemlaneError} `ERR_CORRUPT`, `ERR_CLOSED`. */
  get isEmpty(): boolean {
    return this.used === 0
  }

  /** True when not one byte is free; a ring that is not initialised is both empty and full. @throws {MemlaneError} `ERR_CORRUPT`, `ERR_CLOSED`. */
  get isFull(): boolean {
    return this.free === 0
  }

  // ---- end

  /** True after {@link close}. */
  get closed(): boolean {
    return this.#closed
  }

  /** Gives back this ring; waits end with `ERR_CLOSED`, messages stay in the memory. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    spareStackToLeave()
    this.#closed = true
    const error = this.#closedError()
    this.#poppers.close(error)
    this.#pushers.close(error)
    if (this.#pushing) this.#attachment.leave(PRODUCER_LOCK)
    if (this.#popping) this.#attachment.leave(CONSUMER_LOCK)
    this.#attachment.release()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  toString(): string {
    if (this.#closed) return 'SpscRingBuffer(closed)'
    return `SpscRingBuffer(capacity=${this.capacity}, used=${this.used}, free=${this.free})`
  }

  // ---- checks

  #becomeProducer(): void {
    this.#check()
    if (this.#attachment.play(PRODUCER_LOCK, 'producer')) this.#ring.refresh()
    this.#pushing = true
  }

  #becomeConsumer(): void {
    this.#check()
    if (this.#attachment.play(CONSUMER_LOCK, 'consumer')) this.#ring.refresh()
    this.#popping = true
  }

  #check(): void {
    if (this.#closed) throw this.#closedError()
  }

  #closedError(): MemlaneError {
    return new MemlaneError('ERR_CLOSED', `the ring of ${JSON.stringify(this.#attachment.name)} is closed`)
  }
}

class Messages extends WaitingIterator<unknown> {
  readonly #take: () => unknown
  readonly #wait: () => Promise<unknown>

  constructor(take: () => unknown, wait: () => Promise<unknown>) {
    super()
    this.#take = take
    this.#wait = wait
  }

  protected override take(): unknown {
    return this.#take()
  }

  protected override wait(): Promise<unknown> {
    return this.#wait()
  }
}

function encode(scratch: Scratch, message: Message): void {
  if (Array.isArray(message)) scratch.putAll(message, 'message', false)
  else scratch.put(message as Scalar, 'message')
}

/** The message as private bytes of its own. */
function encoded(message: Message): Uint8Array {
  const scratch = takeScratch()
  try {
    encode(scratch, message)
    return Uint8Array.from(scratch.bytes.subarray(0, scratch.length))
  } finally {
    giveBack(scratch)
  }
}
