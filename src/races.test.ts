// races: whoever loses every race is told so in the end. The rival here is one who is always faster.

import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { afterEach, mock, test } from 'node:test'
import { MemlaneError } from './errors.js'
import {
  Barrier,
  Condition,
  Event,
  Mutex,
  RwLock,
  Semaphore,
  SharedBool,
  SharedFloat,
  SharedInt,
  SharedMap,
} from './index.js'
import { Counters } from './interop/flexible/counters.js'
import { COUNT, READ_INDEX, WRITE_INDEX } from './interop/flexible/flexible.layout.js'
import { FlexibleMemory } from './interop/flexible/index.js'
import { SharedMemory } from './interop/membridge/index.js'
import { RMInt } from './interop/rememory/index.js'
import { ShmObject } from './memory/index.js'
import { f64, record } from './record/index.js'
import { Segment } from './segment/index.js'
import { fileOf, freshName } from './testing/membridge-names.js'
import { freshName as freshRememory } from './testing/rememory-names.js'

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as MemlaneError).code === wanted

afterEach(() => mock.restoreAll())

/** Every exchange of whatever word is lost while `work` runs. Not by `mock.method`, which keeps a record of each call. */
function losing<T>(work: () => T): T {
  const lost = (_words: unknown, _index: number, expected: number | bigint): number | bigint =>
    typeof expected === 'bigint' ? expected ^ 1n : expected ^ 1
  return withAtomics('compareExchange', lost, work)
}

function withAtomics<T>(method: 'compareExchange' | 'load', stand: unknown, work: () => T): T {
  const real = Atomics[method]
  Object.assign(Atomics, { [method]: stand })
  try {
    return work()
  } finally {
    Object.assign(Atomics, { [method]: real })
  }
}

const BUSY = (error: unknown): boolean => code('ERR_BUSY')(error) && /another process was faster/.test(String(error))

test('a number that is always changed by others first says so, and is as it was', () => {
  for (const type of ['int8', 'uint32', 'int64'] as const) {
    using int = SharedInt.open(`race-${type}`, { type, lifetime: 'lastClose' })
    const one = (type === 'int64' ? 1n : 1) as never
    assert.throws(() => losing(() => int.add(one)), BUSY)
    assert.throws(() => losing(() => int.or(one)), BUSY)
    assert.equal(Number(int.value), 0)
  }
  using float = SharedFloat.open('race-float', { lifetime: 'lastClose' })
  assert.throws(() => losing(() => float.add(1)), BUSY)
  using bool = SharedBool.open('race-bool', { lifetime: 'lastClose' })
  assert.throws(() => losing(() => bool.toggle()), BUSY)
  assert.deepEqual([float.value, bool.value], [0, false])
})

test('waiting for a value that never stands still ends with its time', async () => {
  using int = SharedInt.open('race-restless', { lifetime: 'lastClose' })
  const restless = (): boolean => {
    int.add(1)
    return false
  }
  assert.equal(int.wait(restless, { timeout: 20 }), false)
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  assert.equal(await int.waitAsync(restless, { timeout: 200 }), false)
  clearInterval(timer)
  assert.ok(turns > 0, 'the event loop had its turns')
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('enough')), 20)
  await assert.rejects(int.waitAsync(restless, { signal: stop.signal }), /enough/)
})

test('a lock that others always take first is not taken, in time', async () => {
  const limits = { timeout: 20 }
  using mutex = Mutex.open('race-mutex', { lifetime: 'lastClose' })
  assert.throws(() => losing(() => mutex.acquire(limits)), code('ERR_TIMEOUT'))
  using rw = RwLock.open('race-rw', { lifetime: 'lastClose' })
  assert.throws(() => losing(() => rw.write(limits)), code('ERR_TIMEOUT'))
  using semaphore = Semaphore.open('race-semaphore', { permits: 2, lifetime: 'lastClose' })
  assert.throws(() => losing(() => semaphore.acquire(limits)), code('ERR_TIMEOUT'))
  using event = Event.open('race-event', { reset: 'auto', lifetime: 'lastClose' })
  event.set()
  assert.equal(
    losing(() => event.wait(limits)),
    false,
  )
  using barrier = Barrier.open('race-barrier', { parties: 2, lifetime: 'lastClose' })
  assert.equal(
    losing(() => barrier.wait(limits)),
    false,
  )
  using condition = Condition.open('race-condition', { lifetime: 'lastClose' })
  const guard = mutex.acquire()
  assert.throws(() => losing(() => condition.wait(guard, limits)), MemlaneError)
})

