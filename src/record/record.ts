// record: a schema, and the doors to segments that hold it.

import { MemlaneError, outOfRange } from '../errors.js'
import { utf8 } from '../host.js'
import { checkNames, known } from '../options.js'
import { lostRace, NAME_TRIES } from '../races.js'
import {
  CREATE_OPTIONS,
  type CreateOptions,
  type NameOptions,
  OPEN_OPTIONS,
  type OpenOptions,
  Segment,
  SLOTS_MAX,
} from '../segment/index.js'
import { checkObject, given, parseInteger, parseTimeout } from '../sizes.js'
import { OPEN_LOCK_MS } from '../waiting/index.js'
import { describeRecord, type RecordDescription } from './describe.js'
import { checkFields, Field, type Fields, RECORD_MAX } from './fields.js'
import type { ReaderMode } from './fifo.js'
import { BUFFERS, layoutOf, OVERWRITE, REJECT, type RecordLayout } from './record.layout.js'
import { RecordMemory } from './record-memory.js'
import { schemaDifference, schemaHash, schemaText } from './schema.js'
import { KIND, readShape } from './shape.js'
import { SharedRecord } from './shared-record.js'
import type { InputOf, PlainOf } from './types.js'

/** Fewer than elsewhere: each has a line in the table of readers, and the writer of a full FIFO looks at all of them. */
const PARTICIPANTS = 64

export interface RecordCreateOptions extends CreateOptions {
  /** A FIFO of so many records, 1 to 2^20; left out, the record holds the latest value. */
  slots?: number
  /** What a full FIFO does: the oldest record goes (default), or writers are refused or wait. */
  full?: 'overwrite' | 'reject'
  /** Latest value: copies kept, 3 to 64, default 4. More let slow readers finish beside fast writers. */
  buffers?: number
  readers?: ReaderMode
  /** As for `open`, where the FIFO is there already. */
  timeout?: number
  /** @internal Where the counters start; for tests of their wrapping around. */
  firstCounter?: number
}

export interface RecordOpenOptions extends OpenOptions {
  /** FIFO: `'each'` (default) sees every record, `'share'` competes with the other sharing readers. */
  readers?: ReaderMode
  /** Claims no slot and writes nothing; for tools. */
  readOnly?: boolean
  /**
   * Milliseconds to wait for a writer of a `reject` FIFO, who must not be at work while a reader comes in; default 10 s,
   * Infinity for ever.
   */
  timeout?: number
}

const RECORD_CREATE = known(CREATE_OPTIONS, 'slots', 'full', 'buffers', 'readers', 'timeout', 'firstCounter')
const RECORD_OPEN = known(OPEN_OPTIONS, 'readers', 'readOnly', 'timeout')

/** A schema: fields in their order. Also a field itself, of records and lists. */
export class RecordType<F extends Fields> extends Field<PlainOf<F>, InputOf<F>, Readonly<PlainOf<F>>> {
  readonly fields: F
  /** The canonical text of the schema. */
  readonly text: string
  /** Its 64-bit hash. */
  readonly hash: bigint

  /** @internal Use `record()`. */
  constructor(fields: F) {
    const checked = checkFields(fields) as F
    super({ kind: 'record', fields: checked })
    this.fields = checked
    this.text = schemaText(checked)
    this.hash = schemaHash(this.text)
  }

  /**
   * Makes a new record.
   *
   * @throws MemlaneError `ERR_EXISTS`, `ERR_NAME`, `ERR_NO_SPACE`, `ERR_RANGE`, `ERR_TYPE`, `ERR_TOO_LARGE`, `ERR_PERMISSION`.
   */
  create(name: string, options: RecordCreateOptions = {}): SharedRecord<F> {
    return this.#made(Segment.create(name, this.#plan(options)), options)
  }

  /**
   * Opens a record that somebody made. What it is, latest value or FIFO, the segment says.
   *
   * @throws MemlaneError `ERR_NOT_FOUND`; `ERR_SCHEMA` with a line for every field that differs; `ERR_TIMEOUT` naming the writer
   *   that stays inside a `reject` FIFO; `ERR_KIND`,
   *   `ERR_PARTICIPANTS`, and what else opening a segment can find.
   */
  open(name: string, options: RecordOpenOptions = {}): SharedRecord<F> {
    checkNames(options, RECORD_OPEN)
    const segment = Segment.open(name, { ...pickOpen(options), kind: KIND })
    return this.#opened(segment, options)
  }

  /**
   * Opens a record, or makes it when it is not there.
   *
   * @throws MemlaneError `ERR_MISMATCH` when it is there with other slots, buffers or policy; and as `create` and `open`.
   */
  createOrOpen(name: string, options: RecordCreateOptions = {}): SharedRecord<F> {
    this.#plan(options) // What makes no sense is refused whether it is there or not.
    // Another schema is told apart by its text, which says where; so the segment is not asked to compare hashes.
    for (let tries = 0; tries < NAME_TRIES; tries++) {
      try {
        const segment = Segment.open(name, { ...pickOpen(options), kind: KIND })
        const found = this.#opened(segment, options)
        this.#checkShape(found, options)
        return found
      } catch (error) {
        if (!(error instanceof MemlaneError) || error.code !== 'ERR_NOT_FOUND') throw error
      }
      try {
        return this.create(name, options)
      } catch (error) {
        if (!(error instanceof MemlaneError) || error.code !== 'ERR_EXISTS') throw error
      }
    }
    throw lostRace(`making or opening ${JSON.stringify(name)}`, NAME_TRIES)
  }

  /** Removes the name; who is attached keeps the memory. @returns true if it was there. */
  unlink(name: string, options: NameOptions = {}): boolean {
    return Segment.unlink(name, options)
  }

