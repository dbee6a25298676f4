// heap: independent processes on one heap, some of which are killed.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Event } from '../sync/index.js'
import { stopped } from '../testing/crew.js'
import { send } from '../testing/signals.js'
import { Heap, unlinkHeap } from './index.js'
import { checkSix, goOnOf } from './testing/scenarios.js'

const script = fileURLToPath(new URL('testing/work-child.js', import.meta.url))
const seconds = Number(process.env.MEMLANE_SECONDS ?? 4)

interface Worker {
  child: ChildProcess
  errors: string
  ended: Promise<unknown[]>
}

async function start(name: string, role: string): Promise<Worker> {
  const child = spawn(process.execPath, [script, name, role], { stdio: ['ignore', 'pipe', 'pipe'] })
  const worker: Worker = { child, errors: '', ended: once(child, 'close') }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    worker.errors += text
  })
  await Promise.race([once(child.stdout!, 'data'), worker.ended])
  child.stdout?.resume()
  return worker
}

test('writers that are killed at any moment leave nothing half done, and readers never see it', async (t) => {
  const name = `heap-kill-${process.pid}`
  using heap = Heap.create(name, { maxSize: '16 MiB', participants: 16 })
  const workers: Worker[] = []
  try {
    heap.map('six')
    heap.list('rounds')
    workers.push(await start(name, 'read'), await start(name, 'write'), await start(name, 'write'))
    const end = performance.now() + seconds * 1000
    let kills = 0
    while (performance.now() < end) {
      await sleep(Math.random() * 60)
      const victim = workers[1 + (kills % 2)]!
      send(victim.child)
      await victim.ended
      kills++
      assert.equal(victim.errors, '')
      if (kills % 4 === 0) {
        heap.verify()
        // The other writer goes on meanwhile: what lies in two structures is compared in one transaction.
        heap.transaction(() => checkSix(heap))
      }
      workers[1 + ((kills - 1) % 2)] = await start(name, 'write')
    }
    assert.equal(workers[0]!.errors, '')
    assert.equal(workers[0]!.child.exitCode, null, 'the reader is still at it')
    t.diagnostic(
      `${kills} writers killed, ${heap.core.arena.repairs} repairs by this process, ${heap.verify().blocks} blocks`,
    )
  } finally {
    for (const { child, ended } of workers) {
      send(child)
      await ended
    }
    unlinkHeap(name)
  }
})

test('a stopped holder of the lock is never robbed: others wait, and read what it has not touched', async () => {
  const name = `heap-stop-${process.pid}`
  using heap = Heap.create(name, { maxSize: '4 MiB' })
  using goOn = Event.open(goOnOf(name), { reset: 'auto' })
  const workers: Worker[] = []
  try {
    const map = heap.map('six')
    map.set('held', 'before')
    // A key of another stripe than the two that the child stores.
    const stripe = (key: string): number => heap.core.index.hash(key) >>> 26
    let other = 'other'
    while ([stripe('held'), stripe('also')].includes(stripe(other))) other += '.'
    map.set(other, 1)
    for (const end of ['SIGCONT', 'SIGKILL'] as const) {
      const worker = await start(name, 'stay')
      workers.push(worker)
      await stopped(worker.child)
      assert.equal(heap.core.arena.i32[heap.core.arena.version]! & 1, 1, 'it is in the middle of a change')
      assert.equal(map.get(other), 1)
      // To read what the holder has touched would block this thread, which has to end that.
      if (end === 'SIGCONT') goOn.set()
      send(worker.child, end)
      await worker.ended
      const value = map.get('held')
      assert.equal(value, end === 'SIGCONT' ? 'half' : 'before')
      assert.equal(map.get('also'), end === 'SIGCONT' ? 'whole' : undefined)
      heap.verify()
      map.set('held', 'before')
      map.delete('also')
    }
    assert.ok(heap.core.arena.repairs >= 1)
  } finally {
    for (const { child, ended } of workers) {
      send(child)
      await ended
    }
    unlinkHeap(name)
    Event.unlink(goOn.name)
  }
})

test('a heap grows for everybody at once, and is opened without being changed', () => {
  const name = `heap-grow-${process.pid}`
  using first = Heap.create(name, { maxSize: '64 MiB', initialSize: '64 KiB' })
  try {
    using second = Heap.open(name)
    const map = first.map('m')
    const before = second.stats()
    for (let i = 0; i < 2000; i++) map.set(i, `${i}`.repeat(500))
    assert.ok(second.stats().committed > before.committed)
    assert.equal(second.map('m').get(1999), '1999'.repeat(500))
    assert.equal(second.map('m').size, 2000)
    using third = Heap.createOrOpen(name, { maxSize: '1 MiB' })
    assert.equal(third.map('m').size, 2000)
    assert.equal(third.stats().capacity, 64 * 2 ** 20)
    third.verify()
  } finally {
    unlinkHeap(name)
  }
})
