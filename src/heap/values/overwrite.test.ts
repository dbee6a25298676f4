// heap/values: what is stored over a value of the same form, by example.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap, type HeapObject } from '../index.js'

const open = () => Heap.local({ maxSize: '8 MiB', participants: 4 })
const row = (score: unknown, name: unknown, seen: unknown = null): object => ({ score, name, seen })

test('a row over a row of the same shape takes no memory and frees none', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', row(1, 'a name of some length'))
  const { used, blocks } = heap.stats()
  for (const value of [
    row(2, 'a name of some length'),
    row(2.5, 'a name of this length'),
    row(-0, 'a name of that lengt'),
    row(Number.NaN, 'a name of\u00e4\u00ff that'),
    row(undefined, 'a name of\0zeros\0\0\0'),
    row('short', 'a name of some length', true),
    row('', 'a name of some length', 'also'),
  ]) {
    map.set('a', value)
    assert.deepEqual(map.snapshotOf('a'), value)
    heap.verify()
  }
  assert.deepEqual({ used: heap.stats().used, blocks: heap.stats().blocks }, { used, blocks })
})

test('texts of every length and width over each other come back whole', () => {
  using heap = open()
  const map = heap.map('m')
  const list = heap.list('l')
  const cell = heap.cell('c')
  const texts = Array.from({ length: 60 }, (_, n) => [
    'x'.repeat(n),
    `${'y'.repeat(n)}\u00ff`,
    `${'z'.repeat(n)}\u6f22`,
  ])
  const all = texts.flat()
  for (let i = 0; i < all.length; i++) {
    for (const j of [i, i + 1, i + 3, i + 7, i + 100]) {
      const before = all[i]!
      const after = all[j % all.length]!
      map.set('text', before)
      map.set('row', row(before, before))
      list.set(0, before)
      cell.set(before)
      map.set('text', after)
      list.set(0, after)
      cell.set(after)
      map.set('row', row(after, before))
      const live = map.get('row') as HeapObject
      live.set('name', after)
      assert.deepEqual([map.get('text'), list.get(0), cell.get()], [after, after, after])
      assert.deepEqual(live.snapshot(), row(after, after))
    }
    heap.verify()
  }
})

test('a handle to a row that was overwritten is stale, like one to any value that was replaced', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', row(1, 'the first of them'))
  const old = map.get('a') as HeapObject
  map.set('a', row(2, 'the second of them'))
  assert.throws(() => old.get('score'), { code: 'ERR_STALE' })
  assert.throws(() => old.set('score', 3), { code: 'ERR_STALE' })
  assert.equal((map.get('a') as HeapObject).get('score'), 2)
  assert.equal(old.same(map.get('a')), false)
})

test('a handle from a transaction that failed fits no later value', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', row(1, 'the first of them'))
  const first = map.get('a') as HeapObject
  let inside: HeapObject | undefined
  assert.throws(() =>
    heap.transaction(() => {
      map.set('a', row(2, 'the second of them'))
      inside = map.get('a') as HeapObject
      throw new Error('abort')
    }),
  )
  assert.throws(() => inside!.get('score'), { code: 'ERR_STALE' })
  assert.equal(first.get('score'), 1)
  map.set('a', row(3, 'the third of them'))
  assert.throws(() => inside!.get('score'), { code: 'ERR_STALE' })
  assert.throws(() => first.get('score'), { code: 'ERR_STALE' })
})

test('getters of a value run once, in order, and see what was there before', () => {
  using heap = open()
  const map = heap.map('m')
  for (const name of ['a text that is flat', { not: 'flat' }]) {
    map.set('a', row(1, 'the first of them'))
    const seen: unknown[] = []
    map.set('a', {
      get score() {
        seen.push('score')
        return 5
      },
      get name() {
        seen.push((map.get('a') as HeapObject).get('score'))
        return name
      },
      get seen() {
        seen.push((map.get('a') as HeapObject).get('name'))
        return true
      },
    })
    assert.deepEqual(seen, ['score', 1, 'the first of them'])
    assert.deepEqual(map.snapshotOf('a'), row(5, name, true))
    heap.verify()
  }
})

test('a getter that changes the very entry is refused, and one that changes another is kept', () => {
  using heap = open()
  const map = heap.map('m')
  const setBy = (work: () => void): void =>
    map.set('a', {
      get score() {
        work()
        return 5
      },
      name: 'the second of them',
      seen: null,
    })
  map.set('a', row(1, 'the first of them'))
  assert.throws(() => setBy(() => map.delete('a')), { code: 'ERR_STALE' })
  assert.deepEqual(map.snapshotOf('a'), row(1, 'the first of them'))
  setBy(() => map.set('b', row(1, 'another row')))
  assert.deepEqual(map.snapshotOf('a'), row(5, 'the second of them'))
  assert.deepEqual(map.snapshotOf('b'), row(1, 'another row'))
  assert.throws(
    () =>
      setBy(() => {
        throw new Error('stop')
      }),
    /stop/,
  )
  assert.deepEqual(map.snapshotOf('a'), row(5, 'the second of them'))
  heap.verify()
})

test('rows with parts of their own, shared parts, or other names are stored anew', () => {
  using heap = open()
  const map = heap.map('m')
  const { blocks } = heap.stats()
  const inner = { x: 1 }
  const self: Record<string, unknown> = { score: 1, name: 'itself', seen: null }
  self.seen = self
  for (const value of [
    row(1, 'a name of some length'),
    row(1, inner, inner),
    row(1, 'a name of some length'),
    row(2n ** 80n, 'a name of some length'),
    row(1, 'a name of some length'),
    { name: 'a name of some length', score: 1, seen: null },
    { name: 'a name of some length', score: 1 },
    Object.assign(Object.create(null), row(1, 'a name of some length')),
    row(1, [1, 'a name of some length']),
    row(1, new Date(5)),
  ]) {
    map.set('a', value)
    assert.deepEqual(map.snapshotOf('a'), { ...value })
    heap.verify()
  }
  map.set('a', self)
  map.set('a', row(1, 'a name of some length'))
  map.set('a', map.get('a'))
  assert.deepEqual(map.snapshotOf('a'), row(1, 'a name of some length'))
  map.clear()
  heap.verify()
  // The shapes that were made stay: a name and the shape itself for each.
  assert.equal((heap.stats().blocks - blocks) % 2, 0)
})

test('watchers hear of a row that was overwritten', () => {
  using heap = open()
  const map = heap.map('m')
  map.set('a', row(1, 'the first of them'))
  using watcher = map.watch()
  map.set('a', row(2, 'the first of them'))
  map.set('a', row(2, 'the first of them'))
  assert.deepEqual(
    [watcher.take(), watcher.take(), watcher.take()],
    [{ type: 'set', key: 'a', coalesced: 0 }, { type: 'set', key: 'a', coalesced: 0 }, undefined],
  )
})
