// record: examples of every promise that one process can show.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import {
  array,
  bool,
  bytes,
  describeRecord,
  type Fields,
  f32,
  f64,
  type Infer,
  i8,
  i16,
  i32,
  i64,
  inspectRecord,
  list,
  oneOf,
  optional,
  type RecordCreateOptions,
  type RecordType,
  record,
  type SharedRecord,
  str,
  u8,
  u16,
  u32,
  u64,
  watchRecord,
} from './index.js'

const Sensor = record({
  temperature: f64(),
  count: i64(),
  on: bool(),
  status: str(8),
  raw: bytes(4),
  image: array('u8', [40, 30]),
  small: array('f32', [3]),
})
type Sensor = Infer<typeof Sensor>

const opened: { handle: SharedRecord<never>; unlink: () => void }[] = []
let made = 0
const fresh = (): string => `rec-${process.pid}-${++made}`

function create<F extends Fields>(type: RecordType<F>, options: RecordCreateOptions = {}): SharedRecord<F> {
  const name = fresh()
  const handle = type.create(name, options)
  opened.push({ handle: handle as never, unlink: () => type.unlink(name) })
  return handle
}

function open<F extends Fields>(type: RecordType<F>, handle: SharedRecord<F>, options = {}): SharedRecord<F> {
  const other = type.open(handle.name, options)
  opened.push({ handle: other as never, unlink: () => {} })
  return other
}

afterEach(() => {
  for (const { handle, unlink } of opened.splice(0)) {
    handle.close()
    unlink()
  }
})

