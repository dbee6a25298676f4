// interop/membridge: rings, by example; and waiting for them.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { int, SharedMemory, type SpscRingBuffer } from './index.js'

/** A producer's and a consumer's end of one ring, as two processes would have them. */
function pair(capacity: number): { producer: SpscRingBuffer; consumer: SpscRingBuffer; name: string } {
  const name = freshName('ring')
  using made = SharedMemory.create(name, capacity + 24)
  using opened = SharedMemory.open(name)
  return { producer: made.spsc(), consumer: opened.spsc(), name }
}

test('a message comes out as it went in, or stays when it is asked for as something else', () => {
  const { producer, consumer } = pair(256)
  producer.push(int(2 ** 53 - 1))
  producer.push(2n ** 60n)
  assert.equal(consumer.pop('int'), 2 ** 53 - 1)
  assert.throws(() => consumer.pop('int'), { code: 'ERR_RANGE', message: /1152921504606846976/ })
  assert.equal(consumer.pop('i64'), 2n ** 60n)
  producer.push('hi')
  assert.throws(() => consumer.pop('int'), { code: 'ERR_RANGE' })
  assert.throws(
    () =>
      consumer.popMixed([
        ['str', 1],
        ['bool', 1],
      ]),
    { code: 'ERR_RANGE' },
  )
  assert.throws(() => consumer.pop('text' as never), { code: 'ERR_TYPE' })
  assert.equal(consumer.pop('str'), 'hi')
  producer.close()
  consumer.close()
})

test('popInto fills a buffer of the caller, says how much, and leaves what is too long', () => {
  const { producer, consumer } = pair(64)
  const target = new Uint8Array(4)
  assert.equal(consumer.popInto(target), -1)
  producer.push(new Uint8Array([1, 2, 3]))
  producer.push(new Uint8Array(5))
  producer.push(new Uint8Array())
  assert.equal(consumer.popInto(target), 3)
  assert.deepEqual([...target], [1, 2, 3, 0])
  assert.throws(() => consumer.popInto(target), { code: 'ERR_RANGE' })
  assert.equal(consumer.popInto(new Uint8Array(5)), 5)
  assert.equal(consumer.popInto(target), 0)
  assert.throws(() => consumer.popInto([] as never), { code: 'ERR_TYPE' })
})

test('every length from 0 to the whole ring survives every position', () => {
  const { producer, consumer } = pair(64)
  for (let length = 0; length <= 60; length++) {
    for (let turn = 0; turn < 66; turn++) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + turn)
      assert.equal(producer.push(bytes), true)
      const way = turn % 3
      if (way === 0) assert.deepEqual(consumer.pop(), bytes)
      else if (way === 1) {
        const target = new Uint8Array(length)
        assert.equal(consumer.popInto(target), length)
        assert.deepEqual(target, bytes)
      } else assert.deepEqual(consumer.popMixed([['u8', length + 1 - 1]]), [length === 1 ? bytes[0] : [...bytes]])
      if (turn % 5 === 0) assert.equal(producer.push('x') && consumer.pop('str'), 'x') // moves the start by 9
    }
  }
})

test('positions beyond 2^32 and around 2^64 are carried in one store', () => {
  for (const start of [2n ** 32n - 40n, 2n ** 53n - 40n, 2n ** 63n - 40n, 2n ** 64n - 40n]) {
    const name = freshName('wrap')
    const bytes = Buffer.alloc(24 + 64)
    bytes.writeBigUInt64LE(start, 0)
    bytes.writeBigUInt64LE(start, 8)
    bytes.writeBigUInt64LE(64n, 16)
    writeFileSync(fileOf(name), bytes)
    using producer = SharedMemory.open(name).spsc()
    using consumer = SharedMemory.open(name).spsc()
    let position = start
    for (let i = 0; i < 10; i++) {
      producer.push(`${i} éé`)
      position = BigInt.asUintN(64, position + 4n + 4n + 6n)
      assert.equal(readFileSync(fileOf(name)).readBigUInt64LE(8), position, `tail from ${start}`)
      assert.equal(producer.used, 14)
      assert.equal(consumer.pop('str'), `${i} éé`)
      assert.equal(readFileSync(fileOf(name)).readBigUInt64LE(0), position, `head from ${start}`)
      assert.equal(consumer.isEmpty, true)
    }
  }
})

test('a getter in a message may use the ring, or close it, and harms nobody', () => {
  const { producer, consumer } = pair(256)
  const nosy = ['a', 'b']
  Object.defineProperty(nosy, 1, { get: () => (producer.push(['inner', true]) ? 'late' : ''), enumerable: true })
  assert.equal(producer.push(nosy), true)
  assert.deepEqual(
    consumer.popMixed([
      ['str', 1],
      ['bool', 1],
    ]),
    ['inner', true],
  )
  assert.deepEqual(consumer.popMixed([['str', 2]]), [['a', 'late']])
  const rude = ['a']
  Object.defineProperty(rude, 0, { get: () => producer.close() ?? 'x' })
  assert.throws(() => producer.push(rude), { code: 'ERR_CLOSED' })
  assert.equal(consumer.isEmpty, true)
})

