// heap: what happens where the stack ends, see testing/stack-child.ts.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Heap, unlinkHeap } from './index.js'

const uniqueName = (): string => `stack-${process.pid}-${randomBytes(4).toString('hex')}`

const child = fileURLToPath(new URL('./testing/stack-child.js', import.meta.url))

/** A small stack is full the sooner, and the engine has less to unwind each time. */
function flags(): string[] {
  if (process.versions.bun !== undefined) return []
  return 'deno' in process.versions ? ['run', '-A', '--v8-flags=--stack-size=200'] : ['--stack-size=200']
}

test('an operation that runs out of stack, wherever that is, has changed nothing and holds nothing', (t) => {
  const name = uniqueName()
  using heap = Heap.create(name, { maxSize: '2 MiB' })
  try {
    const step = process.env.MEMLANE_STACK_STEP ?? (flags().length === 0 ? '200' : '5')
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags(), child, name, step], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    t.diagnostic(`${stdout} operations failed`)
    assert.ok(Number(stdout) > 0)
    // What was acknowledged outlives the process, and everybody can go on.
    assert.equal(heap.map('m').get('later'), 'an hour of work')
    heap.map('m').set('theirs', 1)
    heap.verify()
  } finally {
    unlinkHeap(name)
  }
})

test('a handle that cannot undo what failed gives itself up: the others undo it at once', () => {
  const name = uniqueName()
  using heap = Heap.create(name, { maxSize: '2 MiB' })
  using other = Heap.open(name)
  try {
    heap.map('m').set('a', 1)
    const why = new RangeError('Maximum call stack size exceeded')
    heap.core.arena.onUndone = () => {
      throw why
    }
    assert.throws(
      () =>
        heap.transaction(() => {
          heap.map('m').set('a', 2)
          // Caught where the change cannot be undone: what follows must not be stored over what is half done.
          assert.throws(() => heap.map('m').set('b', () => {}), { code: 'ERR_NOT_CLONEABLE' })
          assert.throws(() => heap.map('m').set('c', 3), { code: 'ERR_CLOSED', cause: why })
        }),
      { code: 'ERR_CLOSED', cause: why },
    )
    assert.deepEqual(other.map('m').snapshot(), new Map([['a', 1]]))
    other.map('m').set('a', 5)
    other.verify()
    for (const use of [() => heap.map('m'), () => heap.transaction(() => {}), () => heap.verify()])
      assert.throws(use, { code: 'ERR_CLOSED', cause: why })
    assert.equal(heap.closed, true)
    using third = Heap.open(name)
    assert.equal(third.map('m').get('a'), 5)
  } finally {
    unlinkHeap(name)
  }
})