describe('latest value', () => {
  test('there is nothing before the first write', () => {
    const out = create(Sensor)
    const cam = open(Sensor, out)
    assert.equal(cam.read(), undefined)
    assert.equal(cam.read({ timeout: 2 }), undefined)
    assert.equal(cam.readInto({}), false)
    assert.equal(
      cam.view(() => 1),
      undefined,
    )
  })

  test('a write gives the fields that were given, the others keep their value', () => {
    const out = create(Sensor)
    const cam = open(Sensor, out)
    out.write({ temperature: 23.5, status: 'ok' })
    out.write({ count: 7n, on: true })
    const s = cam.read()!
    assert.deepEqual([s.temperature.value, s.count.value, s.on.value, s.status.value], [23.5, 7n, true, 'ok'])
    assert.ok(s.temperature.valid && s.raw.unwritten && !s.raw.valid && s.image.unwritten)
    assert.deepEqual(s.raw.value, new Uint8Array(0))
  })

  test('modified is per reader: changed since its own last read', () => {
    const out = create(Sensor)
    const [a, b] = [open(Sensor, out), open(Sensor, out)]
    out.write({ temperature: 1, count: 1 })
    assert.ok(a.read()!.temperature.modified)
    out.write({ temperature: 2 })
    assert.deepEqual([a.read()!.temperature.modified, a.read()!.temperature.modified], [true, false])
    const late = b.read()!
    assert.deepEqual([late.temperature.modified, late.count.modified], [true, true])
  })

  test('resetModified is the flag that readers share: one of them sees each change', () => {
    const out = create(Sensor)
    const [a, b] = [open(Sensor, out), open(Sensor, out)]
    out.write({ temperature: 1 })
    assert.ok(a.read({ resetModified: true })!.temperature.modified)
    assert.ok(!b.read({ resetModified: true })!.temperature.modified)
    assert.ok(b.read()!.temperature.value === 1)
    out.write({ temperature: 2 })
    assert.ok(b.read({ resetModified: true })!.temperature.modified)
  })

  test('update fills arrays in place; what is not touched keeps its value; throwing changes nothing', () => {
    const out = create(Sensor)
    const cam = open(Sensor, out)
    out.write({ temperature: 1, image: new Uint8Array(1200).fill(1), small: [1, 2, 3] })
    cam.read()
    for (let n = 2; n < 12; n++) {
      out.update((w) => {
        w.image.fill(n)
        w.temperature += 1
      })
      const s = cam.read()!
      assert.deepEqual([s.temperature.value, s.image.value.data[0], s.image.value.data[1199]], [n, n, n])
      assert.deepEqual([...s.small.value.data], [1, 2, 3])
      assert.ok(s.image.modified && !s.small.modified)
    }
    const failing = (): void =>
      out.update((w) => {
        w.image.fill(99)
        w.status = 'gone'
        throw new Error('rendering failed')
      })
    assert.throws(failing, /rendering failed/)
    const s = cam.read()!
    assert.deepEqual([s.image.value.data[5], s.status.unwritten, s.image.modified], [11, true, false])
    out.write({ count: 1n })
    assert.equal(cam.read()!.image.value.data[5], 11)
  })

  test('keep starts an array from its current elements', () => {
    const out = create(Sensor)
    out.write({ image: new Uint8Array(1200).fill(5), small: [1, 2, 3] })
    out.write({ image: new Uint8Array(1200).fill(6) })
    out.update((w, { keep }) => {
      keep('image')
      keep('small')
      w.image[3] = 7
      w.small[1] = 9
    })
    const s = out.read()!
    assert.deepEqual([...s.image.value.data.subarray(0, 5)], [6, 6, 6, 7, 6])
    assert.deepEqual([...s.small.value.data], [1, 9, 3])
    assert.throws(() => out.update((_, { keep }) => keep('nope')), { code: 'ERR_TYPE' })
  })

  test('an update cannot be async, written into from inside, or used afterwards', () => {
    const out = create(Sensor)
    assert.throws(() => out.update((async () => {}) as never), { code: 'ERR_ASYNC' })
    assert.throws(() => out.update(() => out.write({ temperature: 1 })), { code: 'ERR_DEADLOCK' })
    let kept: { temperature: number } | undefined
    out.update((w) => {
      kept = w
    })
    assert.throws(() => kept!.temperature, { code: 'ERR_CLOSED' })
    assert.throws(
      () => {
        kept!.temperature = 1
      },
      { code: 'ERR_CLOSED' },
    )
    out.write({ temperature: 3 })
    assert.equal(out.read()!.temperature.value, 3)
  })

  test('readInto assigns numbers and texts and fills the arrays it is given', () => {
    const out = create(Sensor)
    const cam = open(Sensor, out)
    out.write({ temperature: 1.5, status: 'ok', image: new Uint8Array(1200).fill(3), raw: Uint8Array.of(1, 2) })
    const data = new Uint8Array(1200)
    const small = { data: new Float32Array(3), shape: [3], stride: [1], offset: 0 }
    const target = {
      temperature: 0,
      image: { data, shape: [40, 30], stride: [30, 1], offset: 0 },
      small,
    } as Partial<Sensor>
    assert.ok(cam.readInto(target))
    assert.deepEqual([target.temperature, target.status, data[7]], [1.5, 'ok', 3])
    assert.equal(target.small, small)
    assert.deepEqual(target.raw, Uint8Array.of(1, 2))
  })

  test('view reads in place, says the status, and its views may be nested', () => {
    const out = create(Sensor)
    const cam = open(Sensor, out)
    out.write({ temperature: 4, image: new Uint8Array(1200).fill(9) })
    const seen = cam.view((v, info) => {
      const inner = cam.view((u) => u.temperature)
      return [v.temperature, v.image[8], inner, info.valid('image'), info.unwritten('raw'), info.sequence]
    })
    assert.deepEqual(seen, [4, 9, 4, true, true, 1])
    assert.throws(() => cam.view(() => assert.fail('mine')), /mine/)
  })

  test('next waits for what this reader has not seen; changes gives one after the other', async () => {
    const out = create(Sensor)
    const cam = open(Sensor, out)
    const first = cam.next({ timeout: 10_000 })
    out.write({ temperature: 1 })
    assert.equal((await first)!.temperature.value, 1)
    assert.equal(await cam.next({ timeout: 2 }), undefined)
    const stop = new AbortController()
    const seen: number[] = []
    setImmediate(() => out.write({ temperature: 2 }))
    const looking = (async () => {
      for await (const s of cam.changes({ signal: stop.signal })) {
        seen.push(s.temperature.value)
        if (seen.length === 3) stop.abort(new Error('seen enough'))
        else setImmediate(() => out.write({ temperature: s.temperature.value + 1 }))
      }
    })()
    await assert.rejects(looking, /seen enough/)
    assert.deepEqual(seen, [2, 3, 4])
  })

  test('the counters wrap around', () => {
    const out = create(Sensor, { firstCounter: 2 ** 30 - 6 })
    const cam = open(Sensor, out)
    for (let n = 1; n < 20; n++) {
      out.write({ temperature: n, image: new Uint8Array(1200).fill(n) })
      const s = cam.read()!
      assert.deepEqual([s.temperature.value, s.image.value.data[3], s.temperature.modified], [n, n, true])
    }
  })

  test('a handle that was opened read-only reads and waits, and refuses what it would have to store', async () => {
    const out = create(Sensor)
    const cam = open(Sensor, out, { readOnly: true })
    const next = cam.next({ timeout: 10_000 })
    out.write({ temperature: 1 })
    assert.equal((await next)!.temperature.value, 1)
    assert.equal(
      cam.view((v) => v.temperature),
      1,
    )
    assert.throws(() => cam.write({ temperature: 2 }), { code: 'ERR_READ_ONLY' })
    assert.throws(() => cam.read({ resetModified: true }), { code: 'ERR_READ_ONLY' })
    const Item = record({ n: i32() })
    const [fifo, strict] = [create(Item, { slots: 2 }), create(Item, { slots: 2, full: 'reject' })]
    const looking = open(Item, fifo, { readOnly: true })
    fifo.push({ n: 1 })
    assert.equal(looking.read()!.n.value, 1)
    assert.throws(() => Item.open(fifo.name, { readOnly: true, readers: 'share' }), { code: 'ERR_READ_ONLY' })
    assert.throws(() => open(Item, strict, { readOnly: true }).read(), { code: 'ERR_READ_ONLY' })
  })

  test('writing through a second handle from inside an update is a deadlock that is told', () => {
    const out = create(Sensor)
    const other = open(Sensor, out)
    assert.throws(() => out.update(() => other.write({ temperature: 1 })), { code: 'ERR_DEADLOCK' })
    other.write({ temperature: 2 })
    assert.equal(out.read()!.temperature.value, 2)
  })

  test('closed is closed', () => {
    const out = create(Sensor)
    out.close()
    out.close()
    const acts = [
      () => out.read(),
      () => out.write({}),
      () => out.view(() => 1),
      () => out.readInto({}),
      () => out.update(() => {}),
    ]
    for (const act of acts) assert.throws(act, { code: 'ERR_CLOSED' })
  })
})

