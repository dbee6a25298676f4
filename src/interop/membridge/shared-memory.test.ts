// interop/membridge: names, creation, opening, removal, and what closed handles say.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { mock, test } from 'node:test'
import { performance } from '../../host.js'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { examine, int, SharedMemory } from './index.js'

test('a name begins with a slash; further leading slashes mean nothing; up to 255 bytes may follow', () => {
  for (const bad of [
    '',
    'demo',
    '/',
    '//',
    '/a/b',
    '/a\0b',
    '/.',
    '/..',
    `/${'x'.repeat(256)}`,
    `/${'é'.repeat(128)}`,
    '/\ud800',
  ]) {
    assert.throws(() => SharedMemory.create(bad, 64), { code: 'ERR_NAME' }, JSON.stringify(bad))
    assert.throws(() => SharedMemory.open(bad), { code: 'ERR_NAME' }, JSON.stringify(bad))
    assert.throws(() => SharedMemory.remove(bad), { code: 'ERR_NAME' }, JSON.stringify(bad))
  }
  assert.throws(() => SharedMemory.open(7 as never), { code: 'ERR_TYPE' })
  const stem = freshName('n')
  const longest = stem + 'x'.repeat(256 - stem.length)
  using shm = SharedMemory.create(longest, 64)
  assert.equal(shm.name, longest)
  using same = SharedMemory.open(`//${longest}`)
  assert.equal(same.name, `//${longest}`)
  assert.equal(SharedMemory.remove(longest), true)
  assert.equal(SharedMemory.remove(longest), false)
})

test('sizes are whole numbers of bytes or text, and are refused before anything is made', () => {
  const name = freshName()
  for (const bad of [0, -1, 1.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
    assert.throws(() => SharedMemory.create(name, bad), { code: 'ERR_RANGE' }, String(bad))
  }
  for (const bad of ['lots', {}, null, 5n])
    assert.throws(() => SharedMemory.create(name, bad as never), { code: 'ERR_TYPE' })
  assert.equal(existsSync(fileOf(name)), false)
  using shm = SharedMemory.create(name, '4 KiB')
  assert.equal(shm.size, 4096)
})

test('create refuses a name that is there; replace makes a new object and leaves the old to its users', () => {
  const name = freshName()
  using first = SharedMemory.create(name, 64)
  using view = first.map()
  view.write('old')
  assert.throws(() => SharedMemory.create(name, 64), { code: 'ERR_EXISTS' })
  using second = SharedMemory.create(name, 128, { replace: true })
  using fresh = second.map()
  assert.equal(
    fresh.readAll().every((byte) => byte === 0),
    true,
  )
  view.seek(0)
  assert.equal(view.read('str'), 'old')
})

test('open takes the size from the object, and refuses another one', () => {
  const name = freshName()
  assert.throws(() => SharedMemory.open(name), { code: 'ERR_NOT_FOUND' })
  writeFileSync(fileOf(name), Buffer.alloc(100))
  using shm = SharedMemory.open(name)
  assert.equal(shm.size, 100)
  using same = SharedMemory.open(name, 100)
  assert.equal(same.size, 100)
  assert.throws(() => SharedMemory.open(name, 101), { code: 'ERR_MISMATCH', message: /100.*101/ })
})

test('createOrOpen makes or opens, and refuses another size', () => {
  const name = freshName()
  using first = SharedMemory.createOrOpen(name, 24 + 64)
  using second = SharedMemory.createOrOpen(name, 24 + 64)
  using a = first.spsc()
  using b = second.spsc()
  a.push('x')
  assert.equal(b.pop('str'), 'x')
  assert.throws(() => SharedMemory.createOrOpen(name, 128), { code: 'ERR_MISMATCH' })
})

test('an object whose creator died before it gave it a size is said to be so, and createOrOpen finishes it', () => {
  const name = freshName()
  writeFileSync(fileOf(name), '')
  assert.throws(() => SharedMemory.open(name), { code: 'ERR_TOO_SMALL' })
  using shm = SharedMemory.createOrOpen(name, 64)
  assert.equal(shm.size, 64)
  using view = shm.map()
  view.write(true)
  // Its maker is who finished it, so there is somebody to initialise a ring.
  const ringName = freshName()
  writeFileSync(fileOf(ringName), '')
  using ring = SharedMemory.createOrOpen(ringName, 24 + 64).spsc()
  assert.equal(ring.push('x'), true)
})

test('an object that gets its size while its opener is held up is opened', () => {
  const name = freshName()
  writeFileSync(fileOf(name), '')
  // The second time it asks for the time it was stopped since the first, for a second.
  const start = performance.now()
  let asked = 0
  const clock = mock.method(performance, 'now', () => {
    if (++asked === 2) truncateSync(fileOf(name), 64)
    return asked === 1 ? start : start + 1000
  })
  try {
    using shm = SharedMemory.open(name)
    assert.equal(shm.size, 64)
  } finally {
    clock.mock.restore()
  }
})

test('permissions are 0600 unless asked for otherwise', () => {
  const name = freshName()
  SharedMemory.create(name, 64).close()
  assert.equal(statSync(fileOf(name)).mode & 0o777, 0o600)
  SharedMemory.create(name, 64, { replace: true, mode: 0o666 }).close()
  assert.equal(statSync(fileOf(name)).mode & 0o777, 0o666)
  assert.throws(() => SharedMemory.create(name, 64, { replace: true, mode: 0o1777 }), { code: 'ERR_RANGE' })
})

test('an object with more holes than there is memory is an error, and the process lives', () => {
  const { blocks, bsize } = statfsSync('/dev/shm')
  const name = freshName('holes')
  writeFileSync(fileOf(name), Buffer.alloc(64))
  truncateSync(fileOf(name), Math.min(blocks * bsize + 2 ** 20, 2 ** 32 - 4096))
  if (blocks * bsize >= 2 ** 32 - 4096) return // too much memory here for a runtime that ends at 4 GiB
  using shm = SharedMemory.open(name)
  assert.throws(() => shm.map(), { code: 'ERR_NO_SPACE' })
  assert.throws(() => SharedMemory.create(freshName('big'), blocks * bsize + 2 ** 20), { code: 'ERR_NO_SPACE' })
})

test('views and rings outlive the handle and the name they came from', () => {
  const name = freshName()
  const shm = SharedMemory.create(name, 64)
  const a = shm.map()
  const b = shm.map()
  shm.close()
  SharedMemory.remove(name)
  a.write('still here')
  assert.equal(b.read('str'), 'still here')
  a.close()
  b.seek(0)
  assert.equal(b.read('str'), 'still here')
  b.close()
  assert.throws(() => shm.map(), { code: 'ERR_CLOSED' })
  assert.throws(() => shm.spsc(), { code: 'ERR_CLOSED' })
  shm.close()
})

test('every method of a closed view or ring says ERR_CLOSED', async () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 24 + 64)
  const view = shm.map()
  view.close()
  view.close()
  assert.equal(view.closed, true)
  const calls: readonly (() => unknown)[] = [
    () => view.write(1),
    () => view.write('a'),
    () => view.writeMixed([1]),
    () => view.read('int'),
    () => view.readMixed([['int', 1]]),
    () => view.readRange(0, 1),
    () => view.readAll(),
    () => view.seek(0),
    () => view.tell(),
    () => view.zero(),
    () => view.readerCount,
    () => view.isWriteLocked,
    () => view.lockState,
    () => view.breakLock(),
  ]
  for (const call of calls) assert.throws(call, { code: 'ERR_CLOSED' }, String(call))
  assert.equal(String(view), 'MappedView(closed)')

  const ring = shm.spsc()
  ring.push(true)
  const waiting = ring.popAsync('str').catch((error) => error) // true is no string: it waits for nothing and says so
  assert.equal((await waiting).code, 'ERR_RANGE')
  ring.pop()
  const pending = [ring.popAsync(), ring.messages().next()]
  ring.close()
  for (const promise of pending) await assert.rejects(promise, { code: 'ERR_CLOSED' })
  const ringCalls: readonly (() => unknown)[] = [
    () => ring.push(1),
    () => ring.pop(),
    () => ring.pop('int'),
    () => ring.popInto(new Uint8Array(1)),
    () => ring.popMixed([]),
    () => ring.messages(),
    () => ring.clear(),
    () => ring.isInitialized,
    () => ring.capacity,
    () => ring.used,
    () => ring.free,
    () => ring.isEmpty,
    () => ring.isFull,
  ]
  for (const call of ringCalls) assert.throws(call, { code: 'ERR_CLOSED' }, String(call))
  await assert.rejects(ring.popAsync(), { code: 'ERR_CLOSED' })
  await assert.rejects(ring.pushAsync(1), { code: 'ERR_CLOSED' })
})

