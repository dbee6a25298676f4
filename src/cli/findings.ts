// cli: what doctor can find wrong, one function per kind of trouble. Finding reads only; `mend` is called with --fix.

import { MemlaneError } from '../errors.js'
import { SharedMemory } from '../interop/membridge/index.js'
import { RMLock, type SemaphoreState } from '../interop/rememory/index.js'
import { place, space } from '../native/os-error.js'
import { isStopped } from '../native/process-state.js'
import { freeDeadSlots, removeHalfMade, type SegmentInfo } from '../segment/index.js'
import { formatSize } from '../sizes.js'
import { allWaits, circlesOf, describeCircle, nameOf, type Waits } from '../sync/index.js'
import { describeLock, describeSemaphore, type Foreign } from './foreign.js'
import type { Held } from './kinds/kind.js'
import { addressOf, detailsOf, lookInto } from './look.js'
import type { Users } from './processes.js'
import { age, count, quoted } from './text.js'

export interface Finding {
  /** Stable words for scripts. */
  readonly what:
    | 'dead-participants'
    | 'unfinished-work'
    | 'held-by-the-dead'
    | 'held-by-a-stopped-process'
    | 'half-made'
    | 'waits-in-a-circle'
    | 'waits'
    | 'refused'
    | 'no-slot-left'
    | 'broken'
    | 'lock-left'
    | 'lock-taken'
    | 'nearly-full'
    | 'unreadable'
  /** A `note` is worth knowing and does not change the exit code. */
  readonly severity: 'problem' | 'note'
  /** How the command line calls it. */
  readonly name: string
  readonly message: string
  /** What to do about it. */
  readonly cure: string
  /** @returns true when the trouble is gone; throws MemlaneError saying why it is not. */
  readonly mend?: () => boolean
}

export function checkSegment(info: SegmentInfo, verify: boolean): Finding[] {
  const name = addressOf(info)
  try {
    return [
      ...halfMade(info, name),
      ...refused(info, name),
      ...deadParticipants(info, name),
      ...noSlotLeft(info, name),
      ...stuck(info, name),
      ...(verify ? broken(info, name) : []),
    ]
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
    return [refusal(error, name)]
  }
}

function halfMade(info: SegmentInfo, name: string): Finding[] {
  if (info.state !== 'half-made') return []
  return [
    {
      what: 'half-made',
      severity: 'problem',
      name,
      message: `half-made: its creator died ${age(Date.now() - info.stat.changedMs)} ago, before it was ready`,
      cure: '--fix removes it; so does the next process that creates the name',
      mend: () => removeHalfMade(info),
    },
  ]
}

function refused(info: SegmentInfo, name: string): Finding[] {
  return info.problem === undefined ? [] : [refusal(info.problem, name)]
}

function refusal(error: MemlaneError, name: string): Finding {
  if (error.code === 'ERR_PERMISSION' || error.code === 'ERR_OWNER') {
    return {
      what: 'unreadable',
      severity: 'note',
      name,
      message: `${error.code}: ${error.message}`,
      cure: 'run this as the user who owns it',
    }
  }
  return {
    what: 'refused',
    severity: 'problem',
    name,
    message: `${error.code}: ${error.message}`,
    cure: `if nobody needs what is in it: memlane rm ${quoted(name)}`,
  }
}

function deadParticipants(info: SegmentInfo, name: string): Finding[] {
  const dead = info.participants.filter(({ alive }) => !alive)
  const tidy = dead.filter(({ unfinished }) => !unfinished)
  const untidy = dead.filter(({ unfinished }) => unfinished)
  const list = (all: typeof dead): string => all.map(({ slot, pid }) => `slot ${slot}, pid ${pid}`).join('; ')
  const found: Finding[] = []
  if (tidy.length > 0) {
    const slots = info.header?.slots ?? 0
    const short = info.participants.length >= slots
    found.push({
      what: 'dead-participants',
      // Their slots are reused. Only when no other one is left does every open have to look for one of the dead.
      severity: short ? 'problem' : 'note',
      name,
      message:
        `${count(tidy.length, 'participant')} ended without closing` +
        (short
          ? `, and none of the ${slots} slots is free any more`
          : `; ${slots - info.participants.length} of ${slots} slots are free`),
      cure: '--fix frees their slots; without it they are reused when no other slot is left',
      mend: () => {
        freeDeadSlots(info)
        return true
      },
    })
  }
  if (untidy.length > 0) {
    const base = {
      what: 'unfinished-work',
      severity: 'problem',
      name,
      message: `${count(untidy.length, 'participant')} died in the middle of a change (${list(untidy)})`,
    } as const
    const canRepair = lookInto(info, (kind) => kind.repair !== undefined) === true
    found.push(
      canRepair
        ? {
            ...base,
            cure: '--fix undoes the half-done change; so does the next process that changes anything in it',
            mend: () => repair(info),
          }
        : { ...base, cure: 'the next process that changes anything in it undoes the half-done change' },
    )
  }
  return found
}

