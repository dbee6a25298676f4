// record: between independent processes, kills included.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Event } from '../sync/index.js'
import { Frame, Item, numberOf } from '../testing/children/record-peer.js'
import { lasting, stopped, until, WATCHDOG } from '../testing/crew.js'
import { freshRecord, startPeer } from '../testing/record-peers.js'
import { runtimeArgs } from '../testing/runtime.js'
import { send } from '../testing/signals.js'

test('beside a writer that never pauses, no reader ever sees half of 80 KB, and every way of reading gets on', async () => {
  const name = freshRecord()
  using reader = Frame.create(name)
  const writer = startPeer('write-frames', name)
  await writer.said()
  let [reads, newest, moved] = [0, 0, 0]
  const target = { first: 0, last: 0, data: { data: new Int32Array(20_000), shape: [20_000], stride: [1], offset: 0 } }
  const look = (n: number): void => {
    assert.notEqual(n, -1, `torn after ${reads} reads`)
    assert.ok(n >= newest, `went back from ${newest} to ${n}`)
    if (n > newest) moved++
    newest = n
    reads++
  }
  const more = lasting(1500, () => moved > 10, 'more than ten different records')
  while (more()) {
    const s = reader.read()
    if (s === undefined) continue
    look(numberOf(s.first.value, s.data.value.data, s.last.value))
    look(reader.view((v) => numberOf(v.first, v.data, v.last))!)
    assert.ok(reader.readInto(target))
    look(numberOf(target.first, target.data.data, target.last))
  }
  await writer.kill()
})

test('a writer killed with SIGKILL at any moment leaves a whole record, at once; the next writer goes on', async () => {
  const name = freshRecord()
  using reader = Frame.create(name)
  let before = 0
  for (let round = 0; round < 6; round++) {
    const writer = startPeer('write-frames', name)
    await writer.said()
    while ((reader.view((v) => v.first) ?? 0) <= before) await sleep(1)
    await sleep(Math.random() * 10)
    await writer.kill()
    const n = reader.view((v) => numberOf(v.first, v.data, v.last))!
    assert.ok(n > before, `${n} after ${before}`)
    before = n
  }
  reader.write({ first: before + 1, data: new Int32Array(20_000).fill(before + 1), last: before + 1 })
  assert.equal(reader.read()!.last.value, before + 1)
})

for (const slots of [1, 8]) {
  test(`beside a writer that never pauses, a FIFO of ${slots} gives whole records in order, and counts those it could not`, async () => {
    const name = freshRecord()
    using reader = Frame.create(name, { slots })
    const writer = startPeer('push-frames', name)
    await writer.said()
    let [expected, read] = [0, 0]
    const more = lasting(800, () => read > 10, 'more than ten records')
    while (more()) {
      const n = reader.view((v) => numberOf(v.first, v.data, v.last))
      if (n === undefined) continue
      assert.notEqual(n, -1, `torn after ${read} reads`)
      assert.equal(n, expected + reader.lost, `${reader.lost} lost after ${expected - 1}`)
      expected = n + 1
      read++
    }
    assert.equal(reader.totalLost, expected - read)
    await writer.kill()
  })
}

test('a FIFO that rejects loses nothing and repeats nothing, read here and read there', async () => {
  const name = freshRecord()
  const count = 5000
  using reader = Item.create(name, { slots: 8, full: 'reject' })
  using each = Item.open(name)
  void reader
  const writer = startPeer('push-items', name, count)
  await writer.said()
  for (let n = 0; n < count; n++) {
    const s = n % 2 === 0 ? each.read({ timeout: WATCHDOG }) : await each.next({ timeout: WATCHDOG })
    assert.deepEqual([s!.n.value, s!.check.value], [n, ~n])
  }
  assert.equal(each.totalLost, 0)
  assert.deepEqual(await writer.said(), { pushed: count })
})

test('readers in three processes share a FIFO: every record goes to exactly one of them', async () => {
  const name = freshRecord()
  const count = 3000
  using out = Item.create(name, { slots: 16, full: 'reject' })
  const readers = [startPeer('take-items', name), startPeer('take-items', name), startPeer('take-items', name)]
  for (const reader of readers) await reader.said()
  for (let n = 0; n < count; n++) await out.pushAsync({ n, check: ~n })
  for (const _ of readers) await out.pushAsync({ n: -1, check: 0 })
  const got = await Promise.all(readers.map((reader) => reader.said() as Promise<{ got: number[] }>))
  const all = got.flatMap((reader) => reader.got).sort((a, b) => a - b)
  assert.deepEqual(
    all,
    Array.from({ length: count }, (_, n) => n),
  )
})

test('a reader that is killed holds no writer back, and what it had not read stays for the others', async () => {
  const name = freshRecord()
  using out = Item.create(name, { slots: 2, full: 'reject' })
  using other = Item.open(name)
  const victim = startPeer('hold-back', name)
  out.push({ n: 0 })
  assert.deepEqual(await victim.said(), { first: 0 })
  assert.equal(other.read()!.n.value, 0)
  out.push({ n: 1 })
  out.push({ n: 2 })
  assert.deepEqual([other.read()!.n.value, other.read()!.n.value], [1, 2])
  assert.equal(out.tryPush({ n: 3 }), false)
  const pushing = out.pushAsync({ n: 3 })
  await victim.kill()
  await pushing
  assert.equal(other.read()!.n.value, 3)
})

