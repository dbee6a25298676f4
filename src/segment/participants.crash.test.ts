// segment: who is attached, and who is not any more, however they went.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Mutex } from '../sync/index.js'
import { patterned } from '../testing/children/ground-segment.js'
import { type Actor, Crew, ownNamespace, refuses, until, watched } from '../testing/crew.js'
import { freeDeadSlots, inspectSegment, listSegments } from './registry.js'
import { Segment } from './segment.js'

// Whoever lists segments tidies up what nobody uses any more: here that is left to the tests.
ownNamespace('slots')

interface Attached {
  readonly slot: number
  readonly token: number
  readonly pid: number
}

const inPidNamespace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const noPidNamespaces =
  spawnSync(inPidNamespace[0]!, [...inPidNamespace.slice(1), 'true']).status === 0
    ? false
    : 'pid namespaces are not permitted here'
const compiler = spawnSync('cc', ['--version']).status === 0 ? false : 'there is no C compiler here'
const lastPid = '/proc/sys/kernel/ns_last_pid'
const noStop: string | false =
  process.platform === 'win32' ? 'Windows has neither signals that stop a process nor zombies' : false
const noPidReuse = ((): string | false => {
  try {
    // Whoever is root may open it everywhere, and write it only in a pid namespace of its own users.
    writeFileSync(lastPid, readFileSync(lastPid))
    return false
  } catch (error) {
    return `${lastPid} is not writable here: ${(error as Error).message}`
  }
})()

test('a full table is an error with the number of slots; a slot that was left is used again', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const all = [Segment.create(name, { kind: 'x', size: 1, participants: 3 }), Segment.open(name), Segment.open(name)]
  assert.deepEqual(
    all.map((segment) => segment.participant.slot),
    [0, 1, 2],
  )
  await refuses('ERR_PARTICIPANTS', () => Segment.open(name), /has 3 participants/)
  const { token } = all[1]!.participant
  all[1]!.close()
  assert.equal(all[0]!.isAlive(token), false)
  const next = Segment.open(name)
  assert.equal(next.participant.slot, 1)
  assert.notEqual(next.participant.token, token)
  assert.equal(all[0]!.isAlive(next.participant.token), true)
  assert.equal(all[0]!.isAlive(token), false)
  for (const segment of [...all, next]) segment.close()
})

test('the slots of the dead are used again, after those that were left in order', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, { kind: 'x', size: 1, participants: 3 })
  const dead = crew.start('attach', [name, 0])
  const { slot, token } = await dead.hear<Attached>()
  assert.equal(segment.isAlive(token), true)
  await dead.end()
  assert.equal(segment.isAlive(token), false)
  const info = inspectSegment(name)?.participants.find((participant) => participant.slot === slot)
  assert.deepEqual([info?.alive, info?.unfinished], [false, false])
  using first = Segment.open(name)
  assert.notEqual(first.participant.slot, slot)
  using second = Segment.open(name)
  assert.equal(second.participant.slot, slot)
  assert.equal(segment.isAlive(token), false)
  await refuses('ERR_PARTICIPANTS', () => Segment.open(name))
})

test('a dead slot with unfinished work is not used again before somebody has finished it', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, { kind: 'x', size: 1, participants: 2, participantBytes: 4096 })
  const dead = crew.start('attach', [name, 77])
  const { slot } = await dead.hear<Attached>()
  await dead.end()
  await refuses('ERR_PARTICIPANTS', () => Segment.open(name))
  assert.equal(inspectSegment(name)?.participants.find((participant) => participant.slot === slot)?.unfinished, true)
  assert.equal(freeDeadSlots(inspectSegment(name)!), 0)
  assert.equal(segment.memory.load(segment.areaOf(slot) / 4), 77)
  segment.memory.store(segment.areaOf(slot) / 4, 0)
  using next = Segment.open(name)
  assert.equal(next.participant.slot, slot)
})

test('the dead are swept on request, and only they', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  const children = crew.startMany(3, 'attach', [name, 0])
  const attached = await Promise.all(children.map((child) => child.hear<Attached>()))
  await Promise.all(children.slice(1).map((child) => child.end()))
  assert.equal(freeDeadSlots(inspectSegment(name)!), 2)
  assert.deepEqual(
    inspectSegment(name)?.participants.map(({ alive }) => alive),
    [true, true],
  )
  assert.equal(segment.isAlive(attached[0]!.token), true)
  assert.equal(segment.isAlive(attached[1]!.token), false)
})

