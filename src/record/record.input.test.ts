// record: what is refused leaves every byte of the published record as it was, whatever was given and however.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { array, bool, bytes, f32, f64, i8, i32, i64, list, oneOf, optional, record, str, u64 } from './index.js'
import { RecordMemory } from './record-memory.js'
import { readShape } from './shape.js'

const Thing = record({
  first: f64(),
  single: f32(),
  tiny: i8(),
  whole: i32(),
  big: i64(),
  huge: u64(),
  on: bool(),
  text: str(4),
  raw: bytes(3),
  grid: array('i16', [2, 3]),
  floats: array('f32', [2]),
  flags: array('bool', [2]),
  plane: array('u8', [30, 50]),
  mode: oneOf('idle', 'run'),
  note: optional(str(2)),
  pose: record({ x: f64(), gain: f32({ default: 1 }), tag: optional(str(2)) }),
  path: list(record({ x: i8() }), 2),
  last: f64(),
})
type Handle = ReturnType<typeof Thing.create>

let made = 0
const fresh = (): string => `reci-${process.pid}-${++made}`

/** All that a reader can see, byte for byte: the number of the published record, its buffer, and the out-of-line buffers that it names. */
function visible(handle: Handle): Uint8Array {
  const { layout } = readShape(handle.segment)
  const store = new RecordMemory(handle.segment, layout)
  const published = store.published()
  const buffer = store.bufferAt(published)
  const big = layout.fields.filter((field) => field.isOutOfLine)
  return Buffer.concat([
    Buffer.from(String(published)),
    store.bytes.u8.slice(buffer, buffer + layout.stride),
    ...big.map((field) => store.bytes.u8.slice(store.place(field, buffer), store.place(field, buffer) + 1500)),
  ])
}

const transferred = (): Uint8Array => {
  const view = new Uint8Array(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}
const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}
const holes = (second: unknown): unknown[] => Object.assign(new Array(2), { 1: second })
const endless: unknown[] = []
endless[0] = endless
const speaks = { valueOf: () => assert.fail('nobody may ask'), toString: () => assert.fail('nobody may ask') }
class Liar extends Uint8Array {
  override get byteLength(): number {
    return 1e9
  }
}
const nd = (more: object): object => ({ data: Int16Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3], ...more })

const TYPE = 'ERR_TYPE'
const RANGE = 'ERR_RANGE'
const numbers = ['first', 'single', 'tiny', 'whole', 'big', 'huge']
const wholes = ['tiny', 'whole', 'big', 'huge']
const each = (names: string[], values: unknown[], code: string): [string, unknown, string][] =>
  names.flatMap((name) => values.map((value): [string, unknown, string] => [name, value, code]))

