// collections: what messages promise, by example.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { type Heap, HeapMessage } from '../../heap/index.js'
import { Message, SharedHeap, SharedQueue, snapshot } from '../index.js'

const open = <M = unknown>(options: { maxSize?: string } = {}) =>
  SharedHeap.local<M>({ maxSize: '8 MiB', participants: 8, ...options })

/** Another participant of the same heap. */
const beside = <M = unknown>(heap: SharedHeap<M>): SharedHeap<M> => SharedHeap.attach<M>(heap.buffer!)

test('what was put first is taken first, as a copy, and once', () => {
  using heap = open()
  const { messages } = heap
  const order = { id: 1, items: ['tea', { cake: 2 }] }
  messages.put(order)
  order.items.push('more')
  messages.put('two')
  messages.put(null)
  assert.equal(messages.size, 3)
  assert.deepEqual(messages.tryTake(), { id: 1, items: ['tea', { cake: 2 }] })
  assert.equal(messages.tryTake(), 'two')
  assert.equal(messages.tryTake(), null)
  assert.equal(messages.tryTake(), undefined)
  assert.equal(messages.size, 0)
  heap.verify()
})

test('the newest first, where that is asked for, and only what passes', () => {
  using heap = open<number>()
  const { messages } = heap
  messages.putAll([1, 2, 3, 4, 5, 6])
  assert.equal(messages.tryTake({ order: 'lifo' }), 6)
  assert.equal(messages.tryTake({ where: (n) => n % 2 === 0 }), 2)
  assert.equal(messages.tryTake({ where: (n) => n % 2 === 0, order: 'lifo' }), 4)
  assert.equal(messages.tryTake({ where: (n) => n > 10 }), undefined)
  assert.equal(messages.peek(), 1)
  assert.equal(messages.peek({ order: 'lifo' }), 5)
  assert.equal(messages.peek({ where: (n) => n > 2 }), 3)
  assert.equal(messages.peek({ where: (n) => n > 10 }), undefined)
  assert.deepEqual(messages.snapshot(), [1, 3, 5])
  assert.equal(messages.clear(), 3)
  assert.equal(messages.clear(), 0)
  heap.verify()
})

test('every kind of value comes out as it went in, and leaves nothing behind', () => {
  using heap = open()
  const values = [
    0,
    -0,
    Number.NaN,
    1.5,
    2n ** 80n,
    '',
    'short',
    'a text that is no short one',
    '漢字',
    true,
    null,
    new Date(5),
    /a/g,
    new Map([[1, { x: [1] }]]),
    new Set(['a']),
    new Uint16Array([1, 2, 3]),
    Object.assign(new Array(3), { 0: 1, 2: 3 }),
    { deep: { er: [{ and: 'deeper' }] } },
    'x'.repeat(100_000),
  ]
  const { messages } = heap
  let before = 0
  for (const round of [1, 2]) {
    messages.putAll(values)
    heap.verify()
    for (const value of values) assert.deepEqual(messages.tryTake(), value)
    heap.verify()
    // Shapes of objects stay.
    if (round === 1) before = heap.stats().blocks
  }
  assert.equal(heap.stats().blocks, before)
  const circle: Record<string, unknown> = { n: [1] }
  circle.self = circle
  messages.put(circle)
  const back = messages.tryTake() as typeof circle
  assert.equal(back.self, back)
  heap.verify()
})

test('what is no message is refused, and nothing is put', () => {
  using heap = open()
  const { messages } = heap
  messages.put(1)
  assert.throws(() => messages.put(undefined), { code: 'ERR_TYPE' })
  assert.throws(() => messages.put(() => 1), { code: 'ERR_NOT_CLONEABLE' })
  assert.throws(() => messages.putAll([2, undefined]), { code: 'ERR_TYPE' })
  assert.throws(() => messages.putAll([2, Symbol('s')]), { code: 'ERR_NOT_CLONEABLE' })
  assert.throws(() => messages.putAll(5 as never), { code: 'ERR_TYPE' })
  assert.throws(
    () =>
      messages.put({
        get a() {
          throw new RangeError('a getter')
        },
      }),
    RangeError,
  )
  assert.deepEqual(messages.snapshot(), [1])
  heap.verify()
})

