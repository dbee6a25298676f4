// waiting: when a wait looks before it sleeps, and for how long.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { performance } from '../host.js'
import { LocalMemory } from '../memory/index.js'
import { AdaptiveSpin } from './adaptive-spin.js'

test('only a wait that follows a short one looks, for fifty microseconds, and not for longer than two milliseconds in a row', (t) => {
  const memory = LocalMemory.create(64)
  let now = 1000
  let looks = 0
  let answer = -1
  t.mock.method(performance, 'now', () => now)
  t.mock.method(memory, 'giveWay', () => {
    looks++
    now += 0.01
    if (looks === answer) memory.add(0, 1)
  })
  const spin = new AdaptiveSpin()
  const look = (answered: number): { came: boolean; looks: number } => {
    looks = 0
    answer = answered
    return { came: spin.spin(memory, 0, memory.load(0)), looks }
  }
  const sleep = (milliseconds: number): void => {
    const start = now
    now += milliseconds
    spin.slept(start)
  }
  assert.deepEqual(look(1), { came: false, looks: 0 })
  sleep(0.03)
  assert.deepEqual(look(3), { came: true, looks: 3 })
  assert.deepEqual(look(1), { came: true, looks: 1 })
  assert.deepEqual(look(-1), { came: false, looks: 5 })
  sleep(16)
  assert.deepEqual(look(1), { came: false, looks: 0 })
  sleep(0.05)
  let inARow = 0
  while (look(1).came) inARow++
  assert.ok(inARow > 100 && inARow < 210, `${inARow} looks of 0.01 ms`)
  sleep(0.05)
  assert.deepEqual(look(2), { came: true, looks: 2 })
})
