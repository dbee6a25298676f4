// interop/membridge: real processes of ours, killed and stopped while they hold what others need.

import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until, WATCHDOG } from '../../testing/crew.js'
import { type Child, startChild } from '../../testing/membridge-children.js'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { int, SharedMemory } from './index.js'
import { hasWaiters } from './view.layout.js'

function word(name: string): number {
  return readFileSync(fileOf(name)).readInt32LE(0)
}

function poke(name: string, value: number): void {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  const file = openSync(fileOf(name), 'r+')
  writeSync(file, bytes, 0, 4, 0)
  closeSync(file)
}

interface Waited {
  outcome: string
  took: number
  busy: number
  recoveries: number
}

/** The part of a processor that a child may need to wait. One that spins needs all it can get. */
const IDLE = 0.3

/**
 * Lets it wait in vain, and again until it was idle meanwhile: what else a process does, as compiling its code, comes to an
 * end, while a wait that spins always does.
 */
async function waitsIdly(waiter: Child): Promise<void> {
  await until(async () => {
    waiter.say('500')
    const waited = JSON.parse(await waiter.line()) as Waited
    assert.equal(waited.outcome, 'ERR_TIMEOUT')
    assert.ok(waited.took >= 500, `${waited.took} ms`)
    return waited.busy < IDLE
  }, 'the waiter needs next to no processor time')
}

for (const how of ['read', 'write'] as const) {
  test(`a process killed while it ${how}s blocks nobody, and a sleeping waiter takes over`, async () => {
    const name = freshName('kill')
    using shm = SharedMemory.create(name, 4096)
    using view = shm.map({ timeout: WATCHDOG })
    const holder = startChild('membridge-hold-lock', name, how)
    assert.equal(await holder.line(), 'holding')
    assert.throws(() => view.write(1, 0, { timeout: 20 }), { code: 'ERR_TIMEOUT', message: /live Memlane/ })
    const waiter = startChild('membridge-wait-lock', name)
    assert.equal(await waiter.line(), 'ready')
    waiter.say(String(WATCHDOG))
    await until(() => hasWaiters(word(name)), 'it sleeps')
    await holder.kill()
    const waited = JSON.parse(await waiter.line()) as Waited
    assert.deepEqual([waited.outcome, waited.recoveries], ['ok', 1])
    view.write(2, 0)
    assert.equal(view.recoveries, 0)
    assert.equal(word(name), 0)
    await waiter.kill()
  })
}

test('a process killed while it reads beside readers of the package leaves them counted', async () => {
  const name = freshName('kill')
  using shm = SharedMemory.create(name, 4096)
  using view = shm.map({ timeout: WATCHDOG })
  poke(name, 3)
  const holder = startChild('membridge-hold-lock', name, 'read')
  assert.equal(await holder.line(), 'holding')
  poke(name, word(name) - 1) // one of the package's readers leaves meanwhile
  await holder.kill()
  view.readAll()
  assert.equal(view.recoveries, 1)
  assert.equal(word(name), 2)
})

test('a stopped holder is never robbed; its waiter neither spins nor waits longer than it was told', async () => {
  const name = freshName('stop')
  SharedMemory.create(name, 4096).close()
  const holder = startChild('membridge-hold-lock', name, 'write')
  assert.equal(await holder.line(), 'holding')
  holder.signal('SIGSTOP')
  const waiter = startChild('membridge-wait-lock', name)
  assert.equal(await waiter.line(), 'ready')
  await waitsIdly(waiter)
  await holder.kill()
  await waiter.kill()
})

test('waiting for a lock of the package does not spin', async () => {
  const name = freshName('idle')
  SharedMemory.create(name, 4096).close()
  poke(name, -1)
  const waiter = startChild('membridge-wait-lock', name)
  assert.equal(await waiter.line(), 'ready')
  for (const value of [-1, 40]) {
    poke(name, value)
    await waitsIdly(waiter)
  }
  waiter.say(String(WATCHDOG))
  await sleep(20)
  poke(name, 0) // as Python unlocks: a store, and no wake
  assert.equal((JSON.parse(await waiter.line()) as Waited).outcome, 'ok')
  await waiter.kill()
})

