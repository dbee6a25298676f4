// interop/rememory: the real package on the other side, in processes of its own.

import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { refuses, until } from '../../testing/crew.js'
import { type Child, startChild, startPython } from '../../testing/membridge-children.js'
import { findPython } from '../../testing/python.js'
import { fileOf, freshName, semaphoreWords } from '../../testing/rememory-names.js'
import { RMBlock, RMBool, RMDict, RMFloat, RMInt, RMList, RMLock, RMString, tuple } from './index.js'

const { python, skip } = findPython('rememory')

let peer: Child
let second: Child
const start = (): Child => startPython(python as string, 'rememory_peer.py')
before(() => {
  if (python === undefined) return
  peer = start()
  second = start()
})
after(async () => {
  await peer?.kill()
  await second?.kill()
})

/** Tells a peer to do something. */
function tell(statements: string, say = 'None', to: Child = peer): void {
  to.say(JSON.stringify({ do: statements, say }))
}

async function answer(from: Child = peer): Promise<unknown> {
  const said = JSON.parse(await from.line()) as { ok?: unknown; error?: string; message?: string }
  if (said.error !== undefined) throw new Error(`${said.error}: ${said.message}`)
  return said.ok
}

async function ask(say: string, statements = '', of: Child = peer): Promise<unknown> {
  tell(statements, say, of)
  return answer(of)
}

test('every kind is seen from both sides, whoever made it', { skip }, async () => {
  for (const first of ['ours', 'Python']) {
    const name = freshName('kinds')
    const make = `
d = rememory.Dict("${name}d"); l = rememory.List("${name}l"); i = rememory.int("${name}i"); i8 = rememory.int("${name}i8", rememory.IntTypes.UINT8)
f = rememory.float("${name}f"); f32 = rememory.float("${name}f32", rememory.FloatTypes.FLOAT32); b = rememory.bool("${name}b")
s = rememory.str("${name}s"); k = rememory.Block("${name}k", 256)`
    if (first === 'Python') await ask('None', make)
    using d = RMDict.open<unknown, unknown>(`${name}d`)
    using l = RMList.open(`${name}l`)
    using i = RMInt.open(`${name}i`)
    using i8 = RMInt.open(`${name}i8`, { type: 'uint8' })
    using f = RMFloat.open(`${name}f`)
    using f32 = RMFloat.open(`${name}f32`, { type: 'float32' })
    using b = RMBool.open(`${name}b`)
    using s = RMString.open(`${name}s`)
    using k = RMBlock.open<unknown>(`${name}k`, { size: 256 })
    if (first === 'ours') await ask('None', make)

    d.set('ada', { score: 10, tags: ['new'], at: tuple(1, null), big: 2n ** 70n })
    l.push('hello')
    i.value = -(2n ** 63n)
    i8.value = 255
    f.value = 0.1
    f32.value = 0.5
    b.value = true
    assert.equal(s.set('héllo 🎉'), true)
    k.set(new Set([1]))
    assert.deepEqual(
      await ask(
        '[d["ada"], list(l), i.value, i8.value, f.value, f32.value, b.value, s.value, k.value == {1}, type(d["ada"]["at"]).__name__]',
      ),
      [
        { score: 10, tags: ['new'], at: [1, null], big: 2 ** 70 },
        ['hello'],
        -(2 ** 63),
        255,
        0.1,
        0.5,
        true,
        'héllo 🎉',
        true,
        'tuple',
      ],
    )
    await ask(
      'None',
      'd[(1, "a")] = {"x": b"1"}; l.append(2); i.value = 7; i8.value = 8; f.value = 2.5; f32.value = 1e30; b.value = False; s.value = "é"; k.value = [1, (2,)]',
    )
    assert.deepEqual(d.get(tuple(1, 'a')), { x: Uint8Array.of(49) })
    assert.deepEqual(l.toArray(), ['hello', 2])
    assert.deepEqual(
      [i.value, i8.value, f.value, f32.value, b.value, s.value],
      [7n, 8, 2.5, Math.fround(1e30), false, 'é'],
    )
    assert.deepEqual(k.get(), [1, tuple(2)])
    await ask('None', 'for o in (d, l, i, i8, f, f32, b, s, k): o.close(); o.unlink()')
  }
})