test('a peer that cuts the object is an error, not the end of the process', () => {
  const name = freshName('cut')
  using shm = SharedMemory.create(name, 3 * 4096)
  using view = shm.map()
  view.write(new Uint8Array(view.size).fill(9))
  truncateSync(fileOf(name), 100)
  assert.throws(() => view.readAll(), { code: 'ERR_TRUNCATED' })
  assert.throws(() => view.write(1, 5000), { code: 'ERR_TRUNCATED' })

  const ringName = freshName('cut')
  using ringShm = SharedMemory.create(ringName, 24 + 4096 * 2)
  using ring = ringShm.spsc()
  using other = SharedMemory.open(ringName).spsc()
  ring.push(new Uint8Array(6000))
  truncateSync(fileOf(ringName), 0)
  assert.throws(() => other.pop(), { code: 'ERR_TRUNCATED' })
  assert.throws(() => ring.push(new Uint8Array(1000)), { code: 'ERR_TRUNCATED' })
})

test('examine looks at an object of either kind and changes nothing', () => {
  const name = freshName('look')
  using shm = SharedMemory.create(name, 24 + 64)
  using ring = shm.spsc()
  ring.push(int(5))
  const before = readFileSync(fileOf(name))
  assert.deepEqual(examine(name), { size: 88, guess: 'ring', used: 12 })
  assert.deepEqual(readFileSync(fileOf(name)), before)
  const viewName = freshName('look')
  writeFileSync(fileOf(viewName), Buffer.from([255, 255, 255, 255, 0, 0]))
  assert.deepEqual(examine(viewName), { size: 6, guess: 'view', lock: { state: 'writer' } })
  writeFileSync(fileOf(viewName), Buffer.from([3]))
  assert.equal(examine(viewName).guess, 'nothing')
})
