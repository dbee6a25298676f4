// collections: turns that processes take at a heap, for sections too long for a transaction.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Crew, WATCHDOG } from '../../testing/crew.js'
import { runtimeArgs } from '../../testing/runtime.js'
import { SharedHeap } from '../index.js'

const cli = fileURLToPath(new URL('../../cli/main.js', import.meta.url))

test('a turn gives back what its section gives or throws, and nests', async () => {
  using heap = SharedHeap.local()
  assert.equal(
    heap.exclusive(({ recovered }) => {
      assert.equal(recovered, false)
      return heap.exclusive(() => heap.transaction(() => heap.exclusive(() => 7)))
    }),
    7,
  )
  assert.throws(
    () =>
      heap.exclusive(() => {
        throw new RangeError('no')
      }),
    RangeError,
  )
  assert.equal(
    await heap.exclusiveAsync(async () => {
      await sleep(1)
      return (await heap.exclusiveAsync(async () => heap.exclusive(() => 2))) + 1
    }),
    3,
  )
  await assert.rejects(
    heap.exclusiveAsync(async () => {
      throw new RangeError('no')
    }),
    RangeError,
  )
  assert.equal(
    heap.exclusive(() => 1),
    1,
  )
})

test('what must not wait is told', async () => {
  using heap = SharedHeap.local()
  using other = SharedHeap.attach(heap.buffer!)
  assert.throws(() => heap.exclusive((async () => 1) as never), { code: 'ERR_ASYNC' })
  assert.throws(() => heap.exclusive(5 as never), { code: 'ERR_TYPE' })
  assert.throws(() => heap.exclusive(() => 1, { timeout: -1 }), { code: 'ERR_RANGE' })
  await assert.rejects(heap.exclusiveAsync(5 as never), { code: 'ERR_TYPE' })
  heap.transaction(() => assert.throws(() => heap.exclusive(() => 1), { code: 'ERR_DEADLOCK' }))
  heap.exclusive(() => assert.throws(() => other.exclusive(() => 1), { code: 'ERR_DEADLOCK' }))
  let leave = (): void => {}
  const stay = new Promise<void>((resolve) => {
    leave = resolve
  })
  const inside = heap.exclusiveAsync(() => stay)
  await sleep(1)
  assert.throws(() => heap.exclusive(() => 1), { code: 'ERR_DEADLOCK' }, 'another task of the same handle')
  await assert.rejects(
    other.exclusiveAsync(() => 1, { timeout: 5 }),
    { code: 'ERR_TIMEOUT' },
  )
  const abort = new AbortController()
  const aborted = other.exclusiveAsync(() => 1, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(aborted, /enough/)
  const waiting = other.exclusiveAsync(() => 1)
  other.close()
  await assert.rejects(waiting, { code: 'ERR_CLOSED' })
  const next = heap.exclusiveAsync(() => 5)
  leave()
  await inside
  assert.equal(await next, 5)
  assert.throws(() => other.exclusive(() => 1), { code: 'ERR_CLOSED' })
  await assert.rejects(
    other.exclusiveAsync(() => 1),
    { code: 'ERR_CLOSED' },
  )
})

test('processes and their tasks take turns: nothing is counted twice', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.open(crew.name('turns'))
  const box = heap.block<number>('n')
  box.set(0)
  const actors = crew.startMany(3, 'count-in-turns', [heap.name, 100])
  for (const actor of actors) await actor.hear('done')
  assert.equal(box.get(), 600)
})

test('whoever is killed in its turn hands it on, and the next one is told; meanwhile inspect and doctor show who has it', async () => {
  await using crew = new Crew()
  using heap = SharedHeap.open(crew.name('turns'))
  const holder = crew.start('stay-in-turn', [heap.name])
  await holder.hear('inside')
  assert.throws(() => heap.exclusive(() => 1, { timeout: 20 }), {
    code: 'ERR_TIMEOUT',
    message: new RegExp(`pid ${holder.pid} holds it`),
  })
  const run = (...words: string[]): string =>
    spawnSync(process.execPath, [...runtimeArgs, cli, ...words], { encoding: 'utf8', timeout: WATCHDOG }).stdout
  assert.match(run('inspect', heap.name), new RegExp(`the turn of heap.exclusive\\(\\).*${holder.pid}`))
  await holder.stop()
  assert.match(
    run('doctor', heap.name),
    new RegExp(`the turn of heap.exclusive\\(\\): held by pid ${holder.pid}, which is stopped`),
  )
  const next = heap.exclusiveAsync(({ recovered }) => recovered)
  await holder.end()
  assert.equal(await next, true)
  assert.equal(
    heap.exclusive(({ recovered }) => recovered),
    false,
  )
})
