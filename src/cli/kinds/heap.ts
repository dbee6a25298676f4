// cli: looks into a heap: maps, lists, sets, strings, objects.
//
// A look reads without slot and lock, as a read-only handle does. What the writers leave no quiet moment for, or is damaged,
// is left out, and it is said why. `repair` attaches like any process and takes the heap's lock, which undoes what a killed
// process left half done, and `verify` does where it must.

import { inspect } from 'node:util'
import {
  type AnyCollection,
  existing,
  type Found,
  labelOf,
  SharedHeap,
  SharedMap,
  SharedQueue,
  SharedSet,
} from '../../collections/index.js'
import { MemlaneError } from '../../errors.js'
import { H_LOCK, H_TURN, H_VERSION, HEAP_PAGE } from '../../heap/heap.layout.js'
import { Heap } from '../../heap/index.js'
import type { Segment } from '../../segment/index.js'
import { formatSize } from '../../sizes.js'
import { COMMAND_LOCK_MS } from '../../waiting/index.js'
import { count } from '../text.js'
import { graphOf } from './heap-graph.js'
import { type Details, heldSummary, holderOf, type Kind, wordAt } from './kind.js'

/** Characters of a value that are shown. */
const WIDTH = 60

const held = (segment: Segment) => [
  ...holderOf(segment, 'the lock of the heap', wordAt(segment, 4 * H_LOCK)),
  ...holderOf(segment, 'the turn of heap.exclusive()', wordAt(segment, 4 * H_TURN)),
]

export const heap: Kind = {
  kind: 'heap',
  summary(segment) {
    const room = `${formatSize(segment.committed)} of ${formatSize(segment.bodySize)}`
    const holders = held(segment)
    const rest = holders.length === 0 ? room : `${room}, ${heldSummary(holders, '')}`
    return `${unless(
      () => summaryOf(existing(segment).value),
      () => 'not readable now',
    )}, ${rest}`
  },
  inspect(segment, depth) {
    const memory = {
      'may grow to': formatSize(segment.bodySize),
      'has memory': formatSize(segment.committed),
      'page size': formatSize(HEAP_PAGE),
      version: wordAt(segment, 4 * H_VERSION) >>> 0,
    }
    const holders = held(segment)
    // Last: what is no heap at all is closed by looking into it.
    const { facts, tables } = unless<Pick<Details, 'facts' | 'tables'>>(
      () => contents(existing(segment).value, depth),
      ({ code, message }) => ({ facts: { holds: `not readable now, ${code}: ${message}` } }),
    )
    return { facts: { ...facts, ...memory }, held: holders, ...(tables === undefined ? {} : { tables }) }
  },
  verify: (segment) =>
    unless(
      () => walked(segment),
      (error) => {
        if (error.code === 'ERR_CORRUPT') return [error.message]
        throw error
      },
    ),
  repair(segment) {
    // Whoever takes the lock next repairs; a transaction that changes nothing will do.
    attached(segment, (open) => open.transaction(() => {}))
  },
}

function attached<T>(segment: Segment, work: (heap: Heap) => T): T {
  const open = Heap.open(segment.name, { namespace: segment.namespace, timeout: COMMAND_LOCK_MS })
  try {
    return work(open)
  } finally {
    open.close()
  }
}

/** Walks the heap between the writers, or with its lock held where they leave no time for that. */
function walked(segment: Segment): string[] {
  return unless(
    () => Heap.over(segment).verify() && [],
    (error) => {
      if (error.code !== 'ERR_BUSY') throw error
      return attached(segment, (open) => open.verify()) && []
    },
  )
}

/** What `work` gives, or what is said of the MemlaneError that it throws. */
function unless<T>(work: () => T, failed: (error: MemlaneError) => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
    return failed(error)
  }
}

function summaryOf(value: AnyCollection | SharedHeap): string {
  if (value instanceof SharedHeap) {
    const names = value.names()
    const queues = names.filter(({ kind }) => kind === 'queue')
    const waiting = queues.reduce((sum, found) => sum + (value.collection(found) as SharedQueue).size, 0)
    const holds = count(names.length, 'collection')
    return queues.length === 0 ? holds : `${holds}, ${count(waiting, 'message')} waiting`
  }
  const [kind, holds] = kindOf(value)
  return `${kind}: ${holds}`
}

function contents(value: AnyCollection | SharedHeap, depth?: number): Pick<Details, 'facts' | 'tables'> {
  if (!(value instanceof SharedHeap)) {
    const [kind, holds] = kindOf(value)
    return { facts: { is: kind, holds } }
  }
  const rows = value.names().map((found: Found, _, all) => [
    labelOf(found, all),
    found.kind,
    unless(
      () => kindOf(value.collection(found))[1],
      ({ code }) => `not readable now: ${code}`,
    ),
  ])
  const graph = graphOf(value, depth)
  const { used, free, blocks, objects } = value.stats()
  return {
    facts: {
      holds: count(rows.length, 'collection'),
      used: `${formatSize(used)} in ${count(blocks, 'block')}`,
      free: formatSize(free),
      ...(objects === 0 ? {} : { 'shared objects': objects }),
    },
    tables: [
      { title: 'Collections', columns: [{ title: 'NAME' }, { title: 'KIND' }, { title: 'HOLDS' }], rows },
      ...(graph === undefined ? [] : [graph]),
    ],
  }
}

/** What it is, and how much or which value it holds. */
function kindOf(value: AnyCollection): [kind: string, holds: string] {
  if (value instanceof SharedMap) return ['map', count(value.size, 'entry', 'entries')]
  if (value instanceof SharedSet) return ['set', count(value.size, 'value')]
  if (value instanceof SharedQueue) {
    const { size, taken } = value
    return ['queue', `${count(size, 'message')}${taken === 0 ? '' : `, ${taken} taken and not done`}`]
  }
  if (Array.isArray(value)) return ['list', count(value.length, 'element')]
  const text = inspect(value.value, {
    depth: 1,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 10,
    maxStringLength: WIDTH,
  })
  const kind = value.constructor.name.replace(/^Shared/, '').toLowerCase()
  return [kind, text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text]
}
