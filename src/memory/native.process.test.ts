// memory: what else goes on in the process: exceptions, other copies of the package, threads that end, other handlers.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Crew, watched } from '../testing/crew.js'
import { runtimeName } from '../testing/runtime.js'
import { ShmObject } from './shm.js'

const namespaces = spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'mount namespaces are not permitted here'
const compiler = spawnSync('cc', ['--version']).status === 0 ? false : 'there is no C compiler'
const root = process.geteuid?.() === 0 ? false : 'only root may act as another user'
const prlimit =
  runtimeName === 'deno'
    ? 'Deno starts no program without a thread'
    : spawnSync('prlimit', ['--version']).status === 0
      ? root
      : 'there is no prlimit'

function make(name: string, size: number = 8192, mode: number = 0o600): ReturnType<ShmObject['map']> {
  const object = ShmObject.open(name, { create: true, exclusive: true, mode })
  object.resize(size)
  object.commit(0, size)
  return object.map(size)
}

for (const waits of ['', 'thread']) {
  test(`what is thrown behind an awaited wait reaches the process at once, and later waits are reported ${waits}`, async () => {
    await using crew = new Crew()
    const name = crew.object()
    using _memory = make(name)
    const child = crew.start('throw-after-a-wait', [name], { env: { MEMLANE_WAITS: waits } })
    const heard = [0, 1, 2].flatMap((i) => [`microtask ${i}`, `tick ${i}`]).sort()
    await child.hear({ heard, timedOut: 2 })
    await child.succeed()
  })

  test(`of very many waits each ends its own way, whatever the order ${waits}`, async () => {
    await using crew = new Crew()
    const name = crew.object()
    using _memory = make(name)
    const child = crew.start('many-waits', [name, 700], { env: { MEMLANE_WAITS: waits } })
    await child.hear({ aborted: 'aborted', woken: 'woken', timedOut: 'timed out', closed: 'closed' })
    await child.succeed()
  })

  test(`copies of the JavaScript over one addon wait side by side ${waits}`, {
    skip: runtimeName === 'bun' ? 'Bun has one module for a path, whatever query follows' : false,
  }, async () => {
    await using crew = new Crew()
    const name = crew.object()
    using _memory = make(name)
    const shm = new URL('./shm.js', import.meta.url).href
    const child = crew.start('two-copies', [name, shm], { env: { MEMLANE_WAITS: waits } })
    await child.hear({ copies: 3, said: [2, 2, 2], woken: true, others: ['aborted', 'aborted', 'aborted'] })
    await child.succeed()
  })
}

test('a worker that blocks in a wait without a time limit can be terminated', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name)
  const source = `
    const { workerData, parentPort } = require('node:worker_threads')
    import(workerData.shm).then(({ ShmObject }) => {
      const memory = ShmObject.open(workerData.name).map(8192)
      memory.store(1, 1)
      memory.wait(0, 0, -1, -1)
      memory.store(1, 2)
    })`
  const worker = new Worker(source, {
    eval: true,
    workerData: { name, shm: new URL('./shm.js', import.meta.url).href },
  })
  while (memory.load(1) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  await watched(worker.terminate(), 'the blocked worker to end')
  assert.equal(memory.load(1), 1)
})

test('no thread to be had is a limit that was met', { skip: prlimit }, async () => {
  await using crew = new Crew()
  const name = crew.object()
  const made = crew.start('make-object', [name, 0o666, 0], { uid: 65534 })
  await made.hear(65534)
  const child = crew.start('no-more-threads', [name], { uid: 65534, env: { MEMLANE_WAITS: 'thread' } })
  assert.match(await child.hear<string>(), /^ERR_LIMIT: .*thread.*ulimit -u/)
})

test('without /dev/shm every open says so, with a code and a cure', { skip: namespaces }, async () => {
  await using crew = new Crew()
  const child = crew.start('no-shared-memory', [], {
    prefix: [
      'unshare',
      '-m',
      'sh',
      '-c',
      'exec 3</dev/null && mount -t tmpfs tmpfs /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9 && mknod -m 666 /dev/random c 1 8 && mknod -m 666 /dev/zero c 1 5 && exec "$@"',
      'sh',
    ],
  })
  const said = await child.hear<string[]>()
  assert.equal(said.length, 4)
  for (const each of said) assert.match(each, /^ERR_UNSUPPORTED: .*no \/dev\/shm.*mount -t tmpfs/)
})

/** How a library sets its handler of SIGBUS when it gets SIGUSR2. */
const LIBRARY = `
#include <signal.h>
#include <unistd.h>
static struct sigaction before;
static volatile int calls;
static void on_bus(int s, siginfo_t *i, void *c) {
  (void)s;
  if (++calls > 2) _exit(44); /* led in a circle */
  (void)i; (void)c;
  HANDLE
}
static void install(int s) {
  (void)s;
  struct sigaction a = {0}; a.sa_sigaction = on_bus; a.sa_flags = SA_SIGINFO | FLAGS; sigaction(SIGBUS, &a, &before); }
__attribute__((constructor)) static void prepare(void) { struct sigaction a = {0}; a.sa_handler = install; sigaction(SIGUSR2, &a, 0); }
`

/** What the handler does with a fault that is not its own, its flags, whether the first signal sent to the child is survived, and how it ends. */
const handlers: readonly [string, string, string, boolean, string | number][] = [
  ['knows nobody', '_exit(42);', '0', false, 42],
  [
    'goes on with who was there before',
    'if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(s, i, c);',
    '0',
    false,
    'SIGBUS',
  ],
  ['resets to the default and returns', 'signal(SIGBUS, SIG_DFL);', '0', true, 'SIGBUS'],
  ['is set for one time', '', 'SA_RESETHAND', true, 'SIGBUS'],
]

for (const [what, handle, flags, survives, end] of handlers) {
  test(`faults of our mappings stay ours when another handler is set that ${what}`, {
    skip: compiler || (runtimeName === 'node' ? false : 'this runtime has handlers of its own'),
  }, async () => {
    await using crew = new Crew()
    const folder = mkdtempSync(join(tmpdir(), 'memlane-bus-'))
    try {
      const source = join(folder, 'bus.c')
      writeFileSync(source, LIBRARY.replace('HANDLE', handle).replace('FLAGS', flags))
      const library = join(folder, 'bus.so')
      execFileSync('cc', ['-shared', '-fPIC', '-o', library, source])
      const name = crew.object()
      using _memory = make(name)
      const child = crew.start('bus-handlers', [name], {
        env: { LD_PRELOAD: [process.env.LD_PRELOAD, library].filter(Boolean).join(':') },
      })
      await child.hear(2)
      await child.hear(2)
      if (survives) await child.hear(2)
      const { code, signal } = await child.ended
      assert.equal(signal ?? code, end)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
