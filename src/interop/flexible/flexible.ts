// interop/flexible: the face. A peer of Python's flexible_shared_memory.SharedMemory.

import { randomBytes } from 'node:crypto'
import { MemlaneError, useOpen, wrongType } from '../../errors.js'
import { later, performance } from '../../host.js'
import { checkOwner, Memory, type Owner, ShmObject, unlinkObject } from '../../memory/index.js'
import { checkNames, type Known, known } from '../../options.js'
import { pause } from '../../pause.js'
import { lostRace, RACE_TRIES } from '../../races.js'
import { FieldValue } from '../../record/field-value.js'
import type { Fields } from '../../record/fields.js'
import type { Infer, Input, RecordField } from '../../record/types.js'
import { checkSignal, endOf, given, parseInteger, parseTimeout } from '../../sizes.js'
import { spareStack } from '../../spare-stack.js'
import { FLEXIBLE_LOOK_MS, FLEXIBLE_TIMER_MS, keepAlive } from '../../waiting/index.js'
import { decode, type Prepared, prepare } from './codec.js'
import { Counters } from './counters.js'
import { type FlexibleLayout, type FlexibleSchema, layoutOf, STATUS } from './flexible.layout.js'
import { Slots } from './slot.js'

const CREATE = known('slots', 'owner', 'mode')
const READ = known('timeout', 'latest', 'resetModified')
const READ_ASYNC = known(READ, 'signal')

/** What `create` and `open` take. */
export interface FlexibleOptions {
  /** 1 (default): latest value. More: a FIFO of so many records. Both sides must say the same. */
  slots?: number
  /** Whose segments are trusted: this user's (default), anybody's, or those of a user id. */
  owner?: Owner
  /** Permission bits of a new segment; default 0o600. */
  mode?: number
}

/** What `read` takes. */
export interface FlexibleReadOptions {
  /** Milliseconds to wait for a record: 0 (default) looks once, Infinity waits for ever. */
  timeout?: number
  /** FIFO: take the newest record and give up the older ones. */
  latest?: boolean
  /** Single slot: clear the modified flags, for every reader, after this read. */
  resetModified?: boolean
}

/** What `readAsync` takes. */
export interface FlexibleReadAsyncOptions extends FlexibleReadOptions {
  /** Rejects with the signal's reason. */
  signal?: AbortSignal
}

type FieldsOf<S> = S extends RecordField<infer F> ? F : S extends Fields ? S : never

/** What a read gives: every field with its status. */
export type FlexibleRecord<S> = { readonly [K in keyof FieldsOf<S>]: FieldValue<Infer<FieldsOf<S>[K]>> }

/** What a write takes: any of the fields. `null` is Python's None: NaN for floats, false for bool. */
export type FlexibleInput<S> = { readonly [K in keyof FieldsOf<S>]?: Input<FieldsOf<S>[K]> | null }

/**
 * Shared memory in the format of the Python package flexible-shared-memory 0.1.1: a Python process on the other side
 * sees a segment of its own kind.
 *
 * Fields: `f64` is Python's float, `i32` its int, then `bool`, `str(n)` and `array(dtype, shape)`.
 *
 * @example
 * import { array, f64, i32, str } from 'memlane/record'
 * import { FlexibleMemory } from 'memlane/flexible'
 *
 * const Sensor = { temperature: f64(), count: i32(), status: str(32), image: array('u8', [4, 4]) }
 * using out = FlexibleMemory.create(Sensor, 'sensor_1')
 * out.write({ temperature: 23.5, status: 'ok' })
 * using sensor = FlexibleMemory.open(Sensor, 'sensor_1')
 * const now = sensor.read()
 * if (now?.temperature.valid) console.log(now.temperature.value)
 * out.unlink()
 */
export class FlexibleMemory<S extends FlexibleSchema = FlexibleSchema> {
  /** The name that a peer opens, without a leading slash. */
  readonly name: string
  readonly slots: number
  readonly isFifo: boolean
  readonly layout: FlexibleLayout
  readonly #memory: Memory
  readonly #slots: Slots
  readonly #counters: Counters
  readonly #indexOf: ReadonlyMap<string, number>
  #staged: Map<string, unknown> | undefined

