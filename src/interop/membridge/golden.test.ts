// interop/membridge: every vector recorded from the real package, replayed by us: the same bytes, the same answers.
//
// Where ours is safer the difference is named in this file and nowhere else: see `safer` and `step`.

import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MemlaneError } from '../../errors.js'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { int, type MappedView, type Message, SharedMemory, type SpscRingBuffer } from './index.js'

interface Value {
  t: string
  v?: string | boolean
  bits?: string
  hex?: string
  items?: Value[]
}
interface Step {
  op: string
  on?: string
  as?: string
  at?: number
  hex?: string
  data?: Value
  items?: Value
  offset?: number | null
  tag?: string | null
  schema?: [string, number][]
  pos?: number
  length?: number
  result?: Value
  error?: { type: string; message: string }
}
interface Vector {
  name: string
  kind: 'view' | 'ring'
  size: number
  initial_hex?: string
  error?: { type: string; message: string }
  steps?: Step[]
  bytes_hex?: string
}

const here = fileURLToPath(new URL('../../../src/testing/golden/membridge.json', import.meta.url))
const vectors = JSON.parse(readFileSync(here, 'utf8')) as Vector[]

/** Vectors whose point is something the package should not do; each has a test of its own in safer.test.ts. */
const safer: Readonly<Record<string, string>> = {
  'view-creator-map-resets-the-lock-word': 'map() never resets a lock word',
  'view-create-again-keeps-content': 'create() refuses a name that is there',
  'view-create-again-shorter-cuts': 'create() refuses a name that is there',
  'ring-creator-attach-resets': 'spsc() never initialises a ring twice',
}

/** Integers as bigint, or as int(n) where they fit. */
type Integers = 'bigint' | 'int'

function decode(value: Value, integers: Integers): unknown {
  switch (value.t) {
    case 'none':
      return undefined
    case 'bool':
      return value.v
    case 'i64': {
      const n = BigInt(value.v as string)
      return integers === 'int' && Number.isSafeInteger(Number(n)) ? int(Number(n)) : n
    }
    case 'f64':
      return Buffer.from(value.bits as string, 'hex').readDoubleBE()
    case 'str':
      return value.v
    case 'bytes':
    case 'bytearray':
      return new Uint8Array(Buffer.from(value.hex as string, 'hex'))
    case 'list':
      return (value.items as Value[]).map((item) => decode(item, integers))
    default:
      return { a: 'tuple or dict' }
  }
}

/** What the package returned, in a form in which ours can be compared. */
function expected(value: Value): unknown {
  if (value.t === 'i64') return `integer ${value.v}`
  if (value.t === 'list') return (value.items as Value[]).map(expected)
  const plain = decode(value, 'bigint')
  return plain instanceof Uint8Array ? Buffer.from(plain).toString('hex') : plain
}

