// interop/membridge: the lock word, its arithmetic and its rules.

import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { mock, test } from 'node:test'
import fc from 'fast-check'
import { random } from '../../host.js'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { SharedMemory } from './index.js'
import {
  HOLDERS,
  hasWaiters,
  holderOf,
  holderWord,
  incarnationOf,
  isOurs,
  isWriter,
  MOST_INCARNATION,
  MOST_READERS,
  readersLeft,
  withReaders,
  withWaiters,
} from './view.layout.js'

function poke(name: string, word: number): void {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(word)
  const file = openSync(fileOf(name), 'r+')
  writeSync(file, bytes, 0, 4, 0)
  closeSync(file)
}

function word(name: string): number {
  return readFileSync(fileOf(name)).readInt32LE(0)
}

test('a word keeps all it is given, is negative and never -1, and readers that leave change nothing else', () => {
  const parts = fc.record({
    holder: fc.integer({ min: 0, max: HOLDERS - 1 }),
    incarnation: fc.integer({ min: 1, max: MOST_INCARNATION }),
    writer: fc.boolean(),
    waiters: fc.boolean(),
    found: fc.integer({ min: 0, max: MOST_READERS }),
    left: fc.integer({ min: 0, max: MOST_READERS }),
  })
  fc.assert(
    fc.property(parts, ({ holder, incarnation, writer, waiters, found, left }) => {
      const gone = Math.min(left, found)
      let w = withReaders(holderWord(holder, incarnation, writer), found)
      if (waiters) w = withWaiters(w)
      w -= gone // each reader of the package subtracts 1
      assert.equal(w, w | 0)
      assert.ok(w < -1)
      assert.ok(isOurs(w))
      assert.deepEqual(
        [holderOf(w), incarnationOf(w), isWriter(w), hasWaiters(w), readersLeft(w)],
        [holder, incarnation, writer, waiters, found - gone],
      )
    }),
  )
  for (const w of [0, 1, 31, -1, -2, -12345, -(2 ** 31)]) assert.equal(isOurs(w), false, String(w))
})

test('readers of the package do not keep ours out, and are all still counted afterwards', () => {
  const name = freshName()
  using view = SharedMemory.create(name, 64).map()
  for (const readers of [1, 31]) {
    poke(name, readers)
    assert.equal(view.readAll().length, 60)
    assert.equal(word(name), readers)
    assert.equal(view.readerCount, readers)
  }
  poke(name, 32) // more than a word can carry over: wait for one to leave
  assert.throws(() => view.readAll({ timeout: 5 }), { code: 'ERR_TIMEOUT', message: /32 reader/ })
  assert.equal(word(name), 32)
})

test('a writer waits for readers, gives up in time, and leaves the count as it was', () => {
  const name = freshName()
  using view = SharedMemory.create(name, 64).map()
  poke(name, 2)
  assert.throws(() => view.write(1, 0, { timeout: 30 }), { code: 'ERR_TIMEOUT', message: /2 reader/ })
  assert.equal(word(name), 2)
  assert.equal(view.breakLock(), true)
  view.write(1)
  assert.equal(word(name), 0)
  assert.equal(view.breakLock(), false)
})

test('a lock that a Python process left behind costs a timeout, is named, and is broken by hand only', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 64)
  using view = shm.map({ timeout: 20 })
  poke(name, -1)
  assert.equal(view.isWriteLocked, true)
  assert.deepEqual(view.lockState, { state: 'writer' })
  assert.throws(() => view.write(1), { code: 'ERR_TIMEOUT', message: /breakLock/ })
  assert.throws(() => view.read('bool'), { code: 'ERR_TIMEOUT' })
  assert.equal(view.tell(), 0)
  using another = shm.map()
  assert.equal(another.isWriteLocked, true) // map() resets nothing
  assert.equal(view.breakLock(), true)
  view.write(true)
  assert.equal(another.read('bool'), true)
})

test('a negative word that nobody of ours can have written is respected', () => {
  const name = freshName()
  using view = SharedMemory.create(name, 64).map({ timeout: 10 })
  for (const strange of [-2, -12345, -(2 ** 31)]) {
    poke(name, strange)
    assert.throws(() => view.write(1), { code: 'ERR_TIMEOUT' })
    assert.equal(word(name), strange)
    assert.equal(view.breakLock(), true)
  }
})

test('the lock of a handle that is gone is taken over, with the readers it had found', () => {
  const name = freshName()
  using view = SharedMemory.create(name, 64).map({ timeout: 1000 })
  poke(name, holderWord(700, 9, true))
  assert.deepEqual(view.lockState, { state: 'memlane', writing: true, alive: false, readers: 0, lock: 700 })
  assert.equal(view.isWriteLocked, true)
  view.write(1)
  assert.equal(view.recoveries, 1)
  assert.equal(word(name), 0)
  poke(name, withReaders(withWaiters(holderWord(701, 9, false)), 4) - 1)
  assert.equal(view.readerCount, 4) // three of the package and the dead one
  view.readAll()
  assert.equal(view.recoveries, 2)
  assert.equal(word(name), 3)
})

test('a handle that gets the number of a dead one gives its lock back at once', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 64)
  poke(name, withReaders(holderWord(512, 9, true), 2))
  const chosen = mock.method(random, 'below', (limit: number) => limit >> 1)
  using view = shm.map()
  chosen.mock.restore()
  assert.equal(word(name), 2)
  assert.deepEqual(view.lockState, { state: 'readers', readers: 2 })
})

test('a live holder of ours is never robbed, not even by breakLock', () => {
  const name = freshName()
  using shm = SharedMemory.create(name, 64)
  // Two numbers, chosen here: else it would have ours once in a thousand runs, and take the next.
  const chosen = mock.method(random, 'below', (limit: number) => limit >> 1)
  using view = shm.map({ timeout: 30 })
  // Another handle of this process stands for another process: its kernel lock is its own.
  using other = SharedMemory.open(name)
  chosen.mock.mockImplementation((limit: number) => limit >> 2)
  using holder = other.map()
  chosen.mock.restore()
  poke(name, holderWord(256, 128, false))
  assert.equal(view.lockState.state === 'memlane' && view.lockState.alive, true)
  assert.throws(() => view.write(1), { code: 'ERR_TIMEOUT', message: /live Memlane/ })
  assert.throws(() => view.breakLock(), { code: 'ERR_BUSY' })
  holder.close()
  other.close()
  view.write(1)
})
