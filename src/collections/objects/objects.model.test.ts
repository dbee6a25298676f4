// collections: random graphs of shared objects beside the same graphs of plain ones. Whatever is assigned, deleted, moved, destroyed
// or undone, both have the same shape: each plain object has one live one, by identity.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedHeap } from '../heap/shared-heap.js'
import { snapshot } from '../snapshot.js'
import { change, isNode, isWhole, numbersOf, type Random, Twins } from '../testing/graphs.js'

const rounds = Number(process.env.MEMLANE_RUNS ?? 10)

for (const kinds of ['one handle', 'two handles']) {
  test(`random graphs are what plain ones are: ${kinds}`, (t) => {
    const first = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 1e6))
    t.diagnostic(`seeds from ${first}, MEMLANE_SEED repeats them`)
    for (let round = 0; round < rounds; round++) {
      const seed = first + round
      const random = numbersOf(seed)
      using heap = SharedHeap.local({ maxSize: '8 MiB' })
      using other = SharedHeap.attach(heap.buffer!)
      const twins = new Twins(heap)
      const theirs = kinds === 'one handle' ? twins : Object.assign(new Twins(other), { model: twins.model })
      try {
        for (let step = 0; step < 40; step++) {
          if (random(6) === 0) undone(twins, random)
          else change(random(2) === 0 ? twins : theirs, random)
        }
        theirs.pairs()
        twins.pairs()
        heap.verify()
        const plain = [...twins.model.values()].every((value) => isNode(value) && isWhole(value))
        if (plain) assert.deepEqual(snapshot(heap.root), twins.model)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`)
      }
    }
  })
}

/** A transaction that fails leaves nothing of what it did, neither in the heap nor in live objects. */
function undone(twins: Twins, random: Random): void {
  const aside = structuredClone([...twins.model])
  const before = twins.heap.stats()
  assert.throws(
    () =>
      twins.heap.transaction(() => {
        const copy = new Twins(twins.heap)
        for (const [key, value] of aside) copy.model.set(key, value)
        // What the copies of destroyed objects are is not known any more.
        if ([...twins.model.values()].every((value) => !isNode(value) || isWhole(value)))
          for (let i = 0; i < 5; i++) change(copy, random)
        throw new Error('on purpose')
      }),
    /on purpose/,
  )
  const after = twins.heap.stats()
  assert.deepEqual([after.used, after.objects, after.destroyed], [before.used, before.objects, before.destroyed])
}