test('what push and pop refuse, they refuse before anything changes', () => {
  const { producer, consumer, name } = pair(64)
  producer.push('first')
  const before = readFileSync(fileOf(name))
  const bad: readonly [unknown, string][] = [
    [null, 'ERR_TYPE'],
    [undefined, 'ERR_TYPE'],
    [{}, 'ERR_TYPE'],
    [Symbol('s'), 'ERR_TYPE'],
    [() => 1, 'ERR_TYPE'],
    [new Uint16Array(2), 'ERR_TYPE'],
    [new Proxy(new Uint8Array(2), {}), 'ERR_TYPE'],
    [[['nested']], 'ERR_TYPE'],
    ['\ud800', 'ERR_TYPE'],
    [['ok', 'a\udc00'], 'ERR_TYPE'],
    [2n ** 63n, 'ERR_RANGE'],
    [-(2n ** 63n) - 1n, 'ERR_RANGE'],
    [new Uint8Array(61), 'ERR_TOO_LARGE'],
    ['x'.repeat(57), 'ERR_TOO_LARGE'],
  ]
  for (const [value, code] of bad) {
    assert.throws(() => producer.push(value as never), { code }, String(code))
    assert.deepEqual(readFileSync(fileOf(name)), before)
  }
  for (const schema of [undefined, 'str', [['str']], [['str', 1, 2]], [['nope', 0]], ['str'], [['str', '1']]]) {
    assert.throws(() => consumer.popMixed(schema as never), { code: 'ERR_TYPE' })
  }
  for (const count of [-1, 0.5, 2 ** 53])
    assert.throws(() => consumer.popMixed([['str', count]]), { code: 'ERR_RANGE' })
  assert.throws(() => consumer.popMixed([['u8', 2 ** 52]]), { code: 'ERR_RANGE' })
  assert.deepEqual(readFileSync(fileOf(name)), before)
  for (const bad of [Number.NaN, 2 ** 53, 1.5, -(2 ** 53)]) assert.throws(() => int(bad), { code: 'ERR_RANGE' })
  assert.throws(() => int('1' as never), { code: 'ERR_TYPE' })
})

test('popAsync waits for a message, calls are served in turn, and a taken one is never lost', async () => {
  const { producer, consumer } = pair(256)
  const order: string[] = []
  const waits = ['a', 'b', 'c'].map((who) =>
    consumer.popAsync('str').then((message) => order.push(`${who}:${message}`)),
  )
  for (const message of ['1', '2', '3']) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    producer.push(message)
  }
  await Promise.all(waits)
  assert.deepEqual(order, ['a:1', 'b:2', 'c:3'])
  producer.push('at once')
  assert.equal(await consumer.popAsync('str'), 'at once')
  const raw = await Promise.all([consumer.popAsync(), Promise.resolve(producer.push(new Uint8Array([7])))])
  assert.deepEqual([...raw[0]], [7])
})

test('popAsync ends with the timeout or the signal, and takes nothing then', async () => {
  const { producer, consumer } = pair(256)
  await assert.rejects(consumer.popAsync('str', { timeout: 20 }), { code: 'ERR_TIMEOUT', message: /20 ms/ })
  await assert.rejects(consumer.popAsync('str', { timeout: 0 }), { code: 'ERR_TIMEOUT' })
  await assert.rejects(consumer.popAsync('str', { timeout: -1 }), { code: 'ERR_RANGE' })
  const controller = new AbortController()
  const aborted = consumer.popAsync('str', { signal: controller.signal })
  const next = consumer.popAsync('str')
  controller.abort(new Error('enough'))
  await assert.rejects(aborted, { message: 'enough' })
  await assert.rejects(consumer.popAsync('str', { signal: controller.signal }), { message: 'enough' })
  producer.push('kept')
  assert.equal(await next, 'kept')
})

test('pushAsync waits for room with the message as it was, in order', async () => {
  const { producer, consumer } = pair(32)
  const list = [1, 2, 3]
  await producer.pushAsync(list)
  const bytes = new Uint8Array(20).fill(1)
  const waits = [producer.pushAsync(bytes), producer.pushAsync('later')]
  bytes.fill(9)
  list[0] = 9
  assert.deepEqual(consumer.popMixed([['float', 3]]), [[1, 2, 3]])
  await waits[0]
  assert.deepEqual(consumer.pop(), new Uint8Array(20).fill(1))
  await waits[1]
  assert.equal(consumer.pop('str'), 'later')
  await assert.rejects(producer.pushAsync(new Uint8Array(29)), { code: 'ERR_TOO_LARGE' })
  await assert.rejects(producer.pushAsync({} as never), { code: 'ERR_TYPE' })
  await producer.pushAsync(new Uint8Array(28))
  await assert.rejects(producer.pushAsync('x', { timeout: 10 }), { code: 'ERR_TIMEOUT' })
})

