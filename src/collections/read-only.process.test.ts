// collections: handles that only read. They claim no slot, store nothing, and see what the others do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Heap } from '../heap/index.js'
import { performance } from '../host.js'
import { listObjects } from '../memory/index.js'
import { inspectSegment } from '../segment/index.js'
import { Crew, refuses, until } from '../testing/crew.js'
import { SharedBlock } from './cells/shared-block.js'
import { SharedBool } from './cells/shared-bool.js'
import { SharedFloat } from './cells/shared-float.js'
import { SharedInt } from './cells/shared-int.js'
import { SharedString } from './cells/shared-string.js'
import { SharedHeap } from './heap/shared-heap.js'
import { SharedList } from './list/shared-list.js'
import { SharedMap } from './map/shared-map.js'
import { SharedSet } from './set/shared-set.js'
import { snapshot } from './snapshot.js'
import { unlinking } from './testing/names.js'

const root = process.geteuid?.() === 0 ? false : 'only root may act as another user'
const READ = { readOnly: true }
const refused = { code: 'ERR_READ_ONLY' }

test('everything can be read, nothing changed; and what was refused blinds nobody to what comes after', async () => {
  await using crew = new Crew()
  const name = crew.name('heap')
  using heap = SharedHeap.open(name, { participants: 2 })
  const map = heap.map<string, unknown>('map')
  const list = heap.list<unknown>('list')
  const set = heap.set<number>('set')
  map.set('a', { deep: { n: 1 }, at: new Date(0) }).set('b', 'text')
  list.push(3, { x: 1 }, 2)
  set.addMany([1, 2])
  heap.string('string').value = 'motto'
  heap.block('block').value = [1, { y: 2 }]
  heap.int('int').value = 5
  heap.float('float').value = 0.5
  heap.bool('bool').value = true

  // More of them than there are slots.
  const readers = Array.from({ length: 10 }, () => SharedHeap.open(name, READ))
  assert.equal(inspectSegment(name)!.participants.length, 1)
  const reader = readers[9]!
  const theirs = reader.map<string, { deep: { n: number }; late?: unknown }>('map')
  const theirList = reader.list<unknown>('list')
  const theirSet = reader.set<number>('set')
  const live = theirs.get('a')!
  const see = (): unknown[] => [
    reader.names().map((found) => found.name),
    theirs.snapshot(),
    [...theirs.keys()],
    theirs.size,
    theirs.has('a'),
    live.deep.n,
    Object.keys(live),
    [...theirList],
    theirList.length,
    theirList.indexOf(2),
    snapshot(theirList),
    new Set(theirSet),
    theirSet.union(new Set([9])),
    reader.string('string').value,
    snapshot(reader.block('block').value),
    reader.int('int').value,
    reader.float('float').value,
    reader.bool('bool').value,
    reader.stats(),
    reader.verify(),
  ]
  const shown = (): unknown[] => [
    heap.names().map((found) => found.name),
    map.snapshot(),
    [...map.keys()],
    map.size,
    map.has('a'),
    (map.get('a') as { deep: { n: number } }).deep.n,
    Object.keys(map.get('a') as object),
    [...list],
    list.length,
    list.indexOf(2),
    snapshot(list),
    new Set(set),
    set.union(new Set([9])),
    heap.string('string').value,
    snapshot(heap.block('block').value),
    heap.int('int').value,
    heap.float('float').value,
    heap.bool('bool').value,
    heap.stats(),
    heap.verify(),
  ]
  assert.deepEqual(see(), shown())

  const changes: Record<string, () => unknown> = {
    set: () => theirs.set('a', { deep: { n: 2 } }),
    delete: () => theirs.delete('a'),
    clear: () => theirs.clear(),
    add: () => theirs.add('n', 1),
    update: () => theirs.update('a', (value) => value),
    compareAndSet: () => theirs.compareAndSet('z', undefined, { deep: { n: 1 } }),
    getOrInsert: () => theirs.getOrInsert('z', { deep: { n: 1 } }),
    setMany: () => theirs.setMany([['z', { deep: { n: 1 } }]]),
    deleteMany: () => theirs.deleteMany(['a']),
    transaction: () => reader.transaction(() => theirs.size),
    nested: () => {
      live.deep.n = 2
    },
    property: () => {
      live.late = 1
    },
    'delete property': () => delete live.late,
    index: () => {
      theirList[0] = 1
    },
    length: () => {
      theirList.length = 0
    },
    push: () => theirList.push(1),
    pop: () => theirList.pop(),
    splice: () => theirList.splice(0, 1),
    sort: () => theirList.sort(),
    reverse: () => theirList.reverse(),
    fill: () => theirList.fill(0),
    assign: () => theirList.assign([]),
    'set add': () => theirSet.add(3),
    'set delete': () => theirSet.delete(1),
    'set clear': () => theirSet.clear(),
    'set assign': () => theirSet.assign([]),
    string: () => reader.string('string').append('x'),
    block: () => {
      reader.block('block').value = 1
    },
    int: () => reader.int('int').add(1),
    float: () => reader.float('float').add(1),
    bool: () => reader.bool('bool').toggle(),
    remove: () => reader.remove('map'),
  }
  for (const [what, change] of Object.entries(changes)) assert.throws(change, refused, what)
  assert.equal(reader.int('int').wait(99, { timeout: 1 }), false)
  assert.equal(await reader.int('int').waitAsync(5), true)
  assert.deepEqual(see(), shown())

  // New shapes, new blocks, new memory.
  ;(map.get('a') as { deep: { n: number }; late: unknown }).late = { new: { shapes: ['are', 'seen'] } }
  ;(map.get('a') as { deep: { n: number } }).deep.n = 7
  list.push(...Array.from({ length: 5000 }, (_, i) => ({ i, text: 'x'.repeat(100) })))
  set.add(3)
  heap.string('string').append('!')
  heap.int('int').add(1)
  assert.deepEqual(see(), shown())
  map.delete('a')
  assert.throws(() => live.deep, { code: 'ERR_STALE' })
  for (const one of readers) one.close()
  assert.throws(() => theirs.get('a'), { code: 'ERR_CLOSED' })
  assert.throws(() => theirs.set('a', { deep: { n: 1 } }), { code: 'ERR_CLOSED' })
  heap.verify()
})

