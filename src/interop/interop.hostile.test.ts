// The faces of the byte-compatible peers: whatever is passed to whatever, the answer is an answer, or a MemlaneError with
// a code; and what was refused has made and removed nothing.

import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { describe } from '../errors.js'
import { array, bool, f64, i32, str } from '../record/index.js'
import { fileOf, freshName } from '../testing/membridge-names.js'
import { isObject, ODD, refusal } from '../testing/odd.js'
import { FlexibleMemory } from './flexible/index.js'
import { int, SharedMemory } from './membridge/index.js'
import { RMBlock, RMBool, RMDict, RMFloat, RMInt, RMList, RMLock, RMString, unlinkRememory } from './rememory/index.js'

const Sensor = { x: f64(), n: i32(), on: bool(), text: str(3), grid: array('i32', [2, 2]), big: array('u64', [2]) }
const isAny = (value: unknown): never => value as never

/** Values that are good for an option, whatever they look like. */
const OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  mode: [0],
  owner: [process.geteuid?.()],
  replace: [true],
  timeout: [0, 1.5, 2 ** 53, Number.POSITIVE_INFINITY],
  slots: [],
  signal: [],
}

/** What is no good for the options named, as such and in one of them; undefined is no option at all. */
function* badOptions(...names: string[]): Generator<[shown: string, options: never]> {
  for (const value of ODD) {
    if (value === undefined) continue
    if (!isObject(value)) yield [describe(value), isAny(value)]
    for (const name of names) {
      if (!OPTIONS[name]!.includes(value)) yield [`{ ${name}: ${describe(value)} }`, isAny({ [name]: value })]
    }
  }
}

test('SharedMemory: odd options are refused before anything is made or removed', async () => {
  const name = freshName('odd')
  for (const [shown, options] of badOptions('mode', 'owner')) {
    for (const make of [SharedMemory.create, SharedMemory.createOrOpen]) {
      await refusal(`${make.name}(name, size, ${shown})`, () => make.call(SharedMemory, name, 64, options), true)
      assert.equal(existsSync(fileOf(name)), false, `${make.name}(name, size, ${shown}) has made something`)
    }
  }
  using shm = SharedMemory.create(name, 1048)
  const { ino } = statSync(fileOf(name))
  for (const [shown, options] of badOptions('mode', 'owner', 'replace')) {
    const replacing = isObject(options) ? isAny({ replace: true, ...(options as object) }) : options
    await refusal(`create(name, size, replace and ${shown})`, () => SharedMemory.create(name, 1048, replacing), true)
    assert.equal(statSync(fileOf(name)).ino, ino, `replace and ${shown} has removed something`)
  }
  await refusal(
    'replace for a user that we are not',
    () => SharedMemory.create(name, 1048, { replace: true, owner: 54_321 }),
    true,
  )
  assert.equal(statSync(fileOf(name)).ino, ino)
  for (const [shown, options] of badOptions('owner')) {
    await refusal(`open(name, undefined, ${shown})`, () => SharedMemory.open(name, undefined, options), true)
  }
  for (const [shown, options] of badOptions('timeout')) await refusal(`map(${shown})`, () => shm.map(options), true)
})

test('views: odd arguments are answered, or refused with a code', async () => {
  using shm = SharedMemory.create(freshName('odd'), 104)
  using view = shm.map()
  const calls: Record<string, (odd: never) => unknown> = {
    'write(x)': (odd) => view.write(odd, 0),
    'write(1, x)': (odd) => view.write(1, odd),
    'writeMixed(x)': (odd) => view.writeMixed(odd, 0),
    'writeMixed([x])': (odd) => view.writeMixed([odd], 0),
    'read(x)': (odd) => view.read(odd),
    'readMixed(x)': (odd) => view.readMixed(odd, 0),
    'readMixed([x])': (odd) => view.readMixed([odd], 0),
    'readMixed([[bool, x]])': (odd) => view.readMixed([['bool', odd]], 0),
    'readMixed([], x)': (odd) => view.readMixed([], odd),
    'readRange(x, 1)': (odd) => view.readRange(odd, 1),
    'readRange(0, x)': (odd) => view.readRange(0, odd),
    'seek(x)': (odd) => view.seek(odd),
    'int(x)': (odd) => int(odd),
  }
  for (const [shown, call] of Object.entries(calls)) {
    for (const odd of ODD) {
      view.seek(0)
      await refusal(`${shown} of ${describe(odd)}`, () => call(isAny(odd)), false)
    }
  }
  for (const [shown, options] of badOptions('timeout')) {
    view.seek(0)
    await refusal(`write(1, 0, ${shown})`, () => view.write(1, 0, options), true)
    await refusal(`write('x', 0, ${shown})`, () => view.write('x', 0, options), true)
    await refusal(`read('int', ${shown})`, () => view.read('int', options), true)
    await refusal(`readAll(${shown})`, () => view.readAll(options), true)
    await refusal(`zero(${shown})`, () => view.zero(options), true)
  }
})

