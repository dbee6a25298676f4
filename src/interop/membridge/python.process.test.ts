// interop/membridge: the real package on the other side, in a process of its own.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lasting, until, WATCHDOG } from '../../testing/crew.js'
import { type Child, startPython } from '../../testing/membridge-children.js'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { findPython } from '../../testing/python.js'
import { int, type Message, SharedMemory, type SpscRingBuffer } from './index.js'

const { python, skip } = findPython('membridge')

interface Value {
  t: string
  v?: unknown
  bits?: string
  hex?: string
  items?: Value[]
}
interface Answer {
  ok?: Value
  error?: string
  message?: string
}

let peer: Child
const start = (): Child => startPython(python as string, 'membridge_peer.py')
before(() => {
  if (python !== undefined) peer = start()
})
after(() => peer?.kill())

function enc(value: unknown): Value {
  if (typeof value === 'boolean') return { t: 'bool', v: value }
  if (typeof value === 'bigint') return { t: 'i64', v: String(value) }
  if (typeof value === 'string') return { t: 'str', v: value }
  if (value instanceof Uint8Array) return { t: 'bytes', hex: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return { t: 'list', items: value.map(enc) }
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value as number)
  return { t: 'f64', bits: bytes.toString('hex') }
}

/** Integers come back as bigint. */
function dec(value: Value): unknown {
  switch (value.t) {
    case 'none':
      return undefined
    case 'i64':
      return BigInt(value.v as string)
    case 'f64':
      return Buffer.from(value.bits as string, 'hex').readDoubleBE()
    case 'bytes':
      return new Uint8Array(Buffer.from(value.hex as string, 'hex'))
    case 'list':
      return (value.items as Value[]).map(dec)
    default:
      return value.v
  }
}

function answers(line: string): unknown[] {
  return (JSON.parse(line) as Answer[]).map((answer) => {
    if (answer.ok === undefined) throw new Error(`${answer.error}: ${answer.message}`)
    return dec(answer.ok)
  })
}

async function ask(child: Child, ...requests: object[]): Promise<unknown[]> {
  child.say(JSON.stringify(requests))
  return answers(await child.line())
}

/** Asks for work that goes on until it is told otherwise, and waits until it has begun. Its answer is the next line. */
async function begin(child: Child, request: object): Promise<void> {
  child.say(JSON.stringify([request]))
  assert.equal(JSON.parse(await child.line()), 'going on')
}

async function call(op: string, ...args: unknown[]): Promise<unknown> {
  return (await ask(peer, { op, args }))[0]
}

// ---- the package's own demos, either side ours

const scalars = ['Hello from producer!', 42n, 3.14, true] as const
const mixed = [
  ['Hello', 'from', 'producer'],
  [0.92, 0.87, 0.95],
  [true, false, true],
] as const

test('demo 1, one process with two views: ours and theirs leave the same bytes', { skip }, async () => {
  const theirs = freshName('demo1')
  const result = await call('demo_single', theirs)
  const name = freshName('demo1')
  using shm = SharedMemory.create(name, 1024)
  using w = shm.map()
  using r = shm.map()
  for (const value of ['Hello', int(42), 3.14, true]) w.write(value)
  const out: unknown[] = [r.read('str'), r.read('i64'), r.read('float'), r.read('bool')]
  w.writeMixed([
    ['a', 'b', 'c'],
    [1, 2, 3],
    [true, false, true],
  ])
  out.push(
    r.readMixed([
      ['str', 3],
      ['float', 3],
      ['bool', 3],
    ]),
  )
  w.zero()
  out.push(r.readRange(0, 4))
  assert.deepEqual(out, result)
  assert.deepEqual(readFileSync(fileOf(name)), readFileSync(fileOf(theirs)))
})

test('demo 2, they produce a view and we consume it', { skip }, async () => {
  const name = freshName('demo2')
  assert.equal(await call('demo_view_producer', name), 97n)
  using shm = SharedMemory.open(name, 4096)
  using view = shm.map()
  assert.deepEqual([view.read('str'), view.read('i64'), view.read('float'), view.read('bool')], scalars)
  assert.deepEqual(
    view.readMixed([
      ['str', 3],
      ['float', 3],
      ['bool', 3],
    ]),
    mixed,
  )
  assert.equal(view.tell(), 97)
  assert.equal(SharedMemory.remove(name), true)
})