test('each side waits while the other has the lock, and is woken', { skip }, async () => {
  const name = freshName('lock')
  using lock = RMLock.open(name)
  await ask('None', `lock = rememory.Lock("${name}"); lock.__enter__()`)
  assert.deepEqual(lock.state, { state: 'python' })
  await refuses('ERR_TIMEOUT', () => lock.acquire({ timeout: 20 }), /Python process holds it/)
  assert.deepEqual(semaphoreWords(name), [0, 0], 'who has given up is counted no more')
  assert.equal(lock.tryAcquire(), undefined)
  // Another Memlane process waits in the kernel until Python gives the lock back.
  const waiter = startChild('rememory', 'hold', name)
  await until(() => semaphoreWords(name)[1] === 1, 'the other process waits')
  await ask('None', 'lock.__exit__(None, None, None)')
  assert.equal(await waiter.line(), 'holding')
  assert.deepEqual(lock.state, { state: 'memlane', alive: true })
  await waiter.kill()

  using held = lock.acquire({ timeout: 5000 })
  await assert.rejects(ask('None', `semaphore("${name}").acquire(0)`), /BusyError/)
  tell('lock.__enter__()', '"in"')
  await until(() => (semaphoreWords(name)[1] & 0x7fff_ffff) === 1, 'Python waits')
  held.release()
  assert.equal(await answer(), 'in')
  await ask('None', 'lock.__exit__(None, None, None)')
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('a Python process that was killed with the lock blocks until the lock is broken', { skip }, async () => {
  const name = freshName('killed')
  const victim = start()
  await ask(
    'None',
    `d = rememory.Dict("${name}"); d["n"] = 1; untrack("${name}"); lock = rememory.Lock("${name}"); lock.__enter__()`,
    victim,
  )
  await victim.kill()
  await refuses('ERR_TIMEOUT', () => RMDict.open(name, { timeout: 20 }), /breakLock/)
  using lock = RMLock.open(name)
  assert.equal(lock.breakLock(), true)
  assert.equal(lock.breakLock(), false)
  using dict = RMDict.open<string, number>(name, { timeout: 1000 })
  assert.equal(dict.get('n'), 1)
  assert.equal(dict.breakLock(), false)

  // Should it have lived after all, there is a permit too many, with which two would be inside: it is taken back.
  await ask('None', `semaphore("${name}").release()`)
  assert.deepEqual(semaphoreWords(name), [2, 0])
  dict.set('n', 2)
  assert.deepEqual(semaphoreWords(name), [1, 0])
})

test('a dict that Python makes larger under its name is followed, and read by those who have the old one', {
  skip,
}, async () => {
  const name = freshName('growth')
  using dict = RMDict.open<string, string>(name, { size: 256 })
  dict.set('a', 'x')
  await ask('None', `d = rememory.Dict("${name}")`)
  await ask('None', `d = rememory.Dict("${name}")`, second)
  // The first peer makes it larger: the second one is alone with the old one then.
  await ask('None', 'd["b"] = "y" * 300')
  assert.equal(statSync(fileOf(name)).size > 256, true)
  assert.deepEqual(await ask('sorted(d)', '', second), ['a'])
  assert.deepEqual([...dict.keys()], ['a', 'b'])
  assert.equal(dict.followed, 1)
  dict.set('c', 'z')
  assert.deepEqual(await ask('sorted(d)'), ['a', 'b', 'c'])
  // It was told where the new one is, and with its next write that needs the room it is back among the others.
  assert.deepEqual(await ask('sorted(d)', '', second), ['a', 'b', 'c'])
  await ask('None', 'd["d"] = "w"', second)
  assert.deepEqual([...dict.keys()], ['a', 'b', 'c', 'd'])
  dict.set('e', 'v')
  assert.deepEqual(await ask('sorted(d)', '', second), ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(await ask('sorted(d)'), ['a', 'b', 'c', 'd', 'e'])
  for (const one of [peer, second]) await ask('None', 'd.close()', one)
})

test('a dict that ours makes larger is read, and written, by Python processes that had it open', { skip }, async () => {
  const name = freshName('growth')
  using dict = RMDict.open<string, string>(name, { size: 256 })
  using other = RMDict.open<string, string>(name)
  dict.set('a', 'x')
  await ask('None', `d = rememory.Dict("${name}")`)
  dict.set('b', 'y'.repeat(300))
  assert.deepEqual(await ask('sorted(d)'), ['a', 'b'])
  await ask('None', 'd["c"] = "z"')
  assert.deepEqual([...dict.keys()], ['a', 'b', 'c'])
  assert.deepEqual([...other.keys()], ['a', 'b', 'c'])
  await ask('None', 'd.close()')
})

test('a name that a Python process removes when it exits is put back; with the recipe it is not removed', {
  skip,
}, async () => {
  const name = freshName('tracker')
  using dict = RMDict.open<string, number>(name)
  dict.set('n', 1)
  const reader = start()
  assert.equal(await ask('d["n"]', `d = rememory.Dict("${name}")`, reader), 1)
  reader.process.stdin!.end()
  await reader.ended()
  await until(() => !existsSync(fileOf(name)), 'the resource tracker has removed the name')
  assert.equal(dict.get('n'), 1)
  assert.equal(existsSync(fileOf(name)), true)
  assert.equal(await ask('d["n"]', `d = rememory.Dict("${name}")`), 1)

  const careful = start()
  assert.equal(await ask('d["n"]', `d = rememory.Dict("${name}"); untrack("${name}")`, careful), 1)
  const { ino } = statSync(fileOf(name))
  careful.process.stdin!.end()
  await careful.ended()
  assert.equal(statSync(fileOf(name)).ino, ino)
  // On purpose is on purpose.
  dict.unlink()
  assert.equal(dict.get('n'), 1)
  assert.equal(existsSync(fileOf(name)), false)
  await ask('None', 'd.close()')
})

test('opening replays nothing: what Python writes meanwhile is not turned back', { skip }, async () => {
  const name = freshName('attach')
  const rounds = 300
  tell(
    `d = rememory.Dict("${name}")
d["n"] = 0
turned_back = 0
for i in range(1, ${rounds}):
  d["n"] = i
  turned_back += d["n"] != i`,
    'turned_back',
  )
  await until(() => existsSync(fileOf(name)), 'the dict is there')
  let opened = 0
  let last = 0
  while (last < rounds - 1) {
    using dict = RMDict.open<string, number>(name)
    last = dict.get('n') ?? 0
    opened++
  }
  assert.ok(opened > 0)
  assert.equal(await answer(), 0)
  await ask('None', 'd.close()')
})

test('four Python and four Memlane processes count exactly, each under the lock', { skip }, async () => {
  const name = freshName('count')
  const each = 50
  using dict = RMDict.open<string, number>(name)
  using int = RMInt.open(`${name}-int`)
  const ours = Array.from({ length: 4 }, () => startChild('rememory', 'count', name, each))
  const theirs = Array.from({ length: 4 }, start)
  for (const one of ours) assert.equal(await one.line(), 'ready')
  dict.set('n', 0)
  const open = `d = rememory.Dict("${name}"); i = rememory.int("${name}-int"); lock = rememory.Lock("${name}-lock")`
  for (const one of theirs) await ask('None', open, one)
  const counting = `for _ in range(${each}):
  with lock: d["n"] = d["n"] + 1
  with lock: i.value += 1`
  for (const one of theirs) tell(counting, '"done"', one)
  for (const one of ours) one.say('go')
  for (const one of theirs) assert.equal(await answer(one), 'done')
  for (const one of ours) assert.equal(await one.line(), 'done')
  assert.equal(dict.get('n'), 8 * each)
  assert.equal(int.get(), BigInt(8 * each))
  assert.deepEqual(semaphoreWords(name), [1, 0])
  for (const one of theirs) await one.kill()
})

test("the package's own tests pass with two processes of each side, and those that are deadlocks in Python with ours", {
  skip,
}, async () => {
  const name = freshName('self')
  const ours = [0, 1].map(() => startChild('rememory', 'self-test', name))
  for (const one of ours) assert.equal(await one.line(), 'started')
  for (const one of [peer, second]) {
    await ask(
      'None',
      `pid = str(os.getpid()); d = rememory.Dict("${name}-dict"); l = rememory.List("${name}-list")
d[pid] = {"start": True, "end": False}; l.append("start")`,
      one,
    )
  }
  for (const one of [peer, second]) await ask('None', 'd[pid] = {"start": True, "end": True}; l.append("end")', one)
  for (const one of ours) one.say('go on')
  for (const one of ours) assert.equal(await one.line(), 'ended')
  const all = (await ask('dict(d.items())')) as Record<string, { end: boolean }>
  assert.deepEqual(Object.values(all), Array(4).fill({ start: true, end: true }))
  assert.deepEqual(await ask('list(l)'), [...Array(4).fill('start'), ...Array(4).fill('end')])
  assert.equal(await ask(`rememory.int("${name}-int", rememory.IntTypes.INT32).value`), 2)
  assert.equal(await ask(`rememory.str("${name}-text", rememory.BlockSize.s128).value`), '|rememory|rememory')
})

test('an exception that Python stores as text comes back to Python whole, and is never made here', {
  skip,
}, async () => {
  const name = freshName('error')
  await ask(
    'None',
    `import pickle, base64
s = rememory.str("${name}", rememory.BlockSize.s4096)
s.value = base64.b64encode(pickle.dumps(ValueError("boom"))).decode()`,
  )
  using text = RMString.open(name)
  using copy = RMString.open(`${name}-copy`, { size: 4096 })
  assert.equal(copy.set(text.get()), true)
  assert.equal(
    await ask(`repr(pickle.loads(base64.b64decode(rememory.str("${name}-copy", rememory.BlockSize.s4096).value)))`),
    "ValueError('boom')",
  )
  await ask('None', `d = rememory.Dict("${name}-dict"); d["ok"] = 1; d["bad"] = ValueError("boom")`)
  using dict = RMDict.open<string, unknown>(`${name}-dict`)
  assert.equal(dict.get('ok'), 1)
  await refuses('ERR_FOREIGN', () => dict.get('bad'), /builtins\.ValueError \(at byte \d+\)/)
  dict.set('ok', 2)
  dict.set('more', { a: 'text' })
  assert.equal(await ask('repr(d["bad"])'), "ValueError('boom')")
  assert.deepEqual(await ask('[d["ok"], d["more"]]'), [2, { a: 'text' }])
})

test('Python cuts a text inside a character; ours reads up to it', { skip }, async () => {
  const name = freshName('cut')
  await ask('None', `s = rememory.str("${name}", rememory.BlockSize.s64); s.value = "x" * 63 + "é"`)
  using text = RMString.open(name)
  assert.equal(text.get(), 'x'.repeat(63))
  assert.equal(text.set(`${'y'.repeat(63)}é`), false)
  assert.equal(await ask('s.value'), 'y'.repeat(63))
})