test('two handles in one process are two participants', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using a = Segment.create(name, patterned())
  const b = Segment.open(name)
  const { token } = b.participant
  assert.deepEqual(
    [a.isAlive(token), b.isAlive(a.participant.token), a.isAlive(a.participant.token)],
    [true, true, true],
  )
  b.close()
  assert.equal(a.isAlive(token), false)
  // Closing one does not free the locks of the other, as it would with locks of the process.
  using c = Segment.open(name)
  assert.equal(c.isAlive(a.participant.token), true)
})

test('every worker of a process may attach, and is gone when it ends, whoever goes on in the same memory', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  const helper = fileURLToPath(new URL('../testing/children/ground-thread.js', import.meta.url))
  const child = crew.start('attach-in-workers', [name, helper, 4])
  const slots = await child.hear<number[]>()
  assert.equal(new Set(slots).size, 4)
  const threads = segment.participants().filter(({ slot }) => slots.includes(slot))
  assert.equal(new Set(threads.map(({ thread }) => thread)).size, 4)
  assert.ok(threads.every(({ alive, pid }) => alive && pid === child.pid))
  child.tell('terminate')
  await child.hear('terminated')
  // This handle and that of their main thread are left.
  await until(() => segment.participants().filter(({ alive }) => alive).length === 2, 'the workers have let go')
})

test('a stopped process is alive', { skip: noStop }, async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  const child = crew.start('attach', [name, 0])
  const { token } = await child.hear<Attached>()
  await child.stop()
  assert.equal(segment.isAlive(token), true)
  child.kill('SIGCONT')
  child.tell('close')
  await child.hear('closed')
  assert.equal(segment.isAlive(token), false)
})

test('a zombie is dead', { skip: noStop }, async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  // The shell becomes a sleep, which never asks after its child. The child takes its input from a pipe nobody closes.
  const child = crew.start('attach', [name, 0], { prefix: ['sh', '-c', 'exec 3<&0; "$@" <&3 & exec sleep 1000', 'sh'] })
  const { token, pid } = await child.hear<Attached>()
  assert.notEqual(pid, child.pid)
  process.kill(pid, 'SIGKILL')
  await until(() => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '), 'it is a zombie')
  await until(() => !segment.isAlive(token), 'its last thread is gone')
  assert.ok(readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z '), 'it is a zombie still')
})

test('two containers that share /dev/shm, both with pid 1, are told apart', { skip: noPidNamespaces }, async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  const [a, b] = [0, 1].map(() => crew.start('attach', [name, 0], { prefix: inPidNamespace })) as [
    ReturnType<Crew['start']>,
    ReturnType<Crew['start']>,
  ]
  const [first, second] = [await a.hear<Attached>(), await b.hear<Attached>()]
  assert.deepEqual([first.pid, second.pid], [1, 1])
  assert.notEqual(first.slot, second.slot)
  const namespaces = segment.participants().map(({ pidNamespace }) => pidNamespace)
  assert.equal(new Set(namespaces).size, 3)
  await a.end()
  await until(() => !segment.isAlive(first.token), 'the first container is gone')
  assert.equal(segment.isAlive(second.token), true)
})

test('a process that gets the pid of a dead one is not taken for it', { skip: noPidReuse }, async (t) => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  const dead = crew.start('attach', [name, 0])
  const { token, pid } = await dead.hear<Attached>()
  await dead.end()
  for (let attempt = 0; attempt < 40; attempt++) {
    writeFileSync(lastPid, `${pid - 1}`)
    const next = crew.start('attach', [name, 0])
    const attached = await next.hear<Attached>()
    if (attached.pid !== pid) {
      await next.end()
      continue
    }
    assert.equal(segment.isAlive(token), false)
    assert.equal(segment.isAlive(attached.token), true)
    assert.notEqual(attached.token, token)
    return
  }
  t.skip(`pid ${pid} could not be had again: the machine is too busy`)
})

test('children of a killed holder do not keep its locks alive', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  const holder = crew.start('hold-and-spawn', [name])
  const orphans = await holder.hear<number[]>()
  try {
    assert.equal(mutex.tryAcquire(), undefined)
    await holder.end()
    using guard = mutex.acquire({ timeout: 30_000 })
    assert.equal(guard.recovered, true)
    for (const pid of orphans) process.kill(pid, 0)
  } finally {
    for (const pid of orphans) process.kill(-pid, 'SIGKILL')
  }
})

