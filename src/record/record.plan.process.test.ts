// record: what the test plan of flexible-shared-memory wished for and did not have, between real processes.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Mutex } from '../sync/index.js'
import { Frame, Item, numberOf } from '../testing/children/record-peer.js'
import { killed, stopped, until } from '../testing/crew.js'
import { freshRecord, startPeer } from '../testing/record-peers.js'
import { send } from '../testing/signals.js'
import { array, f64, record, str } from './index.js'

describe('who comes when', () => {
  test('a reader that comes before the creator is told so, and finds the record as soon as it is there', async () => {
    const name = freshRecord()
    assert.throws(() => Item.open(name), { code: 'ERR_NOT_FOUND' })
    const creator = startPeer('create', name)
    let found: number | undefined
    await until(() => {
      try {
        using reader = Item.open(name)
        found = reader.read()?.n.value
      } catch (error) {
        // BUSY: the creator was stopped half-way, and for long.
        assert.match((error as { code: string }).code, /^ERR_(NOT_FOUND|BUSY)$/)
      }
      return found !== undefined
    }, 'the record is there')
    assert.equal(found, creator.child.pid)
  })

  test('of several who create one name, one does, the others are told; of those who create or open, all get in', async () => {
    const name = freshRecord()
    const makers = Array.from({ length: 4 }, () => startPeer('create', name))
    const said = await Promise.all(makers.map((maker) => maker.said()))
    assert.deepEqual(said.sort(), ['ERR_EXISTS', 'ERR_EXISTS', 'ERR_EXISTS', 'made'])
    const other = freshRecord()
    const joiners = Array.from({ length: 4 }, () => startPeer('join', other))
    for (const joiner of joiners) assert.equal(await joiner.said(), 'joined')
    using reader = Item.open(other)
    assert.equal(reader.read()!.n.value, 4)
  })

  test('a name that something else has is refused, whatever that is', () => {
    const name = freshRecord()
    const lock = Mutex.open(name)
    assert.throws(() => Item.create(name), { code: 'ERR_EXISTS' })
    for (const act of [() => Item.open(name), () => Item.createOrOpen(name), () => Item.describe(name)])
      assert.throws(act, { code: 'ERR_KIND' })
    lock.close()
    Mutex.unlink(name)
    using out = Item.create(name)
    assert.throws(() => Mutex.open(name), { code: 'ERR_KIND' })
    assert.throws(() => Frame.createOrOpen(name), { code: 'ERR_SCHEMA' })
    assert.throws(() => Item.createOrOpen(name, { slots: 2 }), { code: 'ERR_MISMATCH' })
    assert.throws(() => Item.createOrOpen(name, { buffers: 5 }), { code: 'ERR_MISMATCH' })
    assert.equal(out.closed, false)
  })

  test('a writer that unlinks leaves its readers what they have; the name is free; twice is no error', async () => {
    const name = freshRecord()
    using out = Item.create(name)
    using reader = Item.open(name)
    out.write({ n: 1 })
    assert.deepEqual([Item.unlink(name), Item.unlink(name)], [true, false])
    out.write({ n: 2 })
    assert.equal(reader.read()!.n.value, 2)
    using next = Item.create(name)
    next.write({ n: 3 })
    using other = Item.open(name)
    assert.deepEqual([other.read()!.n.value, reader.read()!.n.value, out.read()!.n.value], [3, 2, 2])
    out.close()
    out.close()
    assert.equal(reader.read()!.n.value, 2)
  })

  test('processes that are killed leave no slot taken and nothing locked, again and again', async () => {
    const name = freshRecord()
    using out = Item.create(name, { participants: 3 })
    out.write({ n: 0, check: ~0 })
    for (let round = 0; round < 4; round++) {
      const victims = [startPeer('add', name, 1e9), startPeer('add', name, 1e9)]
      for (const victim of victims) await victim.said()
      const before = out.read()!.n.value
      await until(() => out.read()!.n.value > before, 'it counts')
      await Promise.all(victims.map((victim) => killed(victim.child)))
      const { n, check } = out.read()!
      assert.equal(check.value, ~n.value)
      out.update((w) => {
        w.n += 1
        w.check = ~w.n
      })
      assert.equal(out.read()!.n.value, n.value + 1)
    }
  })
})

