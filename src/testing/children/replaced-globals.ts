// testing: a child in which a test runner has replaced clocks and timers, or a simulated browser lacks what Node.js has.
// It says each room whose waits end as they should: `replaced-globals.js late|early PREFIX`.

import timers from 'node:timers'
import promises from 'node:timers/promises'

const real = { setTimeout: globalThis.setTimeout }
const globals = globalThis as unknown as Record<string, unknown>

/** As fake timers do it, in `node:` modules too: a clock that stands still, and timers that nobody ever fires. */
function freeze(modules: boolean): void {
  const never = (): object => ({ ref() {}, unref() {}, hasRef: () => true })
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate']) {
    globals[name] = never
    if (modules) (timers as unknown as Record<string, unknown>)[name] = never
  }
  if (modules) {
    for (const name of ['setTimeout', 'setImmediate'] as const)
      (promises as unknown as Record<string, unknown>)[name] = () => new Promise(() => {})
    Object.defineProperty(globals.performance, 'now', { configurable: true, value: () => 0 })
  }
  Object.defineProperty(globals, 'performance', { configurable: true, value: { now: () => 0 } })
  Date.now = () => 0
  Math.random = () => 0.5
  globals.queueMicrotask = () => {}
  for (const name of ['TextEncoder', 'TextDecoder', 'structuredClone'])
    Object.defineProperty(globals, name, { configurable: true, value: undefined })
}

const [mode, prefix = ''] = process.argv.slice(2)
if (mode === 'early') freeze(false)
const memlane = await import('../../index.js')
const { f64, record } = await import('../../record/index.js')
const { SharedMemory } = await import('../../interop/membridge/index.js')
const { FlexibleMemory } = await import('../../interop/flexible/index.js')
if (mode === 'late') freeze(true)

const { Barrier, Condition, Event, Mutex, RwLock, Semaphore, SharedBlock, SharedHeap, SharedInt, SharedMap } = memlane
const MS = 20
const limits = { timeout: MS }
let count = 0
const name = (): string => `${prefix}-${count++}`

async function says(code: string, work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    if ((error as { code?: unknown }).code === code) return
    throw error
  }
  throw new Error(`${work}: no ${code}`)
}

function is(got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`${String(got)}, not ${String(wanted)}`)
}

const rooms: Readonly<Record<string, () => unknown>> = {
  async mutex() {
    using lock = Mutex.open(name())
    using other = Mutex.open(lock.name)
    using _held = lock.acquire(limits)
    await says('ERR_TIMEOUT', () => other.acquireAsync(limits))
  },
  async rwlock() {
    using lock = RwLock.open(name())
    using _held = await lock.readAsync(limits)
  },
  async semaphore() {
    using permits = Semaphore.open(name(), { permits: 1 })
    using other = Semaphore.open(permits.name, { permits: 1 })
    using _held = permits.acquire()
    await says('ERR_TIMEOUT', () => other.acquireAsync(limits))
    is(other.tryAcquire(), undefined)
  },
  async event() {
    using event = Event.open(name())
    is(event.wait(limits), false)
    is(await event.waitAsync(limits), false)
  },
  async barrier() {
    using barrier = Barrier.open(name(), { parties: 2 })
    is(barrier.wait(limits), false)
    is(await barrier.waitAsync(limits), false)
  },
  async condition() {
    using lock = Mutex.open(name())
    using condition = Condition.open(name())
    using held = lock.acquire()
    is(condition.wait(held, limits), false)
    is(await condition.waitAsync(held, limits), false)
  },
  async cells() {
    using int = SharedInt.open(name())
    is(int.wait(1, limits), false)
    is(await int.waitAsync(1, limits), false)
    using block = SharedBlock.open(name())
    is(block.wait('x', limits), false)
    is(await block.waitAsync('x', limits), false)
  },
  async watching() {
    using map = SharedMap.open(name())
    const changes = map.watch()
    const next = changes.next()
    map.set('a', 1)
    is((await next).value?.type, 'set')
    changes.close()
  },
  async 'many answers'() {
    using map = SharedMap.open(name())
    using changes = map.watch()
    for (let i = 0; i < 1100; i++) {
      map.set('a', i)
      is((await changes.next()).value?.type, 'set')
    }
  },
  async 'local memory'() {
    using heap = SharedHeap.local()
    is(heap.int('n').wait(1, limits), false)
    is(await heap.int('n').waitAsync(1, limits), false)
    using other = SharedHeap.attach(heap.buffer!)
    other.int('n').add(1)
    is(heap.int('n').value, 1)
  },
  async records() {
    const Gauge = record({ level: f64() })
    using fifo = Gauge.create(name(), { slots: 2 })
    is(fifo.read(limits), undefined)
    is(await fifo.next(limits), undefined)
    fifo.push({ level: 1 })
    is(fifo.read(limits)?.level.value, 1)
  },
  async rings() {
    const path = `/${name()}`
    using shm = SharedMemory.create(path, 1024 + 24, { replace: true })
    try {
      const ring = shm.spsc()
      await says('ERR_TIMEOUT', () => ring.popAsync('str', limits))
      ring.push('hello')
      is(await ring.popAsync('str', limits), 'hello')
    } finally {
      SharedMemory.remove(path)
    }
  },
  async flexible() {
    using memory = FlexibleMemory.create({ a: f64() }, name(), { slots: 2 })
    try {
      is(memory.read(limits), undefined)
      is(await memory.readAsync(limits), undefined)
    } finally {
      memory.unlink()
    }
  },
}

// A wait that never ends must not look like a test that passed, nor keep this process.
const [watchdog] = [real.setTimeout(() => process.exit(3), 50_000)]
for (const [room, work] of Object.entries(rooms)) {
  await work()
  console.log(room)
}
watchdog.unref()
console.log('all')