test('collections and numbers of their own open read-only too, as what they are, and only when they are there', async () => {
  await using crew = new Crew()
  type Door = { open(name: string, options?: { readOnly?: unknown }): Disposable }
  const doors = {
    map: [SharedMap, (it: SharedMap<string, number>, n: number) => it.set('a', n)],
    set: [SharedSet, (it: SharedSet<number>, n: number) => it.add(n)],
    list: [SharedList, (it: SharedList, n: number) => it.push(n)],
    string: [SharedString, (it: SharedString, n: number) => it.append(String(n))],
    block: [SharedBlock, (it: SharedBlock, n: number) => it.set([n])],
    int: [SharedInt, (it: SharedInt, n: number) => it.add(n)],
    float: [SharedFloat, (it: SharedFloat, n: number) => it.add(n)],
    bool: [SharedBool, (it: SharedBool) => it.toggle()],
  } as unknown as Record<string, [Door, (it: Disposable, n: number) => void]>
  for (const [kind, [door, change]] of Object.entries(doors)) {
    const name = crew.name(kind)
    assert.throws(() => door.open(name, READ), { code: 'ERR_NOT_FOUND' }, kind)
    assert.ok(!listObjects().some((object) => object.includes(name)), 'nothing was made')
    assert.throws(() => door.open(name, { readOnly: 1 }), { code: 'ERR_TYPE' })
    using mine = door.open(name)
    using theirs = door.open(name, READ)
    assert.equal(inspectSegment(name)!.participants.length, 1)
    change(mine, 1)
    assert.deepEqual(snapshot(theirs), snapshot(mine), kind)
    assert.throws(() => change(theirs, 2), refused, kind)
    change(mine, 3)
    assert.deepEqual(snapshot(theirs), snapshot(mine), kind)
    for (const [wrong, [other]] of Object.entries(doors))
      if (other !== door) assert.throws(() => other.open(name, READ), { code: 'ERR_KIND' }, `${kind} as ${wrong}`)
  }
  using byte = SharedInt.open(crew.name('byte'), { type: 'uint8', initial: 7 })
  assert.throws(() => SharedInt.open(byte.name, { ...READ, type: 'int64' }), { code: 'ERR_MISMATCH' })
  using again = SharedInt.open(byte.name, { ...READ, type: 'uint8', initial: 9 })
  for (const change of [
    () => again.set(1),
    () => again.exchange(1),
    () => again.compareExchange(7, 1),
    () => again.or(1),
  ])
    assert.throws(change, refused)
  byte.add(1)
  assert.equal(again.value, 8)
})

