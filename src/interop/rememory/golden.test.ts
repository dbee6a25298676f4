// interop/rememory: every vector recorded from the real package, both ways.

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { MemlaneError } from '../../errors.js'
import { ShmObject, unlinkObject } from '../../memory/index.js'
import { fileOf, freshName, semaphoreWords } from '../../testing/rememory-names.js'
import {
  rememoryVectors,
  type Step,
  type Tagged,
  toRead,
  toWrite,
  type Vector,
} from '../../testing/rememory-vectors.js'
import { PyFloat, RMBlock, RMBool, RMDict, RMFloat, RMInt, RMList, RMString } from './index.js'

type Handles = RMInt | RMFloat | RMBool | RMString | RMBlock | RMDict<unknown> | RMList

// Steps whose answer in Python is a defect, and what is to be seen instead. In place of a result: what ours gives, or the
// code of its refusal.
const BETTER: Readonly<Record<string, Readonly<Record<number, unknown>>>> = {
  // Stored as infinity, without an error.
  'float-float32': { 2: 'ERR_RANGE', 3: Math.fround(3.14) },
  // Python takes anything for a boolean.
  'bool-values': { 5: 'ERR_TYPE', 6: false, 7: 'ERR_TYPE', 8: false, 9: 'ERR_TYPE', 10: false },
  // Cut inside a character, so that nothing can read it any more.
  'string-cut-at-the-byte-limit': { 5: 'x'.repeat(63) },
  // NULs at the end are lost.
  'string-trailing-nul-is-lost': { 0: 'ERR_RANGE', 1: '', 2: 'ERR_RANGE', 3: '', 5: 'ERR_RANGE' },
  // A larger size than the object has is believed, and writing fails.
  'string-opened-with-another-size': { 3: true, 4: 'larger view' },
  // The old object under a handle that was open before is followed.
  'block-growth': { 6: 'y'.repeat(100) },
  'dict-growth': { 6: { k: 'x'.repeat(20), k2: 'y'.repeat(60) } },
  // What cannot be read is not empty, and nothing is written over it.
  'dict-unreadable-content-reads-as-empty': { 2: 'ERR_CORRUPT', 3: 'ERR_CORRUPT', 4: 'ERR_CORRUPT' },
}
const PRIVATE = 'list-methods-that-never-reach-the-segment'

function open(vector: Vector, name: string, args: Vector['args'] = vector.args): Handles {
  const size = args.block_size ?? args.size
  const sized = size === undefined ? {} : { size }
  switch (vector.type) {
    case 'int':
      return RMInt.open(
        name,
        args.int_type === undefined ? {} : ({ type: args.int_type.toLowerCase() } as never),
      ) as RMInt
    case 'float':
      return RMFloat.open(
        name,
        args.float_type === undefined ? {} : { type: args.float_type.toLowerCase() as 'float32' },
      )
    case 'bool':
      return RMBool.open(name)
    case 'string':
      return RMString.open(name, sized)
    case 'block':
      return RMBlock.open(name, sized)
    case 'dict':
      return RMDict.open<unknown>(name, sized)
    case 'list':
      return RMList.open(name, sized)
  }
}

const bytesOf = (name: string): Buffer => readFileSync(fileOf(name))
const trimmed = (bytes: Buffer): string => bytes.toString('hex').replace(/(?:00)+$/, '')

function poke(name: string, at: number, hex: string): void {
  using object = ShmObject.open(name)
  object.map(object.stat().size).u8.set(Buffer.from(hex, 'hex'), at)
}

/** One call of Python's, through our face. */
function act(handle: Handles, step: Step): unknown {
  const args = (step.args ?? []).map(toWrite)
  if (handle instanceof RMDict) return onDict(handle, step, args)
  if (handle instanceof RMList) return onList(handle, step, args)
  const value = step.value === undefined ? undefined : scalar(handle, toWrite(step.value))
  if (step.op === 'get') return handle.get()
  if (step.op === 'raw_get') return (handle as RMBlock).bytes
  if (step.op === 'raw_set') (handle as RMBlock).bytes = Uint8Array.from(Buffer.from(step.hex!, 'hex'))
  else return handle.set(value as never)
}

