// heap/objects: the collector's own words hold nonsense. Collecting ends, with figures or with a code.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemlaneError } from '../../errors.js'
import { H_COLLECTOR } from '../heap.layout.js'
import { Heap } from '../index.js'

const WORDS = 16
const NONSENSE = [-1, 0, 1, 2, 127, 128, 300, 0x7fff_ffff, -0x8000_0000, 34_817]
const LOCK_BYTES = 4096 * 4

test('collecting ends, whatever a word of the collector says', () => {
  const heap = Heap.local({ maxSize: '1 MiB', participants: 3, undoSize: 4096 })
  const graph: Record<string, unknown> = { list: Array.from({ length: 300 }, (_, i) => ({ i })) }
  graph.self = graph
  heap.map('m').set('graph', heap.share(graph))
  for (let i = 0; i < 50; i++) heap.share({ i, graph: heap.map('m').get('graph') })
  const buffer = heap.segment.memory.buffer as SharedArrayBuffer
  const { body } = heap.segment
  const image = (steps: number): Uint8Array => {
    for (let i = 0; i < steps; i++) heap.core.collector.step(40)
    return new Uint8Array(buffer).slice()
  }
  // Before a cycle, and twice in the middle of one.
  const images = [image(0), image(2), image(6)]
  heap.close()
  const bytes = new Uint8Array(buffer)
  for (const before of images)
    for (let word = 0; word < WORDS; word++)
      for (const value of NONSENSE) {
        bytes.set(before)
        bytes.fill(0, bytes.length - LOCK_BYTES)
        new Int32Array(buffer)[body / 4 + H_COLLECTOR + word] = value
        const damaged = Heap.attachLocal(buffer)
        for (const work of [
          () => damaged.collect(),
          () => damaged.share({ n: 1, graph: damaged.map('m').get('graph') }),
          () => damaged.collect(),
        ])
          try {
            work()
          } catch (error) {
            assert.ok(error instanceof MemlaneError, `word ${word} is ${value}: ${error}`)
          }
        damaged.segment.memory.close()
      }
})
