// collections: structures in a heap, with the kinds that users know.
//
// The heap knows maps, lists and cells. Its names carry what is meant: `set:online`, `int32:round`. One name means one
// thing: whoever opens it as another kind is told.

import { MemlaneError, withArticle } from '../errors.js'
import { Heap, type HeapCell, type HeapList, type HeapMap, type HeapOptions, type HeapQueue } from '../heap/index.js'
import { LIVE } from '../live/adapter.js'
import { checkNames, type Known, known } from '../options.js'
import { CREATE_OPTIONS, type CreateOptions } from '../segment/index.js'
import { given, parseTimeout } from '../sizes.js'
import { type Access, isReadOnly } from './access.js'
import { INT_TYPES, type IntType } from './cells/int-types.js'
import type { FloatType } from './cells/shared-float.js'

/** Options of every collection that has a heap of its own, and of a heap. */
export interface CollectionOptions extends CreateOptions, Access {
  /** Most bytes it may grow to, as 268435456 or `'256 MiB'` (the default), below 4 GiB. Reserved, and used as it grows. */
  maxSize?: HeapOptions['maxSize']
  /**
   * From so many places one map, set, list or value may be watched at a time, 1 to 4096; default 256. Each handle takes one
   * for what it watches as a whole, however many iterators it has, and one for each key. A place costs 32 bytes in each
   * structure that is watched.
   */
  watchers?: HeapOptions['watchers']
  /**
   * Milliseconds that an operation may wait for the lock of the heap, for whoever changes it; default 10 s, Infinity for ever.
   * After it `ERR_TIMEOUT` names the process that has the lock; nothing has begun then.
   */
  timeout?: number | undefined
}

/** What a name in a heap may stand for. */
export type Kind = 'map' | 'set' | 'list' | 'queue' | 'string' | 'block' | 'bool' | IntType | FloatType

const KINDS: readonly Kind[] = [
  'map',
  'set',
  'list',
  'queue',
  'string',
  'block',
  'bool',
  'float32',
  'float64',
  ...INT_TYPES,
]

/** The name of the only structure of a SharedMap, SharedSet … that has a heap of its own. */
export const ALONE = 'main'

/** The name of the queue that every heap has. */
export const UNNAMED = ''

/** A collection of a heap: its name and its kind. */
export interface Found {
  /** Empty for the messages of a heap. */
  readonly name: string
  readonly kind: Kind
}

/** What to call the collections of a heap where each needs a name: the queue without one is `messages`, or else `(messages)`. */
export function labelOf(found: Found, all: readonly Found[]): string {
  if (found.name !== UNNAMED) return found.name
  return all.some(({ name }) => name === 'messages') ? '(messages)' : 'messages'
}

/** Takes a heap's name apart; `undefined` for what other rooms keep there. */
export function parseName(full: string): Found | undefined {
  const colon = full.indexOf(':')
  const kind = full.slice(0, colon)
  return colon > 0 && isKind(kind) ? { kind, name: full.slice(colon + 1) } : undefined
}

function isKind(kind: string): kind is Kind {
  return (KINDS as readonly string[]).includes(kind)
}

/** What is in a heap, in the order it was made. */
export function structuresOf(heap: Heap): Found[] {
  return heap
    .names()
    .map(({ name }) => parseName(name))
    .filter((found) => found !== undefined)
}

/** Names in CollectionOptions. */
export const COLLECTION_OPTIONS: Known = known(CREATE_OPTIONS, 'readOnly', 'maxSize', 'timeout', 'watchers')
/** Those of a collection that is made with a value. */
const VALUE_OPTIONS: Known = known(COLLECTION_OPTIONS, 'initial')

/**
 * @param withInitial the options may name a first value.
 * @param maxSize where the options name none.
 */
export function openHeap(
  name: string,
  options: CollectionOptions,
  withInitial: boolean = false,
  maxSize?: HeapOptions['maxSize'],
): Heap {
  checkNames(options, withInitial ? VALUE_OPTIONS : COLLECTION_OPTIONS)
  parseTimeout(options.timeout)
  const heap = isReadOnly(options)
    ? Heap.open(name, options)
    : Heap.createOrOpen(
        name,
        maxSize === undefined ? options : { ...options, maxSize: given(options.maxSize, maxSize) },
      )
  heap.adapter = LIVE
  return heap
}

export function openMap(heap: Heap, kind: 'map' | 'set', name: string): HeapMap {
  return open(heap, kind, name, (full, create) => heap.map(full, { create }))
}

export function openList(heap: Heap, name: string): HeapList {
  return open(heap, 'list', name, (full, create) => heap.list(full, { create }))
}

export function openQueue(heap: Heap, name: string): HeapQueue {
  return open(heap, 'queue', name, (full, create) => heap.queue(full, { create }), name === UNNAMED)
}

export function openCell(heap: Heap, kind: Kind, name: string, initial: unknown): HeapCell {
  return open(heap, kind, name, (full, create) => heap.cell(full, { create, initial }))
}

/** What exists is opened without a store; what does not is made, unless the name stands for something else. */
function open<T>(
  heap: Heap,
  kind: Kind,
  name: string,
  make: (full: string, create: boolean) => T,
  unnamed: boolean = false,
): T {
  if (typeof name !== 'string' || (name === '' && !unnamed))
    throw new MemlaneError('ERR_NAME', 'the name of a collection is a string that is not empty')
  const full = fullName({ kind, name })
  try {
    return make(full, false)
  } catch (error) {
    if (!(error instanceof MemlaneError) || error.code !== 'ERR_NOT_FOUND') throw error
  }
  const reallyMake = (): T => {
    const other = otherThan(heap, kind, name)
    if (other !== undefined) throw mixed(heap, name, kind, other)
    return make(full, true)
  }
  return heap.readOnly ? reallyMake() : heap.transaction(reallyMake)
}

/** What a name in a heap stands for. Asks once for each kind, however many names there are. */
export function structureNamed(heap: Heap, name: string): Found | undefined {
  const kind = KINDS.find((one) => heap.has(fullName({ kind: one, name })))
  return kind === undefined ? undefined : { name, kind }
}

/** The name that the heap knows. */
export function fullName({ kind, name }: Found): string {
  return `${kind}:${name}`
}

/** What a name stands for already; where a collection wants the heap for itself, whatever else is in it. */
function otherThan(heap: Heap, kind: Kind, name: string): Found | undefined {
  const other = structureNamed(heap, name)
  if (other !== undefined) return other.kind === kind ? undefined : other
  return name === ALONE ? structuresOf(heap).find((one) => one.kind !== kind) : undefined
}

function mixed(heap: Heap, name: string, kind: Kind, other: Found): MemlaneError {
  const wanted = name === ALONE ? JSON.stringify(heap.name) : `${JSON.stringify(name)} in ${JSON.stringify(heap.name)}`
  const is =
    name === ALONE && other.name !== ALONE
      ? `a heap of several collections, as ${other.kind} ${JSON.stringify(other.name)}; open it with SharedHeap`
      : `of the kind ${other.kind}`
  return new MemlaneError('ERR_KIND', `${wanted} is ${is}, not ${withArticle(kind)}`)
}
