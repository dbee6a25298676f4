// record: random commands against a plain model. Seeds are printed by fast-check when something fails.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { array, bytes, f64, i64, record, str } from './index.js'

const Thing = record({
  n: f64({ default: 7 }),
  big: i64(),
  text: str(5),
  raw: bytes(3),
  row: array('i32', [4]),
  plane: array('u8', [30, 50]),
})
type Values = Parameters<ReturnType<typeof Thing.create>['write']>[0]

let made = 0
const fresh = (): string => `recm-${process.pid}-${++made}`

const texts = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((text) => !/\p{Surrogate}/u.test(text))
const values = fc.record(
  {
    n: fc.double({ noNaN: true }),
    big: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
    text: texts,
    raw: fc.uint8Array({ maxLength: 5 }),
    row: fc.int32Array({ minLength: 3, maxLength: 5 }),
    plane: fc.nat(255).map((fill) => new Uint8Array(1500).fill(fill)),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Values>

/** What a field should show: value, truncated. */
function shown(name: string, value: unknown): [unknown, boolean] {
  if (name === 'text') {
    const points = Array.from(value as string)
    return [points.slice(0, 5).join(''), points.length > 5]
  }
  if (name === 'raw') return [Array.from((value as Uint8Array).subarray(0, 3)), (value as Uint8Array).length > 3]
  if (name === 'row') {
    const row = Array.from(value as Int32Array)
    return [[...row, 0, 0, 0, 0].slice(0, 4), row.length !== 4]
  }
  if (name === 'plane') return [Array.from(value as Uint8Array), false]
  return [value, false]
}

const EMPTY: Record<string, unknown> = {
  n: 0,
  big: 0n,
  text: '',
  raw: [],
  row: [0, 0, 0, 0],
  plane: new Array(1500).fill(0),
}
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Array.from(value)
  return typeof value === 'object' && value !== null ? Array.from((value as { data: ArrayLike<number> }).data) : value
}

interface Cell {
  value: unknown
  truncated: boolean
  changed: number
}

test('a latest value does what a plain object and per-reader sequences do', () => {
  const command = fc.oneof(
    fc.record({ op: fc.constant('write' as const), values }),
    fc.record({ op: fc.constant('update' as const), values, fails: fc.boolean() }),
    fc.record({ op: fc.constant('read' as const), reader: fc.nat(1), shared: fc.boolean() }),
    fc.record({ op: fc.constant('refused' as const), values }),
  )
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), fc.integer({ min: 3, max: 6 }), (commands, buffers) => {
      const name = fresh()
      const out = Thing.create(name, { buffers, firstCounter: 2 ** 30 - 20 })
      const readers = [Thing.open(name), Thing.open(name)]
      try {
        const cells = new Map<string, Cell>([['n', { value: 7, truncated: false, changed: 1 }]])
        const seen = [0, 0]
        let [sequence, mark] = [0, 0]
        const give = (given: Values): void => {
          sequence++
          for (const [field, value] of Object.entries(given)) {
            const [kept, truncated] = shown(field, value)
            cells.set(field, { value: kept, truncated, changed: sequence })
          }
        }
        for (const step of commands) {
          if (step.op === 'write') {
            out.write(step.values)
            give(step.values)
          } else if (step.op === 'update') {
            const run = (): void =>
              out.update((w) => {
                Object.assign(w, step.values)
                if (step.fails) throw new Error('on purpose')
              })
            if (step.fails) assert.throws(run, /on purpose/)
            else {
              run()
              give(step.values)
            }
          } else if (step.op === 'refused') {
            assert.throws(() => out.write({ ...step.values, text: 5 as never }), { code: 'ERR_TYPE' })
          } else {
            const got = readers[step.reader]!.read({ resetModified: step.shared })
            assert.equal(got === undefined, sequence === 0)
            if (got === undefined) continue
            const since = step.shared ? mark : seen[step.reader]!
            for (const [field, { value, truncated, unwritten, modified }] of Object.entries(got)) {
              const cell = cells.get(field)
              assert.equal(unwritten, cell === undefined)
              assert.deepEqual(plain(value), cell === undefined ? EMPTY[field] : cell.value)
              assert.equal(truncated, cell?.truncated ?? false)
              assert.equal(modified, (cell?.changed ?? 0) > since)
            }
            seen[step.reader] = sequence
            if (step.shared) mark = Math.max(mark, sequence)
          }
        }
      } finally {
        for (const handle of [out, ...readers]) handle.close()
        Thing.unlink(name)
      }
    }),
    { numRuns: 60 },
  )
})

