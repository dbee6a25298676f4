// segment: writes and checks the header. Checking trusts nothing and changes nothing.

import { MemlaneError, outOfRange, withArticle, wrongType } from '../errors.js'
import { wallClock } from '../host.js'
import type { Memory } from '../memory/index.js'
import { identity } from '../native/identity.js'
import { formatSize, PAGE, roundUp } from '../sizes.js'
import {
  EMPTY,
  FORMAT,
  KIND_BYTES,
  MAGIC_HIGH,
  MAGIC_LOW,
  MAKING,
  ORDER_MARK,
  ORDER_SWAPPED,
  PARAMETERS,
  PARAMETERS_MAX,
  READY,
  SLOT_SIZE,
  SLOTS_MAX,
  TABLE,
  W_BODY,
  W_BODY_SIZE,
  W_BOOT,
  W_COMMITTED,
  W_CREATED,
  W_FORMAT,
  W_KIND,
  W_LIFETIME,
  W_MAGIC,
  W_ORDER,
  W_PARAMETERS,
  W_PARTICIPANT_BYTES,
  W_PID,
  W_SCHEMA,
  W_SLOTS,
  W_STATE,
  W_SUM,
  W_TOTAL,
} from './header.layout.js'

/** What a header says, once it has been checked. Sizes and offsets in bytes. */
export interface Header {
  readonly kind: string
  readonly schema: bigint
  readonly lifetime: 'keep' | 'lastClose'
  readonly slots: number
  readonly total: number
  readonly areas: number
  readonly participantBytes: number
  readonly body: number
  readonly bodySize: number
  readonly parameters: Uint8Array
  readonly createdMs: number
  readonly creatorPid: number
}

/** Where everything lies, from what was asked for. */
export function plan(
  slots: number,
  participantBytes: number,
  bodySize: number,
): { areas: number; body: number; total: number } {
  const areas = roundUp(TABLE + slots * SLOT_SIZE, PAGE)
  const body = areas + slots * participantBytes
  return { areas, body, total: body + bodySize }
}

function putU64(memory: Memory, word: number, value: bigint): void {
  memory.u32[word] = Number(value & 0xffffffffn)
  memory.u32[word + 1] = Number((value >> 32n) & 0xffffffffn)
}

function getU64(memory: Memory, word: number): bigint {
  return (BigInt(memory.u32[word + 1]!) << 32n) | BigInt(memory.u32[word]!)
}

const getNumber = (memory: Memory, word: number): number => small(memory.u32[word + 1]! * 2 ** 32 + memory.u32[word]!)

/**
 * The same number as a small integer, where it fits one. Engines go on with a sum or product of large numbers as a boxed
 * double; every word index of every hot path is computed from a header's offsets, and would be one too.
 */
const small = (value: number): number => (value <= 0x7fff_ffff ? value | 0 : value)

