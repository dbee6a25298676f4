// interop/rememory: what the faces promise, in one process.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { ShmObject } from '../../memory/index.js'
import { refuses } from '../../testing/crew.js'
import { fileOf, freshName, semaphoreFileOf, semaphoreWords } from '../../testing/rememory-names.js'
import { atEveryDepth } from '../../testing/stack.js'
import { RMBlock, RMBool, RMDict, RMFloat, RMInt, RMList, RMLock, RMString, tuple, unlinkRememory } from './index.js'

const bytesOf = (name: string): Buffer => readFileSync(fileOf(name))

test('a dict does what a Map does, in every handle', async () => {
  const name = freshName()
  using dict = RMDict.open<unknown, unknown>(name)
  using other = RMDict.open<unknown, unknown>(name)
  const model = new Map<unknown, unknown>()
  for (let i = 0; i < 200; i++) {
    const key = `k${(i * 7) % 90}`
    dict.set(key, { i, text: 'x'.repeat(i % 50) })
    model.set(key, { i, text: 'x'.repeat(i % 50) })
    if (i % 3 === 0) assert.equal(other.delete(`k${i % 90}`), model.delete(`k${i % 90}`))
    assert.equal(other.size, model.size)
  }
  assert.deepEqual(other.toMap(), model)
  assert.deepEqual([...dict.keys()], [...model.keys()])
  assert.deepEqual([...dict.values()], [...model.values()])
  for (const key of model.keys()) assert.deepEqual(dict.get(key), model.get(key))
  assert.equal(dict.get('none'), undefined)
  assert.equal(dict.pop('none'), undefined)
  dict.set(1, 'int')
  dict.set(true, 'also')
  assert.deepEqual([other.get(1n), other.has(tuple(1))], ['also', false])
  dict.clear()
  assert.equal(other.size, 0)
  await refuses('ERR_TYPE', () => dict.set([], 1), /hash/)
  await refuses('ERR_NOT_CLONEABLE', () => dict.set('f', () => {}))
  assert.equal(dict.size, 0)
})

test('a large dict is changed in place: one item, and no other byte', () => {
  const name = freshName()
  using dict = RMDict.open<string, { score: number; name: string }>(name, { size: '1 MiB' })
  dict.setAll(Array.from({ length: 3000 }, (_, i) => [`k${i}`, { score: i % 256, name: `player-${i}` }]))
  const before = bytesOf(name)
  dict.set('k1500', { score: 7, name: 'player-1500' })
  const changed = [...bytesOf(name)].flatMap((byte, i) => (byte === before[i] ? [] : [i]))
  assert.equal(changed.length, 1)
  dict.set('k1500', { score: 70_000, name: 'Ada' })
  dict.delete('k3')
  dict.set('new', { score: 1, name: 'new' })
  using other = RMDict.open<string, { score: number; name: string }>(name)
  assert.deepEqual(other.get('k1500'), { score: 70_000, name: 'Ada' })
  assert.deepEqual(other.get('k2999'), { score: 2999 % 256, name: 'player-2999' })
  assert.deepEqual([other.size, other.has('k3'), [...other.keys()].at(-1)], [3000, false, 'new'])
  assert.deepEqual(other.toMap(), dict.toMap())
})

test('a function of update that gives nothing: the copy as it left it is stored, and nothing is lost', () => {
  using dict = RMDict.open<string, unknown>(freshName())
  using list = RMList.open<unknown>(freshName())
  using block = RMBlock.open<unknown>(freshName())
  const change = (old: unknown): void => void (old as { n: number }).n++
  dict.set('a', { n: 1 }).set('b', 1)
  list.push({ n: 1 }, 'x')
  block.set({ n: 1 })
  assert.deepEqual(dict.update('a', change), { n: 2 })
  assert.deepEqual(dict.get('a'), { n: 2 })
  list.update(0, change)
  assert.deepEqual(list.at(0), { n: 2 })
  block.update(change)
  assert.deepEqual(block.get(), { n: 2 })
  const nothing = (): undefined => undefined
  for (const update of [
    () => dict.update('b', nothing),
    () => dict.update('none', nothing),
    () => list.update(1, nothing),
  ])
    assert.throws(update, { code: 'ERR_TYPE', message: /return the new value/ })
  block.set('x')
  assert.throws(() => block.update(nothing), { code: 'ERR_TYPE' })
  assert.deepEqual([dict.get('b'), dict.has('none'), list.at(1), block.get()], [1, false, 'x', 'x'])
})

