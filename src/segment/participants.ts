// segment: claiming and releasing a slot, and asking who is alive.

import { threadId } from 'node:worker_threads'
import { MemlaneError } from '../errors.js'
import { wallClock } from '../host.js'
import type { Memory } from '../memory/index.js'
import { identity } from '../native/identity.js'
import type { Header } from './header.js'
import { SLOT_SIZE, TABLE } from './header.layout.js'
import {
  INCARNATION_MAX,
  S_CLAIMED,
  S_INCARNATION,
  S_NAMESPACE,
  S_PID,
  S_START,
  S_STATE,
  S_THREAD,
  S_WAIT_MODE,
  S_WAIT_SINCE,
  S_WAIT_WORD,
  SLOT_BITS,
  SLOT_CLAIMING,
  SLOT_FREE,
  SLOT_LIVE,
  SLOT_MASK,
  TOKEN_MASK,
} from './participants.layout.js'

/** One attached handle, as it knows itself. */
export interface Participant {
  readonly slot: number
  readonly incarnation: number
  /** What lock words carry: `incarnation << 10 | slot`, never 0, bits 30 and 31 clear. */
  readonly token: number
  /** Byte offset of its private area. */
  readonly area: number
}

/** One slot, as tools see it. */
export interface ParticipantInfo {
  readonly slot: number
  readonly incarnation: number
  readonly pid: number
  readonly thread: number
  readonly startTime: number
  readonly pidNamespace: number
  readonly claimedMs: number
  readonly alive: boolean
  /** It left work that a survivor must undo before the slot is used again. */
  readonly unfinished: boolean
  /** What it blocks on at this moment. */
  readonly wait: PublishedWait | undefined
}

/** The slot that a token names. */
export function slotOf(token: number): number {
  return token & SLOT_MASK
}

/** The incarnation that a token names. */
export function incarnationOf(token: number): number {
  return (token & TOKEN_MASK) >>> SLOT_BITS
}

const wordOf = (slot: number): number => (TABLE + slot * SLOT_SIZE) / 4

/** The word of a slot's incarnation. */
export function incarnationWordOf(slot: number): number {
  return wordOf(slot) + S_INCARNATION
}

export function areaOf(header: Header, slot: number): number {
  return header.areas + slot * header.participantBytes
}

function leftWork(memory: Memory, header: Header, slot: number): boolean {
  return header.participantBytes > 0 && memory.i32[areaOf(header, slot) / 4] !== 0
}

/**
 * Claims a slot: first one that was left in order, else one of the dead.
 *
 * @throws MemlaneError `ERR_PARTICIPANTS` when every slot is taken, `ERR_NO_SPACE` when its area has no room.
 */
export function claimSlot(memory: Memory, header: Header, name: string): Participant {
  // The third round finds what was left in order while the second looked at the dead.
  for (const wanted of ['left in order', 'dead', 'left in order']) {
    for (let slot = 0; slot < header.slots; slot++) {
      const word = wordOf(slot)
      const free = memory.load(word + S_STATE) === SLOT_FREE
      if (free !== (wanted === 'left in order') || !memory.lock(slot)) continue
      if (leftWork(memory, header, slot)) {
        memory.unlock(slot)
        continue
      }
      return takeSlot(memory, header, slot)
    }
  }
  throw new MemlaneError(
    'ERR_PARTICIPANTS',
    `${JSON.stringify(name)} has ${header.slots} participants, and each open handle is one; close some, or create it with a larger \`participants\``,
  )
}

function incarnationAfter(before: number): number {
  return before >= 1 && before < INCARNATION_MAX ? before + 1 : 1
}

function takeSlot(memory: Memory, header: Header, slot: number): Participant {
  const word = wordOf(slot)
  const area = areaOf(header, slot)
  try {
    if (header.participantBytes > 0) memory.commit(area, header.participantBytes)
  } catch (error) {
    memory.unlock(slot)
    throw error
  }
  const { pid, startTime, pidNamespace } = identity()
  const incarnation = incarnationAfter(memory.load(word + S_INCARNATION))
  memory.store(word + S_STATE, SLOT_CLAIMING)
  memory.i32[word + S_WAIT_WORD] = 0
  memory.store(word + S_INCARNATION, incarnation)
  memory.i32[word + S_PID] = pid
  memory.i32[word + S_THREAD] = threadId
  memory.f64[word / 2 + S_START] = startTime
  memory.f64[word / 2 + S_NAMESPACE] = pidNamespace
  memory.f64[word / 2 + S_CLAIMED] = wallClock()
  memory.store(word + S_STATE, SLOT_LIVE)
  return { slot, incarnation, token: (incarnation << SLOT_BITS) | slot, area }
}

