// record: the layout is the one that record.layout.ts and codecs.ts draw, byte for byte, and the same for the same schema.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, bool, bytes, f32, f64, i8, i16, i64, list, oneOf, optional, record, str, u16, u64 } from './index.js'
import { OUT_OF_LINE_BYTES, READER_SIZE, READERS, SHAPE } from './record.layout.js'

let made = 0
const fresh = (): string => `recl-${process.pid}-${++made}`

test('the hash is FNV-1a of the text, 64 bits', () => {
  // From an implementation of its own, so that what is documented is what is kept.
  const fnv = (text: string): bigint =>
    [...new TextEncoder().encode(text)].reduce(
      (hash, byte) => ((hash ^ BigInt(byte)) * 1099511628211n) % 2n ** 64n,
      14695981039346656037n,
    )
  const Small = record({ a: f64(), b: str(3) })
  assert.equal(Small.text, '{"a":"f64","b":{"str":3}}')
  assert.deepEqual([Small.hash, fnv(Small.text)], [0x2334bbfd5cea30b4n, 0x2334bbfd5cea30b4n])
  const Rich = record({
    'ü "quoted"': oneOf('é', "it's"),
    n: i64({ default: -5 }),
    f: f32({ default: -0 }),
    g: f64({ default: Number.NaN }),
    o: optional(list(record({ x: u16(), raw: bytes(3) }), 2)),
    grid: array('i16', [2, 0, 3]),
  })
  assert.equal(
    Rich.text,
    '{"ü \\"quoted\\"":{"oneOf":["é","it\'s"]},"n":{"i64":null,"default":{"big":"-5"}},"f":{"f32":null,"default":{"float":"-0"}},' +
      '"g":{"f64":null,"default":{"float":"NaN"}},"o":{"optional":{"list":{"record":{"x":"u16","raw":{"bytes":3}}},"count":2}},' +
      '"grid":{"array":"i16","shape":[2,0,3]}}',
  )
  assert.equal(Rich.hash, fnv(Rich.text))
})

test('every field lies where the drawing says', () => {
  const Thing = record({
    on: bool(), //                                  u8
    n: f64(), //                                    aligned to 8
    mode: oneOf('a', 'b'), //                       u8
    single: f32(), //                               aligned to 4
    text: str(2), //                                u32, 8 bytes
    raw: bytes(3), //                               aligned to 8: u32, zeros, 3 bytes
    note: optional(i16()), //                       u8, padding, i16
    pose: record({ a: i8(), b: u64() }), //         aligned to 8, 16 bytes
    path: list(record({ x: i16(), ok: bool() }), 2), // stride 4
    grid: array('u16', [2, 2]), //                  aligned to 8
  })
  const name = fresh()
  using out = Thing.create(name)
  try {
    out.write({ on: true, n: 1.5, mode: 'b', single: -2, text: 'é漢', raw: Uint8Array.of(7, 8, 9) })
    out.write({
      note: -2,
      pose: { a: -1, b: 2n ** 63n },
      path: [
        { x: 258, ok: true },
        { x: -1, ok: false },
      ],
      grid: [
        [1, 2],
        [3, 4],
      ],
    })
    const { memory, body, slots } = out.segment
    const textAt = READERS + slots * READER_SIZE
    assert.equal(Buffer.from(memory.u8.slice(body + textAt, body + textAt + Thing.text.length)).toString(), Thing.text)
    assert.deepEqual(
      [...memory.u32.subarray((body + SHAPE) / 4, (body + SHAPE) / 4 + 5)],
      [4, 0, 0, Thing.text.length, 0],
    )

    // 10 fields: sequence 8, changed 80, status 10, zeros to 100 (no out-of-line buffers), the first field at 100.
    const stride = 192
    const first = Math.ceil((textAt + Thing.text.length) / 64) * 64
    const at = body + first + 2 * stride // the third record, counting the empty one
    const hex = (offset: number, length: number): string =>
      Buffer.from(memory.u8.slice(at + offset, at + offset + length)).toString('hex')
    assert.equal(memory.f64[at / 8], 2)
    assert.deepEqual([...memory.f64.subarray(at / 8 + 1, at / 8 + 11)], [1, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    assert.equal(hex(88, 12), '00'.repeat(12))
    assert.equal(hex(100, 4), '01000000')
    assert.equal(hex(104, 8), '000000000000f83f')
    assert.equal(hex(112, 1), '01')
    assert.equal(hex(116, 4), '000000c0')
    assert.equal(hex(120, 8), '05000000e900226f')
    assert.equal(hex(136, 11), '0300000000000000070809')
    assert.equal(hex(148, 4), '0100feff')
    assert.equal(hex(152, 16), 'ff000000000000000000000000000080')
    assert.equal(hex(168, 8), '02010100ffff0000')
    assert.equal(hex(176, 8), '0100020003000400')
  } finally {
    Thing.unlink(name)
  }
})

test('numbers and arrays lie so that typed arrays fit over them, whatever stands before them', () => {
  const dtypes = ['f64', 'f32', 'i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64', 'bool'] as const
  for (const dtype of dtypes) {
    for (const shape of [[1], [3], [0], [2, 0, 3], [1, 1, 1], [2, 3], [2, 3, 4, 5], [OUT_OF_LINE_BYTES + 1]]) {
      const Thing = record({
        odd: bool(),
        text: str(1),
        data: array(dtype, shape),
        more: optional(array(dtype, shape)),
      })
      const name = fresh()
      using out = Thing.create(name)
      using cam = Thing.open(name)
      try {
        const one = (dtype === 'i64' || dtype === 'u64' ? 1n : 1) as never
        out.update((w) => (w.data as unknown as Uint8Array).fill(one))
        const elements = shape.reduce((product, size) => product * size, 1)
        const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
        const { value, valid } = cam.read()!.data
        assert.deepEqual([value.shape, value.stride, value.offset, valid], [shape, stride, 0, true])
        assert.deepEqual([...(value.data as unknown as number[])], new Array(elements).fill(one))
        out.write({ more: value as never })
        const kept = cam.read()!.more.value!
        assert.deepEqual(
          [kept.data.constructor, [...(kept.data as unknown as number[])]],
          [value.data.constructor, [...(value.data as never)]],
        )
        cam.view((v) => assert.equal((v.data as Uint8Array).length, elements))
        assert.ok(cam.readInto({ data: value as never }))
      } finally {
        Thing.unlink(name)
      }
    }
  }
})