test('a change wakes who awaits it in another process', async () => {
  const name = freshRecord()
  using out = Item.create(name)
  const reader = startPeer('echo-changes', name)
  await reader.said()
  for (const n of [1, 2, 3, -1]) {
    out.write({ n })
    assert.deepEqual(await reader.said(), { n })
  }
})

for (const slots of [0, 8]) {
  test(`a writer that is stopped inside holds others only for as long as they like (slots: ${slots})`, async () => {
    const name = freshRecord()
    using out = Item.create(name, slots === 0 ? {} : { slots, full: 'reject' })
    using reader = Item.open(name)
    const put = (n: number, options?: { timeout: number }): void =>
      slots === 0 ? out.write({ n, check: ~n }, options) : out.push({ n, check: ~n }, options)
    put(1)
    using inside = Event.open(`${name}-inside`)
    using go = Event.open(`${name}-go`)
    const other = startPeer('hold-inside', name)
    assert.equal(await inside.waitAsync({ timeout: WATCHDOG }), true)
    // Both have them open: nobody needs the names any more.
    for (const event of [inside, go]) Event.unlink(event.name)
    await stopped(other.child)
    const late = { code: 'ERR_TIMEOUT', message: /another writer .* is stopped/ }
    assert.throws(() => put(2, { timeout: 20 }), late)
    assert.throws(() => out.update(() => {}, { timeout: 20 }), late)
    assert.equal(reader.read()!.n.value, 1)
    let pushed: Promise<void> | undefined
    if (slots > 0) {
      assert.throws(() => out.tryPush({ n: 2 }, { timeout: 0 }), late)
      await assert.rejects(out.pushAsync({ n: 2 }, { timeout: 20 }), late)
      const ticks = setInterval(() => ticked++, 1)
      let ticked = 0
      pushed = out.pushAsync({ n: 2, check: ~2 })
      await until(() => ticked > 5, 'the event loop goes on meanwhile')
      clearInterval(ticks)
    }
    const { held } = await inspected(name)
    assert.deepEqual(
      held.map(({ what, pid, alive }) => [what, pid, alive]),
      [['the writer lock', other.child.pid, true]],
    )
    send(other.child, 'SIGCONT')
    go.set()
    assert.equal(await other.said(), 'done')
    if (pushed === undefined) put(2)
    await pushed
    assert.deepEqual([reader.read()?.n.value, reader.read()?.n.value], slots === 0 ? [2, 2] : [99, 2])
  })
}

/** What `memlane inspect` says of who holds something. */
async function inspected(name: string): Promise<{ held: { what: string; pid: number; alive: boolean }[] }> {
  const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url))
  const child = spawn(process.execPath, [...runtimeArgs, cli, 'inspect', name, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const chunk of child.stdout!.setEncoding('utf8')) text += chunk
  return JSON.parse(text).details
}

test('a writer that is stopped inside a reject FIFO keeps nobody for ever: opening, reading and awaiting have their limits', async () => {
  const name = freshRecord()
  using out = Item.create(name, { slots: 8, full: 'reject' })
  out.push({ n: 1, check: ~1 })
  using inside = Event.open(`${name}-inside`)
  using go = Event.open(`${name}-go`)
  const other = startPeer('hold-inside', name)
  assert.equal(await inside.waitAsync({ timeout: WATCHDOG }), true)
  for (const event of [inside, go]) Event.unlink(event.name)
  await stopped(other.child)
  const late = { code: 'ERR_TIMEOUT', message: new RegExp(`pid ${other.child.pid} holds it and is stopped`) }
  assert.throws(() => Item.open(name, { timeout: 20 }), late)
  assert.throws(() => Item.createOrOpen(name, { slots: 8, full: 'reject', timeout: 20 }), late)
  // It has written and reads for the first time: it comes in as a reader now.
  assert.throws(() => out.read({ timeout: 30 }), late)
  assert.throws(() => out.read(), late)
  assert.throws(() => out.readInto({}), late)
  assert.throws(() => out.view(() => 1), late)
  await assert.rejects(out.next({ timeout: 30 }), late)
  const end = new AbortController()
  const awaiting = out.next({ signal: end.signal })
  let ticked = 0
  const ticks = setInterval(() => ticked++, 1)
  await until(() => ticked > 5, 'the event loop goes on meanwhile')
  clearInterval(ticks)
  end.abort(new Error('enough'))
  await assert.rejects(awaiting, /enough/)
  const changes = out.changes()
  const next = changes.next()
  send(other.child, 'SIGCONT')
  go.set()
  assert.equal((await next).value.n.value, 1)
  assert.equal(await other.said(), 'done')
})

test('a writer that holds the lock and never pauses keeps no reader beyond its limit', async () => {
  const name = freshRecord()
  using reader = Frame.create(name)
  const writer = startPeer('write-frames-locked', name)
  await writer.said()
  for (let round = 0; round < 3; round++) {
    for (const read of [
      () => reader.read({ timeout: 50 }),
      () => reader.read({ timeout: 50, resetModified: true }),
      () => reader.view((v) => numberOf(v.first, v.data, v.last)),
    ]) {
      try {
        read()
      } catch (error) {
        assert.equal((error as { code: string }).code, 'ERR_TIMEOUT')
        assert.match((error as Error).message, new RegExp(`pid ${writer.child.pid} holds it and is running`))
      }
    }
    await reader.next({ timeout: 50 }).catch((error) => assert.equal(error.code, 'ERR_TIMEOUT'))
  }
  using onlyReads = Frame.open(name, { readOnly: true })
  try {
    onlyReads.read()
  } catch (error) {
    assert.equal((error as { code: string }).code, 'ERR_BUSY')
  }
  await writer.kill()
})
