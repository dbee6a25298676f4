import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap, type HeapObject } from '../index.js'

/** Shows objects as pairs of what they are and the name of their class. */
function naming(heap: Heap, shown: (string | undefined)[]): Heap {
  heap.adapter = {
    ...heap.adapter,
    classOf: (value) => (value as { is?: string }).is,
    object: (handle, className) => {
      shown.push(className)
      return handle
    },
  }
  return heap
}

test('a shared object keeps the name of its class, for every handle of the heap', () => {
  const shown: (string | undefined)[] = []
  using heap = naming(Heap.local({ maxSize: '1 MiB' }), shown)
  using other = naming(Heap.attachLocal(heap.segment.memory.buffer as SharedArrayBuffer), shown)
  const root = heap.map('root')
  root.set('a', heap.share({ is: 'First', n: { is: 'Second' } }))
  other.map('root').set('b', other.share({ is: 'Third', n: [{}] }))
  heap.map('root').set('c', heap.share({ is: 'First' }))
  shown.length = 0
  for (const key of ['a', 'b', 'c']) (other.map('root').get(key) as HeapObject).get('n')
  assert.deepEqual(shown, ['First', 'Second', 'First'])
  shown.length = 0
  ;(heap.map('root').get('b') as HeapObject).get('n')
  assert.deepEqual(shown, ['Third'])
  heap.verify()
})

test('names of a change that was undone are given again', () => {
  using heap = naming(Heap.local({ maxSize: '1 MiB' }), [])
  assert.throws(
    () =>
      heap.transaction(() => {
        heap.share({ is: 'Lost' })
        throw new Error('on purpose')
      }),
    /on purpose/,
  )
  heap.map('root').set('a', heap.share({ is: 'Kept' }))
  const { classes, arena } = heap.core
  assert.equal(classes.nameOf(1), 'Kept')
  assert.equal(
    arena.readLocked(() => classes.count()),
    1,
  )
  assert.throws(() => classes.nameOf(2), { code: 'ERR_CORRUPT' })
  heap.verify()
})