/** Leaves the slot in order. The liveness lock goes after the state. */
export function releaseSlot(memory: Memory, participant: Participant): void {
  setFree(memory, participant.slot)
  memory.unlock(participant.slot)
}

/** Says that its owner left in order, before the liveness lock goes. */
export function setFree(memory: Memory, slot: number): void {
  memory.store(wordOf(slot) + S_STATE, SLOT_FREE)
}

/** True when the participant that the token names is still attached. Asks the kernel: about 0.5 µs. */
export function isAlive(memory: Memory, header: Header, token: number): boolean {
  const slot = slotOf(token)
  if (slot >= header.slots) return false
  const incarnation = incarnationOf(token)
  const word = wordOf(slot) + S_INCARNATION
  return memory.load(word) === incarnation && memory.isLocked(slot) && memory.load(word) === incarnation
}

/** Every slot that is in use or was left by the dead. */
export function listParticipants(memory: Memory, header: Header, own?: Participant): ParticipantInfo[] {
  const all: ParticipantInfo[] = []
  for (let slot = 0; slot < header.slots; slot++) {
    const alive = own?.slot === slot || memory.isLocked(slot)
    if (alive || memory.load(wordOf(slot) + S_STATE) !== SLOT_FREE) all.push(infoOf(memory, header, slot, alive))
  }
  return all
}

/** Those who have said what they wait for. Costs one load per slot where nobody has. */
export function listWaiters(memory: Memory, header: Header, own?: Participant): ParticipantInfo[] {
  const all: ParticipantInfo[] = []
  for (let slot = 0; slot < header.slots; slot++)
    if (memory.load(wordOf(slot) + S_WAIT_WORD) !== 0)
      all.push(infoOf(memory, header, slot, own?.slot === slot || memory.isLocked(slot)))
  return all.filter(({ wait }) => wait !== undefined)
}

/** The participant that a token names. @returns undefined when its slot belongs to somebody else by now. */
export function participantOf(
  memory: Memory,
  header: Header,
  token: number,
  own?: Participant,
): ParticipantInfo | undefined {
  const slot = slotOf(token)
  if (slot >= header.slots) return undefined
  const info = infoOf(memory, header, slot, own?.slot === slot || memory.isLocked(slot))
  return info.incarnation === incarnationOf(token) ? info : undefined
}

function infoOf(memory: Memory, header: Header, slot: number, alive: boolean): ParticipantInfo {
  const word = wordOf(slot)
  return {
    slot,
    incarnation: memory.i32[word + S_INCARNATION]!,
    pid: memory.i32[word + S_PID]!,
    thread: memory.i32[word + S_THREAD]!,
    startTime: memory.f64[word / 2 + S_START]!,
    pidNamespace: memory.f64[word / 2 + S_NAMESPACE]!,
    claimedMs: memory.f64[word / 2 + S_CLAIMED]!,
    alive,
    unfinished: leftWork(memory, header, slot),
    wait: waitOf(memory, word),
  }
}

// ---- what a participant waits for

/** A wait that a participant has published. */
export interface PublishedWait {
  /** Word index in the segment of what it waits for. Garbage in a broken segment: check it before it is used. */
  readonly word: number
  /** How the word is to be read; given by the room that waits. */
  readonly mode: number
  /** Milliseconds since 1970. */
  readonly sinceMs: number
}

/** Says in its slot that a participant is about to sleep, for others who look for circles. */
export function publishWait(memory: Memory, slot: number, word: number, mode: number): void {
  const at = wordOf(slot)
  memory.f64[at / 2 + S_WAIT_SINCE] = wallClock()
  memory.i32[at + S_WAIT_MODE] = mode
  memory.store(at + S_WAIT_WORD, word)
}

export function clearWait(memory: Memory, slot: number): void {
  memory.i32[wordOf(slot) + S_WAIT_WORD] = 0
}

function waitOf(memory: Memory, at: number): PublishedWait | undefined {
  const word = memory.load(at + S_WAIT_WORD)
  if (word === 0) return undefined
  return { word, mode: memory.i32[at + S_WAIT_MODE]!, sinceMs: memory.f64[at / 2 + S_WAIT_SINCE]! }
}

/** Frees the slots of the dead, but for those that left work to be undone. @returns how many. */
export function sweepDead(memory: Memory, header: Header): number {
  let freed = 0
  for (let slot = 0; slot < header.slots; slot++) {
    const word = wordOf(slot)
    if (memory.load(word + S_STATE) === SLOT_FREE || !memory.lock(slot)) continue
    if (!leftWork(memory, header, slot)) {
      // As at a claim, so that nobody takes its owner for one who left in order.
      memory.store(word + S_INCARNATION, incarnationAfter(memory.load(word + S_INCARNATION)))
      memory.store(word + S_STATE, SLOT_FREE)
      freed++
    }
    memory.unlock(slot)
  }
  return freed
}