test('rings: odd arguments are answered, or refused with a code', async () => {
  using shm = SharedMemory.create(freshName('odd'), 24 + 1024)
  using ring = shm.spsc()
  const short = { timeout: 0 }
  const calls: Record<string, (odd: never) => unknown> = {
    'push(x)': (odd) => ring.push(odd),
    'push([x])': (odd) => ring.push([odd]),
    'pushAsync(x)': (odd) => ring.pushAsync(odd, short),
    'pop(x)': (odd) => ring.pop(odd),
    'popInto(x)': (odd) => ring.popInto(odd),
    'popMixed(x)': (odd) => ring.popMixed(odd),
    'popMixed([x])': (odd) => ring.popMixed([odd]),
    'popAsync(x)': (odd) => ring.popAsync(odd, short),
    'messages(x)': (odd) => ring.messages(odd),
  }
  for (const [shown, call] of Object.entries(calls)) {
    for (const odd of ODD) {
      for (const message of [undefined, 'hello']) {
        ring.clear()
        if (message !== undefined) ring.push(message)
        await refusal(`${shown} of ${describe(odd)}`, () => call(isAny(odd)), false)
      }
    }
  }
  ring.clear()
  for (const [shown, options] of badOptions('timeout', 'signal')) {
    await refusal(`pushAsync('x', ${shown})`, () => ring.pushAsync('x', options), true)
    await refusal(`popAsync('str', ${shown})`, () => ring.popAsync('str', options), true)
  }
  for (const [shown, options] of badOptions('signal'))
    await refusal(`messages('str', ${shown})`, () => ring.messages('str', options), true)
  assert.equal(ring.used, 0)
})

test('FlexibleMemory: odd names, schemas, options and values are answered, or refused with a code', async () => {
  for (const [shown, options] of badOptions('mode', 'owner', 'slots')) {
    if (shown === '{ slots: 1 }') continue
    await refusal(`create(S, undefined, ${shown})`, () => FlexibleMemory.create(Sensor, undefined, options), true)
  }
  const memory = FlexibleMemory.create(Sensor)
  try {
    for (const [shown, options] of badOptions('owner', 'slots'))
      await refusal(`open(S, name, ${shown})`, () => FlexibleMemory.open(Sensor, memory.name, options), true)
    for (const odd of ODD.filter((one) => one !== undefined)) {
      await refusal(`open(S, ${describe(odd)})`, () => FlexibleMemory.open(Sensor, isAny(odd)), true)
      if (
        typeof odd !== 'string' ||
        odd.includes('/') ||
        odd.includes('\0') ||
        odd.length > 255 ||
        odd === '' ||
        odd === '..'
      )
        await refusal(`create(S, ${describe(odd)})`, () => FlexibleMemory.create(Sensor, isAny(odd)), true)
      await refusal(`open({ a: ${describe(odd)} })`, () => FlexibleMemory.open({ a: isAny(odd) }, memory.name), true)
      await refusal(`write(${describe(odd)})`, () => memory.write(isAny(odd)), !isObject(odd))
      for (const field of Object.keys(Sensor)) {
        const given: readonly unknown[] = [
          odd,
          [odd],
          { data: odd, shape: [2, 2] },
          { data: [1, 2, 3, 4], shape: odd },
          { data: [1, 2, 3, 4], shape: [2, 2], stride: odd },
          { data: [1, 2, 3, 4], shape: [2, 2], offset: odd },
        ]
        for (const value of given)
          await refusal(`write({ ${field}: ${describe(value)} })`, () => memory.write(isAny({ [field]: value })), false)
      }
    }
    for (const [shown, options] of badOptions('timeout', 'signal')) {
      await refusal(`readAsync(${shown})`, () => memory.readAsync(options), true)
      if (!shown.includes('signal')) await refusal(`read(${shown})`, () => memory.read(options), true)
    }
  } finally {
    memory.close()
    memory.unlink()
  }
})

