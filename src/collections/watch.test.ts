import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../errors.js'
import type { Changes } from './changes.js'
import type { SharedHeap } from './heap/shared-heap.js'
import { BACKENDS } from './testing/backends.js'

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as MemlaneError).code === wanted

for (const backend of BACKENDS) {
  describe(`watching over ${backend.name}`, () => {
    test('events come in order, nested stores are a set of their key, and the value is read at delivery', async () => {
      using pair = backend.open()
      const map = pair.heap.map<string, { n: number; deep: number[] }>('m')
      const writer = pair.other.map<string, { n: number; deep: number[] }>('m')
      using changes = map.watch()
      writer.set('a', { n: 1, deep: [] })
      writer.get('a')!.n = 2
      writer.get('a')!.deep.push(3)
      writer.delete('a')
      writer.set('b', { n: 5, deep: [] })
      writer.clear()
      const events: string[] = []
      for (let i = 0; i < 6; i++) {
        const { value } = await changes.next()
        events.push(`${value!.type} ${value!.key} ${value!.value === undefined ? '-' : 'there'} ${value!.coalesced}`)
      }
      assert.deepEqual(events, [
        'set a - 0',
        'set a - 0',
        'set a - 0',
        'delete a - 0',
        'set b - 0',
        'clear undefined - 0',
      ])
      writer.set('c', { n: 7, deep: [] })
      const { value } = await changes.next()
      assert.deepEqual([value!.key, value!.value], ['c', { n: 7, deep: [] }])
    })

    test('events plus coalesced are the changes made, for one key and for all', async () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m')
      const writer = pair.other.map<string, number>('m')
      using all = map.watch()
      using one = map.watch('a')
      for (let i = 0; i < 1000; i++) writer.set(i % 4 === 0 ? 'a' : 'b', i)
      const { value } = await one.next()
      assert.deepEqual(value, { type: 'set', key: 'a', value: 996, coalesced: 249 })
      let total = 0
      while (total < 1000) {
        const next = await all.next()
        total += 1 + next.value!.coalesced
      }
      assert.equal(total, 1000)
    })

    test('a change that was rolled back is never heard of; a transaction is heard of when it is whole', async () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m')
      using changes = map.watch()
      assert.throws(() =>
        pair.other.transaction(() => {
          pair.other.map('m').set('never', 1)
          throw new Error('no')
        }),
      )
      pair.other.transaction(() => {
        pair.other.map('m').set('a', 1)
        pair.other.map('m').set('b', 2)
      })
      assert.equal((await changes.next()).value!.key, 'a')
      assert.equal((await changes.next()).value!.key, 'b')
    })

    test('sets, lists and cells in a heap are watched too', async () => {
      using pair = backend.open()
      const set = pair.heap.set('s').watch()
      const list = pair.heap.list('l').watch()
      const int = pair.heap.int('n').watch()
      const block = pair.heap.block<{ a: number }>('b').watch()
      pair.other.set('s').add('x').add('x')
      pair.other.set('s').delete('x')
      pair.other.list('l').push({ deep: 1 })
      pair.other.int('n').add(5)
      pair.other.block('b').value = { a: 1 }
      assert.deepEqual((await set.next()).value, { type: 'add', value: 'x', coalesced: 0 })
      assert.deepEqual((await set.next()).value, { type: 'delete', value: 'x', coalesced: 0 })
      assert.deepEqual((await list.next()).value, { type: 'set', index: 0, value: { deep: 1 }, coalesced: 0 })
      assert.equal((await int.next()).value!.value, 5)
      assert.deepEqual((await block.next()).value!.value, { a: 1 })
      const waiting = pair.heap.int('n').waitAsync((n) => n > 10)
      pair.other.int('n').add(6)
      assert.equal(await waiting, true)
      assert.equal(pair.heap.int('n').wait(12, { timeout: 5 }), false)
      for (const changes of [set, list, int, block]) changes.close()
    })

    test('leaving the loop stops the watching, and its place is free again', async () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m')
      for (let round = 0; round < 40; round++) {
        const changes = map.watch()
        map.set('a', round)
        for await (const { value } of changes) {
          assert.equal(value, round)
          break
        }
      }
    })

    test('each handle takes one place however many iterators it has, and one for each key; one too many is told', async () => {
      using pair = backend.open({ watchers: 2 })
      const { heap, other } = pair
      const full = /is watched from 2 places already: .*with a larger `watchers`/
      const refused = (error: MemlaneError): boolean => error.code === 'ERR_LIMIT' && full.test(error.message)
      const string = other.string('string')
      const things: [string, (in_: SharedHeap) => Changes<unknown>, () => void][] = [
        ['map', (in_) => in_.map('map').watch(), () => heap.map('map').set('a', 1)],
        ['key of a map', (in_) => in_.map('keys').watch('a'), () => heap.map('keys').set('a', 1)],
        ['set', (in_) => in_.set('set').watch(), () => heap.set('set').delete('a') || heap.set('set').add('a')],
        ['list', (in_) => in_.list('list').watch(), () => heap.list('list').push('a')],
        ['string', (in_) => in_.string('string').watch(), () => heap.string('string').set('a')],
        ['block', (in_) => in_.block('block').watch(), () => heap.block('block').set(['a'])],
      ]
      for (const [what, watch, change] of things) {
        const held = Array.from({ length: 40 }, () => watch(other))
        held.push(watch(heap))
        using third = backend.again(pair)
        assert.throws(() => watch(third), refused, what)
        heap.verify()
        change()
        for (const one of held) assert.equal((await one.next()).done, false, what)
        for (const one of held.splice(1)) one.close()
        change()
        assert.equal((await held[0]!.next()).done, false, `the last iterator of ${what} keeps the place`)
        const more = watch(third)
        assert.throws(() => watch(heap), refused, what)
        held[0]!.close()
        watch(heap).close()
        more.close()
        heap.verify()
      }
      // Who waits takes a place too.
      const [one, two] = [string.watch(), heap.string('string').watch()]
      using third = backend.again(pair)
      await assert.rejects(third.string('string').waitAsync('b'), refused)
      assert.throws(() => third.string('string').wait('b'), refused)
      const waiting = string.waitAsync('b')
      heap.string('string').value = 'b'
      assert.equal(await waiting, true)
      one.close()
      two.close()
      // Each key has its own place.
      const keys = other.map('keys')
      using _a = keys.watch('a')
      using _b = keys.watch('b')
      assert.throws(() => keys.watch('c'), refused)
    })

    test('a place that a transaction took is free again when it fails, and one that it gave back is kept', async () => {
      using pair = backend.open({ watchers: 1 })
      using third = backend.again(pair)
      const map = pair.heap.map<string, number>('m')
      const failing = (work: () => void): void => {
        assert.throws(
          () =>
            pair.heap.transaction(() => {
              work()
              throw new Error('no')
            }),
          /no/,
        )
      }
      let lost: Changes<unknown> | undefined
      failing(() => {
        lost = map.watch()
        map.watch().close()
      })
      assert.equal((await lost!.next()).done, true)
      third.map('m').watch().close()
      failing(() => map.watch().close())
      third.map('m').watch().close()
      const kept = map.watch()
      failing(() => {
        map.watch()
      })
      assert.throws(() => third.map('m').watch(), code('ERR_LIMIT'), 'the one from before is still there')
      pair.other.map('m').set('a', 1)
      assert.equal((await kept.next()).done, false)
      failing(() => kept.close())
      third.map('m').watch().close()
      pair.heap.verify()
    })

    test('a handle has room for 256 keys to watch by default', async () => {
      using pair = backend.open()
      const map = pair.heap.map<number, number>('m')
      const held = Array.from({ length: 256 }, (_, key) => map.watch(key))
      assert.throws(() => map.watch(256), code('ERR_LIMIT'))
      held[7]!.close()
      const again = map.watch(256)
      pair.other.map<number, number>('m').set(256, 1)
      assert.deepEqual((await again.next()).value, { type: 'set', key: 256, value: 1, coalesced: 0 })
      for (const one of [again, ...held]) one.close()
      pair.heap.verify()
    })

    test('who is more than 256 changes behind gets the last 256, and the number of those before', async () => {
      using pair = backend.open()
      using changes = pair.heap.map<number, number>('m').watch()
      const map = pair.other.map<number, number>('m')
      for (let i = 0; i < 300; i++) map.set(i, i)
      const seen = []
      for (let i = 0; i < 256; i++) seen.push((await changes.next()).value!)
      assert.deepEqual([seen[0]!.key, seen[0]!.coalesced], [44, 44])
      assert.deepEqual(
        seen.slice(1).map(({ key, coalesced }) => [key, coalesced]),
        Array.from({ length: 255 }, (_, i) => [45 + i, 0]),
      )
    })

    test('who finds a change with every step leaves the event loop its turns', async () => {
      using pair = backend.open()
      const map = pair.heap.map<string, number>('m')
      let over = false
      setImmediate(() => {
        over = true
      })
      map.set('k', 0)
      using changes = map.watch()
      map.set('k', 0)
      for await (const { value } of changes) {
        if (over) break
        assert.ok(value! < 100_000, 'an immediate waited for a hundred thousand changes')
        map.set('k', value! + 1)
      }
    })

    test('a signal ends it with its reason; closing the heap ends it', async () => {
      using pair = backend.open()
      const map = pair.heap.map('m')
      await assert.rejects(map.watch({ signal: AbortSignal.abort(new Error('before')) }).next(), /before/)
      const controller = new AbortController()
      const pending = assert.rejects(map.watch('a', { signal: controller.signal }).next(), /during/)
      setImmediate(() => controller.abort(new Error('during')))
      await pending
      const last = map.watch()
      const end = last.next()
      pair.heap.close()
      assert.deepEqual(await end, { done: true, value: undefined })
      assert.throws(() => map.watch(), code('ERR_CLOSED'))
    })
  })
}