  private constructor(name: string, layout: FlexibleLayout, memory: Memory) {
    if (!(memory instanceof Memory))
      throw useOpen('FlexibleMemory', 'FlexibleMemory.open(schema, name) or FlexibleMemory.create(schema, name)')
    this.name = name
    this.layout = layout
    this.slots = layout.slots
    this.isFifo = layout.slots > 1
    this.#memory = memory
    const words = new BigUint64Array(memory.buffer, 0, layout.totalSize / 8)
    this.#slots = new Slots(memory, words, layout)
    this.#counters = new Counters(name, words, layout.slots)
    this.#indexOf = new Map(layout.fields.map((field, index) => [field.name, index]))
  }

  /**
   * Makes a new segment.
   *
   * @param name without a slash inside; left out: `shm_` and eight hexadecimal digits, see `.name`.
   * @throws MemlaneError `ERR_EXISTS`, `ERR_NAME`, `ERR_TYPE`, `ERR_RANGE`, `ERR_NO_SPACE`, `ERR_PERMISSION`.
   */
  static create<S extends FlexibleSchema>(schema: S, name?: string, options: FlexibleOptions = {}): FlexibleMemory<S> {
    spareStack()
    const layout = layoutOf(schema, checkSlots(checkNames(options, CREATE).slots))
    const file = checkName(given(name, `shm_${randomBytes(4).toString('hex')}`))
    const mode = parseInteger(given(options.mode, 0o600), 'mode', 0, 0o777)
    const object = ShmObject.open(file, { create: true, exclusive: true, mode, owner: checkOwner(options.owner) })
    try {
      object.resize(layout.totalSize)
      object.commit(0, layout.totalSize)
      const made = new FlexibleMemory<S>(file, layout, object.map(layout.totalSize))
      made.#slots.initialize()
      return made
    } catch (error) {
      unlinkObject(file)
      object.close()
      throw error
    }
  }

  /**
   * Opens a segment that some peer made with the same fields and slots. The format does not say what it holds; what can
   * be seen is its size. Python leaves its segments sparse; here every page is given room.
   *
   * @throws MemlaneError `ERR_NOT_FOUND`, `ERR_SCHEMA` when the size is not that of these fields and slots, `ERR_NO_SPACE`,
   *   `ERR_OWNER`, `ERR_PERMISSION`, `ERR_NAME`, `ERR_TYPE`, `ERR_RANGE`.
   */
  static open<S extends FlexibleSchema>(schema: S, name: string, options: FlexibleOptions = {}): FlexibleMemory<S> {
    spareStack()
    const layout = layoutOf(schema, checkSlots(checkNames(options, CREATE).slots))
    const file = checkName(name)
    const object = ShmObject.open(file, { owner: checkOwner(options.owner) })
    try {
      const { size } = object.stat()
      if (!sizeFits(size, layout.totalSize)) {
        throw new MemlaneError(
          'ERR_SCHEMA',
          `${JSON.stringify(file)} has ${size} bytes; ${layout.fields.length} fields in ${layout.slots} slot(s) of ${layout.slotSize} bytes are ${layout.totalSize}`,
        )
      }
      object.commit(0, layout.totalSize)
      return new FlexibleMemory<S>(file, layout, object.map(layout.totalSize))
    } catch (error) {
      object.close()
      throw error
    }
  }

  /** Removes the name. @returns true if it was there. @throws MemlaneError `ERR_NAME`, `ERR_PERMISSION`. */
  static unlink(name: string): boolean {
    return unlinkObject(checkName(name))
  }

