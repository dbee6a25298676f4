// collections: random graphs, with steps of collecting at every moment, by whoever comes by. What can be reached stays, all else goes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap } from '../../heap/index.js'
import { SharedHeap } from '../heap/shared-heap.js'
import { change, isNode, type Node, numbersOf, Twins } from '../testing/graphs.js'

const rounds = Number(process.env.MEMLANE_RUNS ?? 10)

/** A handle, and the same one as collections have it. */
class Pair implements Disposable {
  readonly heap: Heap
  readonly shared: SharedHeap

  constructor(heap: Heap) {
    this.heap = heap
    this.shared = SharedHeap.over(heap)
  }

  [Symbol.dispose](): void {
    this.heap.close()
  }
}

test('what can be reached stays and all else goes, whoever collects in between', (t) => {
  const first = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 1e6))
  t.diagnostic(`seeds from ${first}, MEMLANE_SEED repeats them`)
  let cycles = 0
  for (let round = 0; round < rounds; round++) {
    const random = numbersOf(first + round)
    using base = new Pair(Heap.local({ maxSize: '8 MiB' }))
    const buffer = base.heap.segment.memory.buffer as SharedArrayBuffer
    const model = new Map<string, unknown>()
    try {
      for (let turn = 0; turn < 12; turn++) {
        // What it holds ends with it: so what it gives up can go.
        using other = new Pair(Heap.attachLocal(buffer))
        const twins = Object.assign(new Twins(other.shared), { model })
        const collectors = [base.heap.core.collector, other.heap.core.collector]
        for (let step = 0; step < 6; step++) {
          change(twins, random, () => {
            for (let n = random(4); n > 0; n--) collectors[random(2)]!.step(1 + random(60))
          })
        }
        if (random(3) === 0) other.heap.verify()
      }
      base.heap.verify()
      base.shared.collect()
      const after = base.shared.collect()
      base.heap.verify()
      assert.deepEqual([after.freed, base.heap.stats().objects], [0, reachable(model)])
      cycles += base.heap.core.collector.cycles
      using other = new Pair(Heap.attachLocal(buffer))
      Object.assign(new Twins(other.shared), { model }).pairs()
    } catch (error) {
      throw new Error(`seed ${first + round}: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  assert.ok(cycles > rounds * 2, `${cycles} cycles in ${rounds} rounds`)
})

/** Objects that the model's values lead to; destroyed ones are none. */
function reachable(model: Map<string, unknown>): number {
  const seen = new Set<Node>()
  const todo = [...model.values()]
  for (let value = todo.pop(); todo.length > 0 || value !== undefined; value = todo.pop()) {
    if (!isNode(value) || seen.has(value) || Twins.isDestroyed(value)) continue
    seen.add(value)
    todo.push(...Object.values(value))
  }
  return seen.size
}
