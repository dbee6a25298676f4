// interop/flexible: the 107 behaviours of the Python package's own test suite, and what it leaves undefined.
// Those between processes are in flexible.process.test.ts.

import assert from 'node:assert/strict'
import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { afterEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ShmObject } from '../../memory/index.js'
import { array, bool, f64, i32, record, str, u8 } from '../../record/index.js'
import { FieldStatus, FlexibleMemory, type FlexibleSchema, ValueWithStatus } from './index.js'

const Sensor = {
  x: f64(),
  n: i32(),
  on: bool(),
  text: str(32),
  row: array('f32', [10]),
  grid: array('i16', [2, 3]),
}

const open: FlexibleMemory[] = []
let made = 0
const fresh = (): string => `memlane_fx_${process.pid}_${++made}`

function create<S extends FlexibleSchema>(schema: S, slots = 1): FlexibleMemory<S> {
  const memory = FlexibleMemory.create(schema, fresh(), { slots })
  open.push(memory as unknown as FlexibleMemory)
  return memory
}
const single = (): FlexibleMemory<typeof Sensor> => create(Sensor)

afterEach(() => {
  for (const memory of open.splice(0)) {
    memory.close()
    memory.unlink()
  }
})

const floats = (...values: number[]): Float32Array => Float32Array.from(values)
const list = (nd: { data: ArrayLike<number> }): number[] => Array.from(nd.data)