test('demo 2, we produce a view and they consume it', { skip }, async () => {
  const name = freshName('demo2')
  SharedMemory.remove(name)
  using shm = SharedMemory.create(name, 4096)
  using view = shm.map()
  for (const value of scalars) view.write(value)
  view.writeMixed(mixed)
  assert.equal(view.tell(), 97)
  assert.deepEqual(await call('demo_view_consumer', name), [...scalars, mixed])
  assert.equal(SharedMemory.remove(name), false)
})

const messages: readonly Message[] = ['msg-0', 'msg-1', 'msg-2', 'msg-3', [1, 2, 3], ['Hello', 0.92, true], '__EOF__']
const received = ['msg-0', 'msg-1', 'msg-2', 'msg-3', [[1, 2, 3]], ['Hello', 0.92, true], '__EOF__']

test('demo 3, they send through a ring and we take', { skip }, async () => {
  const name = freshName('demo3')
  const sending = call('demo_ring_producer', name)
  let ring: SpscRingBuffer | undefined
  while (ring === undefined) {
    try {
      using shm = SharedMemory.open(name)
      ring = shm.spsc()
    } catch {
      await sleep(5) // not made yet
    }
  }
  const out: unknown[] = []
  for (let i = 0; i < 4; i++) out.push(await ring.popAsync('str'))
  const schemas = [
    [['float', 3]],
    [
      ['str', 1],
      ['float', 1],
      ['bool', 1],
    ],
  ] as const
  for (const schema of schemas) {
    let list = ring.popMixed(schema)
    for (; list === undefined; list = ring.popMixed(schema)) await sleep(10)
    out.push(list)
  }
  out.push(await ring.popAsync('str'))
  assert.deepEqual(out, received)
  await sending
  ring.close()
  SharedMemory.remove(name)
})

test('demo 3, we send through a ring and they take', { skip }, async () => {
  const name = freshName('demo3')
  const taking = call('demo_ring_consumer', name)
  using shm = SharedMemory.create(name, 1024 + 24)
  using ring = shm.spsc()
  for (const message of messages) {
    while (!ring.push(message)) await sleep(10)
    await sleep(20)
  }
  assert.deepEqual(await taking, received)
})

// ---- a long random session, both directions, one seed for all

/** mulberry32: small, and the same everywhere. */
function random(seed: number): () => number {
  let a = seed | 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const seed = Number(process.env.MEMLANE_SEED ?? Date.now() % 2 ** 31)
const next = random(seed)
const below = (n: number): number => Math.floor(next() * n)

function someValue(): boolean | number | bigint | string | Uint8Array {
  switch (below(5)) {
    case 0:
      return next() < 0.5
    case 1:
      return [0, -0, 1, Math.PI, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, next() * 1e300, below(100)][
        below(9)
      ] as number
    case 2:
      return [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), BigInt(below(2 ** 31)) * BigInt(below(2 ** 31))][
        below(5)
      ] as bigint
    case 3:
      return Array.from({ length: below(20) }, () => ['a', 'é', '日', '🎉', '\0', '\ufeff', 'word '][below(7)]).join('')
    default:
      return Uint8Array.from({ length: 1 + below(30) }, () => below(256))
  }
}

/** The tag and count by which a value is read back, and what that gives. */
function readBack(value: unknown): { entry: [string, number]; wanted: unknown } {
  if (typeof value === 'boolean') return { entry: ['bool', 1], wanted: value }
  if (typeof value === 'number') return { entry: ['float', 1], wanted: value }
  if (typeof value === 'bigint') return { entry: ['i64', 1], wanted: value }
  if (typeof value === 'string') return { entry: ['str', 1], wanted: value }
  const bytes = value as Uint8Array
  // Theirs gives integers as bigint by way of the wire; ours gives u8 as numbers.
  return { entry: ['u8', bytes.length], wanted: bytes.length === 1 ? bytes[0] : [...bytes] }
}

