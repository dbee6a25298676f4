// cli: a table of plain columns. Text goes left, numbers right; the last column is as long as it likes.

import { paint, print, type Style } from './terminal.js'
import { printable } from './text.js'

export type Cell = string | { readonly text: string; readonly style: Style }

export interface Column {
  readonly title: string
  readonly right?: boolean
}

const textOf = (cell: Cell): string => printable(typeof cell === 'string' ? cell : cell.text)

/** Prints a head and rows. Columns without any text are left out. */
export function printTable(columns: readonly Column[], rows: readonly (readonly Cell[])[], indent: string = ''): void {
  const used = columns.map((_, i) => rows.some((row) => textOf(row[i] ?? '') !== ''))
  const last = used.lastIndexOf(true)
  // Not Math.max(...): an engine takes some hundred thousand arguments, and there may be more objects than that.
  const widths = columns.map(({ title }, i) =>
    rows.reduce((widest, row) => Math.max(widest, textOf(row[i] ?? '').length), title.length),
  )
  const line = (cells: readonly Cell[]): string => {
    let text = ''
    for (const [i, { right }] of columns.entries()) {
      if (!used[i]) continue
      const cell = cells[i] ?? ''
      const plain = textOf(cell)
      const space = ' '.repeat(widths[i]! - plain.length)
      const painted = typeof cell === 'string' ? plain : paint(cell.style, plain)
      text += right ? space + painted : i === last ? painted : painted + space
      if (i !== last) text += '  '
    }
    return (indent + text).trimEnd()
  }
  print(line(columns.map(({ title }) => ({ text: title, style: 'bold' }))))
  for (const row of rows) print(line(row))
}

/** Prints names and values below each other. */
export function printFacts(facts: Iterable<readonly [name: string, value: Cell]>, indent: string = '  '): void {
  const all = [...facts]
  const width = Math.max(0, ...all.map(([name]) => name.length))
  for (const [name, value] of all) {
    const plain = textOf(value)
    const painted = typeof value === 'string' ? plain : paint(value.style, plain)
    print(`${indent}${paint('dim', printable(name).padEnd(width))}  ${painted}`)
  }
}