/** FNV-1a, word by word, over everything that never changes once the segment is ready, the kind's parameters included. */
export function checksum(memory: Memory): number {
  const parametersEnd = PARAMETERS + Math.min(PARAMETERS_MAX, memory.u32[W_PARAMETERS]!)
  let hash = 0x811c9dc5
  for (let word = 0; word < Math.ceil(parametersEnd / 4); word++) {
    if (word === W_STATE || word === W_COMMITTED || word === W_SUM) continue
    if (word > W_PID && word < PARAMETERS / 4) continue
    hash = Math.imul(hash ^ memory.u32[word]!, 0x01000193)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}

export function checkKind(kind: unknown): string {
  if (typeof kind !== 'string') throw wrongType('kind', 'a string', kind)
  if (!/^[\x21-\x7e]{1,15}$/.test(kind)) throw outOfRange('kind', '1 to 15 printable ASCII characters', kind)
  return kind
}

export interface HeaderFields {
  kind: string
  schema: bigint
  lifetime: number
  slots: number
  participantBytes: number
  bodySize: number
  parameters: Uint8Array
}

/** Writes everything but READY. The memory is zero before. */
export function writeHeader(memory: Memory, fields: HeaderFields): void {
  const { areas: _areas, body, total } = plan(fields.slots, fields.participantBytes, fields.bodySize)
  memory.store(W_STATE, MAKING)
  memory.u32[W_MAGIC] = MAGIC_LOW
  memory.u32[W_MAGIC + 1] = MAGIC_HIGH
  memory.u32[W_FORMAT] = FORMAT
  memory.u32[W_ORDER] = ORDER_MARK
  memory.u32[W_LIFETIME] = fields.lifetime
  memory.u32[W_SLOTS] = fields.slots
  memory.u32[W_PARAMETERS] = fields.parameters.length
  putU64(memory, W_TOTAL, BigInt(total))
  putU64(memory, W_BODY, BigInt(body))
  putU64(memory, W_BODY_SIZE, BigInt(fields.bodySize))
  putU64(memory, W_SCHEMA, fields.schema)
  putU64(memory, W_PARTICIPANT_BYTES, BigInt(fields.participantBytes))
  for (let i = 0; i < fields.kind.length; i++) memory.u8[W_KIND * 4 + i] = fields.kind.charCodeAt(i)
  memory.u8.set(identity().bootId, W_BOOT * 4)
  putU64(memory, W_CREATED, BigInt(wallClock()))
  memory.u32[W_PID] = identity().pid
  memory.u8.set(fields.parameters, PARAMETERS)
  memory.u32[W_SUM] = checksum(memory)
}

/** The state word of a header that may be anything. */
export function stateOf(memory: Memory): number {
  // SYNC: "everything the creator wrote is visible once the state is READY"
  return memory.load(W_STATE)
}

/** True for the first bytes of a segment whose creator has not finished: zeros, or our magic without READY. */
export function isUnfinished(memory: Memory): boolean {
  const state = stateOf(memory)
  if (state !== EMPTY && state !== MAKING) return false
  const magic = memory.u32[W_MAGIC]!
  const magicHigh = memory.u32[W_MAGIC + 1]!
  if (magic === MAGIC_LOW) return magicHigh === MAGIC_HIGH || magicHigh === 0
  if (magic !== 0) return false
  for (let word = 0; word < PAGE / 4; word++) {
    // Written just now: a creator that began after our look at the state and the magic, which it writes before all else.
    if (word !== W_STATE && memory.u32[word] !== 0)
      return stateOf(memory) !== EMPTY && memory.u32[W_MAGIC] === MAGIC_LOW
  }
  return true
}

/** All zeros: unknown, where /proc could not be read, by its creator or by us. What is unknown refuses nobody. */
function isOtherBoot(theirs: Uint8Array, ours: Uint8Array): boolean {
  const isKnown = (id: Uint8Array): boolean => id.some((byte) => byte !== 0)
  return isKnown(theirs) && isKnown(ours) && ours.some((byte, i) => byte !== theirs[i])
}

/**
 * Checks a header and reads it.
 *
 * @param fileSize bytes the object really has.
 * @param state READY, but for the creator itself, which looks at what it wrote before anybody else may.
 * @throws MemlaneError `ERR_FOREIGN`, `ERR_VERSION`, `ERR_BYTE_ORDER`, `ERR_CORRUPT`, `ERR_BOOT`, `ERR_TRUNCATED`.
 */
export function readHeader(memory: Memory, fileSize: number, name: string, state: number = READY): Header {
  const who = JSON.stringify(name)
  const hex = (n: number): string => `0x${n.toString(16).padStart(8, '0')}`
  const magic = memory.u32[W_MAGIC]!
  const magicHigh = memory.u32[W_MAGIC + 1]!
  if (memory.u32[W_ORDER] === ORDER_SWAPPED) {
    throw new MemlaneError(
      'ERR_BYTE_ORDER',
      `${who} was written by a machine of the other byte order (mark ${hex(ORDER_SWAPPED)}, expected ${hex(ORDER_MARK)})`,
    )
  }
  if (magic !== MAGIC_LOW || magicHigh !== MAGIC_HIGH) {
    throw new MemlaneError(
      'ERR_FOREIGN',
      `${who} is not a Memlane segment: it starts with ${hex(magic)} ${hex(magicHigh)}, expected ${hex(MAGIC_LOW)} ${hex(MAGIC_HIGH)}`,
    )
  }
  const format = memory.u32[W_FORMAT]!
  if (format !== FORMAT) {
    throw new MemlaneError(
      'ERR_VERSION',
      `${who} has format ${format}; this version of Memlane reads format ${FORMAT}. Use the version that made it, or unlink it and start anew`,
    )
  }
  if (memory.u32[W_ORDER] !== ORDER_MARK)
    throw new MemlaneError(
      'ERR_CORRUPT',
      `${who}: byte order mark is ${hex(memory.u32[W_ORDER]!)}, expected ${hex(ORDER_MARK)}`,
    )
  const sum = checksum(memory)
  if (memory.u32[W_SUM] !== sum) {
    throw new MemlaneError(
      'ERR_CORRUPT',
      `${who}: the header's checksum is ${hex(memory.u32[W_SUM]!)} and its bytes give ${hex(sum)}`,
    )
  }
  const boot = memory.u8.subarray(W_BOOT * 4, W_BOOT * 4 + 16)
  if (isOtherBoot(boot, identity().bootId)) {
    throw new MemlaneError(
      'ERR_BOOT',
      `${who} was made before the machine was started anew (boot ${Buffer.from(boot).toString('hex')}); nobody from then is alive. Unlink it and start anew`,
    )
  }
  if (stateOf(memory) !== state)
    throw new MemlaneError('ERR_CORRUPT', `${who}: state is ${stateOf(memory)}, expected ${state}`)
  const slots = memory.u32[W_SLOTS]!
  const participantBytes = getNumber(memory, W_PARTICIPANT_BYTES)
  const bodySize = getNumber(memory, W_BODY_SIZE)
  const total = getNumber(memory, W_TOTAL)
  const parametersLength = memory.u32[W_PARAMETERS]!
  const planned = plan(slots, participantBytes, bodySize)
  if (
    slots < 1 ||
    slots > SLOTS_MAX ||
    parametersLength > PARAMETERS_MAX ||
    planned.total !== total ||
    planned.body !== getNumber(memory, W_BODY) ||
    participantBytes % PAGE !== 0 ||
    bodySize % PAGE !== 0 ||
    memory.u32[W_COMMITTED]! * PAGE > bodySize
  ) {
    throw new MemlaneError(
      'ERR_CORRUPT',
      `${who}: the header's sizes contradict each other (${slots} slots, body ${bodySize} bytes, total ${total} bytes)`,
    )
  }
  if (fileSize < total) {
    throw new MemlaneError(
      'ERR_TRUNCATED',
      `${who} should have ${total} bytes (${formatSize(total)}) and has ${fileSize}: it was cut. Unlink it and start anew`,
    )
  }
  let kind = ''
  for (let i = 0; i < KIND_BYTES; i++) {
    const code = memory.u8[W_KIND * 4 + i]!
    if (code === 0) break
    kind += String.fromCharCode(code)
  }
  return {
    kind,
    schema: getU64(memory, W_SCHEMA),
    lifetime: memory.u32[W_LIFETIME] === 1 ? 'lastClose' : 'keep',
    slots,
    total,
    areas: small(planned.areas),
    participantBytes,
    body: small(planned.body),
    bodySize,
    parameters: memory.u8.slice(PARAMETERS, PARAMETERS + parametersLength),
    createdMs: getNumber(memory, W_CREATED),
    creatorPid: memory.u32[W_PID]!,
  }
}

/** @throws MemlaneError `ERR_KIND`, `ERR_SCHEMA` naming both sides. */
export function checkExpected(
  header: Header,
  kind: string | undefined,
  schema: bigint | undefined,
  name: string,
): void {
  if (kind !== undefined && header.kind !== kind) {
    throw new MemlaneError(
      'ERR_KIND',
      `${JSON.stringify(name)} is ${withArticle(header.kind)}, not ${withArticle(kind)}`,
    )
  }
  if (schema !== undefined && header.schema !== schema) {
    throw new MemlaneError(
      'ERR_SCHEMA',
      `${JSON.stringify(name)} has schema 0x${header.schema.toString(16)}, not 0x${schema.toString(16)}`,
    )
  }
}
