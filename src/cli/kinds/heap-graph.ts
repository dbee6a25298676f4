// cli: the shared objects of a heap, as a tree from what leads to them. An object that was shown above is not followed again.

import { type AnyCollection, type SharedHeap, SharedMap } from '../../collections/index.js'
import { MemlaneError } from '../../errors.js'
import { count } from '../text.js'
import type { Details } from './kind.js'

export const DEPTH = 3
/** Rows of the tree; what is beyond them is counted. */
const ROWS = 200

type Table = NonNullable<Details['tables']>[number]

/**
 * @param depth how many references are followed from a collection.
 * @returns undefined when nothing leads to shared objects.
 */
export function graphOf(heap: SharedHeap, depth: number = DEPTH): Table | undefined {
  const rows: string[][] = []
  const seen = new Set<string>()
  let beyond = 0

  const show = (label: string, value: object, level: number, owner: string): void => {
    let address: string
    let kind: string
    let holds: string
    let parts: [string, unknown][]
    try {
      address = heap.addressOf(value)
      parts = Array.isArray(value) ? value.map((item, i) => [`[${i}]`, item]) : Object.entries(value)
      kind = Array.isArray(value) ? 'array' : classOf(value)
      holds = Array.isArray(value) ? count(value.length, 'element') : count(parts.length, 'attribute')
    } catch (error) {
      if (!(error instanceof MemlaneError)) throw error
      add([`${'  '.repeat(level)}${label}`, error.code === 'ERR_STALE' ? '<stale>' : `<${error.code}>`, '', '', owner])
      return
    }
    const again = seen.has(address)
    add([`${'  '.repeat(level)}${label}`, kind, again ? 'see above' : holds, address, owner])
    if (again) return
    seen.add(address)
    for (const [key, part] of parts) {
      if (typeof part !== 'object' || part === null || !heap.isShared(part)) continue
      if (level + 1 < depth) show(key, part, level + 1, 'reference')
      else if (!seen.has(addressOf(heap, part))) beyond++
    }
  }

  const add = (row: string[]): void => {
    if (rows.length < ROWS) rows.push(row)
    else beyond++
  }

  for (const found of heap.names()) {
    for (const [label, value] of entriesOf(heap.collection(found), found.name))
      if (value === STALE) add([label, '<stale>', '', '', found.kind])
      else if (typeof value === 'object' && value !== null && heap.isShared(value)) show(label, value, 0, found.kind)
  }
  if (rows.length === 0) return undefined
  if (beyond > 0) rows.push([`… and ${beyond} more`, '', '', '', ''])
  return {
    title: 'Shared objects',
    columns: [{ title: 'OBJECT' }, { title: 'TYPE' }, { title: 'HOLDS' }, { title: 'ADDRESS' }, { title: 'LED TO BY' }],
    rows,
  }
}

function addressOf(heap: SharedHeap, value: object): string {
  try {
    return heap.addressOf(value)
  } catch {
    return ''
  }
}

function classOf(value: object): string {
  const name = Object.prototype.toString.call(value).slice('[object '.length, -1)
  return name === 'Object' ? 'object' : name
}

const STALE = Symbol('stale')

/** What stands in a collection, with a label: STALE where that was destroyed. */
function* entriesOf(collection: AnyCollection, name: string): Generator<[string, unknown]> {
  if (collection instanceof SharedMap)
    for (const key of collection.keys()) yield [`${name}.${String(key)}`, read(() => collection.get(key))]
  else if (Array.isArray(collection))
    for (let i = 0; i < collection.length; i++) yield [`${name}[${i}]`, read(() => collection[i])]
}

function read(look: () => unknown): unknown {
  try {
    return look()
  } catch (error) {
    if (error instanceof MemlaneError && error.code === 'ERR_STALE') return STALE
    throw error
  }
}