function repair(info: SegmentInfo): boolean {
  lookInto(info, (kind, segment) => kind.repair?.(segment))
  freeDeadSlots(info)
  return true
}

function noSlotLeft(info: SegmentInfo, name: string): Finding[] {
  const { header } = info
  const live = info.participants.filter(({ alive }) => alive).length
  if (header === undefined || live < header.slots) return []
  return [
    {
      what: 'no-slot-left',
      severity: 'problem',
      name,
      message: `all ${header.slots} participant slots are taken by live handles: the next open is ERR_PARTICIPANTS`,
      cure: 'close handles that are not needed (each open handle takes one), or make it anew with a larger `participants`',
    },
  ]
}

function stuck(info: SegmentInfo, name: string): Finding[] {
  const held = detailsOf(info)?.held ?? []
  return held.flatMap((one) => holder(one, name))
}

function holder(held: Held, name: string): Finding[] {
  const who = held.pid === 0 ? `slot ${held.slot}` : `pid ${held.pid}`
  if (!held.alive) {
    return [
      {
        what: 'held-by-the-dead',
        severity: 'problem',
        name,
        message: `${held.what}: still held by ${who}, which died`,
        cure: 'the next to take it recovers it and is told (guard.recovered), so that it can mend what the lock guards',
      },
    ]
  }
  if (held.elsewhere || held.pid === 0 || !isStopped(held.pid)) return []
  return [
    {
      what: 'held-by-a-stopped-process',
      severity: 'problem',
      name,
      message: `${held.what}: held by ${who}, which is stopped`,
      cure: `let it go on (kill -CONT ${held.pid}) or end it (kill -9 ${held.pid}); a lock is never taken from the living`,
    },
  ]
}

function broken(info: SegmentInfo, name: string): Finding[] {
  const wrong = lookInto(info, (kind, segment) => kind.verify?.(segment) ?? []) ?? []
  return wrong.map((message) => ({
    what: 'broken',
    severity: 'problem',
    name,
    message,
    cure: `save what can be read, then memlane rm ${quoted(name)}`,
  }))
}

/** Who waits for whom, of all that wait in those segments. A circle may lead through others, too. */
export function checkWaits(infos: readonly SegmentInfo[]): Finding[] {
  if (!infos.some(({ participants }) => participants.some(({ wait }) => wait !== undefined))) return []
  const wanted = new Map(infos.map((info) => [`${info.namespace}:${info.name}`, addressOf(info)]))
  const nameOfWait = ({ namespace, segment }: Waits): string | undefined => wanted.get(`${namespace}:${segment}`)
  const waits = allWaits()
  const found: Finding[] = []
  const inCircles = new Set<Waits>()
  for (const circle of circlesOf(waits)) {
    const name = circle.map(nameOfWait).find((one) => one !== undefined)
    for (const one of circle) inCircles.add(one)
    if (name === undefined) continue
    found.push({
      what: 'waits-in-a-circle',
      severity: 'problem',
      name,
      message: `they wait for each other: ${describeCircle(circle)}`,
      cure: 'one of them gets ERR_DEADLOCK within a second, unless it is stopped; take such locks in the same order everywhere',
    })
  }
  for (const one of waits) {
    const name = nameOfWait(one)
    if (name === undefined || inCircles.has(one)) continue
    found.push({
      what: 'waits',
      severity: 'note',
      name,
      message: `${nameOf(one.waiter)} has waited ${age(Date.now() - one.wait.sinceMs)} for ${one.holders.map(nameOf).join(', ')}`,
      cure: 'nothing, unless it lasts: then look what the holder does',
    })
  }
  return found
}

