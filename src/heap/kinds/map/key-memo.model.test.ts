// heap/kinds/map: what one process knows of keys, while another and itself change what it knows of.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collectGarbage, noGarbageCollection } from '../../../testing/runtime.js'
import { GONE } from '../../handles/cursor.js'
import { Handle } from '../../handles/handle.js'
import { Heap } from '../../index.js'
import { KeyMemo } from './key-memo.js'

const KEYS = Array.from({ length: 12 }, (_, i) => `a key with a long name, ${i}`)
/** Lookups of one key after which it is known. */
const ENOUGH = 8

type Command =
  | { do: 'set'; key: number; value: string | number }
  | { do: 'delete' | 'add'; key: number }
  | { do: 'clear' | 'churn' | 'anew' }

const simple: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key: fc.nat(KEYS.length - 1),
      value: fc.oneof(
        fc.integer(),
        fc.nat(400).map((length) => 'x'.repeat(length)),
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'add' as const), key: fc.nat(KEYS.length - 1) }),
  },
  fc.record({ do: fc.constantFrom('clear' as const, 'churn' as const, 'anew' as const) }),
)

type Step =
  | { by: 'us' | 'them'; do: 'one'; command: Command }
  | { by: 'us' | 'them'; do: 'all' | 'none'; commands: Command[] }

const by = fc.constantFrom('us' as const, 'them' as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ by, do: fc.constant('one' as const), command: simple }) },
  fc.record({ by, do: fc.constantFrom('all' as const, 'none' as const), commands: fc.array(simple, { maxLength: 6 }) }),
)

test('what is known of keys is believed only as long as it is true', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      using ours = Heap.local({ maxSize: '4 MiB', participants: 2 })
      using theirs = Heap.attachLocal(ours.core.arena.memory.i32.buffer as SharedArrayBuffer)
      const heaps = { us: ours, them: theirs }
      const maps = { us: ours.map('m'), them: theirs.map('m') }
      const compare = (model: Map<string, unknown>): void => {
        for (const map of [maps.us, maps.them]) {
          for (const key of KEYS) {
            assert.deepEqual(map.get(key), model.get(key))
            assert.equal(map.has(key), model.has(key))
          }
        }
      }
      const act = (who: 'us' | 'them', command: Command, model: Map<string, unknown>): void => {
        const map = maps[who]
        switch (command.do) {
          case 'set':
            map.set(KEYS[command.key]!, command.value)
            model.set(KEYS[command.key]!, command.value)
            break
          case 'delete':
            assert.equal(map.delete(KEYS[command.key]!), model.delete(KEYS[command.key]!))
            break
          case 'add': {
            const key = KEYS[command.key]!
            const before = model.get(key) ?? 0
            if (typeof before !== 'number') assert.throws(() => map.add(key, 1), { code: 'ERR_TYPE' })
            else model.set(key, map.add(key, 1))
            break
          }
          case 'clear':
            map.clear()
            model.clear()
            break
          case 'churn': {
            // Takes the memory of what was freed, as blocks of other sizes.
            const list = heaps[who].list('churn')
            list.push(...Array.from({ length: 100 }, (_, i) => 'y'.repeat((i * 37) % 700)))
            list.length = 0
            break
          }
          case 'anew':
            for (const key of KEYS) {
              map.delete(key)
              map.set(key, 'anew')
              model.set(key, 'anew')
            }
        }
        for (const key of KEYS) assert.deepEqual(map.get(key), model.get(key))
      }
      let model = new Map<string, unknown>()
      for (const one of steps) {
        if (one.do === 'one') act(one.by, one.command, model)
        else {
          const draft = new Map(model)
          const all = (): void => {
            for (const command of one.commands) act(one.by, command, draft)
            if (one.do === 'none') throw new Error('none of it')
          }
          if (one.do === 'none') assert.throws(() => heaps[one.by].transaction(all), /none of it/)
          else {
            heaps[one.by].transaction(all)
            model = draft
          }
        }
        for (let i = 0; i < ENOUGH; i++) compare(model)
        ours.verify()
      }
    }),
    { numRuns: Number(process.env.MEMLANE_RUNS ?? 60) },
  )
})

