// cli: what somebody has stored, shown.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printableLines } from '../text.js'
import { asText } from './render.js'

// Colours are control characters too.
process.env.NO_COLOR = '1'

function onTerminal<T>(is: boolean, run: () => T): T {
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY')
  Object.defineProperty(process.stdout, 'isTTY', { value: is, configurable: true })
  try {
    return run()
  } finally {
    if (before === undefined) delete (process.stdout as { isTTY?: boolean }).isTTY
    else Object.defineProperty(process.stdout, 'isTTY', before)
  }
}

test('a stored text reaches a program as it is, and cannot act on a terminal', () => {
  const text = 'a\u001b[2J\u009b31m\u202eb\n\tc'
  assert.equal(
    onTerminal(false, () => asText(text)),
    text,
  )
  assert.equal(
    onTerminal(true, () => asText(text)),
    'a\\x1b[2J\\x9b31m\\u202eb\n\tc',
  )
})

test('nor can anything within a value, an error with its stack least of all', () => {
  const error = new Error('x')
  error.stack = 'x\u001b]0;title\u0007'
  for (const value of [error, new Map([['k\u001b[2J', 'v\u202e']]), ['\u001b'], { '\u009b': 1 }]) {
    const shown = onTerminal(true, () => asText(value))
    assert.equal(shown, printableLines(shown))
  }
})
