// record: waiting for a change and for room: time-outs, aborts, closing, and wakes that must not be lost.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { Wait } from '../memory/index.js'
import { Segment } from '../segment/index.js'
import { type Sleep, untilFound } from '../waiting/index.js'
import { type Fields, f64, i32 } from './fields.js'
import { record, type SharedRecord, watchRecord } from './index.js'
import { Reader } from './reader.js'
import { layoutOf, OVERWRITE } from './record.layout.js'
import { RecordMemory } from './record-memory.js'
import { schemaText } from './schema.js'
import { Writer } from './writer.js'

const Item = record({ n: i32() })
type Handle = SharedRecord<typeof Item.fields>

let made = 0
const open = new Set<Handle>()
const names = new Set<string>()
const kept = (handle: Handle): Handle => {
  open.add(handle)
  return handle
}
function create(options = {}): Handle {
  const name = `recw-${process.pid}-${++made}`
  names.add(name)
  return kept(Item.create(name, options))
}
afterEach(() => {
  for (const handle of open) handle.close()
  for (const name of names) Item.unlink(name)
  open.clear()
  names.clear()
})
const forEver = { timeout: Number.POSITIVE_INFINITY }

describe('time-outs', () => {
  test('0 looks once, below 0 and no number are refused, Infinity waits', async () => {
    for (const options of [{}, { slots: 1, full: 'reject' as const }]) {
      const out = create(options)
      const cam = kept(Item.open(out.name))
      assert.equal(cam.read({ timeout: 0 }), undefined)
      assert.equal(await cam.next({ timeout: 0 }), undefined)
      for (const timeout of [-1, Number.NaN, Number.NEGATIVE_INFINITY]) {
        assert.throws(() => cam.read({ timeout }), { code: 'ERR_RANGE' })
        await assert.rejects(cam.next({ timeout }), { code: 'ERR_RANGE' })
        await assert.rejects(cam.changes({ timeout }).next(), { code: 'ERR_RANGE' })
        assert.throws(() => out.update(() => {}, { timeout }), { code: 'ERR_RANGE' })
        if (out.isFifo) {
          assert.throws(() => out.push({}, { timeout }), { code: 'ERR_RANGE' })
          assert.throws(() => out.tryPush({}, { timeout }), { code: 'ERR_RANGE' })
          await assert.rejects(out.pushAsync({}, { timeout }), { code: 'ERR_RANGE' })
        } else assert.throws(() => out.write({}, { timeout }), { code: 'ERR_RANGE' })
      }
      const waiting = cam.next(forEver)
      if (out.isFifo) out.push({ n: 1 }, forEver)
      else out.write({ n: 1 }, forEver)
      assert.equal((await waiting)!.n.value, 1)
      if (!out.isFifo) continue
      out.push({ n: 2 })
      const pushing = out.pushAsync({ n: 3 }, forEver)
      assert.deepEqual([cam.read(forEver)!.n.value, await pushing], [2, undefined])
    }
  })
})

