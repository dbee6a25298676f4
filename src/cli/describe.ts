// cli: segments and objects as rows of a table and as JSON. The names in JSON are a promise; docs/cli.md lists them.

import { MemlaneError } from '../errors.js'
import type { SegmentInfo } from '../segment/index.js'
import { describeFailure, type FailureJson } from './failure.js'
import type { Foreign } from './foreign.js'
import { lookInto } from './look.js'
import type { Users } from './processes.js'
import { count } from './text.js'

export interface SegmentJson {
  readonly name: string
  readonly namespace: string
  readonly object: string
  readonly state: SegmentInfo['state']
  readonly kind: string | null
  readonly summary: string | null
  readonly sizeBytes: number
  readonly committedBytes: number
  readonly createdMs: number | null
  readonly lifetime: string | null
  readonly uid: number
  readonly mode: string
  readonly participants: { readonly live: number; readonly dead: number; readonly slots: number }
  readonly problem: FailureJson | null
}

export function segmentJson(info: SegmentInfo): SegmentJson {
  const { header, stat } = info
  const live = info.participants.filter(({ alive }) => alive).length
  const { summary, problem } = summarise(info)
  return {
    name: info.name,
    namespace: info.namespace,
    object: info.object,
    state: info.state,
    kind: header?.kind ?? null,
    summary: summary ?? null,
    sizeBytes: stat.size,
    committedBytes: stat.committed,
    createdMs: header?.createdMs ?? null,
    lifetime: header?.lifetime ?? null,
    uid: stat.uid,
    mode: modeText(stat.mode),
    participants: { live, dead: info.participants.length - live, slots: header?.slots ?? 0 },
    problem: problem === undefined ? null : describeFailure(problem),
  }
}

/** A segment that cannot be looked into is still listed. */
function summarise(info: SegmentInfo): { summary?: string | undefined; problem: MemlaneError | undefined } {
  if (info.problem !== undefined) return { problem: info.problem }
  try {
    return { summary: lookInto(info, (kind, segment) => kind.summary(segment)), problem: undefined }
  } catch (error) {
    if (error instanceof MemlaneError) return { problem: error }
    throw error
  }
}

export interface ForeignJson {
  readonly object: string
  readonly guess: string
  readonly facts: Foreign['facts']
  readonly sizeBytes: number
  readonly committedBytes: number
  readonly changedMs: number
  readonly uid: number
  readonly mode: string
  /** Pids that have it mapped, as far as can be seen. */
  readonly users: readonly number[]
  readonly usersComplete: boolean
  readonly problem: FailureJson | null
}

export function foreignJson(foreign: Foreign, users: Users): ForeignJson {
  const { object, guess, facts, stat, problem } = foreign
  return {
    object,
    guess,
    facts: camelCase(facts),
    sizeBytes: stat.size,
    committedBytes: stat.committed,
    changedMs: Math.round(stat.changedMs),
    uid: stat.uid,
    mode: modeText(stat.mode),
    users: users.pids,
    usersComplete: users.complete,
    problem: problem === undefined ? null : describeFailure(problem),
  }
}

/** Facts have names for people; in JSON they are written as programs like them: `waiters announced`, `waitersAnnounced`. */
export function camelCase<T>(facts: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [
      name.replace(/[ -](\w)/g, (_, letter) => letter.toUpperCase()),
      value,
    ]),
  )
}

export function modeText(mode: number): string {
  return mode.toString(8).padStart(3, '0')
}

export function participantsText({ live, dead }: SegmentJson['participants']): string {
  return dead === 0 ? `${live} live` : `${live} live, ${dead} dead`
}

export function usersText({ pids, complete }: Users): string {
  if (pids.length === 0) return complete ? 'nobody' : '?'
  return `${count(pids.length, 'process', 'processes')}${complete ? '' : ' or more'}`
}