const REFUSED: [string, unknown, string][] = [
  ...each(numbers, ['1', null, undefined, true, Symbol('1'), {}, [], [1], () => 1, new Date(1), speaks], TYPE),
  ...each(
    wholes,
    [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5, 1e300, -(2 ** 63) - 2048],
    RANGE,
  ),
  ...each(['first', 'single'], [1n], TYPE),
  ...each(['single'], [1e39, -1e300, 2 ** 128], RANGE),
  ...each(['tiny'], [128, -129, 128n], RANGE),
  ...each(['whole'], [2 ** 31, -(2 ** 31) - 1, 2n ** 31n], RANGE),
  ...each(['big'], [2n ** 63n, -(2n ** 63n) - 1n, 2 ** 53], RANGE),
  ...each(['huge'], [2n ** 64n, -1n, -1], RANGE),
  ...each(['on'], [0, 1, 'true', null, undefined, {}], TYPE),
  ...each(['text', 'note'], [1, null, {}, ['a'], Symbol('a'), new String('a'), speaks], TYPE),
  // Half a character, first, last, alone, the wrong way round, and also behind the cut.
  ...each(
    ['text', 'note'],
    ['\ud800', 'a\udc00', '\ude00\ud83d', 'abc\ud83d', 'abcdefgh\ud83d', '漢abcdefgh\udfff'],
    RANGE,
  ),
  ...each(['raw'], [[1, 2], 'ab', 3, null, undefined, {}, transferred(), transferred().buffer, new Liar(2)], TYPE),
  ...each(['grid'], [7, 'x', null, undefined, {}, new Map(), new DataView(new ArrayBuffer(12)), Symbol('x')], TYPE),
  ...each(['grid'], [[[1, 2], [3]], [1, [2]], [[1], 2], nested(65), nested(50_000), endless], TYPE),
  ...each(
    ['grid'],
    [
      [
        [1, 2, 3],
        [4, 5, null],
      ],
      ['1'],
      [[undefined]],
      holes(1),
    ],
    TYPE,
  ),
  ...each(['grid'], [[1, 2, 3, 4, 5, 6, 40_000], [Number.NaN], [0.5], new Float64Array(6).fill(0.5)], RANGE),
  ...each(
    ['grid'],
    [new Float64Array(7), new Uint8Array(5), { data: new Uint8Array(4), shape: [2, 2] }],
    'ERR_MISMATCH',
  ),
  ...each(
    ['grid'],
    [
      nd({ shape: null }),
      nd({ shape: undefined }),
      nd({ shape: 6 }),
      nd({ shape: '23' }),
      nd({ shape: [-2, -3] }),
      nd({ shape: [2.5] }),
      nd({ shape: [Symbol('2')] }),
      nd({ shape: [2, 4] }),
      nd({ shape: [1e9, 1e9] }),
      nd({ shape: new Array(100).fill(1) }),
      nd({ shape: [1e9], stride: [0] }),
      nd({ stride: null }),
      nd({ stride: [1] }),
      nd({ stride: [3, 2] }),
      nd({ stride: [-3, 1] }),
      nd({ stride: ['3', 1] }),
      nd({ strides: [1] }),
      nd({ offset: 1 }),
      nd({ offset: -1 }),
      nd({ offset: '0' }),
      nd({ offset: 0n }),
      nd({ offset: Symbol('0') }),
      nd({ data: null }),
      nd({ data: { length: 6 } }),
      nd({ data: 'abcdef' }),
    ],
    TYPE,
  ),
  ...each(['floats'], [[1e39, 0], new Float64Array([0, -1e300])], RANGE),
  ...each(['floats'], [[1n, 2n], new BigInt64Array(2)], TYPE),
  ...each(['flags'], [[2, 0], Uint8Array.of(0, 2), ['true', true]], TYPE),
  ...each(['plane'], [[256]], RANGE),
  ...each(['plane'], [new Float32Array(3)], 'ERR_MISMATCH'),
  ...each(['mode'], ['walk', 0, null, undefined, {}, Symbol('idle')], RANGE),
  ...each(
    ['pose'],
    [null, undefined, 1, 'x', [], {}, { gain: 1 }, { x: 1, y: 2 }, { x: null }, { x: 1, gain: null }],
    TYPE,
  ),
  ...each(
    ['pose'],
    [
      { x: 1, tag: null },
      { x: 1, tag: 5 },
    ],
    TYPE,
  ),
  ...each(
    ['pose'],
    [
      { x: 1, tag: '\ud800' },
      { x: 1, gain: 1e39 },
    ],
    RANGE,
  ),
  ...each(['path'], [null, {}, { length: 2 }, 'ab', [{ x: 1 }, null], holes({ x: 1 }), [{ x: 1 }, { y: 1 }]], TYPE),
  ...each(['path'], [[], [{ x: 1 }], [{ x: 1 }, { x: 1 }, { x: 1 }], [{ x: 1 }, { x: 200 }]], RANGE),
  ...each(['nobody', '', 'toString', 'constructor'], [1], TYPE),
]

const GOOD = {
  first: 1,
  text: 'abcd',
  raw: Uint8Array.of(1, 2, 3),
  grid: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  plane: new Uint8Array(1500).fill(7),
  pose: { x: 1 },
  path: [{ x: 1 }, { x: 2 }],
  last: 1,
}

