// collections: processes of different builds of Memlane, and of different processors, on one heap. MEMLANE_PEER names the runtime
// of the other side, as scripts/test-platforms.mjs does; else both sides are this one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew } from '../testing/crew.js'
import { SharedHeap, SharedInt, SharedMap } from './index.js'

const peer: { runtime?: string } = process.env.MEMLANE_PEER === undefined ? {} : { runtime: process.env.MEMLANE_PEER }

test('two builds count in one map at once, and nothing is lost', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using map = SharedMap.open<string, unknown>(name)
  using int = SharedInt.open(`${name}-int`)
  const times = 300
  const both = [crew.start('count-plain', [name, times], peer), crew.start('count-plain', [name, times])]
  for (const one of both) await one.hear('done')
  for (const one of both) await one.succeed()
  assert.deepEqual(map.snapshot().get('one'), { n: 2 * times })
  assert.equal(map.get('two'), 2 * times)
  assert.equal(int.value, 2 * times)
  SharedInt.unlink(`${name}-int`)
})

test('what a process of the other build was killed in the middle of, this one rolls back', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using heap = SharedHeap.open(name)
  heap.map<string, { balance: number }>('accounts').set('a', { balance: 100 })
  heap.list('log')
  heap.int('moves')
  const dying = crew.start('die-in-transaction', [name], peer)
  await dying.hear('inside')
  await dying.end()
  assert.deepEqual(heap.map('accounts').snapshot().get('a'), { balance: 100 })
  assert.equal(heap.list('log').length, 0)
  assert.equal(heap.int('moves').value, 0)
  heap.verify()
})
