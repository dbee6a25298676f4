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

/** Answers as a kernel that does not know the locks of open file descriptions. */
const WITHOUT_LOCKS = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
static int answer(const char *name, int fd, int command, void *argument) {
  if (command == 36 || command == 37 || command == 38) { errno = EINVAL; return -1; }
  return ((int (*)(int, int, void *))dlsym(RTLD_NEXT, name))(fd, command, argument);
}
int fcntl(int fd, int command, ...) {
  va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list);
  return answer("fcntl", fd, command, argument);
}
int fcntl64(int fd, int command, ...) {
  va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list);
  return answer("fcntl64", fd, command, argument);
}
`

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

/** What /dev/shm is like, and what making, committing and locking an object says there. */
const folders: readonly [string, string, string, RegExp[]][] = [
  ['no tmpfs', 'mount -t ramfs ramfs /dev/shm', '', [/^fine$/, /^ERR_UNSUPPORTED: .*a ramfs.*mount -t tmpfs/]],
  [
    'out of inodes',
    'mount -t tmpfs -o nr_inodes=1 tmpfs /dev/shm',
    '',
    [/^ERR_NO_SPACE: .*no inodes left.*all 1 are taken.*nr_inodes=/],
  ],
  [
    'out of space',
    'mount -t tmpfs -o size=64k tmpfs /dev/shm',
    '',
    [/^fine$/, /^ERR_NO_SPACE: .*no room for 1\.00 MiB.*holds 64\.0 KiB.*--shm-size/],
  ],
  [
    'closed to this user',
    'mount -t tmpfs -o mode=755 tmpfs /dev/shm',
    'setpriv --reuid=65534 --clear-groups',
    [/^ERR_PERMISSION: .*user 65534 may not make files in \/dev\/shm.*chmod 1777/],
  ],
  [
    'mounted for reading only',
    'mount -t tmpfs -o ro tmpfs /dev/shm',
    '',
    [/^ERR_PERMISSION: .*mounted for reading only/],
  ],
]

for (const [what, mount, user, wanted] of folders) {
  test(`a /dev/shm that is ${what} says what is wrong and what to do`, { skip: namespaces }, async () => {
    await using crew = new Crew()
    const child = crew.start('make-commit-lock', [2 ** 20], {
      prefix: ['unshare', '-m', 'sh', '-c', `${mount} && exec ${user} "$@"`, 'sh'],
    })
    const said = await child.hear<string[]>()
    for (const [i, each] of wanted.entries()) assert.match(said[i]!, each)
  })
}

test('a kernel without locks that tell who is alive is named', { skip: compiler }, async () => {
  await using crew = new Crew()
  const folder = mkdtempSync(join(tmpdir(), 'memlane-locks-'))
  try {
    const source = join(folder, 'locks.c')
    writeFileSync(source, WITHOUT_LOCKS)
    const library = join(folder, 'locks.so')
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'])
    const child = crew.start('make-commit-lock', [2 ** 20], {
      env: { LD_PRELOAD: [process.env.LD_PRELOAD, library].filter(Boolean).join(':') },
    })
    const [made, committed, locked, looked] = await child.hear<string[]>()
    assert.deepEqual([made, committed], ['fine', 'fine'])
    for (const each of [locked!, looked!])
      assert.match(each, /^ERR_UNSUPPORTED: .*no open file description locks.*gVisor/)
  } finally {
    rmSync(folder, { recursive: true })
  }
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
