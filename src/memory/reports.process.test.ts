// memory: who tells of a wait that has ended. The event loop itself where it can, a waiter thread elsewhere; both keep
// the same contract.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Crew } from '../testing/crew.js'
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

const threads = (): number => readdirSync('/proc/self/task').length

test('where the kernel can, waits take no thread', { skip: noRing() }, async () => {
  await using crew = new Crew()
  using object = ShmObject.open(crew.object(), { create: true, exclusive: true })
  object.resize(4096)
  const memory = object.map(4096)
  // What the runtime starts at its first timer is there before the count.
  await new Promise((resolve) => setTimeout(resolve, 5))
  const before = threads()
  const waits = Array.from({ length: 300 }, (_, word) => memory.waitAsync(word, 0, { timeout: 10_000 }))
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(threads(), before)
  for (let word = 0; word < 300; word++) {
    memory.store(word, 1)
    memory.wake(word, 1)
  }
  assert.deepEqual(new Set(await Promise.all(waits)), new Set([0]))
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
    const second = memory.waitAsync(0, 0, { timeout: 10_000 })
    await new Promise((resolve) => setTimeout(resolve, 2))
    // The word stays: only the wake itself can tell the second one before its next look.
    assert.equal(memory.wake(0, 1), 1)
    first.abort()
    assert.equal(await aborted, 'aborted')
    const start = performance.now()
    if (noRing() === false) {
      assert.equal(await second, 0)
      assert.ok(performance.now() - start < 1000, 'the wake was passed on')
    } else {
      // A waiter thread may have taken the wake before the abort; then the one who aborts wakes, as owner-lock.ts does.
      memory.wake(0, 1)
      await second
    }
  }
})

test('waits behind the waiter threads keep the same contract', { skip: notNode }, () => {
  const files = ['memory.conformance.test.js', '../sync/sync.conformance.test.js', 'shm.process.test.js'].map((file) =>
    fileURLToPath(new URL(file, import.meta.url)),
  )
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', '--test', '--test-reporter=tap', ...files], {
    env: { ...env, MEMLANE_WAITS: 'thread' },
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
  assert.ok(Number(/^# pass (\d+)$/m.exec(stdout)?.[1]) > 50, stdout)
})
