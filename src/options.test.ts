// options: an unknown name is refused by every call of every room, with the name that was probably meant.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  Barrier,
  Condition,
  Event,
  Mutex,
  RwLock,
  Semaphore,
  SharedBlock,
  SharedBool,
  SharedHeap,
  SharedInt,
  SharedList,
  SharedMap,
  SharedSet,
  SharedString,
} from './index.js'
import { FlexibleMemory } from './interop/flexible/index.js'
import { SharedMemory } from './interop/membridge/index.js'
import { checkNames, known } from './options.js'
import { f64, record, str } from './record/index.js'
import { NAMED } from './testing/children/peers.js'
import { Crew, refuses } from './testing/crew.js'
import { freshName } from './testing/membridge-names.js'

/** What a slip of the pen is refused with, in whatever way it is given. */
async function refusesSlip(
  what: string,
  work: (options: never) => unknown,
  slip: string,
  meant: RegExp,
): Promise<void> {
  for (const options of [{ [slip]: undefined }, Object.create({ [slip]: 1 })])
    await refuses('ERR_TYPE', () => work(options as never), meant).catch((error) => {
      throw new Error(`${what}: ${error.message}`, { cause: error })
    })
}

test('a slip in the name of an option that all have is refused by every class, and nothing is made', async () => {
  await using crew = new Crew()
  for (const [kind, open] of Object.entries(NAMED)) {
    const name = crew.name()
    for (const [slip, meant] of [
      ['nameSpace', 'namespace'],
      ['onwer', 'owner'],
      ['participant', 'participants'],
      ['lifeTime', 'lifetime'],
    ] as const)
      await refusesSlip(kind, (options) => open(name, options), slip, new RegExp(`"${slip}": did you mean ${meant}\\?`))
    assert.equal(SharedMap.unlink(name), false, `no ${kind} was made`)
  }
})

test('a name of an option that nobody knows is refused, and nothing is made', async () => {
  await using crew = new Crew()
  const opens: Readonly<Record<string, readonly [(name: string, options: never) => unknown, string, string][]>> = {
    collections: [
      [SharedMap.open, 'maxsize', 'maxSize'],
      [SharedSet.open, 'readonly', 'readOnly'],
      [SharedList.open, 'max_size', 'maxSize'],
      [SharedString.open, 'inital', 'initial'],
      [SharedBlock.open, 'intial', 'initial'],
      [SharedInt.open, 'tpye', 'type'],
      [SharedBool.open, 'initail', 'initial'],
    ],
    locks: [
      [Semaphore.open, 'permit', 'permits'],
      [Event.open, 'rest', 'reset'],
      [Condition.open, 'mod', 'mode'],
      [Barrier.open, 'partys', 'parties'],
    ],
    records: [
      [(name, options) => record({ a: f64() }).create(name, options), 'slot', 'slots'],
      [(name, options) => record({ a: f64() }).createOrOpen(name, options), 'buffer', 'buffers'],
      [(name, options) => record({ a: f64() }).open(name, options), 'reader', 'readers'],
      [(name, options) => FlexibleMemory.create({ a: f64() }, name, options), 'slot', 'slots'],
      [(name, options) => FlexibleMemory.open({ a: f64() }, name, options), 'owners', 'owner'],
      [(name, options) => SharedMemory.create(`/${name}`, 64, options), 'repalce', 'replace'],
      [(name, options) => SharedMemory.createOrOpen(`/${name}`, 64, options), 'mdoe', 'mode'],
      [(name, options) => SharedMemory.open(`/${name}`, 64, options), 'Owner', 'owner'],
    ],
  }
  for (const list of Object.values(opens))
    for (const [open, slip, meant] of list) {
      const name = crew.name()
      await refusesSlip(
        String(open),
        (options) => open(name, options),
        slip,
        new RegExp(`"${slip}": did you mean ${meant}\\?`),
      )
      assert.equal(SharedMap.unlink(name), false, 'nothing was made')
    }
  for (const { unlink } of [SharedMap, SharedSet, SharedList, SharedInt, SharedString, Mutex, Semaphore])
    await refusesSlip('unlink', (options) => unlink('x', options), 'nmespace', /namespace/)
  await refusesSlip('local', SharedHeap.local, 'maxsize', /maxSize/)
  await refusesSlip('a field', f64, 'defualt', /the options of a field have no "defualt": did you mean default\?/)
  await refusesSlip('a text field', (options) => str(8, options), 'init', /there is default/)
})

