// memory: what an object of the operating system may be, and what is refused.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { Crew, refuses } from '../testing/crew.js'
import { checkViewable, listObjects, publishObject, ShmObject, statObject, unlinkObject } from './shm.js'

const path = (name: string): string => `/dev/shm/${name}`

function make(name: string, size: number): ShmObject {
  const object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(size)
  object.commit(0, size)
  return object
}

test('an object is made once, found by name, listed, looked at, and unlinked once', async () => {
  await using crew = new Crew()
  const name = crew.object()
  await refuses('ERR_NOT_FOUND', () => ShmObject.open(name), /opening/)
  assert.equal(statObject(name), undefined)
  const object = make(name, 10_000)
  await refuses('ERR_EXISTS', () => ShmObject.open(name, { create: true, exclusive: true }))
  const { size, mode, links, uid, committed } = object.stat()
  assert.deepEqual([size, mode, links, uid], [10_000, 0o600, 1, process.geteuid?.()])
  assert.ok(committed >= 10_000)
  assert.ok(listObjects().includes(name))
  assert.equal(statObject(name)?.inode, object.stat().inode)
  assert.equal(object.isLinked(), true)
  assert.equal(unlinkObject(name), true)
  assert.equal(unlinkObject(name), false)
  assert.equal(object.isLinked(), false)
  assert.equal(object.stat().links, 0)
  object.close()
  object.close()
  assert.equal(object.closed, true)
  await refuses('ERR_CLOSED', () => object.stat())
})

test('another object of the same name is not this one', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using first = make(name, 4096)
  unlinkObject(name)
  using second = make(name, 4096)
  assert.equal(first.isLinked(), false)
  assert.equal(second.isLinked(), true)
})

test('an object is published under a name that is free, or over what has the name, in one step', async () => {
  await using crew = new Crew()
  const [name, draft] = [crew.object(), crew.object()]
  using first = make(draft, 4096)
  assert.equal(publishObject(draft, name, false), true)
  assert.equal(statObject(draft), undefined)
  assert.equal(statObject(name)?.inode, first.stat().inode)
  assert.equal(first.links(), 1)
  using second = make(draft, 8192)
  assert.equal(publishObject(draft, name, false), false)
  assert.equal(statObject(draft)?.inode, second.stat().inode)
  assert.equal(publishObject(draft, name, true), true)
  assert.equal(statObject(name)?.inode, second.stat().inode)
  assert.equal(first.links(), 0)
  await refuses('ERR_NOT_FOUND', () => publishObject(draft, name, true), /naming/)
})

test('a mode is exact whatever the umask', async () => {
  await using crew = new Crew()
  for (const [mode, umask] of [
    [0o600, 0o777],
    [0o666, 0o077],
    [0o640, 0o022],
    [0o000, 0],
  ] as const) {
    const name = crew.object()
    await crew.start('make-object', [name, mode, umask]).hear(process.geteuid?.())
    assert.equal(statSync(path(name)).mode & 0o7777, mode)
  }
})

test('names that could lead elsewhere are refused', async () => {
  for (const name of ['', '.', '..', 'a/b', '/a', '../x'])
    await refuses('ERR_RANGE', () => ShmObject.open(name, { create: true }))
  await refuses('ERR_NAME', () => ShmObject.open('n'.repeat(256), { create: true }))
  await refuses('ERR_NAME', () => ShmObject.open('n'.repeat(5000), { create: true }))
  await refuses('ERR_NAME', () => ShmObject.open('a\0b', { create: true }))
})

