// memory: what other programs may do to us. Full file systems, cut files, other users, exhausted limits.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Segment } from '../segment/index.js'
import type { Belongings } from '../testing/children/ground-memory.js'
import { Crew } from '../testing/crew.js'
import { ShmObject, statObject } from './shm.js'

const namespaces = spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'mount namespaces are not permitted here'
const root = process.geteuid?.() === 0 ? false : 'only root may act as another user'
const compiler = spawnSync('cc', ['--version']).status === 0 ? false : 'there is no C compiler'

function make(name: string, size: number, mode: number = 0o600): ReturnType<ShmObject['map']> {
  const object = ShmObject.open(name, { create: true, exclusive: true, mode })
  object.resize(size)
  object.commit(0, size)
  return object.map(size)
}

test('a full /dev/shm is an error with numbers, never a signal, and leaves everything usable', {
  skip: namespaces,
}, async () => {
  await using crew = new Crew()
  const child = crew.start('fill-shm', [], {
    prefix: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"', 'sh'],
    env: { MEMLANE_NAMESPACE: '' },
  })
  const said = await child.hear<Record<string, unknown>>()
  await child.succeed()
  assert.deepEqual(Object.keys(said.space as object), ['total', 'available'])
  assert.equal((said.space as { total: number }).total, 2 ** 20)
  for (const attempt of ['create', 'createOrOpen', 'grow', 'commit']) {
    assert.match(String(said[attempt]), /^ERR_NO_SPACE: .*no room for .*MiB.*1\.00 MiB.*free.*--shm-size/s, attempt)
  }
  assert.equal(said.unchangedNames, true)
  assert.equal(said.unchangedSpace, true)
  assert.deepEqual(said.usable, [2 ** 18, 42, 0])
  assert.equal(said.growALittle, 'fine')
  assert.equal(said.committed, 2 ** 18 + 4096)
  assert.deepEqual(said.holes, { sum: 0, faults: true, whole: 'ERR_TRUNCATED' })
  assert.deepEqual(said.stillUsable, [42, 0])
  assert.equal(said.name, 'ERR_NO_SPACE')
  assert.equal(said.noTiny, true)
})

test('a peer that cuts the object under a running loop kills nobody', async () => {
  await using crew = new Crew()
  for (const size of [0, 5000, 65_536]) {
    const name = crew.object()
    using _memory = make(name, 256 * 1024)
    const child = crew.start('walk-words', [name])
    await child.hear('walking')
    for (let i = 0; i < 20; i++) {
      truncateSync(`/dev/shm/${name}`, size)
      truncateSync(`/dev/shm/${name}`, 256 * 1024)
    }
    truncateSync(`/dev/shm/${name}`, size)
    child.tell('another round, then stop')
    const { faults, code } = await child.hear<{ rounds: number; faults: number; code: string }>()
    assert.ok(faults > 0, `${faults} faults after cutting to ${size}`)
    assert.equal(code, 'ERR_TRUNCATED')
    await child.succeed()
  }
})

test('a peer that unlinks the object under a running loop changes nothing', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name, 256 * 1024)
  const child = crew.start('walk-words', [name])
  await child.hear('walking')
  unlinkSync(`/dev/shm/${name}`)
  const before = memory.load(0)
  while (memory.load(0) === before) await new Promise((resolve) => setTimeout(resolve, 1))
  child.tell('stop')
  const { faults, code } = await child.hear<{ faults: number; code: string }>()
  assert.deepEqual([faults, code], [0, 'fine'])
})

test('waits on a word that is cut away end', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using memory = make(name, 16_384)
  memory.store(2000, 5)
  const child = crew.start('wait-where-it-is-cut', [name])
  await child.hear('waiting')
  truncateSync(`/dev/shm/${name}`, 4096)
  child.tell('look')
  const [how, blocking, faults] = await child.hear<[number, number, boolean]>()
  assert.deepEqual([how, blocking, faults], [1, 1, true])
})

