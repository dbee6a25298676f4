// memory: waits and processes. A wait that nobody looks at keeps nobody alive; one that is awaited does.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Crew, refuses, watched } from '../testing/crew.js'
import { findPython } from '../testing/python.js'
import { runtimeMajor, runtimeName } from '../testing/runtime.js'
import { send } from '../testing/signals.js'
import { checkViewable, ShmObject } from './shm.js'

function make(name: string, size: number = 8192): ReturnType<ShmObject['map']> {
  const object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(size)
  object.commit(0, size)
  return object.map(size)
}

test('a process that has nothing to do but forgotten waits ends', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using _memory = make(name)
  const child = crew.start('forget-wait', [name])
  await child.hear('done with everything else')
  await child.succeed()
})

test('a process that awaits a word stays until it changes', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name)
  const child = crew.start('await-word', [name])
  await child.hear('waiting')
  memory.store(0, 1)
  memory.wake(0, 1)
  const how = await child.hear<number>()
  assert.ok(how === 0 || how === 1)
  await child.succeed()
})

test('processes count in one word and lose nothing', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name)
  const children = crew.startMany(3, 'count-words', [name, 100_000])
  for (const child of children) await child.hear('counted')
  assert.equal(memory.load(0), 300_000)
})

test('a read-only mapping goes on showing what others write, however often it is looked at', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name, 4 * 4096)
  using reader = ShmObject.open(name, { readOnly: true }).map(4 * 4096)
  // Often enough for every compiler to have its last word.
  const looks: ((word: number) => boolean)[] = [
    (word) => reader.load(word) === 1,
    (word) => reader.loadVersion(word) === 1,
    (word) => reader.checkVersion(word, 1),
  ]
  for (const [page, look] of looks.entries()) {
    const word = (page * 4096) / 4
    memory.store(word, 1)
    let seen = 0
    for (let round = 0; round < 40; round++) for (let i = 0; i < 50_000; i++) if (look(word)) seen++
    assert.equal(seen, 2_000_000)
    memory.store(word, 2)
    assert.equal(look(word), false, 'it sees the change')
  }
})

test('an addon that only a worker has loaded outlives the worker', async () => {
  await using crew = new Crew()
  // This process has the addon already; the child's main thread never loads it.
  const child = crew.start('workers-alone', [
    crew.object(),
    fileURLToPath(new URL('../testing/children/ground-thread.js', import.meta.url)),
  ])
  await child.hear('workers are gone')
  await child.succeed()
})

test('workers that come and go in the middle of waits leave the process whole', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name, 65_536)
  const helper = fileURLToPath(new URL('../testing/children/ground-thread.js', import.meta.url))
  for (let round = 0; round < 4; round++) {
    const workers = Array.from({ length: 3 }, () => new Worker(helper, { workerData: { do: 'busy-waker', key: name } }))
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
    await watched(Promise.all(workers.map((worker) => worker.terminate())), 'the workers')
  }
  assert.equal(memory.faults, 0)
})

test('the last word of a segment of 6 GiB can be written and read, or it is refused before anything is made', async () => {
  await using crew = new Crew()
  const size = 6 * 2 ** 30
  const fits = runtimeName === 'deno' || (runtimeName === 'node' && runtimeMajor >= 22)
  const verdict = await crew.start('too-large', [size]).hear<{ code: string; same: boolean }>()
  assert.equal(verdict.same, true)
  if (!fits) {
    assert.match(verdict.code, /^ERR_TOO_LARGE: 6442450944 bytes .*4 GiB/)
    await refuses('ERR_TOO_LARGE', () => checkViewable(size), /6442450944/)
    return
  }
  assert.equal(verdict.code, 'fine')
  const name = crew.object()
  using object = ShmObject.open(name, { create: true, exclusive: true })
  object.resize(size)
  object.commit(size - 4096, 4096)
  const memory = object.map(size)
  const last = size / 4 - 1
  memory.store(last, 0x12345678)
  using other = ShmObject.open(name)
  const view = other.map(size)
  assert.equal(view.load(last), 0x12345678)
  assert.equal(view.u8[size - 1], 0x12)
  assert.equal(view.wake(last, 1), 0)
  assert.equal(view.wait(last, 0, 1000, -1), 1)
  assert.ok(object.stat().committed <= 65536)
  assert.equal(memory.faults, 0)
})

const { python, skip } = findPython('fcntl', 'struct')

/** Opens an object for reading alone, and takes a read lock on every byte, far beyond its end. */
const READ_LOCK = `
import fcntl, os, struct, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.fcntl(fd, 37, struct.pack('hhqqi4x', fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0))
print('locked', flush=True)
sys.stdin.read()
`

test('who may only read an object cannot pass for somebody alive', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name)
  const stranger = spawn(python!, ['-c', READ_LOCK, `/dev/shm/${name}`], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    await once(stranger.stdout!, 'data')
    assert.equal(memory.isLocked(3), false)
    using other = ShmObject.open(name)
    // The stranger is really there: nobody can take a byte now.
    assert.equal(other.lock(3), false)
  } finally {
    send(stranger)
  }
})