/** What Python converts by itself is converted here, so that the same values are stored. */
function scalar(handle: Handles, value: unknown): unknown {
  const plain = value instanceof PyFloat && !(handle instanceof RMBlock) ? value.value : value
  if (handle instanceof RMInt && typeof plain === 'boolean') return BigInt(plain)
  if (handle instanceof RMInt && handle.type.endsWith('64') && Number.isInteger(plain)) return BigInt(plain as number)
  return plain
}

/** The one vector whose value holds the same object twice. */
const twice = (item: unknown): unknown[] => [item, item]

function onDict(dict: RMDict<unknown>, step: Step, args: unknown[]): unknown {
  const key = step.key === undefined ? args[0] : toWrite(step.key)
  switch (step.op) {
    case 'set_item':
      return void dict.set(key, key === 'both' ? twice((toWrite(step.value!) as unknown[])[0]) : toWrite(step.value!))
    case 'get_item':
    case 'get':
      return dict.get(key) ?? null
    case 'del_item':
      return void dict.delete(key)
    case 'snapshot': {
      const all = dict.toMap()
      return [...all.keys()].every((one) => typeof one === 'string')
        ? Object.fromEntries(all as Map<string, unknown>)
        : all
    }
    case '__len__':
      return dict.size
    case '__contains__':
      return dict.has(key)
    case 'keys':
      return [...dict.keys()]
    case 'update':
      return void dict.setAll(Object.entries(args[0] as object))
    case 'setdefault':
      return dict.update(key, (value) => value ?? args[1])
    case 'pop':
      return dict.pop(key)
    case 'popitem': {
      const [first] = dict.keys()
      return [first, dict.pop(first)]
    }
    case 'clear':
      return dict.clear()
    default:
      throw new Error(`no ${step.op} for dicts`)
  }
}

function onList(list: RMList, step: Step, args: unknown[]): unknown {
  const key =
    step.key === undefined
      ? undefined
      : (toWrite(step.key) as number | { start: number | null; stop: number | null; step: number | null })
  if (typeof key === 'object') {
    const all = list.toArray()
    if (step.op === 'get_item') {
      const [from = 0, to = all.length] = [key.start ?? undefined, key.stop ?? undefined]
      return key.step === -2 ? all.reverse().filter((_, i) => i % 2 === 0) : all.slice(from, to)
    }
    const start = key.start! < 0 ? all.length + key.start! : key.start!
    const count = (key.stop ?? all.length) - start
    return void list.splice(start, count, ...(step.op === 'set_item' ? (toWrite(step.value!) as unknown[]) : []))
  }
  switch (step.op) {
    case 'append':
      return void list.push(args[0])
    case 'insert':
      return list.insert(args[0] as number, args[1])
    case 'snapshot':
      return list.toArray()
    case '__len__':
      return list.length
    case 'get_item':
      return list.at(key!) ?? null
    case 'set_item':
      return list.set(key!, toWrite(step.value!))
    case 'del_item':
      return void list.delete(key!)
    default:
      throw new Error(`no ${step.op} for lists`)
  }
}

const isKeyError = (step: Step): boolean => ['KeyError', 'IndexError'].includes(step.error?.type ?? '')

/** Compares 5n and 5, which are one integer to Python. */
const plain = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

function check(vector: Vector, handle: Handles, step: Step, index: number): void {
  const where = `${vector.name}, step ${index} (${step.op})`
  const better = BETTER[vector.name]?.[index]
  if (typeof better === 'string' && better.startsWith('ERR_')) {
    assert.throws(
      () => act(handle, step),
      (error) => error instanceof MemlaneError && error.code === better,
      where,
    )
    return
  }
  if (better === undefined && step.error !== undefined && !isKeyError(step)) {
    assert.throws(() => act(handle, step), MemlaneError, where)
    return
  }
  const got = act(handle, step)
  if (better !== undefined) return assert.deepEqual(got, better, where)
  if (step.error !== undefined) return assert.ok(got === null || got === undefined, where)
  if (step.op === 'set' || (step.result as Tagged).t === 'none') return
  const wanted = toRead(step.result as Tagged)
  if (typeof got === 'bigint' || typeof wanted === 'bigint')
    assert.equal(String(plain(got)), String(plain(wanted)), where)
  else assert.deepStrictEqual(got, wanted, where)
}