test('a read-only number watches and waits by looking, and leaves no trace of it', async () => {
  await using crew = new Crew()
  using mine = SharedInt.open(crew.name('int'), { type: 'int64' })
  using theirs = SharedInt.open(mine.name, { ...READ, type: 'int64' })
  const watching = theirs.watch()
  const next = watching.next()
  // Both halves of a long value count.
  mine.value = 1n << 40n
  assert.deepEqual((await next).value, { type: 'set', value: 1n << 40n, coalesced: 0 })
  const ended = watching.next()
  watching.close()
  assert.equal((await ended).done, true)
  const waiting = theirs.waitAsync(7n, { timeout: 60_000 })
  mine.value = 7n
  assert.equal(await waiting, true)
  assert.equal(theirs.wait(7n), true)
  assert.equal(theirs.wait(8n, { timeout: 20 }), false)
  const signal = AbortSignal.timeout(20)
  await assert.rejects(theirs.waitAsync(8n, { signal }), { name: 'TimeoutError' })
  assert.equal(inspectSegment(mine.name)!.participants.length, 1)
})

test('a read-only collection watches and waits by looking, and leaves no trace of it', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.open(crew.name('looked-at'))
  const map = heap.map<string, unknown>('map')
  const set = heap.set<string>('set')
  const list = heap.list<unknown>('list')
  const text = heap.string('text')
  const int = heap.int('int')
  map.set('a', { deep: { n: 1 } }).set('b', 1)
  list.push(1, { n: 1 }, 3)
  using reader = SharedHeap.open(heap.name, READ)
  const theirs = reader.map<string, unknown>('map')
  const told: unknown[] = []
  /** Tells what is seen of each change, one after another, as a reader may see several as one. */
  const follow = async (changes: AsyncIterable<object>): Promise<void> => {
    for await (const change of changes) told.push(snapshot(change))
  }
  const sees = async (expected: unknown[], change: () => unknown): Promise<void> => {
    told.length = 0
    change()
    await until(() => told.length >= expected.length, `${JSON.stringify(expected)} to be told`)
    assert.deepEqual(told, expected)
  }
  const watching = [
    theirs.watch(),
    theirs.watch('a'),
    reader.set('set').watch(),
    reader.list('list').watch(),
    reader.string('text').watch(),
  ]
  const [all, one, members, elements, texts] = watching
  const set1 = { type: 'set', coalesced: 0 }
  const followers = [follow(all!)]
  await sees([{ ...set1, key: 'b', value: 2 }], () => map.set('b', 2))
  await sees([{ type: 'delete', key: 'b', value: undefined, coalesced: 0 }], () => map.delete('b'))
  await sees([{ ...set1, key: 'c', value: undefined }], () => map.set('c', undefined))
  followers.push(follow(one!))
  followers.push(follow(members!), follow(elements!), follow(texts!))
  await sees([{ ...set1, type: 'add', value: 'x' }], () => set.add('x'))
  await sees([{ ...set1, index: 2, value: 4 }], () => {
    list[2] = 4
  })
  await sees([{ ...set1, index: undefined, value: undefined }], () => list.push(5))
  await sees([{ ...set1, value: 'new' }], () => {
    text.value = 'new'
  })
  told.length = 0
  map.clear()
  await until(() => told.length === 2, 'both to be told that all is gone')
  assert.deepEqual(new Set(told.map((change) => (change as { type: string }).type)), new Set(['clear']))
  // A change inside a value is one of its key.
  map.set('a', { deep: { n: 1 } })
  await until(() => told.length === 4, 'both to be told of a new entry')
  const live = theirs.watch('a')
  ;(map.get('a') as { deep: { n: number } }).deep.n = 2
  const { value: change } = await live.next()
  assert.deepEqual([change!.type, (change as { value: { deep: { n: number } } }).value.deep.n], ['set', 2])
  live.close()

  const waiting = reader.int('int').waitAsync(7, { timeout: 60_000 })
  int.value = 7
  assert.equal(await waiting, true)
  assert.equal(reader.int('int').wait(7), true)
  const signal = AbortSignal.timeout(20)
  await assert.rejects(reader.int('int').waitAsync(8, { signal }), { name: 'TimeoutError' })
  assert.equal(inspectSegment(heap.name)!.participants.length, 1)

  // What is removed is stale for who watches it, and closing ends what is left.
  const stale = assert.rejects(followers.pop()!, { code: 'ERR_STALE' })
  heap.remove('text')
  await stale
  reader.close()
  await Promise.all(followers)
})