test('a full heap takes no message, keeps those it has, and gives them out', () => {
  using heap = open<string>({ maxSize: '512 KiB' })
  const { messages } = heap
  let put = 0
  assert.throws(
    () => {
      for (; ; put++) messages.put(`${put} `.padEnd(3000, 'x'))
    },
    { code: 'ERR_NO_SPACE' },
  )
  assert.throws(() => messages.putAll(['small', 'y'.repeat(400_000)]), { code: 'ERR_NO_SPACE' })
  heap.verify()
  assert.equal(messages.size, put)
  for (let i = 0; i < put; i++) assert.ok(messages.tryTake()!.startsWith(`${i} `))
  assert.equal(messages.size, 0)
  heap.verify()
})

test('bad options are told by name', async () => {
  using heap = open()
  const { messages } = heap
  const bad = [
    [{ order: 'random' }, 'ERR_TYPE'],
    [{ order: null }, 'ERR_TYPE'],
    [{ where: 5 }, 'ERR_TYPE'],
    [{ ack: 'yes' }, 'ERR_TYPE'],
    [{ acks: true }, 'ERR_TYPE'],
    [null, 'ERR_TYPE'],
  ] as const
  for (const [options, code] of bad) {
    assert.throws(() => messages.tryTake(options as never), { code }, inspect(options))
    assert.throws(() => messages.takeSync(options as never), { code }, inspect(options))
    assert.throws(() => messages.consume(options as never), { code }, inspect(options))
    await assert.rejects(messages.take(options as never), { code }, inspect(options))
  }
  assert.throws(() => messages.peek({ ack: true } as never), { code: 'ERR_TYPE' })
  assert.throws(() => messages.tryTake({ timeout: 5 } as never), { code: 'ERR_TYPE' })
  assert.throws(() => messages.takeSync({ timeout: -1 }), { code: 'ERR_RANGE' })
  await assert.rejects(messages.take({ timeout: Number.NaN }), { code: 'ERR_RANGE' })
  await assert.rejects(messages.take({ signal: {} as never }), { code: 'ERR_TYPE' })
  assert.throws(() => new SharedQueue('a', {} as never, {} as never, false), { code: 'ERR_TYPE' })
  assert.throws(() => new Message({} as never), { code: 'ERR_TYPE' })
})

test('a where that throws, is async, or changes the queue takes nothing', () => {
  using heap = open<number>()
  const { messages } = heap
  messages.putAll([1, 2, 3])
  const other = heap.list<number>('seen')
  assert.throws(
    () =>
      messages.tryTake({
        where: (n) => {
          other.push(n)
          throw new RangeError('no')
        },
      }),
    RangeError,
  )
  assert.equal(other.length, 0, 'what it had changed is undone')
  for (const options of [{}, { order: 'lifo' as const }, { ack: true as const }])
    assert.throws(() => messages.tryTake({ ...options, where: (async () => true) as never }), { code: 'ERR_ASYNC' })
  assert.throws(() => messages.peek({ where: (async () => true) as never }), { code: 'ERR_ASYNC' })
  const meddlers: ((n: number) => unknown)[] = [
    () => messages.put(9),
    () => messages.tryTake(),
    () => messages.tryTake({ ack: true }),
    () => messages.clear(),
    () => heap.remove(''),
  ]
  for (const meddle of meddlers)
    for (const how of ['tryTake', 'peek'] as const)
      assert.throws(
        () =>
          messages[how]({
            where(n) {
              meddle(n)
              return true
            },
          }),
        { code: 'ERR_BUSY' },
        `${how} with ${meddle}`,
      )
  assert.deepEqual([messages.snapshot(), messages.taken], [[1, 2, 3], 0])
  assert.equal(messages.tryTake({ where: (n) => other.push(n) === 2 }), 2, 'it may change something else')
  assert.deepEqual([...other], [1, 2])
  heap.verify()
})

test('a message that is taken with ack stays in the heap until it is done', () => {
  using heap = open<{ n: number }>()
  const { messages } = heap
  messages.put({ n: 0 })
  messages.tryTake()
  const before = heap.stats().blocks
  messages.put({ n: 1 })
  const first = messages.tryTake({ ack: true })!
  assert.ok(first instanceof Message)
  assert.deepEqual([first.value, first.deliveries, first.held], [{ n: 1 }, 1, true])
  assert.deepEqual([messages.size, messages.taken], [0, 1])
  assert.equal(messages.tryTake(), undefined)
  heap.verify()
  first.giveBack()
  first.giveBack()
  assert.deepEqual([messages.size, messages.taken, first.held], [1, 0, false])
  assert.throws(() => first.done(), { code: 'ERR_NOT_HELD', message: /given back/ })
  const second = messages.tryTake({ ack: true })!
  assert.equal(second.deliveries, 2)
  assert.throws(() => first.done(), { code: 'ERR_NOT_HELD' })
  assert.equal(first.held, false)
  second.done()
  second.done()
  assert.throws(() => second.giveBack(), { code: 'ERR_NOT_HELD', message: /done/ })
  assert.deepEqual([messages.size, messages.taken, second.held], [0, 0, false])
  assert.equal(heap.stats().blocks, before)
  heap.verify()
})

