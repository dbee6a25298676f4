// interop/rememory: what a killed Memlane process leaves is put right by the next one: real kills, and the crash windows of
// semaphore.layout.ts and redo.ts one by one.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ShmObject } from '../../memory/index.js'
import { refuses } from '../../testing/crew.js'
import { startChild } from '../../testing/membridge-children.js'
import { mulberry } from '../../testing/random.js'
import { fileOf, freshName, semaphoreFileOf, semaphoreWords } from '../../testing/rememory-names.js'
import { RMDict, RMInt, RMList, RMLock } from './index.js'
import { encode } from './pickle/index.js'
import { stage } from './redo.js'
import { H, OWNER, REDO, SEMAPHORE_SIZE, VALUE, WAITERS } from './semaphore.layout.js'

test('a Memlane process that is killed with the lock gives it to the next one', async () => {
  const name = freshName()
  const holder = startChild('rememory', 'hold', name)
  assert.equal(await holder.line(), 'holding')
  using lock = RMLock.open(name)
  assert.deepEqual(lock.state, { state: 'memlane', alive: true })
  await refuses('ERR_TIMEOUT', () => lock.acquire({ timeout: 10 }), /live Memlane process/)
  await refuses('ERR_BUSY', () => lock.breakLock(), /never taken/)
  const waiter = startChild('rememory', 'hold', name)
  await holder.kill()
  assert.equal(await waiter.line(), 'holding', 'who waited has it')
  await waiter.kill()
  assert.deepEqual(lock.state, { state: 'memlane', alive: false })
  using int = RMInt.open(name, { timeout: 5000 })
  int.set(1n)
  assert.equal(int.recoveries, 1)
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('breakLock() frees what a dead Memlane process left, too', async () => {
  const name = freshName()
  const holder = startChild('rememory', 'hold', name)
  assert.equal(await holder.line(), 'holding')
  await holder.kill()
  using lock = RMLock.open(name)
  assert.equal(lock.breakLock(), true)
  assert.equal(lock.breakLock(), false)
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('a writer that is killed leaves each value as it was or as it was to be', async () => {
  const seed = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`kills: seed ${seed} (MEMLANE_SEED=${seed} repeats it)`)
  const random = mulberry(seed)
  const name = freshName()
  using dict = RMDict.open<string, { size: number; text: string }>(name)
  for (let round = 0; round < 12; round++) {
    const writer = startChild('rememory', 'change', name)
    assert.equal(await writer.line(), 'changing')
    const end = performance.now() + random() * 20
    while (performance.now() < end) check(dict)
    await writer.kill()
    check(dict)
    assert.equal(semaphoreWords(name)[0], 1)
    dict.set('ours', { size: 3, text: 'xxx' })
  }
})

function check(dict: RMDict<string, { size: number; text: string }>): void {
  for (const [key, { size, text }] of dict) {
    if (key === 'ours') continue
    assert.equal(text, String.fromCharCode(97 + (size % 26)).repeat(size), key)
  }
}

/** Lays words into the semaphore of a name, as a process that was killed would have left them. */
function leave(name: string, words: Readonly<Record<number, number>>): void {
  using object = ShmObject.open(semaphoreFileOf(name).slice('/dev/shm/'.length))
  const memory = object.map(SEMAPHORE_SIZE)
  for (const [word, value] of Object.entries(words)) memory.store(Number(word), value)
}

/** A token whose liveness lock nobody has. */
function deadToken(name: string): number {
  using object = ShmObject.open(semaphoreFileOf(name).slice('/dev/shm/'.length))
  const slot = Array.from({ length: 1024 }, (_, i) => i).find((i) => !object.isLocked(i))!
  return (12_345 << 10) | slot
}

const bytesOf = (name: string): Buffer => readFileSync(fileOf(name))

test('crash windows: with the owner lock and not the permit', () => {
  const name = freshName()
  using dict = RMDict.open<string, number>(name, { timeout: 10_000 })
  dict.set('a', 1)
  leave(name, { [OWNER]: deadToken(name) })
  dict.set('a', 2)
  assert.equal(dict.recoveries, 0, 'nothing was held')
  // The same, while Python has the permit: it is waited for.
  leave(name, { [OWNER]: deadToken(name), [VALUE]: 0 })
  using lock = RMLock.open(name, { timeout: 10 })
  assert.throws(() => lock.acquire(), /Python process/)
  leave(name, { [VALUE]: 1 })
  assert.equal(dict.get('a'), 2)
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('crash windows: before, within and after the copy of a write', () => {
  const name = freshName()
  using dict = RMDict.open<string, string>(name, { size: 4096, timeout: 10_000 })
  dict.set('key', 'old')
  const before = encode({ key: 'old' })
  const after = encode({ key: 'new and longer' })
  using object = ShmObject.open(name)
  const shared = Buffer.from(object.map(4096).buffer)
  const { inode } = object.stat()
  const windows: [what: string, redo: number, staged: number, copied: number, value: string][] = [
    ['half of the tail is laid', 0, 5, 0, 'old'],
    ['the tail is whole', 0, after.length, 0, 'old'],
    ['redo is set', 1, after.length, 0, 'new and longer'],
    ['half is copied', 1, after.length, 7, 'new and longer'],
    ['all is copied', 1, after.length, after.length, 'new and longer'],
    ['redo is taken back', 0, after.length, after.length, 'new and longer'],
  ]
  for (const [what, redo, staged, copied, value] of windows) {
    shared.fill(0)
    shared.set(before)
    if (staged === after.length) stage(shared, after, 0, inode)
    else shared.set(after.subarray(0, staged), 4096 - 24 - after.length)
    shared.set(after.subarray(0, copied))
    leave(name, { [OWNER]: deadToken(name), [VALUE]: 0, [WAITERS]: H, [REDO]: redo })
    assert.equal(dict.get('key'), value, what)
    const whole = value === 'old' ? before : after
    assert.equal(bytesOf(name).subarray(0, whole.length).toString('hex'), whole.toString('hex'), what)
    assert.ok(
      bytesOf(name)
        .subarray(whole.length)
        .every((byte) => byte === 0),
      `${what}: the tail is zeros again`,
    )
    assert.deepEqual(semaphoreWords(name), [1, 0], what)
    assert.equal(readFileSync(semaphoreFileOf(name)).readInt32LE(REDO * 4), 0, what)
  }
  assert.equal(dict.recoveries, windows.length)
})

test('crash windows: redo of another object, or of nothing that fits, is no redo', () => {
  const name = freshName()
  using list = RMList.open<number>(name, { size: 4096, timeout: 10_000 })
  list.push(1, 2)
  using object = ShmObject.open(name)
  const shared = Buffer.from(object.map(4096).buffer)
  const before = Buffer.from(shared)
  for (const [where, inode, count] of [
    [0, 1, 8],
    [-8, object.stat().inode, 8],
    [4090, object.stat().inode, 8],
    [0.5, object.stat().inode, 8],
  ] as const) {
    stage(shared, new Uint8Array(count).fill(0xff), where, inode)
    leave(name, { [OWNER]: deadToken(name), [VALUE]: 0, [WAITERS]: H, [REDO]: 1 })
    assert.deepEqual(list.toArray(), [1, 2])
    assert.deepEqual(Buffer.from(shared), before)
  }
})

test("a draft that a killed process left is in nobody's way", () => {
  const name = freshName()
  using draft = ShmObject.open(`memlane-draft.${name}`, { create: true, exclusive: true })
  draft.resize(10)
  using list = RMList.open<string>(name, { size: 64 })
  list.push('x'.repeat(100))
  assert.deepEqual([...list], ['x'.repeat(100)])
})
