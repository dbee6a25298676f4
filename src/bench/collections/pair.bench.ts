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
const CHANGES = 3000
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
  await sends()
  await redisNotices()
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

async function notices(map: SharedMap<string, number>): Promise<void> {
  const { result, rtt } = await placed(async () => {
    const other = await startRole(program, 'tell', [name])
    const times: number[] = []
    const changes = map.watch('pong')
    for (let i = 1; i <= CHANGES; i++) {
      const start = clock()
      map.set('ping', i)
      while ((await changes.next()).value!.value !== i);
      times.push((clock() - start) / 2000)
    }
    changes.close()
    other.kill('SIGKILL')
    await ended(other)
    return times.sort((a, b) => a - b)
  })
  for (const part of [0.5, 0.99])
    emit(
      '4',
      `change to notification, p${part * 100}`,
      `${US} watch`,
      'us',
      [percentile(result, part)],
      'half of a round trip',
      rtt,
    )
}

async function sends(): Promise<void> {
  const { result, rtt } = await placed(async () => {
    const other: ChildProcess = fork(program, ['send'])
    await once(other, 'message')
    const times: number[] = []
    for (let i = 0; i < CHANGES; i++) {
      const start = clock()
      other.send(i)
      await once(other, 'message')
      times.push((clock() - start) / 2000)
    }
    other.kill('SIGKILL')
    await ended(other)
    return times.sort((a, b) => a - b)
  })
  for (const part of [0.5, 0.99])
    emit(
      '4',
      `change to notification, p${part * 100}`,
      'process.send',
      'us',
      [percentile(result, part)],
      'half of a round trip',
      rtt,
    )
}

async function redisNotices(): Promise<void> {
  const server = await startRedis()
  if (server === undefined) return
  const { result, rtt } = await placed(async () => {
    const other = await startRole(program, 'redis', [server.socket])
    let answered = (): void => {}
    const here = await converse(server.socket, 'ping', 'pong', () => answered())
    const times: number[] = []
    for (let i = 1; i <= CHANGES; i++) {
      const start = clock()
      const answer = new Promise<void>((resolve) => {
        answered = resolve
      })
      here.set(i)
      await answer
      times.push((clock() - start) / 2000)
    }
    here.end()
    other.kill('SIGKILL')
    await ended(other)
    return times.sort((a, b) => a - b)
  })
  await server.end()
  for (const part of [0.5, 0.99])
    emit(
      '4',
      `change to notification, p${part * 100}`,
      server.peer,
      'us',
      [percentile(result, part)],
      'half of a round trip',
      rtt,
    )
}
