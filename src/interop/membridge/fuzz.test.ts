// interop/membridge: hostile memory. Random bytes and flipped bits in header and body: every call answers or throws a
// coded error, soon, and nothing is touched outside the object.

import assert from 'node:assert/strict'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { fileOf, freshName } from '../../testing/membridge-names.js'
import { examine, MemlaneError, type SchemaEntry, SharedMemory, type Tag } from './index.js'

const seed = Number(process.env.MEMLANE_SEED ?? Date.now() % 2 ** 31)
let state = seed | 1
function below(n: number): number {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % n
}

const TAGS: readonly Tag[] = ['bool', 'int', 'i64', 'float', 'f64', 'f32', 'i32', 'u8', 'u32', 'u64', 'str']
const tag = (): Tag => TAGS[below(TAGS.length)] as Tag
const schema = (): SchemaEntry[] =>
  Array.from({ length: below(4) }, () => [tag(), below(3) === 0 ? below(2 ** 30) : below(5)] as const)

function coded(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    if (!(error instanceof MemlaneError)) throw error
  }
}

function overwrite(name: string, at: number, bytes: Uint8Array): void {
  const file = openSync(fileOf(name), 'r+')
  writeSync(file, bytes, 0, bytes.length, at)
  closeSync(file)
}

const noise = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => [0, 255, 1, 128, below(256)][below(5)] as number))

/** A number a ring might hold, or one that it must not. */
const position = (capacity: number): bigint =>
  [
    0n,
    BigInt(below(capacity + 1)),
    BigInt(capacity),
    BigInt(capacity) + 1n,
    2n ** 32n - BigInt(below(40)),
    2n ** 64n - 1n - BigInt(below(40)),
    BigInt(below(2 ** 31)),
  ][below(7)] as bigint

test(`rings of random bytes (MEMLANE_SEED=${seed})`, (t) => {
  t.diagnostic(`MEMLANE_SEED=${seed}`)
  for (let round = 0; round < 400; round++) {
    const name = freshName('fuzz')
    const capacity = 2 ** below(9)
    const bytes = noise(24 + capacity)
    if (below(8) > 0) bytes.writeBigUInt64LE(BigInt(capacity), 16)
    if (below(8) > 0) {
      const head = position(capacity)
      bytes.writeBigUInt64LE(head, 0)
      bytes.writeBigUInt64LE(BigInt.asUintN(64, head + BigInt(below(capacity + 2))), 8)
    }
    writeFileSync(fileOf(name), bytes)
    using shm = SharedMemory.open(name)
    coded(() => examine(name))
    coded(() => {
      using ring = shm.spsc()
      const target = new Uint8Array(capacity)
      for (let step = 0; step < 30; step++) {
        const calls: readonly (() => unknown)[] = [
          () => ring.pop(),
          () => ring.pop(tag()),
          () => ring.popInto(target),
          () => ring.popMixed(schema()),
          () => ring.push(noise(below(capacity + 4))),
          () => ring.push('é'.repeat(below(20))),
          () => [ring.used, ring.free, ring.isEmpty, ring.isFull, ring.capacity, String(ring)],
          () => ring.clear(),
          () => overwrite(name, 0, noise(8)),
          () => overwrite(name, 8, noise(8)),
          () => overwrite(name, 16, noise(8)),
          () => overwrite(name, 24 + below(capacity), noise(1)),
        ]
        coded(calls[below(calls.length)] as () => unknown)
      }
    })
    SharedMemory.remove(name)
  }
})

test(`views of random bytes (MEMLANE_SEED=${seed})`, () => {
  for (let round = 0; round < 150; round++) {
    const name = freshName('fuzz')
    const size = 5 + below(200)
    writeFileSync(fileOf(name), noise(size))
    using shm = SharedMemory.open(name)
    coded(() => examine(name))
    using view = shm.map({ timeout: 0 })
    for (let step = 0; step < 30; step++) {
      const calls: readonly (() => unknown)[] = [
        () => view.read(tag()),
        () => view.readMixed(schema(), below(size)),
        () => view.readMixed(schema()),
        () => view.readRange(below(size), below(size)),
        () => view.readAll(),
        () => view.write(noise(below(size + 4))),
        () => view.write('🎉'.repeat(below(30)), below(size)),
        () => view.seek(below(size)),
        () => view.zero(),
        () => [view.readerCount, view.isWriteLocked, view.lockState, String(view)],
        () => view.breakLock(),
        () => overwrite(name, 0, noise(4)),
        () => overwrite(name, 4, noise(size - 4)),
      ]
      coded(calls[below(calls.length)] as () => unknown)
    }
    coded(() => view.breakLock())
    assert.ok(view.readAll().length === size - 4)
    SharedMemory.remove(name)
  }
})
