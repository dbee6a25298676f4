// interop/rememory/pickle: what CPython writes is written, byte for byte, and read; and nothing else is made.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemlaneError } from '../../../errors.js'
import {
  DEEPEST,
  decode,
  encode,
  hashKey,
  isTuple,
  PyByteArray,
  PyComplex,
  PyDate,
  PyDateTime,
  PyDecimal,
  PyFloat,
  PyFrozenSet,
  PyTime,
  PyTimeDelta,
  PyTimeZone,
  tuple,
} from './index.js'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

function shared(): unknown {
  const one = [1]
  return [one, one]
}

function inTuple(...rest: number[]): unknown {
  const list: unknown[] = []
  const itself = tuple(list, ...rest)
  list.push(itself)
  return itself
}

function inItself(): unknown {
  const list: unknown[] = []
  list.push(list)
  return list
}

/** What Python calls it, what it is here, and `pickle.dumps(value, 4)` of CPython 3.11. */
// biome-ignore format: one a line
const TABLE: readonly [python: string, value: unknown, hex: string][] = [
  ["None", null, '80044e2e'],
  ["True", true, '8004882e'],
  ["0", 0, '80044b002e'],
  ["255", 255, '80044bff2e'],
  ["256", 256, '80049504000000000000004d00012e'],
  ["65535", 65535, '80049504000000000000004dffff2e'],
  ["65536", 65536, '80049506000000000000004a000001002e'],
  ["-1", -1, '80049506000000000000004affffffff2e'],
  ["2**31-1", 2 ** 31 - 1, '80049506000000000000004affffff7f2e'],
  ["2**31", 2 ** 31, '80049508000000000000008a0500000080002e'],
  ["-2**31", -(2 ** 31), '80049506000000000000004a000000802e'],
  ["-2**31-1", -(2 ** 31) - 1, '80049508000000000000008a05ffffff7fff2e'],
  ["2**53", 2n ** 53n, '8004950a000000000000008a07000000000000202e'],
  ["2**63", 2n ** 63n, '8004950c000000000000008a090000000000000080002e'],
  ["-2**63", -(2n ** 63n), '8004950b000000000000008a0800000000000000802e'],
  ["2**100", 2n ** 100n, '80049510000000000000008a0d000000000000000000000000102e'],
  ["-128", -128, '80049506000000000000004a80ffffff2e'],
  ["-2**2040", -(2n ** 2040n), '80049506010000000000008b00010000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000ff2e'],
  ["0.5", 0.5, '8004950a00000000000000473fe00000000000002e'],
  ["-0.0", -0, '8004950a000000000000004780000000000000002e'],
  ["float(\"inf\")", Number.POSITIVE_INFINITY, '8004950a00000000000000477ff00000000000002e'],
  ["1e300", 1e300, '8004950a00000000000000477e37e43c8800759c2e'],
  ["\"\"", '', '80049504000000000000008c00942e'],
  ["\"x\"", 'x', '80049505000000000000008c0178942e'],
  ["\"é🎉\"", 'é🎉', '8004950a000000000000008c06c3a9f09f8e89942e'],
  ["\"\\ud800x\"", '\ud800x', '80049508000000000000008c04eda08078942e'],
  ["\"a\"*256", 'a'.repeat(256), '8004950701000000000000580001000061616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161942e'],
  ["b\"\"", bytes(), '80049504000000000000004300942e'],
  ["b\"\\x00\\xff\"", bytes(0, 255), '8004950600000000000000430200ff942e'],
  ["b\"a\"*256", new Uint8Array(256).fill(97), '8004950701000000000000420001000061616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161942e'],
  ["()", tuple(), '8004292e'],
  ["(1,)", tuple(1), '80049505000000000000004b0185942e'],
  ["(1,2)", tuple(1, 2), '80049507000000000000004b014b0286942e'],
  ["(1,2,3)", tuple(1, 2, 3), '80049509000000000000004b014b024b0387942e'],
  ["(1,2,3,4)", tuple(1, 2, 3, 4), '8004950c00000000000000284b014b024b034b0474942e'],
  ["[]", [], '80045d942e'],
  ["[1]", [1], '80049506000000000000005d944b01612e'],
  ["[1,[2]]", [1, [2]], '8004950c000000000000005d94284b015d944b0261652e'],
  ["{}", {}, '80047d942e'],
  ["{\"a\":1}", { a: 1 }, '8004950a000000000000007d948c0161944b01732e'],
  ["{\"a\":1,\"b\":\"a\"}", { a: 1, b: 'a' }, '80049511000000000000007d94288c0161944b018c0162946801752e'],
  ["{1,2,3}", new Set([1, 2, 3]), '8004950b000000000000008f94284b014b024b03902e'],
  ["frozenset([4])", new PyFrozenSet([4]), '8004950600000000000000284b0491942e'],
  ["frozenset()", new PyFrozenSet(), '80049504000000000000002891942e'],
  ["bytearray(b\"mut\")", new PyByteArray(bytes(109, 117, 116)), '80049524000000000000008c086275696c74696e73948c0962797465617272617994939443036d757494859452942e'],
  ["bytearray()", new PyByteArray(0), '8004951d000000000000008c086275696c74696e73948c096279746561727261799493942952942e'],
  ["1+2j", new PyComplex(1, 2), '8004952e000000000000008c086275696c74696e73948c07636f6d706c6578949394473ff0000000000000474000000000000000869452942e'],
  ["T.datetime(2026,1,2,3,4,5,678901,fold=1)", new PyDateTime(2026, 1, 2, { hour: 3, minute: 4, second: 5, microsecond: 678_901, fold: 1 }), '8004952a000000000000008c086461746574696d65948c086461746574696d65949394430a07ea81020304050a5bf594859452942e'],
  ["T.datetime(2026,1,2,tzinfo=T.timezone.utc)", new PyDateTime(2026, 1, 2, { zone: new PyTimeZone(new PyTimeDelta(0)) }), '80049557000000000000008c086461746574696d65948c086461746574696d65949394430a07ea01020000000000009468008c0874696d657a6f6e6594939468008c0974696d6564656c74619493944b004b004b008794529485945294869452942e'],
  ["T.datetime(2026,1,2,tzinfo=T.timezone(T.timedelta(hours=-1),\"CET\"))", new PyDateTime(2026, 1, 2, { zone: new PyTimeZone(new PyTimeDelta(-1, 82_800), 'CET') }), '80049563000000000000008c086461746574696d65948c086461746574696d65949394430a07ea01020000000000009468008c0874696d657a6f6e6594939468008c0974696d6564656c74619493944affffffff4a704301004b00879452948c034345549486945294869452942e'],
  ["T.date(2026,1,2)", new PyDate(2026, 1, 2), '80049520000000000000008c086461746574696d65948c0464617465949394430407ea010294859452942e'],
  ["T.time(1,2,3,4,fold=1)", new PyTime({ hour: 1, minute: 2, second: 3, microsecond: 4, fold: 1 }), '80049522000000000000008c086461746574696d65948c0474696d65949394430681020300000494859452942e'],
  ["T.timedelta(-1,2,3)", new PyTimeDelta(-1, 2, 3), '80049527000000000000008c086461746574696d65948c0974696d6564656c74619493944affffffff4b024b03879452942e'],
  ["decimal.Decimal(\"1.50\")", new PyDecimal('1.50'), '80049522000000000000008c07646563696d616c948c07446563696d616c9493948c04312e353094859452942e'],
  ["[T.date(2026,1,2),T.date(2026,1,3)]", [new PyDate(2026, 1, 2), new PyDate(2026, 1, 3)], '80049531000000000000005d94288c086461746574696d65948c0464617465949394430407ea010294859452946803430407ea01039485945294652e'],
  ["{\"k\":(1,None)}", { k: tuple(1, null) }, '8004950d000000000000007d948c016b944b014e8694732e'],
  ["{\"__proto__\":1}", JSON.parse('{"__proto__":1}'), '80049512000000000000007d948c095f5f70726f746f5f5f944b01732e'],
  ["{(1,\"a\"):2,None:3,2.5:5}", new Map<unknown, number>([[tuple(1, 'a'), 2], [null, 3], [2.5, 5]]), '8004951d000000000000007d94284b018c01619486944b024e4b034740040000000000004b05752e'],
  ["(lambda l:[l,l])([1])", shared(), '8004950c000000000000005d94285d944b01616801652e'],
  ["(lambda t:(t[0].append(t),t)[1])(([],))", inTuple(), '8004950b000000000000005d9468008594613068012e'],
  ["(lambda t:(t[0].append(t),t)[1])(([],1,2,3))", inTuple(1, 2, 3), '8004951900000000000000285d942868004b014b024b037494614b014b024b033168012e'],
  ["(lambda l:(l.append(l),l)[1])([])", inItself(), '80049506000000000000005d946800612e'],
]

