// record: what tools show. A record says itself what it holds; no schema is needed to look at it.

import { later } from '../host.js'
import { checkNames, known } from '../options.js'
import { type NameOptions, OPEN_OPTIONS, type OpenOptions, Segment } from '../segment/index.js'
import { checkSignal } from '../sizes.js'
import { SHOW_MS } from '../waiting/index.js'
import type { FieldValue } from './field-value.js'
import type { Fields } from './fields.js'
import type { NdArray } from './ndarray.js'
import { Reader } from './reader.js'
import { PUBLISHED, REJECT } from './record.layout.js'
import { RecordMemory } from './record-memory.js'
import { fieldText, schemaHash } from './schema.js'
import { KIND, readShape } from './shape.js'

export interface RecordDescription {
  readonly name: string
  /** 0: it holds the latest value. */
  readonly slots: number
  readonly full: 'overwrite' | 'reject'
  readonly buffers: number
  /** Bytes of shared memory behind the record. */
  readonly size: number
  /** How many records were ever published. */
  readonly sequence: number
  readonly hash: bigint
  /** Each field as its schema has it: `array('u8', [480, 640, 3])`. */
  readonly fields: Readonly<Record<string, string>>
}

/** One field of the newest record, rendered for people. */
export interface FieldDescription {
  readonly name: string
  readonly type: string
  readonly text: string
  readonly valid: boolean
  readonly truncated: boolean
  readonly unwritten: boolean
  /** Given in the newest record. */
  readonly modified: boolean
}

/**
 * Reads a record's schema and shape from its segment.
 *
 * @throws MemlaneError `ERR_NOT_FOUND`, `ERR_KIND`, `ERR_CORRUPT`, and what else opening a segment can find.
 */
export function describeRecord(name: string, options: OpenOptions = {}): RecordDescription {
  return lookAt(name, options, (store, fields, text) => descriptionOf(store, fields, text))
}

/** The same, and the newest record field by field. Takes nothing out of a FIFO, and disturbs nobody. */
export function inspectRecord(
  name: string,
  options: OpenOptions = {},
): { description: RecordDescription; fields: FieldDescription[] } {
  return lookAt(name, options, (store, fields, text) => {
    const newest = new Reader(store).newest()
    return { description: descriptionOf(store, fields, text), fields: fieldsOf(fields, newest?.record) }
  })
}

/** A record that a watcher saw. */
export interface RecordChange {
  /** How many records were ever published, this one included. */
  readonly sequence: number
  /** Records that came and went since the last one shown. */
  readonly missed: number
  /** Every field; `modified` are those that changed since the last one shown. */
  readonly fields: FieldDescription[]
}

const WATCH_OPTIONS = known(OPEN_OPTIONS, 'signal')

export interface WatchOptions extends OpenOptions {
  /** Ends the watching with the signal's reason. */
  signal?: AbortSignal
}

/**
 * The newest record each time there is a newer one, for tools. Disturbs nobody and takes nothing out of a FIFO; looks
 * every 20 ms, because who may not write cannot ask to be woken. The first one is the record that is there already.
 *
 * @throws MemlaneError as {@link describeRecord}; the signal's reason.
 */
export async function* watchRecord(name: string, options: WatchOptions = {}): AsyncGenerator<RecordChange, never> {
  const { signal, ...open } = checkNames(options, WATCH_OPTIONS)
  checkSignal(signal)
  const segment = Segment.open(name, { ...open, kind: KIND, readOnly: true })
  try {
    const { layout, fields } = readShape(segment)
    const reader = new Reader(new RecordMemory(segment, layout))
    for (let last = 0; ; ) {
      const newest = reader.newest(last === 0 ? undefined : last)
      if (newest !== undefined && newest.sequence !== last) {
        const missed = last === 0 ? 0 : Math.max(0, newest.sequence - last - 1)
        last = newest.sequence
        yield { sequence: last, missed, fields: fieldsOf(fields, newest.record) }
      }
      await later(SHOW_MS, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
        throw signal?.aborted ? signal.reason : error
      })
    }
  } finally {
    segment.close()
  }
}

function fieldsOf(fields: Fields, newest: Record<string, FieldValue> | undefined): FieldDescription[] {
  return Object.entries(fields).map(([name, schema]): FieldDescription => {
    const value = newest?.[name]
    return {
      name,
      type: fieldText(schema),
      text: value === undefined || value.unwritten ? '' : summarize(value.value),
      valid: value?.valid ?? false,
      truncated: value?.truncated ?? false,
      unwritten: value?.unwritten ?? true,
      modified: value?.modified ?? false,
    }
  })
}

function lookAt<T>(
  name: string,
  options: NameOptions,
  look: (store: RecordMemory, fields: Fields, text: string) => T,
): T {
  const segment = Segment.open(name, { ...options, kind: KIND, readOnly: true })
  try {
    const { layout, fields, text } = readShape(segment)
    return look(new RecordMemory(segment, layout), fields, text)
  } finally {
    segment.close()
  }
}

function descriptionOf(store: RecordMemory, fields: Fields, text: string): RecordDescription {
  const { segment, layout } = store
  return {
    name: segment.name,
    slots: layout.slots,
    full: store.policy === REJECT ? 'reject' : 'overwrite',
    buffers: layout.buffers,
    size: segment.memory.size,
    sequence: store.sequence(store.bufferAt(segment.memory.load(store.word(PUBLISHED)))),
    hash: schemaHash(text),
    fields: Object.fromEntries(Object.entries(fields).map(([field, schema]) => [field, fieldText(schema)])),
  }
}

const isNd = (value: object): value is NdArray => 'data' in value && 'shape' in value && ArrayBuffer.isView(value.data)

/** Any field value in one line; arrays as shape, least, most and mean. */
export function summarize(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array)
    return `${value.length} bytes${value.length === 0 ? '' : ` ${Buffer.from(value.subarray(0, 16)).toString('hex')}${value.length > 16 ? '…' : ''}`}`
  if (typeof value === 'object' && value !== null && isNd(value)) return summarizeArray(value)
  if (typeof value === 'object' && value !== null) {
    return JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === 'bigint'
        ? String(inner)
        : typeof inner === 'object' && inner !== null && isNd(inner)
          ? summarizeArray(inner)
          : inner,
    )
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function summarizeArray({ data, shape }: NdArray): string {
  const values = data as unknown as ArrayLike<number | bigint>
  if (values.length === 0) return `[${shape.join('×')}] empty`
  let [least, most, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i])
    least = Math.min(least, value)
    most = Math.max(most, value)
    sum += value
  }
  const short = (value: number): string => String(Number(value.toPrecision(6)))
  if (values.length <= 4) return `[${shape.join('×')}] ${Array.from(values, (v) => short(Number(v))).join(' ')}`
  return `[${shape.join('×')}] ${short(least)}..${short(most)}, mean ${short(sum / values.length)}`
}
