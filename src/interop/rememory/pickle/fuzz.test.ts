// interop/rememory/pickle: whatever the bytes are, reading ends, with a value or a MemlaneError, and takes little memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemlaneError } from '../../../errors.js'
import { mulberry } from '../../../testing/random.js'
import { rememoryVectors } from '../../../testing/rememory-vectors.js'
import { asTuple, decode, encode, Machine, PyFrozenSet, type RootTarget } from './index.js'

/** Reads as a value, and as a dict whose items are handed out. */
function tryBoth(pickle: Buffer): void {
  for (const kind of [undefined, 'dict', 'list'] as const) {
    try {
      if (kind === undefined) decode(pickle, 0, pickle.length, 'fuzz')
      else {
        const root: RootTarget = { kind, item: () => {} }
        new Machine(pickle, 0, pickle.length, 'fuzz', { root }).run()
      }
    } catch (error) {
      assert.ok(
        error instanceof MemlaneError && ['ERR_CORRUPT', 'ERR_FOREIGN'].includes(error.code),
        String((error as Error).stack),
      )
    }
  }
}

const seeds: Buffer[] = rememoryVectors().flatMap(({ type, bytes_hex, steps }) =>
  ['dict', 'list', 'block'].includes(type)
    ? [bytes_hex, ...steps.flatMap(({ op, result }) => (op === 'dump' ? [(result as { hex: string }).hex] : []))]
        .filter((hex) => hex !== '')
        .map((hex) => Buffer.from(hex, 'hex'))
    : [],
)

test('flipped, cut and spliced pickles are values or refusals', () => {
  const seed = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`pickles: seed ${seed} (MEMLANE_SEED=${seed} repeats it)`)
  const random = mulberry(seed)
  const below = (n: number): number => Math.floor(random() * n)
  for (let round = 0; round < 5000; round++) {
    const pickle = Buffer.from(seeds[below(seeds.length)]!.subarray(0, 4000))
    for (let flips = below(4); flips >= 0; flips--) pickle[below(pickle.length)] = below(256)
    tryBoth(random() < 0.3 ? pickle.subarray(0, below(pickle.length)) : pickle)
  }
})

test('random opcodes are values or refusals', () => {
  const codes = [
    0x28, 0x30, 0x31, 0x32, 0x4e, 0x88, 0x4b, 0x4d, 0x4a, 0x8a, 0x8b, 0x47, 0x8c, 0x58, 0x43, 0x42, 0x96, 0x5d, 0x61,
    0x65, 0x6c, 0x7d, 0x73,
  ]
  codes.push(
    0x75,
    0x64,
    0x29,
    0x74,
    0x85,
    0x86,
    0x87,
    0x8f,
    0x90,
    0x91,
    0x94,
    0x71,
    0x72,
    0x68,
    0x6a,
    0x63,
    0x93,
    0x52,
    0x62,
    0x69,
    0x6f,
    0x81,
    0x92,
    0x82,
    0x51,
    0x97,
    0x98,
    0,
    1,
    2,
    10,
  )
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...codes), { maxLength: 60 }), (program) => {
      tryBoth(Buffer.from([0x80, 4, ...program, 0x2e]))
    }),
    { numRuns: 5000 },
  )
})

test('random bytes are values or refusals', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      tryBoth(Buffer.from([0x80, 5, ...bytes]))
    }),
    { numRuns: 5000 },
  )
})

const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.bigInt().map((n) => (n >= Number.MIN_SAFE_INTEGER && n <= Number.MAX_SAFE_INTEGER ? 2n ** 60n + n : n)),
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.uint8Array({ maxLength: 300 }),
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(tie('value'), { maxLength: 5 }).map(asTuple),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
    fc.array(fc.integer(), { minLength: 1, maxLength: 5 }).map((items) => new Set(items)),
    fc.array(fc.string(), { maxLength: 5 }).map((items) => new PyFrozenSet(items)),
    fc.array(fc.tuple(fc.integer(), tie('value')), { minLength: 1, maxLength: 5 }).map((items) => new Map(items)),
  ),
}))

test('what is written is read again', () => {
  fc.assert(
    fc.property(value, (one) => {
      const pickle = encode(one)
      assert.deepStrictEqual(decode(pickle, 0, pickle.length, 'test'), one)
    }),
    { numRuns: 1000 },
  )
})