test('when the process may open no more files, the error has a code and everything comes back', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using _memory = make(name, 4096)
  const child = crew.start('map-to-the-limit', [name, false], {
    prefix: ['sh', '-c', 'ulimit -n 256 && exec "$@"', 'sh'],
  })
  const { code, made, again } = await child.hear<{ code: string; made: number; again: string }>()
  assert.equal(code, 'ERR_LIMIT')
  assert.ok(made > 100 && made < 256, `${made} opened`)
  assert.equal(again, 'fine')
})

test('when the table of mappings is full, the error has a code and everything comes back', async () => {
  await using crew = new Crew()
  const name = crew.object()
  using _memory = make(name, 4096)
  const child = crew.start('map-to-the-limit', [name, true], {
    prefix: ['sh', '-c', 'ulimit -n 20000 && exec "$@"', 'sh'],
  })
  const { code, made, again } = await child.hear<{ code: string; made: number; again: string }>()
  assert.equal(code, 'ERR_LIMIT')
  assert.ok(made === 8192, `${made} mapped`)
  assert.equal(again, 'fine')
})

test('opening and closing 20,000 times leaks no descriptor, no mapping and no memory', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using _segment = Segment.create(name, { kind: 'x', size: 65_536 })
  const samples = await crew.start('open-and-close', [name, 20_000, 'open']).hear<Belongings[]>()
  const [before, after] = [samples[0]!, samples.at(-1)!]
  assert.equal(after.descriptors, before.descriptors)
  assert.equal(after.mappings, before.mappings)
  const grown = (after.rss - before.rss) / 2 ** 20
  // A sanitizer keeps what was freed for a while.
  if (process.env.ASAN_OPTIONS === undefined) assert.ok(grown < 48, `memory grew by ${grown.toFixed(1)} MiB`)
})

test("another user's object is refused unless that user, or anybody, is trusted", { skip: root }, async () => {
  await using crew = new Crew()
  const name = crew.object()
  const theirs = crew.start('make-object', [name, 0o666, 0], { uid: 65534 })
  await theirs.hear(65534)
  assert.equal(statObject(name)?.uid, 65534)
  const attempt = async (options: object, uid?: number): Promise<string> =>
    await crew.start('try-open', [name, options], uid === undefined ? {} : { uid }).hear<string>()
  assert.match(await attempt({}), /^ERR_OWNER: .*belongs to user 65534.*\(0\)/)
  assert.match(await attempt({ create: true }), /^(ERR_OWNER|ERR_PERMISSION)/)
  assert.match(await attempt({ owner: 12345 }), /^ERR_OWNER: .*65534.*12345/)
  assert.equal(await attempt({ owner: 65534 }), 'fine')
  assert.equal(await attempt({ owner: 'any' }), 'fine')
  assert.equal(await attempt({}, 65534), 'fine')
  const mine = crew.object()
  using _memory = make(mine, 4096)
  const tried = crew.start('try-open', [mine, { owner: 'any' }], { uid: 65534 })
  assert.match(await tried.hear<string>(), /^ERR_PERMISSION/)
})

test('a fault that is none of ours goes to the handler that was there before', { skip: compiler }, async () => {
  await using crew = new Crew()
  const folder = mkdtempSync(join(tmpdir(), 'memlane-chain-'))
  try {
    const source = join(folder, 'chain.c')
    writeFileSync(
      source,
      `#include <signal.h>
       #include <unistd.h>
       static void on_bus(int s, siginfo_t *i, void *c) { (void)s; (void)i; (void)c; _exit(42); }
       __attribute__((constructor)) static void install(void) {
         struct sigaction a = {0}; a.sa_sigaction = on_bus; a.sa_flags = SA_SIGINFO; sigaction(SIGBUS, &a, 0); }`,
    )
    const library = join(folder, 'chain.so')
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source])
    const name = crew.object()
    using _memory = make(name, 4096)
    const chained = crew.start('raise-bus', [name], {
      env: { LD_PRELOAD: [process.env.LD_PRELOAD, library].filter(Boolean).join(':') },
    })
    await chained.hear({ read: 0, faults: 1 })
    assert.deepEqual(await chained.ended, { code: 42, signal: null })
    const other = crew.object()
    using _other = make(other, 4096)
    const alone = crew.start('raise-bus', [other])
    await alone.hear({ read: 0, faults: 1 })
    assert.equal((await alone.ended).signal, 'SIGBUS')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
