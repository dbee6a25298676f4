// record: what the type checker knows of a schema. That this file compiles is most of the test.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  array,
  bool,
  bytes,
  f32,
  f64,
  type Infer,
  i16,
  i64,
  list,
  type NdArray,
  oneOf,
  optional,
  record,
  str,
  u8,
  u64,
} from './index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_T extends true>(): void => {}

const Point = record({ x: i16(), y: i16({ default: 0 }), tag: optional(str(3)) })
const Thing = record({
  number: f64(),
  withDefault: f32({ default: 3 }),
  big: i64(),
  huge: u64(),
  on: bool(),
  text: str(3, { default: '' }),
  raw: bytes(4),
  image: array('u8', [2, 2]),
  bigs: array('i64', [2]),
  flags: array('bool', [2]),
  mode: oneOf('idle', 'run'),
  maybe: optional(f64()),
  maybeMode: optional(oneOf('a', 'b')),
  maybeArray: optional(array('f32', [2])),
  point: Point,
  points: list(Point, 2),
  nested: list(list(u8(), 2), 2),
})
type Thing = Infer<typeof Thing>
type Point = { x: number; y: number; tag: string | undefined }

is<Same<Thing['number'], number>>()
is<Same<Thing['withDefault'], number>>()
is<Same<Thing['big'], bigint>>()
is<Same<Thing['huge'], bigint>>()
is<Same<Thing['on'], boolean>>()
is<Same<Thing['text'], string>>()
is<Same<Thing['raw'], Uint8Array>>()
is<Same<Thing['image'], NdArray<Uint8Array>>>()
is<Same<Thing['bigs'], NdArray<BigInt64Array>>>()
is<Same<Thing['flags'], NdArray<Uint8Array>>>()
is<Same<Thing['mode'], 'idle' | 'run'>>()
is<Same<Thing['maybe'], number | undefined>>()
is<Same<Thing['maybeMode'], 'a' | 'b' | undefined>>()
is<Same<Thing['maybeArray'], NdArray<Float32Array> | undefined>>()
is<Same<Thing['point'], Point>>()
is<Same<Thing['points'], Point[]>>()
is<Same<Thing['nested'], number[][]>>()

test('what is written, read, filled and shown has the types of the schema', async () => {
  const name = `rect-${process.pid}`
  using out = Thing.create(name)
  try {
    out.write({
      big: 1,
      huge: 2n,
      image: [
        [1, 2],
        [3, 4],
      ],
      flags: [true, false],
      mode: 'run',
      maybe: undefined,
      point: { x: 1 },
      points: [{ x: 1 }, { x: 2, y: 3, tag: 'a' }],
      nested: [
        [1, 2],
        [3, 4],
      ],
    })
    const refused: (() => void)[] = [
      // @ts-expect-error no such choice
      () => out.write({ mode: 'walk' }),
      // @ts-expect-error x has no default
      () => out.write({ point: { y: 1 } }),
      // @ts-expect-error no such member
      () => out.write({ point: { x: 1, z: 1 } }),
      // @ts-expect-error a number is no boolean
      () => out.write({ on: 1 }),
      // @ts-expect-error text is no array
      () => out.write({ image: 'x' }),
      // @ts-expect-error no such field
      () => out.write({ nobody: 1 }),
      // @ts-expect-error only optional fields may be undefined
      () => out.write({ number: undefined }),
      // @ts-expect-error not even with a default
      () => out.write({ withDefault: undefined }),
    ]
    for (const act of refused) assert.throws(act, { name: 'MemlaneError' })

    const s = out.read()!
    is<Same<typeof s.mode.value, 'idle' | 'run'>>()
    assert.deepEqual(s.points.value satisfies Point[], [
      { x: 1, y: 0, tag: undefined },
      { x: 2, y: 3, tag: 'a' },
    ])
    out.update((w) => {
      w.number += 1
      w.image.fill(1)
      w.bigs[0] = 1n
      w.mode = 'idle'
      w.maybe = undefined
      w.maybeArray?.fill(1)
      w.raw.fill(1)
    })
    const shown = out.view((v) => {
      is<Same<typeof v.image, Uint8Array>>()
      // @ts-expect-error a view is for looking
      const write = (): unknown => (v.number = 2)
      void write
      return v.mode
    })
    is<Same<typeof shown, 'idle' | 'run' | undefined>>()
    assert.equal(shown, 'idle')
    const next = await out.next({ timeout: 0 })
    if (next !== undefined) is<Same<typeof next.big.value, bigint>>()
    const target: Partial<Thing> = { number: 0 }
    assert.equal(out.readInto(target), true)
    assert.equal(target.number, 1)
  } finally {
    Thing.unlink(name)
  }
})
