// sync: no change is missed at a gate, whatever falls between two steps of a waiter.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalMemory } from '../memory/index.js'
import { Gate } from './gate.js'

/** A memory that lets something else happen right after the n-th ordered access. */
function interrupted(memory: LocalMemory, n: number, interruption: () => void): LocalMemory {
  let steps = 0
  let busy = false
  return new Proxy(memory, {
    get(target, key) {
      const value = Reflect.get(target, key, target) as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const result = (value as (...args: unknown[]) => unknown).apply(target, args)
        if (!busy && ++steps === n) {
          busy = true
          interruption()
          busy = false
        }
        return result
      }
    },
  })
}

for (let n = 1; n <= 2; n++) {
  test(`an opening after step ${n} of a waiter's announcement is seen, and so is the next one`, () => {
    const memory = LocalMemory.create(64)
    let changed = false
    const opener = new Gate(memory, 0)
    const waiter = new Gate(
      interrupted(memory, n, () => {
        changed = true
        opener.open()
      }),
      0,
    )
    const sequence = waiter.announce()
    // The change is there to be seen; somebody faster takes it away again.
    assert.equal(changed, true)
    const missed = memory.load(1) === sequence && memory.load(0) === 0
    assert.equal(missed, false, 'the waiter would sleep, and the next to open would not wake it')
  })
}

test('an opening without anybody asleep wakes nobody and moves nothing', () => {
  const memory = LocalMemory.create(64)
  const gate = new Gate(memory, 0)
  gate.open()
  assert.equal(memory.load(1), 0)
  const sequence = gate.announce()
  assert.equal(gate.sleep(sequence, 0), 2)
  gate.open()
  assert.equal(gate.sleep(sequence, -1), 1)
})