describe('aborting and closing', () => {
  for (const options of [{}, { slots: 2 }, { slots: 2, full: 'reject' as const }]) {
    const kind = JSON.stringify(options)

    test(`an abort rejects with the signal's reason, before and during the wait (${kind})`, async () => {
      const out = create(options)
      for (const readOnly of 'full' in options ? [false] : [false, true]) {
        const cam = kept(Item.open(out.name, { readOnly }))
        while (cam.read()?.n.modified);
        const reason = new Error('enough')
        const signal = AbortSignal.abort(reason)
        await assert.rejects(cam.next({ signal }), reason)
        await assert.rejects(cam.changes({ signal }).next(), reason)
        const stop = new AbortController()
        const both = [cam.next({ signal: stop.signal }), cam.changes({ signal: stop.signal }).next()]
        stop.abort(reason)
        for (const one of await Promise.allSettled(both)) assert.equal((one as PromiseRejectedResult).reason, reason)
        // It is as good as new.
        const next = cam.next()
        if (out.isFifo) out.push({ n: 1 })
        else out.write({ n: 1 })
        assert.equal((await next)!.n.value, 1)
      }
    })

    test(`a signal that is none is refused (${kind})`, async () => {
      const out = create(options)
      for (const signal of [{}, null, 5, { aborted: true }] as never[]) {
        await assert.rejects(out.next({ signal }), { code: 'ERR_TYPE' })
        await assert.rejects(out.changes({ signal }).next(), { code: 'ERR_TYPE' })
        await assert.rejects(watchRecord(out.name, { signal }).next(), { code: 'ERR_TYPE' })
        if (out.isFifo) await assert.rejects(out.pushAsync({}, { signal }), { code: 'ERR_TYPE' })
      }
    })

    test(`closing ends every wait of the handle with ERR_CLOSED (${kind})`, async () => {
      const out = create(options)
      for (const readOnly of 'full' in options ? [false] : [false, true]) {
        const cam = kept(Item.open(out.name, { readOnly }))
        const waits = [cam.next(), cam.changes().next(), cam.next({ timeout: 100_000 })]
        cam.close()
        for (const one of await Promise.allSettled(waits))
          assert.equal((one as PromiseRejectedResult).reason.code, 'ERR_CLOSED')
        await assert.rejects(cam.next(), { code: 'ERR_CLOSED' })
        assert.throws(() => cam.read({ timeout: 1 }), { code: 'ERR_CLOSED' })
      }
    })
  }

  test('closing ends waiting for room with ERR_CLOSED', async () => {
    const out = create({ slots: 1, full: 'reject' })
    kept(Item.open(out.name))
    out.push({ n: 1 })
    const pushing = out.pushAsync({ n: 2 })
    out.close()
    await assert.rejects(pushing, { code: 'ERR_CLOSED' })
  })

  test('leaving the loop leaves the record open, and another loop goes on', async () => {
    for (const options of [{}, { slots: 4 }]) {
      const out = create(options)
      const cam = kept(Item.open(out.name))
      const put = (n: number): void => (out.isFifo ? out.push({ n }) : out.write({ n }))
      for (let n = 0; n < 3; n++) {
        put(n)
        for await (const s of cam.changes()) {
          assert.equal(s.n.value, n)
          break
        }
      }
      const failing = async (): Promise<void> => {
        for await (const s of cam) throw new Error(`of its own ${s.n.value}`)
      }
      put(3)
      await assert.rejects(failing, /of its own 3/)
      for await (const _ of cam.changes({ timeout: 1 })) assert.fail('there is nothing new')
    }
  })

  test('every method of a closed handle says ERR_CLOSED', async () => {
    for (const options of [{}, { slots: 2 }]) {
      const out = create(options)
      out.close()
      out.close()
      assert.equal(out.closed, true)
      const acts: (() => unknown)[] = [
        () => out.read(),
        () => out.read({ timeout: 1 }),
        () => out.readInto({}),
        () => out.view(() => 1),
        () => out.update(() => {}),
        () => out.next(),
        () => out.changes().next(),
        () => out[Symbol.asyncIterator]().next(),
      ]
      if (out.isFifo)
        acts.push(
          () => out.push({}),
          () => out.tryPush({}),
          () => out.stage({}),
          () => out.commit(),
          () => out.pushAsync({}),
        )
      else acts.push(() => out.write({}))
      for (const act of acts) await assert.rejects(async () => act(), { code: 'ERR_CLOSED' }, String(act))
    }
  })
})

test('a reader that lies down in the very moment in which a writer wakes the others does not sleep on', async () => {
  const fields: Fields = { n: f64() }
  const text = new TextEncoder().encode(schemaText(fields))
  const layout = () => layoutOf(fields, { slots: 0, buffers: 4, participants: 4, textBytes: text.length })
  const segment = Segment.local({
    kind: 'record',
    size: layout().size,
    participants: 4,
    init: (made) => new RecordMemory(made, layout()).initialize({ policy: OVERWRITE, text, firstCounter: 0 }),
  })
  const out = new RecordMemory(segment, layout())
  const cam = new RecordMemory(Segment.attachLocal(segment.memory.buffer as SharedArrayBuffer), layout())
  // Nobody else awaits what sleeps here, so nothing else would keep the process alive.
  const alive = setInterval(() => {}, 1000)
  try {
    const writer = new Writer(out)
    const sleeping: Promise<true | undefined>[] = []
    const lieDown = (): void => {
      const counter = cam.published()
      let slept = false
      const poll = (sleep: Sleep): true | undefined => {
        if (slept || !cam.prepareWait(sleep, counter)) return true
        slept = true
        return undefined
      }
      sleeping.push(untilFound({ memory: cam.memory, poll }, Number.POSITIVE_INFINITY, undefined))
    }
    // One sleeps already, so the writer has somebody to wake. Between seeing that and taking the flag down, a second one,
    // who has read the new record, puts its flag up, and is held up before it sleeps.
    lieDown()
    let release = (): void => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const waitAsync = cam.memory.waitAsync.bind(cam.memory)
    let ended: number | undefined
    cam.memory.waitAsync = async (...args) => {
      await held
      ended = await waitAsync(...args)
      return ended
    }
    const { memory } = out
    const store = memory.store.bind(memory)
    memory.store = (word, value) => {
      if (value === 0 && sleeping.length === 1) {
        assert.equal(new Reader(cam).read(false)!.n!.value, 1)
        lieDown()
      }
      store(word, value)
    }
    writer.write({ n: 1 })
    assert.equal(sleeping.length, 2)
    release()
    await Promise.all(sleeping)
    // Asleep without a flag up it would have slept until its time was over, past any number of records.
    assert.equal(ended, Wait.changed)
  } finally {
    clearInterval(alive)
    cam.segment.close()
    segment.close()
  }
})

test('who finds a record with every step leaves the event loop its turns', async () => {
  const out = create()
  const cam = kept(Item.open(out.name))
  let over = false
  setImmediate(() => {
    over = true
  })
  out.write({ n: 0 })
  for await (const { n } of cam) {
    if (over) break
    assert.ok(n.value < 100_000, 'an immediate waited for a hundred thousand records')
    out.write({ n: n.value + 1 })
  }
})