describe('write', () => {
  // One line per behaviour: what is written, and what must be read back.
  const cases: [string, Record<string, unknown>][] = [
    ['a single float', { x: 1.5 }],
    ['a single int', { n: 42 }],
    ['a single bool', { on: true }],
    ['several fields at once', { x: 1, n: 2, on: true }],
    ['negative numbers', { x: -1.5, n: -7 }],
    ['zeros', { x: 0, n: 0, on: false }],
    ['ASCII text', { text: 'hello' }],
    ['empty text', { text: '' }],
    ['text of many scripts, and emoji', { text: 'Grüße Привет 日本 🎉👩‍👩‍👧' }],
    ['text exactly at the limit', { text: '🎉'.repeat(32) }],
  ]
  for (const [what, values] of cases) {
    test(`stores ${what}`, () => {
      const memory = single()
      memory.write(values)
      const got = memory.read()! as Record<string, ValueWithStatus>
      for (const [name, value] of Object.entries(values)) {
        assert.equal(got[name]!.value, value)
        assert.ok(got[name]!.valid)
      }
    })
  }

  test('cuts text beyond the limit by code points and says so', () => {
    const memory = single()
    memory.write({ text: 'é'.repeat(40) })
    const { text } = memory.read()!
    assert.equal(text.value, 'é'.repeat(32))
    assert.ok(text.truncated && !text.valid)
  })

  test('stores an array of one dimension', () => {
    const memory = single()
    memory.write({ row: floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) })
    assert.deepEqual(list(memory.read()!.row.value), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('stores an array of zeros', () => {
    const memory = single()
    memory.write({ row: new Float32Array(10) })
    const { row } = memory.read()!
    assert.deepEqual(list(row.value), new Array(10).fill(0))
    assert.ok(row.valid)
  })

  test('cuts an array that is too long and says so', () => {
    const memory = single()
    memory.write({ row: new Float32Array(15).map((_, i) => i) })
    const { row } = memory.read()!
    assert.deepEqual(list(row.value), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert.ok(row.truncated)
  })

  test('fills an array that is too short with zeros and says so', () => {
    const memory = single()
    memory.write({ row: new Float32Array(10).fill(9) })
    memory.write({ row: [1, 2] })
    const { row } = memory.read()!
    assert.deepEqual(list(row.value), [1, 2, 0, 0, 0, 0, 0, 0, 0, 0])
    assert.ok(row.truncated)
  })

  test('stores an array of two dimensions from lists, and as an ndarray', () => {
    const memory = single()
    memory.write({ grid: [[1, 2, 3], [4, 5, 6]] }) // biome-ignore format: a grid
    const { grid } = memory.read()!
    assert.ok(grid.valid)
    assert.deepEqual([grid.value.shape, grid.value.stride, list(grid.value)], [[2, 3], [3, 1], [1, 2, 3, 4, 5, 6]]) // biome-ignore format: a grid
    memory.write({ grid: { data: Int16Array.of(1, 4, 2, 5, 3, 6), shape: [2, 3], stride: [1, 2] } })
    assert.deepEqual(list(memory.read()!.grid.value), [1, 2, 3, 4, 5, 6])
    assert.throws(() => memory.write({ grid: [[1, 2], [3]] }), { code: 'ERR_TYPE' })
  })

  test('stores every kind of field in one call', () => {
    const memory = single()
    memory.write({
      x: 0.5,
      n: 3,
      on: true,
      text: 'all',
      row: floats(1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
      grid: new Int16Array(6),
    })
    for (const field of Object.values(memory.read()!)) assert.ok(field.valid && field.modified)
  })

  test('leaves the other fields, and says that they are not modified', () => {
    const memory = single()
    memory.write({ x: 1, n: 2 })
    memory.write({ n: 3 })
    const got = memory.read()!
    assert.deepEqual([got.x.value, got.x.modified, got.n.value, got.n.modified], [1, false, 3, true])
  })

  test('moves both sequence numbers on with every write, and leaves them equal', () => {
    const memory = single()
    using object = ShmObject.open(memory.name)
    const { totalSize } = memory.layout
    const words = new BigUint64Array(object.map(totalSize).buffer, 0, totalSize / 8)
    for (let i = 0, before = 0n; i < 5; i++) {
      memory.write({ n: i })
      assert.ok(words[0]! > before)
      assert.equal(words[0], words.at(-1))
      before = words[0]!
    }
  })

  test('refuses what Python refuses, and what it was about to store is not stored', () => {
    const memory = single()
    memory.write({ x: 1, n: 2, text: 'ok' })
    const refused: [Record<string, unknown>, string][] = [
      [{ x: 9, n: 2 ** 31 }, 'ERR_RANGE'],
      [{ x: 9, n: null }, 'ERR_TYPE'],
      [{ x: 9, n: Number.NaN }, 'ERR_RANGE'],
      [{ x: 9, text: 5 }, 'ERR_TYPE'],
      [{ x: 9, text: '\ud800' }, 'ERR_RANGE'],
      [{ x: 9, grid: [[70000, 0, 0], [0, 0, 0]] }, 'ERR_RANGE'], // biome-ignore format: a grid
      [{ x: 'nine' }, 'ERR_TYPE'],
    ]
    for (const [values, code] of refused) assert.throws(() => memory.write(values as never), { code })
    const got = memory.read()!
    assert.deepEqual([got.x.value, got.n.value, got.text.value], [1, 2, 'ok'])
  })
})

describe('read', () => {
  test('gives fields that say unwritten before the first write, whatever the time-out', () => {
    const memory = single()
    for (const timeout of [0, 200]) {
      const got = memory.read({ timeout })!
      assert.ok(Object.values(got).every((field) => field.unwritten && !field.valid))
      assert.deepEqual([got.x.value, got.n.value, got.on.value, got.text.value], [0, 0, false, ''])
    }
  })

  test('gives the newest of several writes, the same one as often as it is asked', () => {
    const memory = single()
    for (let n = 1; n <= 5; n++) memory.write({ n })
    for (let i = 0; i < 3; i++) assert.equal(memory.read()!.n.value, 5)
  })

  test('sees the write of another handle that comes later', async () => {
    const memory = single()
    using reader = FlexibleMemory.open(Sensor, memory.name)
    const writing = sleep(30).then(() => memory.write({ n: 7 }))
    while (reader.read()!.n.unwritten) await sleep(2)
    assert.equal(reader.read()!.n.value, 7)
    await writing
  })

  test('changes nothing', () => {
    const memory = single()
    memory.write({ n: 1 })
    using object = ShmObject.open(memory.name)
    const bytes = object.map(memory.layout.totalSize).u8
    const before = Uint8Array.from(bytes)
    memory.read()
    assert.deepEqual(Uint8Array.from(bytes), before)
  })

  test('with resetModified shows the flags once, for everybody', () => {
    const memory = single()
    memory.write({ n: 1 })
    assert.equal(memory.read({ resetModified: false })!.n.modified, true)
    assert.equal(memory.read({ resetModified: true })!.n.modified, true)
    assert.equal(memory.read()!.n.modified, false)
  })

  test('follows ten writes, one by one', () => {
    const memory = single()
    for (let n = 0; n < 10; n++) {
      memory.write({ n, x: n / 2, text: `#${n}` })
      const got = memory.read()!
      assert.deepEqual([got.n.value, got.x.value, got.text.value], [n, n / 2, `#${n}`])
    }
  })

  test('of a half written slot gives undefined when the time is over, and never a torn record', () => {
    const memory = single()
    memory.write({ n: 1 })
    using object = ShmObject.open(memory.name)
    new BigUint64Array(object.map(memory.layout.totalSize).buffer, 0, 1)[0]! += 1n
    assert.equal(memory.read(), undefined)
    assert.equal(memory.read({ timeout: 5 }), undefined)
    memory.write({ n: 2 })
    assert.equal(memory.read()!.n.value, 2)
  })

  test('readAsync waits, can be aborted, and ends with the time', async () => {
    const memory = create({ n: i32() }, 4)
    assert.equal(await memory.readAsync({ timeout: 5 }), undefined)
    const stop = new AbortController()
    const reading = memory.readAsync({ signal: stop.signal })
    stop.abort(new Error('enough'))
    await assert.rejects(reading, /enough/)
    const next = memory.readAsync({ timeout: 10_000 })
    memory.write({ n: 3 })
    memory.finalize()
    assert.equal((await next)!.n.value, 3)
  })
})

describe('field status', () => {
  test('a field is unwritten until its first write, and never again', () => {
    const memory = single()
    assert.ok(memory.read()!.n.unwritten)
    memory.write({ n: 1 })
    assert.ok(!memory.read()!.n.unwritten && memory.read()!.x.unwritten)
    memory.write({ x: 1 })
    assert.ok(!memory.read()!.n.unwritten)
  })

  test('truncated and modified are told per field, together where both are so', () => {
    const memory = single()
    memory.write({ text: 'x'.repeat(33), row: new Float32Array(11), n: 1 })
    const got = memory.read()!
    assert.ok(got.text.truncated && got.text.modified && !got.text.valid)
    assert.ok(got.row.truncated && !got.row.valid)
    assert.ok(!got.n.truncated && got.n.valid)
    memory.write({ text: 'x'.repeat(32), row: new Float32Array(10) })
    assert.ok(memory.read()!.text.valid && memory.read()!.row.valid)
  })

  test('truncated stays until the field is written again', () => {
    const memory = single()
    memory.write({ text: 'x'.repeat(33) })
    memory.write({ n: 1 })
    assert.ok(memory.read({ resetModified: true })!.text.truncated)
    assert.ok(memory.read()!.text.truncated)
  })

  test('FieldStatus names the bits 1, 2 and 4', () => {
    assert.deepEqual([FieldStatus.MASK_TRUNCATED, FieldStatus.MASK_UNWRITTEN, FieldStatus.MASK_MODIFIED], [1, 2, 4])
    const flags = (byte: number): boolean[] => {
      const { isValid, isModified, isTruncated, isUnwritten } = new FieldStatus(byte)
      return [isValid, isModified, isTruncated, isUnwritten]
    }
    assert.deepEqual(flags(7), [false, true, true, true])
    assert.deepEqual(flags(4), [true, true, false, false])
    assert.deepEqual(flags(0), [true, false, false, false])
  })
})

describe('a value with its status', () => {
  test('has the value of every kind, and four flags', () => {
    for (const value of [1.5, 42, true, 'text', { data: floats(1), shape: [1] }]) {
      const field = new ValueWithStatus<unknown>(value, 4)
      assert.equal(field.value, value)
      assert.deepEqual([field.valid, field.modified, field.truncated, field.unwritten], [true, true, false, false])
    }
  })

  test('converts where JavaScript converts', () => {
    const number = new ValueWithStatus(2.5, 0)
    assert.equal(Number(number), 2.5)
    assert.equal(Math.trunc(Number(number)), 2)
    assert.equal(Boolean(number.value), true)
    assert.equal(String(number), '2.5')
    assert.equal(`${new ValueWithStatus('ok', 0)}`, 'ok')
    assert.equal(JSON.stringify({ number }), '{"number":2.5}')
  })

  test('counts, on either side and in chains', () => {
    const two = new ValueWithStatus(2, 0) as unknown as number
    assert.deepEqual([two + 3, two - 3, two * 3, two / 4, 10 - two, -two, (two + 1) * 2 - 1, two < 3], [5, -1, 6, 0.5, 8, -2, 5, true]) // biome-ignore format: pairs
    assert.equal((new ValueWithStatus(5n, 0) as unknown as bigint) + 1n, 6n)
  })
})

describe('FIFO', () => {
  const Item = { n: i32(), text: str(8), row: array('u8', [3]) }
  const push = (memory: FlexibleMemory<typeof Item>, ...numbers: number[]): void => {
    for (const n of numbers) {
      memory.write({ n })
      memory.finalize()
    }
  }
  const drain = (memory: FlexibleMemory<typeof Item>): number[] => {
    const all: number[] = []
    for (let got = memory.read(); got !== undefined; got = memory.read()) all.push(got.n.value)
    return all
  }

  test('has so many slots, and is empty at first', () => {
    const memory = create(Item, 5)
    assert.deepEqual(
      [memory.slots, memory.isFifo, memory.read(), memory.read({ latest: true })],
      [5, true, undefined, undefined],
    )
  })

  test('shows nothing before finalize, and what was staged together after it', () => {
    const memory = create(Item, 5)
    memory.write({ n: 1 })
    memory.write({ text: 'one' })
    memory.write({ n: 2 })
    assert.equal(memory.read(), undefined)
    memory.finalize()
    memory.finalize()
    const got = memory.read()!
    assert.deepEqual([got.n.value, got.text.value, memory.read()], [2, 'one', undefined])
  })

  for (const [slots, commits, wanted] of [
    [5, 3, [0, 1, 2]],
    [3, 5, [2, 3, 4]],
    [3, 10, [7, 8, 9]],
    [2, 3, [1, 2]],
    [10, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ] as const) {
    test(`${commits} commits into ${slots} slots leave ${wanted.join(', ')}`, () => {
      const memory = create(Item, slots)
      push(memory, ...Array.from({ length: commits }, (_, i) => i))
      assert.deepEqual(drain(memory), wanted)
      assert.equal(memory.read(), undefined)
    })
  }

  test('latest takes the newest and gives up the others', () => {
    const memory = create(Item, 5)
    push(memory, 0, 1, 2, 3, 4)
    assert.equal(memory.read({ latest: true })!.n.value, 4)
    assert.equal(memory.read({ latest: true }), undefined)
  })

  test('says per record which fields were committed', () => {
    const memory = create(Item, 3)
    memory.write({ n: 1, text: 'a' })
    memory.finalize()
    memory.write({ text: 'b' })
    memory.finalize()
    const [first, second] = [memory.read()!, memory.read()!]
    assert.deepEqual(
      [first.n.modified, first.text.modified, second.n.modified, second.text.modified],
      [true, true, false, true],
    )
    assert.ok(second.n.unwritten)
  })

  test('carries texts and arrays', () => {
    const memory = create(Item, 2)
    memory.write({ text: 'naïve 🎉', row: [1, 2, 3] })
    memory.finalize()
    const got = memory.read()!
    assert.deepEqual([got.text.value, list(got.row.value)], ['naïve 🎉', [1, 2, 3]])
  })

  test('refuses resetModified; a single slot refuses finalize', () => {
    const memory = create(Item, 2)
    assert.throws(() => memory.read({ resetModified: true }), { code: 'ERR_UNSUPPORTED' })
    assert.throws(() => single().finalize(), { code: 'ERR_UNSUPPORTED' })
  })

  test('several readers compete: every record is taken once', () => {
    const memory = create(Item, 5)
    using other = FlexibleMemory.open(Item, memory.name, { slots: 5 })
    push(memory, 1, 2, 3, 4)
    const got = [memory, other, memory, other].map((reader) => reader.read()!.n.value)
    assert.deepEqual(got, [1, 2, 3, 4])
    assert.equal(other.read(), undefined)
  })

  test('a slot that is half written never outlasts the time-out', () => {
    const memory = create(Item, 3)
    push(memory, 1)
    using object = ShmObject.open(memory.name)
    new BigUint64Array(object.map(memory.layout.totalSize).buffer, 24, 1)[0]! += 1n
    assert.equal(memory.read({ timeout: 5 }), undefined)
    assert.equal(memory.read({ timeout: 5, latest: true }), undefined)
  })
})

describe('names, sizes and ends', () => {
  test('a second create, a missing name and bad names are coded errors', () => {
    const memory = single()
    assert.throws(() => FlexibleMemory.create(Sensor, memory.name), { code: 'ERR_EXISTS' })
    assert.throws(() => FlexibleMemory.open(Sensor, 'memlane_fx_nobody'), { code: 'ERR_NOT_FOUND' })
    for (const name of ['', 'a/b', '/', '//', '/a/b', '.', 'x'.repeat(256)]) {
      assert.throws(() => FlexibleMemory.create(Sensor, name), { code: 'ERR_NAME' })
    }
    assert.throws(() => FlexibleMemory.create(Sensor, fresh(), { slots: 0 }), { code: 'ERR_RANGE' })
  })

  test('a name of its own, when none is given; a leading slash is taken as Python takes it', () => {
    const memory = FlexibleMemory.create(Sensor)
    open.push(memory as unknown as FlexibleMemory)
    assert.match(memory.name, /^shm_[0-9a-f]{8}$/)
    for (const slashes of ['/', '//']) {
      using again = FlexibleMemory.open(Sensor, slashes + memory.name)
      assert.equal(again.name, memory.name)
    }
    const longest = fresh().padEnd(255, 'x')
    const long = FlexibleMemory.create(Sensor, longest)
    open.push(long as unknown as FlexibleMemory)
    assert.equal(long.name, longest)
  })

  test('a segment that its maker left sparse has room for every page once it is open, or the opening fails', () => {
    const image = { image: array('u8', [1 << 20]) }
    const size = create(image).layout.totalSize
    const name = fresh()
    const file = `/dev/shm/${name}`
    writeFileSync(file, '', { mode: 0o600 })
    truncateSync(file, size)
    try {
      using _memory = FlexibleMemory.open(image, name)
      const { blocks, size: now } = statSync(file)
      assert.ok(blocks * 512 >= size, `${blocks * 512} of ${size} bytes have room`)
      assert.equal(now, size)
    } finally {
      FlexibleMemory.unlink(name)
    }
  })

  test('other fields or slots are refused where the size shows it', () => {
    const memory = single()
    assert.throws(() => FlexibleMemory.open(Sensor, memory.name, { slots: 2 }), { code: 'ERR_SCHEMA' })
    assert.throws(() => FlexibleMemory.open({ x: f64() }, memory.name), { code: 'ERR_SCHEMA' })
    // On Linux a segment has exactly the size it was made with.
    const page = create({ raw: array('u8', [4096 - 24]) })
    assert.equal(page.layout.totalSize, 4096)
    assert.throws(() => FlexibleMemory.open({ x: f64() }, page.name), { code: 'ERR_SCHEMA' })
  })

  test('fields that the format does not know are refused; a record type is as good as its fields', () => {
    assert.throws(() => FlexibleMemory.create({ small: u8() }, fresh()), { code: 'ERR_TYPE' })
    assert.equal(
      create(record({ a: f64(), b: array('bool', [3]) })).layout.slotSize,
      create({ a: f64(), b: array('bool', [3]) }).layout.slotSize,
    )
  })

  test('use after close is an error, a second close and a second unlink are not', () => {
    const memory = single()
    memory.close()
    memory.close()
    assert.throws(() => memory.write({ n: 1 }), { code: 'ERR_CLOSED' })
    assert.throws(() => memory.read(), { code: 'ERR_CLOSED' })
    assert.deepEqual([memory.unlink(), memory.unlink()], [true, false])
  })

  test('fifty fields, a text of 10,000 characters and an array of a megabyte', () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, i % 2 ? i32() : f64()]))
    const wide = create({ ...many, text: str(10_000), big: array('u8', [1 << 20]) })
    const big = new Uint8Array(1 << 20).map((_, i) => i * 7)
    wide.write({ f0: 0.5, f49: 49, text: '🎉'.repeat(10_000), big } as never)
    const got = wide.read()! as unknown as Record<string, ValueWithStatus<never>>
    assert.deepEqual([got.f0!.value, got.f49!.value, got.f1!.unwritten], [0.5, 49, true])
    assert.equal(got.text!.value, '🎉'.repeat(10_000))
    assert.deepEqual((got.big!.value as { data: Uint8Array }).data, big)
  })
})
