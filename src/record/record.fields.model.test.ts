// record: schemas of every kind of field, with defaults, optional and nested, small and large, against a plain model.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  array,
  bool,
  bytes,
  type Field,
  f32,
  f64,
  i8,
  i32,
  i64,
  list,
  oneOf,
  optional,
  record,
  str,
  u16,
  u64,
} from './index.js'

/** A field, values for it, and what reading shows of one. */
interface Kind {
  readonly field: Field
  readonly values: fc.Arbitrary<unknown>
  /** What the field shows when it was never given. */
  readonly empty: unknown
  readonly fallback?: unknown
}

const kind = (field: unknown, values: fc.Arbitrary<unknown>, empty: unknown, fallback?: unknown): Kind => ({
  field: field as Field,
  values,
  empty,
  fallback,
})

const text = (most: number): fc.Arbitrary<string> =>
  fc.oneof(fc.constant('ä'.repeat(most)), fc.constant('€'.repeat(most)), fc.string({ maxLength: Math.min(most, 20) }))

const numbers: fc.Arbitrary<Kind> = fc.oneof(
  fc
    .option(fc.double({ noNaN: true }), { nil: undefined })
    .map((d) => kind(f64(withDefault(d)), fc.double({ noNaN: true }), 0, d)),
  fc
    .option(fc.float({ noNaN: true }), { nil: undefined })
    .map((d) => kind(f32(withDefault(d)), fc.float({ noNaN: true }), 0, d)),
  fc.option(fc.integer(), { nil: undefined }).map((d) => kind(i32(withDefault(d)), fc.integer(), 0, d)),
  fc.constant(kind(i8({ default: -128 }), fc.integer({ min: -128, max: 127 }), 0, -128)),
  fc.constant(kind(u16(), fc.nat(65535), 0)),
  fc.constant(kind(i64({ default: -5n }), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), 0n, -5n)),
  fc.constant(kind(u64(), fc.bigInt(0n, 2n ** 64n - 1n), 0n)),
  fc.constant(kind(bool({ default: true }), fc.boolean(), false, true)),
  fc.constant(kind(oneOf('idle', 'run'), fc.constantFrom('idle', 'run'), 'idle')),
)

const texts: fc.Arbitrary<Kind> = fc
  .tuple(fc.constantFrom(3, 254, 255, 256, 300, 2000), fc.constantFrom('none', 'short', 'full', 'wide'))
  .map(([length, which]) => {
    const fallback = { none: undefined, short: 'x', full: 'y'.repeat(length), wide: '€'.repeat(length) }[which]
    return kind(str(length, withDefault(fallback)), text(length), '', fallback)
  })

const arrays: fc.Arbitrary<Kind> = fc.oneof(
  fc.constantFrom(0, 3, 1023, 1024, 3000).map((n) =>
    kind(
      array('u8', [n]),
      fc.nat(255).map((fill) => new Uint8Array(n).fill(fill)),
      new Array(n).fill(0),
    ),
  ),
  fc.constantFrom(1, 1015, 1016, 1017, 2000).map((n) =>
    kind(
      bytes(n),
      fc.nat(255).map((fill) => new Uint8Array(n).fill(fill)),
      [],
    ),
  ),
)

const plain: fc.Arbitrary<Kind> = fc.oneof({ weight: 3, arbitrary: numbers }, { weight: 3, arbitrary: texts }, arrays)

/** A record in a record: a member that has a default may be left out, and shows it. */
const nested: fc.Arbitrary<Kind> = fc.tuple(plain, plain, fc.boolean()).map(([a, b, many]) => {
  const inner = record({ a: a.field, b: b.field })
  const optionally = (of: Kind): fc.Arbitrary<unknown> =>
    of.fallback === undefined ? of.values : fc.option(of.values, { nil: undefined })
  const one = fc.record({ a: optionally(a), b: optionally(b) })
  return {
    field: (many ? list(inner as never, 2) : inner) as Field,
    values: many ? fc.tuple(one, one) : one,
    empty: many ? [zero(a, b), zero(a, b)] : zero(a, b),
  }
})
const zero = (a: Kind, b: Kind): object => ({ a: a.empty, b: b.empty })