  /**
   * What lies under a name, read from the segment itself; the schema need not be this one.
   *
   * @throws MemlaneError `ERR_NOT_FOUND`, `ERR_KIND`, `ERR_CORRUPT`.
   */
  describe(name: string, options: OpenOptions = {}): RecordDescription {
    return describeRecord(name, options)
  }

  /** A record in plain memory, for workers (post `segment.memory.buffer`) and tests. @internal */
  local(options: RecordCreateOptions = {}): SharedRecord<F> {
    return this.#made(Segment.local(this.#plan(options)), options)
  }

  /** Another participant of a local record. @internal */
  attachLocal(buffer: SharedArrayBuffer, readers: ReaderMode = 'each'): SharedRecord<F> {
    return this.#opened(Segment.attachLocal(buffer), { readers })
  }

  #plan(options: RecordCreateOptions): Parameters<typeof Segment.create>[1] {
    const { slots, full = 'overwrite', firstCounter = 0 } = checkNames(options, RECORD_CREATE)
    parseTimeout(options.timeout)
    checkMode(options.readers)
    if (full !== 'overwrite' && full !== 'reject') throw outOfRange('full', "'overwrite' or 'reject'", full)
    const layout = this.#layout(options)
    if (layout.size > RECORD_MAX * 3) {
      throw new MemlaneError(
        'ERR_TOO_LARGE',
        `${layout.buffers} buffers of this record are ${layout.size} bytes, at most ${RECORD_MAX * 3}`,
      )
    }
    const policy = slots !== undefined && full === 'reject' ? REJECT : OVERWRITE
    const text = utf8.bytes(this.text)
    const { namespace, mode, owner, lifetime } = options
    return {
      namespace,
      mode,
      owner,
      lifetime,
      kind: KIND,
      schema: this.hash,
      size: layout.size,
      participants: options.participants ?? PARTICIPANTS,
      init: (segment) =>
        new RecordMemory(segment, layout).initialize({ policy, text, firstCounter: firstCounter % layout.modulus }),
    }
  }

  #layout({ slots, buffers, ...rest }: RecordCreateOptions): RecordLayout {
    const participants = parseInteger(given(rest.participants, PARTICIPANTS), 'participants', 1, SLOTS_MAX)
    if (slots !== undefined) {
      parseInteger(slots, 'slots', 1, 2 ** 20)
      if (buffers !== undefined)
        throw new MemlaneError('ERR_RANGE', 'buffers are for latest values; a FIFO has its slots and one more')
    }
    const copies = slots === undefined ? parseInteger(given(buffers, BUFFERS), 'buffers', 3, 64) : slots + 1
    const textBytes = utf8.bytes(this.text).length
    return layoutOf(this.fields, { slots: slots ?? 0, buffers: copies, participants, textBytes })
  }

  #made(segment: Segment, options: RecordCreateOptions): SharedRecord<F> {
    return new SharedRecord<F>(new RecordMemory(segment, this.#layout(options)), checkMode(options.readers), false, 0)
  }

  #opened(segment: Segment, options: RecordOpenOptions): SharedRecord<F> {
    try {
      const { layout, fields, text } = readShape(segment, this.fields)
      if (text !== this.text) {
        const lines = schemaDifference(fields, this.fields)
        throw new MemlaneError(
          'ERR_SCHEMA',
          `${JSON.stringify(segment.name)} holds another record:\n  ${lines.join('\n  ')}`,
        )
      }
      const timeout = parseTimeout(given(options.timeout, OPEN_LOCK_MS))
      return new SharedRecord<F>(
        new RecordMemory(segment, layout),
        checkMode(options.readers),
        options.readOnly !== true,
        timeout,
      )
    } catch (error) {
      segment.close()
      throw error
    }
  }

  #checkShape(found: SharedRecord<F>, options: RecordCreateOptions): void {
    const { slots = 0, full = 'overwrite', buffers = found.buffers } = options
    if (found.slots === slots && (slots === 0 ? found.buffers === buffers : found.full === full)) return
    const has = found.isFifo ? `a FIFO of ${found.slots} (${found.full})` : `a latest value of ${found.buffers} buffers`
    const wants = slots > 0 ? `a FIFO of ${slots} (${full})` : `a latest value of ${buffers} buffers`
    const { name } = found
    found.close()
    throw new MemlaneError('ERR_MISMATCH', `${JSON.stringify(name)} is ${has}, not ${wants}`)
  }
}

function checkMode(mode: unknown): ReaderMode {
  if (mode === undefined || mode === 'each') return 'each'
  if (mode === 'share') return 'share'
  throw outOfRange('readers', "'each' or 'share'", mode)
}

function pickOpen(options: RecordOpenOptions): {
  namespace?: string | undefined
  owner?: OpenOptions['owner']
  readOnly?: boolean
} {
  const { namespace, owner, readOnly = false } = checkObject(options)
  return { namespace, owner, readOnly }
}

/**
 * Describes a record. The result creates and opens shared records, and is a field of other records.
 *
 * @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`.
 * @example
 * import { array, f64, i64, type Infer, record, str } from 'memlane/record'
 *
 * const Sensor = record({ temperature: f64(), count: i64(), status: str(32), samples: array('f32', [256]) })
 * type Sensor = Infer<typeof Sensor>
 *
 * using out = Sensor.create('sensor_1', { lifetime: 'lastClose' })
 * out.write({ temperature: 23.5, status: 'ok' })
 *
 * using sensor = Sensor.open('sensor_1')
 * const now = sensor.read()
 * if (now?.temperature.valid && now.temperature.modified) console.log(now.temperature.value)
 */
export function record<const F extends Fields>(fields: F): RecordType<F> {
  return new RecordType(fields)
}