function play(vector: Vector, steps: readonly Step[], from: number, handles: Map<string, Handles>, name: string): void {
  const better = BETTER[vector.name] !== undefined
  for (const [i, step] of steps.entries()) {
    const where = `${vector.name}, step ${from + i} (${step.op})`
    if (step.op === 'open') handles.set(step.as!, open(vector, name, step.args as never))
    else if (step.op === 'poke') poke(name, step.at!, step.hex!)
    else if (step.op === 'dump') {
      const { size, hex } = step.result as { size: number; hex: string }
      assert.equal(statSync(fileOf(name)).size, size, where)
      if (!better || vector.name.endsWith('growth')) assert.equal(trimmed(bytesOf(name)), hex, where)
    } else check(vector, handles.get(step.on ?? 'a')!, step, from + i)
  }
}

function removeAll(handles: Map<string, Handles>, name: string): void {
  for (const handle of handles.values()) handle.close()
  unlinkObject(name)
}

for (const vector of rememoryVectors()) {
  if (vector.name === PRIVATE) continue

  test(`${vector.name}: results and bytes are those of the Python package`, () => {
    const name = freshName('golden')
    const handles = new Map([['a', open(vector, name)]])
    try {
      play(vector, vector.steps, 0, handles, name)
      assert.equal(statSync(fileOf(name)).size, vector.segment_size)
      if (BETTER[vector.name] === undefined || vector.name.endsWith('growth'))
        assert.equal(trimmed(bytesOf(name)), vector.bytes_hex)
      assert.deepEqual(semaphoreWords(name), [vector.semaphore.value, 0])
    } finally {
      removeAll(handles, name)
    }
  })

  // Python's bytes first, ours from there on: after every dump.
  for (const [at, step] of vector.steps.entries()) {
    if (step.op !== 'dump' || vector.name.endsWith('growth')) continue
    test(`${vector.name}: goes on from the bytes that Python left at step ${at}`, () => {
      const name = freshName('golden')
      const handles = new Map([['a', open(vector, name)]])
      try {
        poke(name, 0, '00'.repeat(Math.min(vector.segment_size, 4096)))
        poke(name, 0, (step.result as { hex: string }).hex)
        play(vector, vector.steps.slice(at), at, handles, name)
        assert.equal(trimmed(bytesOf(name)), vector.bytes_hex)
      } finally {
        removeAll(handles, name)
      }
    })
  }

  test(`${vector.name}: what Python left at the end is read`, () => {
    const name = freshName('golden')
    using object = ShmObject.open(name, { create: true, exclusive: true })
    object.resize(vector.segment_size)
    poke(name, 0, vector.bytes_hex)
    const before = bytesOf(name)
    using handle = open(vector, name)
    const last = vector.steps.findLast((one) => ['get', 'snapshot'].includes(one.op) && one.on === undefined)
    const bad = vector.name === 'dict-unreadable-content-reads-as-empty'
    if (last !== undefined && last === vector.steps.at(-1) && !bad && BETTER[vector.name] === undefined)
      check(vector, handle, last, -1)
    else if (handle instanceof RMDict) assert.equal(typeof handle.size, 'number')
    else if (handle instanceof RMList) assert.equal(typeof handle.length, 'number')
    else assert.doesNotThrow(() => handle.get())
    assert.deepEqual(bytesOf(name), before, 'looking changes nothing')
    unlinkObject(name)
  })
}

test(`${PRIVATE}: ours all reach it`, () => {
  const name = freshName('golden')
  using a = RMList.open<number>(name)
  using b = RMList.open<number>(name)
  a.push(1)
  a.push(2, 3)
  a.push(4)
  a.reverse()
  assert.deepEqual(b.toArray(), [4, 3, 2, 1])
  assert.equal(a.remove(3), true)
  assert.equal(b.indexOf(2), 1)
  assert.equal(b.includes(3), false)
  a.sort((x, y) => x - y)
  assert.deepEqual([...b], [1, 2, 4])
  a.clear()
  assert.equal(b.length, 0)
})