  /**
   * Single slot: stores the fields at once, the others keep their value. FIFO: stages them until `finalize()`.
   * Names that are no fields are ignored, as Python ignores them.
   *
   * Single slot: every value is checked before the slot is touched.
   *
   * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE` (a whole number out of range, half a character), `ERR_CLOSED`.
   */
  write(values: FlexibleInput<S>): void {
    spareStack()
    this.#checkOpen()
    if (typeof values !== 'object' || values === null) throw wrongType('values', 'an object', values)
    const given = Object.entries(values)
    if (!this.isFifo) {
      this.#slots.write(0, this.#prepare(given))
      return
    }
    this.#staged ??= new Map()
    for (const [name, value] of given) this.#staged.set(name, value)
  }

  /**
   * FIFO: publishes what was staged; nothing staged, nothing done. A full FIFO gives up its oldest record. A field that
   * was not staged keeps what its slot held, not modified.
   *
   * @throws MemlaneError `ERR_UNSUPPORTED` in a single slot; `ERR_TYPE`, `ERR_RANGE` for a staged value: nothing is
   *   published then, and what was staged stays staged.
   */
  finalize(): void {
    spareStack()
    this.#checkOpen()
    if (!this.isFifo)
      throw new MemlaneError(
        'ERR_UNSUPPORTED',
        'finalize() is for FIFOs (slots > 1); in a single slot write() stores at once',
      )
    if (this.#staged === undefined) return
    const values = this.#prepare(this.#staged.entries())
    this.#counters.makeRoom()
    this.#slots.write(this.#counters.slotOf(this.#counters.writeIndex), values)
    this.#counters.published()
    this.#staged = undefined
  }

  #prepare(given: Iterable<[string, unknown]>): (Prepared | undefined)[] {
    const prepared = new Array<Prepared | undefined>(this.layout.fields.length).fill(undefined)
    for (const [name, value] of given) {
      const index = this.#indexOf.get(name)
      if (index !== undefined) prepared[index] = prepare(this.layout.fields[index]!, value)
    }
    return prepared
  }

  /**
   * Reads the latest value, or takes the oldest record of a FIFO. Blocks the thread for up to `timeout`.
   *
   * @returns undefined when a FIFO is empty, or the slot is half written, until the time is over. A single slot that was
   *   never written gives fields that say `unwritten`.
   * @throws MemlaneError `ERR_UNSUPPORTED` for `resetModified` in a FIFO, `ERR_TYPE`, `ERR_RANGE`, `ERR_CLOSED`.
   */
  read(options: FlexibleReadOptions = {}): FlexibleRecord<S> | undefined {
    const end = this.#checkRead(options, 0, READ)
    for (;;) {
      const found = this.#tryRead(options)
      if (found !== undefined || performance.now() >= end) return found
      pause(FLEXIBLE_LOOK_MS)
    }
  }

  /** The same without blocking the thread. Default `timeout`: for ever. */
  readAsync(options: FlexibleReadAsyncOptions = {}): Promise<FlexibleRecord<S> | undefined> {
    return keepAlive(this.#readAsync(options))
  }

  async #readAsync(options: FlexibleReadAsyncOptions): Promise<FlexibleRecord<S> | undefined> {
    const end = this.#checkRead(options, Number.POSITIVE_INFINITY, READ_ASYNC)
    checkSignal(options.signal)
    for (;;) {
      options.signal?.throwIfAborted()
      const found = this.#tryRead(options)
      if (found !== undefined || performance.now() >= end) return found
      await later(FLEXIBLE_TIMER_MS, undefined, { ref: false })
      this.#checkOpen()
    }
  }

