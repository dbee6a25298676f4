// record: an open record, latest value or FIFO, as its user holds it.

import { MemlaneError, useOpen, wrongType } from '../errors.js'
import { performance } from '../host.js'
import { checkNames, type Known, known } from '../options.js'
import { makePrintable, refuseCloning } from '../printable.js'
import { POLL_TRIES } from '../races.js'
import { Attached, type Segment } from '../segment/index.js'
import { checkFunction, checkObject, checkSignal, endOf, parseTimeout } from '../sizes.js'
import { spareStack } from '../spare-stack.js'
import { heldTooLong } from '../sync/index.js'
import { block, keepAlive, type Pollable, type Sleep, untilFound, WaitingIterator } from '../waiting/index.js'
import type { Fields } from './fields.js'
import { Cursor, FreeSlots, type ReaderMode } from './fifo.js'
import { TORN, HELD as WRITER_INSIDE } from './quiet.js'
import { Reader, type RecordInfo } from './reader.js'
import { type PlacedField, REJECT } from './record.layout.js'
import { RecordMemory } from './record-memory.js'
import type { LiveRecord, LiveView, PartialInput, PlainOf, Snapshot } from './types.js'
import { FULL, HELD, type UpdateTools, WRITTEN, Writer } from './writer.js'

const WAIT_OPTIONS = known('timeout')
const ASYNC_OPTIONS = known(WAIT_OPTIONS, 'signal')
const READ_OPTIONS = known(WAIT_OPTIONS, 'latest', 'resetModified')

/** What `read` takes. */
export interface ReadOptions {
  /**
   * Milliseconds to wait when there is nothing: 0 (default) looks once, Infinity waits for ever. Blocks the thread. A look that a
   * writer keeps from ending, because it is stopped or never pauses, is given up then too, or after a second where this is 0.
   */
  timeout?: number
  /** FIFO: take the newest record and pass over the older ones. */
  latest?: boolean
  /** Latest value: `modified` means changed since any reader last read with this option, instead of this reader. */
  resetModified?: boolean
}

/** What waiting for the next record takes. */
export interface NextOptions {
  /** Milliseconds; default for ever. */
  timeout?: number
  /** Rejects with the signal's reason. */
  signal?: AbortSignal
}

/** What `write` takes. */
export interface WriteOptions {
  /** Milliseconds to wait while another writer is inside; default for ever. */
  timeout?: number
}

/** What `push` takes. */
export interface PushOptions {
  /** Milliseconds to wait for room, and while another writer is inside; default for ever. */
  timeout?: number
}

/** What `pushAsync` takes. */
export interface PushAsyncOptions extends PushOptions {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal
}

/**
 * A record shared between processes. Made by `create`, `open` and `createOrOpen` of a schema, see {@link record}.
 *
 * Without slots it holds the latest value: `write`, `update`, and any number of readers that always find a whole record,
 * also when a writer is killed. With slots it is a FIFO: `push`, or `stage` and `commit`, and readers that take records
 * one by one.
 */
export class SharedRecord<F extends Fields = Fields> extends Attached {
  readonly #store: RecordMemory
  readonly #segment: Segment
  readonly #reader: Reader
  readonly #cursor: Cursor | undefined
  readonly #room: FreeSlots | undefined
  readonly #hasRoom: (() => boolean) | undefined
  #writer: Writer | undefined
  #staged: Record<string, unknown> | undefined

  static {
    makePrintable(SharedRecord.prototype)
  }

  /** @internal Use `create`, `open` or `createOrOpen` of a schema. */
  constructor(store: RecordMemory, readers: ReaderMode, reads: boolean, timeout: number) {
    super()
    if (!(store instanceof RecordMemory))
      throw useOpen('SharedRecord', "a schema's open(name): record({ … }).open(name)")
    this.#store = store
    this.#segment = store.segment
    refuseCloning(this, () => `the schema's open(${JSON.stringify(store.segment.name)})`)
    this.#reader = new Reader(store)
    if (store.layout.slots > 0) {
      if (readers === 'share' && store.segment.readOnly)
        throw this.#readOnly('sharing readers store what they have taken')
      const cursor = new Cursor(store, readers)
      this.#cursor = cursor
      if (reads) cursor.register(timeout)
      if (store.policy === REJECT) {
        const room = new FreeSlots(store)
        this.#room = room
        this.#hasRoom = () => room.hasRoom()
      }
    }
  }

