// The public face: what users try first and is wrong says what is right.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as memlane from './index.js'
import * as flexible from './interop/flexible/index.js'
import * as membridge from './interop/membridge/index.js'
import * as record from './record/index.js'

/** Classes of values, which anybody may make. */
const VALUES = new Set(['MemlaneError', 'FieldValue', 'ValueWithStatus', 'RecordType', 'Field', 'FieldStatus'])

for (const [entry, exported] of Object.entries({ memlane, record, membridge, flexible })) {
  const classes = Object.entries(exported as Record<string, unknown>).filter(
    ([name, thing]) => /^[A-Z]/.test(name) && typeof thing === 'function' && !VALUES.has(name),
  ) as [string, new (...args: unknown[]) => unknown][]
  for (const [name, Class] of classes) {
    test(`new ${name}() of ${entry} says what to call instead`, () => {
      for (const args of [['x'], ['x', {}], [], [{}, {}, {}], [null, 1, 2]])
        assert.throws(
          () => new Class(...args),
          (error: Error & { code?: string }) => {
            assert.equal(error.code, 'ERR_TYPE', error.stack)
            assert.match(error.message, /is not made with new; use /)
            return true
          },
        )
      assert.throws(() => (Class as unknown as (name: string) => unknown)('x'), TypeError)
    })
  }
}
