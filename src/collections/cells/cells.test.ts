import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../../errors.js'
import { Segment } from '../../segment/index.js'
import { EventCount } from '../../waiting/index.js'
import { SharedHeap } from '../heap/shared-heap.js'
import { type IntType, intFacts } from './int-types.js'
import { SharedBool } from './shared-bool.js'
import { SharedFloat } from './shared-float.js'
import { SharedInt } from './shared-int.js'
import { WATCHERS } from './word.layout.js'
import { announce } from './word-watch.js'

const fresh = (): string => `cell-${randomUUID().slice(0, 8)}`
const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as MemlaneError).code === wanted
const OPTIONS = { lifetime: 'lastClose' } as const

describe('an integer', () => {
  for (const type of ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as IntType[]) {
    test(`${type} holds its whole range and nothing else; sums do not wrap`, () => {
      const { big, bits, signed } = intFacts(type)
      const as = (value: bigint): never => (big ? value : Number(value)) as never
      const least = signed ? -(2n ** BigInt(bits - 1)) : 0n
      const most = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
      using cell = SharedInt.open(fresh(), { ...OPTIONS, type }) as SharedInt
      assert.equal(cell.value, as(0n))
      for (const value of [least, most]) {
        cell.value = as(value)
        assert.equal(cell.get(), as(value))
      }
      for (const value of [least - 1n, most + 1n]) assert.throws(() => cell.set(as(value)), code('ERR_RANGE'))
      assert.throws(() => cell.add(as(1n)), code('ERR_RANGE'))
      assert.equal(cell.value, as(most), 'the old value is kept')
      assert.equal(cell.sub(as(1n)), as(most))
      assert.equal(cell.exchange(as(12n)), as(most - 1n))
      assert.equal(cell.compareExchange(as(11n), as(1n)), as(12n))
      assert.equal(cell.compareExchange(as(12n), as(6n)), as(12n))
      assert.equal(cell.and(as(3n)), as(6n))
      assert.equal(cell.or(as(5n)), as(2n))
      assert.equal(cell.xor(as(2n)), as(7n))
      assert.equal(cell.value, as(5n))
      assert.throws(() => cell.set('1' as never), code('ERR_TYPE'))
      assert.throws(() => cell.set((big ? 1 : 1n) as never), code('ERR_TYPE'))
    })
  }

  test('uint32 keeps its highest bit through bitwise operations', () => {
    using cell = SharedInt.open(fresh(), { ...OPTIONS, type: 'uint32', initial: 0x80000000 })
    assert.equal(cell.or(1), 0x80000000)
    assert.equal(cell.xor(0xffffffff), 0x80000001)
    assert.equal(cell.value, 0x7ffffffe)
    assert.throws(() => cell.set(0.5), code('ERR_RANGE'))
  })

  test('is never −0, by itself or in a heap', () => {
    using heap = SharedHeap.open(fresh(), OPTIONS)
    using alone = SharedInt.open(fresh(), OPTIONS)
    for (const cell of [alone, heap.int('i')]) {
      cell.value = -0
      assert.ok(Object.is(cell.value, 0))
      cell.value = 1
      cell.compareExchange(1, -0)
      assert.ok(Object.is(cell.exchange(-0), 0) && Object.is(cell.value, 0))
    }
  })

  test('attaching never overwrites, and types do not mix', () => {
    const name = fresh()
    using first = SharedInt.open(name, { ...OPTIONS, initial: 7 })
    using second = SharedInt.open(name, { initial: 9 })
    assert.equal(second.value, 7)
    second.add(1)
    assert.equal(first.value, 8)
    assert.throws(() => SharedInt.open(name, { type: 'int64' }), code('ERR_MISMATCH'))
    assert.throws(() => SharedFloat.open(name), code('ERR_KIND'))
    assert.throws(() => SharedBool.open(name), code('ERR_KIND'))
    assert.throws(() => SharedInt.open(name, { type: 'int7' as never }), code('ERR_RANGE'))
  })

  test('a closed handle says so', async () => {
    const cell = SharedInt.open(fresh(), OPTIONS)
    const changes = cell.watch()
    const pending = changes.next()
    const waiting = assert.rejects(cell.waitAsync(1), code('ERR_CLOSED'))
    cell.close()
    cell.close()
    assert.deepEqual(await pending, { done: true, value: undefined })
    await waiting
    for (const use of [() => cell.value, () => cell.set(1), () => cell.add(1), () => cell.watch(), () => cell.wait(1)])
      assert.throws(use, code('ERR_CLOSED'))
  })
})