test('a reader without a slot never sees half of a value, beside a writer that never pauses', async () => {
  await using crew = new Crew()
  const name = crew.name('sealed')
  using heap = SharedHeap.open(name, { maxSize: '64 MiB' })
  heap.map('sealed')
  const writer = crew.start('write-sealed', [name, 0, 3, 7, '/dev/null'])
  await writer.hear('ready')
  const readers = crew.startMany(2, 'read-sealed-only', [name, 2000])
  for (const reader of readers) await reader.hear(0)
  await writer.end()
})

test('what a killed process left half done is ERR_BUSY to a reader, until somebody who may write has undone it', async () => {
  await using crew = new Crew()
  const name = crew.name('half')
  using heap = SharedHeap.open(name)
  const accounts = heap.map<string, { balance: number }>('accounts')
  accounts.set('a', { balance: 100 })
  heap.list('log')
  heap.int('moves')
  using reader = SharedHeap.open(name, READ)
  const theirs = reader.map<string, { balance: number }>('accounts')
  const log = reader.list('log')
  const child = crew.start('die-in-transaction', [name])
  await child.hear('inside')
  await child.end()
  await refuses('ERR_BUSY', () => theirs.snapshot(), /a process was killed while changing it/)
  assert.throws(() => log.length, { code: 'ERR_BUSY' })
  heap.int('moves').add(1)
  assert.deepEqual([theirs.snapshot('a'), log.length, reader.int('moves').value], [{ balance: 100 }, 0, 1])
})

test('a reader that is kept off its processor has not been patient meanwhile: it looks again', async () => {
  await using crew = new Crew()
  const name = crew.name('patient')
  using heap = SharedHeap.open(name)
  heap.map<string, number>('m').set('a', 1)
  using reader = SharedHeap.open(name, READ)
  const theirs = reader.map<string, number>('m')
  // A writer is in the middle of a change when the reader looks first, and has long been through when it wakes up. The
  // clock stands still but for the reader's sleeps, of which each lasts five seconds.
  const { i32, version } = (heap as unknown as { heap: Heap }).heap.core.arena
  i32[version] = i32[version]! + 1
  const { now } = performance
  let looks = 0
  performance.now = () => {
    if (++looks === 7) i32[version] = i32[version]! + 1
    return Math.floor(looks / 2) * 5000
  }
  try {
    assert.deepEqual(theirs.snapshot(), new Map([['a', 1]]))
    assert.equal(looks, 8)
  } finally {
    performance.now = now
    i32[version] = i32[version]! & ~1
  }
})

test('another user reads what the mode lets them read', { skip: root }, async () => {
  await using crew = new Crew()
  const name = crew.name('theirs')
  using _ = unlinking([`${name}-int`, `${name}-secret`])
  using heap = SharedHeap.open(name, { mode: 0o644 })
  heap.map('players').set('ada', { score: 1 })
  heap.list('chat').push('hi')
  using _int = SharedInt.open(`${name}-int`, { mode: 0o644, initial: 7 })
  using _secret = SharedInt.open(`${name}-secret`, { initial: 8 })
  const other = crew.start('read-what-may-be-read', [name], { uid: 65534 })
  await other.hear({
    writing: 'ERR_PERMISSION',
    names: ['players', 'chat'],
    ada: { score: 1 },
    chat: ['hi'],
    set: 'ERR_READ_ONLY',
    int: 7,
    secret: 'ERR_PERMISSION',
  })
})

test('what is not there is said in words, with the namespace and where to look', () => {
  for (const { open } of [SharedMap, SharedInt, SharedHeap] as { open(name: string, options: object): unknown }[])
    assert.throws(
      () => open('nowhere', READ),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ERR_NOT_FOUND')
        assert.match(
          error.message,
          /no segment "nowhere": nobody has made it in namespace ".+".*only reads makes none; `memlane list`/,
        )
        return true
      },
    )
})
