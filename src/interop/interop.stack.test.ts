// interop: every operation of views, rings and slots, entered at every remaining depth of the stack. What was acknowledged is
// there, and the lock is free.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, f64, str } from '../record/index.js'
import { atEveryDepth } from '../testing/stack.js'
import { FlexibleMemory } from './flexible/index.js'
import { int, SharedMemory } from './membridge/index.js'

let made = 0
const fresh = (): string => `/stack-${process.pid}-${++made}`

test('the lock of a view is free after every operation at every depth of the stack', () => {
  const name = fresh()
  try {
    using shm = SharedMemory.create(name, 4096)
    using view = shm.map()
    using beside = SharedMemory.open(name)
    using other = beside.map({ timeout: 0 })
    view.write('text', 0)
    const readAt = (at: number, tag: 'float' | 'str'): unknown => {
      view.seek(at)
      return view.read(tag)
    }
    for (const [what, work] of [
      ['float', () => view.write(1.5, 8)],
      ['int', () => view.write(int(5), 8)],
      ['bool', () => view.write(true, 8)],
      ['bigint', () => view.write(5n, 8)],
      ['text', () => view.write('äöü'.repeat(40), 100)],
      ['bytes', () => view.write(Uint8Array.of(1, 2, 3), 8)],
      ['long bytes', () => view.write(new Uint8Array(2000), 1000)],
      ['writeMixed', () => view.writeMixed([1, [true, 'x']], 8)],
      ['read float', () => readAt(8, 'float')],
      ['read text', () => readAt(0, 'str')],
      ['readMixed', () => view.readMixed([['str', 1]], 0)],
      ['readRange', () => view.readRange(0, 3000)],
      ['zero', () => view.zero()],
    ] as const) {
      const { done } = atEveryDepth(work as () => void)
      assert.ok(done > 0, what)
      assert.deepEqual(other.lockState, { state: 'free' }, what)
      other.write(what, 0)
    }
  } finally {
    SharedMemory.remove(name)
  }
})

test('messages of a ring pushed and taken at every depth of the stack all arrive, in their order', () => {
  const name = fresh()
  try {
    using shm = SharedMemory.create(name, 1024 + 24)
    using ring = shm.spsc()
    using beside = SharedMemory.open(name)
    using other = beside.spsc()
    for (const [push, pop] of [
      [(n: number) => ring.push(n), () => other.pop('float')],
      [(n: number) => ring.push(`${n}`), () => other.pop('str')],
      [(n: number) => ring.push([n, 'x']), () => other.popMixed([['float', 1]])?.[0]],
      [(n: number) => ring.push(new Uint8Array(60).fill(n)), () => other.pop()?.[0]],
    ] as const) {
      let n = 0
      const got: unknown[] = []
      const drain = (): void => {
        for (let found = pop(); found !== undefined; found = pop()) got.push(found)
      }
      atEveryDepth(() => {
        if (push(n % 200)) n++
        drain()
      })
      drain()
      assert.deepEqual(
        got.map(Number),
        Array.from({ length: n }, (_, i) => i % 200),
      )
    }
  } finally {
    SharedMemory.remove(name)
  }
})

test('slots of the flexible format are whole at every depth of the stack', () => {
  const Sensor = { n: f64(), text: str(20), row: array('u8', [4]) }
  for (const slots of [1, 3]) {
    const name = fresh().slice(1)
    using out = FlexibleMemory.create(Sensor, name, { slots })
    try {
      using reader = FlexibleMemory.open(Sensor, name, { slots })
      let n = 0
      let acknowledged = 0
      atEveryDepth(() => {
        out.write({ n: ++n, text: 'x' })
        if (slots > 1) out.finalize()
        acknowledged = n
        // Where an earlier reading ran out of stack, what it did not take comes first.
        for (let got = -1; got !== acknowledged; ) {
          const value = reader.read()?.n.value ?? Number.NaN
          assert.ok(value > got && value <= acknowledged, `read ${value} after ${got}, written ${acknowledged}`)
          got = value
        }
      })
      assert.ok(acknowledged > 0)
      out.write({ n: 0 })
      if (slots > 1) out.finalize()
      assert.equal(reader.read({ latest: true })?.n.value, 0)
    } finally {
      out.unlink()
    }
  }
})
