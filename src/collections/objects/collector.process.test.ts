// collections: what processes hold, and what becomes of it when they are killed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew } from '../../testing/crew.js'
import { SharedHeap } from '../heap/shared-heap.js'

test('what another process holds stays until that process is gone', async () => {
  await using crew = new Crew()
  const name = crew.name('hold')
  using heap = SharedHeap.open(name)
  let address = ''
  {
    using other = SharedHeap.open(name)
    const acme = other.share({ name: 'Acme', boss: { name: 'Ada' } })
    other.root.set('acme', acme)
    address = other.addressOf(acme)
  }
  const child = crew.start('hold-object', [name, address])
  await child.hear('held')
  heap.root.delete('acme')
  assert.deepEqual([heap.collect().freed, heap.collect().freed, heap.stats().objects], [0, 0, 2])
  child.tell('look')
  await child.hear('Ada')
  await child.end()
  assert.deepEqual([heap.collect().freed + heap.collect().freed, heap.stats().objects], [2, 0])
  assert.throws(() => heap.at(address), { code: 'ERR_STALE' })
  heap.verify()
})

test('processes that make, lose and collect objects may be killed at any time', async () => {
  await using crew = new Crew()
  const name = crew.name('collect')
  using heap = SharedHeap.open(name)
  for (let round = 0; round < 2; round++) {
    const children = crew.startMany(2, 'make-and-collect', [name])
    for (const child of children) await child.hear('collecting')
    for (const child of children) await child.end()
    heap.verify()
    heap.collect()
    heap.collect()
    heap.verify()
    // A list, and three objects for each of its elements.
    const kept = [...heap.root.values()] as unknown[][]
    const elements = heap.transaction(() => kept.reduce((sum, list) => sum + list.length, 0))
    assert.equal(heap.stats().objects, kept.length + 3 * elements)
  }
})