describe('many', () => {
  test('twelve readers in twelve processes see only whole records, each its own changes, and the last one', async () => {
    const name = freshRecord()
    using out = Frame.create(name)
    const readers = Array.from({ length: 12 }, () => startPeer('watch-frames', name))
    for (const reader of readers) await reader.said()
    const data = new Int32Array(20_000)
    for (let n = 1; n <= 300; n++) {
      out.write({ first: n, data: data.fill(n), last: n })
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    out.write({ first: -2, data: data.fill(-2), last: -2 })
    for (const reader of readers) {
      const { torn } = (await reader.said()) as { torn: number }
      assert.equal(torn, 0)
    }
  })

  test('several writers in several processes lose no update of each other', async () => {
    const name = freshRecord()
    using out = Item.create(name)
    out.write({ n: 0, check: ~0 })
    const writers = Array.from({ length: 3 }, () => startPeer('add', name, 5000))
    for (const writer of writers) assert.equal(await writer.said(), 'ready')
    for (const writer of writers) assert.equal(await writer.said(), 'done')
    const { n, check } = out.read()!
    assert.deepEqual([n.value, check.value], [15_000, ~15_000])
  })

  test('two thousand records a second, for as long as it lasts, with none lost; ages are told', async (t) => {
    const name = freshRecord()
    using reader = Item.create(name, { slots: 4000 })
    const count = 3000
    const writer = startPeer('push-paced', name, count)
    await writer.said()
    const ages: number[] = []
    for await (const s of reader) {
      assert.deepEqual([s.n.value, s.check.value], [ages.length, ~ages.length])
      ages.push(Number(process.hrtime.bigint()) / 1e6 - s.sent.value)
      if (ages.length === count) break
    }
    assert.equal(reader.totalLost, 0)
    ages.sort((a, b) => a - b)
    assert.ok(ages[0]! >= 0)
    t.diagnostic(
      `age in ms: p50 ${ages[count / 2]!.toFixed(3)}, p99 ${ages[(count * 99) / 100]!.toFixed(3)}, most ${ages.at(-1)!.toFixed(3)}`,
    )
  })

  test('ten thousand writes that nobody reads: the newest is there, and a FIFO knows how many are not', () => {
    const latest = freshRecord()
    const fifo = freshRecord()
    using out = Item.create(latest)
    using push = Item.create(fifo, { slots: 16 })
    using cam = Item.open(latest)
    using log = Item.open(fifo)
    for (let n = 0; n < 10_000; n++) {
      out.write({ n })
      push.push({ n })
    }
    assert.equal(cam.read()!.n.value, 9999)
    for (let n = 9984; n < 10_000; n++) assert.equal(log.read()!.n.value, n)
    assert.deepEqual([log.read(), log.totalLost], [undefined, 9984])
  })

  test('a hundred thousand writes and reads: every one right, and no memory, descriptor or object left over', (t) => {
    const Thing = record({ n: f64(), text: str(8), row: array('i32', [4]), plane: array('u8', [2000]) })
    const latest = freshRecord()
    const fifo = freshRecord()
    const collect = (globalThis as { gc?: () => void }).gc
    const held = (): number => {
      // What held the memory of an array is found by the first, the memory itself by the second.
      for (let i = 0; i < 3; i++) collect?.()
      return process.memoryUsage().heapUsed + process.memoryUsage().external
    }
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    {
      using out = Thing.create(latest)
      using cam = Thing.open(latest)
      using push = Thing.create(fifo, { slots: 4, full: 'reject' })
      using log = Thing.open(fifo)
      const row = new Int32Array(4)
      const round = (n: number): void => {
        const values = { n, text: `${n}`, row: row.fill(n) }
        out.write(values)
        assert.equal(push.tryPush(values), true)
        const [s, l] = [cam.read()!, log.read()!]
        if (s.n.value !== n || l.n.value !== n || s.text.value !== l.text.value || l.row.value.data[3] !== n)
          assert.fail(`round ${n}`)
      }
      for (let n = 0; n < 20_000; n++) round(n)
      const [before, files] = [held(), descriptors()]
      for (let n = 20_000; n < 100_000; n++) round(n)
      assert.ok(descriptors() <= files)
      if (collect === undefined) t.diagnostic('memory was not looked at: this runtime has no gc()')
      else assert.ok(held() - before < 4e6, `${held() - before} bytes more`)
      for (let i = 0; i < 1000; i++) Thing.open(latest).close()
      assert.ok(descriptors() <= files)
    }
    for (const name of [latest, fifo]) assert.equal(Thing.unlink(name), true)
  })
})

describe('large', () => {
  test('ten thousand characters, wide ones too, and several megabytes of array, cross whole', async () => {
    const Big = record({ text: str(10_000), image: array('f32', [512, 512, 4]), volume: array('u16', [64, 128, 128]) })
    const name = freshRecord()
    using out = Big.create(name)
    using cam = Big.open(name)
    for (const text of ['x'.repeat(10_000), 'é'.repeat(10_000), '漢'.repeat(10_000), '🎉'.repeat(10_000)]) {
      out.write({ text })
      assert.ok(cam.read()!.text.value === text && cam.read()!.text.valid)
      out.write({ text: `${text}${text}` })
      assert.ok(cam.read()!.text.value === text && cam.read()!.text.truncated)
    }
    for (let n = 1; n < 8; n++) {
      out.update((w) => {
        w.image.fill(n)
        w.volume.fill(n)
      })
      const s = cam.read()!
      assert.deepEqual(
        [s.image.value.shape, s.volume.value.stride],
        [
          [512, 512, 4],
          [16384, 128, 1],
        ],
      )
      assert.ok(s.image.value.data.every((one) => one === n) && s.volume.value.data.every((one) => one === n))
    }
  })

  test('what does not fit into memory is ERR_NO_SPACE or ERR_TOO_LARGE, and leaves nothing behind', () => {
    const name = freshRecord()
    const Huge = record({ image: array('u8', [2 ** 29]) })
    assert.throws(() => Huge.create(name, { slots: 10 }), { code: 'ERR_TOO_LARGE' })
    assert.equal(Huge.unlink(name), false)
  })
})

test('a reader that is stopped holds a writer that must lose nothing back, for as long as it lives', async () => {
  const name = freshRecord()
  using out = Item.create(name, { slots: 2, full: 'reject' })
  const reader = startPeer('hold-back', name)
  out.push({ n: 0 })
  assert.deepEqual(await reader.said(), { first: 0 })
  await stopped(reader.child)
  out.push({ n: 1 })
  out.push({ n: 2 })
  for (let i = 0; i < 3; i++) assert.equal(out.tryPush({ n: 3 }), false)
  assert.throws(() => out.push({ n: 3 }, { timeout: 30 }), { code: 'ERR_TIMEOUT', message: /full/ })
  await assert.rejects(out.pushAsync({ n: 3 }, { timeout: 30 }), { code: 'ERR_TIMEOUT', message: /full/ })
  send(reader.child, 'SIGCONT')
  assert.equal(out.tryPush({ n: 3 }), false)
  const pushing = out.pushAsync({ n: 3 })
  await killed(reader.child)
  await pushing
})

test('beside a writer that never pauses, retries are counted: every look ends', async (t) => {
  const name = freshRecord()
  using reader = Frame.create(name)
  const writer = startPeer('write-frames', name)
  await writer.said()
  let [looks, shown] = [0, 0]
  while (looks < 2000) {
    const n = reader.view((v) => {
      shown++
      return numberOf(v.first, v.data, v.last)
    })
    if (n === undefined) continue
    assert.notEqual(n, -1)
    looks++
  }
  assert.ok(shown >= looks)
  t.diagnostic(`${looks} looks at 80 KB, ${shown - looks} of them torn and repeated`)
  await killed(writer.child)
})