test('processes that write and are killed at random moments never stop the others', async () => {
  const name = freshName('hammer')
  using shm = SharedMemory.create(name, 4 + 60_000)
  using view = shm.map({ timeout: WATCHDOG })
  for (let round = 0; round < 8; round++) {
    const children = [1, 2].map((byte) => startChild('membridge-hammer', name, byte))
    for (const child of children) assert.equal(await child.line(), 'ready')
    // What the first one leaves the second one finds, and what that leaves, we find.
    for (const child of children) {
      await sleep(10 + Math.random() * 20)
      await child.kill()
    }
    view.write(new Uint8Array(60_000).fill(9), 0)
    assert.ok(view.readAll().every((byte) => byte === 9))
  }
  assert.equal(word(name), 0)
})

test('nobody sees half of what another process writes', async () => {
  const name = freshName('torn')
  using shm = SharedMemory.create(name, 4 + 60_000)
  using view = shm.map({ timeout: WATCHDOG })
  const children = [1, 2].map((byte) => startChild('membridge-hammer', name, byte))
  for (const child of children) assert.equal(await child.line(), 'ready')
  const end = performance.now() + 500
  for (let reads = 0; performance.now() < end; reads++) {
    const bytes = view.readAll()
    assert.ok(
      bytes.every((byte) => byte === bytes[0]),
      'a torn area',
    )
    if (reads % 10 === 0) await sleep(0)
  }
  for (const child of children) await child.kill()
})

test('a producer killed at random moments and started again: every message comes, whole, none twice', async () => {
  const name = freshName('producer')
  using shm = SharedMemory.create(name, 24 + 1024)
  using ring = shm.spsc()
  let next = 0
  for (let round = 0; round < 8; round++) {
    const child = startChild('membridge-produce', name, next, 1_000_000)
    const until = next + 2000 + Math.floor(Math.random() * 3000)
    const take = (bytes: Uint8Array): void => {
      const number = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true))
      assert.equal(number, next)
      assert.equal(bytes.length, 8 + (number % 50))
      assert.ok(bytes.subarray(8).every((byte) => byte === number % 256))
      next++
    }
    while (next < until) take(await ring.popAsync())
    await child.kill()
    for (let rest = ring.pop(); rest !== undefined; rest = ring.pop()) take(rest)
    assert.equal(ring.isEmpty, true)
  }
})

test('a consumer killed at random moments and started again: no message twice, at most the one in its hands is lost', async () => {
  const name = freshName('consumer')
  const told = freshName('told')
  using shm = SharedMemory.create(name, 24 + 256)
  using ring = shm.spsc()
  using toldMemory = SharedMemory.create(told, 24 + 2 ** 15)
  using heard = toldMemory.spsc()
  const seen: number[] = []
  const listen = (): void => {
    for (let number = heard.pop('int'); number !== undefined; number = heard.pop('int')) seen.push(number)
  }
  const kills = 5
  let sent = 0
  for (let round = 0; round < kills; round++) {
    const child = startChild('membridge-consume', name, told)
    assert.equal(await child.line(), 'ready')
    for (let i = 0; i < 200; i++) await ring.pushAsync(int(sent++))
    await child.kill()
    listen()
  }
  const child = startChild('membridge-consume', name, told)
  assert.equal(await child.line(), 'ready')
  await ring.pushAsync(-1n)
  assert.equal(await child.line(), 'done')
  listen()
  for (let i = 1; i < seen.length; i++) assert.ok((seen[i] as number) > (seen[i - 1] as number))
  assert.ok(sent - seen.length <= kills, `${sent} sent, ${seen.length} seen`)
  assert.equal(ring.isEmpty, true)
})

test('waiting for messages costs next to no processor time, and a message ends it soon', async () => {
  const name = freshName('quiet')
  using shm = SharedMemory.create(name, 24 + 1024)
  using ring = shm.spsc()
  const child = startChild('membridge-consume', name)
  assert.equal(await child.line(), 'ready')
  ring.push(int(0))
  assert.equal(await child.line(), '0')
  const busy = (): number => {
    const fields = readFileSync(`/proc/${child.process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * 10
  }
  // Until a second goes by in which it does nothing else either.
  await until(async () => {
    const [before, start] = [busy(), performance.now()]
    await sleep(1000)
    return busy() - before < IDLE * (performance.now() - start)
  }, 'the waiting child needs next to no processor time')
  ring.push(int(1))
  assert.equal(await child.line(), '1')
  await child.kill()
})

test('a process that only waits for a message it forgot about ends', async () => {
  const name = freshName('forgotten')
  SharedMemory.create(name, 24 + 1024).spsc()
  const child = startChild('membridge-forget', name)
  assert.equal(await child.line(), 'waiting')
  assert.equal(await child.ended(), 0)
})