for (const [kind, options] of [
  ['a latest value', {}],
  ['a FIFO', { slots: 2 }],
] as const) {
  describe(kind, () => {
    const put = (handle: Handle, values: object): void =>
      handle.isFifo ? handle.push(values as never) : handle.write(values as never)

    test('what cannot be is refused with a code, and no byte of the record has changed', () => {
      const name = fresh()
      using out = Thing.create(name, options)
      try {
        put(out, GOOD)
        put(out, GOOD)
        const before = visible(out)
        for (const [field, value, code] of REFUSED) {
          const shown = `${field}: ${typeof value} ${String((value as object | undefined)?.constructor?.name)}`
          // Other fields are given before and after it.
          const values = { first: 9, plane: new Uint8Array(1500).fill(9), [field]: value, last: 9 }
          assert.throws(() => put(out, values), { name: 'MemlaneError', code }, shown)
          assert.deepEqual(visible(out), before, shown)
          const assign = (): void => out.update((w) => void Object.assign(w, values))
          assert.throws(assign, { name: 'MemlaneError', code }, shown)
          assert.deepEqual(visible(out), before, shown)
        }
        put(out, { first: 2 })
        assert.equal(out.read({ latest: true })!.first.value, 2)
      } finally {
        Thing.unlink(name)
      }
    })

    test('a getter that throws, writes, reads or closes leaves every byte as it was', () => {
      const name = fresh()
      using other = Thing.create(name, options)
      try {
        put(other, GOOD)
        const before = visible(other)
        const giving = (second: (out: Handle) => unknown, wanted: object): void => {
          using out = Thing.open(name)
          const values = {
            first: 9,
            get plane() {
              return second(out)
            },
            last: 9,
          }
          assert.throws(() => put(out, values), wanted)
          assert.deepEqual(visible(other), before)
        }
        const own = new Error('a getter that fails')
        giving(() => {
          throw own
        }, own)
        giving((out) => put(out, { first: 3 }), { code: 'ERR_DEADLOCK' })
        giving(() => put(other, { first: 3 }), { code: 'ERR_DEADLOCK' })
        giving(
          (out) => {
            out.close()
            return new Uint8Array(1500).fill(9)
          },
          { code: 'ERR_CLOSED' },
        )
        const proxy = new Proxy({ first: 1 }, { ownKeys: () => assert.fail('a proxy that fails') })
        assert.throws(() => put(other, proxy), /a proxy that fails/)
        // One that looks at the record meanwhile sees it as it is.
        const looking = {
          first: 5,
          get last() {
            return other.view((v) => v.first)! + 1
          },
        }
        put(other, looking)
        const s = other.read({ latest: true })!
        assert.deepEqual([s.first.value, s.last.value], [5, 2])
      } finally {
        Thing.unlink(name)
      }
    })
  })
}

test('text is cut between code points wherever the cut falls, never inside one', () => {
  const name = fresh()
  using out = Thing.create(name)
  try {
    const cases: [string, string, boolean][] = [
      ['abcd', 'abcd', false],
      ['abcde', 'abcd', true],
      ['abc🎉', 'abc🎉', false],
      ['abc🎉🎉', 'abc🎉', true],
      ['🎉🎉🎉🎉', '🎉🎉🎉🎉', false],
      ['🎉🎉🎉🎉🎉', '🎉🎉🎉🎉', true],
      ['🎉abc🎉', '🎉abc', true],
      // A mark that joins the letter before it, and an emoji made of three: their code points count one by one.
      ['abce\u0301', 'abce', true],
      ['abe\u0301', 'abe\u0301', false],
      ['👨\u200d👩\u200d👧', '👨\u200d👩\u200d', true],
      ['\0\0\0\0', '\0\0\0\0', false],
      ['ÿÿÿÿÿ', 'ÿÿÿÿ', true],
      ['\uffff\ufffe', '\uffff\ufffe', false],
    ]
    for (const [given, wanted, truncated] of cases) {
      out.write({ text: given })
      const { text } = out.read()!
      assert.deepEqual([text.value, text.truncated, text.valid], [wanted, truncated, !truncated])
    }
  } finally {
    Thing.unlink(name)
  }
})

test('ndarrays of scijs (stride) and of stdlib (strides) are walked as they say', () => {
  const name = fresh()
  using out = Thing.create(name)
  try {
    const data = Int16Array.of(9, 1, 4, 2, 5, 3, 6)
    const given: [object, number[]][] = [
      [{ data, shape: [2, 3], stride: [1, 2], offset: 1 }, [1, 2, 3, 4, 5, 6]],
      [{ data, shape: [2, 3], strides: [1, 2], offset: 1, order: 'column-major' }, [1, 2, 3, 4, 5, 6]],
      [{ data, shape: [2, 3], stride: [1, -2], offset: 5 }, [3, 2, 1, 6, 5, 4]],
      [{ data, shape: [2, 3], stride: [0, 0], offset: 0 }, [9, 9, 9, 9, 9, 9]],
      [{ data: [...data], shape: Int32Array.of(2, 3), stride: Int32Array.of(3, 1) }, [9, 1, 4, 2, 5, 3]],
    ]
    for (const [grid, wanted] of given) {
      out.write({ grid: grid as never })
      const got = out.read()!.grid
      assert.deepEqual([[...got.value.data], got.valid], [wanted, true])
    }
  } finally {
    Thing.unlink(name)
  }
})