/** Ours, likewise: an integer tag's number or bigint, or a counter, as an integer. */
function seen(value: unknown, wanted: Value): unknown {
  if (wanted.t === 'i64' && (typeof value === 'bigint' || Number.isInteger(value))) return `integer ${value}`
  if (Array.isArray(value)) return value.map((item, i) => seen(item, wanted.items?.[i] ?? { t: 'none' }))
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

const CODES: Readonly<Record<string, readonly string[]>> = {
  ValueError: ['ERR_RANGE', 'ERR_TYPE', 'ERR_TOO_LARGE', 'ERR_TOO_SMALL', 'ERR_BUSY', 'ERR_CORRUPT'],
  OverflowError: ['ERR_RANGE'],
  UnicodeEncodeError: ['ERR_TYPE'],
}

/**
 * Some engines (JavaScriptCore) turn every NaN into the usual one as soon as it becomes a number, so the payload of the
 * one NaN that has one is not compared where that is so.
 */
const odd = 'fff8000000000001'
const keepsNaN = (() => {
  const bytes = Buffer.from(odd, 'hex')
  bytes.writeDoubleBE(bytes.readDoubleBE())
  return bytes.toString('hex') === odd
})()
const nans = (hex: string): string => (keepsNaN ? hex : hex.replaceAll('010000000000f8ff', '000000000000f87f'))

class Replay {
  readonly name = freshName('golden')
  readonly #memories: SharedMemory[] = []
  readonly #handles = new Map<string, MappedView | SpscRingBuffer>()
  readonly #vector: Vector
  readonly #integers: Integers

  constructor(vector: Vector, integers: Integers) {
    this.#vector = vector
    this.#integers = integers
    if (vector.initial_hex === undefined) {
      this.#attach('a', SharedMemory.create(this.name, vector.size))
    } else {
      writeFileSync(fileOf(this.name), Buffer.from(vector.initial_hex, 'hex'))
      this.#attach('a', SharedMemory.open(this.name))
    }
  }

  #attach(key: string, memory: SharedMemory): void {
    this.#memories.push(memory)
    this.#handles.set(key, this.#vector.kind === 'view' ? memory.map({ timeout: 2000 }) : memory.spsc())
  }

  step(step: Step): void {
    if (step.op === 'poke') return this.#poke(step)
    if (step.op === 'dump') return assert.equal(readFileSync(fileOf(this.name)).toString('hex'), step.result?.hex)
    if (step.op === 'open') return this.#attach(step.as as string, SharedMemory.open(this.name))
    if (step.op === 'remap') return this.#attach(step.as as string, this.#memories[0] as SharedMemory)
    const handle = this.#handles.get(step.on ?? 'a')
    const call = (): unknown =>
      this.#vector.kind === 'view'
        ? this.#onView(handle as MappedView, step)
        : this.#onRing(handle as SpscRingBuffer, step)
    if (step.error !== undefined) {
      const codes = CODES[step.error.type] as readonly string[]
      assert.throws(call, (error) => error instanceof MemlaneError && codes.includes(error.code), step.error.message)
      // The package has consumed the message by now. Ours is still there: drop it to go on alike.
      if (step.op.startsWith('pop')) assert.notEqual((handle as SpscRingBuffer).pop(), undefined)
      return
    }
    const wanted = step.result as Value
    const beyond = step.tag === 'int' && wanted.t === 'i64' && !Number.isSafeInteger(Number(wanted.v))
    const unnoticed = wanted.t === 'none' && (step.tag === 'no such tag' || step.schema?.[0]?.[0] === 'no such tag')
    const broken = step.op !== 'poke' && this.#vector.name === 'ring-inconsistent-counters'
    if (unnoticed) return assert.throws(call, { code: 'ERR_TYPE' }) // safer: a tag nobody knows is told at once
    if (broken) return assert.throws(call, { code: 'ERR_CORRUPT' }) // safer: positions that cannot be
    if (beyond) {
      assert.throws(call, { code: 'ERR_RANGE' }) // a number cannot hold it; nothing was consumed
      step = { ...step, tag: 'i64' }
    }
    assert.deepEqual(seen(call(), wanted), expected(wanted))
  }

  #poke(step: Step): void {
    const file = openSync(fileOf(this.name), 'r+')
    const bytes = Buffer.from(step.hex as string, 'hex')
    writeSync(file, bytes, 0, bytes.length, step.at as number)
    closeSync(file)
  }

  #onView(view: MappedView, step: Step): unknown {
    switch (step.op) {
      case 'write':
        return view.write(decode(step.data as Value, this.#integers) as never, step.offset)
      case 'write_mixed':
        return view.writeMixed(decode(step.items as Value, this.#integers) as never, step.offset)
      case 'read':
        return view.read(step.tag as never)
      case 'read_mixed':
        return view.readMixed(step.schema as never, step.offset)
      case 'read_range':
        return view.readRange(step.offset as number, step.length as number)
      case 'read_all':
        return view.readAll()
      case 'seek':
        return view.seek(step.pos)
      case 'tell':
        return view.tell()
      case 'zero':
        return view.zero()
      case 'size':
        return view.size
      case 'reader_count':
        return view.readerCount
      case 'is_write_locked':
        return view.isWriteLocked
      case 'repr':
        return String(view)
    }
    throw new Error(`no such step: ${step.op}`)
  }

  #onRing(ring: SpscRingBuffer, step: Step): unknown {
    switch (step.op) {
      case 'push':
        return ring.push(decode(step.data as Value, this.#integers) as Message)
      case 'pop':
        return ring.pop((step.tag ?? undefined) as never)
      case 'pop_mixed':
        return ring.popMixed(step.schema as never)
      case 'used':
        return ring.used
      case 'free':
        return ring.free
      case 'capacity':
        return ring.capacity
      case 'is_empty':
        return ring.isEmpty
      case 'is_full':
        return ring.isFull
      case 'repr':
        return String(ring)
    }
    throw new Error(`no such step: ${step.op}`)
  }

  close(): void {
    for (const handle of this.#handles.values()) handle.close()
    for (const memory of this.#memories) memory.close()
    SharedMemory.remove(this.name)
  }
}

for (const vector of vectors) {
  const reason = safer[vector.name]
  if (reason !== undefined) continue
  for (const integers of ['bigint', 'int'] as const) {
    test(`${vector.name}, integers as ${integers}`, () => {
      if (vector.error !== undefined) {
        assert.throws(
          () => new Replay(vector, integers),
          (error) => error instanceof MemlaneError && ['ERR_RANGE', 'ERR_TOO_SMALL'].includes(error.code),
        )
        return
      }
      const replay = new Replay(vector, integers)
      try {
        for (const [i, step] of (vector.steps as Step[]).entries()) {
          try {
            replay.step(step)
          } catch (error) {
            throw new Error(`step ${i}: ${JSON.stringify(step)}`, { cause: error })
          }
        }
        assert.equal(nans(readFileSync(fileOf(replay.name)).toString('hex')), nans(vector.bytes_hex as string))
      } finally {
        replay.close()
      }
    })
  }
}

test('the bytes that the package leaves in a ring are read frame by frame', () => {
  for (const vector of vectors.filter(
    (v) => v.error === undefined && v.kind === 'ring' && v.name !== 'ring-inconsistent-counters',
  )) {
    const bytes = Buffer.from(vector.bytes_hex as string, 'hex')
    const name = freshName('theirs')
    writeFileSync(fileOf(name), bytes)
    using memory = SharedMemory.open(name)
    using ring = memory.spsc()
    const used = Number(BigInt.asUintN(64, bytes.readBigUInt64LE(8) - bytes.readBigUInt64LE(0)))
    assert.equal(ring.used, used, vector.name)
    let read = 0
    for (let m = ring.pop(); m !== undefined; m = ring.pop()) read += 4 + m.length
    assert.equal(read, used, vector.name)
    SharedMemory.remove(name)
  }
})

test('the bytes that the package leaves in a view are read back as they were written', () => {
  const vector = vectors.find((v) => v.name === 'view-producer-demo') as Vector
  const name = freshName('theirs')
  writeFileSync(fileOf(name), Buffer.from(vector.bytes_hex as string, 'hex'))
  using memory = SharedMemory.open(name)
  using view = memory.map()
  assert.deepEqual(
    [view.read('str'), view.read('int'), view.read('float'), view.read('bool')],
    ['Hello from producer!', 42, 3.14, true],
  )
  const mixed = view.readMixed([
    ['str', 3],
    ['float', 3],
    ['bool', 3],
  ])
  assert.deepEqual(mixed, [
    ['Hello', 'from', 'producer'],
    [0.92, 0.87, 0.95],
    [true, false, true],
  ])
  assert.equal(view.tell(), 97)
})