test('what lies where an entry was is never taken for it, even when it bears the age of the entry', () => {
  using heap = Heap.local({ maxSize: '4 MiB', participants: 2 })
  const { arena, index } = heap.core
  const map = heap.map('m')
  const other = heap.map('other')
  other.set('bytes', 0)
  const keys = Array.from({ length: 3000 }, (_, i) => `key ${i}`)
  for (const key of keys) map.set(key, 1)
  const last = keys.at(-1)!
  for (let i = 0; i < ENOUGH; i++) map.get(last)
  const entry = index.find(Handle.pointerOf(map), index.hash(last), last)
  const age = arena.i32[entry << 1]!
  for (const key of keys) map.delete(key)
  const bytes = new Uint8Array(new Int32Array(64 * 1024).fill(age).buffer)
  for (let i = 0; arena.i32[entry << 1] !== age; i++) {
    assert.ok(i < 20, 'the memory of the entry was not used again')
    other.set(`bytes ${i}`, bytes)
  }
  assert.equal(map.get(last), undefined)
  assert.equal(map.has(last), false)
  assert.equal(map.delete(last), false)
  map.set(last, 2)
  assert.equal(map.get(last), 2)
  assert.deepEqual(other.snapshotOf('bytes 0'), bytes)
  heap.verify()
})

test('an entry that a getter got to know, and that was rolled back when it threw, is not there', () => {
  using heap = Heap.local({ maxSize: '4 MiB', participants: 2 })
  const map = heap.map('m')
  const cursor = map.cursor()
  const stop = (): never => {
    for (let i = 0; i < ENOUGH; i++) map.set('x', i)
    assert.ok(cursor.next())
    throw new Error('stop')
  }
  assert.throws(
    () =>
      map.set('x', {
        get a() {
          return stop()
        },
      }),
    /stop/,
  )
  assert.equal(map.has('x'), false)
  assert.equal(map.get('x'), undefined)
  assert.equal(cursor.value, GONE)
  map.set('y', 'another in its place')
  assert.equal(map.get('x'), undefined)
  map.set('x', 7)
  assert.deepEqual(
    [...map.snapshot()],
    [
      ['y', 'another in its place'],
      ['x', 7],
    ],
  )
  heap.verify()
})

/** Looks keys up, learning what is due. @returns how many of them were known. */
function lookUp(memo: KeyMemo, keys: readonly string[]): number {
  let found = 0
  for (const key of keys) {
    if (memo.recall(key) !== undefined) found++
    else if (memo.isDue()) memo.learn(key, { hash: 0, entry: 1, age: 0, carveWord: 0, carve: 0, epoch: 0 })
  }
  return found
}

test('keys that come again and again are learnt', () => {
  const memo = new KeyMemo()
  const keys = Array.from({ length: 1000 }, (_, i) => `k${i}`)
  for (let round = 0; round < 100; round++) lookUp(memo, keys)
  assert.equal(lookUp(memo, keys), keys.length)
  memo.forget('k7')
  assert.equal(memo.recall('k7'), undefined)
})

test('where every key is another one, nothing is kept and the memo rests', () => {
  const memo = new KeyMemo()
  lookUp(
    memo,
    Array.from({ length: 2048 }, (_, i) => `k${i}`),
  )
  // Now it learns nothing, however often a key comes.
  for (let i = 0; i < 1000; i++) assert.equal(lookUp(memo, ['hot']), 0)
  // When it has rested it learns again.
  for (let i = 0; i < 1 << 18; i++) memo.recall('hot')
  assert.equal(lookUp(memo, Array(ENOUGH).fill('hot')) + lookUp(memo, ['hot']), 1)
})

test('a key that is a piece of a large text does not keep the text in memory', { skip: noGarbageCollection }, () => {
  using heap = Heap.local({ maxSize: '4 MiB', participants: 2 })
  const map = heap.map('m')
  const LARGE = 2 ** 20
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 64; i++) {
    const text = String(i).padEnd(64, ' a key of its own') + 'x'.repeat(LARGE)
    const key = text.charAt(LARGE) === 'x' ? text.slice(0, 64) : ''
    map.set(key, i)
    for (let n = 0; n < ENOUGH; n++) map.get(key)
  }
  collectGarbage()
  const kept = process.memoryUsage().heapUsed - before
  assert.ok(kept < 16 * LARGE, `${kept} bytes are kept for 64 keys`)
})