describe('values', () => {
  const All = record({
    f64: f64(),
    f32: f32(),
    i8: i8(),
    u8: u8(),
    i16: i16(),
    u16: u16(),
    i32: i32(),
    u32: u32(),
    i64: i64(),
    u64: u64(),
    bool: bool(),
    text: str(4),
    raw: bytes(3),
    grid: array('i16', [2, 3]),
    flags: array('bool', [2]),
    big: array('u64', [2]),
    mode: oneOf('idle', 'run'),
    note: optional(str(4)),
    pose: record({ x: f64(), label: str(2), gain: f32({ default: 1 }), hint: optional(u8()) }),
    path: list(record({ x: i16(), ok: bool() }), 2),
  })

  const cases: [string, unknown, unknown?][] = [
    ['f64', -0],
    ['f64', Number.NaN],
    ['f32', 0.5],
    ['i8', -128],
    ['u8', 255],
    ['i16', -32768],
    ['u16', 65535],
    ['i32', -(2 ** 31)],
    ['u32', 2 ** 32 - 1],
    ['i64', -(2n ** 63n)],
    ['i64', 5, 5n],
    ['u64', 2n ** 64n - 1n],
    ['bool', true],
    ['text', '🎉é漢a'],
    ['text', 'éÿ'],
    ['text', ''],
    ['raw', Uint8Array.of(1, 2, 3)],
    ['raw', Uint16Array.of(513).buffer, Uint8Array.of(1, 2)],
    ['mode', 'run'],
    ['note', 'n'],
    ['note', undefined],
    ['pose', { x: 1, label: 'é', gain: 2, hint: 3 }],
    ['pose', { x: 1, label: '' }, { x: 1, label: '', gain: 1, hint: undefined }],
    [
      'path',
      [
        { x: 1, ok: true },
        { x: -1, ok: false },
      ],
    ],
  ]
  for (const [name, value, wanted = value] of cases) {
    test(`${name} keeps ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`, () => {
      const out = create(All)
      out.write({ [name]: value } as never)
      const field = (out.read() as unknown as Record<string, { value: unknown; valid: boolean }>)[name]!
      assert.deepEqual(field.value, wanted)
      assert.ok(field.valid)
    })
  }

  const refused: [string, unknown, string][] = [
    ['f64', '1', 'ERR_TYPE'],
    ['f64', undefined, 'ERR_TYPE'],
    ['i8', 128, 'ERR_RANGE'],
    ['u8', -1, 'ERR_RANGE'],
    ['i32', 1.5, 'ERR_RANGE'],
    ['i32', 2 ** 31, 'ERR_RANGE'],
    ['u32', -1, 'ERR_RANGE'],
    ['i64', 1.5, 'ERR_RANGE'],
    ['i64', 2n ** 63n, 'ERR_RANGE'],
    ['u64', -1n, 'ERR_RANGE'],
    ['i64', '1', 'ERR_TYPE'],
    ['bool', 2, 'ERR_TYPE'],
    ['text', 5, 'ERR_TYPE'],
    ['text', 'a\ud800', 'ERR_RANGE'],
    ['raw', [1], 'ERR_TYPE'],
    ['grid', 7, 'ERR_TYPE'],
    ['grid', [[1, 2], [3]], 'ERR_TYPE'],
    [
      'grid',
      [
        [1, 2, 3],
        [4, 5, 40000],
      ],
      'ERR_RANGE',
    ],
    ['grid', new Float64Array([1, 2, 3, 4, 5, 0.5]), 'ERR_RANGE'],
    ['grid', new Float64Array(7), 'ERR_MISMATCH'],
    ['mode', 'walk', 'ERR_RANGE'],
    ['pose', { x: 1 }, 'ERR_TYPE'],
    ['pose', { x: 1, label: 'a', z: 1 }, 'ERR_TYPE'],
    ['path', [{ x: 1, ok: true }], 'ERR_RANGE'],
    ['nobody', 1, 'ERR_TYPE'],
  ]
  for (const [name, value, code] of refused) {
    test(`${name} refuses ${typeof value === 'object' ? JSON.stringify(value) : String(value)}, and nothing changes`, () => {
      const out = create(All)
      out.write({ f32: 1, u16: 2 })
      const before = out.view((v, { sequence }) => [v.f32, v.u16, sequence])
      assert.throws(() => out.write({ f32: 9, [name]: value, u16: 9 } as never), { code })
      assert.deepEqual(
        out.view((v, { sequence }) => [v.f32, v.u16, sequence]),
        before,
      )
    })
  }

  test('text is cut at code points, bytes at bytes, and both say truncated', () => {
    const out = create(All)
    out.write({ text: '🎉🎉🎉🎉🎉', raw: Uint8Array.of(1, 2, 3, 4) })
    let s = out.read()!
    assert.deepEqual([s.text.value, s.text.truncated, s.text.valid], ['🎉🎉🎉🎉', true, false])
    assert.deepEqual([s.raw.value, s.raw.truncated], [Uint8Array.of(1, 2, 3), true])
    out.write({ text: 'abcde' })
    out.write({ i8: 1 })
    s = out.read()!
    assert.deepEqual([s.text.value, s.text.truncated], ['abcd', true])
    out.write({ text: 'abcd' })
    assert.ok(out.read()!.text.valid)
  })

  test('arrays take typed arrays, lists and ndarrays; another shape is cut or filled and says truncated', () => {
    const out = create(All)
    const six = [1, 2, 3, 4, 5, 6]
    const given: [unknown, number[], boolean][] = [
      [Int16Array.from(six), six, false],
      [Float64Array.from(six), six, false],
      [
        [
          [1, 2, 3],
          [4, 5, 6],
        ],
        six,
        false,
      ],
      [{ data: Int16Array.of(1, 4, 2, 5, 3, 6), shape: [2, 3], stride: [1, 2] }, six, false],
      [{ data: Int16Array.of(0, 0, 1, 2, 3, 4, 5, 6), shape: [2, 3], stride: [3, 1], offset: 2 }, six, false],
      [six, six, true],
      [Int16Array.of(1, 2), [1, 2, 0, 0, 0, 0], true],
      [Int16Array.from([...six, 7]), six, true],
      [
        [
          [1, 2],
          [3, 4],
        ],
        [1, 2, 3, 4, 0, 0],
        true,
      ],
      [[], [0, 0, 0, 0, 0, 0], true],
    ]
    for (const [value, wanted, truncated] of given) {
      out.write({ grid: value as number[] })
      const { grid } = out.read()!
      assert.deepEqual([[...grid.value.data], grid.truncated], [wanted, truncated])
      assert.deepEqual([grid.value.shape, grid.value.stride, grid.value.offset], [[2, 3], [3, 1], 0])
    }
    out.write({ flags: [true, false], big: [1n, 2] })
    assert.deepEqual(
      [[...out.read()!.flags.value.data], [...out.read()!.big.value.data]],
      [
        [1, 0],
        [1n, 2n],
      ],
    )
  })

  test('defaults are there from the first write on', () => {
    const Defaults = record({
      gain: f32({ default: 1.5 }),
      name: str(4, { default: 'none' }),
      n: i64({ default: 3n }),
      x: f64(),
    })
    const out = create(Defaults)
    assert.equal(out.read(), undefined)
    out.write({ x: 1 })
    const s = out.read()!
    assert.deepEqual(
      [s.gain.value, s.name.value, s.n.value, s.gain.valid, s.gain.modified],
      [1.5, 'none', 3n, true, true],
    )
    assert.throws(() => str(2, { default: 'abc' }), { code: 'ERR_RANGE' })
    assert.throws(() => u8({ default: 256 }), { code: 'ERR_RANGE' })
  })
})

