// heap: what its structures promise, by example.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap, type HeapList, HeapObject } from './index.js'
import { churn } from './testing/churn.js'

const open = (options: object = {}) => Heap.local({ maxSize: '8 MiB', participants: 4, ...options })

test('a map gives back what was stored, and says what is not there', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', 1)
  map.set('b', 2.5)
  map.set('c', 'hello')
  map.set('d', 'a string that is longer than five characters, and than ten')
  map.set('e', undefined)
  assert.equal(map.get('a'), 1)
  assert.equal(map.get('b'), 2.5)
  assert.equal(map.get('c'), 'hello')
  assert.equal(map.get('d'), 'a string that is longer than five characters, and than ten')
  assert.equal(map.get('e'), undefined)
  assert.equal(map.has('e'), true)
  assert.equal(map.get('z'), undefined)
  assert.equal(map.size, 5)
  assert.equal(map.delete('a'), true)
  assert.equal(map.delete('a'), false)
  assert.equal(map.size, 4)
  heap.verify()
  map.clear()
  assert.equal(map.size, 0)
  heap.verify()
})

test('keys compare as Map compares them, whatever their type', () => {
  using heap = open()
  const map = heap.map('m')
  const keys = [
    '',
    '1',
    1,
    1n,
    -1n,
    2n ** 200n,
    0,
    true,
    false,
    null,
    undefined,
    Number.NaN,
    1.5,
    '\ud800',
    'ä',
    '漢',
    '__proto__',
    'x'.repeat(100_000),
    'x'.repeat(2 ** 20),
    'ü€'.repeat(2 ** 19),
  ]
  for (const [i, key] of keys.entries()) map.set(key, i)
  for (const [i, key] of keys.entries()) assert.equal(map.get(key), i, String(key))
  map.set(-0, 'zero')
  assert.equal(map.get(0), 'zero')
  assert.deepEqual([...map.snapshot().keys()], keys)
  heap.verify()
  assert.throws(() => map.get(Symbol('s') as never), { code: 'ERR_TYPE' })
})

test('a live object shows changes at once, and nested ones too', () => {
  using heap = open()
  const map = heap.map('players')
  map.set('ada', { score: 1, tags: ['new'], home: { x: 1, y: 2 } })
  const ada = map.get('ada') as HeapObject
  assert.ok(ada instanceof HeapObject)
  ada.set('score', 2)
  ada.set('extra', { deep: [1, 2, { three: 3 }] })
  ;(ada.get('tags') as HeapList).push('admin', 5)
  assert.deepEqual(map.snapshotOf('ada'), {
    score: 2,
    tags: ['new', 'admin', 5],
    home: { x: 1, y: 2 },
    extra: { deep: [1, 2, { three: 3 }] },
  })
  assert.equal(ada.delete('home'), true)
  assert.deepEqual(ada.keys(), ['score', 'tags', 'extra'])
  heap.verify()
  map.set('ada', 1)
  assert.throws(() => ada.get('score'), { code: 'ERR_STALE' })
  heap.verify()
})