test('i32 takes a bigint as the other whole numbers do; f32 takes what rounds to an f32, and what is infinite', () => {
  const name = fresh()
  using out = Thing.create(name)
  try {
    out.write({ whole: 5n as never, tiny: 6n as never })
    assert.deepEqual([out.read()!.whole.value, out.read()!.tiny.value], [5, 6])
    for (const value of [
      3.4028235e38,
      -3.4028235e38,
      2 ** 128 - 2 ** 104 + 1e30,
      1e-50,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ]) {
      out.write({ single: value, floats: [value, 0] })
      assert.deepEqual(
        [out.read()!.single.value, out.read()!.floats.value.data[0]],
        [Math.fround(value), Math.fround(value)],
      )
    }
  } finally {
    Thing.unlink(name)
  }
})

test('defaults and options of fields are checked where they are written', () => {
  const bad: [() => unknown, string][] = [
    [() => f64(20 as never), TYPE],
    [() => str(4, 'none' as never), TYPE],
    [() => i32(null as never), TYPE],
    [() => f64({ default: null as never }), TYPE],
    [() => f32({ default: 1e39 }), RANGE],
    [() => bool({ default: 1 as never }), TYPE],
    [() => i64({ default: 1.5 }), RANGE],
    [() => str(4, { default: 'abcd\ud800' }), RANGE],
  ]
  for (const [act, code] of bad) assert.throws(act, { code })
  assert.equal(record({ n: i64({ default: 5 }) }).hash, record({ n: i64({ default: 5n }) }).hash)
  assert.equal(record({ n: bool({ default: true }) }).text, '{"n":{"bool":null,"default":true}}')
})

test('arrays that were transferred away, proxies of arrays and revoked proxies are refused with a code', () => {
  const Odd = record({
    row: array('f32', [2]),
    none: array('u8', [0]),
    items: list(f64(), 2),
    inner: record({ n: f64() }),
    kept: f64({ default: 1 }),
  })
  const out = Odd.local()
  const detached = (array: Float32Array | Uint8Array): typeof array => {
    structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] })
    return array
  }
  const revoked = (target: object): never => {
    const { proxy, revoke } = Proxy.revocable(target, {})
    revoke()
    return proxy as never
  }
  out.write({ row: [1, 2], items: [1, 2], inner: { n: 1 } })
  for (const values of [
    { row: detached(new Float32Array(2)) },
    { none: detached(new Uint8Array(0)) },
    { row: { data: detached(new Float32Array(2)), shape: [0] } },
    { none: { data: detached(new Uint8Array(0)), shape: [0] } },
    { row: new Proxy(new Float32Array(2), {}) },
    { row: { data: new Proxy(new Float32Array(2), {}), shape: [2] } },
    { row: revoked([1, 2]) },
    { row: [revoked([1]), 2] },
    { row: { data: revoked([1, 2]), shape: [2] } },
    { row: { data: [1, 2], shape: revoked([2]) } },
    { row: { data: [1, 2], shape: [2], stride: revoked([1]) } },
    { row: revoked({ data: [1, 2], shape: [2] }) },
    { items: revoked([1, 2]) },
    { inner: revoked({ n: 1 }) },
  ]) {
    assert.throws(() => out.write({ kept: 2, ...(values as object) } as never), { code: 'ERR_TYPE' })
    assert.equal(out.read()?.kept.value, 1)
  }
  for (const target of [
    Object.freeze({}),
    Object.freeze({ kept: 0 }),
    Object.preventExtensions({}),
    Object.defineProperty({}, 'kept', { value: 0 }),
    revoked({}),
  ])
    assert.throws(() => out.readInto(target as never), { code: 'ERR_TYPE' })
  // What cannot be filled is replaced, as any other wrong array is.
  for (const row of [new Proxy(new Float32Array(2), {}), detached(new Float32Array(2)), new Float32Array(3)]) {
    const target = { row } as Record<string, unknown>
    assert.equal(out.readInto(target as never), true)
    assert.deepEqual([...(target.row as { data: Float32Array }).data], [1, 2])
  }
})
