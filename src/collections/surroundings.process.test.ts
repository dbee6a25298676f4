// collections: what the machine may do to them. A full file system, containers, processes that are stopped.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, truncateSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { H_LOCK } from '../heap/heap.layout.js'
import type { Heap } from '../heap/index.js'
import { namespaceOf, objectName, Segment } from '../segment/index.js'
import { Event } from '../sync/index.js'
import { TOKEN, WAITERS } from '../sync/owner-lock.js'
import { type Actor, Crew, stopped, until } from '../testing/crew.js'
import { SharedInt } from './cells/shared-int.js'
import { SharedHeap } from './heap/shared-heap.js'
import { SharedMap } from './map/shared-map.js'
import { ALONE } from './structure.js'

const withShm = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=32m tmpfs /dev/shm && exec "$@"', 'sh']
const withPids = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const forbidden = ([command = '', ...args]: readonly string[], what: string): string | false =>
  spawnSync(command, [...args, 'true']).status === 0 ? false : `${what} namespaces are not permitted here`

test('a full /dev/shm is an error with all of it undone and readable; there is room again, and all goes on', {
  skip: forbidden(withShm, 'mount'),
}, async () => {
  await using crew = new Crew()
  const child = crew.start('fill-collections', [], { prefix: withShm, env: { MEMLANE_NAMESPACE: '' } })
  const { error, stored, left, alone, neighbour, seen, overwritten, cleared, grown, sizes, ...refused } =
    await child.hear<Record<string, unknown>>()
  await child.succeed()
  assert.match(String(error), /^ERR_NO_SPACE,.*no room for .*32\.0 MiB and has 0 B free/, JSON.stringify(refused))
  assert.ok(Number(stored) > 100, `${stored} entries found room`)
  assert.equal(left, 0)
  const undone = ['ERR_NO_SPACE', true]
  assert.deepEqual(refused, {
    'large value': undone,
    replacing: undone,
    nested: undone,
    setMany: undone,
    push: undone,
    splice: undone,
    addMany: undone,
    append: undone,
    block: undone,
    transaction: undone,
    'another heap': undone,
    'one more heap': undone,
    // What it wanted was room for its log.
    'much overwriting': ['ERR_TX_TOO_BIG', true],
    clear: ['fine', true],
  })
  assert.deepEqual(alone, [[-1, 'there']])
  // Counting, storing in place and reading, while it is full: another process, then this one.
  assert.deepEqual(neighbour, ['ERR_NO_SPACE', 3, 'first'])
  assert.deepEqual(seen, [2, 3, null])
  assert.deepEqual([overwritten, cleared], [[0, 19_999], 0])
  assert.equal(grown, true)
  assert.deepEqual(sizes, [2 ** 20, 50_001, 'a text'.length + 2 ** 20, 5001])
})

test('processes of two containers, both of pid 1, share a heap; one is killed in the middle of a change, the other goes on', {
  skip: forbidden(withPids, 'pid'),
}, async () => {
  await using crew = new Crew()
  const name = crew.name('containers')
  using heap = SharedHeap.open(name)
  const accounts = heap.map<string, { balance: number }>('accounts')
  accounts.setMany([
    ['a', { balance: 1_000_000 }],
    ['b', { balance: 0 }],
  ])
  heap.list('log')
  const moves = heap.int('moves')
  const mover = crew.start('move-money', [name], { prefix: withPids })
  const goesOn = async (): Promise<void> => {
    const from = moves.value
    await until(() => moves.value > from + 100, 'money moves')
  }
  await goesOn()
  for (let round = 0; round < 3; round++) {
    const victim = crew.start('die-in-transaction', [name], { prefix: withPids })
    await victim.hear('inside')
    using looking = Segment.open(name, { readOnly: true })
    const inside = looking.participants().filter(({ pid, alive }) => pid === 1 && alive)
    assert.equal(new Set(inside.map(({ pidNamespace }) => pidNamespace)).size, 2, 'two of pid 1 in two namespaces')
    assert.equal(looking.memory.load(looking.body / 4 + H_LOCK) & TOKEN & 1023, inside.at(-1)!.slot, 'the lock is held')
    await victim.end()
    await goesOn()
    heap.transaction(() => {
      const { a, b } = Object.fromEntries(accounts.snapshot()) as Record<'a' | 'b', { balance: number }>
      assert.deepEqual([a.balance + b.balance, b.balance], [1_000_000, moves.value])
    })
    assert.equal(heap.list('log').length, 0, 'nothing of what was cut off is there')
    heap.verify()
  }
  await mover.end()
  assert.equal(accounts.get('b')!.balance, moves.value)
})

