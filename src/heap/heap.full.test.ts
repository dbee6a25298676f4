// A full heap is no trap: what frees memory works when there is none, however short the log is. In each test the heap is
// full to its last page, and one operation frees far more than a log in the area of a participant could undo.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../errors.js'
import { Heap, type HeapMap } from './index.js'

const OPTIONS = { maxSize: '4 MiB', participants: 2, undoSize: 4096 }

const isFull = (error: unknown): boolean =>
  ['ERR_NO_SPACE', 'ERR_TX_TOO_BIG'].includes((error as MemlaneError).code ?? '')

/** Stores values of decreasing size until not even the smallest fits. @returns how many keys there are. */
function fill(map: HeapMap, prefix = 'k'): number {
  let count = 0
  let texts = 0
  for (const value of [{ text: 'x'.repeat(300), deep: [{ n: 1 }, 2] }, 'a text of some length', 'another', 1]) {
    texts = count
    for (;;) {
      try {
        map.set(`${prefix}${count}`, value)
        count++
      } catch (error) {
        if (!isFull(error)) throw error
        break
      }
    }
  }
  // And the last holes, with texts in the place of the numbers.
  for (let key = count - 1, length = 6; key >= texts && length < 200; key--) {
    try {
      map.set(`${prefix}${key}`, 'y'.repeat(length))
    } catch (error) {
      if (!isFull(error)) throw error
      length += 6
    }
  }
  return count
}

function withFullMap(work: (heap: Heap, map: HeapMap, keys: string[]) => void): void {
  using heap = Heap.local(OPTIONS)
  const other = heap.map('other')
  other.set('stays', { as: ['it', 'is'] })
  const map = heap.map('full')
  const count = fill(map)
  assert.ok(count > 5000, `${count}`)
  assert.equal(map.size, count)
  work(
    heap,
    map,
    Array.from({ length: count }, (_, i) => `k${i}`),
  )
  heap.verify()
  assert.deepEqual(other.snapshotOf('stays'), { as: ['it', 'is'] })
  // What was freed can be taken, and freed again.
  const again = fill(heap.map('again'))
  assert.ok(again > 0)
  heap.remove('again')
  heap.verify()
}

