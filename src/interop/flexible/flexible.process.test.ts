// interop/flexible: against other processes. An independent Python peer of ours always; the real package where
// MEMLANE_FSM names the folder that holds it; and Memlane itself.

import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { WATCHDOG } from '../../testing/crew.js'
import { peerReads, peerWrites } from '../../testing/flexible-busy-writer.js'
import { type Annotations, FlexiblePeer, peerKinds, schemaOf } from '../../testing/flexible-peers.js'
import { FlexibleMemory } from './index.js'

const ALL: Annotations = [
  ['x', 'float'],
  ['n', 'int'],
  ['on', 'bool'],
  ['text', 'str[8]'],
  ['frame', 'uint8[10,10,3]'],
  ['tail', 'float64[2]'],
]
const flat = Array.from({ length: 300 }, (_, i) => i % 256)
const frame = Array.from({ length: 10 }, (_, y) =>
  Array.from({ length: 10 }, (_, x) => flat.slice((y * 10 + x) * 3, (y * 10 + x) * 3 + 3)),
)
const values = (n: number): Record<string, unknown> => ({
  x: n / 2,
  n,
  on: n % 2 === 1,
  text: `№${n} 🎉`,
  frame,
  tail: [n, -n],
})
const plain = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'data' in value ? Array.from(value.data as ArrayLike<number>) : value

/** Per field its value and status byte. */
type Theirs = Record<string, [unknown, number]>

let made = 0
const names: string[] = []
function fresh(): string {
  const name = `memlane_fxp_${process.pid}_${++made}`
  names.push(name)
  return name
}

function unlinkAll(): void {
  for (const name of names.splice(0)) FlexibleMemory.unlink(name)
}

// Not every runtime runs the hooks of a file whose tests failed: each test cleans up behind it as well.
afterEach(unlinkAll)
after(() => {
  unlinkAll()
  FlexiblePeer.killAll()
})

for (const kind of peerKinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    for (const creates of ['the peer', 'Memlane'] as const) {
      test(`single slot made by ${creates}: each reads what the other wrote, flags included`, async () => {
        const name = fresh()
        const peer = new FlexiblePeer(kind)
        const schema = schemaOf(ALL)
        const made = creates === 'Memlane' ? FlexibleMemory.create(schema, name) : undefined
        await peer.open(name, ALL, 1, made === undefined)
        using memory = made ?? FlexibleMemory.open(schema, name)
        for (let n = 1; n <= 10; n++) {
          if (n % 2 === 0) memory.write(values(n) as never)
          else await peer.ask('write', { values: values(n) })
          const ours = memory.read()!
          const theirs = (await peer.ask('read')) as Theirs
          for (const [field, wanted] of Object.entries(values(n))) {
            assert.deepEqual(
              [plain(ours[field]!.value), ours[field]!.status],
              [field === 'frame' ? flat : wanted, 4],
              `${field} of write ${n}`,
            )
            assert.deepEqual(
              theirs[field],
              [field === 'frame' ? flat : wanted, 4],
              `${field} of write ${n}, as the peer reads it`,
            )
          }
        }
        memory.write({ text: 'longer than eight' } as never)
        const { text, n } = (await peer.ask('read')) as Theirs
        assert.deepEqual([text, n![1]], [['longer t', 1 | 4], 0])
        assert.equal(memory.read({ resetModified: true })!.text!.modified, true)
        assert.equal(((await peer.ask('read')) as Theirs).text![1], 1)
        await peer.ask('close')
        assert.equal(await peer.end(), 0)
      })

      test(`FIFO made by ${creates}: in order, both ways, the oldest go when it is full`, async () => {
        const name = fresh()
        const peer = new FlexiblePeer(kind)
        const fields: Annotations = [
          ['n', 'int'],
          ['text', 'str[4]'],
        ]
        const schema = schemaOf(fields)
        const made = creates === 'Memlane' ? FlexibleMemory.create(schema, name, { slots: 3 }) : undefined
        await peer.open(name, fields, 3, made === undefined)
        using memory = made ?? FlexibleMemory.open(schema, name, { slots: 3 })
        for (let n = 0; n < 5; n++) {
          await peer.ask('write', { values: { n, text: `#${n}` } })
          await peer.ask('finalize')
        }
        assert.deepEqual(
          [memory.read()!.n!.value, memory.read()!.text!.value, memory.read()!.n!.value, memory.read()],
          [2, '#3', 4, undefined],
        )
        for (let n = 5; n < 10; n++) {
          memory.write({ n, text: 'ours' } as never)
          memory.finalize()
        }
        const got: unknown[] = []
        for (let item = await peer.ask('read'); item !== null; item = await peer.ask('read'))
          got.push((item as { n: unknown[] }).n[0])
        assert.deepEqual(got, [7, 8, 9])
        for (let n = 10; n < 12; n++) {
          memory.write({ n } as never)
          memory.finalize()
        }
        assert.equal(((await peer.ask('read', { latest: true })) as { n: unknown[] }).n[0], 11)
        assert.equal(memory.read(), undefined)
        await peer.ask('close')
        assert.equal(await peer.end(), 0)
      })
    }

    test('no torn record is accepted: the peer writes 80 KB without a pause, Memlane reads', async (t) => {
      t.diagnostic(await peerWrites(kind, fresh(), 0.8))
    })

    test('no torn record is accepted: Memlane writes 80 KB without a pause, the peer reads', async (t) => {
      t.diagnostic(await peerReads(kind, fresh(), 0.8))
    })
  })
}

test('a FIFO between two Memlane processes loses nothing and repeats nothing', async () => {
  const name = fresh()
  const fields: Annotations = [['n', 'int']]
  const count = 4000
  // Room for all: a full FIFO gives up its oldest record, as the format has it, and a reader may be held up.
  using memory = FlexibleMemory.create(schemaOf(fields), name, { slots: count })
  const peer = new FlexiblePeer(peerKinds.at(-1)!)
  await peer.open(name, fields, count, false)
  peer.send('push', { count })
  for (let n = 0; n < count; n++) {
    const got = await memory.readAsync({ timeout: WATCHDOG })
    assert.equal(got!.n!.value, n)
  }
  assert.equal(await peer.said(), null)
  assert.equal(memory.read(), undefined)
  await peer.end()
})