test('objects with many or odd keys keep them all', () => {
  using heap = open()
  const map = heap.map('m')
  const big = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key${i}`, i]))
  map.set('big', big)
  assert.deepEqual(map.snapshotOf('big'), big)
  const odd = JSON.parse('{"__proto__": 1, "constructor": 2, "b": 3, "10": 4, "9": 5}')
  map.set('odd', odd)
  assert.deepEqual(map.snapshotOf('odd'), odd)
  assert.deepEqual((map.get('odd') as HeapObject).keys(), ['9', '10', '__proto__', 'constructor', 'b'])
  const live = map.get('big') as HeapObject
  live.set('more', 'x')
  live.delete('key5')
  assert.equal(live.get('key6'), 6)
  assert.equal(live.has('key5'), false)
  heap.verify()
  const growing = { a: 0 }
  map.set('g', growing)
  const g = map.get('g') as HeapObject
  for (let i = 0; i < 200; i++) g.set(`p${i}`, `value number ${i}`)
  for (let i = 0; i < 200; i++) assert.equal(g.get(`p${i}`), `value number ${i}`)
  heap.verify()
  map.clear()
  heap.verify()
})

test('a transaction is all or nothing', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', 1)
  assert.throws(
    () =>
      heap.transaction(() => {
        map.set('a', 2)
        map.set('b', { x: [1, 2, 3] })
        map.delete('a')
        throw new Error('no')
      }),
    /no/,
  )
  assert.equal(map.get('a'), 1)
  assert.equal(map.size, 1)
  heap.verify()
  assert.throws(() => heap.transaction(async () => {}), { code: 'ERR_ASYNC' })
  heap.transaction(() => {
    map.set('a', 5)
    assert.throws(() => map.set('f', { bad: { deep: [1, () => 1] } }), {
      code: 'ERR_NOT_CLONEABLE',
      message: /value\.bad\.deep\[1\]/,
    })
    assert.equal(map.get('a'), 5)
  })
  assert.equal(map.get('a'), 5)
  assert.equal(map.has('f'), false)
  heap.verify()
})

test('a list works as an array does', () => {
  using heap = open()
  const list = heap.list('l')
  const model: unknown[] = []
  for (let i = 0; i < 1000; i++) {
    list.push(`item ${i}`)
    model.push(`item ${i}`)
  }
  assert.deepEqual(list.snapshot(), model)
  for (let i = 0; i < 300; i++) assert.equal(list.shift(), model.shift())
  for (let i = 0; i < 300; i++) assert.equal(list.unshift(i), model.unshift(i))
  assert.deepEqual(list.splice(100, 50, 'a', 'b', { c: 1 }), model.splice(100, 50, 'a', 'b', { c: 1 }))
  assert.deepEqual(list.snapshot(), model)
  heap.verify()
  list.set(2000, 'far')
  model[2000] = 'far'
  assert.deepEqual(list.snapshot(), model)
  list.length = 10
  model.length = 10
  assert.deepEqual(list.snapshot(), model)
  heap.verify()
  while (list.length > 0) assert.deepEqual(list.pop(), model.pop())
  heap.verify()
})

test('shared and cyclic references are kept, and freed once', () => {
  using heap = open()
  const map = heap.map('m')
  const inner = { n: 1 }
  const value: Record<string, unknown> = { a: inner, b: inner, list: [inner], m: new Map([[1, inner]]) }
  value.self = value
  map.set('v', value)
  const copy = map.snapshotOf('v') as typeof value
  assert.equal(copy.a, copy.b)
  assert.equal(copy.self, copy)
  assert.equal((copy.m as Map<number, unknown>).get(1), copy.a)
  heap.verify()
  const live = map.get('v') as HeapObject
  live.set('a', 1)
  heap.verify()
  assert.deepEqual((live.get('b') as HeapObject).snapshot(), inner)
  live.set('b', 1)
  live.set('list', 1)
  heap.verify()
  live.set('m', 2)
  heap.verify()
  map.delete('v')
  heap.verify()
})

test('every value of structured clone comes back as structuredClone gives it', () => {
  using heap = open()
  const map = heap.map('m')
  const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer
  const values: unknown[] = [
    undefined,
    null,
    true,
    false,
    0,
    -0,
    1,
    -1,
    1.5,
    Number.NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    -(2 ** 31),
    2 ** 53,
    '',
    'a',
    'äöüß1',
    'exactly5',
    '\ud800 alone',
    '漢字',
    'x'.repeat(10_000),
    0n,
    -5n,
    2n ** 64n,
    -(2n ** 1000n),
    new Date(5),
    /a+/gi,
    new Map<unknown, unknown>([[{ a: 1 }, new Set([1, 'two'])]]),
    new Set(),
    Object.assign(new Array(3), { 0: 1, 2: 3 }),
    [],
    {},
    Object(1),
    Object('s'),
    Object(false),
    Object(5n),
    buffer,
    new Uint16Array(buffer, 2, 2),
    new Float64Array([1.5, -0]),
    new DataView(buffer, 1, 3),
    new BigInt64Array([1n, -1n]),
    new ArrayBuffer(0),
  ]
  for (const [i, value] of values.entries()) map.set(i, value)
  for (const [i, value] of values.entries()) assert.deepEqual(map.snapshotOf(i), structuredClone(value), `value ${i}`)
  heap.verify()
  map.set('never', new Date(Number.NaN))
  assert.ok(Number.isNaN((map.get('never') as Date).getTime()))
  const error = new RangeError('far', { cause: { why: 1 } })
  map.set('error', error)
  const back = map.get('error') as RangeError
  assert.ok(back instanceof RangeError)
  assert.equal(back.message, 'far')
  assert.equal(back.stack, error.stack)
  assert.deepEqual(back.cause, { why: 1 })
  for (const bad of [() => 1, Symbol('x'), new WeakMap(), Promise.resolve(), new SharedArrayBuffer(8)]) {
    assert.throws(() => map.set('bad', { list: [0, bad] }), { code: 'ERR_NOT_CLONEABLE', message: /value\.list\[1\]/ })
  }
  map.clear()
  heap.verify()
})

test('a removed structure is stale, and its memory free', () => {
  using heap = open()
  const before = heap.stats().used
  const map = heap.map('m')
  map.set('k', { a: 1 })
  const value = map.get('k') as HeapObject
  assert.throws(() => heap.list('m'), { code: 'ERR_KIND' })
  assert.deepEqual(heap.names(), [{ name: 'm', kind: 'map' }])
  assert.equal(heap.remove('m'), true)
  assert.throws(() => map.get('k'), { code: 'ERR_STALE' })
  assert.throws(() => map.set('k', 1), { code: 'ERR_STALE' })
  assert.throws(() => value.get('a'), { code: 'ERR_STALE' })
  heap.verify()
  // The shape {a} stays.
  assert.ok(heap.stats().used - before < 200)
})

test('a full heap says so, rolls back, and goes on', () => {
  using heap = open({ maxSize: '1 MiB' })
  const map = heap.map('m')
  let stored = 0
  assert.throws(
    () => {
      for (; ; stored++) map.set(stored, `${stored} `.repeat(100))
    },
    { code: 'ERR_NO_SPACE' },
  )
  heap.verify()
  assert.equal(map.size, stored)
  assert.equal(map.get(stored - 1), `${stored - 1} `.repeat(100))
  for (let i = 0; i < 50; i++) map.delete(i)
  map.set('again', 'x')
  map.clear()
  heap.verify()
})

test('an aborted transaction gives an empty span back as it was, although its pages were carved for another size meanwhile', () => {
  const values = [2n ** 40n, 'x'.repeat(30), { a: 1 }, [1, 2, 3], { a: { b: 'y'.repeat(100) } }, new Uint8Array(300)]
  for (const first of [...values, 1]) {
    for (const second of values) {
      // Few pages, so that the empty span of what was deleted is carved anew.
      using heap = open({ maxSize: '1 MiB' })
      const map = heap.map('m')
      map.set('key10', first)
      map.clear()
      let live: unknown
      assert.throws(
        () =>
          heap.transaction(() => {
            map.set('a key of its own block', second)
            live = map.get('a key of its own block')
            throw new RangeError('abort')
          }),
        RangeError,
      )
      heap.verify()
      if (live instanceof HeapObject) assert.throws(() => (live as HeapObject).get('a'), { code: 'ERR_STALE' })
      map.set('key10', second)
      map.set('b', first)
      heap.verify()
      if (live instanceof HeapObject) assert.throws(() => (live as HeapObject).get('a'), { code: 'ERR_STALE' })
    }
  }
})

test('iteration sees what is added and not what is deleted before its turn', () => {
  using heap = open()
  const map = heap.map('m')
  for (let i = 0; i < 500; i++) map.set(i, i * 2)
  const seen: unknown[] = []
  const cursor = map.cursor()
  while (cursor.next()) {
    seen.push(cursor.key)
    assert.equal(cursor.value, (cursor.key as number) * 2)
    if (cursor.key === 10) for (let i = 11; i < 400; i++) map.delete(i)
    if (cursor.key === 450) map.set(1000, 2000)
  }
  assert.deepEqual(seen, [...Array(11).keys(), ...Array.from({ length: 100 }, (_, i) => 400 + i), 1000])
})

test('watchers are told of changes, nested ones too', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', { n: 1 })
  const all = map.watch()
  const one = map.watch({ key: 'a' })
  ;(map.get('a') as HeapObject).set('n', 2)
  map.set('b', 1)
  map.delete('b')
  assert.deepEqual(all.take(), { type: 'set', key: 'a', coalesced: 0 })
  assert.deepEqual(all.take(), { type: 'set', key: 'b', coalesced: 0 })
  assert.deepEqual(all.take(), { type: 'delete', key: 'b', coalesced: 0 })
  assert.equal(all.take(), undefined)
  assert.deepEqual(one.take(), { type: 'set', key: 'a', coalesced: 0 })
  for (let i = 0; i < 1000; i++) map.set(`key number ${i}`, i)
  let sum = 0
  for (let change = all.take(); change !== undefined; change = all.take()) sum += 1 + change.coalesced
  assert.equal(sum, 1000)
  heap.verify()
  all.close()
  one.close()
  heap.verify()
  heap.remove('m')
  heap.verify()
})

test('a churn of mixed sizes ends with the bytes it began with, and its peak stays within 1.5 of the living', () => {
  using heap = open({ maxSize: '64 MiB' })
  const { worst, usedBefore, usedAfter } = churn(heap, 200_000, 12_000, 7)
  assert.equal(usedAfter, usedBefore)
  assert.ok(worst <= 1.5, `peak ${worst}`)
})

test('clearing and removing large maps fits into one transaction', () => {
  using heap = open({ maxSize: '64 MiB' })
  const map = heap.map('m')
  for (let i = 0; i < 100_000; i++) map.set(`key ${i}`, i)
  for (let i = 0; i < 2000; i++) map.set(i, { a: `text number ${i}`, b: [i] })
  map.clear()
  heap.verify()
  for (let i = 0; i < 50_000; i++) map.set(i, `${i} and a text that needs a block`)
  heap.remove('m')
  heap.verify()
})

test('values nest as deep as they may, and deeper ones are refused with a code', () => {
  using heap = open()
  const map = heap.map('m')
  let deep: unknown = 1
  for (let i = 0; i < 900; i++) deep = i % 2 === 0 ? [deep] : { deep }
  map.set('deep', deep)
  assert.deepEqual(map.snapshotOf('deep'), deep)
  for (let i = 0; i < 5000; i++) deep = [deep]
  assert.throws(() => map.set('too deep', deep), { code: 'ERR_RANGE' })
  // Built step by step it may be deeper; freeing it needs no stack.
  map.set('chain', {})
  let at = map.get('chain') as HeapObject
  for (let i = 0; i < 20_000; i++) {
    at.set('next', {})
    at = at.get('next') as HeapObject
  }
  assert.throws(() => map.snapshotOf('chain'), { code: 'ERR_RANGE' })
  map.clear()
  heap.verify()
})

test('iteration goes on over deletion of the very entry it stands on', () => {
  using heap = open()
  const map = heap.map('m')
  for (let i = 0; i < 300; i++) map.set(i, i)
  const cursor = map.cursor()
  const seen: unknown[] = []
  while (cursor.next()) {
    seen.push(cursor.key)
    map.delete(cursor.key)
  }
  assert.equal(seen.length, 300)
  map.set('again', 1)
  assert.equal(cursor.next(), false)
  const other = map.cursor()
  map.clear()
  map.set('x', 1)
  assert.equal(other.next(), true)
  assert.equal(other.key, 'x')
})

test('handles are the same when they stand for one object of one heap', () => {
  using heap = open()
  using other = open()
  for (const one of [heap, other]) one.map('m').set('k', { a: 1 })
  using again = Heap.attachLocal(heap.segment.memory.buffer as SharedArrayBuffer)
  const value = heap.map('m').get('k') as HeapObject
  assert.equal(value.same(heap.map('m').get('k')), true)
  assert.equal(value.same(again.map('m').get('k')), true)
  assert.equal(value.same(other.map('m').get('k')), false)
  heap.map('m').set('k', { a: 1 })
  assert.equal(value.same(heap.map('m').get('k')), false)
})

test('identical hashes share a bucket chain, slow but right', () => {
  using heap = open()
  // Every key hashes alike: what an attacker who knew the seed would do.
  heap.core.index.hash = () => 0x12345678
  const map = heap.map('m')
  for (let i = 0; i < 1000; i++) map.set(`key ${i}`, i)
  for (let i = 0; i < 1000; i++) assert.equal(map.get(`key ${i}`), i)
  heap.verify()
  for (let i = 0; i < 1000; i += 2) assert.equal(map.delete(`key ${i}`), true)
  for (let i = 0; i < 1000; i++) assert.equal(map.get(`key ${i}`), i % 2 === 0 ? undefined : i)
  heap.verify()
  for (let i = 1; i < 1000; i += 2) map.delete(`key ${i}`)
  heap.verify()
  assert.equal(map.size, 0)
})
