// collections: after close() everything says so, with a code, on every runtime.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BACKENDS } from './testing/backends.js'

for (const backend of BACKENDS) {
  describe(`closed over ${backend.name}`, () => {
    test('whatever is done with a closed heap and what came out of it is ERR_CLOSED, and harms no other handle', () => {
      using pair = backend.open()
      const { heap, other } = pair
      const map = heap.map<string, { n: number; list: number[] }>('map')
      const list = heap.list<unknown>('list')
      const set = heap.set<number>('set')
      const string = heap.string('string')
      const int = heap.int('int')
      map.set('a', { n: 1, list: [1] })
      list.push(1, { deep: 1 })
      set.add(1)
      const live = map.get('a')!
      const inner = live.list
      const entries = map.entries()
      entries.next()
      const changes = map.watch()
      heap.close()
      heap.close()
      const all: Record<string, () => unknown> = {
        get: () => map.get('a'),
        has: () => map.has('a'),
        size: () => map.size,
        set: () => map.set('a', { n: 2, list: [] }),
        delete: () => map.delete('a'),
        clear: () => map.clear(),
        add: () => map.add('n', 1),
        update: () => map.update('a', (value) => value),
        getOrInsert: () => map.getOrInsert('b', { n: 1, list: [] }),
        setMany: () => map.setMany([['b', { n: 1, list: [] }]]),
        snapshot: () => map.snapshot(),
        'snapshot of one': () => map.snapshot('a'),
        iterate: () => [...map],
        'go on iterating': () => [...entries],
        watch: () => map.watch(),
        'live get': () => live.n,
        'live set': () => {
          live.n = 2
        },
        'live has': () => 'n' in live,
        'live keys': () => Object.keys(live),
        'live delete': () => delete (live as { n?: number }).n,
        'live list': () => inner[0],
        'live push': () => inner.push(2),
        'list length': () => list.length,
        'list loop': () => {
          for (let i = 0; i < list.length; i++) void list[i]
        },
        'list get': () => list[0],
        'list set': () => {
          list[0] = 2
        },
        'list push': () => list.push(2),
        'list iterate': () => [...list],
        'list slice': () => list.slice(),
        'list sort': () => list.sort(),
        'list snapshot': () => list.snapshot(),
        'set has': () => set.has(1),
        'set add': () => set.add(2),
        'set iterate': () => [...set],
        'set union': () => set.union(new Set([2])),
        string: () => string.value,
        'string set': () => string.set('x'),
        int: () => int.value,
        'int add': () => int.add(1),
        'int wait': () => int.wait(1, { timeout: 1 }),
        open: () => heap.map('map'),
        names: () => heap.names(),
        remove: () => heap.remove('map'),
        transaction: () => heap.transaction(() => 1),
        stats: () => heap.stats(),
        verify: () => heap.verify(),
      }
      for (const [what, use] of Object.entries(all)) assert.throws(use, { code: 'ERR_CLOSED' }, what)
      changes.close()
      assert.deepEqual(other.map('map').snapshot(), new Map([['a', { n: 1, list: [1] }]]))
      other.verify()
    })

    test('a collection that is closed by itself says so, and its heap and its other handles go on', () => {
      using pair = backend.open()
      const { heap } = pair
      const [map, list, set] = [heap.map<string, number>('map'), heap.list<unknown>('list'), heap.set<number>('set')]
      const [string, int] = [heap.string('string'), heap.int('int')]
      map.set('a', 1)
      list.push(1, { deep: 1 })
      set.add(1)
      int.value = 1
      const others = { map: heap.map<string, number>('map'), list: heap.list<unknown>('list'), int: heap.int('int') }
      const inner = list[1] as { deep: number }
      for (const one of [map, list, set, string, int]) {
        one.close()
        one.close()
        assert.equal(one.closed, true)
      }
      const all: Record<string, () => unknown> = {
        get: () => map.get('a'),
        size: () => map.size,
        set: () => map.set('a', 2),
        add: () => map.add('a', 1),
        update: () => map.update('a', () => 2),
        snapshot: () => map.snapshot(),
        iterate: () => [...map],
        watch: () => map.watch(),
        transaction: () => map.transaction(() => 1),
        'list get': () => list[0],
        'list set': () => {
          list[0] = 2
        },
        'list push': () => list.push(2),
        'list iterate': () => [...list],
        'list sort': () => list.sort(),
        'list has': () => 0 in list,
        'list keys': () => Object.keys(list),
        'list snapshot': () => list.snapshot(),
        'list assign': () => list.assign([]),
        'list watch': () => list.watch(),
        'set has': () => set.has(1),
        'set add': () => set.add(2),
        'set iterate': () => [...set],
        string: () => string.value,
        'string set': () => {
          string.value = 'x'
        },
        int: () => int.value,
        'int add': () => int.add(1),
        'int wait': () => int.wait(2, { timeout: 1 }),
      }
      for (const [what, use] of Object.entries(all)) assert.throws(use, { code: 'ERR_CLOSED' }, what)
      assert.equal(others.map.get('a'), 1)
      assert.deepEqual(others.list.snapshot(), [1, { deep: 1 }])
      assert.equal(others.int.value, 1)
      assert.equal(inner.deep, 1)
      assert.deepEqual(heap.map<string, number>('map').snapshot(), new Map([['a', 1]]))
    })
  })
}
