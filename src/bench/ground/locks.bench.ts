// bench: locks, copies and segments against what C and the operating system need for the same, in turns with it, after a
// round of everything for warming up.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Segment } from '../../segment/index.js'
import { Event, Mutex } from '../../sync/index.js'
import { emit, ended, percentile, placed, RUNS, rate, startRole } from '../membridge/harness.js'

const US = `Memlane (${process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`})`
const me = fileURLToPath(import.meta.url)
const [role, place, ...names] = process.argv.slice(2)
const name = (what: string): string => `bench-${what}-${process.pid}`
const folder = role === undefined ? mkdtempSync(join(tmpdir(), 'memlane-bench-')) : ''

/** One look at something: nanoseconds of each time. */
function times(count: number, work: () => void): number[] {
  return Array.from({ length: count }, () => {
    const start = process.hrtime.bigint()
    work()
    return Number(process.hrtime.bigint() - start)
  })
}

async function awaited(count: number, work: () => Promise<void>): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) {
    const start = process.hrtime.bigint()
    await work()
    all.push(Number(process.hrtime.bigint() - start))
  }
  return all
}

const PROCESSORS = cpus().length

/** Keeps this process on one processor: the scheduler's choice of one or two decides more than what is measured. */
function pin(processor: number | 'any'): void {
  const list = processor === 'any' ? `0-${PROCESSORS - 1}` : String(processor)
  spawnSync('taskset', ['-acp', list, String(process.pid)])
}

const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / all.length

/** Runs each so often, one after the other, and drops what the first round gave. */
async function inTurns<A, B>(ours: () => A | Promise<A>, theirs: () => B | Promise<B>): Promise<[A[], B[]]> {
  const runs: [A[], B[]] = [[], []]
  for (let run = 0; run <= RUNS; run++) {
    runs[0].push(await ours())
    runs[1].push(await theirs())
  }
  return [runs[0].slice(1), runs[1].slice(1)]
}

/** Rows of percentiles, in microseconds. */
function report(group: string, metric: string, peer: string, runs: number[][], note: string, rtt?: number[]): void {
  const sorted = runs.map((run) => [...run].sort((a, b) => a - b))
  for (const part of [0.5, 0.9, 0.99]) {
    const values = sorted.map((run) => percentile(run, part) / 1000)
    emit(group, `${metric}, p${part * 100}`, peer, 'us', values, note, rtt)
  }
}

/** On how many processors two processes run. */
type Place = 'one' | 'two'

interface Row {
  readonly case: string
  readonly metric: string
  readonly peer: string
  readonly unit: string
  readonly runs: number[]
  readonly note: string
}

const c = join(folder, 'ground')

function buildC(): void {
  const source = fileURLToPath(new URL('../../../bench/c/ground.c', import.meta.url))
  spawnSync('cc', ['-O2', '-D_GNU_SOURCE', '-o', c, source, '-lrt', '-lpthread'], { stdio: 'inherit' })
}

/** One run of the C program; undefined without a compiler. */
function runC(which: string, place: Place = 'two'): Row | undefined {
  const { stdout } = spawnSync(c, [which, '1', place === 'one' ? '0' : '1'], { encoding: 'utf8' })
  return stdout ? (JSON.parse(stdout) as Row) : undefined
}

function emitC(rows: (Row | undefined)[], rtt?: number[], where: string = ''): void {
  const [row] = rows
  if (row === undefined) return
  const runs = rows.flatMap((one) => one?.runs ?? [])
  emit(row.case, row.metric + where, row.peer, row.unit, runs, row.note, rtt)
}

async function mutexes(): Promise<void> {
  using mutex = Mutex.open(name('m'))
  const lockAndFree = rate((n) => {
    for (let i = 0; i < n; i++) mutex.acquire().release()
  })
  const nanoseconds = lockAndFree.map((perSecond) => 1e9 / perSecond)
  emit('mutex', 'acquire and release, uncontended', US, 'ns', nanoseconds, 'Mutex.acquire().release()')

  for (const place of ['one', 'two'] as const) await handOvers(mutex, place)
}

async function handOvers(mutex: Mutex, place: Place): Promise<void> {
  using a = Event.open(name('a'), { reset: 'auto' })
  using b = Event.open(name('b'), { reset: 'auto' })
  const trip = (): void => {
    b.set()
    a.wait()
    mutex.acquire().release()
  }
  const { result, rtt } = await placed(async () => {
    const partner = await startRole(me, 'partner', [place, name('m'), name('a'), name('b')])
    pin(0)
    const [ours, theirs] = await inTurns(
      () => times(3000, trip),
      () => runC('futex', place),
    )
    pin('any')
    partner.kill('SIGKILL')
    await ended(partner)
    return { halves: ours.map((run) => mean(run) / 2000), theirs }
  })
  const where = place === 'one' ? ', on one processor' : ', on two processors'
  emitC(result.theirs, rtt, where)
  const note = 'an event wakes the other, which takes and frees the mutex; half a round trip'
  emit('mutex', `hand-over between two parked processes${where}`, US, 'us', result.halves, note, rtt)
}

/** The other side of a hand-over. */
function partner(mutex: Mutex, a: Event, b: Event): void {
  console.log('ready')
  for (;;) {
    b.wait()
    mutex.acquire().release()
    a.set()
  }
}

async function waits(): Promise<void> {
  using a = Event.open(name('a'), { reset: 'auto' })
  using b = Event.open(name('b'), { reset: 'auto' })
  const path = join(folder, 'socket')
  const server = createServer().listen(path)
  await once(server, 'listening')
  const { result, rtt } = await placed(async () => {
    const connection = once(server, 'connection')
    const others = [
      await startRole(me, 'awaiter', ['two', name('a'), name('b')]),
      await startRole(me, 'socket', ['two', path]),
    ]
    const [socket] = await connection
    pin(0)
    const both = await inTurns(
      () =>
        awaited(1000, async () => {
          b.set()
          await a.waitAsync()
        }),
      () =>
        awaited(1000, async () => {
          socket.write('x')
          await once(socket, 'data')
        }),
    )
    pin('any')
    socket.destroy()
    for (const other of others) {
      other.kill('SIGKILL')
      await ended(other)
    }
    return both
  })
  server.close()
  const metric = 'round trip that sleeps on both sides, on two processors'
  report('await', metric, US, result[0], 'set() and await waitAsync() on either side', rtt)
  report('await', metric, 'Unix socket (node:net)', result[1], '1 byte there and back', rtt)
}

async function copies(): Promise<void> {
  using segment = Segment.create(name('s'), { kind: 'bench', size: 2 ** 20 })
  const own = new Uint8Array(2 ** 20).fill(1)
  const there = segment.memory.u8.subarray(segment.body, segment.body + 2 ** 20)
  const bytesPerNanosecond = (to: Uint8Array, from: Uint8Array): number =>
    2 ** 20 / mean(times(2000, () => to.set(from)))
  const [ours, theirs] = await inTurns(
    () => ({ in: bytesPerNanosecond(there, own), out: bytesPerNanosecond(own, there) }),
    () => runC('memcpy'),
  )
  emitC(theirs)
  for (const way of ['in', 'out'] as const) {
    const runs = ours.map((run) => run[way])
    emit('copy', '1 MiB', `${US}, ${way}`, 'GB/s', runs, 'Uint8Array.set')
  }
}

async function segments(): Promise<void> {
  const cycle = (): void => {
    Segment.create(name('s2'), { kind: 'bench', size: 65_536 }).close()
    Segment.unlink(name('s2'))
  }
  const [ours, theirs] = await inTurns(
    () => times(2000, cycle),
    () => runC('segment'),
  )
  emitC(theirs)
  const metric = 'create, open, close of 64 KiB'
  const means = ours.map((run) => mean(run) / 1000)
  emit('segment', metric, US, 'us', means, 'unlink included')
  report('segment', metric, US, ours, 'unlink included')
}

if (role !== undefined) pin(place === 'one' ? 0 : 1)
if (role === 'partner') {
  partner(Mutex.open(names[0]!), Event.open(names[1]!), Event.open(names[2]!))
} else if (role === 'awaiter') {
  const [a, b] = [Event.open(names[0]!), Event.open(names[1]!)]
  console.log('ready')
  for (;;) {
    await b.waitAsync()
    a.set()
  }
} else if (role === 'socket') {
  const socket = connect(names[0]!)
  socket.on('connect', () => console.log('ready'))
  socket.on('data', (bytes) => socket.write(bytes))
} else {
  try {
    buildC()
    await mutexes()
    await waits()
    await copies()
    await segments()
  } finally {
    for (const what of ['m', 'a', 'b', 's', 's2']) Segment.unlink(name(what))
    rmSync(folder, { recursive: true, force: true })
  }
}
