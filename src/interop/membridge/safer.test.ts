// interop/membridge: what the package does with bad input and bad luck, and the better outcome here. One test for each
// row of the list; locks of dead processes are in view-lock.test.ts and membridge.process.test.ts, two producers in
// ring.test.ts, sizes and holes in shared-memory.test.ts.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { int, SharedMemory } from './index.js'

test('create on an existing name: refused, instead of re-initialising under its users', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 24 + 64)
  using ring = shm.spsc()
  ring.push('kept')
  for (const size of [24 + 64, 24 + 128, 8])
    assert.throws(() => SharedMemory.create(name, size), { code: 'ERR_EXISTS' })
  assert.equal(readFileSync(fileOf(name)).length, 24 + 64)
  assert.equal(ring.pop('str'), 'kept')
})

test('map() and spsc() once more on the creator: nothing is reset', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 24 + 64)
  using a = shm.spsc()
  a.push('kept')
  using b = shm.spsc()
  assert.equal(b.pop('str'), 'kept')
  const viewName = freshName()
  using memory = SharedMemory.create(viewName, 64)
  using view = memory.map({ timeout: 5 })
  view.write(1)
  const bytes = readFileSync(fileOf(viewName))
  bytes.writeInt32LE(-1, 0)
  writeFileSync(fileOf(viewName), bytes, { flag: 'r+' })
  using second = memory.map({ timeout: 5 })
  assert.equal(second.isWriteLocked, true)
})

test('open of a missing name: a code, instead of a message only', () => {
  assert.throws(() => SharedMemory.open(freshName()), { code: 'ERR_NOT_FOUND' })
})

test('too small for its use: a code with the sizes, and nothing is leaked', () => {
  for (const size of [1, 4]) {
    using shm = SharedMemory.create(freshName(), size)
    assert.throws(() => shm.map(), { code: 'ERR_TOO_SMALL' })
  }
  using tiny = SharedMemory.create(freshName(), 24)
  assert.throws(() => tiny.spsc(), { code: 'ERR_TOO_SMALL' })
  using odd = SharedMemory.create(freshName(), 124)
  assert.throws(() => odd.spsc(), { code: 'ERR_RANGE', message: /64 or 128/ })
})

test('writes past the end, of nothing, or at strange offsets: refused before the lock is touched', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 20)
  using view = shm.map()
  const before = readFileSync(fileOf(name))
  for (const call of [
    () => view.write(1, 9),
    () => view.write(new Uint8Array(17)),
    () => view.write(new Uint8Array(0)),
    () => view.writeMixed([]),
    () => view.write(1, -1),
    () => view.write(1, 0.5),
    () => view.write(1, 2 ** 60),
    () => view.readRange(0, 0),
    () => view.readRange(0, 17),
    () => view.readRange(17, 1),
    () => view.seek(17),
    () => view.seek(-1),
  ]) {
    assert.throws(call, { code: 'ERR_RANGE' }, String(call))
  }
  for (const bad of ['1', null, {}]) {
    if (bad !== null) assert.throws(() => view.write(1, bad as never), { code: 'ERR_TYPE' })
    assert.throws(() => view.readRange(0, bad as never), { code: 'ERR_TYPE' })
  }
  assert.throws(() => view.write(1, 0, { timeout: -1 }), { code: 'ERR_RANGE' })
  assert.throws(() => shm.map({ timeout: 'soon' as never }), { code: 'ERR_TYPE' })
  assert.deepEqual(readFileSync(fileOf(name)), before)
  assert.equal(view.tell(), 0)
})

test('bytes that throw while they are copied leave the lock free', () => {
  class Bad extends Uint8Array {
    override subarray(): Uint8Array<ArrayBuffer> {
      throw new Error('not now')
    }
    asked = 0
    override get length(): number {
      return 40 + this.asked++
    }
  }
  using view = SharedMemory.create(freshName(), 64).map({ timeout: 5 })
  assert.throws(() => view.write(new Bad(50)), /not now/)
  assert.deepEqual(view.lockState, { state: 'free' })
  view.write(1)
  assert.equal(view.tell(), 8)
})

test('int(n) takes whole numbers that are exact, and says what is wrong with others', () => {
  for (const value of [0, -0, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, 1 - 2 ** 53]) assert.equal(int(value).value, value)
  for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    assert.throws(() => int(value), { code: 'ERR_RANGE' })
  for (const value of ['1', 1n, null, undefined, true, {}, Symbol('1'), int(1)])
    assert.throws(() => int(value as never), { code: 'ERR_TYPE' })
})