test('a stopped holder of the lock is waited for and never robbed; readers go on; when it is continued, so do the others', async () => {
  await using crew = new Crew()
  const name = crew.name('stopped')
  using map = SharedMap.open<string, number>(name)
  // The map itself is found by an entry, too: who opens it must not have to wait.
  const entry = `map:${ALONE}`
  const held = apartFrom(map, 'held', [entry])
  const also = apartFrom(map, 'also', [entry])
  const other = apartFrom(map, 'other', [held, also])
  for (const key of [held, also, other]) map.set(key, 0)
  const reader = crew.start('read-on-and-on', [name, other])
  await reader.hear('reading')
  using looking = Segment.open(name, { readOnly: true })
  const lock = (): number => looking.memory.load(looking.body / 4 + H_LOCK)
  const goOn = crew.name('go-on')
  const holder = crew.start('stay-in-transaction', [name, held, also, goOn])
  await holder.hear('inside')
  await stopped(holder.process)
  const holding = lock() & TOKEN
  assert.notEqual(holding, 0)
  // Two writers, and two who read what the holder has touched: all of them wait.
  const waiting = [crew.start('add-once', [name, other]), crew.start('add-once', [name, held])]
  const touched = [crew.start('read-once', [name, held]), crew.start('read-once', [name, null])]
  for (const one of waiting) await one.hear('adding')
  for (const one of touched) await one.hear('reading')
  await until(() => (lock() & WAITERS) !== 0, 'somebody waits')
  // Longer than any look after the holder takes: 5 ms, and 250 ms.
  const before = await latest(reader)
  await sleep(700)
  assert.ok((await latest(reader)) > before, 'the reader of something else has gone on')
  assert.equal(lock() & TOKEN, holding, 'the lock is still the holder’s')
  assert.deepEqual(
    [...waiting, ...touched].map(({ hasSaid }) => hasSaid),
    Array(4).fill(false),
  )
  using event = Event.open(goOn)
  event.set()
  holder.kill('SIGCONT')
  await holder.hear('done')
  await waiting[0]!.hear(10)
  await waiting[1]!.hear(11)
  const first = await touched[0]!.hear<number>()
  assert.ok(first === 1 || first === 11, `${first}: what the holder stored, perhaps with what came after`)
  const all = Object.fromEntries(await touched[1]!.hear<[string, number][]>())
  assert.deepEqual([all[also], all[held] === 1 || all[held] === 11], [1, true])
  assert.deepEqual(Object.fromEntries(map.snapshot()), { [held]: 11, [also]: 1, [other]: 10 })
})

test('a writer that is killed between its change and the bell leaves nobody asleep: sleepers look by themselves', async () => {
  await using crew = new Crew()
  const name = crew.name('bell')
  using map = SharedMap.open<string, unknown>(name)
  using changes = map.watch()
  using ofKey = map.watch('last')
  const sleeping = Promise.all([changes.next(), ofKey.next()])
  const writer = crew.start('die-before-the-bell', [name])
  await writer.hear('alive')
  assert.equal((await writer.ended).signal, 'SIGKILL')
  const event = { type: 'set', key: 'last', value: 'will', coalesced: 0 }
  assert.deepEqual(
    (await sleeping).map(({ value }) => value),
    [event, event],
  )
})

test('the same for a number: the sleeper finds the value that nobody told of', async () => {
  await using crew = new Crew()
  const name = crew.name('untold')
  using int = SharedInt.open(name)
  using changes = int.watch()
  const sleeping = changes.next()
  const waiting = int.waitAsync(7)
  const writer = crew.start('set-int-and-die', [name, 7])
  await writer.hear('alive')
  assert.equal((await writer.ended).signal, 'SIGKILL')
  assert.deepEqual((await sleeping).value, { type: 'set', value: 7, coalesced: 0 })
  assert.equal(await waiting, true)
  // It is told of once, and what comes next is counted as ever.
  const next = changes.next()
  using other = SharedInt.open(name)
  other.add(1)
  assert.deepEqual((await next).value, { type: 'set', value: 8, coalesced: 0 })
})

