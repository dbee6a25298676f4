// cli: small pieces of text.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest } from '../nearest.js'
import { age, count, printable, printableJson, printableLines, quoted } from './text.js'

test('a slip of the pen finds what was meant, and nonsense finds nothing', () => {
  const words = ['list', 'inspect', 'rm', 'doctor']
  assert.equal(nearest('lsit', words), 'list')
  assert.equal(nearest('ls', words), 'list')
  assert.equal(nearest('doc', words), 'doctor')
  assert.equal(nearest('inpsect', words), 'inspect')
  assert.equal(nearest('xylophone', words), undefined)
  assert.equal(nearest('', words), undefined)
})

test('an age is given in the largest unit that fits', () => {
  assert.deepEqual([-5, 999, 1000, 59_999, 60_000, 3_600_000, 86_400_000 * 12].map(age), [
    '0 ms',
    '999 ms',
    '1 s',
    '59 s',
    '1 min',
    '1 h',
    '12 d',
  ])
})

test('control characters are shown as escapes', () => {
  assert.equal(printable('a\u001b[2J\nb\u202ec'), 'a\\x1b[2J\\x0ab\\u202ec')
  assert.equal(printable('größer ✓'), 'größer ✓')
  assert.equal(printable('\u061cx'), '\\u061cx')
  assert.equal(printableLines('a\u001b[2J\n\tb\r\u202ec'), 'a\\x1b[2J\n\tb\\x0d\\u202ec')
})

test('JSON that cannot act on a terminal says the same', () => {
  const value = { 'k\u009b31m': 'a\u202e\u007f\n', plain: 'größer ✓' }
  for (const indent of [0, 2]) {
    const document = printableJson(JSON.stringify(value, undefined, indent))
    assert.doesNotMatch(document, /[\u007f-\u009f\u202e]/)
    assert.deepEqual(JSON.parse(document), value)
  }
})

test('a name in an advice is one word to a shell', () => {
  assert.equal(quoted('/demo_1.x'), '/demo_1.x')
  assert.equal(quoted("/a;id $(x)'b"), `'/a;id $(x)'\\''b'`)
  assert.equal(quoted(''), "''")
})

test('counts agree with their noun', () => {
  assert.deepEqual(
    [count(1, 'slot'), count(2, 'slot'), count(0, 'process', 'processes')],
    ['1 slot', '2 slots', '0 processes'],
  )
})
