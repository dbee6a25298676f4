import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Crew, until } from '../testing/crew.js'
import { SharedInt } from './cells/shared-int.js'
import { SharedHeap } from './heap/shared-heap.js'
import { SharedMap } from './map/shared-map.js'
import { unlinking } from './testing/names.js'

describe('between processes', () => {
  test('a sleeping watcher is woken by another process, and hears of every change or how many there were', async () => {
    await using crew = new Crew()
    const name = crew.name('watch')
    using map = SharedMap.open<string, unknown>(name)
    using all = map.watch()
    using one = map.watch('b')
    const child = crew.start('change-map', [name])
    const first = all.next()
    child.tell({ key: 'a', value: { deep: [1] } })
    await child.hear('changed')
    assert.deepEqual((await first).value, { type: 'set', key: 'a', value: { deep: [1] }, coalesced: 0 })
    child.tell({ key: 'b', times: 3000 })
    let heard = 0
    let last: unknown
    while (heard < 3000) {
      const { value } = await all.next()
      heard += 1 + value!.coalesced
      last = value!.value
    }
    await child.hear('changed')
    assert.deepEqual([heard, last], [3000, 2999])
    let ofKey = 0
    while (ofKey < 3000) ofKey += 1 + (await one.next()).value!.coalesced
    assert.equal(ofKey, 3000)
    child.tell(null)
    await child.succeed()
  })

  test('a watcher without changes sleeps: it takes no processor time', async () => {
    await using crew = new Crew()
    const name = crew.name('sleep')
    using _ = unlinking([`${name}-int`])
    using map = SharedMap.open<string, number>(name)
    using int = SharedInt.open(`${name}-int`)
    using changes = map.watch()
    const pending = changes.next()
    const waiting = int.waitAsync(1)
    // Who looks again and again does so in every window; the runtime's own work, and what the machine books to us, ends.
    const windows: number[] = []
    do {
      const before = process.cpuUsage()
      await sleep(1500)
      const { user, system } = process.cpuUsage(before)
      windows.push(user + system)
    } while (windows.at(-1)! >= 300_000 && windows.length < 10)
    assert.ok(windows.at(-1)! < 300_000, `${windows.join(', ')} µs of processor time in 1.5 s each`)
    map.set('a', 1)
    int.value = 1
    assert.equal((await pending).value!.value, 1)
    assert.equal(await waiting, true)
  })

  test('the places of watchers that were killed are used again', async () => {
    await using crew = new Crew()
    const name = crew.name('places')
    using map = SharedMap.open<string, number>(name, { watchers: 4 })
    const children = crew.startMany(3, 'watch-and-stay', [name, 10])
    for (const child of children) await child.hear('watching')
    const mine = [map.watch(), map.watch()]
    assert.throws(() => map.watch('a'), { code: 'ERR_LIMIT' })
    for (const child of children) await child.end()
    assert.throws(() => ['b', 'c', 'd', 'e'].map((key) => map.watch(key)), { code: 'ERR_LIMIT' })
    const more = [map.watch(), map.watch()]
    map.set('a', 1)
    for (const changes of [...mine, ...more]) {
      assert.equal((await changes.next()).value!.key, 'a')
      changes.close()
    }
  })

  test('whoever reads while others move money sees all of it, through kills', async () => {
    await using crew = new Crew()
    const name = crew.name('bank')
    using heap = SharedHeap.open(name)
    const accounts = heap.map<string, { balance: number }>('accounts')
    accounts.setMany([
      ['a', { balance: 1_000_000 }],
      ['b', { balance: 0 }],
    ])
    const moves = heap.int('moves')
    let movers = crew.startMany(2, 'move-money', [name])
    for (let round = 0; round < 6; round++) {
      const from = moves.value
      await until(() => moves.value > from + 100, 'money moves')
      for (let i = 0; i < 200; i++) {
        const { a, b } = Object.fromEntries(accounts.snapshot()) as Record<'a' | 'b', { balance: number }>
        assert.equal(a.balance + b.balance, 1_000_000)
        heap.transaction(() => assert.equal(accounts.get('b')!.balance, moves.value))
      }
      await movers[round % 2]!.end()
      movers = movers.with(round % 2, crew.start('move-money', [name]))
    }
    await Promise.all(movers.map((mover) => mover.end()))
    assert.equal(accounts.get('b')!.balance, moves.value)
    heap.verify()
  })

  test('an iteration visits what stays exactly once, in order, while another process adds and deletes', async () => {
    await using crew = new Crew()
    const name = crew.name('walk')
    using map = SharedMap.open<string, number>(name)
    for (let i = 0; i < 500; i++) map.set(`stays ${i}`, i)
    const child = crew.start('add-and-delete', [name])
    await child.hear('ready')
    for (let round = 0; round < 100; round++) {
      const stays: number[] = []
      const seen = new Set<string>()
      for (const [key, value] of map) {
        if (key.startsWith('stays')) stays.push(value)
        seen.add(key)
        // The other one adds without end.
        if (seen.size > 5000) break
      }
      assert.deepEqual(
        stays,
        Array.from({ length: 500 }, (_, i) => i),
      )
    }
    await child.end()
  })
})
