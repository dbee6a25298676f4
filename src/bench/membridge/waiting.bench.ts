// bench: round trips between two processes that sleep until a message comes, beside a Unix socket.

import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SharedMemory } from '../../interop/membridge/index.js'
import { emit, ended, percentile, placed, RUNS, startRole, US } from './harness.js'

const PROGRAM = fileURLToPath(import.meta.url)
const ROUNDS = 3000
/** Between round trips, so that both sides are asleep. Milliseconds. */
const PAUSE = 1
const SIZE = 64

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE))

async function rings(name: string): Promise<number[]> {
  using there = SharedMemory.create(name, 4096 + 24, { replace: true }).spsc()
  using back = SharedMemory.create(`${name}-b`, 4096 + 24, { replace: true }).spsc()
  const child = await startRole(PROGRAM, 'ring', [name])
  const message = new Uint8Array(SIZE)
  const times = await trips(async () => {
    there.push(message)
    await back.popAsync()
  })
  there.push('')
  await ended(child)
  SharedMemory.remove(name)
  SharedMemory.remove(`${name}-b`)
  return times
}

async function ringEcho(name: string): Promise<void> {
  using there = SharedMemory.open(name).spsc()
  using back = SharedMemory.open(`${name}-b`).spsc()
  console.log('ready')
  for await (const message of there.messages()) {
    if (message.length !== SIZE) break
    back.push(message)
  }
}

async function sockets(path: string): Promise<number[]> {
  const server = createServer().listen(path)
  await once(server, 'listening')
  const connection = once(server, 'connection')
  const child = await startRole(PROGRAM, 'socket', [path])
  const [socket] = (await connection) as [Socket]
  const message = Buffer.alloc(SIZE)
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

function socketEcho(path: string): void {
  const socket = connect(path)
  socket.on('data', (data) => socket.write(data))
  console.log('ready')
}

/** Sorted times of round trips, in nanoseconds. */
async function trips(trip: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < ROUNDS / 10; i++) await trip()
  for (let i = 0; i < ROUNDS / RUNS; i++) {
    await pause()
    const start = performance.now()
    await trip()
    times.push((performance.now() - start) * 1e6)
  }
  return times.sort((a, b) => a - b)
}

const [role, name = ''] = process.argv.slice(2)
if (role === 'ring') {
  await ringEcho(name)
} else if (role === 'socket') {
  socketEcho(name)
} else {
  const ways = [
    [`${US} push, await popAsync`, () => rings(`/memlane-bench-${process.pid}`)],
    ['Unix socket, node:net', () => sockets(join(tmpdir(), `memlane-bench-${process.pid}.sock`))],
  ] as const
  for (const [peer, way] of ways) {
    const results: number[][] = []
    const { rtt } = await placed(async () => {
      for (let run = 0; run < RUNS; run++) results.push(await way())
    })
    for (const [p, part] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      const runs = results.map((times) => percentile(times, part))
      emit('5', `ping-pong RTT ${SIZE} B, both asleep ${p}`, peer, 'ns', runs, '1 ms apart', rtt)
    }
  }
}
