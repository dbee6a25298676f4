// Maps and sets as those of the language, where a look at the iterators, at the methods or into another set can tell.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { SetLike } from './index.js'
import { BACKENDS } from './testing/backends.js'

for (const backend of BACKENDS) {
  describe(`maps and sets over ${backend.name}`, () => {
    test('a loop that was left is taken up again where it stopped', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m').setMany(Object.entries({ a: 1, b: 2, c: 3 }))
      const set = pair.heap.set<number>('s').assign([1, 2, 3])
      for (const [walk, first, rest] of [
        [
          map.entries(),
          ['a', 1],
          [
            ['b', 2],
            ['c', 3],
          ],
        ],
        [map.keys(), 'a', ['b', 'c']],
        [map.values(), 1, [2, 3]],
        [
          map[Symbol.iterator](),
          ['a', 1],
          [
            ['b', 2],
            ['c', 3],
          ],
        ],
        [set.values(), 1, [2, 3]],
        [
          set.entries(),
          [1, 1],
          [
            [2, 2],
            [3, 3],
          ],
        ],
      ] as [IterableIterator<unknown>, unknown, unknown[]][]) {
        const [one] = walk
        assert.deepStrictEqual(one, first)
        assert.deepStrictEqual([...walk], rest)
        map.set('late', 9)
        set.add(9)
        assert.deepStrictEqual(walk.next(), { value: undefined, done: true }, 'what has ended stays ended')
        map.delete('late')
        set.delete(9)
      }
    })

    test('one function has several names where Map and Set have it so', () => {
      using pair = backend.open()
      const map = pair.heap.map('m')
      const set = pair.heap.set('s')
      assert.equal(map[Symbol.iterator], map.entries)
      assert.equal(set[Symbol.iterator], set.values)
      assert.equal(set.keys, set.values)
      assert.deepEqual([map.forEach.length, set.forEach.length], [1, 1])
      for (const walk of [map.entries(), set.values()]) {
        assert.equal(walk[Symbol.iterator](), walk)
        assert.match(String(walk), /Shared(Map|Set) Iterator/)
      }
      // A method that was taken off its map says so at once.
      for (const name of ['entries', 'keys', 'values'] as const) assert.throws(() => map[name].call({} as never))
    })

    test('an entry that is deleted between the step and the look is passed over, even if it is set again', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, { n: number }>('m')
      map.setMany([
        ['a', { n: 1 }],
        ['b', { n: 2 }],
      ])
      const walk = map.values()
      assert.equal(walk.next().value!.n, 1)
      const other = pair.other.map<string, { n: number }>('m')
      other.delete('b')
      other.set('b', { n: 3 })
      assert.deepStrictEqual([...walk], [{ n: 3 }])
    })

    test('a key that is computed for is the key that is stored: 0 for −0', () => {
      using pair = backend.open()
      const map = pair.heap.map<number, number>('m')
      map.getOrInsertComputed(-0, (key) => {
        assert.ok(Object.is(key, 0))
        return 1
      })
      assert.ok(Object.is([...map.keys()][0], 0))
    })

    test('adding a bigint takes nothing but a bigint for one; a missing key counts as 0', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, unknown>('m')
      for (const value of [undefined, null, 1, '1', {}]) {
        map.set('a', value)
        assert.throws(() => map.add('a', 1n), { code: 'ERR_TYPE' })
        if (typeof value !== 'number') assert.throws(() => map.add('a', 1), { code: 'ERR_TYPE' })
        assert.deepStrictEqual(map.snapshot('a'), value)
      }
      assert.equal(map.add('b', 2n), 2n)
    })

    test('a collection or a value that is printed or made JSON of does not lead to the memory behind it', () => {
      using pair = backend.open()
      const { heap } = pair
      const all = [
        heap,
        heap.map('m'),
        heap.set('s'),
        heap.list('l'),
        heap.int('i'),
        heap.float('f'),
        heap.bool('b'),
        heap.string('t'),
        heap.block('k'),
      ]
      for (const one of all) {
        assert.ok((JSON.stringify(one) ?? '').length < 200)
        assert.ok(inspect(one, { customInspect: false, depth: 20 }).length < 500)
      }
    })

    test('the other set is asked as the specification has it: each member once, in order, and left when enough is known', () => {
      using pair = backend.open()
      const set = pair.heap.set<number>('s').assign([1, 2, 3])
      const ask = (work: (other: SetLike<number>) => unknown, size: number, values: number[]): unknown[] => {
        const log: unknown[] = []
        const other = {
          get size() {
            log.push('size')
            return size
          },
          get has() {
            log.push('has')
            return (value: number) => {
              log.push(value)
              return values.includes(value)
            }
          },
          get keys() {
            log.push('keys')
            return () => {
              const iterator = values[Symbol.iterator]()
              const next = () => {
                log.push('next')
                return iterator.next()
              }
              const leave = () => {
                log.push('return')
                return { value: undefined, done: true as const }
              }
              return { next, return: leave } as Iterator<number>
            }
          },
        }
        const result = work(other)
        return [...log, result instanceof Set ? [...result] : result]
      }
      const members = ['size', 'has', 'keys']
      const three = ['next', 'next', 'next']
      assert.deepEqual(
        ask((other) => set.union(other), 2, [9, 1]),
        [...members, ...three, [1, 2, 3, 9]],
      )
      assert.deepEqual(
        ask((other) => set.intersection(other), 9, [3, 1]),
        [...members, 1, 2, 3, [1, 3]],
      )
      assert.deepEqual(
        ask((other) => set.intersection(other), 2, [3, 1]),
        [...members, ...three, [3, 1]],
      )
      assert.deepEqual(
        ask((other) => set.difference(other), 3, [3, 1]),
        [...members, 1, 2, 3, [2]],
      )
      assert.deepEqual(
        ask((other) => set.symmetricDifference(other), 2, [3, 9]),
        [...members, ...three, [1, 2, 9]],
      )
      assert.deepEqual(
        ask((other) => set.isSubsetOf(other), 3, [1]),
        [...members, 1, 2, false],
      )
      assert.deepEqual(
        ask((other) => set.isSupersetOf(other), 2, [9, 1]),
        [...members, 'next', 'return', false],
      )
      assert.deepEqual(
        ask((other) => set.isDisjointFrom(other), 2, [1, 9]),
        [...members, 'next', 'return', false],
      )
    })

    test('what is not like a set is refused; a function may be', () => {
      using pair = backend.open()
      const set = pair.heap.set<number>('s').assign([1, 2])
      const like = { size: 1, has: () => true, keys: () => [1][Symbol.iterator]() }
      for (const method of ['union', 'intersection', 'isSubsetOf', 'isDisjointFrom'] as const) {
        for (const size of [Number.NaN, undefined, 'x', 1n, Symbol('s'), -1, Number.NEGATIVE_INFINITY])
          assert.throws(() => set[method]({ ...like, size } as never), { name: 'MemlaneError' }, String(size))
        for (const odd of [null, undefined, 1, 'ab', [1], { ...like, has: 1 }, { ...like, keys: undefined }])
          assert.throws(() => set[method](odd as never), { code: 'ERR_TYPE' })
        set[method]({ ...like, size: '1' } as never)
        set[method](Object.assign(() => {}, like) as never)
      }
    })

    test('the set is taken as it is when the other one has said what it is', () => {
      using pair = backend.open()
      const set = pair.heap.set<number>('s').assign([1])
      const other = {
        size: 9,
        get has() {
          set.add(2)
          return () => false
        },
        keys: () => [3][Symbol.iterator](),
      }
      assert.deepStrictEqual(set.union(other), new Set([1, 2, 3]))
    })
  })
}