describe('FIFO', () => {
  const Item = record({ n: i32(), label: str(8), row: array('u16', [4]), gain: f64({ default: 2 }) })
  const drain = (reader: SharedRecord<typeof Item.fields>): number[] => {
    const all: number[] = []
    for (let s = reader.read(); s !== undefined; s = reader.read()) all.push(s.n.value)
    return all
  }

  test('stage and commit, or push: nothing shows before, all together after', () => {
    const out = create(Item, { slots: 4 })
    const reader = open(Item, out)
    out.stage({ n: 1 })
    out.stage({ n: 2, label: 'two' })
    assert.equal(reader.read(), undefined)
    assert.deepEqual([out.commit(), out.commit()], [true, false])
    out.push({ n: 3 })
    const [first, second] = [reader.read()!, reader.read()!]
    assert.deepEqual(
      [first.n.value, first.label.value, first.label.modified, first.row.unwritten],
      [2, 'two', true, true],
    )
    assert.deepEqual([second.n.value, second.label.unwritten, second.label.value, second.gain.value], [3, true, '', 2])
    assert.equal(reader.read(), undefined)
  })

  test('what was staged stays staged when a value is refused', () => {
    const out = create(Item, { slots: 4 })
    out.stage({ n: 1, label: 5 as never })
    assert.throws(() => out.commit(), { code: 'ERR_TYPE' })
    assert.throws(() => out.stage({ nobody: 1 } as never), { code: 'ERR_TYPE' })
    out.stage({ label: 'ok' })
    out.commit()
    assert.equal(out.read()!.label.value, 'ok')
  })

  test('overwrite: the oldest go, and each reader is told how many it missed', () => {
    const out = create(Item, { slots: 3 })
    const [a, b] = [open(Item, out), open(Item, out)]
    for (let n = 0; n < 3; n++) out.push({ n })
    assert.deepEqual([a.read()!.n.value, a.lost], [0, 0])
    for (let n = 3; n < 8; n++) out.push({ n })
    assert.deepEqual([a.read()!.n.value, a.lost, a.totalLost], [5, 4, 4])
    assert.deepEqual([a.read()!.n.value, a.lost, a.totalLost], [6, 0, 4])
    assert.deepEqual([drain(b), b.totalLost], [[5, 6, 7], 5])
    assert.deepEqual(drain(a), [7])
  })

  test('latest takes the newest and passes over the others', () => {
    const out = create(Item, { slots: 5 })
    for (let n = 0; n < 4; n++) out.push({ n })
    assert.deepEqual([out.read({ latest: true })!.n.value, out.lost, out.read()], [3, 0, undefined])
  })

  test('readers that share compete: each record goes to one of them', () => {
    const out = create(Item, { slots: 8 })
    const [a, b, all] = [open(Item, out, { readers: 'share' }), open(Item, out, { readers: 'share' }), open(Item, out)]
    for (let n = 0; n < 6; n++) out.push({ n })
    const got = [a, b, a, b, b, a].map((reader) => reader.read()!.n.value)
    assert.deepEqual(got, [0, 1, 2, 3, 4, 5])
    assert.deepEqual([a.read(), b.read(), drain(all)], [undefined, undefined, [0, 1, 2, 3, 4, 5]])
  })

  test('reject: a full FIFO refuses, and the slowest living reader decides', () => {
    const out = create(Item, { slots: 2, full: 'reject' })
    assert.deepEqual([out.tryPush({ n: 0 }), out.tryPush({ n: 1 }), out.tryPush({ n: 2 })], [true, true, false])
    const [a, b] = [open(Item, out), open(Item, out)]
    assert.equal(a.read()!.n.value, 0)
    assert.equal(out.tryPush({ n: 2 }), false)
    assert.equal(b.read()!.n.value, 0)
    assert.equal(out.tryPush({ n: 2 }), true)
    assert.throws(() => out.push({ n: 3 }, { timeout: 2 }), { code: 'ERR_TIMEOUT' })
    b.close()
    assert.equal(a.read()!.n.value, 1)
    assert.equal(out.tryPush({ n: 3 }), true)
    assert.deepEqual(drain(a), [2, 3])
    assert.equal(a.totalLost, 0)
  })

  test('reject: a handle that writes before it reads holds nobody back', () => {
    const out = create(Item, { slots: 2, full: 'reject' })
    const [reader, other] = [open(Item, out), open(Item, out)]
    for (let n = 0; n < 6; n++) {
      assert.equal(other.tryPush({ n }), true)
      assert.equal(reader.read()!.n.value, n)
    }
  })

  test('reject: pushAsync waits for room, for so long, or until it is aborted', async () => {
    const out = create(Item, { slots: 1, full: 'reject' })
    const reader = open(Item, out)
    out.push({ n: 0 })
    await assert.rejects(out.pushAsync({ n: 1 }, { timeout: 2 }), { code: 'ERR_TIMEOUT' })
    const stop = new AbortController()
    const aborted = out.pushAsync({ n: 1 }, { signal: stop.signal })
    stop.abort(new Error('no more'))
    await assert.rejects(aborted, /no more/)
    const pushing = out.pushAsync({ n: 1 })
    assert.equal(reader.read()!.n.value, 0)
    await pushing
    assert.equal(reader.read()!.n.value, 1)
  })

  test('for await gives every record', async () => {
    const out = create(Item, { slots: 4 })
    const reader = open(Item, out)
    const seen: number[] = []
    setImmediate(() => out.push({ n: 0 }))
    for await (const s of reader) {
      seen.push(s.n.value)
      if (seen.length === 5) break
      setImmediate(() => out.push({ n: s.n.value + 1 }))
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4])
  })

  test('update pushes in place, view and readInto take; a view that throws leaves the record unread', () => {
    const out = create(Item, { slots: 3 })
    const reader = open(Item, out)
    out.update((w) => {
      w.n = 5
      w.row.set([1, 2, 3, 4])
    })
    assert.throws(() => reader.view(() => assert.fail('not now')), /not now/)
    assert.deepEqual(
      reader.view((v) => [v.n, v.row[3], v.label]),
      [5, 4, ''],
    )
    assert.equal(
      reader.view(() => 1),
      undefined,
    )
    out.push({ n: 6 })
    const target = { n: 0 }
    assert.deepEqual([reader.readInto(target), target.n, reader.readInto(target)], [true, 6, false])
  })

  test('the counters wrap around', () => {
    for (const full of ['overwrite', 'reject'] as const) {
      const out = create(Item, { slots: 2, full, firstCounter: 3 * Math.floor(2 ** 30 / 3) - 4 })
      const [each, share] = [open(Item, out), open(Item, out, { readers: 'share' })]
      for (let n = 0; n < 12; n++) {
        out.push({ n })
        assert.deepEqual([each.read()!.n.value, share.read()!.n.value], [n, n])
      }
      assert.deepEqual([each.totalLost, share.totalLost, each.read(), share.read()], [0, 0, undefined, undefined])
    }
  })

  test('what belongs to the other kind says so', () => {
    const fifo = create(Item, { slots: 2 })
    const latest = create(Item)
    assert.throws(() => fifo.write({ n: 1 }), { code: 'ERR_UNSUPPORTED' })
    assert.throws(() => fifo.read({ resetModified: true }), { code: 'ERR_UNSUPPORTED' })
    for (const act of [
      () => latest.push({}),
      () => latest.tryPush({}),
      () => latest.stage({}),
      () => latest.commit(),
      () => latest.lost,
    ]) {
      assert.throws(act, { code: 'ERR_UNSUPPORTED' })
    }
  })
})

