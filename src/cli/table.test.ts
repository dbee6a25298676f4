// cli: tables.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printTable } from './table.js'

test('a table may have more rows than a function may have arguments', (t) => {
  const lines: string[] = []
  t.mock.method(process.stdout, 'write', (line: string) => lines.push(line) > 0)
  try {
    printTable([{ title: 'A' }, { title: 'B' }], new Array(300_000).fill(['x', 'y']))
  } finally {
    t.mock.restoreAll()
  }
  assert.equal(lines.length, 300_001)
})