test('a read that fails leaves the cursor, an int that is no number too', () => {
  using view = SharedMemory.create(freshName(), 36).map()
  view.write(2n ** 53n)
  view.writeMixed([-(2n ** 60n), int(3)])
  view.seek(0)
  assert.throws(() => view.read('int'), { code: 'ERR_RANGE', message: /9007199254740992/ })
  assert.throws(() => view.readMixed([['int', 2]]), { code: 'ERR_RANGE' })
  assert.equal(view.tell(), 0)
  assert.deepEqual(
    view.readMixed([
      ['i64', 2],
      ['int', 1],
    ]),
    [[2n ** 53n, -(2n ** 60n)], 3],
  )
  view.seek(30)
  assert.throws(() => view.read('str'), { code: 'ERR_RANGE', message: /there are 2/ })
  assert.equal(view.tell(), 30)
})

test('a wrong tag or schema: the message stays, instead of being lost', () => {
  using shm = SharedMemory.create(freshName(), 24 + 64)
  using ring = shm.spsc()
  ring.push('a')
  for (const call of [
    () => ring.pop('int'),
    () => ring.pop('nope' as never),
    () => ring.popMixed([['bool', 60]]),
    () => ring.popMixed([['nope' as never, 0]]),
    () => ring.popMixed([['int', -1]]),
    () =>
      ring.popMixed([
        ['str', 1],
        ['str', 1],
      ]),
  ]) {
    assert.throws(call)
    assert.equal(ring.used, 9)
  }
  assert.equal(ring.pop('str'), 'a')
})

test('an unknown tag on an empty ring: told at once, instead of unnoticed', () => {
  using shm = SharedMemory.create(freshName(), 24 + 64)
  using ring = shm.spsc()
  assert.throws(() => ring.pop('nope' as never), { code: 'ERR_TYPE' })
})

test('an object that is no ring: refused, instead of memory read out of bounds', () => {
  const open = (size: number, head: bigint, tail: bigint, capacity: bigint): unknown => {
    const name = freshName('bad')
    const bytes = Buffer.alloc(size)
    bytes.writeBigUInt64LE(head, 0)
    bytes.writeBigUInt64LE(tail, 8)
    bytes.writeBigUInt64LE(capacity, 16)
    writeFileSync(fileOf(name), bytes)
    using shm = SharedMemory.open(name)
    return shm.spsc()
  }
  assert.throws(() => open(24 + 64, 0n, 0n, 128n), { code: 'ERR_CORRUPT', message: /128.*64/ })
  assert.throws(() => open(24 + 64, 0n, 0n, 2n ** 63n), { code: 'ERR_CORRUPT' })
  assert.throws(() => open(24 + 64, 0n, 65n, 64n), { code: 'ERR_CORRUPT' })
  assert.throws(() => open(24 + 64, 10n, 5n, 64n), { code: 'ERR_CORRUPT' })
  assert.throws(() => open(24 + 64, 0n, 2n ** 32n, 64n), { code: 'ERR_CORRUPT' })
  assert.throws(() => open(24 + 100, 0n, 0n, 100n), { code: 'ERR_CORRUPT' })
})

test('a broken length prefix: an error at once, instead of gigabytes and a ring beyond repair', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 24 + 64)
  using ring = shm.spsc()
  ring.push('ab')
  const bytes = readFileSync(fileOf(name))
  bytes.writeUInt32LE(0xffffffff, 24)
  writeFileSync(fileOf(name), bytes, { flag: 'r+' })
  assert.throws(() => ring.pop(), { code: 'ERR_CORRUPT', message: /4294967295/ })
  assert.equal(ring.used, 10)
  assert.equal(ring.clear(), 10)
})

test('a message that can never fit: refused with both sizes', () => {
  using shm = SharedMemory.create(freshName(), 24 + 64)
  using ring = shm.spsc()
  assert.throws(() => ring.push(new Uint8Array(61)), { code: 'ERR_TOO_LARGE', message: /65.*64/ })
})

test('used and free during traffic: of one moment, never beyond the capacity', () => {
  using shm = SharedMemory.create(freshName(), 24 + 64)
  using ring = shm.spsc()
  for (let i = 0; i < 1000; i++) {
    while (ring.push(new Uint8Array(i % 13)));
    assert.ok(ring.used <= 64 && ring.used + ring.free === 64)
    ring.pop()
  }
})