  /** @internal For tests and tools. */
  get segment(): Segment {
    return this.#segment
  }

  /** The name that it was opened by. */
  get name(): string {
    return this.#segment.name
  }

  /** How many records it holds; 0 for a latest value. */
  get slots(): number {
    return this.#store.layout.slots
  }

  /** Latest value: how many copies are kept. A FIFO has its slots and one more. */
  get buffers(): number {
    return this.#store.layout.buffers
  }

  /** Whether it keeps records in order, instead of the newest one. */
  get isFifo(): boolean {
    return this.#cursor !== undefined
  }

  /** What a full FIFO does. */
  get full(): 'overwrite' | 'reject' {
    return this.#room === undefined ? 'overwrite' : 'reject'
  }

  /** FIFO: records that this reader missed just before the last one it read, because they were overwritten. */
  get lost(): number {
    return this.#fifo('lost').lost
  }

  /** FIFO: records that this reader missed since it was opened. */
  get totalLost(): number {
    return this.#fifo('totalLost').totalLost
  }

  // ---- writing

  #writing(): Writer {
    this.#checkOpen()
    this.#cursor?.becomeWriter()
    this.#writer ??= new Writer(this.#store)
    return this.#writer
  }

  /**
   * Latest value: one consistent write. Fields that are not given keep their value.
   *
   * @throws MemlaneError `ERR_TYPE` (an unknown field, a value of another type), `ERR_RANGE` (a number out of range, half a
   *   character, a choice that is none), `ERR_MISMATCH` (an array of another type and shape): nothing has changed then.
   *   `ERR_UNSUPPORTED` for a FIFO, `ERR_CLOSED`, `ERR_READ_ONLY`, `ERR_DEADLOCK` from inside `update`, `ERR_TIMEOUT` when
   *   another writer stays inside for so long.
   */
  write(values: PartialInput<F>, options?: WriteOptions): void {
    this.#latest('write()', 'push(), or stage() and commit()')
    const end = endOfWait(options)
    if (this.#writing().write(checkValues(values), undefined, end) === HELD) throw this.#held(options?.timeout ?? 0)
  }

  /**
   * Fills a record in place: `w.image` is a typed array straight over shared memory. Published when the function returns,
   * dropped when it throws. Texts and numbers show their current value; an **array** shows whatever an older record left in
   * its place, so fill all of it, or call `keep(name)` first to start from its current elements. Arrays that are not touched
   * keep their value and are not copied.
   *
   * In a FIFO it pushes a new record, and waits for room as `push` does.
   *
   * @throws MemlaneError what `write` throws; `ERR_ASYNC` for an async function; `ERR_TIMEOUT`.
   * @example
   * import { array, i64, record } from 'memlane/record'
   * const Camera = record({ frame: i64(), image: array('u8', [480, 640, 3]) })
   * using out = Camera.create('cam_1', { lifetime: 'lastClose' })
   * out.update((w) => {
   *   w.frame += 1n
   *   w.image.fill(128)
   * })
   */
  update(fill: (record: LiveRecord<F>, tools: UpdateTools) => void, options: PushOptions = {}): void {
    checkFunction(fill, 'update()')
    this.#blocking(options, (end) => this.#writing().update(fill as never, this.#hasRoom, end))
  }

  /**
   * FIFO: adds a record if there is room; a full `overwrite` FIFO always has. Fields that are not given have their
   * default, or are unwritten.
   *
   * @param options how long to wait for another writer; there is no waiting for room.
   * @returns false when a `reject` FIFO is full.
   * @throws MemlaneError as `write`.
   */
  tryPush(values: PartialInput<F>, options?: WriteOptions): boolean {
    this.#fifo('tryPush()')
    const end = endOfWait(options)
    const got = this.#writing().write(checkValues(values), this.#hasRoom, end)
    if (got === HELD) throw this.#held(options?.timeout ?? 0)
    return got === WRITTEN
  }

  /**
   * FIFO: adds a record, waiting for room with the thread blocked.
   *
   * @throws MemlaneError `ERR_TIMEOUT`, and as `write`.
   */
  push(values: PartialInput<F>, options: PushOptions = {}): void {
    this.#fifo('push()')
    checkValues(values)
    this.#blocking(options, (end) => this.#writing().write(values, this.#hasRoom, end))
  }

  /** The same without blocking the thread. */
  pushAsync(values: PartialInput<F>, options: PushAsyncOptions = {}): Promise<void> {
    return keepAlive(this.#pushAsync(values, options))
  }

  async #pushAsync(values: PartialInput<F>, options: PushAsyncOptions): Promise<void> {
    this.#fifo('pushAsync()')
    checkValues(values)
    const end = endOfWait(options, ASYNC_OPTIONS)
    checkSignal(options.signal)
    const start = performance.now()
    let got = WRITTEN
    const done = await untilFound(
      this.#pushing(values, (reason) => (got = reason)),
      end,
      options.signal,
    )
    if (done === undefined) throw got === HELD ? this.#held(performance.now() - start) : this.#full(options.timeout)
  }

  /** The wait for room and for other writers, whose lock is never waited for by blocking. */
  #pushing(values: PartialInput<F>, blocked: (reason: number) => void): Pollable<true> {
    const store = this.#store
    let onLock = false
    const poll = (sleep: Sleep): true | undefined => {
      for (let tries = 0; tries < POLL_TRIES; tries++) {
        const writer = this.#writing()
        let got = writer.write(values, this.#hasRoom, 0)
        if (got === FULL) {
          store.room.prepareWait(sleep)
          got = writer.write(values, this.#hasRoom, 0)
        }
        if (got === WRITTEN) return true
        onLock = got === HELD
        blocked(got)
        if (!onLock || writer.prepareWait(sleep)) return undefined
      }
      sleep.retryAtOnce()
      return undefined
    }
    return { memory: store.memory, poll, passOn: () => onLock && this.#writer?.passOn() }
  }

  #blocking(options: PushOptions, tryOnce: (end: number) => number): void {
    const end = endOfWait(options)
    const got = tryOnce(end)
    if (got === WRITTEN) return
    const start = performance.now()
    if (got === HELD) throw this.#held(options.timeout ?? 0)
    const store = this.#store
    const poll = (sleep: Sleep): true | undefined => {
      this.#checkOpen()
      store.room.prepareWait(sleep)
      const got = tryOnce(end)
      if (got === HELD) throw this.#held(performance.now() - start)
      return got === WRITTEN ? true : undefined
    }
    if (block({ memory: store.memory, poll }, end) === undefined) throw this.#full(options.timeout)
  }

  #readOnly(why: string): MemlaneError {
    return new MemlaneError('ERR_READ_ONLY', `${JSON.stringify(this.name)} was opened read-only, and ${why}`)
  }

  #held(waited: number): MemlaneError {
    return heldTooLong(this.#segment, this.#writer?.owner ?? 0, 'another writer', waited)
  }

  #full(timeout: number | undefined): MemlaneError {
    return new MemlaneError(
      'ERR_TIMEOUT',
      `${JSON.stringify(this.name)} is full (${this.slots} slots): waited ${timeout} ms for room`,
    )
  }

  /** FIFO: puts fields aside, in this handle, for the next `commit`. Later ones replace earlier ones. */
  stage(values: PartialInput<F>): void {
    this.#fifo('stage()')
    const writer = this.#writing()
    for (const name in checkValues(values)) writer.field(name)
    this.#staged = { ...this.#staged, ...values }
  }

  /**
   * FIFO: pushes what was staged. Nothing staged, nothing done. When it throws, what was staged stays staged.
   *
   * @returns true if there was something.
   */
  commit(options: PushOptions = {}): boolean {
    this.#fifo('commit()')
    this.#checkOpen()
    if (this.#staged === undefined) return false
    this.push(this.#staged as PartialInput<F>, options)
    this.#staged = undefined
    return true
  }

  // ---- reading

  /**
   * A consistent snapshot: the latest value, or the next record of a FIFO. Everything in it is the caller's own copy.
   *
   * @returns undefined before the first write, or when a FIFO has nothing new, until the time is over.
   * @throws MemlaneError `ERR_TIMEOUT` naming the writer when one is stopped or never pauses, so that nothing whole can be read;
   *   `ERR_CLOSED`, `ERR_TYPE`, `ERR_RANGE`, `ERR_UNSUPPORTED`.
   */
  read(options?: ReadOptions): Snapshot<F> | undefined {
    this.#checkOpen()
    if (options === undefined) return this.#tryRead(false, false)
    const { timeout = 0, latest = false, resetModified = false } = checkNames(options, READ_OPTIONS)
    if (resetModified && this.isFifo)
      throw new MemlaneError('ERR_UNSUPPORTED', 'resetModified is for latest values, not for FIFOs')
    if (resetModified && this.#segment.readOnly)
      throw this.#readOnly('resetModified stores the mark that readers share')
    const time = parseTimeout(timeout)
    const end = endOf(time)
    const limit = time === 0 ? undefined : end
    const found = this.#tryRead(latest, resetModified, limit)
    if (found !== undefined || time === 0) return found
    return block(
      this.#news(() => this.#tryRead(latest, resetModified, limit), end),
      end,
    )
  }

  #tryRead(latest: boolean, resetModified: boolean, end?: number): Snapshot<F> | undefined {
    if (this.#cursor === undefined) return this.#reader.read(resetModified, end) as Snapshot<F> | undefined
    return this.#cursor.take(latest, (buffer, sequence) => this.#reader.snapshot(buffer, sequence - 1), end) as
      | Snapshot<F>
      | undefined
  }

  /** The wait for a record. @param look gives WRITER_INSIDE where it cannot look before the lock is free. */
  #news<T>(look: () => T | undefined | typeof WRITER_INSIDE, end: number): Pollable<T> {
    const store = this.#store
    const start = performance.now()
    let onLock = false
    const poll = (sleep: Sleep): T | undefined => {
      for (let tries = 0; tries < POLL_TRIES; tries++) {
        this.#checkOpen()
        const counter = store.published()
        const found = look()
        onLock = found === WRITER_INSIDE
        if (onLock) {
          if (!store.quiet.lock.prepareWait(sleep)) continue
          // Else it would be said that there is nothing new, which nobody knows.
          const now = performance.now()
          if (now >= end) throw heldTooLong(store.segment, store.quiet.lock.owner, "the writers' lock", now - start)
          return undefined
        }
        if (found !== undefined) return found as T
        if (store.prepareWait(sleep, counter)) return undefined
      }
      sleep.retryAtOnce()
      return undefined
    }
    return { memory: store.memory, poll, spin: store.spin, passOn: () => onLock && store.quiet.lock.passOn() }
  }

  /**
   * Reads plain values into an object that the caller keeps: numbers and texts are assigned, typed arrays and ndarrays of
   * the right length are filled. Nothing else is allocated.
   *
   * @returns false when there is nothing to read.
   * @throws MemlaneError `ERR_TYPE` when the object is frozen or otherwise takes no such field; the record stays unread.
   *   `ERR_CLOSED`.
   */
  readInto(target: Partial<PlainOf<F>>): boolean {
    this.#checkOpen()
    checkObject(target, 'target')
    try {
      return this.#readInto(target)
    } catch (error) {
      if (error instanceof TypeError && !takesFields(target, this.#store.layout.fields))
        throw wrongType('target', 'an object whose fields can be stored to', target)
      throw error
    }
  }

  #readInto(target: Partial<PlainOf<F>>): boolean {
    if (this.#cursor === undefined) return this.#reader.readInto(target)
    const taken = this.#cursor.take(false, (buffer) => {
      this.#reader.fill(target as Record<string, unknown>, buffer)
      return true
    })
    return taken === true
  }

  /**
   * Reads in place: arrays are views over shared memory, valid only while the function runs. Checked afterwards; when a
   * writer came too near, the function is called again, so it must have no other effect than its result.
   * A FIFO record counts as read when the function returns; when it throws, it stays unread.
   *
   * @returns what the function returned; undefined when there is nothing to read.
   * @throws MemlaneError `ERR_ASYNC` for an async function, `ERR_CLOSED`, `ERR_TYPE`, and what the function throws.
   */
  view<T>(use: (record: LiveView<F>, info: RecordInfo) => T): T | undefined {
    if (this.#segment.memory.closed) this.#checkOpen()
    checkFunction(use, 'view()')
    if (this.#cursor === undefined) return this.#reader.view(use as never)
    return this.#cursor.take(false, (buffer, sequence) =>
      this.#reader.show(buffer, sequence, sequence - 1, use as never),
    )
  }

  /**
   * Waits for a record that this reader has not seen: the latest value once it has changed, or the next one of a FIFO.
   *
   * @returns undefined when the time is over; rejects with the signal's reason, or with `ERR_TIMEOUT` naming the writer when one is
   *   stopped or never pauses, so that nobody can tell whether there is something new.
   */
  next(options: NextOptions = {}): Promise<Snapshot<F> | undefined> {
    return keepAlive(this.#next(options))
  }

  async #next(options: NextOptions): Promise<Snapshot<F> | undefined> {
    const end = endOfWait(options, ASYNC_OPTIONS)
    checkSignal(options.signal)
    return untilFound(
      this.#news(() => this.#unseen(), end),
      end,
      options.signal,
    )
  }

  /** A record that this reader has not seen. Never waits. */
  #unseen(): Snapshot<F> | undefined | typeof WRITER_INSIDE {
    const look = this.#cursor === undefined ? this.#newValue : this.#nextRecord
    if (this.#cursor?.tryRegister() === false) return WRITER_INSIDE
    const found = look()
    if (found !== TORN) return found
    const { quiet } = this.#store
    return this.#segment.readOnly ? quiet.read(look) : quiet.tryRead(look, 0)
  }

  readonly #newValue = (): Snapshot<F> | undefined | typeof TORN =>
    this.#reader.hasNews ? (this.#reader.look(false) as Snapshot<F> | undefined | typeof TORN) : undefined

  readonly #nextRecord = (): Snapshot<F> | undefined | typeof TORN =>
    this.#cursor!.look(false, this.#decode) as Snapshot<F> | undefined | typeof TORN

  readonly #decode = (buffer: number, sequence: number): object => this.#reader.snapshot(buffer, sequence - 1)

  /**
   * Every change as it comes; a latest value that changes faster than it is taken shows only the newest.
   * Ends when the time between two records is over, throws the signal's reason.
   */
  changes(options: NextOptions = {}): AsyncIterableIterator<Snapshot<F>> {
    return new RecordChanges<F>(
      () => this.#taken(options),
      () => this.#next(options),
    )
  }

  /** A record that is there, before anything is waited for. */
  #taken(options: NextOptions): Snapshot<F> | undefined {
    const { signal } = checkNames(options, ASYNC_OPTIONS)
    checkSignal(signal)
    signal?.throwIfAborted()
    this.#checkOpen()
    const found = this.#unseen()
    return found === WRITER_INSIDE ? undefined : found
  }

  /** Records as they come: for `for await`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Snapshot<F>> {
    return this.changes()
  }

  // ---- the handle

  /** @internal */
  protected override attachment(): Segment {
    this.#checkOpen()
    return this.#segment
  }

  /** True after `close()`. */
  override get closed(): boolean {
    return this.#segment.closed
  }

  /** Gives back memory and slot; the record stays. Safe to call twice. */
  close(): void {
    if (this.#segment.closed) return
    // More than either of the two steps asks for: both are done, or neither.
    spareStack()
    this.#cursor?.unregister()
    this.#segment.close()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #checkOpen(): void {
    if (this.#segment.memory.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    if (this.#segment.memory.faults !== 0) this.#segment.memory.checkWhole(JSON.stringify(this.name))
  }

  #fifo(what: string): Cursor {
    if (this.#cursor !== undefined) return this.#cursor
    throw new MemlaneError(
      'ERR_UNSUPPORTED',
      `${what} is for FIFOs; ${JSON.stringify(this.name)} was created without slots and holds the latest value`,
    )
  }

  #latest(what: string, instead: string): void {
    if (this.#cursor === undefined) return
    throw new MemlaneError(
      'ERR_UNSUPPORTED',
      `${what} is for latest values; ${JSON.stringify(this.name)} is a FIFO of ${this.slots}: use ${instead}`,
    )
  }
}

class RecordChanges<F extends Fields> extends WaitingIterator<Snapshot<F>> {
  readonly #take: () => Snapshot<F> | undefined
  readonly #wait: () => Promise<Snapshot<F> | undefined>

  constructor(take: () => Snapshot<F> | undefined, wait: () => Promise<Snapshot<F> | undefined>) {
    super()
    this.#take = take
    this.#wait = wait
  }

  protected override take(): Snapshot<F> | undefined {
    return this.#take()
  }

  protected override wait(): Promise<Snapshot<F> | undefined> {
    return this.#wait()
  }
}

/** False for what is frozen, sealed, or a proxy that refuses: asked once storing to it has failed. */
function takesFields(target: object, fields: readonly PlacedField[]): boolean {
  try {
    return fields.every(({ name }) => Reflect.set(target, name, (target as Record<string, unknown>)[name]))
  } catch {
    return false
  }
}

function endOfWait(options: WriteOptions | undefined, names: Known = WAIT_OPTIONS): number {
  return options === undefined ? Number.POSITIVE_INFINITY : endOf(parseTimeout(checkNames(options, names).timeout))
}

function checkValues<T>(values: T): T & object {
  return checkObject(values as T & object, 'values')
}