test('Rememory: odd names, options, keys, values and places are answered, or refused with a code', async () => {
  const name = freshName('odd').slice(1)
  const opens: Record<string, (options: never, name?: string) => { close(): void }> = {
    RMDict: (options, of = name) => RMDict.open(of, options),
    RMList: (options, of = name) => RMList.open(of, options),
    RMBlock: (options, of = name) => RMBlock.open(of, options),
    RMString: (options, of = name) => RMString.open(of, options),
    RMInt: (options, of = name) => RMInt.open(of, options),
    RMFloat: (options, of = name) => RMFloat.open(of, options),
    RMBool: (options, of = name) => RMBool.open(of, options),
    RMLock: (options, of = name) => RMLock.open(of, options),
  }
  for (const [shown, open] of Object.entries(opens)) {
    for (const [given, options] of badOptions('mode', 'owner', 'timeout')) {
      await refusal(`${shown}.open(name, ${given})`, () => open(options), true)
      assert.equal(existsSync(fileOf(`/${name}`)), false, `${shown}.open(name, ${given}) has made something`)
      assert.equal(
        existsSync(fileOf(`/sem.rememorydict_${name}`)),
        false,
        `${shown}.open(name, ${given}) has made a lock`,
      )
    }
    for (const odd of ODD.filter((one) => one !== 'ä' && one !== undefined))
      await refusal(`${shown}.open(${describe(odd)})`, () => open({} as never, isAny(odd)).close(), true)
  }
  using dict = RMDict.open<unknown, unknown>(name)
  using list = RMList.open<unknown>(`${name}l`)
  using int = RMInt.open(`${name}i`)
  using float = RMFloat.open(`${name}f`)
  using bool = RMBool.open(`${name}b`)
  using text = RMString.open(`${name}s`)
  using block = RMBlock.open<unknown>(`${name}k`)
  using lock = RMLock.open(`${name}x`)
  list.push(1)
  const calls: Record<string, (odd: never) => unknown> = {
    'dict.get(x)': (odd) => dict.get(odd),
    'dict.has(x)': (odd) => dict.has(odd),
    'dict.set(x, 1)': (odd) => dict.set(odd, 1),
    "dict.set('k', x)": (odd) => dict.set('k', odd),
    'dict.delete(x)': (odd) => dict.delete(odd),
    'dict.update(k, x)': (odd) => dict.update('k', odd),
    'dict.setAll(x)': (odd) => dict.setAll(odd),
    'dict.setAll([x])': (odd) => dict.setAll([odd]),
    'dict.transaction(x)': (odd) => dict.transaction(odd),
    'list.at(x)': (odd) => list.at(odd),
    'list.set(0, x)': (odd) => list.set(0, odd),
    'list.set(x, 0)': (odd) => list.set(odd, 0),
    'list.push(x)': (odd) => list.push(odd),
    'list.splice(x)': (odd) => list.splice(odd),
    'list.splice(0, x)': (odd) => list.splice(0, odd),
    'list.sort(x)': (odd) => list.sort(odd),
    'list.update(0, x)': (odd) => list.update(0, odd),
    'int.set(x)': (odd) => int.set(odd),
    'int.add(x)': (odd) => int.add(odd),
    'float.set(x)': (odd) => float.set(odd),
    'float.add(x)': (odd) => float.add(odd),
    'bool.set(x)': (odd) => bool.set(odd),
    'text.set(x)': (odd) => text.set(odd),
    'text.update(x)': (odd) => text.update(odd),
    'block.set(x)': (odd) => block.set(odd),
    'block.bytes = x': (odd) => {
      block.bytes = odd
    },
    'lock.acquire(x)': (odd) => lock.acquire(odd).release(),
    'lock.run(x)': (odd) => lock.run(odd),
  }
  for (const [shown, call] of Object.entries(calls)) {
    for (const odd of ODD) {
      await refusal(`${shown} of ${describe(odd)}`, () => call(isAny(odd)), false)
      assert.equal(lock.isHeld, false, `${shown} of ${describe(odd)} has left the lock taken`)
    }
  }
  assert.equal(dict.has('k'), true)
  for (const end of ['', 'l', 'i', 'f', 'b', 's', 'k', 'x']) unlinkRememory(`${name}${end}`, { lock: true })
})
