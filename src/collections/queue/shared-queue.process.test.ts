// collections: messages between real processes, some of which are killed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Actor, Crew, seeded, until, WATCHDOG } from '../../testing/crew.js'
import { SharedHeap } from '../index.js'

const PRODUCERS = 3
const EACH = 1500
const KILLS = 6

/** Producers at work, consumers that are killed and replaced. @returns how often each message was counted. */
async function traffic(how: 'done' | 'at once' | 'in a transaction'): Promise<Map<number, number>> {
  await using crew = new Crew()
  const { below } = seeded(`messages ${how}`)
  using heap = SharedHeap.open<number>(crew.name('messages'))
  const counts = heap.map<number, number>('counts')
  const consumer = (): Actor => crew.start('queue-consume', [heap.name, how])
  const consumers = Array.from({ length: 3 }, consumer)
  await Promise.all(consumers.map((one) => one.hear('ready')))
  const producers = Array.from({ length: PRODUCERS }, (_, i) =>
    crew.start('queue-produce', [heap.name, i * EACH, EACH]),
  )
  for (let i = 0; i < KILLS; i++) {
    // The kill comes in the middle of the work, wherever that is.
    const enough = Math.min(PRODUCERS * EACH - KILLS, ((i + 1) * PRODUCERS * EACH) / (KILLS + 2))
    await until(() => counts.size >= enough, `${Math.round(enough)} messages are counted`)
    await sleep(below(3))
    await consumers[i % 3]!.end()
    consumers[i % 3] = consumer()
  }
  for (const producer of producers) await producer.hear('done')
  const lost = how === 'at once' ? KILLS : 0
  await until(
    () => heap.messages.size === 0 && heap.messages.taken === 0 && counts.size >= PRODUCERS * EACH - lost,
    'all messages are counted',
  )
  heap.verify()
  return counts.snapshot()
}

const once = (counts: Map<number, number>): boolean => [...counts.values()].every((count) => count === 1)

test('many producers, many consumers that are killed: with ack each message is counted once', async () => {
  const counts = await traffic('done')
  assert.equal(counts.size, PRODUCERS * EACH)
  assert.ok(once(counts))
})

test('the same without ack: none is counted twice, and one at most is lost with each that is killed', async () => {
  const counts = await traffic('at once')
  assert.ok(counts.size >= PRODUCERS * EACH - KILLS)
  assert.ok(once(counts))
})

test('the same where taking and counting are one transaction: each is counted once', async () => {
  const counts = await traffic('in a transaction')
  assert.equal(counts.size, PRODUCERS * EACH)
  assert.ok(once(counts))
})

test('a producer that is killed has put its messages up to some one, each once', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.open<number>(crew.name('messages'))
  const producer = crew.start('queue-produce', [heap.name, 0, 1_000_000])
  await until(() => heap.messages.size > 1000, 'some messages are there')
  await producer.end()
  heap.verify()
  const all = heap.messages.snapshot()
  assert.deepEqual(
    all,
    Array.from(all, (_, i) => i),
  )
})

test('a message of a taker that is killed comes back to one that waits; of one that is stopped it does not', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.open<number>(crew.name('messages'))
  heap.messages.putAll([1, 2])
  const holder = crew.start('queue-hold', [heap.name])
  assert.deepEqual(await holder.hear(), [1, 1])
  assert.equal(await heap.messages.take(), 2)
  const waiter = crew.start('queue-hold', [heap.name])
  const waiting = heap.messages.take({ timeout: WATCHDOG })
  await holder.stop()
  await assert.rejects(heap.messages.take({ timeout: 300 }), { code: 'ERR_TIMEOUT' })
  assert.equal(waiter.hasSaid, false)
  assert.deepEqual([heap.messages.size, heap.messages.taken], [0, 1])
  holder.kill('SIGKILL')
  const first = await Promise.race([
    waiting.then((value) => ({ here: value })),
    waiter.hear<[number, number]>().then((said) => ({ there: said })),
  ])
  if ('here' in first) assert.equal(first.here, 1)
  else assert.deepEqual(first.there, [1, 2])
  // The other one still waits.
  heap.messages.put(3)
  if ('here' in first) assert.deepEqual(await waiter.hear(), [3, 1])
  else assert.equal(await waiting, 3)
  assert.equal(heap.messages.taken, 1)
  waiter.tell('go on')
  await waiter.hear('done')
  assert.equal(heap.messages.taken, 0)
  heap.verify()
})

test('waiters in other processes sleep until there is a message, and each gets one', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.open<number>(crew.name('messages'))
  const waiters = [false, false, true, true].map((blocking) => crew.start('queue-wait', [heap.name, blocking]))
  for (const waiter of waiters) await waiter.hear('waiting')
  await sleep(1000)
  for (let i = 0; i < 3; i++) heap.messages.put(i)
  heap.messages.putAll([3])
  const said = await Promise.all(waiters.map((waiter) => waiter.hear<[number, number]>()))
  assert.deepEqual(said.map(([message]) => message).sort(), [0, 1, 2, 3])
  // Who looked again and again would have been busy for the whole second.
  for (const [, busyMs] of said) assert.ok(busyMs < 500, `${busyMs} ms`)
})

test('messages outlive the process that made the heap and put them, although nobody was there', async () => {
  await using crew = new Crew()
  const name = crew.name('messages')
  const maker = crew.start('queue-leave', [name])
  const pid = await maker.hear<number>()
  await maker.succeed()
  using heap = SharedHeap.open<unknown>(name)
  assert.deepEqual(heap.messages.tryTake(), { from: pid, text: 'good bye' })
  assert.equal(heap.messages.size, 1)
})

test('a heap that was opened to read only shows its messages and gives none out', async () => {
  await using crew = new Crew()
  const name = crew.name('messages')
  using heap = SharedHeap.open<number>(name)
  {
    using empty = SharedHeap.open<number>(name, { readOnly: true })
    assert.throws(() => empty.messages, { code: 'ERR_NOT_FOUND' })
  }
  heap.messages.putAll([1, 2, 3])
  using reader = SharedHeap.open<number>(name, { readOnly: true })
  const { messages } = reader
  assert.deepEqual([messages.size, messages.peek(), messages.snapshot()], [3, 1, [1, 2, 3]])
  assert.equal(messages.peek({ where: (n) => n > 1, order: 'lifo' }), 3)
  assert.throws(() => messages.peek({ where: (async () => true) as never }), { code: 'ERR_ASYNC' })
  for (const use of [
    () => messages.put(1),
    () => messages.tryTake(),
    () => messages.takeSync(),
    () => messages.clear(),
    () => messages.consume(),
  ])
    assert.throws(use, { code: 'ERR_READ_ONLY' }, String(use))
  await assert.rejects(messages.take(), { code: 'ERR_READ_ONLY' })
})