export function checkForeign(foreign: Foreign, users: Users, breakLock: boolean): Finding[] {
  const name = `/${foreign.object}`
  if (foreign.problem !== undefined) return [refusal(foreign.problem, name)]
  const { lock, semaphore } = foreign
  if (semaphore !== undefined) return checkSemaphore(foreign.object, semaphore, users, breakLock)
  if (lock === undefined || lock.state === 'free' || (lock.state === 'memlane' && lock.alive)) return []
  const left = lock.state === 'memlane' || (users.complete && users.pids.length === 0)
  const what = `its first word says, if it is the lock of a membridge view: ${describeLock(lock)}`
  if (!left) {
    const who = users.pids.length === 0 ? 'who maps it cannot be seen' : `mapped by pid ${users.pids.join(', ')}`
    return [
      {
        what: 'lock-taken',
        severity: 'note',
        name,
        message: `${what} (${who})`,
        cure: 'nothing, unless it lasts; view.breakLock() frees it when its holder is gone for certain',
      },
    ]
  }
  const base = {
    what: 'lock-left',
    severity: 'problem',
    name,
    message: users.pids.length === 0 ? `${what}; nobody has it mapped` : what,
    cure: `memlane doctor ${quoted(name)} --fix --break-lock, or view.breakLock()`,
  } as const
  return [breakLock ? { ...base, mend: () => freeLock(name) } : base]
}

/** The lock of a Rememory object. */
function checkSemaphore(object: string, state: SemaphoreState, users: Users, breakLock: boolean): Finding[] {
  const name = `/${object}`
  const message = `the lock is ${describeSemaphore(state)}`
  if (state.state === 'free' || (state.state === 'memlane' && state.alive)) return []
  const of = object.slice(object.indexOf('_') + 1)
  if (state.state === 'memlane') {
    return [
      {
        what: 'lock-left',
        severity: 'problem',
        name,
        message: `${message}; Python processes wait for it`,
        cure: 'memlane doctor --fix; or any Memlane process that uses it: it mends what was being written, and gives it back',
        mend: () => mendSemaphore(of, (lock) => lock.acquire({ timeout: 1000 }).release()),
      },
    ]
  }
  // A holder that died while others wait leaves no trace: whoever says --break-lock must know.
  if (!breakLock && (!users.complete || users.pids.length > 0)) {
    const who = users.pids.length === 0 ? 'who has it open cannot be seen' : `open in pid ${users.pids.join(', ')}`
    return [
      {
        what: 'lock-taken',
        severity: 'note',
        name,
        message: `${message} (${who})`,
        cure: `nothing, unless it lasts; when its holder is gone for certain, memlane doctor ${quoted(name)} --fix --break-lock or breakLock() frees it`,
      },
    ]
  }
  const left = {
    what: 'lock-left',
    severity: 'problem',
    name,
    message: users.pids.length === 0 ? `${message}; nobody is seen to have it open` : message,
    cure: `memlane doctor ${quoted(name)} --fix --break-lock, or breakLock()`,
  } as const
  return [breakLock ? { ...left, mend: () => mendSemaphore(of, (lock) => lock.breakLock()) } : left]
}

function mendSemaphore(of: string, mend: (lock: RMLock) => unknown): boolean {
  using lock = RMLock.open(of, { create: false, owner: 'any' })
  mend(lock)
  return lock.state.state === 'free'
}

function freeLock(name: string): boolean {
  using shared = SharedMemory.open(name)
  using view = shared.map()
  view.breakLock()
  return true
}

/** The share of that file system below which the next segment is likely to find no room. */
const LITTLE = 0.05

export function checkSpace(): Finding[] {
  const { total, available } = space()
  if (total === 0 || available > total * LITTLE) return []
  return [
    {
      what: 'nearly-full',
      severity: 'problem',
      name: place(),
      message: `${formatSize(available)} of ${formatSize(total)} free: creating and growing will fail with ERR_NO_SPACE`,
      cure: 'memlane list and memlane rm, or make it larger (docker run --shm-size=1g)',
    },
  ]
}
