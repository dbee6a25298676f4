// memory: who tells of a wait that has ended. The event loop itself where it can, a waiter thread elsewhere; both keep
// the same contract.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Crew, until, watched } from '../testing/crew.js'
import { runtimeName } from '../testing/runtime.js'
import { ShmObject } from './shm.js'

const notNode: string | false = runtimeName === 'node' ? false : 'the event loop can only be entered in Node.js'

/** Why the kernel is not expected to have an io_uring that waits on words; false where it is. */
function noRing(): string | false {
  if (notNode !== false) return notNode
  if (process.env.MEMLANE_WAITS === 'thread') return 'MEMLANE_WAITS=thread'
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 7)) return `Linux ${release()} is older than 6.7`
  if (readFileSync('/proc/sys/kernel/io_uring_disabled', 'utf8').trim() !== '0')
    return 'kernel.io_uring_disabled is set'
  if (/^Seccomp:\s*2$/m.test(readFileSync('/proc/self/status', 'utf8'))) return 'a seccomp filter is on'
  return false
}

// These waits alone keep nobody alive.
const keeper: ReturnType<typeof setInterval> = setInterval(() => {}, 1000)
after(() => clearInterval(keeper))

/** How many waiter threads a process has, by the name they give themselves. */
function waiterThreads(pid: number | 'self'): number {
  const nameOf = (thread: string): string => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim()
    } catch {
      return '' // It has just ended.
    }
  }
  return readdirSync(`/proc/${pid}/task`).filter((thread) => nameOf(thread) === 'memlane-waits').length
}

test('where the kernel can, waits take no thread', { skip: noRing() }, async () => {
  await using crew = new Crew()
  using object = ShmObject.open(crew.object(), { create: true, exclusive: true })
  object.resize(4096)
  const memory = object.map(4096)
  const waits = Array.from({ length: 300 }, (_, word) => memory.waitAsync(word, 0))
  for (let word = 0; word < 300; word++) {
    memory.store(word, 1)
    memory.wake(word, 1)
  }
  assert.deepEqual(new Set(await Promise.all(waits)), new Set([0]))
  // A waiter thread never ends.
  assert.equal(waiterThreads('self'), 0)
})

test('where the event loop cannot be asked, they take one', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(4096)
  const memory = object.map(4096)
  const child = crew.start('await-word', [name], { env: { MEMLANE_WAITS: 'thread' } })
  await child.hear('waiting')
  // A thread gives itself its name.
  await until(() => waiterThreads(child.pid) === 1, 'the waiter thread is there')
  memory.store(0, 1)
  memory.wake(0, 1)
  await child.hear()
  await child.succeed()
})

test('a wake that came for a wait which is aborted in the same turn goes to the next sleeper', {
  skip: notNode,
}, async () => {
  await using crew = new Crew()
  using object = ShmObject.open(crew.object(), { create: true, exclusive: true })
  object.resize(4096)
  const memory = object.map(4096)
  for (let round = 0; round < 20; round++) {
    const first = new AbortController()
    const aborted = memory.waitAsync(0, 0, { signal: first.signal }).catch(() => 'aborted')
    const second = memory.waitAsync(0, 0)
    // The word stays: only the wake itself can tell the second one.
    if (noRing() === false) {
      assert.equal(memory.wake(0, 1), 1)
      first.abort()
      assert.equal(await aborted, 'aborted')
      assert.equal(await watched(second, 'the wake that was passed on'), 0)
    } else {
      // A waiter thread begins to sleep when it likes, and may have taken the wake before the abort; then the one who
      // aborts wakes, as owner-lock.ts does.
      await until(() => memory.wake(0, 1) === 1, 'the waiter thread sleeps')
      first.abort()
      await aborted
      let over = false
      second.then(() => { over = true }) // biome-ignore format: one line
      await until(() => {
        memory.wake(0, 1)
        return over
      }, 'the second has its wake')
    }
  }
})

// A test each: on a busy machine the three together take longer than a test may.
for (const [file, promises] of [
  ['memory.conformance.test.js', 40],
  ['../sync/sync.conformance.test.js', 20],
  ['shm.process.test.js', 5],
] as const) {
  test(`waits behind the waiter threads keep the same contract: ${file}`, { skip: notNode }, () => {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', '--test', '--test-reporter=tap', path], {
      env: { ...env, MEMLANE_WAITS: 'thread' },
      encoding: 'utf8',
    })
    assert.equal(status, 0, stdout)
    assert.ok(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) >= promises, stdout)
  })
}