/** Kills a holder that has forked a child which runs no other program, and looks while that child lives. */
async function killForked(start: (env: Record<string, string>) => Promise<Actor>, look: () => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'memlane-fork-'))
  let orphan = 0
  try {
    // No runtime forks in this way by itself: a thread of a library that is loaded first does so when it is told to. (A signal
    // might come in the middle of an allocation, after which nothing may be allocated, and fork() allocates.)
    writeFileSync(
      join(folder, 'fork.c'),
      `#include <pthread.h>
       #include <stdio.h>
       #include <stdlib.h>
       #include <unistd.h>
       static void *fork_when_told(void *unused) {
         while (access(getenv("FORK_NOW"), F_OK) != 0) usleep(1000);
         if (fork() != 0) return unused;
         for (int i = 0; i < 3; i++) close(i);
         FILE *f = fopen(getenv("FORKED"), "w");
         fprintf(f, "%d ", getpid());
         fclose(f);
         for (;;) pause();
       }
       __attribute__((constructor)) static void install(void) {
         pthread_t thread;
         pthread_create(&thread, 0, fork_when_told, 0);
       }`,
    )
    execFileSync('cc', ['-shared', '-fPIC', '-pthread', '-o', join(folder, 'fork.so'), join(folder, 'fork.c')])
    const [told, forked] = [join(folder, 'now'), join(folder, 'pid')]
    const LD_PRELOAD = [process.env.LD_PRELOAD, join(folder, 'fork.so')].filter(Boolean).join(':')
    const holder = await start({ LD_PRELOAD, FORKED: forked, FORK_NOW: told })
    writeFileSync(told, '')
    await until(() => existsSync(forked) && /^[0-9]+ $/.test(readFileSync(forked, 'utf8')), 'it has forked')
    orphan = Number(readFileSync(forked, 'utf8'))
    await holder.end()
    look()
    process.kill(orphan, 0)
  } finally {
    if (orphan > 0) process.kill(orphan, 'SIGKILL')
    rmSync(folder, { recursive: true })
  }
}

test('a child that forked from a holder and runs no other program does not keep its locks alive', {
  skip: compiler,
}, async () => {
  await using crew = new Crew()
  const name = crew.name()
  using mutex = Mutex.open(name)
  const start = async (env: Record<string, string>): Promise<Actor> => {
    const holder = crew.start('hold', ['mutex', name], { env })
    await holder.hear({ recovered: false })
    return holder
  }
  await killForked(start, () => {
    using guard = mutex.acquire({ timeout: 20_000 })
    assert.equal(guard.recovered, true)
  })
})

test('nor does it keep those on a large sparse segment, which is mapped into memory of the engine', {
  skip: compiler,
}, async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, { kind: 'x', size: 2 ** 26, commit: 4096 })
  let token = 0
  const start = async (env: Record<string, string>): Promise<Actor> => {
    const holder = crew.start('attach', [name, 0, { sparse: true }], { env })
    token = (await holder.hear<Attached>()).token
    assert.equal(segment.isAlive(token), true)
    return holder
  }
  await killForked(start, () => assert.equal(segment.isAlive(token), false))
})

test('a lastClose segment whose last user was killed is cleaned by the next list', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const segment = Segment.create(name, patterned({ lifetime: 'lastClose' }))
  const last = crew.start('attach', [name, 0])
  await last.hear()
  segment.close()
  assert.ok(listSegments().some((info) => info.name === name))
  await last.end()
  assert.ok(!listSegments().some((info) => info.name === name))
  assert.equal(inspectSegment(name), undefined)
})

test('a lastClose segment whose last user was killed is cleaned by the next open, and made anew by the next creator', async () => {
  await using crew = new Crew()
  for (const how of ['open', 'createOrOpen', 'create'] as const) {
    const name = crew.name()
    const segment = Segment.create(name, patterned({ lifetime: 'lastClose' }))
    const inode = inspectSegment(name)?.stat.inode
    const last = crew.start('attach', [name, 0])
    await last.hear()
    segment.close()
    await last.end()
    if (how === 'open') {
      await refuses('ERR_NOT_FOUND', () => Segment.open(name), /killed/)
      assert.equal(inspectSegment(name), undefined)
    } else {
      using next = Segment[how](name, patterned({ lifetime: 'lastClose' }))
      assert.equal(next.created, true)
      assert.notEqual(inspectSegment(name)?.stat.inode, inode)
    }
  }
})

test('many that come and go at once never share a slot', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, { kind: 'x', size: 1, participants: 6 })
  for (let round = 0; round < 3; round++) {
    const children = crew.startMany(5, 'attach', [name, 0])
    const attached = await watched(Promise.all(children.map((child) => child.hear<Attached>())), 'all to attach')
    assert.equal(new Set(attached.map(({ slot }) => slot)).size, 5)
    assert.ok(attached.every(({ token }) => segment.isAlive(token)))
    await Promise.all(children.map((child) => child.end()))
    assert.ok(attached.every(({ token }) => !segment.isAlive(token)))
  }
})