/** A key that no version guards which guards these. */
function apartFrom(map: SharedMap<string, number>, stem: string, keys: readonly string[]): string {
  const { index } = (map as unknown as { heap: Heap }).heap.core
  const stripe = (key: string): number => index.hash(key) >>> 26
  let apart = stem
  while (keys.some((key) => stripe(key) === stripe(apart))) apart += '.'
  return apart
}

/** How often a reader has read by now. */
async function latest(reader: Actor): Promise<number> {
  let said: { n: number }
  do said = await reader.hear<{ n: number }>()
  while (reader.hasSaid)
  return said.n
}

test('a file that another program cuts: from the second call on a collection says so, whatever is asked, and closes', async () => {
  await using crew = new Crew()
  const calls: Record<string, (heap: SharedHeap) => readonly (() => unknown)[]> = {
    map: (heap) => {
      const map = heap.map<string, unknown>('map')
      map.set('a', { list: [1] })
      return [
        () => map.get('a'),
        () => map.get('b'),
        () => map.has('b'),
        () => map.set('b', 1),
        () => map.size,
        () => [...map],
      ]
    },
    set: (heap) => {
      const set = heap.set('set')
      set.add('a')
      return [() => set.has('b'), () => set.add('b'), () => set.size, () => set.snapshot()]
    },
    list: (heap) => {
      const list = heap.list('list')
      list.push(1.5)
      return [() => list[0], () => list[9], () => list.push(1), () => list.length, () => list.snapshot()]
    },
    cells: (heap) => {
      const [int, text] = [heap.int('int'), heap.string('text')]
      return [() => int.value, () => int.add(1), () => text.value, () => text.set('x')]
    },
    heap: (heap) => [
      () => heap.names(),
      () => heap.map('map'),
      () => heap.transaction(() => {}),
      () => heap.stats(),
      () => heap.verify(),
    ],
  }
  for (const [what, prepare] of Object.entries(calls)) {
    const name = crew.name(what)
    const heap = SharedHeap.open(name)
    const all = prepare(heap)
    for (const call of all) call()
    truncateSync(`/dev/shm/${objectName(name, namespaceOf(undefined))}`, 0)
    try {
      all[0]!()
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_TRUNCATED', what)
    }
    for (const call of all) assert.throws(call, { code: 'ERR_TRUNCATED' }, `${what}: ${call}`)
    heap.close()
  }
})

test('a file of which another program cuts the end: what is still there is right, the rest says so, and nothing is changed', async () => {
  await using crew = new Crew()
  const name = crew.name('tail')
  const heap = SharedHeap.open(name)
  const texts = heap.map<string, string>('texts')
  const floats = heap.list<number>('floats')
  const text = (i: number): string => `${i} `.repeat(100)
  texts.setMany(Array.from({ length: 2000 }, (_, i) => [`key ${i}`, text(i)]))
  floats.push(...Array.from({ length: 20_000 }, (_, i) => i + 0.5))
  const file = `/dev/shm/${objectName(name, namespaceOf(undefined))}`
  const { body, committed } = (heap as unknown as { heap: Heap }).heap.segment
  truncateSync(file, body + Math.floor(committed / 2 / 4096) * 4096)
  const gone = { texts: 0, floats: 0 }
  const read = (what: keyof typeof gone, right: () => boolean): void => {
    try {
      if (!right()) gone[what]++
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_TRUNCATED')
      gone[what]++
    }
  }
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 2000; i++) read('texts', () => texts.get(`key ${i}`) === text(i))
    for (let i = 0; i < 20_000; i++) read('floats', () => floats[i] === i + 0.5)
  }
  assert.ok(gone.texts > 0 && gone.floats > 0, JSON.stringify(gone))
  const before = readFileSync(file)
  assert.throws(() => texts.set('key 0', 'new'), { code: 'ERR_TRUNCATED' })
  assert.throws(() => heap.transaction(() => texts.clear()), { code: 'ERR_TRUNCATED' })
  assert.ok(readFileSync(file).equals(before))
  heap.close()
})