const numbers = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(numbers)
    : typeof value === 'bigint'
      ? `${value}`
      : typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0)
        ? `${value}`
        : value

test(`a session of thousands of mixed operations agrees on every answer (MEMLANE_SEED=${seed})`, {
  skip,
}, async (t) => {
  t.diagnostic(`MEMLANE_SEED=${seed}`)
  const viewName = freshName('session')
  const toPython = freshName('session')
  const toNode = freshName('session')
  using viewMemory = SharedMemory.create(viewName, 4 + 2000)
  using view = viewMemory.map({ timeout: WATCHDOG })
  using outMemory = SharedMemory.create(toPython, 24 + 256)
  using out = outMemory.spsc()
  await ask(
    peer,
    { op: 'open', name: viewName, as: 'm' },
    { op: 'map', on: 'm', as: 'v' },
    { op: 'open', name: toPython, as: 'm' },
    { op: 'spsc', on: 'm', as: 'in' },
    { op: 'create', name: toNode, size: 24 + 256, as: 'made' },
    { op: 'spsc', on: 'made', as: 'out' },
  )
  using inMemory = SharedMemory.open(toNode)
  using incoming = inMemory.spsc()
  const sent: unknown[][] = []
  const expectedFromPython: unknown[][] = []
  let fullOut = 0
  let fullIn = 0

  for (let round = 0; round < 1500; round++) {
    // A view: one side writes a row of values somewhere, the other reads it back; then both see the same area.
    const values = Array.from({ length: 1 + below(5) }, someValue)
    const wanted = values.map(readBack)
    const schema = wanted.map(({ entry }) => entry)
    const offset = below(1000)
    const expected = numbers(wanted.map((w) => w.wanted))
    if (next() < 0.5) {
      view.writeMixed(values, offset)
      const [read, all] = await ask(
        peer,
        { op: 'read_mixed', on: 'v', args: [schema, offset] },
        { op: 'read_all', on: 'v' },
      )
      assert.deepEqual(numbers(read), expected)
      assert.deepEqual(all, view.readAll())
    } else {
      await ask(peer, { op: 'write_mixed', on: 'v', args: [enc(values), offset] })
      assert.deepEqual(numbers(view.readMixed(schema as never, offset)), expected)
    }
    // Rings: each side pushes and pops as it likes; a plain queue says what must come out, and when it is full.
    const message = Array.from({ length: below(4) }, someValue)
    if (next() < 0.6) {
      const free = out.free
      const pushed = out.push(message)
      if (pushed) sent.push(message)
      else fullOut++
      if (pushed) assert.ok(free > out.free)
    } else {
      const queued = sent[0]
      const readable = (queued ?? [true]).map((value) => readBack(value).entry)
      const [popped, used] = await ask(peer, { op: 'pop_mixed', on: 'in', args: [readable] }, { op: 'used', on: 'in' })
      if (queued === undefined) assert.equal(popped, undefined)
      else assert.deepEqual(numbers(popped), numbers(queued.map((value) => readBack(value).wanted)))
      sent.shift()
      assert.equal(BigInt(out.used), used)
    }
    if (next() < 0.6) {
      const [pushed, used] = await ask(peer, { op: 'push', on: 'out', args: [enc(message)] }, { op: 'used', on: 'out' })
      if (pushed) expectedFromPython.push(message)
      else fullIn++
      assert.equal(BigInt(incoming.used), used)
    } else {
      const queued = expectedFromPython.shift()
      const popped = incoming.popMixed((queued ?? [true]).map((value) => readBack(value).entry) as never)
      if (queued === undefined) assert.equal(popped, undefined)
      else assert.deepEqual(numbers(popped), numbers(queued.map((value) => readBack(value).wanted)))
    }
  }
  t.diagnostic(`full: ours ${fullOut}, theirs ${fullIn}`)
  assert.deepEqual(await ask(peer, { op: 'reader_count', on: 'v' }, { op: 'is_write_locked', on: 'v' }), [0n, false])
})

// ---- at full speed