const read = (hex: string): unknown => {
  const pickle = Buffer.from(hex, 'hex')
  return decode(pickle, 0, pickle.length, 'test')
}

const refused = (code: string, message: RegExp, work: () => unknown): void =>
  assert.throws(work, (error) => error instanceof MemlaneError && error.code === code && message.test(error.message))

for (const [python, value, hex] of TABLE) {
  test(`${python} is written as CPython writes it, and read`, () => {
    assert.equal(encode(value).toString('hex'), hex)
    assert.deepStrictEqual(read(hex), value)
    assert.equal(encode(read(hex)).toString('hex'), hex, 'what was read is written as it was')
  })
}

test("containers beyond a batch are written in CPython's batches", () => {
  for (const count of [999, 1000, 1001, 2000, 2001]) {
    const items = Array.from({ length: count }, (_, i) => i)
    for (const value of [items, new Set(items), new Map(items.map((i) => [i, i]))]) {
      const pickle = encode(value)
      assert.deepStrictEqual(decode(pickle, 0, pickle.length, 'test'), value)
    }
  }
  // A full batch is followed by another one in dicts and sets, and not in lists.
  const full = Array.from({ length: 1000 }, () => 0)
  assert.equal(encode(full).subarray(-2).toString('hex'), '652e')
  assert.equal(
    encode(new Map(full.map((_, i) => [i, 0])))
      .subarray(-4)
      .toString('hex'),
    '7528752e',
  )
})

