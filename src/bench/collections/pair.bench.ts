// bench: two processes on one map. A reader beside a writer that never pauses; two writers; and how long a change takes to
// reach who watches it in another process, beside process.send and a keyspace notification of Redis.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { SharedMap } from '../../collections/index.js'
import { emit, ended, percentile, placed, RUNS, startRole } from '../membridge/harness.js'
import { sink, US } from './peers.js'
import { converse, startRedis } from './redis.js'

const KEYS = 1000
/** Of a run; and as many before it, until both sides are compiled. */
const CHANGES = 2000
const SECONDS = Number(process.env.TARGET_S ?? 0.25)
const program = fileURLToPath(import.meta.url)
const [role, name = `bench-pair-${process.pid}`] = process.argv.slice(2)
const keys = Array.from({ length: KEYS }, (_, i) => `k${i}`)
const clock = (): number => Number(process.hrtime.bigint())

if (role === 'write') {
  using map = SharedMap.open<string, number>(name)
  console.log('ready')
  for (let i = 0; ; i++) map.set(keys[i % KEYS]!, i)
} else if (role === 'tell') {
  // Answers each change of `ping` by one of `pong`.
  using map = SharedMap.open<string, number>(name)
  const changes = map.watch('ping')
  console.log('ready')
  for await (const { value } of changes) map.set('pong', value!)
} else if (role === 'send') {
  process.on('message', (message) => process.send?.(message))
  process.send?.('ready')
} else if (role === 'redis') {
  let n = 0
  const other = await converse(name, 'pong', 'ping', () => other.set(++n))
  console.log('ready')
} else {
  using map = SharedMap.open<string, number>(name, { lifetime: 'lastClose' })
  for (const key of keys) map.set(key, 0)
  map.set('ping', 0)
  map.set('pong', 0)
  await reads(map)
  await writes(map)
  await notices(map)
}

function spin(body: (i: number) => void): number {
  const start = performance.now()
  let n = 0
  for (; performance.now() - start < SECONDS * 1000; n += 1000) for (let i = 0; i < 1000; i++) body(n + i)
  return (n * 1000) / (performance.now() - start)
}

async function reads(map: SharedMap<string, number>): Promise<void> {
  const read = (i: number): void => {
    sink.value = map.get(keys[(i * 7919) % KEYS]!)
  }
  spin(read)
  emit(
    '3',
    'get int, 1000 keys, alone',
    US,
    'ops/s',
    Array.from({ length: RUNS }, () => spin(read)),
    '',
  )
  const { result, rtt } = await placed(async () => {
    const writer = await startRole(program, 'write', [name])
    const runs = Array.from({ length: RUNS }, () => spin(read))
    const times = new Float64Array(200_000)
    for (let i = 0; i < times.length; i++) {
      const start = clock()
      read(i)
      times[i] = clock() - start
    }
    writer.kill('SIGKILL')
    await ended(writer)
    return { runs, times: times.sort() }
  })
  emit('3', 'get int, 1000 keys, beside a writer that never pauses', US, 'ops/s', result.runs, '', rtt)
  for (const part of [0.5, 0.99, 0.9999])
    emit(
      '3',
      `one get beside that writer, p${part * 100}`,
      US,
      'us',
      [percentile(result.times, part) / 1000],
      'two looks at the clock included',
      rtt,
    )
}

async function writes(map: SharedMap<string, number>): Promise<void> {
  const write = (i: number): void => {
    map.set(keys[i % KEYS]!, i)
  }
  spin(write)
  emit(
    '3',
    'set int, 1000 keys, one writer',
    US,
    'ops/s',
    Array.from({ length: RUNS }, () => spin(write)),
    '',
  )
  const { result, rtt } = await placed(async () => {
    const others = [await startRole(program, 'write', [name])]
    const runs = Array.from({ length: RUNS }, () => spin(write))
    for (const other of others) {
      other.kill('SIGKILL')
      await ended(other)
    }
    return runs
  })
  emit('3', 'set int, 1000 keys, this one of two writers', US, 'ops/s', result, 'the other one does about as many', rtt)
}

/** One way to tell another process of a change and to be answered. */
interface Talk {
  ask(i: number): Promise<void>
  end(): Promise<void>
}

async function byWatch(map: SharedMap<string, number>): Promise<Talk> {
  const other = await startRole(program, 'tell', [name])
  const changes = map.watch('pong')
  return {
    async ask(i) {
      map.set('ping', i)
      while ((await changes.next()).value!.value !== i);
    },
    async end() {
      changes.close()
      other.kill('SIGKILL')
      await ended(other)
    },
  }
}

async function bySend(): Promise<Talk> {
  const other: ChildProcess = fork(program, ['send'])
  await once(other, 'message')
  return {
    async ask(i) {
      other.send(i)
      await once(other, 'message')
    },
    async end() {
      other.kill('SIGKILL')
      await ended(other)
    },
  }
}

async function byRedis(socket: string): Promise<Talk> {
  const other = await startRole(program, 'redis', [socket])
  let answered = (): void => {}
  const here = await converse(socket, 'ping', 'pong', () => answered())
  return {
    async ask(i) {
      const answer = new Promise<void>((resolve) => {
        answered = resolve
      })
      here.set(i)
      await answer
    },
    async end() {
      here.end()
      other.kill('SIGKILL')
      await ended(other)
    },
  }
}

/**
 * In turns, each time with a new partner: where the scheduler puts the two of them decides as much as what they do, and
 * what it likes changes by the second.
 */
async function notices(map: SharedMap<string, number>): Promise<void> {
  const server = await startRedis()
  const ways: { peer: string; begin: () => Promise<Talk> }[] = [
    { peer: `${US} watch`, begin: () => byWatch(map) },
    { peer: 'process.send', begin: bySend },
  ]
  if (server !== undefined) ways.push({ peer: server.peer, begin: () => byRedis(server.socket) })
  const rounds = Array.from({ length: RUNS }, (_, round) => round)
  const { result, rtt } = await placed(async () => {
    const runs = ways.map((): number[][] => [])
    for (const round of rounds)
      for (const [way, { begin }] of ways.entries()) {
        const talk = await begin()
        const times: number[] = []
        for (let i = 1; i <= 2 * CHANGES; i++) {
          const start = clock()
          await talk.ask(2 * round * CHANGES + i)
          if (i > CHANGES) times.push((clock() - start) / 2000)
        }
        await talk.end()
        runs[way]!.push(times.sort((a, b) => a - b))
      }
    return runs
  })
  await server?.end()
  for (const part of [0.5, 0.99])
    for (const [way, { peer }] of ways.entries())
      emit(
        '4',
        `change to notification, p${part * 100}`,
        peer,
        'us',
        result[way]!.map((times) => percentile(times, part)),
        'half of a round trip; in turns, each time with a new partner',
        rtt,
      )
}
