// cli: which rows memlane list shows, and in what order.

import { nearest } from '../nearest.js'
import { UsageError } from './failure.js'

/** What a row can be chosen and sorted by. */
export interface Listed {
  readonly name: string
  readonly kind: string | null
  readonly sizeBytes: number
  readonly committedBytes: number
  /** When it was made, or last changed where that is not known. */
  readonly atMs: number | null
  readonly participants: number
}

/** The largest, newest and busiest come first, names from A on. */
const ORDERS: Readonly<Record<string, (a: Listed, b: Listed) => number>> = {
  name: (a, b) => compare(a.name, b.name),
  kind: (a, b) => compare(a.kind ?? '', b.kind ?? ''),
  size: (a, b) => b.sizeBytes - a.sizeBytes,
  used: (a, b) => b.committedBytes - a.committedBytes,
  age: (a, b) => (b.atMs ?? 0) - (a.atMs ?? 0),
  participants: (a, b) => b.participants - a.participants,
}

export const SORTS: readonly string[] = Object.keys(ORDERS)

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** @throws UsageError for an order that is none. */
export function sorted<T extends Listed>(rows: readonly T[], by: string | undefined): readonly T[] {
  if (by === undefined) return rows
  const order = Object.hasOwn(ORDERS, by) ? ORDERS[by] : undefined
  if (order === undefined) {
    const close = nearest(by, SORTS)
    throw new UsageError(
      `--sort takes ${SORTS.join(', ')}, got ${by}`,
      close === undefined ? undefined : `Did you mean ${close}?`,
    )
  }
  return [...rows].sort(order)
}

/** @param filter a pattern of names, or of kinds behind `kind:`; `*` stands for any characters, `?` for one. */
export function filtered<T extends Listed>(rows: readonly T[], filter: string | undefined): readonly T[] {
  if (filter === undefined) return rows
  const byKind = filter.startsWith('kind:')
  const pattern = patternOf(byKind ? filter.slice('kind:'.length) : filter)
  return rows.filter(({ name, kind }) => pattern.test(byKind ? (kind ?? '') : name))
}

/** A word without stars is found anywhere in a name. */
function patternOf(filter: string): RegExp {
  const body = filter
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(/[*?]/.test(filter) ? `^${body}$` : body, 's')
}
