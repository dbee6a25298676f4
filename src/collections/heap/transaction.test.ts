import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../../errors.js'
import { Heap } from '../../heap/index.js'
import { DELETE } from '../../updating.js'
import { snapshot } from '../snapshot.js'
import { BACKENDS } from '../testing/backends.js'

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as MemlaneError).code === wanted

for (const backend of BACKENDS) {
  describe(`a transaction over ${backend.name}`, () => {
    test('keeps all of its changes to every collection, or none when it throws', () => {
      using pair = backend.open()
      const { heap, other } = pair
      const change = (fail: boolean): void =>
        heap.transaction(() => {
          heap.map<string, { balance: number }>('accounts').getOrInsert('a', { balance: 0 }).balance += 10
          heap.set('online').add('a')
          heap.list('log').push('moved', { to: 'a' })
          heap.int('moves').add(1)
          heap.float('rate').value = 0.5
          heap.bool('busy').toggle()
          heap.string('motto').append('x')
          heap.block('config').value = { deep: [1] }
          if (fail) throw new Error('no')
        })
      assert.throws(() => change(true), /no/)
      assert.deepEqual(other.names(), [], 'what it had made is gone too')
      change(false)
      assert.throws(() => change(true), /no/)
      assert.deepEqual([...other.map('accounts').snapshot()], [['a', { balance: 10 }]])
      assert.deepEqual([...other.set('online')], ['a'])
      assert.deepEqual(other.list('log'), ['moved', { to: 'a' }])
      assert.equal(other.int('moves').value, 1)
      assert.equal(other.float('rate').value, 0.5)
      assert.equal(other.bool('busy').value, true)
      assert.equal(other.string('motto').value, 'x')
      assert.deepEqual(other.block('config').snapshot(), { deep: [1] })
      heap.verify()
    })

    test('nested ones join; an inner one that throws and is caught undoes only its own part', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m')
      const seen = map.transaction(() => {
        map.set('outer', 1)
        assert.throws(() =>
          map.transaction(() => {
            map.set('inner', 2)
            throw new Error('inner')
          }),
        )
        return pair.heap.transaction(() => map.get('outer'))
      })
      assert.equal(seen, 1)
      assert.deepEqual([...pair.other.map('m').snapshot()], [['outer', 1]])
      assert.throws(() =>
        map.transaction(() => {
          map.transaction(() => map.set('joined', 1))
          throw new Error('outer')
        }),
      )
      assert.ok(!map.has('joined'))
    })

    test('an async function is refused and undone', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m')
      assert.throws(
        () =>
          pair.heap.transaction(async () => {
            map.set('a', 1)
          }),
        code('ERR_ASYNC'),
      )
      assert.throws(() => map.update('a', (async () => 1) as never), code('ERR_ASYNC'))
      assert.throws(() => map.getOrInsertComputed('a', (async () => 1) as never), code('ERR_ASYNC'))
      assert.throws(() => pair.heap.string('s').update((async () => 'x') as never), code('ERR_ASYNC'))
      assert.throws(() => pair.heap.block('b').update(async () => 1), code('ERR_ASYNC'))
      assert.equal(map.size, 0)
      assert.equal(pair.heap.string('s').value, '')
    })

    test('update gets undefined for a missing key, deletes for DELETE, and takes back what it gave', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, { n: number }>('m')
      assert.deepEqual(
        map.update('a', (old) => ({ n: old === undefined ? 1 : 2 })),
        { n: 1 },
      )
      const held = map.get('a')!
      map.update('a', (old) => {
        old!.n += 1
        return old
      })
      assert.equal(held.n, 2, 'given back in place: not replaced')
      assert.throws(
        () =>
          map.update('a', (old) => {
            old!.n = 50
            throw new Error('no')
          }),
        /no/,
      )
      assert.equal(held.n, 2)
      assert.equal(
        map.update('a', () => DELETE),
        undefined,
      )
      assert.ok(!map.has('a'))
    })

    test('a function of update that gives nothing loses nothing', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, unknown>('m')
      const block = pair.heap.block<unknown>('b')
      const list = pair.heap.list<number[]>('l')
      list.push([1])
      // biome-ignore lint/suspicious/noExplicitAny: what plain JavaScript does.
      type Loose = { update(key: string, change: (old: any) => unknown): unknown }
      const loose = map as unknown as Loose
      map.set('live', { tags: ['a'] })
      map.set('array', [1])
      map.set('copy', new Map([['a', 1]]))
      assert.deepEqual(snapshot(loose.update('live', (old) => void old.tags.push('b'))), { tags: ['a', 'b'] })
      assert.deepEqual(snapshot(loose.update('array', (old) => void old.push(2))), [1, 2])
      assert.deepEqual(
        loose.update('copy', (old) => void old.set('b', 2)),
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      )
      assert.equal((map.get('copy') as Map<string, number>).size, 2, 'a copy that was changed is stored')
      block.value = { n: 1 }
      const twice = (old: unknown): void => {
        ;(old as { n: number }).n *= 2
      }
      block.update(twice as never)
      assert.deepEqual(snapshot(block.value), { n: 2 })

      // What cannot be changed in place: nothing is an error, and the value stays.
      for (const value of [1, 0, '', 'text', null, undefined, 5n, true]) {
        map.set('p', value)
        const message = /return the new value, or DELETE/
        assert.throws(() => loose.update('p', () => {}), { code: 'ERR_TYPE', message }, String(value))
        assert.ok(map.has('p'))
        assert.equal(map.get('p'), value)
        block.value = value
        assert.throws(() => block.update((() => {}) as never), { code: 'ERR_TYPE' }, String(value))
        assert.equal(block.value, value)
      }
      assert.throws(() => loose.update('none', () => {}), { code: 'ERR_TYPE', message: /there was no value/ })
      assert.ok(!map.has('none'))
      assert.throws(
        () =>
          loose.update('p', () => {
            map.set('p', 7)
            throw new Error('no')
          }),
        /no/,
      )
      assert.equal(map.get('p'), true)
    })

    test('a function of update may itself store or delete, and then gives nothing', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, unknown>('m')
      const values: unknown[] = [1, 'a longer text', null, { n: 1 }, [1], new Map([['a', 1]]), new Date(0)]
      for (const value of values) {
        map.set('k', value)
        assert.equal(
          map.update('k', () => void map.delete('k')),
          undefined,
        )
        assert.ok(!map.has('k'), `deleted inside: ${String(value)}`)
        map.set('k', value)
        map.update('k', () => void map.set('k', 'mine'))
        assert.equal(map.get('k'), 'mine')
        map.set('k', value)
        map.update('k', () => void map.set('k', { mine: true }))
        assert.deepEqual(map.snapshot('k'), { mine: true })
      }
      map.update('new', () => void map.set('new', 1))
      assert.equal(map.get('new'), 1)
      const block = pair.heap.block<unknown>('b')
      block.update(() => {
        block.value = 3
        return undefined
      })
      assert.equal(block.value, 3)
      pair.heap.verify()
    })

    test('compareAndSet compares as Map does; add starts from 0; many is all or nothing', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, unknown>('m')
      assert.ok(map.compareAndSet('a', undefined, Number.NaN))
      assert.ok(map.compareAndSet('a', Number.NaN, -0))
      assert.ok(map.compareAndSet('a', 0, 'x'))
      assert.ok(!map.compareAndSet('a', 'y', 1))
      assert.throws(() => map.compareAndSet('a', {}, 1), code('ERR_TYPE'))
      assert.equal(map.add('n', 2.5), 2.5)
      assert.equal(map.add('big', 2n ** 70n), 2n ** 70n)
      assert.equal(map.add('big', -1n), 2n ** 70n - 1n)
      assert.throws(() => map.add('a', 1), code('ERR_TYPE'))
      assert.throws(() => map.add('n', 1n), code('ERR_TYPE'))
      assert.throws(
        () =>
          map.setMany([
            ['new', 1],
            ['bad', () => 1],
          ]),
        code('ERR_NOT_CLONEABLE'),
      )
      assert.ok(!map.has('new'))
      map.setMany(
        new Map([
          ['x', 1],
          ['y', 2],
        ]),
      )
      assert.equal(map.deleteMany(['x', 'y', 'z']), 2)
      assert.throws(() => map.setMany({ a: 1 } as never), /an iterable of pairs, as a Map or Object.entries\(object\)/)
      assert.throws(() => map.deleteMany(7 as never), /an iterable, as an array or a Set, got 7/)
    })

    test('a heap removes what it holds; handles to it are stale', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number[]>('m')
      map.set('a', [1])
      const inner = map.get('a')!
      const before = pair.heap.stats().blocks
      assert.equal(pair.other.remove('m'), true)
      assert.equal(pair.other.remove('m'), false)
      assert.ok(pair.heap.stats().blocks < before)
      assert.throws(() => map.size, code('ERR_STALE'))
      assert.throws(() => inner[0], code('ERR_STALE'))
      assert.equal(pair.heap.list('m').length, 0, 'the name may be used for something else now')
    })

    test('removing one of many looks at no other name', ({ mock }) => {
      using pair = backend.open()
      const { heap, other } = pair
      for (let i = 0; i < 200; i++) heap.int(`n${i}`)
      heap.map('a:b').set('x', 1)
      const walks = mock.method(Heap.prototype, 'names')
      assert.equal(other.remove('n7'), true)
      assert.equal(other.remove('a:b'), true)
      assert.equal(other.remove('b'), false)
      assert.equal(other.remove(''), false)
      assert.equal(walks.mock.callCount(), 0)
      assert.equal(heap.names().length, 199)
    })

    test('kinds do not mix, in whatever order they are opened', () => {
      using pair = backend.open()
      const { heap, other } = pair
      const doors = {
        map: (h: typeof heap) => h.map('x'),
        set: (h: typeof heap) => h.set('x'),
        list: (h: typeof heap) => h.list('x'),
        int32: (h: typeof heap) => h.int('x'),
        uint64: (h: typeof heap) => h.int('x', 'uint64'),
        float64: (h: typeof heap) => h.float('x'),
        float32: (h: typeof heap) => h.float('x', 'float32'),
        bool: (h: typeof heap) => h.bool('x'),
        string: (h: typeof heap) => h.string('x'),
        block: (h: typeof heap) => h.block('x'),
      }
      for (const [kind, open] of Object.entries(doors)) {
        open(heap)
        assert.deepEqual(other.names(), [{ name: 'x', kind }])
        for (const [wrong, openWrong] of Object.entries(doors))
          if (wrong !== kind) assert.throws(() => openWrong(other), code('ERR_KIND'), `${kind} as ${wrong}`)
        open(other)
        heap.remove('x')
      }
    })
  })
}
