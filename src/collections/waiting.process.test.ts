// collections: nobody waits for ever in silence for the lock of a heap.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Event } from '../sync/index.js'
import { type Actor, Crew, WATCHDOG } from '../testing/crew.js'
import { runtimeArgs } from '../testing/runtime.js'
import { SharedBlock, SharedHeap, SharedList, SharedMap } from './index.js'

const cli = fileURLToPath(new URL('../cli/main.js', import.meta.url))

/** A process that is stopped in the middle of a transaction of that heap. */
async function stoppedInside(crew: Crew, name: string): Promise<{ holder: Actor; goOn(): Promise<void> }> {
  const inside = Event.open(`${name}-inside`)
  const go = Event.open(`${name}-go`)
  const holder = crew.start('inside-transaction', [name])
  assert.equal(await inside.waitAsync({ timeout: WATCHDOG }), true)
  for (const event of [inside, go]) Event.unlink(event.name)
  await holder.stop()
  const goOn = async (): Promise<void> => {
    go.set()
    holder.kill('SIGCONT')
    await holder.hear('done')
    inside.close()
    go.close()
  }
  return { holder, goOn }
}

/** Whether that key is read at once. Where the key shares its version with one that a holder changes, it is not. */
function readable(map: SharedMap<string, number>, key: string): boolean {
  try {
    map.get(key)
    return true
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'ERR_TIMEOUT')
    return false
  }
}

test('beside a holder that is stopped, each operation ends in time and says who it is; nothing has begun', async () => {
  await using crew = new Crew()
  const name = crew.name('held')
  using map = SharedMap.open<string, number>(name, { timeout: 40 })
  map.set('touched', 1)
  map.set('other', 1)
  for (let i = 0; i < 8; i++) map.set(`untouched${i}`, i)
  const { holder, goOn } = await stoppedInside(crew, name)
  const late = { code: 'ERR_TIMEOUT', message: new RegExp(`pid ${holder.pid} holds it and is stopped; let it go on`) }
  assert.throws(() => map.set('other', 2), late)
  assert.throws(() => map.get('touched'), late)
  assert.throws(() => map.snapshot(), late)
  assert.throws(() => map.transaction(() => assert.fail('it begins')), late)
  assert.throws(() => map.transaction(() => assert.fail('it begins'), { timeout: 0 }), late)
  const start = performance.now()
  assert.throws(() => map.transaction(() => assert.fail('it begins'), { timeout: 300 }), late)
  assert.ok(performance.now() - start >= 299)
  assert.throws(() => map.watch(), late)
  const untouched = Array.from({ length: 8 }, (_, i) => `untouched${i}`).filter((key) => readable(map, key))
  assert.ok(untouched.length > 0, 'what the holder has not touched is read without the lock')
  for (const timeout of [-1, Number.NaN])
    assert.throws(() => map.transaction(() => 1, { timeout }), { code: 'ERR_RANGE' })
  assert.throws(() => map.transaction(() => 1, { timeouts: 1 } as never), { code: 'ERR_TYPE' })
  await goOn()
  assert.equal(map.get('touched'), 2)
  assert.equal(
    map.transaction(() => map.transaction(() => 7, { timeout: 0 }), { timeout: Number.POSITIVE_INFINITY }),
    7,
  )
  map.set('other', 3)
  assert.equal(map.get('other'), 3)
})

test('opening takes a time-out, and what is no time-out is refused before anything is made', async () => {
  await using crew = new Crew()
  for (const door of [SharedMap, SharedList, SharedBlock, SharedHeap])
    for (const [timeout, code] of [
      [-1, 'ERR_RANGE'],
      [Number.NaN, 'ERR_RANGE'],
      ['5', 'ERR_TYPE'],
    ] as const) {
      const name = crew.name()
      assert.throws(() => (door as typeof SharedMap).open(name, { timeout: timeout as number }), { code })
      assert.throws(() => (door as typeof SharedMap).open(name, { readOnly: true }), { code: 'ERR_NOT_FOUND' })
    }
  using heap = SharedHeap.open(crew.name(), { timeout: Number.POSITIVE_INFINITY })
  heap.map('m').set('a', 1)
})

test('two processes that change two heaps, each inside the other: one gets ERR_DEADLOCK and has changed nothing', async () => {
  await using crew = new Crew()
  const [a, b] = [crew.name('a'), crew.name('b')]
  for (const name of [a, b]) crew.name(name)
  const actors = [crew.start('heap-in-heap', [a, b]), crew.start('heap-in-heap', [b, a])]
  for (const actor of actors) await actor.hear('open')
  for (const actor of actors) actor.tell('change')
  const said = await Promise.all(actors.map((actor) => actor.hear<{ code: string; message: string } | 'both'>()))
  for (const name of [a, b]) Event.unlink(`${name}-inside`)
  const told = said.findIndex((one) => one !== 'both')
  assert.deepEqual(
    [said[1 - told], (said[told] as { code: string }).code],
    ['both', 'ERR_DEADLOCK'],
    JSON.stringify(said),
  )
  for (const { pid } of actors)
    assert.match((said[told] as { message: string }).message, new RegExp(`pid ${pid} waits for`))
  using first = SharedMap.open<string, number>(a)
  using second = SharedMap.open<string, number>(b)
  assert.deepEqual([first.get('by'), second.get('by')], [actors[1 - told]!.pid, actors[1 - told]!.pid])
})

test('commands wait for --timeout, and say who holds the heap', async () => {
  await using crew = new Crew()
  const name = crew.name('cli')
  using map = SharedMap.open<string, number>(name)
  map.set('touched', 1)
  const { holder, goOn } = await stoppedInside(crew, name)
  for (const words of [
    ['get', name, 'touched'],
    ['set', name, 'touched', '5'],
    ['dump', name],
    ['watch', name],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [...runtimeArgs, cli, ...words, '--timeout', '50'], {
      encoding: 'utf8',
      timeout: WATCHDOG,
    })
    assert.equal(status, 1, `${words}: ${stderr}`)
    assert.match(stderr, new RegExp(`ERR_TIMEOUT.*pid ${holder.pid} holds it and is stopped`), String(words))
  }
  await goOn()
})
