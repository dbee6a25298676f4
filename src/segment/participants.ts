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
  readonly pidNamespace: number
  readonly claimedMs: number
  readonly alive: boolean
  /** It left work that a survivor must undo before the slot is used again. */
  readonly unfinished: boolean
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
  const before = memory.load(word + S_INCARNATION)
  const incarnation = before >= 1 && before < INCARNATION_MAX ? before + 1 : 1
  memory.store(word + S_STATE, SLOT_CLAIMING)
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
  memory.store(wordOf(participant.slot) + S_STATE, SLOT_FREE)
  memory.unlock(participant.slot)
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
    const word = wordOf(slot)
    const alive = own?.slot === slot || memory.isLocked(slot)
    if (!alive && memory.load(word + S_STATE) === SLOT_FREE) continue
    all.push({
      slot,
      incarnation: memory.i32[word + S_INCARNATION]!,
      pid: memory.i32[word + S_PID]!,
      thread: memory.i32[word + S_THREAD]!,
      pidNamespace: memory.f64[word / 2 + S_NAMESPACE]!,
      claimedMs: memory.f64[word / 2 + S_CLAIMED]!,
      alive,
      unfinished: leftWork(memory, header, slot),
    })
  }
  return all
}

/** Frees the slots of the dead, but for those that left work to be undone. @returns how many. */
export function sweepDead(memory: Memory, header: Header): number {
  let freed = 0
  for (let slot = 0; slot < header.slots; slot++) {
    const word = wordOf(slot)
    if (memory.load(word + S_STATE) === SLOT_FREE || !memory.lock(slot)) continue
    if (!leftWork(memory, header, slot)) {
      memory.store(word + S_STATE, SLOT_FREE)
      freed++
    }
    memory.unlock(slot)
  }
  return freed
}
