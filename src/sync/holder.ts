// sync: who holds a lock, in words for people.

import { MemlaneError } from '../errors.js'
import { isElsewhere, isStopped } from '../native/process-state.js'
import type { ParticipantInfo, Segment } from '../segment/index.js'

/** Who a participant is: `pid 4711`, `thread 2 of pid 4711`. */
export function nameOf({ pid, thread, pidNamespace }: ParticipantInfo): string {
  const process = isElsewhere(pidNamespace) ? `pid ${pid} of another container` : `pid ${pid}`
  return thread === 0 ? process : `thread ${thread} of ${process}`
}

/**
 * The error of a wait for a lock that somebody else kept. Names the holder, says whether it runs, and what to do.
 *
 * @param token of the holder; 0 when the lock has just become free.
 * @param waited milliseconds.
 */
export function heldTooLong(segment: Segment, token: number, what: string, waited: number): MemlaneError {
  const name = JSON.stringify(segment.name)
  const start = `waited ${Math.round(waited * 10) / 10} ms for ${what} of ${name}`
  const holder = token === 0 ? undefined : segment.participantOf(token)
  return new MemlaneError('ERR_TIMEOUT', holder === undefined ? start : `${start}: ${adviceOn(holder)}`)
}

function adviceOn(holder: ParticipantInfo): string {
  const { pid, pidNamespace, alive } = holder
  const who = nameOf(holder)
  if (!alive) return `${who} held it and has just died; try again`
  if (isElsewhere(pidNamespace)) return `${who} holds it; wait longer, or look there whether it is stopped`
  if (!isStopped(pid)) return `${who} holds it and is running; wait longer, or end it (kill -9 ${pid})`
  return `${who} holds it and is stopped; let it go on (kill -CONT ${pid}) or end it (kill -9 ${pid})`
}