test('update and transaction are one step, and nothing when they throw', async () => {
  const name = freshName()
  using dict = RMDict.open<string, number>(name)
  dict.set('a', 1)
  assert.equal(
    dict.update('a', (a = 0) => a + 1),
    2,
  )
  const before = bytesOf(name)
  const oops = new Error('oops')
  assert.throws(
    () =>
      dict.update('a', () => {
        throw oops
      }),
    oops,
  )
  assert.throws(
    () =>
      dict.transaction(() => {
        dict.set('a', 5)
        dict.set('b', 6)
        assert.equal(dict.get('b'), 6)
        throw oops
      }),
    oops,
  )
  await refuses('ERR_ASYNC', () => dict.update('a', (async () => 1) as never), /promise/)
  await refuses('ERR_ASYNC', () => dict.transaction(async () => dict.set('a', 9)), /promise/)
  await refuses('ERR_NOT_CLONEABLE', () => dict.update('a', (() => () => 1) as never))
  assert.deepEqual(bytesOf(name), before)
  assert.equal(dict.get('a'), 2)
  assert.deepEqual(semaphoreWords(name), [1, 0])
  assert.equal(
    dict.transaction(() => {
      dict.set('b', dict.get('a')! + 1)
      dict.delete('a')
      return 'done'
    }),
    'done',
  )
  assert.deepEqual([...dict], [['b', 3]])
  using other = RMDict.open<string, number>(name)
  await refuses('ERR_BUSY', () => dict.transaction(() => [dict.set('c', 1), other.set('d', 1)]), /another handle/)
  assert.deepEqual(
    [...dict],
    [
      ['b', 3],
      ['d', 1],
    ],
  )
})

test('a list does what an array does', async () => {
  using list = RMList.open<unknown>(freshName())
  assert.equal(list.push('a', { b: 1 }, 'c'), 3)
  list.insert(1, 'between')
  list.insert(99, 'end')
  assert.deepEqual(list.toArray(), ['a', 'between', { b: 1 }, 'c', 'end'])
  assert.deepEqual([list.at(-1), list.at(2), list.at(9)], ['end', { b: 1 }, undefined])
  list.set(-1, 'last')
  assert.equal(
    list.update(0, (item) => `${item}!`),
    'a!',
  )
  assert.equal(list.indexOf({ b: 1 }), 2)
  assert.deepEqual(list.splice(1, 2, 'x'), ['between', { b: 1 }])
  assert.deepEqual([list.shift(), list.pop(), list.delete(7)], ['a!', 'last', undefined])
  assert.equal(list.unshift(1, 2), 4)
  assert.deepEqual([...list], [1, 2, 'x', 'c'])
  list.reverse()
  assert.deepEqual(list.slice(0, 2), ['c', 'x'])
  await refuses('ERR_RANGE', () => list.set(4, 1), /4 items/)
  await refuses('ERR_TYPE', () => list.at('0' as never))
})

test('what is no dict is refused as one, and not changed', async () => {
  const name = freshName()
  using list = RMList.open(name)
  list.push(1)
  const before = bytesOf(name)
  await refuses('ERR_MISMATCH', () => RMDict.open(name), /dict/)
  await refuses('ERR_MISMATCH', () => RMInt.open(name), /65536 bytes; int64 has 8/)
  await refuses('ERR_NOT_FOUND', () => RMDict.open(freshName(), { create: false }))
  for (const bad of ['', 'a/b', '/a', '.', 'a\0', 'x'.repeat(239), '\ud800'])
    await refuses('ERR_NAME', () => RMDict.open(bad), /cannot name/)
  assert.deepEqual(bytesOf(name), before)
})

test('a pickle that cannot be read is kept, until clear() is called', async () => {
  const name = freshName()
  using dict = RMDict.open<string, number>(name)
  dict.set('a', 1)
  {
    using object = ShmObject.open(name)
    object.map(65536).u8[12] = 0xff
  }
  const before = bytesOf(name)
  using other = RMDict.open<string, number>(name)
  for (const one of [dict, other]) {
    await refuses('ERR_CORRUPT', () => one.get('a'), /at byte 12/)
    await refuses('ERR_CORRUPT', () => one.set('b', 1))
    await refuses('ERR_CORRUPT', () => one.transaction(() => {}))
  }
  assert.deepEqual(bytesOf(name), before)
  dict.clear()
  other.set('b', 2)
  assert.deepEqual([...dict], [['b', 2]])
})

test('numbers hold what their width holds, and nothing is stored that does not fit', async () => {
  const name = freshName()
  using int8 = RMInt.open(`${name}a`, { type: 'int8' })
  int8.value = -128
  await refuses('ERR_RANGE', () => int8.set(128), /int8/)
  await refuses('ERR_RANGE', () => int8.add(-1))
  assert.equal(int8.add(1), -127)
  using int64 = RMInt.open(`${name}b`)
  int64.value = 2n ** 63n - 1n
  await refuses('ERR_RANGE', () => int64.add(1n))
  await refuses('ERR_TYPE', () => int64.set(1 as never))
  using float32 = RMFloat.open(`${name}c`, { type: 'float32' })
  float32.value = 1
  await refuses('ERR_RANGE', () => float32.set(1e39), /infinity/)
  assert.equal(float32.value, 1)
  float32.value = Number.POSITIVE_INFINITY
  assert.equal(float32.value, Number.POSITIVE_INFINITY)
  using float = RMFloat.open(`${name}d`)
  assert.equal(float.add(1.5), 1.5)
  using bool = RMBool.open(`${name}e`)
  assert.equal(
    bool.update((on) => !on),
    true,
  )
  await refuses('ERR_TYPE', () => bool.set(1 as never))
})