test('a FIFO does what a list and a cursor per reader do', () => {
  const Item = record({ n: f64(), text: str(4) })
  const command = fc.oneof(
    fc.constant('push' as const),
    fc.constant('each' as const),
    fc.constant('other' as const),
    fc.constant('share' as const),
    fc.constant('sharer' as const),
    fc.constant('latest' as const),
  )
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 80 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
      (commands, slots, reject) => {
        const name = fresh()
        const out = Item.create(name, { slots, full: reject ? 'reject' : 'overwrite', firstCounter: 2 ** 30 - 25 })
        const each = [Item.open(name), Item.open(name)]
        const share = [Item.open(name, { readers: 'share' }), Item.open(name, { readers: 'share' })]
        try {
          let pushed = 0
          const cursors = { each: 0, other: 0, share: 0 }
          for (const step of commands) {
            if (step === 'push') {
              const room = !reject || pushed - Math.min(...Object.values(cursors)) < slots
              assert.equal(out.tryPush(pushed % 3 === 0 ? { n: pushed } : { n: pushed, text: `${pushed}` }), room)
              if (room) pushed++
              continue
            }
            const which = step === 'latest' ? 'each' : step === 'sharer' ? 'share' : step
            const reader = { each: each[0]!, other: each[1]!, share: share[0]!, sharer: share[1]!, latest: each[0]! }[
              step
            ]
            const got = reader.read({ latest: step === 'latest' })
            if (cursors[which] === pushed) {
              assert.equal(got, undefined)
              continue
            }
            const lost = Math.max(0, pushed - slots - cursors[which])
            const n = step === 'latest' ? pushed - 1 : cursors[which] + lost
            assert.equal(got!.n.value, n)
            assert.equal(got!.text.value, n % 3 === 0 ? '' : `${n}`)
            assert.equal(got!.text.unwritten, n % 3 === 0)
            assert.equal(reader.lost, lost)
            cursors[which] = n + 1
          }
        } finally {
          for (const handle of [out, ...each, ...share]) handle.close()
          Item.unlink(name)
        }
      },
    ),
    { numRuns: 150 },
  )
})

test('random bytes in the body never crash, hang or show anything but an error or some record', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 64 }), fc.nat(), fc.boolean(), (noise, seed, fifo) => {
      const out = Thing.local(fifo ? { slots: 3 } : {})
      const { memory, body: start } = out.segment
      try {
        out[fifo ? 'tryPush' : 'write']({ n: 1, text: 'abc', raw: Uint8Array.of(1), row: [1, 2, 3, 4] })
        // Anywhere but in the lock, which is the lock's own promise.
        const u8 = memory.u8.subarray(start + 64, start + 64 + 2048)
        for (let i = 0; i < noise.length; i++) u8[(seed + i * 31) % u8.length] = noise[i]!
        for (let i = 0; i < 3; i++) {
          const handle = Thing.attachLocal(memory.buffer as SharedArrayBuffer)
          try {
            handle.read()
            handle.readInto({})
            handle.view((v) => [v.n, v.text, v.row.length, v.raw.length])
          } finally {
            handle.close()
          }
        }
      } catch (error) {
        assert.match((error as { code?: string }).code ?? String(error), /^ERR_(CORRUPT|SCHEMA|VERSION)$/)
      } finally {
        out.close()
      }
    }),
    { numRuns: 150 },
  )
})