describe('in a heap that is full to its last page', () => {
  test('a map is cleared', () => {
    withFullMap((_, map) => {
      const live = map.get('k0') as { get(key: string): unknown }
      const cursor = map.cursor()
      cursor.next()
      map.clear()
      assert.equal(map.size, 0)
      assert.throws(() => live.get('text'), { code: 'ERR_STALE' })
      assert.equal(cursor.next(), false)
      map.set('k0', 'new')
      assert.equal(map.get('k0'), 'new')
    })
  })

  test('every key is deleted, one by one, in any order', () => {
    for (const order of [(keys: string[]) => keys, (keys: string[]) => keys.reverse()])
      withFullMap((_, map, keys) => {
        for (const key of order(keys)) assert.ok(map.delete(key), key)
        assert.equal(map.size, 0)
      })
  })

  test('many keys are deleted in one step, all of them or some', () => {
    withFullMap((heap, map, keys) => {
      const live = map.get('k0') as { get(key: string): unknown }
      const half = keys.filter((_, i) => i % 2 === 0)
      assert.throws(() => map.deleteMany([...half, {} as never]), { code: 'ERR_TYPE' })
      assert.equal(map.size, keys.length)
      heap.verify()
      assert.equal(map.deleteMany([...half, ...half, 'none']), half.length)
      assert.throws(() => live.get('text'), { code: 'ERR_STALE' })
      assert.equal(map.size, keys.length - half.length)
      heap.verify()
      for (const [i, key] of keys.entries()) assert.equal(map.has(key), i % 2 === 1, key)
      assert.equal(map.deleteMany(keys), keys.length - half.length)
      assert.equal(map.size, 0)
    })
  })

  test('a structure is removed', () => {
    withFullMap((heap, map) => {
      assert.ok(heap.remove('full'))
      assert.ok(!heap.has('full'))
      assert.throws(() => map.size, { code: 'ERR_STALE' })
    })
  })

  /** One entry, cell or element whose value fills the heap. */
  const huge = (): unknown => Array.from({ length: 12_000 }, (_, i) => ({ i, text: 'a text of some length' }))
  const cyclic = (): unknown => {
    const all = huge() as Record<string, unknown>[]
    for (const one of all) one.all = all
    return all
  }

  for (const [what, make] of Object.entries({ huge, cyclic }))
    test(`a ${what} value is deleted, replaced, popped, shifted and cut off`, () => {
      const other = { left: 'in peace' }
      const within = (use: (heap: Heap) => void): void => {
        using heap = Heap.local(OPTIONS)
        heap.map('m').set('other', other)
        use(heap)
        heap.verify()
        assert.deepEqual(heap.map('m').snapshotOf('other'), other)
        const { used } = heap.stats()
        assert.ok(used < 300_000, `${used} bytes are still used`)
      }
      const fillUp = (heap: Heap): void => {
        fill(heap.map('filler'))
      }
      const emptied = (heap: Heap): void => {
        heap.remove('filler')
      }
      within((heap) => {
        const map = heap.map('m')
        map.set('huge', make())
        fillUp(heap)
        assert.ok(map.delete('huge'))
        assert.ok(!map.has('huge'))
        emptied(heap)
      })
      for (const value of [1, 'a text that needs a block', { small: 'a text that needs a block' }])
        within((heap) => {
          const map = heap.map('m')
          map.set('huge', make())
          fillUp(heap)
          map.set('huge', value)
          assert.deepEqual(map.snapshotOf('huge'), value)
          emptied(heap)
        })
      within((heap) => {
        const cell = heap.cell('c')
        cell.set(make())
        fillUp(heap)
        cell.set('small')
        assert.equal(cell.get(), 'small')
        emptied(heap)
      })
      for (const take of ['pop', 'shift', 'length', 'splice', 'set', 'assign'])
        within((heap) => {
          const list = heap.list('l')
          if (take === 'shift') list.push(make(), 1, 2)
          else list.push(1, 2, make())
          fillUp(heap)
          const at = take === 'shift' ? 0 : 2
          if (take === 'pop') assert.equal((list.pop() as unknown[]).length, 12_000)
          else if (take === 'shift') assert.equal((list.shift() as unknown[]).length, 12_000)
          else if (take === 'length') list.length = 2
          else if (take === 'splice') assert.equal(list.splice(2, 1).length, 1)
          else if (take === 'assign') list.assign([1, 2])
          else list.set(at, 3)
          assert.deepEqual(list.snapshot(), take === 'set' ? [1, 2, 3] : [1, 2])
          emptied(heap)
        })
      within((heap) => {
        const map = heap.map('m')
        map.set('o', { huge: make(), other: 1 })
        fillUp(heap)
        const live = map.get('o') as { set(key: string, value: unknown): void }
        live.set('huge', 'small')
        assert.deepEqual(map.snapshotOf('o'), { huge: 'small', other: 1 })
        emptied(heap)
      })
    })

  test('a long list is cut at its end, its beginning and in the middle', () => {
    const cuts: readonly [number, number, unknown[]][] = [
      [0, 20_000, []],
      [10_000, 10_000, []],
      [0, 15_000, []],
      [3000, 12_000, []],
      [6000, 13_000, ['a', 'new', 'text that needs a block']],
      [19_990, 10, []],
    ]
    for (const [from, count, values] of cuts) {
      using heap = Heap.local(OPTIONS)
      const list = heap.list('l')
      const model: unknown[] = Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? `a text, number ${i}` : i))
      list.pushAll(model)
      const filler = heap.map('filler')
      fill(filler)
      const gone = list.splice(from, count, ...values)
      assert.deepEqual(gone, model.splice(from, count, ...values))
      assert.deepEqual(list.snapshot(), model)
      heap.verify()
      filler.clear()
      list.pushAll(['more'])
      model.push('more')
      list.splice(1, 0, 'between')
      model.splice(1, 0, 'between')
      list.length = Math.min(7, model.length)
      assert.deepEqual(list.snapshot(), model.slice(0, 7))
      list.assign([])
      heap.verify()
      assert.ok(heap.stats().used < 100_000)
    }
  })

  test('watchers hear which keys were deleted, though there is no room for a key', () => {
    using heap = Heap.local(OPTIONS)
    const map = heap.map('m')
    using watcher = map.watch()
    const count = fill(map)
    while (watcher.take() !== undefined);
    const heard: unknown[] = []
    const hear = (): void => {
      for (let change = watcher.take(); change !== undefined; change = watcher.take())
        heard.push(change.type, change.key)
    }
    assert.ok(map.delete('k0'))
    assert.ok(map.delete(`k${count - 1}`))
    heap.transaction(() => map.delete('k1'))
    hear()
    assert.deepEqual(heard, ['delete', 'k0', 'delete', `k${count - 1}`, 'delete', 'k1'])
    heap.verify()
    map.deleteMany(Array.from({ length: count }, (_, i) => `k${i}`))
    heard.length = 0
    hear()
    assert.equal(heard.length, 512)
    assert.equal(heard[511], `k${count - 2}`)
    heap.verify()
    map.set('a key longer than five', 1)
    map.clear()
    heard.length = 0
    hear()
    assert.deepEqual(heard, ['set', 'a key longer than five', 'clear', undefined])
    heap.verify()
  })

  test('a value is replaced by a smaller one inside a transaction, too, and comes back when it fails', () => {
    using heap = Heap.local(OPTIONS)
    const map = heap.map('m')
    const old = { text: 'x'.repeat(2000), list: ['a text of some length', { deep: true }] }
    map.set('a', old)
    fill(map)
    const smaller = { other: 'y'.repeat(500) }
    const before = heap.stats().used
    assert.throws(
      () =>
        heap.transaction(() => {
          map.set('a', smaller)
          assert.deepEqual(map.snapshotOf('a'), smaller)
          throw new Error('no')
        }),
      /no/,
    )
    assert.deepEqual(map.snapshotOf('a'), old)
    assert.equal(heap.stats().used, before)
    heap.verify()
    heap.transaction(() => map.set('a', smaller))
    assert.deepEqual(map.snapshotOf('a'), smaller)
    assert.throws(() => map.set('a', { far: 'z'.repeat(100_000) }), isFull)
    assert.deepEqual(map.snapshotOf('a'), smaller)
    heap.verify()
  })
})
