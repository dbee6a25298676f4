// bench: locks, copies and segments against what C and the operating system need for the same. One JSON line a result:
// { case, metric, peer, unit, runs, note }. RUNS sets how often each is measured; nothing is compared with a limit here.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Segment } from '../../segment/index.js'
import { Event, Mutex } from '../../sync/index.js'

const RUNS = Number(process.env.RUNS ?? 5)
const US = `Memlane (${process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`})`
const me = fileURLToPath(import.meta.url)
const [role, ...names] = process.argv.slice(2)

function emit(group: string, metric: string, peer: string, unit: string, runs: number[], note: string): void {
  console.log(
    JSON.stringify({ case: group, metric, peer, unit, runs: runs.map((run) => Number(run.toPrecision(4))), note }),
  )
}

const times = (measure: () => number): number[] => Array.from({ length: RUNS }, measure)
const spent = (start: bigint): number => Number(process.hrtime.bigint() - start)

/** Two mutexes handed to and fro, so that each side sleeps until the other lets it go: turn A, turn B. */
function playMutexes(mine: Mutex, theirs: Event, my: Event, rounds: number, first: boolean): void {
  for (let i = 0; i < rounds; i++) {
    if (first) theirs.set()
    my.wait()
    mine.acquire().release()
    if (!first) theirs.set()
  }
}

/** Starts another process of this program, and waits for the first line it prints. */
async function child(which: string, ...args: string[]): Promise<{ process: ChildProcess; line: string }> {
  const process_ = spawn(process.execPath, [me, which, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(process_.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return { process: process_, line: line.toString().trim() }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'memlane-bench-'))
  const name = (what: string): string => `bench-${what}-${process.pid}`
  const c = join(folder, 'ground')
  const source = fileURLToPath(new URL('../../../bench/c/ground.c', import.meta.url))
  const built =
    spawnSync('cc', ['-O2', '-D_GNU_SOURCE', '-o', c, source, '-lrt', '-lpthread'], { stdio: 'inherit' }).status === 0
  const runC = (which: string): void => {
    if (built) spawnSync(c, [which, String(RUNS)], { stdio: 'inherit' })
  }
  try {
    const mutex = Mutex.open(name('m'))
    const lockAndFree = (): number => {
      const n = 2_000_000
      const start = process.hrtime.bigint()
      for (let i = 0; i < n; i++) mutex.acquire().release()
      return spent(start) / n
    }
    lockAndFree()
    emit('mutex', 'acquire and release, uncontended', US, 'ns', times(lockAndFree), 'Mutex.acquire().release()')

    runC('futex')
    const [a, b] = [Event.open(name('a'), { reset: 'auto' }), Event.open(name('b'), { reset: 'auto' })]
    const partner = await child('partner', name('m'), name('a'), name('b'))
    const rounds = 3000
    emit(
      'mutex',
      'hand-over between two parked processes',
      US,
      'us',
      times(() => {
        const start = process.hrtime.bigint()
        playMutexes(mutex, b, a, rounds, true)
        return spent(start) / rounds / 2 / 1000
      }),
      'an event wakes the other, which takes and frees the mutex; half a round trip',
    )
    partner.process.kill('SIGKILL')

    const awaiting = await child('awaiter', name('a'), name('b'))
    const runs: number[] = []
    for (let run = 0; run < RUNS; run++) {
      const start = process.hrtime.bigint()
      for (let i = 0; i < 1000; i++) {
        b.set()
        await a.waitAsync()
      }
      runs.push(spent(start) / 1000 / 1000)
    }
    emit('await', 'round trip that sleeps on both sides', US, 'us', runs, 'set() and await waitAsync() on either side')
    awaiting.process.kill('SIGKILL')

    const path = join(folder, 'socket')
    const server = createServer((socket) => socket.on('data', (bytes) => socket.write(bytes))).listen(path)
    await once(server, 'listening')
    console.log((await child('socket', path)).line)
    server.close()

    runC('memcpy')
    const segment = Segment.create(name('s'), { kind: 'bench', size: 2 ** 20 })
    const own = new Uint8Array(2 ** 20).fill(1)
    const there = segment.memory.u8.subarray(segment.body, segment.body + 2 ** 20)
    for (const [what, from, to] of [
      ['in', own, there],
      ['out', there, own],
    ] as const) {
      emit(
        'copy',
        '1 MiB',
        `${US}, ${what}`,
        'GB/s',
        times(() => {
          const start = process.hrtime.bigint()
          for (let i = 0; i < 2000; i++) to.set(from)
          return (2 ** 20 * 2000) / spent(start)
        }),
        'Uint8Array.set',
      )
    }
    segment.close()

    runC('segment')
    const cycle = (): number => {
      const n = 500
      const start = process.hrtime.bigint()
      for (let i = 0; i < n; i++) {
        const one = Segment.create(name('s2'), { kind: 'bench', size: 65_536 })
        one.close()
        Segment.unlink(name('s2'))
      }
      return spent(start) / n / 1000
    }
    cycle()
    emit('segment', 'create, open, close of 64 KiB', US, 'us', times(cycle), 'unlink included')
    mutex.close()
  } finally {
    for (const what of ['m', 'a', 'b', 's', 's2']) Segment.unlink(name(what))
    rmSync(folder, { recursive: true, force: true })
  }
}

if (role === 'partner') {
  const [mutex, a, b] = [Mutex.open(names[0]!), Event.open(names[1]!), Event.open(names[2]!)]
  console.log('ready')
  playMutexes(mutex, a, b, Number.POSITIVE_INFINITY, false)
} else if (role === 'awaiter') {
  const [a, b] = [Event.open(names[0]!), Event.open(names[1]!)]
  console.log('ready')
  for (;;) {
    await b.waitAsync()
    a.set()
  }
} else if (role === 'socket') {
  const socket = connect(names[0]!)
  await once(socket, 'connect')
  const runs: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < 1000; i++) {
      socket.write('x')
      await once(socket, 'data')
    }
    runs.push(spent(start) / 1000 / 1000)
  }
  emit('await', 'round trip that sleeps on both sides', 'Unix socket (node:net)', 'us', runs, '1 byte')
  socket.destroy()
} else {
  await main()
}
