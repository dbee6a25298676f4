// memory: large sparse objects, in memory of the engine's where it has some that it does not count.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Crew } from '../testing/crew.js'
import { type Memory, ShmObject, Wait } from './index.js'

const SIZE = 2 ** 30
const crew = new Crew()
after(() => crew[Symbol.asyncDispose]())

function fresh(size: number = SIZE): string {
  const name = crew.object()
  using object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(size)
  return name
}

const open = (name: string, options: object = {}): ShmObject => ShmObject.open(name, { sparse: true, ...options })
const isPlaced = (object: ShmObject): boolean => object.memory?.buffer instanceof SharedArrayBuffer
const arrayBuffers = (): number => process.memoryUsage().arrayBuffers

test('a large sparse object does not count as memory of JavaScript', (t) => {
  const name = fresh()
  const before = arrayBuffers()
  using object = open(name)
  object.map(SIZE)
  if (!isPlaced(object)) return t.skip('this runtime counts shared memory of WebAssembly too, or is not V8')
  assert.ok(arrayBuffers() - before < 2 ** 20)
  using plain = ShmObject.open(name)
  plain.map(SIZE)
  assert.equal(isPlaced(plain), false)
})

test('handles on one object see the same bytes, from the first to the last', () => {
  const name = fresh()
  using a = open(name)
  using b = open(name)
  using c = ShmObject.open(name)
  const [first, second, third] = [a.map(SIZE), b.map(SIZE), c.map(SIZE)]
  first.i32[0] = 5
  second.u8[SIZE - 1] = 7
  assert.deepEqual([second.i32[0], third.i32[0], first.u8[SIZE - 1], third.u8[SIZE - 1]], [5, 5, 7, 7])
  assert.deepEqual([first.u8.length, first.i32.length, first.f64.length], [SIZE, SIZE / 4, SIZE / 8])
})

test('a wait on one handle ends by a wake on another', async () => {
  const name = fresh()
  using a = open(name)
  using b = open(name)
  const [first, second] = [a.map(SIZE), b.map(SIZE)]
  const word = SIZE / 4 - 1
  const waited = first.waitAsync(word, 0, { timeout: 60_000 })
  const timer = setInterval(() => {
    second.store(word, 1)
    second.wake(word, 1)
  }, 5)
  try {
    assert.ok([Wait.woken, Wait.changed].includes(await waited))
  } finally {
    clearInterval(timer)
  }
  assert.equal(first.wait(word, 1, 1, -1), Wait.timedOut)
})

test('what is stored into a closed one reaches nobody', () => {
  const name = fresh()
  using a = open(name)
  const b = open(name)
  const [first, second] = [a.map(SIZE), b.map(SIZE)]
  first.i32[100] = 1
  b.close()
  assert.ok((second.i32[100] ?? 0) === 0)
  second.i32[100] = 2
  assert.equal(first.i32[100], 1)
})

test('a read-only one shows what others store, and keeps its own stores to itself', () => {
  const name = fresh()
  using a = open(name)
  using b = open(name, { readOnly: true })
  const [first, second] = [a.map(SIZE), b.map(SIZE)]
  first.i32[0] = 1
  assert.equal(second.i32[0], 1)
  second.i32[5000] = 2
  assert.equal(first.i32[5000], 0)
})

test('an object that is cut under it says so', () => {
  const name = fresh()
  using object = open(name)
  const memory = object.map(SIZE)
  memory.i32[0] = 1
  object.resize(0)
  assert.equal(memory.i32[0], 0)
  assert.equal(memory.faults, 1)
  assert.throws(() => memory.checkWhole('it'), { code: 'ERR_TRUNCATED' })
})

for (const [kind, wait] of [
  ['blocking', (memory, word) => memory.wait(word, 5, 5, -1)],
  ['awaited', (memory, word) => memory.waitAsync(word, 5, { timeout: 5 })],
] as [string, (memory: Memory, word: number) => number | Promise<number>][]) {
  test(`a ${kind} wait on an object that was cut, and grew again, says so`, async () => {
    const name = fresh()
    using object = open(name)
    const memory = object.map(SIZE)
    const alive = setInterval(() => {}, 1000)
    for (const [word, grow] of [
      [0, false],
      [5000, true],
    ] as const) {
      object.resize(SIZE)
      const before = memory.faults
      memory.store(word, 5)
      object.resize(0)
      assert.equal(await wait(memory, word), Wait.changed) // It holds 0 where the page is gone.
      if (grow) object.resize(SIZE)
      assert.equal(await wait(memory, word), Wait.changed)
      assert.equal(memory.faults, before + 1)
      assert.throws(() => memory.checkWhole('it'), { code: 'ERR_TRUNCATED' })
    }
    clearInterval(alive)
  })
}

test('a thousand lives leave nothing behind, however few of them are collected', () => {
  const name = fresh(2 ** 25)
  const kept: unknown[] = []
  for (let i = 0; i < 1000; i++) {
    using object = open(name)
    const memory = object.map(2 ** 25)
    assert.equal(memory.i32[0], i)
    memory.i32[0] = i + 1
    if (i % 5 === 0) kept.push(memory.u8)
  }
  assert.equal(kept.length, 200)
})

test('a worker that ends without closing leaves its bytes and nothing else', async () => {
  const name = fresh()
  const source = `
    const { workerData } = require('node:worker_threads')
    import(workerData.room).then(({ ShmObject }) => {
      const memory = ShmObject.open(workerData.name, { sparse: true }).map(${SIZE})
      memory.waitAsync(8, 0)
      memory.i32[0] = 3
      process.exit()
    })`
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(source, {
      eval: true,
      workerData: { name, room: new URL('./index.js', import.meta.url).href },
    })
    await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))
  }
  using object = open(name)
  assert.equal(object.map(SIZE).i32[0], 3)
})