test('what is given back waits in front, in the order it was taken', () => {
  using heap = open<number>()
  const { messages } = heap
  messages.putAll([1, 2, 3, 4])
  const [one, two, three] = [1, 2, 3].map(() => messages.tryTake({ ack: true })!)
  two!.giveBack()
  assert.deepEqual(messages.snapshot(), [2, 4])
  one!.giveBack()
  three!.done()
  assert.deepEqual(messages.snapshot(), [1, 2, 4])
  heap.verify()
})

test('using gives a message back where the work on it throws', () => {
  using heap = open<number>()
  const { messages } = heap
  messages.put(1)
  assert.throws(() => {
    using message = messages.tryTake({ ack: true })!
    throw new RangeError(`no ${message.value}`)
  }, RangeError)
  assert.deepEqual(messages.snapshot(), [1])
  {
    using message = messages.tryTake({ ack: true })!
    message.done()
  }
  assert.deepEqual([messages.size, messages.taken], [0, 0])
})

test('a taker that is gone gives back what it has not done, in front, in order, and it is counted', () => {
  using heap = open<number>()
  const { messages } = heap
  messages.putAll([1, 2, 3, 4, 5])
  const gone = beside(heap)
  const mine = messages.tryTake({ ack: true })!
  const theirs = [1, 2, 3].map(() => gone.messages.tryTake({ ack: true })!)
  theirs[1]!.done()
  assert.deepEqual([messages.snapshot(), messages.taken], [[5], 3])
  gone.close()
  assert.throws(() => theirs[0]!.done(), { code: 'ERR_CLOSED' })
  assert.equal(theirs[0]!.held, false)
  const taken = messages.takeSync({ ack: true })
  assert.deepEqual([taken.value, taken.deliveries], [2, 2])
  assert.deepEqual([messages.snapshot(), messages.taken, mine.held], [[4, 5], 2, true])
  heap.verify()
  taken.done()
  mine.done()
})

test('a transaction that is undone puts everything back in its place', () => {
  using heap = open<number>()
  const { messages } = heap
  messages.putAll([1, 2, 3, 4])
  const held = messages.tryTake({ ack: true })!
  let inside: Message<number> | undefined
  assert.throws(
    () =>
      heap.transaction(() => {
        assert.equal(messages.tryTake(), 2)
        assert.equal(messages.tryTake({ order: 'lifo' }), 4)
        inside = messages.tryTake({ ack: true })!
        assert.equal(inside.held, true)
        messages.put(9)
        held.done()
        assert.equal(held.held, false)
        assert.deepEqual(messages.snapshot(), [9])
        throw new Error('abort')
      }),
    /abort/,
  )
  assert.deepEqual([messages.snapshot(), messages.taken, held.held, inside!.held], [[2, 3, 4], 1, true, false])
  const again = messages.tryTake({ where: (n) => n === 3, ack: true })!
  assert.equal(again.deliveries, 1)
  assert.equal(inside!.held, false, 'the same message was taken anew, by another hand')
  assert.throws(() => inside!.done(), { code: 'ERR_NOT_HELD' })
  held.done()
  again.done()
  heap.verify()
})

test('work and its result are one step: taken, stored, done', () => {
  using heap = open<number>()
  const { messages } = heap
  const results = heap.list<number>('results')
  messages.putAll([1, 2, 3])
  while (messages.size > 0) heap.transaction(() => results.push(10 * messages.tryTake()!))
  assert.deepEqual([...results], [10, 20, 30])
})