test('texts are cut at whole characters; what the format loses is refused', async () => {
  const name = freshName()
  using text = RMString.open(name, { size: 8 })
  assert.equal(text.set('12345678'), true)
  assert.equal(text.set('1234567é'), false)
  assert.equal(text.value, '1234567')
  assert.equal(text.set('🎉🎉🎉'), false)
  assert.equal(text.value, '🎉🎉')
  await refuses('ERR_RANGE', () => text.set('a\0'), /NUL/)
  await refuses('ERR_RANGE', () => text.set('\ud800'), /surrogate/)
  assert.equal(text.set('a\0b\ufffd'), true)
  assert.equal(
    text.update((before) => before.slice(0, 1)),
    'a',
  )
})

test('a block holds one value of any kind, or bytes', async () => {
  const name = freshName()
  using block = RMBlock.open<unknown>(name, { size: 64 })
  using other = RMBlock.open<unknown>(name)
  assert.equal(block.value, null)
  block.value = { a: [1] }
  assert.deepEqual(other.get(), { a: [1] })
  other.value = 'x'.repeat(200)
  assert.equal(block.get(), 'x'.repeat(200))
  assert.equal(block.byteLength, 215)
  block.value = 1
  assert.equal(bytesOf(name).subarray(0, 6).toString('hex'), '80044b012e00')
  assert.ok(
    bytesOf(name)
      .subarray(6)
      .every((byte) => byte === 0),
  )
  block.bytes = Uint8Array.of(0, 1)
  assert.equal(other.bytes.length, 215)
  await refuses('ERR_CORRUPT', () => other.get())
})

test('a lock is held around calls that take it, by all handles of the thread', () => {
  const name = freshName()
  using lock = RMLock.open(name, { timeout: 0 })
  using dict = RMDict.open<string, number>(name, { timeout: 0 })
  lock.run(() => {
    assert.equal(lock.isHeld, true)
    dict.set('a', 1)
    using again = RMLock.open(name)
    again.run(() => dict.update('a', (a = 0) => a + 1))
    assert.equal(lock.state.state, 'memlane')
  })
  assert.equal(lock.isHeld, false)
  assert.deepEqual(semaphoreWords(name), [1, 0])
  assert.equal(dict.get('a'), 2)
  const held = lock.acquire()
  lock.close()
  held.release()
  held.release()
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('a stack that is used up never leaves the lock taken', () => {
  const name = freshName()
  using dict = RMDict.open<string, number>(name)
  using int = RMInt.open(`${name}-int`)
  using lock = RMLock.open(name)
  for (const use of [
    () => dict.set('a', 1),
    () => dict.update('a', (a = 0) => a + 1),
    () => dict.transaction(() => dict.set('b', 2)),
    () => int.add(1n),
    () => lock.run(() => dict.get('a')),
  ]) {
    atEveryDepth(use)
    assert.deepEqual(semaphoreWords(name), [1, 0])
    assert.deepEqual(semaphoreWords(`${name}-int`), [1, 0])
  }
  const deep = (n: number): number => 1 + deep(n + 1)
  assert.throws(() => dict.update('a', () => deep(0)), RangeError)
  assert.throws(() => lock.run(() => deep(0)), RangeError)
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('closed is closed, and removed is removed', async () => {
  const name = freshName()
  const dict = RMDict.open<string, number>(name)
  dict.set('a', 1)
  const second = RMDict.open<string, number>(name)
  assert.equal(dict.unlink(), true)
  assert.equal(existsSync(fileOf(name)), false)
  second.set('a', 2)
  assert.equal(dict.get('a'), 2, 'those who have it go on with it')
  assert.equal(existsSync(fileOf(name)), false, 'and do not put back what was removed on purpose')
  // A new one of that name is followed.
  {
    using fresh = RMDict.open<string, number>(name)
    fresh.set('b', 3)
    assert.deepEqual([...dict], [['b', 3]])
    assert.equal(dict.followed, 1)
  }
  dict.close()
  dict.close()
  second.close()
  for (const use of [() => dict.get('a'), () => dict.set('a', 1), () => dict.clear(), () => dict.breakLock()])
    await refuses('ERR_CLOSED', use)
  assert.equal(RMDict.unlink(name, { lock: true }), true)
  assert.equal(unlinkRememory(name), false)
  assert.equal(existsSync(semaphoreFileOf(name)), false)
})

test('an object that lost its name is put back as it was', () => {
  const name = freshName()
  using dict = RMDict.open<string, number>(name)
  using int = RMInt.open(`${name}-int`)
  dict.set('a', 1)
  unlinkSync(fileOf(name))
  assert.equal(dict.get('a'), 1)
  assert.equal(statSync(fileOf(name)).size, 65536)
  using other = RMDict.open<string, number>(name)
  assert.equal(other.get('a'), 1)
  int.set(5n)
})

test('a semaphore that is none is refused', async () => {
  const name = freshName()
  writeFileSync(semaphoreFileOf(name), 'short')
  await refuses('ERR_FOREIGN', () => RMLock.open(name), /5 bytes/)
  await refuses('ERR_FOREIGN', () => RMDict.open(name))
  assert.equal(existsSync(fileOf(name)), false)
})