test('100 000 messages from them to us, and from us to them, all right', { skip }, async () => {
  const count = 100_000
  const name = freshName('stream')
  using shm = SharedMemory.create(name, 24 + 4096)
  using ring = shm.spsc()
  const sending = call('stream', name, count)
  for (let i = 0; i < count; i++) {
    const bytes = await ring.popAsync()
    const number = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true))
    if (number !== i || bytes.length !== 8 + (i % 50) || (bytes.length > 8 && bytes[bytes.length - 1] !== i % 256)) {
      assert.fail(`message ${i}: ${number}, ${bytes.length} bytes`)
    }
  }
  await sending
  assert.equal(ring.isEmpty, true)

  const back = freshName('stream')
  using backMemory = SharedMemory.create(back, 24 + 4096)
  using out = backMemory.spsc()
  const draining = call('drain', back, count)
  for (let i = 0; i < count; i++) await out.pushAsync([BigInt(i), new Uint8Array(i % 50).fill(i % 256)])
  assert.equal(await draining, 0n)
})

test('while they read without a pause our writers get in, and nobody sees a torn area', { skip }, async () => {
  const name = freshName('readers')
  using shm = SharedMemory.create(name, 4 + 4000)
  using view = shm.map({ timeout: WATCHDOG })
  view.write(new Uint8Array(4000).fill(1))
  const others = [start(), start()]
  const there = freshName('there')
  SharedMemory.create(there, 1).close()
  try {
    for (const child of others) await begin(child, { op: 'read_while', args: [name, there] })
    let writes = 0
    for (const more = lasting(1000, () => writes > 20, 'more than twenty writes'); more(); writes++) {
      view.write(new Uint8Array(4000).fill(writes % 256), 0)
      const seen = view.readAll()
      assert.ok(seen.every((byte) => byte === writes % 256))
      if (writes % 20 === 0) await sleep(1)
    }
    SharedMemory.remove(there)
    for (const child of others) {
      const [reads, torn] = answers(await child.line())[0] as [bigint, bigint]
      assert.ok(reads > 0n)
      assert.equal(torn, 0n)
    }
  } finally {
    for (const child of others) await child.kill()
  }
  assert.equal(view.readerCount, 0)
})

test('their writers and ours exclude each other', { skip }, async () => {
  const name = freshName('writers')
  using shm = SharedMemory.create(name, 4 + 4000)
  using view = shm.map({ timeout: WATCHDOG })
  view.write(new Uint8Array(4000).fill(1))
  const other = start()
  const there = freshName('there')
  SharedMemory.create(there, 1).close()
  try {
    await begin(other, { op: 'write_while', args: [name, there, 7] })
    let mine = 0
    for (const more = lasting(800, () => mine > 0, 'a write'); more(); ) {
      view.write(new Uint8Array(4000).fill(8), 0)
      mine++
      const seen = view.readAll()
      assert.ok(
        seen.every((byte) => byte === seen[0]),
        'a torn area',
      )
      if (mine % 50 === 0) await sleep(0)
    }
    SharedMemory.remove(there)
    const [theirs] = answers(await other.line()) as [bigint]
    assert.ok(theirs > 0n, `${theirs} writes`)
  } finally {
    await other.kill()
  }
  assert.equal(view.isWriteLocked, false)
})

test('a Python process killed with the lock: a timeout that says so, then breakLock, then all is well', {
  skip,
}, async () => {
  const name = freshName('dead')
  using shm = SharedMemory.create(name, 4 + 2 ** 24)
  using view = shm.map()
  // Killed at a random moment of writing 16 MiB over and over, it nearly always dies inside; if not, the next one does.
  await until(async () => {
    const other = start()
    await begin(other, { op: 'write_while', args: [name, name, 7] })
    await until(() => view.isWriteLocked, 'it writes')
    await other.kill()
    return view.isWriteLocked
  }, 'one has died inside')
  assert.throws(() => view.write(1, 0, { timeout: 20 }), { code: 'ERR_TIMEOUT', message: /breakLock/ })
  assert.equal(view.breakLock(), true)
  view.write('fine', 0)
  view.seek(0)
  assert.equal(view.read('str'), 'fine')
})