describe('a float', () => {
  test('float64 keeps every value, -0 and NaN too', () => {
    using cell = SharedFloat.open(fresh(), OPTIONS)
    for (const value of [0.1, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.MIN_VALUE, 2 ** 1023]) {
      cell.value = value
      assert.ok(Object.is(cell.value, value), String(value))
    }
    cell.value = 1
    assert.equal(cell.add(1.5), 1)
    assert.equal(cell.compareExchange(2.5, 3), 2.5)
    assert.equal(cell.value, 3)
  })

  test('a value too large for a float32 is an error, not infinity', () => {
    using cell = SharedFloat.open(fresh(), { ...OPTIONS, type: 'float32', initial: 1 })
    assert.throws(() => cell.set(1e39), code('ERR_RANGE'))
    cell.value = 3e38
    assert.throws(() => cell.add(3e38), code('ERR_RANGE'))
    assert.equal(cell.value, Math.fround(3e38))
    cell.value = Number.POSITIVE_INFINITY
    assert.equal(cell.value, Number.POSITIVE_INFINITY)
  })
})

test('a switch toggles, and takes nothing but booleans', () => {
  using cell = SharedBool.open(fresh(), OPTIONS)
  assert.equal(cell.toggle(), true)
  assert.equal(cell.toggle(), false)
  assert.equal(cell.exchange(true), false)
  assert.throws(() => cell.set(1 as never), code('ERR_TYPE'))
  assert.equal(cell.value, true)
})

describe('waiting and watching', () => {
  test('a wait ends when the value comes, when a test passes, when the time is over, and when it is aborted', async () => {
    const name = fresh()
    using mine = SharedInt.open(name, OPTIONS)
    using other = SharedInt.open(name)
    const five = mine.waitAsync(5)
    const many = mine.waitAsync((value) => value > 9)
    other.value = 5
    assert.equal(await five, true)
    other.add(5)
    assert.equal(await many, true)
    assert.equal(mine.wait(10), true)
    assert.equal(mine.wait(11, { timeout: 5 }), false)
    assert.equal(await mine.waitAsync(11, { timeout: 5 }), false)
    const controller = new AbortController()
    const aborted = assert.rejects(mine.waitAsync(11, { signal: controller.signal }), /enough/)
    controller.abort(new Error('enough'))
    await aborted
  })

  test('events and what they coalesced are the changes made', async () => {
    const name = fresh()
    using mine = SharedFloat.open(name, OPTIONS)
    using other = SharedFloat.open(name)
    using changes = mine.watch()
    for (let i = 0; i < 5; i++) other.add(1)
    const first = await changes.next()
    assert.deepEqual(first, { done: false, value: { type: 'set', value: 5, coalesced: 4 } })
    const next = changes.next()
    other.value = 9
    assert.deepEqual(await next, { done: false, value: { type: 'set', value: 9, coalesced: 0 } })
  })

  test('a number by itself may be watched by any number', async () => {
    using cell = SharedInt.open(fresh(), OPTIONS)
    const watchers = Array.from({ length: 100 }, () => cell.watch())
    const all = Promise.all(watchers.map((changes) => changes.next()))
    cell.add(1)
    assert.ok((await all).every(({ value }) => value?.value === 1))
    for (const changes of watchers) changes.close()
  })

  test('an aborted signal ends the iteration with its reason', async () => {
    using cell = SharedBool.open(fresh(), OPTIONS)
    const controller = new AbortController()
    const seen: boolean[] = []
    setImmediate(() => cell.toggle())
    await assert.rejects(async () => {
      for await (const { value } of cell.watch({ signal: controller.signal })) {
        seen.push(value)
        controller.abort(new Error('seen enough'))
      }
    }, /seen enough/)
    assert.deepEqual(seen, [true])
  })
})

describe('a writer that is held up between its store and the announcement', () => {
  test('is told of once, and so is everything after it', async () => {
    const name = fresh()
    using cell = SharedInt.open(name, { ...OPTIONS, type: 'int32' }) as SharedInt
    using raw = Segment.open(name)
    const { memory, body } = raw
    const word = body / 4
    using changes = cell.watch()
    const next = changes.next()
    Atomics.store(memory.i32, word, 5)
    assert.deepEqual((await next).value, { type: 'set', value: 5, coalesced: 0 })
    // Now it goes on, and announces: not told again. The next change is.
    announce(memory, word, new EventCount(memory, body + WATCHERS))
    const after = changes.next()
    cell.value = 6
    assert.deepEqual((await after).value, { type: 'set', value: 6, coalesced: 0 })
    // Held up again, overtaken by another writer: two changes, two told.
    const overtaken = changes.next()
    Atomics.store(memory.i32, word, 7)
    assert.deepEqual((await overtaken).value, { type: 'set', value: 7, coalesced: 0 })
    cell.value = 8
    assert.deepEqual((await changes.next()).value, { type: 'set', value: 8, coalesced: 0 })
    announce(memory, word, new EventCount(memory, body + WATCHERS))
    const last = changes.next()
    cell.value = 9
    cell.value = 9
    assert.deepEqual((await last).value, { type: 'set', value: 9, coalesced: 1 })
  })
})
