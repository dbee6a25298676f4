// memory: close() while something else in the process still has the bytes, and what becomes of a buffer that went elsewhere.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew } from '../testing/crew.js'
import { collectGarbage, runtimeName } from '../testing/runtime.js'
import { ShmObject, unlinkObject } from './shm.js'

const GIB = 2 ** 30

function fresh(crew: Crew, size: number): string {
  const name = crew.object()
  using object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(size)
  object.commit(0, Math.min(size, 2 ** 22))
  object
    .map(size)
    .u8.subarray(0, 2 ** 20)
    .fill(1)
  return name
}

for (const [what, size, sparse] of [
  ['memory of its own', 2 ** 20, false],
  ['memory of the engine', 2 ** 25, true],
] as const) {
  test(`closing ${what} under every kind of native reader ends neither the process nor the reader`, async () => {
    await using crew = new Crew()
    const name = fresh(crew, size)
    const child = crew.start('close-under-readers', [name, sparse])
    await child.hear('closed under all')
  })
}

test('a buffer that moved on shows zeros when its handle is closed', async () => {
  await using crew = new Crew()
  const name = fresh(crew, 2 ** 18)
  const child = crew.start('buffer-moves-on', [name])
  await child.hear({ reached: false })
  await child.succeed()
})

test('a buffer that went to another thread outlives the worker that made it', {
  skip: 'transfer' in ArrayBuffer.prototype ? false : 'this runtime moves no buffer of an addon',
}, async () => {
  await using crew = new Crew()
  const name = fresh(crew, 2 ** 18)
  for (const closed of [false, true]) {
    const child = crew.start('buffer-outlives-worker', [name, closed])
    await child.hear({ closed, before: closed ? 0 : 1, sum: 0, reached: false })
    await child.succeed()
  }
})

test('workers that end give back the addresses of what they had open', {
  skip: runtimeName === 'deno' ? 'Deno runs no finalizers when a worker ends' : false,
}, async () => {
  await using crew = new Crew()
  const name = crew.object()
  using object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(GIB)
  const child = crew.start('workers-come-and-go', [name, 12])
  const grown = await child.hear<number>()
  assert.ok(grown < 6 * GIB, `${grown} bytes of address space more after 12 workers with 1 GiB each`)
})

test('ten thousand handles are opened and closed beside another one, and no limit is met', async () => {
  await using crew = new Crew()
  const name = fresh(crew, 8192)
  const child = crew.start('close-many-times', [name, 10_000])
  await child.hear({ touched: false })
  await child.succeed()
})

test('a kept view of a closed handle shows zeros, though another handle is open on the same bytes', async () => {
  await using crew = new Crew()
  const name = fresh(crew, 8192)
  using other = ShmObject.open(name).map(8192)
  const { u8, i32 } = ShmObject.open(name).map(8192)
  const closing = ShmObject.open(name)
  const memory = closing.map(8192)
  const kept = [memory.u8, memory.i32]
  memory.close()
  assert.deepEqual([kept[0]![0] ?? 0, kept[1]![0] ?? 0, kept[0]![8191] ?? 0], [0, 0, 0])
  kept[0]![0] = 7
  assert.deepEqual([other.u8[0], u8[0], i32[0]], [1, 1, 0x01010101])
})

test('what is closed gives its pages back at once, whoever still has a view of them', async () => {
  await using crew = new Crew()
  const name = fresh(crew, 2 ** 22)
  using probe = ShmObject.open(name)
  const inode = probe.stat().inode
  const object = ShmObject.open(name)
  const view = object.map(2 ** 22).u8
  unlinkObject(name)
  const { readFileSync } = await import('node:fs')
  const mapped = (): number =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${inode} `)).length
  assert.equal(mapped(), 1)
  object.close()
  assert.equal(mapped(), 0)
  view.fill(5)
  collectGarbage()
  assert.equal(probe.stat().links, 0)
})
