// Property names come and go: what no object has is freed, and dictionaries do not fill the heap with shapes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap, type HeapObject } from './index.js'
import { churnOfNames } from './testing/names.js'

const OPTIONS = { maxSize: '16 MiB', participants: 4 }

test('some hundred thousand names go through a heap of 16 MiB, and it is as empty as before', (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.diagnostic(`seed ${seed}`)
  using heap = Heap.local(OPTIONS)
  churnOfNames(heap, 200_000, seed)
})

test('names of a megabyte do not stay', () => {
  using heap = Heap.local(OPTIONS)
  const map = heap.map('m')
  for (let i = 0; i < 200; i++) {
    map.set('k', { [`${'x'.repeat(2 ** 20)}${i}`]: i })
    assert.equal(Object.values(map.snapshotOf('k') as object)[0], i)
  }
  map.clear()
  heap.verify()
  assert.ok(heap.stats().used < 100_000)
})

test('objects keep their names while those of others are freed, in every handle', () => {
  using heap = Heap.local(OPTIONS)
  using other = Heap.attachLocal(heap.segment.memory.buffer as SharedArrayBuffer)
  const map = heap.map('m')
  const theirs = other.map('m')
  const kept = { name: 'Ada', score: 1, tags: { a: 1, b: { c: 2 } } }
  map.set('kept', kept)
  const live = theirs.get('kept') as HeapObject
  assert.equal(live.get('score'), 1)
  let made = 0
  for (let round = 0; round < 6; round++) {
    // More than there is room for, by one handle after the other.
    for (let i = 0; i < 3000; i++) (round % 2 === 0 ? map : theirs).set('k', { [`name ${made++}`]: { score: i } })
    live.set('score', round)
    assert.deepEqual(map.snapshotOf('kept'), { ...kept, score: round })
    // The same names in the same order, by who knew them before, and by who did not.
    map.set('again', { name: 'Bo', score: 2, tags: { a: 3, b: { c: 4 } } })
    theirs.set('more', { name: 'Cy', score: 3, late: round })
    assert.deepEqual(theirs.snapshotOf('again'), { name: 'Bo', score: 2, tags: { a: 3, b: { c: 4 } } })
    assert.deepEqual(map.snapshotOf('more'), { name: 'Cy', score: 3, late: round })
    heap.verify()
  }
  assert.ok(heap.stats().shapes < 2100)
})

test('names that were freed in a transaction that fails are there again', () => {
  using heap = Heap.local({ maxSize: '4 MiB', participants: 2 })
  const map = heap.map('m')
  for (let i = 0; i < 300; i++) map.set(i, { [`kept ${i}`]: i })
  const before = heap.stats()
  for (const fails of ['inner', 'outer']) {
    const act = (): void => {
      for (let i = 0; i < 300; i++) map.set(i, { [`kept ${i}`]: i, more: i })
      for (let i = 0; i < 700; i++) map.set('k', { [`gone ${i}`]: { deep: i } })
      throw new Error(fails)
    }
    if (fails === 'outer') assert.throws(() => heap.transaction(act), { message: fails })
    else
      heap.transaction(() => {
        map.set('stays', { new: 'name' })
        assert.throws(() => heap.transaction(act), { message: fails })
        for (let i = 0; i < 700; i++) map.set('k', { [`later ${i}`]: { deep: i } })
        map.delete('k')
        map.delete('stays')
      })
    heap.verify()
    for (let i = 0; i < 300; i++) assert.deepEqual(map.snapshotOf(i), { [`kept ${i}`]: i })
  }
  map.set('k', { 'a new name': 1 })
  assert.deepEqual(map.snapshotOf('k'), { 'a new name': 1 })
  map.delete('k')
  assert.equal(map.size, 300)
  assert.ok(heap.stats().used < before.used + 100_000)
})

test('an object that is being stored keeps its names, whatever its getters store', () => {
  using heap = Heap.local({ maxSize: '1 MiB', participants: 2 })
  const map = heap.map('m')
  const value = {
    first: 1,
    get second() {
      for (let i = 0; i < 120; i++) map.set('k', { [`inside ${i}`]: { [`deep ${i}`]: 1 } })
      return { third: 3 }
    },
  }
  map.set('value', value)
  assert.deepEqual(map.snapshotOf('value'), { first: 1, second: { third: 3 } })
  heap.verify()
})
