// collections: what collecting frees and what it leaves.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Heap } from '../../heap/index.js'
import { WATCHDOG } from '../../testing/crew.js'
import { SharedHeap } from '../heap/shared-heap.js'

interface Node {
  n: number
  next?: Node | undefined
  [more: string]: unknown
}

/** Makes objects with a handle that is closed afterwards, so that nobody holds them. */
function withOther(heap: SharedHeap, work: (other: SharedHeap) => void): void {
  using other = SharedHeap.attach(heap.buffer!)
  work(other)
}

test('what nothing leads to is freed, circles included; what the root leads to stays', () => {
  using heap = SharedHeap.local()
  withOther(heap, (other) => {
    const circle: Node = { n: 1, when: new Date(0), name: 'a text that needs a block' }
    circle.next = { n: 2, next: circle }
    other.share(circle)
    other.root.set('kept', other.share<Node>({ n: 3, next: { n: 4 } }))
    other.map('map').set('inside', { deep: [other.share({ n: 5 })] })
    other.list('list').push(other.share({ n: 6 }))
    other.block('block').value = new Map([['one', other.share({ n: 7 })]])
  })
  assert.equal(heap.stats().objects, 7)
  const { freed, kept } = heap.collect()
  assert.deepEqual([freed, kept, heap.stats().objects], [2, 5, 5])
  heap.verify()
  const root = heap.root.get('kept') as Node
  assert.equal(root.next!.n, 4)
  heap.map('map').clear()
  heap.list('list').length = 0
  heap.block('block').value = undefined
  assert.deepEqual(heap.collect().freed, 3)
  heap.root.delete('kept')
  // This process has it still.
  assert.equal(heap.collect().freed, 0)
  assert.equal(root.next!.n, 4)
  heap.verify()
})

test('the place of a destroyed object is free when nothing leads there any more', () => {
  using heap = SharedHeap.local()
  withOther(heap, (other) => {
    const acme = other.share<Node>({ n: 1, next: { n: 2 } })
    other.root.set('acme', acme)
    other.destroy(acme.next!)
  })
  heap.collect()
  assert.equal(heap.stats().destroyed, 1)
  const acme = heap.root.get('acme') as Node
  assert.throws(() => acme.next, { code: 'ERR_STALE' })
  delete acme.next
  heap.collect()
  assert.equal(heap.stats().destroyed, 0)
  heap.verify()
})

test('an address does not keep its object, and never finds another one', () => {
  using heap = SharedHeap.local()
  let address = ''
  withOther(heap, (other) => {
    address = other.addressOf(other.share({ n: 1 }))
  })
  heap.collect()
  for (let i = 0; i < 50; i++) heap.root.set(`${i}`, heap.share({ n: i }))
  assert.throws(() => heap.at(address), { code: 'ERR_STALE' })
})

test('an object that is found by its address in the middle of a cycle is kept', () => {
  const base = Heap.local({ maxSize: '4 MiB' })
  using heap = SharedHeap.over(base)
  let address = ''
  {
    const other = SharedHeap.over(Heap.attachLocal(base.segment.memory.buffer as SharedArrayBuffer))
    for (let i = 0; i < 200; i++) other.root.set(`${i}`, other.share({ n: i }))
    address = other.addressOf(other.share<Node>({ n: 1, next: { n: 2 } }))
    other.close()
  }
  const { collector } = base.core
  collector.step(20)
  collector.step(20)
  const found = heap.at<Node>(address)
  while (!collector.step(20));
  assert.equal(found.next!.n, 2)
  heap.verify()
})

test('it happens by itself while objects are made', () => {
  using heap = SharedHeap.local({ maxSize: '16 MiB' })
  // Objects of handles that are closed: 60 MB of them in 16.
  for (let round = 0; round < 100; round++)
    withOther(heap, (other) => {
      for (let i = 0; i < 200; i++) other.root.set('last', other.share({ text: 'x'.repeat(3000), i }))
    })
  assert.ok(heap.stats().collections > 0)
  heap.verify()
})

test('not inside a transaction', () => {
  using heap = SharedHeap.local()
  assert.throws(() => heap.transaction(() => heap.collect()), { code: 'ERR_BUSY' })
  assert.deepEqual(heap.collect().freed, 0)
})

test('a large list, alone or in an object, is looked at in parts, and all of it', () => {
  using heap = SharedHeap.local({ maxSize: '64 MiB' })
  withOther(heap, (other) => {
    const many = other.share(Array.from({ length: 3000 }, (_, n) => ({ n })))
    other.root.set('many', many)
    other.list('list').push(...Array.from({ length: 3000 }, (_, n) => other.share({ n })))
  })
  assert.deepEqual([heap.collect().freed, heap.stats().objects], [0, 6001])
  heap.verify()
})

const gc = (): (() => void) | undefined => {
  if (typeof (process.versions as Record<string, string | undefined>).v8 !== 'string') return undefined
  try {
    setFlagsFromString('--expose-gc')
    return runInNewContext('typeof gc === "function" ? gc : undefined') as (() => void) | undefined
  } catch {
    return undefined
  }
}

test('a live object that nobody has any more holds its object no longer', async (t) => {
  const collectGarbage = gc()
  if (collectGarbage === undefined) return t.skip('this engine has no gc() that a program can ask for')
  using heap = SharedHeap.local()
  ;(() => {
    for (let n = 0; n < 500; n++) heap.share({ n })
  })()
  const end = performance.now() + WATCHDOG
  while (heap.stats().objects > 5 && performance.now() < end) {
    collectGarbage()
    await sleep(5)
    heap.collect()
  }
  assert.ok(heap.stats().objects <= 5, `${heap.stats().objects} are left`)
  heap.verify()
})