test('waiting ends with a message, with time, with a signal, and with closing', async () => {
  using heap = open<number>()
  const other = beside(heap)
  const first = heap.messages.take()
  other.messages.put(1)
  assert.equal(await first, 1)
  await assert.rejects(heap.messages.take({ timeout: 5 }), {
    code: 'ERR_TIMEOUT',
    message: /waited 5 ms for a message/,
  })
  assert.throws(() => heap.messages.takeSync({ timeout: 5 }), { code: 'ERR_TIMEOUT' })
  await assert.rejects(heap.messages.take({ timeout: 0 }), { code: 'ERR_TIMEOUT' })
  const abort = new AbortController()
  const aborted = heap.messages.take({ signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(aborted, /enough/)
  await assert.rejects(heap.messages.take({ signal: abort.signal }), /enough/)
  const acked = heap.messages.take({ ack: true })
  other.messages.put(2)
  const message = await acked
  assert.equal(message.value, 2)
  message.done()
  const closed = other.messages.take()
  other.close()
  await assert.rejects(closed, { code: 'ERR_CLOSED' })
  heap.verify()
})

test('each waiter gets one message, and a choosy one only what it wants', async () => {
  using heap = open<number>()
  const { messages } = heap
  const choosy = messages.take({ where: (n) => n >= 100 })
  const plain = Array.from({ length: 20 }, () => messages.take())
  const other = beside(heap)
  for (let i = 0; i < 20; i++) other.messages.put(i)
  assert.deepEqual(
    (await Promise.all(plain)).sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i),
  )
  other.messages.putAll([1, 100, 2])
  assert.equal(await choosy, 100)
  assert.deepEqual(messages.snapshot(), [1, 2])
  other.close()
})

test('inside a transaction nobody waits', async () => {
  using heap = open<number>()
  const { messages } = heap
  heap.transaction(() => assert.throws(() => messages.takeSync(), { code: 'ERR_DEADLOCK' }))
  const inside: Promise<unknown>[] = []
  heap.transaction(() => {
    messages.put(1)
    inside.push(messages.take(), messages.consume().next())
  })
  for (const one of inside) await assert.rejects(one, { code: 'ERR_ASYNC' })
  assert.equal(messages.size, 1)
})

test('a consumer takes message after message, no sooner than it is asked', async () => {
  using heap = open<number>()
  const { messages } = heap
  messages.putAll([1, 2, 3, 4, 5])
  const seen: number[] = []
  for await (const n of messages) {
    seen.push(n)
    if (n === 3) break
  }
  assert.deepEqual(
    [seen, messages.snapshot()],
    [
      [1, 2, 3],
      [4, 5],
    ],
  )
  for await (const message of messages.consume({ ack: true, order: 'lifo' })) {
    seen.push(message.value)
    message.done()
    if (seen.length === 5) break
  }
  assert.deepEqual(seen, [1, 2, 3, 5, 4])
  const consumer = messages.consume()
  const next = consumer.next()
  consumer.close()
  assert.deepEqual(await next, { done: true, value: undefined })
  const abort = new AbortController()
  const waiting = messages.consume({ signal: abort.signal }).next()
  abort.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
})

test('queues by name beside the messages; removing one ends its waits', async () => {
  using heap = open<string>()
  heap.messages.put('unnamed')
  const jobs = heap.queue<number>('jobs')
  jobs.put(1)
  assert.equal(heap.messages.size, 1)
  assert.deepEqual(heap.names(), [
    { kind: 'queue', name: '' },
    { kind: 'queue', name: 'jobs' },
  ])
  assert.throws(() => heap.queue(''), { code: 'ERR_NAME' })
  assert.throws(() => heap.map('jobs'), { code: 'ERR_KIND' })
  heap.map('messages').set('a', 1)
  const held = jobs.tryTake({ ack: true })!
  const waiting = jobs.take()
  assert.equal(heap.remove('jobs'), true)
  await assert.rejects(waiting, { code: 'ERR_STALE' })
  assert.throws(() => jobs.size, { code: 'ERR_STALE' })
  assert.throws(() => jobs.put(1), { code: 'ERR_STALE' })
  assert.throws(() => held.done(), { code: 'ERR_NOT_HELD' })
  assert.equal(held.held, false)
  heap.verify()
  const { messages } = heap
  assert.equal(heap.remove(''), true)
  assert.throws(() => messages.size, { code: 'ERR_STALE' })
  assert.equal(heap.messages.size, 0, 'the heap makes them anew')
  heap.verify()
})

test('more queues than bells: each waiter hears of its own queue', async () => {
  using heap = open<number>()
  const queues = Array.from({ length: 150 }, (_, i) => heap.queue<number>(`q${i}`))
  const waits = queues.map((queue) => queue.take())
  const other = beside(heap)
  for (let i = 149; i >= 0; i--) other.queue<number>(`q${i}`).put(i)
  assert.deepEqual(
    await Promise.all(waits),
    Array.from({ length: 150 }, (_, i) => i),
  )
  heap.verify()
  other.close()
})

test('a closed handle says so, and ends its own waits alone', async () => {
  using heap = open<number>()
  const jobs = heap.queue<number>('jobs')
  const again = heap.queue<number>('jobs')
  const mine = jobs.take()
  const theirs = again.take()
  const consumer = jobs.consume()
  const next = consumer.next()
  jobs.close()
  await assert.rejects(mine, { code: 'ERR_CLOSED' })
  await assert.rejects(next, { code: 'ERR_CLOSED' })
  for (const use of [
    () => jobs.size,
    () => jobs.taken,
    () => jobs.put(1),
    () => jobs.putAll([1]),
    () => jobs.tryTake(),
    () => jobs.takeSync(),
    () => jobs.peek(),
    () => jobs.snapshot(),
    () => jobs.clear(),
    () => jobs.consume(),
  ])
    assert.throws(use, { code: 'ERR_CLOSED' }, String(use))
  await assert.rejects(jobs.take(), { code: 'ERR_CLOSED' })
  again.put(5)
  assert.equal(await theirs, 5)
})

test('a handle and its messages show what they hold, and lead nowhere else', () => {
  using heap = open<{ n: number }>()
  const jobs = heap.queue<{ n: number }>('jobs')
  jobs.putAll([{ n: 1 }, { n: 2 }])
  assert.equal(inspect(jobs), 'SharedQueue("jobs") [ { n: 1 }, { n: 2 } ]')
  assert.equal(JSON.stringify(jobs), '[{"n":1},{"n":2}]')
  assert.equal(Object.prototype.toString.call(jobs), '[object SharedQueue]')
  assert.deepEqual(snapshot(jobs), [{ n: 1 }, { n: 2 }])
  const message = jobs.tryTake({ ack: true })!
  assert.deepEqual({ ...message }, { value: { n: 1 }, deliveries: 1 })
  assert.throws(() => structuredClone(jobs), /open it there with SharedHeap\.attach\(heap\.buffer\)\.queue\("jobs"\)/)
  heap.messages.put({ n: 3 })
  assert.equal(JSON.stringify(heap), '{"jobs":[{"n":2}],"messages":[{"n":3}]}')
})

test('a shared object goes by reference, alone and inside a message', () => {
  using heap = open<unknown>()
  const other = beside(heap)
  const acme = heap.share({ name: 'Acme', staff: [{ name: 'Ada', salary: 100 }] })
  heap.messages.put(acme)
  heap.messages.put({ about: acme.staff[0], raise: 10, notes: ['plain'] })
  const taken = other.messages.tryTake() as typeof acme
  assert.equal(other.isShared(taken), true)
  const order = other.messages.tryTake({ ack: true }) as Message<{
    about: { salary: number }
    raise: number
    notes: string[]
  }>
  assert.equal(order.value.about, taken.staff[0])
  order.value.about.salary += order.value.raise
  order.value.notes.push('mine alone')
  order.done()
  assert.equal(acme.staff[0]!.salary, 110)
  heap.messages.put(acme)
  assert.deepEqual(heap.messages.peek(), acme)
  assert.equal(heap.messages.peek(), acme)
  assert.equal(
    heap.messages.tryTake({ where: (value) => (value as typeof acme).staff.length === 1 }),
    acme,
    'where is asked about the live object',
  )
  heap.messages.put([acme])
  assert.deepEqual(heap.messages.snapshot(), [[{ name: 'Acme', staff: [{ name: 'Ada', salary: 110 }] }]])
  heap.verify()
  using elsewhere = open<unknown>()
  assert.throws(() => elsewhere.messages.put(acme), { code: 'ERR_FOREIGN' })
  heap.destroy(acme)
  assert.throws(() => heap.messages.tryTake(), { code: 'ERR_STALE' })
  assert.equal(heap.messages.size, 1, 'what cannot be read is not taken')
  assert.equal(heap.messages.clear(), 1)
  heap.verify()
  other.close()
})

test('the value of a message is not watched, and its blocks are freed with it', () => {
  using heap = open()
  const { core } = (heap as unknown as { heap: Heap }).heap
  const queue = heap.queue('q')
  queue.put({ a: { b: 'a text that is no short one' } })
  const message = queue.tryTake({ ack: true })
  assert.ok(message !== undefined && !(message instanceof HeapMessage))
  assert.equal(core.arena.depth, 0)
  heap.remove('q')
  heap.verify()
})