  #checkRead(options: FlexibleReadOptions, otherwise: number, names: Known): number {
    this.#checkOpen()
    const timeout = parseTimeout(given(checkNames(options, names).timeout, otherwise))
    if (options.resetModified === true && this.isFifo)
      throw new MemlaneError('ERR_UNSUPPORTED', 'resetModified is for single slots, not for FIFOs')
    return endOf(timeout)
  }

  #tryRead(options: FlexibleReadOptions): FlexibleRecord<S> | undefined {
    // Taken and given, or neither.
    spareStack()
    if (this.isFifo) return this.#tryTake(options.latest === true)
    const slot = this.#slots.read(0)
    if (slot === undefined) return undefined
    const record = this.#decode(slot)
    if (options.resetModified === true) this.#slots.resetModified(0, slot)
    return record
  }

  #tryTake(latest: boolean): FlexibleRecord<S> | undefined {
    for (let tries = 0; tries < RACE_TRIES; tries++) {
      const written = this.#counters.writeIndex
      const oldest = this.#counters.readIndex
      if (oldest >= written) return undefined
      const index = latest ? written - 1n : oldest
      const slot = this.#slots.read(this.#counters.slotOf(index))
      // Half written: by a writer that has just given this record up (then it is no longer the oldest), or that stalled.
      if (slot === undefined && this.#counters.readIndex === oldest && this.#counters.writeIndex === written)
        return undefined
      // Copied first and taken then: a reader that is killed in between has taken nothing.
      if (slot !== undefined && this.#counters.take(index)) return this.#decode(slot)
    }
    throw lostRace(`reading ${JSON.stringify(this.name)}`)
  }

  #decode(slot: Uint8Array): FlexibleRecord<S> {
    const view = new DataView(slot.buffer, slot.byteOffset, slot.byteLength)
    const record: Record<string, FieldValue> = {}
    for (let i = 0; i < this.layout.fields.length; i++) {
      const field = this.layout.fields[i]!
      record[field.name] = new FieldValue(decode(field, slot, view), slot[STATUS + i]!)
    }
    return record as FlexibleRecord<S>
  }

  #checkOpen(): void {
    if (this.#memory.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    this.#memory.checkWhole(JSON.stringify(this.name))
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#memory.closed
  }

  /** Gives the memory back; the segment stays. Safe to call twice. */
  close(): void {
    this.#memory.close()
  }

  /** Removes the name; those who are attached keep the memory. @returns true if it was there. */
  unlink(): boolean {
    return unlinkObject(this.name)
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}

function checkSlots(slots: number | undefined): number {
  return parseInteger(given(slots, 1), 'slots', 1, 2 ** 31)
}

/** Python on Linux takes leading slashes or none; inner slashes no system takes. */
function checkName(name: unknown): string {
  if (typeof name !== 'string') throw wrongType('name', 'a string', name)
  const plain = name.replace(/^\/+/, '')
  if (
    plain === '' ||
    plain.includes('/') ||
    plain.includes('\0') ||
    plain === '.' ||
    plain === '..' ||
    Buffer.byteLength(plain) > 255
  ) {
    throw new MemlaneError(
      'ERR_NAME',
      `name ${JSON.stringify(name.slice(0, 300))} is not valid: 1 to 255 bytes without a slash or NUL are`,
    )
  }
  return plain
}

/** Exact on Linux; macOS and Windows round up to their pages, of 4 or 16 KiB. */
function sizeFits(size: number, wanted: number): boolean {
  const pages = process.platform === 'linux' ? [1] : [1, 4096, 16384]
  return pages.some((page) => size === Math.ceil(wanted / page) * page)
}

/** A status byte, as Python's FieldStatus. */
export class FieldStatus {
  static readonly MASK_TRUNCATED: number = 1
  static readonly MASK_UNWRITTEN: number = 2
  static readonly MASK_MODIFIED: number = 4
  readonly byte: number

  constructor(byte: number) {
    this.byte = byte
  }

  /** Whether the text was longer than its field. */
  get isTruncated(): boolean {
    return (this.byte & FieldStatus.MASK_TRUNCATED) !== 0
  }

  /** Whether nobody has written it yet. */
  get isUnwritten(): boolean {
    return (this.byte & FieldStatus.MASK_UNWRITTEN) !== 0
  }

  /** The package's mark that this field was written. */
  get isModified(): boolean {
    return (this.byte & FieldStatus.MASK_MODIFIED) !== 0
  }

  /** Whether it holds a whole value. */
  get isValid(): boolean {
    return !this.isTruncated && !this.isUnwritten
  }
}