test('so is one that is given to a wait, a watch, a read or a write', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.local()
  using mutex = Mutex.open(crew.name())
  using rwlock = RwLock.open(crew.name())
  using semaphore = Semaphore.open(crew.name())
  using event = Event.open(crew.name())
  using barrier = Barrier.open(crew.name())
  using condition = Condition.open(crew.name())
  using latest = record({ a: f64() }).create(crew.name())
  using fifo = record({ a: f64() }).create(crew.name(), { slots: 2 })
  using flexible = FlexibleMemory.create({ a: f64() }, crew.name(), { slots: 2 })
  using memory = SharedMemory.create(freshName(), 1024 + 24)
  using ring = memory.spsc()
  using view = memory.map()
  try {
    const blocking: Readonly<Record<string, (options: never) => unknown>> = {
      acquire: (options) => mutex.acquire(options),
      read: (options) => rwlock.read(options),
      write: (options) => rwlock.write(options),
      permit: (options) => semaphore.acquire(options),
      event: (options) => event.wait(options),
      barrier: (options) => barrier.wait(options),
      value: (options) => heap.int('n').wait(1, options),
      'record.write': (options) => latest.write({ a: 1 }, options),
      'record.read': (options) => latest.read(options),
      'record.push': (options) => fifo.push({ a: 1 }, options),
      'record.tryPush': (options) => fifo.tryPush({ a: 1 }, options),
      'record.update': (options) => latest.update(() => {}, options),
      flexible: (options) => flexible.read(options),
      view: (options) => view.readAll(options),
      map: (options) => memory.map(options),
    }
    for (const [what, work] of Object.entries(blocking)) {
      await refusesSlip(what, work, 'timeOut', /"timeOut": did you mean timeout\?/)
      // A wait that blocks cannot hear of a signal.
      await refusesSlip(what, work, 'signal', /"signal": there /)
    }
    const awaited: Readonly<Record<string, (options: never) => unknown>> = {
      acquireAsync: (options) => mutex.acquireAsync(options),
      run: (options) => mutex.run(() => {}, options),
      readAsync: (options) => rwlock.readAsync(options),
      writeAsync: (options) => rwlock.writeAsync(options),
      permitAsync: (options) => semaphore.acquireAsync(options),
      eventAsync: (options) => event.waitAsync(options),
      barrierAsync: (options) => barrier.waitAsync(options),
      valueAsync: (options) => heap.int('n').waitAsync(1, options),
      pushAsync: (options) => fifo.pushAsync({ a: 1 }, options),
      next: (options) => fifo.next(options),
      flexibleAsync: (options) => flexible.readAsync(options),
      'ring.popAsync': (options) => ring.popAsync('str', options),
      'ring.pushAsync': (options) => ring.pushAsync('x', options),
    }
    for (const [what, work] of Object.entries(awaited))
      await refusesSlip(what, work, 'timOut', /did you mean timeout\?/)
    for (const watch of [heap.map('m'), heap.set('s'), heap.list('l'), heap.int('n'), heap.string('t')] as const)
      await refusesSlip('watch', (options) => watch.watch(options), 'singal', /did you mean signal\?/)
    await refusesSlip('messages', (options) => ring.messages('str', options).next(), 'signl', /did you mean signal\?/)
    using held = mutex.acquire()
    await refusesSlip('condition', (options) => condition.wait(held, options), 'time', /no "time"/)
    await refusesSlip('conditionAsync', (options) => condition.waitAsync(held, options), 'sgnal', /signal/)
    assert.ok(held.held)
  } finally {
    SharedMemory.remove(memory.name)
    flexible.unlink()
  }
})

test('a name that is like none is told which there are', () => {
  assert.throws(() => checkNames({ colour: 1 }, known('a', 'bc')), /options have no "colour": there are a, bc/)
  assert.throws(() => checkNames({ colour: 1 }, known('a')), /there is a$/)
  for (const odd of ['__proto__', 'constructor', 'toString', ''])
    assert.throws(
      () => checkNames(Object.defineProperty({}, odd, { enumerable: true }), known('a')),
      { code: 'ERR_TYPE' },
      odd,
    )
  assert.deepEqual(checkNames({ a: 1 }, known('a')), { a: 1 })
})
