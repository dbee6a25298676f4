// heap/testing: distinct property names, one after the other, in all the ways in which objects get them.

import assert from 'node:assert/strict'
import { mulberry } from '../../testing/random.js'
import type { Heap, HeapObject } from '../index.js'

/** Stores so many distinct names, and compares what is there with a plain model now and then. */
export function churnOfNames(heap: Heap, names: number, seed: number): void {
  const random = mulberry(seed)
  const map = heap.map('churn')
  const model = new Map<string, Record<string, unknown>>()
  let name = 0
  const next = (): string => `user ${seed} ${name++}`
  while (name < names) {
    const key = `k${Math.floor(random() * 40)}`
    const kind = random()
    if (kind < 0.5) {
      const value: Record<string, unknown> = { id: name, [next()]: name }
      if (kind < 0.2) value[next()] = { [next()]: 'inner' }
      map.set(key, value)
      model.set(key, value)
    } else if (kind < 0.8) {
      const value = model.get(key)
      const live = map.get(key) as HeapObject | undefined
      assert.equal(live === undefined, value === undefined)
      // A dictionary that grows and shrinks.
      for (let i = 0; live !== undefined && i < 8; i++) {
        const property = next()
        live.set(property, i)
        value![property] = i
        const keys = Object.keys(value!)
        if (keys.length > 100) {
          live.delete(keys[50]!)
          delete value![keys[50]!]
        }
      }
    } else {
      assert.equal(map.delete(key), model.delete(key))
      name++
    }
    if (random() < 0.001) for (const [at, value] of model) assert.deepEqual(map.snapshotOf(at), value)
  }
  for (const [at, value] of model) assert.deepEqual(map.snapshotOf(at), value)
  heap.verify()
  heap.remove('churn')
  heap.verify()
  const { used, capacity } = heap.stats()
  assert.ok(used < capacity / 8, `${used} of ${capacity} bytes are used after all is gone`)
}
