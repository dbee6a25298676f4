// sync: what a reader-writer lock promises at moments that two processes seldom meet, held still.

import assert from 'node:assert/strict'
import { truncateSync } from 'node:fs'
import { test } from 'node:test'
import { performance } from '../host.js'
import { Segment } from '../segment/index.js'
import { objectName } from '../segment/name.js'
import { RwLock } from './index.js'

test('an invited reader has its whole time to come, however long ago an earlier one was late', async (t) => {
  const host = Segment.local({ kind: 'host', size: 4096, participants: 4 })
  const [leaving, next, reader] = [0, 1, 2].map(() => {
    const segment = Segment.attachLocal(host.memory.buffer as SharedArrayBuffer)
    return RwLock.at(segment, segment.body)
  }) as [RwLock, RwLock, RwLock]

  const first = leaving.write()
  const early = reader.readAsync()
  first.release()
  assert.equal(next.tryWrite(), undefined, 'the invited reader is on its way')
  ;(await early).release()
  next.tryWrite()!.release()

  // Long afterwards, and without anybody having been let in since.
  const clock = performance.now.bind(performance)
  t.mock.method(performance, 'now', () => clock() + 60_000)
  const second = leaving.write()
  const late = reader.readAsync()
  let looked = 0
  const { memory } = leaving.segment
  // Right after the lock is free, and before the invited readers are told.
  t.mock.method(memory, 'wake', (word: number, count: number) => {
    if (looked++ === 0) assert.equal(next.tryWrite(), undefined, 'the next invited reader is on its way')
    return Atomics.notify(memory.i32, word, count)
  })
  second.release()
  assert.ok(looked > 0)
  ;(await late).release()
})

test('a reader that queues while a writer is leaving, at whatever step, is let in before the next writer', async (t) => {
  for (let step = 1; ; step++) {
    const host = Segment.local({ kind: 'host', size: 4096, participants: 8 })
    const [leaving, next, third, reader] = [0, 1, 2, 3].map(() => {
      const segment = Segment.attachLocal(host.memory.buffer as SharedArrayBuffer)
      return RwLock.at(segment, segment.body)
    }) as [RwLock, RwLock, RwLock, RwLock]
    const writing = leaving.write()
    const waiting = next.writeAsync()
    let steps = 0
    let reading: ReturnType<typeof reader.readAsync> | undefined
    const { memory } = leaving.segment
    for (const access of ['compareExchange', 'exchange', 'and'] as const) {
      const original = memory[access].bind(memory) as (...args: number[]) => number
      t.mock.method(memory, access, (...args: number[]) => {
        if (args[0] === leaving.offset / 4 && ++steps === step) reading = reader.readAsync()
        return original(...args)
      })
    }
    writing.release()
    // It queued before the lock was free.
    if (reading !== undefined) assert.equal(third.tryWrite(), undefined, `queued before step ${step}`)
    ;(await reading)?.release()
    ;(await waiting).release()
    if (reading === undefined) return assert.ok(step > 2, `${step} steps`)
  }
})

test('a writer whose memory is cut off under it can leave', (t) => {
  using lock = RwLock.open('cut')
  t.after(() => RwLock.unlink('cut'))
  const writing = lock.write()
  truncateSync(`/dev/shm/${objectName('cut', lock.segment.namespace)}`, 0)
  writing.release()
})
