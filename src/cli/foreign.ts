// cli: objects of other programs, guessed from their names and first and last bytes.
//
// None of these formats carries a mark, so every guess ends in a question mark. Looking is harmless: read-only, one page
// at each end, and not even that where the object has no pages yet.

import { MemlaneError } from '../errors.js'
import { type Examined, examine, type LockState } from '../interop/membridge/index.js'
import { RING } from '../interop/membridge/ring.layout.js'
import { examineRememory, examineRememoryLock, type SemaphoreState } from '../interop/rememory/index.js'
import { listObjects, type ObjectStat, ShmObject, statObject } from '../memory/index.js'
import { parseObjectName } from '../segment/index.js'
import { PAGE } from '../sizes.js'

export interface Foreign {
  readonly object: string
  readonly stat: ObjectStat
  /** `'membridge ring?'`, or `'unknown'`. */
  readonly guess: string
  /** What the guess rests on. */
  readonly facts: Readonly<Record<string, string | number | boolean>>
  /** The lock word, when it may be a membridge view. */
  readonly lock: LockState | undefined
  /** Who has the semaphore, when it is that of a Rememory object. */
  readonly semaphore: SemaphoreState | undefined
  readonly problem: MemlaneError | undefined
}

/** Objects of other programs: everything that is not named as ours are. */
export function listForeign(): Foreign[] {
  const objects = new Set(listObjects())
  return [...objects]
    .filter((object) => parseObjectName(object) === undefined)
    .sort()
    .flatMap((object) => inspectForeign(object, objects) ?? [])
}

/** @returns undefined when it is gone, or is no plain object (a folder, a link). */
export function inspectForeign(
  object: string,
  objects: ReadonlySet<string> = new Set(listObjects()),
): Foreign | undefined {
  const stat = statObject(object)
  if (stat === undefined) return undefined
  try {
    const { lock, semaphore, ...guess } = guessFrom(object, stat, objects)
    return { object, stat, ...guess, lock, semaphore, problem: undefined }
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
    if (error.code === 'ERR_NOT_FOUND' || error.code === 'ERR_FOREIGN') return undefined
    return { object, stat, guess: 'unknown', facts: {}, lock: undefined, semaphore: undefined, problem: error }
  }
}

interface Guess {
  readonly guess: string
  readonly facts: Readonly<Record<string, string | number | boolean>>
  readonly lock?: LockState | undefined
  readonly semaphore?: SemaphoreState | undefined
}

const UNKNOWN: Guess = { guess: 'unknown', facts: {} }

function guessFrom(
  object: string,
  stat: ObjectStat,
  objects: ReadonlySet<string>,
): Guess & Pick<Foreign, 'lock' | 'semaphore'> {
  const bytes = endsOf(object, stat)
  const examined = bytes.empty ? undefined : examine(`/${object}`)
  const found =
    semaphore(object, bytes) ??
    rememory(object, bytes, objects) ??
    ring(bytes, examined) ??
    record(bytes) ??
    fifo(bytes) ??
    view(bytes, examined) ??
    (object.startsWith('psm_') ? { guess: 'Python shared_memory?', facts: {} } : UNKNOWN)
  return { lock: undefined, semaphore: undefined, ...found }
}

interface Bytes {
  readonly size: number
  /** True when it has no pages: all zeros, so far. */
  readonly empty: boolean
  /** Up to a page from the beginning. */
  readonly first: DataView
  /** The last 8 bytes of an object whose size is a multiple of 8. */
  readonly last: bigint
}

function endsOf(object: string, { size, committed }: ObjectStat): Bytes {
  const length = Math.min(size, PAGE)
  // Reading a hole would give it a page: an object without pages is opened, which refuses what is no object, and left alone.
  const empty = length === 0 || committed === 0
  if (empty) ShmObject.open(object, { readOnly: true, owner: 'any' }).close()
  if (empty) return { size, empty, first: new DataView(new ArrayBuffer(length)), last: 0n }
  const first = bytesAt(object, 0, length)
  if (size < 8 || size % 8 !== 0) return { size, empty, first, last: 0n }
  const start = Math.floor((size - 8) / PAGE) * PAGE
  const last = (start === 0 ? first : bytesAt(object, start, size - start)).getBigUint64(size - 8 - start, true)
  return { size, empty, first, last }
}

/** A copy of bytes from a place that is a multiple of the page size. */
function bytesAt(object: string, offset: number, length: number): DataView {
  const open = ShmObject.open(object, { readOnly: true, owner: 'any' })
  try {
    return new DataView(open.map(length, offset).u8.slice().buffer)
  } finally {
    open.close()
  }
}

const word = ({ first }: Bytes, offset: number): number =>
  offset + 4 <= first.byteLength ? first.getInt32(offset, true) : 0
const long = ({ first }: Bytes, offset: number): bigint =>
  offset + 8 <= first.byteLength ? first.getBigUint64(offset, true) : 0n
const byte = ({ first }: Bytes, offset: number): number => (offset < first.byteLength ? first.getUint8(offset) : 0)