test('an RwLock whose writer is always disturbed is given back all the same', () => {
  using rw = RwLock.open('race-release', { lifetime: 'lastClose' })
  const guard = rw.write()
  losing(() => guard.release())
  rw.tryWrite()!.release()
  rw.tryRead()!.release()
})

test('a map whose lock others take first five thousand times is changed in the end', () => {
  using map = SharedMap.open('race-map', { maxSize: '1 MiB', lifetime: 'lastClose' })
  map.set('a', 1)
  let lost = 0
  const real = Atomics.compareExchange
  // The arena waits for its lock as long as it takes: here for five thousand tries.
  withAtomics(
    'compareExchange',
    (words: Int32Array, index: number, expected: number, value: number) =>
      ++lost > 5000
        ? (real as (...args: unknown[]) => unknown).call(Atomics, words, index, expected, value)
        : expected ^ 1,
    () => map.set('a', 2),
  )
  assert.ok(lost > 5000)
  assert.equal(map.get('a'), 2)
})

test('a name that others make and remove all the time is neither made nor opened', () => {
  const gone = (error: 'ERR_NOT_FOUND' | 'ERR_EXISTS') => (): never => {
    throw new MemlaneError(error, 'as others were faster')
  }
  mock.method(ShmObject, 'tryOpen', () => undefined)
  assert.throws(() => Segment.create('race-name', { kind: 'test', size: 4096 }), BUSY)
  assert.throws(() => Segment.createOrOpen('race-name', { kind: 'test', size: 4096 }), BUSY)
  mock.restoreAll()

  mock.method(Segment, 'open', gone('ERR_NOT_FOUND'))
  mock.method(Segment, 'create', gone('ERR_EXISTS'))
  assert.throws(() => record({ a: f64() }).createOrOpen('race-record'), BUSY)
  mock.restoreAll()

  const name = freshName('race')
  mock.method(ShmObject, 'open', ((_: string, options: { exclusive?: boolean }) =>
    gone(options.exclusive === true ? 'ERR_EXISTS' : 'ERR_NOT_FOUND')()) as never)
  assert.throws(() => SharedMemory.createOrOpen(name, 4096), BUSY)
  assert.throws(() => SharedMemory.create(name, 4096, { replace: true }), BUSY)
  mock.restoreAll()

  const number = freshRememory()
  using _int = RMInt.open(number)
  mock.method(ShmObject, 'tryOpen', () => undefined)
  assert.throws(() => RMInt.open(number), BUSY)
  mock.restoreAll()
  RMInt.unlink(number)
})

test('the lock of a view that others always change first: writing ends in time, breaking says so', () => {
  const name = freshName('race-view')
  using shm = SharedMemory.create(name, 4096)
  using view = shm.map()
  assert.throws(() => losing(() => view.write(1, 0, { timeout: 20 })), code('ERR_TIMEOUT'))
  // Three readers of the package are inside, for all the word says.
  const file = openSync(fileOf(name), 'r+')
  writeSync(file, new Uint8Array([3, 0, 0, 0]), 0, 4, 0)
  closeSync(file)
  assert.throws(() => losing(() => view.write(1, 0, { timeout: 20 })), code('ERR_TIMEOUT'))
  assert.throws(() => losing(() => view.breakLock()), BUSY)
  SharedMemory.remove(name)
})

test('a ring whose consumer never stands still cannot be counted', () => {
  const name = freshName('race-ring')
  using shm = SharedMemory.create(name, 24 + 4096)
  using ring = shm.spsc()
  let head = 0n
  withAtomics(
    'load',
    () => head++,
    () => assert.throws(() => ring.used, BUSY),
  )
  SharedMemory.remove(name)
})

test('counters of the flexible format that others always move first', () => {
  const schema = { level: f64() }
  const name = freshName('race-fifo').slice(1)
  using fifo = FlexibleMemory.create(schema, name, { slots: 2 })
  const put = (level: number): void => {
    fifo.write({ level })
    fifo.finalize()
  }
  put(1)
  put(2)
  assert.throws(() => losing(() => put(3)), BUSY)
  assert.throws(() => losing(() => fifo.read()), BUSY)
  assert.equal(fifo.read()?.level.value, 1)
  fifo.unlink()

  const words = new BigUint64Array(8)
  const counters = new Counters('restless', words, 2n as never)
  let index = 5n
  withAtomics(
    'load',
    () => index++,
    () => counters.published(),
  )
  assert.ok(words[WRITE_INDEX]! > 0n && words[READ_INDEX] === 0n && words[COUNT]! > 0n)
})
