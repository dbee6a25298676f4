// interop/membridge: random commands against plain models; the codec against a second, plainer one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { freshName } from '../../testing/membridge-names.js'
import { type Int, int, type Scalar, SharedMemory, type Tag } from './index.js'

/** The wire's bytes of a value, by the plainest means. */
function plainBytes(value: Scalar): Buffer {
  const eight = Buffer.alloc(8)
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0])
  if (typeof value === 'number') {
    eight.writeDoubleLE(value)
    return eight
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(text.length)
    return Buffer.concat([length, text])
  }
  if (value instanceof Uint8Array) return Buffer.from(value)
  eight.writeBigInt64LE(typeof value === 'bigint' ? value : BigInt((value as Int).value))
  return eight
}

const whole = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const safe = fc.maxSafeInteger()
// NaNs other than the usual one may lose their payload on the way through a number.
const text = fc.string({ unit: 'binary', maxLength: 40 })
const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 })
const scalar: fc.Arbitrary<Scalar> = fc.oneof(fc.boolean(), fc.double(), whole, safe.map(int), text, bytes)

/** How a value is read back. */
function readBack(value: Scalar): { tag: Tag; count: number; wanted: unknown } {
  if (typeof value === 'boolean') return { tag: 'bool', count: 1, wanted: value }
  if (typeof value === 'number') return { tag: 'f64', count: 1, wanted: value }
  if (typeof value === 'bigint') return { tag: 'i64', count: 1, wanted: value }
  if (typeof value === 'string') return { tag: 'str', count: 1, wanted: value }
  if (value instanceof Uint8Array)
    return { tag: 'u8', count: value.length, wanted: value.length === 1 ? value[0] : [...value] }
  return { tag: 'int', count: 1, wanted: (value as Int).value }
}

test('any list of values is written as a plain encoder would, and read back as it was', () => {
  using shm = SharedMemory.create(freshName('codec'), 4 + 4096)
  using view = shm.map()
  fc.assert(
    fc.property(fc.array(scalar, { minLength: 1, maxLength: 12 }), fc.nat(500), (values, offset) => {
      view.writeMixed(values, offset)
      const plain = Buffer.concat(values.map(plainBytes))
      assert.deepEqual(Buffer.from(view.readRange(offset, plain.length)), plain)
      const schema = values.map((value) => [readBack(value).tag, readBack(value).count] as const)
      assert.deepEqual(
        view.readMixed(schema, offset),
        values.map((value) => readBack(value).wanted),
      )
      // One by one, from the cursor.
      view.seek(offset)
      for (const value of values) view.write(value)
      assert.deepEqual(Buffer.from(view.readRange(offset, plain.length)), plain)
      assert.equal(view.tell(), offset + plain.length)
      view.seek(offset)
      for (const value of values) {
        const { tag, count, wanted } = readBack(value)
        assert.deepEqual(count === 1 ? view.read(tag) : view.readMixed([[tag, count]])[0], wanted)
      }
    }),
  )
})

type Command =
  | { do: 'push'; message: Scalar | Scalar[] }
  | { do: 'pop'; how: 'raw' | 'into' | 'mixed' | 'wrong' }
  | { do: 'clear' }
  | { do: 'reopen'; who: 'producer' | 'consumer' }

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      message: fc.oneof(scalar, fc.array(scalar, { maxLength: 4 })),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pop' as const),
      how: fc.constantFrom('raw' as const, 'into' as const, 'mixed' as const, 'wrong' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reopen' as const),
      who: fc.constantFrom('producer' as const, 'consumer' as const),
    }),
  },
)

test('a ring does what a plain queue with a byte count does', () => {
  fc.assert(
    fc.property(fc.constantFrom(4, 8, 16, 64, 256), fc.array(command, { maxLength: 80 }), (capacity, commands) => {
      const name = freshName('model')
      using made = SharedMemory.create(name, capacity + 24)
      let producer = made.spsc()
      let consumer = SharedMemory.open(name).spsc()
      const queue: { bytes: Buffer; values: Scalar[] }[] = []
      const used = (): number => queue.reduce((sum, { bytes }) => sum + bytes.length + 4, 0)
      try {
        for (const c of commands) {
          if (c.do === 'push') {
            const values = Array.isArray(c.message) ? c.message : [c.message]
            const plain = Buffer.concat(values.map(plainBytes))
            if (plain.length + 4 > capacity) assert.throws(() => producer.push(c.message), { code: 'ERR_TOO_LARGE' })
            else {
              const fits = used() + plain.length + 4 <= capacity
              assert.equal(producer.push(c.message), fits)
              if (fits) queue.push({ bytes: plain, values })
            }
          } else if (c.do === 'pop') {
            const first = queue[0]
            if (c.how === 'wrong') {
              const schema = [['u8', (first?.bytes.length ?? 0) + 1] as const]
              if (first === undefined) assert.equal(consumer.popMixed(schema), undefined)
              else assert.throws(() => consumer.popMixed(schema), { code: 'ERR_RANGE' })
            } else {
              if (c.how === 'raw') {
                const raw = consumer.pop()
                assert.deepEqual(raw === undefined ? undefined : Buffer.from(raw), first?.bytes)
              } else if (c.how === 'into') {
                const target = Buffer.alloc(capacity)
                const length = consumer.popInto(target)
                assert.equal(length, first?.bytes.length ?? -1)
                if (first !== undefined) assert.deepEqual(target.subarray(0, length), first.bytes)
              } else {
                const schema = (first?.values ?? []).map(
                  (value) => [readBack(value).tag, readBack(value).count] as const,
                )
                assert.deepEqual(
                  consumer.popMixed(schema),
                  first?.values.map((value) => readBack(value).wanted),
                )
              }
              queue.shift()
            }
          } else if (c.do === 'clear') {
            assert.equal(consumer.clear(), used())
            queue.length = 0
          } else if (c.who === 'producer') {
            producer.close()
            producer = SharedMemory.open(name).spsc()
          } else {
            consumer.close()
            consumer = SharedMemory.open(name).spsc()
          }
          assert.equal(producer.used, used())
          assert.equal(consumer.free, capacity - used())
          assert.equal(consumer.isEmpty, queue.length === 0)
          assert.equal(producer.isFull, used() === capacity)
        }
      } finally {
        producer.close()
        consumer.close()
        SharedMemory.remove(name)
      }
    }),
    { numRuns: 60 },
  )
})