/** The C library's named semaphores: the value is in the first word of 32 bytes. */
function semaphore(object: string, bytes: Bytes): Guess | undefined {
  if (!object.startsWith('sem.')) return undefined
  const of = /^sem\.rememorydict_(.+)$/.exec(object)?.[1]
  const value = word(bytes, 0)
  if (of === undefined) return { guess: 'POSIX semaphore?', facts: { value } }
  const state = examineRememoryLock(of)
  const lock = state === undefined ? {} : { lock: describeSemaphore(state) }
  return { guess: 'Rememory lock?', facts: { of, value, ...lock }, semaphore: state }
}

/** Rememory: a semaphore of its own name beside it, or a pickle from the first byte on. */
function rememory(object: string, bytes: Bytes, objects: ReadonlySet<string>): Guess | undefined {
  const type = pickled(bytes)
  const locked = objects.has(`sem.rememorydict_${object}`)
  if (type === undefined && !locked) return undefined
  return {
    guess: `Rememory ${type ?? 'value'}?`,
    facts: { 'has a Rememory lock': locked, ...(bytes.empty ? {} : itemsOf(object)) },
  }
}

/** How many items a dict or list has, and who has its lock. */
function itemsOf(object: string): Guess['facts'] {
  try {
    const { items, lock } = examineRememory(object)
    return {
      ...(items === undefined ? {} : { items }),
      ...(lock === undefined ? {} : { lock: describeSemaphore(lock) }),
    }
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
    return { 'not readable': error.code }
  }
}

export function describeSemaphore(state: SemaphoreState): string {
  if (state.state === 'free') return 'free'
  if (state.state === 'memlane') return `taken by a ${state.alive ? 'live' : 'dead'} Memlane process`
  return 'taken by a Python process, or left by one that died'
}

/** The kind of container whose pickle (protocol 4 or 5, framed or not) stands at the beginning. */
function pickled(bytes: Bytes): string | undefined {
  if (byte(bytes, 0) !== 0x80 || (byte(bytes, 1) !== 4 && byte(bytes, 1) !== 5)) return undefined
  const opcode = byte(bytes, 2) === 0x95 ? byte(bytes, 11) : byte(bytes, 2)
  if (opcode === 0x7d) return 'dict'
  if (opcode === 0x5d) return 'list'
  return opcode === 0x8f ? 'set' : 'object'
}

/** membridge, a ring: what it looks like once it is initialised, or its size alone before. */
function ring(bytes: Bytes, examined: Examined | undefined): Guess | undefined {
  const capacity = bytes.size - RING
  if (examined?.used !== undefined) return { guess: 'membridge ring?', facts: { capacity, used: examined.used } }
  const zeros = long(bytes, 0) === 0n && long(bytes, 8) === 0n && long(bytes, 16) === 0n
  if (capacity < 1 || !Number.isInteger(Math.log2(capacity)) || !zeros) return undefined
  return { guess: 'membridge ring?', facts: { capacity, initialised: false } }
}

/** Statuses of a field: truncated 1, unwritten 2, modified 4. */
const isStatus = (status: number): boolean => status <= 7 && (status & 6) !== 6

/** flexible-shared-memory, one slot: the same sequence at both ends, and the first field's status behind the first. */
function record(bytes: Bytes): Guess | undefined {
  if (bytes.size < 24 || bytes.size % 8 !== 0) return undefined
  const sequence = long(bytes, 0)
  const status = byte(bytes, 8)
  if (sequence !== bytes.last || sequence > 0xffff_ffff_ffffn || !isStatus(status)) return undefined
  if (sequence === 0n && status !== 2) return undefined
  return { guess: 'flexible record?', facts: { sequence: sequence.toString() } }
}

/** The same with several slots: three counters that agree, then slots. */
function fifo(bytes: Bytes): Guess | undefined {
  const metadata = 24
  if (bytes.size < metadata + 48 || bytes.size % 8 !== 0) return undefined
  const written = long(bytes, 0)
  const taken = long(bytes, 8)
  const waiting = long(bytes, 16)
  const fresh = written === 0n && long(bytes, metadata) === 0n
  if (written > 0xffff_ffff_ffffn || taken > written || written - taken !== waiting) return undefined
  if (!isStatus(byte(bytes, metadata + 8)) || (fresh && byte(bytes, metadata + 8) !== 2)) return undefined
  if (!fresh && long(bytes, metadata) === 0n) return undefined
  return {
    guess: 'flexible FIFO?',
    facts: { written: written.toString(), read: taken.toString(), waiting: waiting.toString() },
  }
}

/** Readers that are at work in a view at once; a larger number is more likely data. */
const READERS_LIKELY = 64

/** membridge, a view: everything else whose first word can be the lock of one. */
function view(bytes: Bytes, examined: Examined | undefined): Guess | undefined {
  if (bytes.size <= 4) return undefined
  const lock: LockState = examined?.lock ?? { state: 'free' }
  if (lock.state === 'unknown' || (lock.state === 'readers' && lock.readers > READERS_LIKELY)) return undefined
  return { guess: 'membridge view?', facts: { lock: describeLock(lock) }, lock }
}

export function describeLock(lock: LockState): string {
  switch (lock.state) {
    case 'free':
      return 'free'
    case 'readers':
      return `${lock.readers} reading, or left by readers that died`
    case 'writer':
      return 'being written, or left by a writer that died'
    case 'memlane':
      return `${lock.writing ? 'written' : 'read'} by a ${lock.alive ? 'live' : 'dead'} Memlane process`
    default:
      return `not understood: ${lock.word}`
  }
}