test('links, folders, pipes, sockets and devices are refused without being followed and without waiting', async () => {
  await using crew = new Crew()
  const target = crew.object()
  make(target, 4096).close()
  const before = readFileSync(path(target))
  const traps: [string, (trap: string) => void | Promise<void>][] = [
    ['symbolic link', (trap) => symlinkSync(path(target), trap)],
    ['dangling link', (trap) => symlinkSync('/nowhere/at/all', trap)],
    ['folder', (trap) => mkdirSync(trap)],
    ['pipe', (trap) => void execFileSync('mkfifo', [trap])],
    [
      'socket',
      (trap) =>
        new Promise<void>((resolve) => {
          const server = createServer().listen(trap, () => resolve(void server.unref()))
        }),
    ],
  ]
  for (const [what, set] of traps) {
    const name = crew.object()
    try {
      await set(path(name))
      for (const readOnly of [false, true]) await refuses('ERR_FOREIGN', () => ShmObject.open(name, { readOnly }), /./)
      // Creating over it must neither follow it nor replace it.
      await assert.rejects(async () => ShmObject.open(name, { create: true }), { name: 'MemlaneError' }, what)
      await refuses('ERR_EXISTS', () => ShmObject.open(name, { create: true, exclusive: true }))
      assert.ok(lstatSync(path(name)), `${what} is still there`)
    } finally {
      rmSync(path(name), { force: true, recursive: true })
    }
  }
  assert.deepEqual(readFileSync(path(target)), before)
  const device = crew.object()
  if (spawnSync('mknod', [path(device), 'c', '1', '5']).status === 0) {
    await assert.rejects(async () => ShmObject.open(device), { name: 'MemlaneError' })
  }
})

test('a read-only mapping shows what others write, and never alters the object', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using object = make(name, 8192)
  const memory = object.map(8192)
  memory.i32[0] = 1
  using reader = ShmObject.open(name, { readOnly: true })
  const view = reader.map(8192)
  assert.equal(view.i32[0], 1)
  memory.i32[0] = 2
  assert.equal(view.i32[0], 2)
  const before = readFileSync(path(name))
  view.u8.fill(0xff, 4096)
  view.add(1025, 1)
  assert.deepEqual(readFileSync(path(name)), before)
  assert.equal(memory.i32[1025], 0)
})

test('waiting on a read-only mapping neither freezes what it shows nor misses a change', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using object = make(name, 4096)
  using reader = ShmObject.open(name, { readOnly: true })
  const memory = object.map(4096)
  const view = reader.map(4096)
  assert.equal(view.wait(10, 0, 5, -1), 2)
  const wait = view.waitAsync(10, 0, { timeout: 30_000 })
  memory.store(10, 5)
  const alive = setInterval(() => {}, 1000)
  assert.equal(await wait, 1)
  clearInterval(alive)
  assert.equal(view.load(10), 5)
})

test('no descriptor survives exec', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using object = make(name, 4096)
  object.map(4096)
  assert.deepEqual(await crew.start('own-descriptors').hear(), [])
})

test('an absurd size is refused with a code', async () => {
  for (const size of [2 ** 45, 2 ** 52, 2 ** 53 - 4096]) {
    await assert.rejects(async () => checkViewable(size), { name: 'MemlaneError' })
  }
  // Others probe too, at any time.
  assert.deepEqual(
    readdirSync('/dev/shm').filter((name) => name.includes(`probe-${process.pid}-`)),
    [],
  )
})

test('offsets and lengths that are no numbers are refused', async () => {
  await using crew = new Crew()
  using object = make(crew.object(), 8192)
  await refuses('ERR_RANGE', () => object.resize(-1))
  await refuses('ERR_RANGE', () => object.resize(Number.NaN))
  await refuses('ERR_RANGE', () => object.commit(-1, 4096))
  await refuses('ERR_RANGE', () => object.map(0))
  await refuses('ERR_RANGE', () => object.map(4096, 100))
  const memory = object.map(4096, 4096)
  await refuses('ERR_RANGE', () => object.map(4096))
  await refuses('ERR_RANGE', () => memory.wait(1024, 0, 0, -1))
  await refuses('ERR_RANGE', () => memory.wait(-1, 0, 0, -1))
  await refuses('ERR_RANGE', () => memory.wait(0, 0, Number.NaN, -1))
  assert.ok(memory.wake(1024, 1) < 0)
})

test('a foreign file that is cut is read as zeros, and says so', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using object = make(name, 16_384)
  const memory = object.map(16_384)
  memory.u8.fill(7)
  closeSync(openSync(path(name), 'r'))
  writeFileSync(path(name), 'short')
  assert.equal(memory.u8[0], 's'.charCodeAt(0))
  assert.equal(memory.faults, 0)
  memory.checkWhole('it')
  assert.equal(memory.u8[16_383], 0)
  assert.equal(memory.faults, 1)
  await refuses('ERR_TRUNCATED', () => memory.checkWhole('it'), /1 page\(s\) of its 16384 bytes/)
  // Who opens it now does not share the damaged mapping.
  object.resize(16_384)
  using fresh = ShmObject.open(name)
  assert.equal(fresh.map(16_384).faults, 0)
})