describe('the schema', () => {
  test('says what the values are', () => {
    // That this compiles is the test.
    const plain: Sensor = {
      temperature: 1,
      count: 1n,
      on: true,
      status: 'ok',
      raw: new Uint8Array(4),
      image: { data: new Uint8Array(1200), shape: [40, 30], stride: [30, 1], offset: 0 },
      small: { data: new Float32Array(3), shape: [3], stride: [1], offset: 0 },
    }
    const out = create(Sensor)
    out.write(plain)
    assert.equal(out.read()!.count.value satisfies bigint, 1n)
    // @ts-expect-error a number is no text
    assert.throws(() => out.write({ status: 5 }), { code: 'ERR_TYPE' })
    // @ts-expect-error there is no such field
    assert.throws(() => out.write({ nobody: 5 }), { code: 'ERR_TYPE' })
  })

  test('another schema is refused with a line for every field that differs', () => {
    const out = create(Sensor)
    const Other = record({ temperature: f32(), count: i64(), on: bool(), status: str(9), extra: u8() })
    assert.throws(
      () => Other.open(out.name),
      (error: { code: string; message: string }) => {
        assert.equal(error.code, 'ERR_SCHEMA')
        assert.match(error.message, /temperature: in the segment f64\(\), here f32\(\)/)
        assert.match(error.message, /status: in the segment str\(8\), here str\(9\)/)
        assert.match(error.message, /extra: not in the segment, here u8\(\)/)
        assert.match(error.message, /image: in the segment array\('u8', \[40, 30\]\), not here/)
        assert.doesNotMatch(error.message, /count/)
        return true
      },
    )
  })

  test('the hash is the same for the same fields, and another for others', () => {
    const again = record({ a: f64(), b: str(3) })
    assert.equal(again.hash, record({ a: f64(), b: str(3) }).hash)
    assert.equal(again.text, '{"a":"f64","b":{"str":3}}')
    const others = [record({ b: str(3), a: f64() }), record({ a: f64(), b: str(4) }), record({ a: f64() })]
    for (const other of others) assert.notEqual(other.hash, again.hash)
  })

  test('createOrOpen joins, and says so when slots or policy differ', () => {
    const out = create(Sensor)
    const joined = Sensor.createOrOpen(out.name)
    out.write({ temperature: 1 })
    assert.equal(joined.read()!.temperature.value, 1)
    joined.close()
    assert.throws(() => Sensor.createOrOpen(out.name, { slots: 3 }), { code: 'ERR_MISMATCH' })
    assert.throws(() => Sensor.create(out.name), { code: 'ERR_EXISTS' })
    assert.throws(() => Sensor.open('rec-nobody'), { code: 'ERR_NOT_FOUND' })
  })

  test('a tool needs no schema: it reads it back, and the newest record with it', () => {
    const out = create(record({ n: i32(), image: array('u8', [2, 3]), label: str(2), raw: bytes(40) }), { slots: 3 })
    const before = inspectRecord(out.name)
    assert.ok(before.fields.every((field) => field.unwritten))
    out.push({
      n: 1,
      image: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      label: 'long',
    })
    const { description, fields } = inspectRecord(out.name)
    assert.deepEqual([description.slots, description.full, description.sequence], [3, 'overwrite', 1])
    assert.deepEqual(describeRecord(out.name).fields, {
      n: 'i32()',
      image: "array('u8', [2, 3])",
      label: 'str(2)',
      raw: 'bytes(40)',
    })
    assert.deepEqual(
      fields.map(({ text }) => text),
      ['1', '[2×3] 1..6, mean 3.5', '"lo"', ''],
    )
    assert.ok(fields[2]!.truncated && fields[3]!.unwritten)
    assert.equal(out.read()!.n.value, 1)
  })

  test('a tool may watch: the newest record each time there is a newer one', async () => {
    const out = create(record({ n: i32(), label: str(4) }))
    out.write({ n: 1, label: 'a' })
    const seen: unknown[] = []
    const stop = new AbortController()
    const watching = (async () => {
      for await (const { sequence, missed, fields } of watchRecord(out.name, { signal: stop.signal })) {
        seen.push([sequence, missed, fields.map((field) => [field.text, field.modified])])
        if (seen.length === 1) {
          out.write({ n: 2 })
          out.write({ n: 3 })
        } else stop.abort(new Error('seen enough'))
      }
    })()
    await assert.rejects(watching, /seen enough/)
    assert.deepEqual(seen, [
      [
        1,
        0,
        [
          ['1', true],
          ['"a"', true],
        ],
      ],
      [
        3,
        1,
        [
          ['3', true],
          ['"a"', false],
        ],
      ],
    ])
  })

  test('every part of the schema language survives its text', () => {
    const Rich = record({
      a: optional(oneOf('x', 'y')),
      b: list(record({ p: array('f64', [2, 2]), q: optional(bytes(3)) }), 2),
      c: i64({ default: 5n }),
      d: f64({ default: Number.NEGATIVE_INFINITY }),
      e: str(3, { default: 'é' }),
    })
    const out = create(Rich)
    const { fields } = describeRecord(out.name)
    assert.deepEqual(fields, {
      a: "optional(oneOf('x', 'y'))",
      b: "list(record({ p: array('f64', [2, 2]), q: optional(bytes(3)) }), 2)",
      c: 'i64({ default: 5n })',
      d: 'f64({ default: -Infinity })',
      e: 'str(3, { default: "é" })',
    })
    assert.deepEqual(Rich.describe(out.name), describeRecord(out.name))
  })

  test('schemas that cannot be are refused', () => {
    const bad: [() => unknown, string][] = [
      [() => record(null as never), 'ERR_TYPE'],
      [() => record({ a: 'f64' as never }), 'ERR_TYPE'],
      [() => record({ __proto__x: f64(), 0: f64() } as never), 'ERR_RANGE'],
      [() => str(0), 'ERR_RANGE'],
      [() => bytes(1.5), 'ERR_RANGE'],
      [() => array('f16' as never, [1]), 'ERR_TYPE'],
      [() => array('u8', []), 'ERR_TYPE'],
      [() => array('u8', [2 ** 20, 2 ** 20]), 'ERR_TOO_LARGE'],
      [() => oneOf('a', 'a'), 'ERR_RANGE'],
      [() => optional(optional(f64())), 'ERR_TYPE'],
      [() => list(f64(), 0), 'ERR_RANGE'],
      [() => Sensor.create(fresh(), { slots: 0 }), 'ERR_RANGE'],
      [() => Sensor.create(fresh(), { buffers: 2 }), 'ERR_RANGE'],
      [() => Sensor.create(fresh(), { full: 'wait' as never }), 'ERR_RANGE'],
    ]
    for (const [act, code] of bad) assert.throws(act, { code })
  })
})
