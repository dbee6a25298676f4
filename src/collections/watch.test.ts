import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../errors.js'
import type { Changes } from './changes.js'
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

    test('whatever lies in a heap has room for 32 who watch or wait; the next is told, and harms nobody', async () => {
      using pair = backend.open()
      const { heap, other } = pair
      const full = /has 32 watchers already; close one/
      const string = other.string('string')
      const things: [string, () => Changes<unknown>, () => void][] = [
        ['map', () => other.map('map').watch(), () => heap.map('map').set('a', 1)],
        ['key of a map', () => other.map('keys').watch('a'), () => heap.map('keys').set('a', 1)],
        ['set', () => other.set('set').watch(), () => heap.set('set').add('a')],
        ['list', () => other.list('list').watch(), () => heap.list('list').push('a')],
        ['string', () => string.watch(), () => heap.string('string').set('a')],
        ['block', () => other.block('block').watch(), () => heap.block('block').set(['a'])],
      ]
      for (const [what, watch, change] of things) {
        const held = Array.from({ length: 32 }, watch)
        assert.throws(watch, (error: MemlaneError) => error.code === 'ERR_LIMIT' && full.test(error.message), what)
        heap.verify()
        change()
        for (const one of held) assert.equal((await one.next()).done, false)
        held[0]!.close()
        watch().close()
        if (what !== 'string') continue
        // Who waits takes a place too.
        const waiting = string.waitAsync('b')
        await assert.rejects(string.waitAsync('b'), code('ERR_LIMIT'))
        assert.throws(() => string.wait('b'), code('ERR_LIMIT'))
        heap.string('string').value = 'b'
        assert.equal(await waiting, true)
      }
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