const optionals: fc.Arbitrary<Kind> = plain.map((of) =>
  kind(optional(of.field), fc.option(of.values, { nil: undefined }), undefined),
)

const kinds: fc.Arbitrary<Kind> = fc.oneof({ weight: 4, arbitrary: plain }, optionals, nested)

function withDefault<T>(value: T | undefined): { default: T } | undefined {
  return value === undefined ? undefined : { default: value }
}

/** As the model has it: arrays as lists of numbers. */
function shown(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array)
  if (Array.isArray(value)) return value.map(shown)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  if ('data' in value) return Array.from((value as { data: ArrayLike<number> }).data)
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)]))
}

/** What was given, with the defaults of the members that were left out. */
function completed(field: Field, value: unknown): unknown {
  const { spec } = field
  if (spec.kind === 'list') return (value as unknown[]).map((item) => completed(spec.of, item))
  if (spec.kind !== 'record') return value === undefined ? field.fallback : value
  const members = Object.entries(spec.fields)
  return Object.fromEntries(
    members.map(([name, member]) => [name, completed(member, (value as Record<string, unknown>)[name])]),
  )
}

let made = 0

const steps = fc.array(fc.tuple(fc.constantFrom('write', 'update'), fc.nat(7), fc.nat(2 ** 20)), { maxLength: 12 })
const shapes = fc.oneof(
  fc.constantFrom({}, { buffers: 3 }, { buffers: 5 }),
  fc.constantFrom({ slots: 1 }, { slots: 3 }),
)

test('records of every kind of field show what was given, else their defaults', () => {
  fc.assert(
    fc.property(fc.array(kinds, { minLength: 1, maxLength: 6 }), steps, shapes, (fields, commands, shape) => {
      const schema = record(Object.fromEntries(fields.map(({ field }, i) => [`f${i}`, field])))
      const name = `recf-${process.pid}-${++made}`
      const isFifo = 'slots' in shape
      const out = schema.create(name, shape)
      const reader = schema.open(name)
      try {
        const fresh = (): Map<string, unknown> =>
          new Map(fields.flatMap(({ fallback }, i) => (fallback === undefined ? [] : [[`f${i}`, fallback] as const])))
        let model = fresh()
        for (const [how, mask, seed] of commands) {
          const given: Record<string, unknown> = {}
          fields.forEach(({ values }, i) => {
            if (((mask >> (i % 3)) & 1) === 1) given[`f${i}`] = fc.sample(values, { seed: seed + i, numRuns: 1 })[0]
          })
          if (isFifo) model = fresh()
          for (const key of Object.keys(given))
            model.set(key, completed(fields[Number(key.slice(1))]!.field, given[key]))
          if (how === 'update') out.update((w) => Object.assign(w, given))
          else if (isFifo) out.push(given as never)
          else out.write(given as never)
          const got = reader.read() as
            | Record<string, { value: unknown; unwritten: boolean; truncated: boolean }>
            | undefined
          assert.notEqual(got, undefined)
          fields.forEach(({ empty }, i) => {
            const { value, unwritten, truncated } = got![`f${i}`]!
            const has = model.has(`f${i}`)
            assert.equal(unwritten, !has)
            assert.equal(truncated, false)
            assert.deepEqual(shown(value), shown(has ? model.get(`f${i}`) : empty))
          })
        }
      } finally {
        out.close()
        reader.close()
        schema.unlink(name)
      }
    }),
    { numRuns: 150 },
  )
})

test('a default of a text that lies outside the record is there from the first write on', () => {
  const Thing = record({ a: f64({ default: 7 }), t: str(300, { default: 'x'.repeat(300) }), b: f64({ default: 1.5 }) })
  const out = Thing.local()
  out.write({ b: 2 })
  const got = out.read()
  assert.equal(got?.a.value, 7)
  assert.equal(got?.t.value, 'x'.repeat(300))
  assert.equal(got?.b.value, 2)
})