test('frames, and their absence, are read alike; so are older protocols', () => {
  assert.deepStrictEqual(read('80045d942e'), [])
  assert.deepStrictEqual(read('80045d94284b014b02652e'), [1, 2])
  // pickle.dumps([1, (2, 3)], 2), with BINPUT for MEMOIZE.
  assert.deepStrictEqual(read('80025d7100284b014b024b03867101652e'), [1, tuple(2, 3)])
  // pickle.dumps(bytearray(b"x"), 5)
  assert.deepStrictEqual(read('8005950c0000000000000096010000000000000078942e'), new PyByteArray(bytes(120)))
  // Bytes behind the end mean nothing.
  assert.deepStrictEqual(read('80045d942effff'), [])
})

test('kinds are kept: tuples, frozensets and bytearrays are known for what they are', () => {
  assert.ok(isTuple(read('80044b014b0286942e')))
  assert.ok(!isTuple([1, 2]))
  assert.ok(Object.isFrozen(read('80044b014b0286942e')))
  refused('ERR_READ_ONLY', /frozenset/, () => new PyFrozenSet([1]).add(2))
  assert.equal(encode(new PyFloat(1)).toString('hex'), '8004950a00000000000000473ff00000000000002e')
  assert.equal(encode(1).toString('hex'), '80044b012e')
  assert.equal(read(encode(7n).toString('hex')), 7)
  assert.equal(read(encode(2n ** 70n).toString('hex')), 2n ** 70n)
  const now = new Date(Date.UTC(2026, 10, 28, 13, 56, 44, 123))
  const stored = read(encode(now).toString('hex')) as PyDateTime
  assert.equal(stored.toDate().getTime(), now.getTime())
  assert.equal(String(stored), '2026-11-28T13:56:44.123000+00:00')
})