test('messages() gives them as they come; breaking off leaves the ring open; an abort throws', async () => {
  const { producer, consumer } = pair(1024)
  const got: string[] = []
  const sender = (async () => {
    for (let i = 0; i < 2000; i++) await producer.pushAsync(`m${i}`)
    await producer.pushAsync('__EOF__')
  })()
  for await (const message of consumer.messages('str')) {
    if (message === '__EOF__') break
    got.push(message)
  }
  await sender
  assert.deepEqual(
    got,
    Array.from({ length: 2000 }, (_, i) => `m${i}`),
  )
  producer.push('after')
  assert.equal(consumer.pop('str'), 'after')
  const controller = new AbortController()
  setTimeout(() => controller.abort(new Error('stop')), 10)
  await assert.rejects(async () => {
    for await (const _ of consumer.messages('str', { signal: controller.signal }));
  }, /stop/)
})

test('a ring attached before it is initialised says so, and works as soon as it is', async () => {
  const name = freshName('early')
  writeFileSync(fileOf(name), Buffer.alloc(24 + 64))
  using shm = SharedMemory.open(name)
  using ring = shm.spsc()
  assert.equal(ring.isInitialized, false)
  assert.deepEqual(
    [ring.capacity, ring.used, ring.free, ring.isEmpty, ring.isFull, ring.pop()],
    [0, 0, 0, true, true, undefined],
  )
  assert.throws(() => ring.push('x'), { code: 'ERR_BUSY' })
  const waiting = ring.popAsync('str')
  const sending = ring.pushAsync('early bird')
  const header = Buffer.alloc(8)
  header.writeBigUInt64LE(64n)
  const file = readFileSync(fileOf(name))
  header.copy(file, 16)
  writeFileSync(fileOf(name), file, { flag: 'r+' })
  await sending
  assert.equal(await waiting, 'early bird')
  assert.equal(ring.isInitialized, true)
})

test('one live producer and one live consumer at a time; the next may follow when it is closed', () => {
  const { producer, consumer, name } = pair(64)
  producer.push('a')
  using again = SharedMemory.open(name)
  const second = again.spsc()
  assert.throws(() => second.push('b'), { code: 'ERR_BUSY', message: /producer/ })
  assert.equal(consumer.pop('str'), 'a')
  assert.throws(() => second.pop(), { code: 'ERR_BUSY', message: /consumer/ })
  assert.equal(second.isEmpty, true)
  producer.close()
  assert.equal(second.push('c'), true)
  assert.equal(consumer.pop('str'), 'c')
})

test('two rings of one handle are the same producer', () => {
  const name = freshName('twice')
  using shm = SharedMemory.create(name, 24 + 64)
  using a = shm.spsc()
  using b = shm.spsc()
  a.push('1')
  b.push('2')
  a.push('3')
  assert.deepEqual([b.pop('str'), a.pop('str'), b.pop('str'), a.pop('str')], ['1', '2', '3', undefined])
})

test('clear drops all there is, broken messages too', () => {
  const { producer, consumer, name } = pair(64)
  producer.push('abc')
  producer.push('def')
  assert.equal(consumer.clear(), 22)
  assert.equal(consumer.clear(), 0)
  producer.push('x')
  const file = readFileSync(fileOf(name))
  file.writeUInt32LE(4_000_000_000, 24 + 22)
  writeFileSync(fileOf(name), file, { flag: 'r+' })
  assert.throws(() => consumer.pop(), { code: 'ERR_CORRUPT', message: /4000000000/ })
  assert.equal(consumer.clear(), 9)
  producer.push('y')
  assert.equal(consumer.pop('str'), 'y')
})

test('small messages share memory that nobody can transfer away', () => {
  const { producer, consumer } = pair(1024)
  producer.push(new Uint8Array([1]))
  producer.push(new Uint8Array([2]))
  const a = consumer.pop() as Uint8Array
  const b = consumer.pop() as Uint8Array
  try {
    structuredClone(a, { transfer: [a.buffer as ArrayBuffer] })
  } catch {
    // Refused, or it took one message's own memory with it.
  }
  assert.deepEqual([...b], [2])
})

test('who finds a message with every step leaves the event loop its turns', async () => {
  const { producer, consumer } = pair(256)
  let over = false
  setImmediate(() => {
    over = true
  })
  producer.push(int(0))
  for await (const n of consumer.messages('int')) {
    if (over) break
    assert.ok(n < 100_000, 'an immediate waited for a hundred thousand messages')
    producer.push(int(n + 1))
  }
  producer.close()
  consumer.close()
})

test('messages asked for all at once come in order', async () => {
  const { producer, consumer } = pair(1 << 16)
  const numbers = Array.from({ length: 1100 }, (_, i) => i)
  for (const n of numbers) producer.push(int(n))
  const messages = consumer.messages('int')
  const got = await Promise.all(numbers.map(() => messages.next()))
  assert.deepEqual(
    got.map(({ value }) => value),
    numbers,
  )
  producer.close()
  consumer.close()
})
