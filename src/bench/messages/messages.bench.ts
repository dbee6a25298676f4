// bench: messages. Put and take of a message with a nested object, and of a shared one, in one process; round trips between two
// processes that sleep until a message comes, beside a Unix socket. Peer of the first: InterProcessPyObjects, by --rows.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SharedHeap } from '../../collections/index.js'
import { sink, US } from '../collections/peers.js'
import { emit, ended, percentile, placed, RUNS, rate, startRole } from '../membridge/harness.js'

const PROGRAM = fileURLToPath(import.meta.url)
const TARGET_MS = 1000 * Number(process.env.TARGET_S ?? 0.25)
const BATCH = 200
const ROUNDS = 2000
/** Between round trips, so that both sides are asleep. Milliseconds. */
const PAUSE = 1
const OPTIONS = { lifetime: 'lastClose', maxSize: '64 MiB' } as const

const thing = (): object => ({
  number: 7,
  text: 'hello',
  items: [1, 2.5, true, null, 5],
  data: { key1: 1, key2: 'v', 'key,2': 3 },
  boss: { years: 3, name: 'Ann' },
})

/** As the peer's program: batches, putting and taking timed apart. */
function putAndTake(heap: SharedHeap, make: () => unknown): { put: number[]; take: number[] } {
  const { messages } = heap
  const put: number[] = []
  const take: number[] = []
  for (let run = 0; run <= RUNS; run++) {
    let putting = 0
    let taking = 0
    let done = 0
    while (putting + taking < TARGET_MS) {
      const fresh = Array.from({ length: BATCH }, make)
      const start = performance.now()
      for (let i = 0; i < BATCH; i++) messages.put(fresh[i])
      const between = performance.now()
      for (let i = 0; i < BATCH; i++) sink.value = messages.tryTake()
      taking += performance.now() - between
      putting += between - start
      done += BATCH
    }
    if (run === 0) continue
    put.push((1000 * done) / putting)
    take.push((1000 * done) / taking)
  }
  return { put, take }
}

async function trips(one: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
    const start = process.hrtime.bigint()
    await one()
    times.push(Number(process.hrtime.bigint() - start))
  }
  return times.slice(ROUNDS / 10).sort((a, b) => a - b)
}

async function queues(name: string): Promise<number[]> {
  using heap = SharedHeap.open<number>(name, OPTIONS)
  const back = heap.queue<number>('back')
  const child = await startRole(PROGRAM, 'queue', [name])
  const times = await trips(async () => {
    heap.messages.put(1)
    await back.take()
  })
  heap.messages.put(0)
  await ended(child)
  return times
}

async function queueEcho(name: string): Promise<void> {
  using heap = SharedHeap.open<number>(name, OPTIONS)
  const back = heap.queue<number>('back')
  console.log('ready')
  for await (const message of heap.messages) {
    if (message === 0) break
    back.put(message)
  }
}

async function sockets(path: string): Promise<number[]> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  const connection = once(server, 'connection')
  const child = await startRole(PROGRAM, 'socket', [path])
  const [socket] = (await connection) as [Socket]
  const message = Buffer.alloc(8)
  const times = await trips(async () => {
    socket.write(message)
    await once(socket, 'data')
  })
  socket.destroy()
  server.close()
  await ended(child)
  rmSync(path, { force: true })
  return times
}

async function socketEcho(path: string): Promise<void> {
  const socket = connect(path)
  await once(socket, 'connect')
  console.log('ready')
  socket.on('data', (data) => socket.write(data))
  await once(socket, 'close')
}

const [role, argument = ''] = process.argv.slice(2)
if (role === 'queue') await queueEcho(argument)
else if (role === 'socket') await socketEcho(argument)
else {
  {
    using heap = SharedHeap.open(`bench-messages-${process.pid}`, OPTIONS)
    const { put, take } = putAndTake(heap, thing)
    emit('6', 'put_message nested object', US, 'ops/s', put, 'object with list and two inner objects; a copy')
    emit('6', 'take_message nested object', US, 'ops/s', take, 'a copy')
    const shared = heap.share(thing())
    const led = putAndTake(heap, () => shared)
    emit('6', 'put_message nested object', US, 'ops/s', led.put, 'a shared object, by reference')
    emit('6', 'take_message nested object', US, 'ops/s', led.take, 'a shared object, by reference')
    let sum = 0
    const section = (): void => {
      sum += 1
    }
    emit(
      '6',
      'exclusive section, uncontended',
      US,
      'ops/s',
      rate((n) => {
        for (let i = 0; i < n; i++) heap.exclusive(section)
      }),
      '',
    )
    sink.value = sum
  }
  for (const [peer, measure] of [
    [US, () => queues(`bench-messages-trip-${process.pid}`)],
    [`Unix socket (Node ${process.versions.node})`, () => sockets(join(tmpdir(), `memlane-bench-${process.pid}`))],
  ] as const) {
    const { result, rtt } = await placed(measure)
    for (const part of [0.5, 0.99])
      emit(
        'messages',
        `round trip of two that sleep, p${part * 100}`,
        peer,
        'ns',
        [percentile(result, part)],
        'a message there, await, one back',
        rtt,
      )
  }
}
