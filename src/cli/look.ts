// cli: finding what a name stands for, and opening it to look.

import { MemlaneError } from '../errors.js'
import { listObjects } from '../memory/index.js'
import { nearest } from '../nearest.js'
import {
  checkName,
  inspectSegment,
  namespaceOf,
  objectName,
  parseObjectName,
  Segment,
  type SegmentInfo,
} from '../segment/index.js'
import { Advised } from './failure.js'
import { kindOf } from './kinds/index.js'
import type { Details, Kind } from './kinds/kind.js'
import { quoted } from './text.js'

/** What a name on the command line stands for. `/name` is always an object of another program. */
export type Target =
  | { readonly type: 'segment'; readonly info: SegmentInfo }
  | { readonly type: 'foreign'; readonly object: string }

/** @throws MemlaneError `ERR_NOT_FOUND` with what was probably meant; `ERR_NAME`. */
export function findTarget(name: string, namespace: string | undefined): Target {
  const ours = parseObjectName(name)
  if (ours !== undefined) return segmentOf(ours.name, ours.namespace)
  if (name.startsWith('/')) return foreignOf(name)
  return segmentOf(name, namespace)
}

function foreignOf(name: string): Target {
  const object = name.replace(/^\/+/, '')
  const ours = parseObjectName(object)
  if (ours !== undefined) return segmentOf(ours.name, ours.namespace)
  const objects = listObjects()
  if (object !== '' && objects.includes(object)) return { type: 'foreign', object }
  const error = new MemlaneError('ERR_NOT_FOUND', `there is no object ${JSON.stringify(name)} in shared memory`)
  const close = nearest(
    object,
    objects.filter((one) => parseObjectName(one) === undefined),
  )
  throw new Advised(
    error,
    close === undefined ? 'memlane list shows what there is.' : `Did you mean ${quoted(`/${close}`)}?`,
  )
}

function segmentOf(name: string, namespace: string | undefined): Target {
  const chosen = namespaceOf(namespace)
  const info = inspectSegment(checkName(name), { namespace: chosen })
  if (info !== undefined) return { type: 'segment', info }
  throw new Advised(
    new MemlaneError(
      'ERR_NOT_FOUND',
      `there is no segment ${JSON.stringify(name)} in namespace ${JSON.stringify(chosen)}`,
    ),
    advice(name, chosen),
  )
}

/** The usual slips: another namespace, an object of another program, a typing error. */
function advice(name: string, namespace: string): string {
  const objects = listObjects()
  const ours = objects.flatMap((object) => parseObjectName(object) ?? [])
  const elsewhere = ours.find((one) => one.name === name)
  if (elsewhere !== undefined)
    return `Namespace ${JSON.stringify(elsewhere.namespace)} has one: add --namespace ${elsewhere.namespace}`
  if (objects.includes(name)) return `Another program has an object of that name: write it as ${quoted(`/${name}`)}`
  const close = nearest(
    name,
    ours.filter((one) => one.namespace === namespace).map((one) => one.name),
  )
  return close === undefined ? `memlane list --namespace '*' shows what there is.` : `Did you mean ${quoted(close)}?`
}

/** Opens a segment to look into it: read-only, whoever owns it, no slot claimed. */
export function openToLook(info: SegmentInfo): Segment {
  return Segment.open(info.name, { namespace: info.namespace, owner: 'any', readOnly: true })
}

/** Runs `look` on a ready segment of a known kind. @returns undefined where there is nothing to look into. */
export function lookInto<T>(info: SegmentInfo, look: (kind: Kind, segment: Segment) => T): T | undefined {
  if (info.state !== 'ready' || info.header === undefined) return undefined
  const kind = kindOf(info.header.kind)
  if (kind === undefined) return undefined
  const segment = openToLook(info)
  try {
    const result = look(kind, segment)
    segment.memory.checkWhole(JSON.stringify(info.name))
    return result
  } finally {
    segment.close()
  }
}

/** @param depth how many references are followed, for what has them. */
export function detailsOf(info: SegmentInfo, depth?: number): Details | undefined {
  return lookInto(info, (kind, segment) => kind.inspect(segment, depth))
}

/** The name to type on the command line for a segment, its namespace included. */
export function addressOf(info: SegmentInfo): string {
  return info.namespace === namespaceOf(undefined) ? info.name : objectName(info.name, info.namespace)
}