test('a dict with text keys is an object, whatever the keys; any other one a Map', () => {
  const hostile = read(encode(JSON.parse('{"__proto__":{"polluted":1},"constructor":2}')).toString('hex')) as object
  assert.equal(Object.getPrototypeOf(hostile), Object.prototype)
  assert.deepEqual(Object.keys(hostile), ['__proto__', 'constructor'])
  assert.equal(({} as { polluted?: number }).polluted, undefined)
  // A Map within itself keeps its identity, though it is known to be one only later.
  const map = new Map<unknown, unknown>()
  map.set(1, map)
  const again = read(encode(map).toString('hex')) as Map<unknown, unknown>
  assert.equal(again.get(1), again)
})

test('classes that are not plain data are named and not made', () => {
  const cases: [string, RegExp][] = [
    // os.system("true"): cposix\nsystem\n
    ['80048c05706f736978948c0673797374656d9493948c04747275659485945294' + '2e', /posix\.system \(at byte/],
    [`8004${Buffer.from('cos\nsystem\n').toString('hex')}8c047472756585522e`, /os\.system \(at byte/],
    // collections.OrderedDict(), with items
    [
      '80048c0b636f6c6c656374696f6e73948c0b4f7264657265644469637494939429529428' + '8c0161944b01' + '752e',
      /collections\.OrderedDict/,
    ],
    // an object with a state, by NEWOBJ and BUILD
    ['80048c085f5f6d61696e5f5f948c05506f696e74949394298194' + '7d948c0178944b0173622e', /__main__\.Point/],
    // a class itself
    ['80048c086461746574696d65948c046461746594932e', /datetime\.date/],
    // within a list
    ['80045d948c05706f736978948c0673797374656d9493948c0474727565948594529461' + '2e', /posix\.system/],
  ]
  for (const [hex, message] of cases) refused('ERR_FOREIGN', message, () => read(hex))
})

test('what is no pickle is refused with the place', () => {
  const cases: [string, RegExp][] = [
    ['', /does not begin/],
    ['6e6f', /does not begin/],
    ['8009' + '4e2e', /protocol is 9/],
    ['80044e', /ends in the middle/],
    ['80048cff41', /ends in the middle/],
    ['80048c02c3' + '282e', /no UTF-8/],
    ['80048effffffffffffffff2e', /ends in the middle/],
    ['800495ffffffffffffffff4e2e', /frame/],
    ['8004652e', /misses a mark/],
    ['800468052e', /memo has no 5/],
    ['80044e' + '72ffffffff2e', /memo has 0 values/],
    ['80044e4e2e', /2 values are left/],
    ['8004282e', /mark is left/],
    ['8004852e', /empty stack/],
    ['80044b014b02732e', /no pairs|no dict/],
    ['8004ff2e', /opcode 0xff/],
    // date(b"\x07\xea\x0d\x01"): month 13
    ['80048c086461746574696d65948c0464617465949394430407ea0d01948594522e', /no datetime\.date: month/],
  ]
  for (const [hex, message] of cases) refused('ERR_CORRUPT', message, () => read(hex))
})

test('a few opcodes cannot make many bytes', () => {
  const big = Buffer.alloc(1000)
  const parts = [
    Buffer.from('80048c086275696c74696e73948c09627974656172726179949394', 'hex'),
    Buffer.from([0x42, 0xe8, 3, 0, 0]),
    big,
    Buffer.from('94859430' + '30', 'hex'),
  ]
  // The class is number 2 in the memo, the arguments number 4.
  const pickle = Buffer.concat([
    ...parts,
    Buffer.from('5d28', 'hex'),
    ...Array.from({ length: 500 }, () => Buffer.from('6802680452', 'hex')),
    Buffer.from('652e', 'hex'),
  ])
  refused('ERR_CORRUPT', /more bytes than it has/, () => decode(pickle, 0, pickle.length, 'test'))
})

test('nesting is read to any depth, and written as deep as Python can write it again', () => {
  let deep: unknown = 0
  for (let i = 0; i < DEEPEST; i++) deep = [deep]
  assert.deepStrictEqual(read(encode(deep).toString('hex')), deep)
  refused('ERR_RANGE', /nest/, () => encode([deep]))
  const pickle = Buffer.concat([
    Buffer.from([0x80, 4]),
    Buffer.alloc(200_000, 0x5d),
    Buffer.alloc(199_999, 0x61),
    Buffer.from([0x2e]),
  ])
  assert.ok(Array.isArray(decode(pickle, 0, pickle.length, 'test')))
})

test('what Python could not have is refused when it is written', () => {
  class Point {
    x = 1
  }
  for (const value of [
    () => {},
    Symbol('s'),
    new Point(),
    new Float64Array(1),
    new ArrayBuffer(1),
    /x/,
    new Error('e'),
    new WeakMap(),
    Promise.resolve(),
    [new Point()],
  ])
    refused('ERR_NOT_CLONEABLE', /cannot be stored/, () => encode(value))
  for (const value of [new Map([[[], 1]]), new Set([{}]), new Map([[new Map(), 1]]), new Set([new PyByteArray(1)])])
    refused('ERR_TYPE', /hash/, () => encode(value))
  assert.equal(encode(undefined).toString('hex'), encode(null).toString('hex'))
})

test('keys that are equal in Python are one key', () => {
  const same: unknown[][] = [
    [1, 1n, true, new PyFloat(1)],
    [0, -0, false],
    [tuple(1, 'a'), tuple(true, 'a')],
    [bytes(1, 2), bytes(1, 2)],
    [new PyFrozenSet([1, 2]), new PyFrozenSet([2, 1])],
    [1e300, BigInt(1e300)],
    [new PyDate(2026, 1, 2), new PyDate(2026, 1, 2)],
  ]
  for (const keys of same) assert.equal(new Set(keys.map(hashKey)).size, 1)
  const others = [
    1,
    '1',
    null,
    'None',
    tuple(1),
    tuple('1'),
    tuple(tuple(1)),
    bytes(1),
    new PyDate(2026, 1, 2),
    '(1)',
    '',
  ]
  assert.equal(new Set(others.map(hashKey)).size, others.length)
  let huge: unknown = tuple()
  for (let i = 0; i < 60; i++) huge = tuple(huge, huge)
  refused('ERR_RANGE', /parts/, () => hashKey(huge))
})

test('dates and times refuse what Python refuses', () => {
  refused('ERR_RANGE', /day/, () => new PyDate(2025, 2, 29))
  refused('ERR_RANGE', /hour/, () => new PyTime({ hour: 24 }))
  refused('ERR_RANGE', /offset/, () => new PyTimeZone(new PyTimeDelta(1)))
  refused('ERR_RANGE', /decimal/, () => new PyDecimal('1,5'))
  assert.equal(PyTimeDelta.fromMilliseconds(-1).days, -1)
  assert.equal(PyTimeDelta.fromMilliseconds(-1).toMilliseconds(), -1)
  assert.equal(
    new PyDateTime(2026, 1, 2, { zone: new PyTimeZone(new PyTimeDelta(0, 3600)) }).toDate().toISOString(),
    '2026-01-01T23:00:00.000Z',
  )
  assert.equal(new PyComplex(1, -0).imag, -0)
})
