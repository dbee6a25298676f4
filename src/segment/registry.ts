// segment: what there is on this machine, for tools. Everything here reads; only `clean` removes.

import { MemlaneError } from '../errors.js'
import { listObjects, type ObjectStat, ShmObject, statObject, unlinkObject } from '../memory/index.js'
import { PAGE } from '../sizes.js'
import { type Header, isUnfinished, readHeader } from './header.js'
import { CREATION } from './header.layout.js'
import { checkName, namespaceOf, objectName, parseObjectName } from './name.js'
import type { NameOptions } from './options.js'
import { listParticipants, type ParticipantInfo, sweepDead } from './participants.js'

/** What can be said of a segment without attaching to it. */
export interface SegmentInfo {
  readonly name: string
  readonly namespace: string
  /** The object under /dev/shm. */
  readonly object: string
  readonly stat: ObjectStat
  /** `ready`; `half-made` (its creator died); `making` (its creator is at work); `refused` (see `problem`). */
  readonly state: 'ready' | 'half-made' | 'making' | 'refused'
  readonly header: Header | undefined
  readonly participants: readonly ParticipantInfo[]
  readonly problem: MemlaneError | undefined
}

/** Looks at one segment. @returns undefined when there is none. @throws MemlaneError `ERR_NAME`. */
export function inspectSegment(name: string, options: NameOptions = {}): SegmentInfo | undefined {
  return inspectObject(objectName(checkName(name), namespaceOf(options.namespace)))
}

/** Looks at every segment of a namespace, or of all namespaces with `'*'`. Unlinks `lastClose` segments that nobody uses. */
export function listSegments(options: NameOptions = {}): SegmentInfo[] {
  const wanted = options.namespace === '*' ? undefined : namespaceOf(options.namespace)
  const found: SegmentInfo[] = []
  for (const object of listObjects().sort()) {
    const parsed = parseObjectName(object)
    if (parsed === undefined || (wanted !== undefined && parsed.namespace !== wanted)) continue
    const info = inspectObject(object)
    if (info === undefined || unlinkAbandoned(info)) continue
    found.push(info)
  }
  return found
}

/** Looks at every segment of every namespace, and changes nothing. */
export function surveySegments(): SegmentInfo[] {
  return listObjects().flatMap((object) => inspectObject(object) ?? [])
}

function inspectObject(object: string): SegmentInfo | undefined {
  const parsed = parseObjectName(object)
  const stat = statObject(object)
  if (parsed === undefined || stat === undefined) return undefined
  const base = { ...parsed, object, stat, header: undefined, participants: [], problem: undefined }
  let open: ShmObject | undefined
  try {
    open = ShmObject.open(object, { readOnly: true, owner: 'any' })
    const { size } = open.stat()
    const memory = size < PAGE ? undefined : open.map(size)
    if (memory === undefined ? size === 0 : isUnfinished(memory)) {
      return { ...base, state: open.isLocked(CREATION) ? 'making' : 'half-made' }
    }
    if (memory === undefined) {
      const problem = new MemlaneError(
        'ERR_FOREIGN',
        `${JSON.stringify(object)} has ${size} bytes, a header needs ${PAGE}`,
      )
      return { ...base, state: 'refused', problem }
    }
    const header = readHeader(memory, size, parsed.name)
    return { ...base, state: 'ready', header, participants: listParticipants(memory, header) }
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
    if (error.code === 'ERR_NOT_FOUND') return undefined
    return { ...base, state: 'refused', problem: error }
  } finally {
    open?.close()
  }
}

/** The next one to look cleans up after a killed last user. */
function unlinkAbandoned(info: SegmentInfo): boolean {
  if (info.header?.lifetime !== 'lastClose' || info.participants.some((p) => p.alive)) return false
  return removeUnlessUsed(info.object)
}

/** Under the creation lock: nobody can be coming in. */
function removeUnlessUsed(object: string): boolean {
  let open: ShmObject | undefined
  try {
    open = ShmObject.open(object)
    if (!open.lock(CREATION) || !open.isLinked()) return false
    const { size } = open.stat()
    if (size >= PAGE) {
      const memory = open.map(size)
      if (!isUnfinished(memory)) {
        const header = readHeader(memory, size, object)
        if (listParticipants(memory, header).some((p) => p.alive)) return false
      }
    }
    return unlinkObject(object)
  } catch (error) {
    if (error instanceof MemlaneError) return false
    throw error
  } finally {
    open?.close()
  }
}

/** Removes a segment that was left half-made. @returns true when it is gone. */
export function removeHalfMade(info: SegmentInfo): boolean {
  return info.state === 'half-made' && removeUnlessUsed(info.object)
}

/** Frees the slots of dead participants that left nothing to undo. @returns how many. */
export function freeDeadSlots(info: SegmentInfo): number {
  if (info.header === undefined) return 0
  const open = ShmObject.open(info.object)
  try {
    return sweepDead(open.map(open.stat().size), info.header)
  } finally {
    open.close()
  }
}
