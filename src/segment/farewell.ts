// segment: how a handle leaves that was dropped without close(), after the engine has collected it.
//
// Its own memory is gone with it, so its slot is reached through a second opening of the name. Where the name leads elsewhere,
// or nowhere, nobody new can come, and those who are in find the slot as if its process had died.
//
// Two handles stay until the process ends, as their being open is what others depend on: one that holds a lock, and the last one of
// a `lastClose` segment.

import { type Leftover, lockByte, type Memory, ShmObject, unlinkObject } from '../memory/index.js'
import type { Header } from './header.js'
import { CREATION } from './header.layout.js'
import { type Participant, setFree } from './participants.js'
import { TOKEN_MASK } from './participants.layout.js'

/** What is known of the handle. It must not lead to its memory. */
export interface Departing {
  readonly device: number
  readonly inode: number
  readonly slots: number
  readonly areas: number
  readonly body: number
  readonly bodySize: number
  readonly lifetime: Header['lifetime']
  readonly participant: Participant
  /** Tokens of this thread's handles of the segment. */
  readonly siblings: Set<number>
  /** Words of the body name whoever holds something. */
  holdsByWords: boolean
  /** The process ends: nothing stays. */
  atEnd: boolean
}

/** @returns false when it has to stay. */
export function sayFarewell(leftover: Leftover, handle: Departing): boolean {
  const object = ShmObject.tryOpen(leftover.name, { owner: 'any' })
  if (object === undefined) return true
  try {
    const { device, inode } = object.stat()
    if (device !== handle.device || inode !== handle.inode) return true
    const memory = object.map(handle.holdsByWords ? handle.body + handle.bodySize : handle.areas)
    if (handle.holdsByWords && !handle.atEnd && holdsSomething(memory, handle)) return false
    if (handle.lifetime === 'lastClose') return leaveLast(leftover, object, memory, handle)
    leave(leftover, memory, handle)
    return true
  } finally {
    object.close()
  }
}

function leave(leftover: Leftover, memory: Memory, { participant }: Departing): void {
  setFree(memory, participant.slot)
  leftover.unlock(lockByte(participant.slot))
}

function leaveLast(leftover: Leftover, object: ShmObject, memory: Memory, handle: Departing): boolean {
  const { atEnd, slots, participant } = handle
  // Who has that lock is coming or going: whether this is the last one is not known now.
  if (!object.lock(CREATION)) {
    if (atEnd) leave(leftover, memory, handle)
    return atEnd
  }
  let others = false
  for (let slot = 0; slot < slots && !others; slot++) others = slot !== participant.slot && memory.isLocked(slot)
  if (!others && !atEnd) return false
  leave(leftover, memory, handle)
  if (!others && object.isLinked()) unlinkObject(object.name)
  return true
}

function holdsSomething(memory: Memory, { body, bodySize, participant }: Departing): boolean {
  const end = (body + bodySize) / 4
  for (let word = body / 4; word < end; word++) if ((memory.load(word) & TOKEN_MASK) === participant.token) return true
  return false
}
