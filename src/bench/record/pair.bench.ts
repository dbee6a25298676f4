// bench: a reader beside a writer that never pauses, and how long a change takes to wake who awaits it in another
// process, beside the same over a Unix socket.

import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { array, f64, i32, record } from '../../record/index.js'
import { emit, ended, percentile, placed, RUNS, startRole } from '../membridge/harness.js'

const US = `memlane/record (Node ${process.versions.node})`
const program = fileURLToPath(import.meta.url)
const Frame = record({ first: i32(), data: array('i32', [20_000]), last: i32() })
const Tick = record({ n: f64(), sent: f64() })
const TARGET_MS = 1000 * Number(process.env.TARGET_S ?? 0.25)
const CHANGES = 2000
const BATCHES = 10
const PAUSE_MS = 0.5

const clock = (): number => Number(process.hrtime.bigint())
const [role, name = `bench-recp-${process.pid}`] = process.argv.slice(2)

if (role === 'busyWriter') {
  using out = Frame.open(name)
  console.log('ready')
  const data = new Int32Array(20_000)
  for (let n = 1; ; n = (n + 1) | 0) out.write({ first: n, data: data.fill(n), last: n })
} else if (role === 'echo') {
  // Answers every change by a change of its own.
  using ping = Tick.open(`${name}a`)
  using pong = Tick.open(`${name}b`)
  console.log('ready')
  for await (const s of ping.changes()) {
    if (s.n.value < 0) break
    pong.write({ n: s.n.value, sent: s.sent.value })
  }
} else if (role === 'socket') {
  const socket = connect(name)
  socket.on('connect', () => console.log('ready'))
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('close', () => process.exit())
} else {
  await beside()
  await wakes()
}

/** Frames read per second, every element compared apart from the time. */
async function beside(): Promise<void> {
  using reader = Frame.create(name, { lifetime: 'lastClose' })
  const { result, rtt } = await placed(async () => {
    const writer = await startRole(program, 'busyWriter', [name])
    const target = {
      first: 0,
      last: 0,
      data: { data: new Int32Array(20_000), shape: [20_000], stride: [1], offset: 0 },
    }
    const runs: number[] = []
    let torn = 0
    for (let run = 0; run < RUNS; run++) {
      let [reads, spent] = [0, 0]
      const end = performance.now() + TARGET_MS
      while (performance.now() < end) {
        const start = performance.now()
        reader.readInto(target)
        spent += performance.now() - start
        reads++
        const { data } = target.data
        for (let i = 0; i < data.length; i++) if (data[i] !== target.first) torn++
        if (target.first !== target.last) torn++
      }
      runs.push((reads * 1000) / spent)
    }
    writer.kill('SIGKILL')
    await ended(writer)
    return { runs, torn }
  })
  emit(
    '3',
    'read 80 KB beside a writer that never pauses, 2 processes',
    US,
    'ops/s',
    result.runs,
    `readInto; ${result.torn} torn, every element compared`,
    rtt,
  )
}

/** Both kinds in turns, so that whatever else the machine does falls on both. */
async function wakes(): Promise<void> {
  using ping = Tick.create(`${name}a`, { lifetime: 'lastClose' })
  using pong = Tick.create(`${name}b`, { lifetime: 'lastClose' })
  const path = join(tmpdir(), `${name}.sock`)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const echoes = [await startRole(program, 'echo', [name]), await startRole(program, 'socket', [path])]
  const socket = await connected
  const message = Buffer.alloc(16)
  let n = 0
  const byRecord = async (): Promise<void> => {
    ping.write({ n: ++n, sent: 0 })
    await pong.next()
  }
  const bySocket = (): Promise<void> =>
    new Promise((resolve) => {
      socket.once('data', () => resolve())
      socket.write(message)
    })
  const { result, rtt } = await placed(async () => {
    const ours: number[] = []
    const theirs: number[] = []
    for (let batch = 0; batch < BATCHES; batch++) {
      await roundTrips(byRecord, ours)
      await roundTrips(bySocket, theirs)
    }
    return { ours, theirs }
  })
  ping.write({ n: -1, sent: 0 })
  socket.destroy()
  server.close()
  for (const echo of echoes) await ended(echo)
  rmSync(path, { force: true })
  report(US, result.ours, 'write, next() in the other process, and back; in turns with the socket', rtt)
  report('Unix socket (node:net)', result.theirs, '16 bytes there and back; in turns with the record', rtt)
}

/** Half a round trip is one change seen. Pauses between, so that both sides sleep. */
async function roundTrips(once: () => Promise<void>, into: number[]): Promise<void> {
  for (let i = 0; i < CHANGES / BATCHES; i++) {
    const start = clock()
    await once()
    into.push((clock() - start) / 2)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

function report(peer: string, samples: number[], note: string, rtt: number[]): void {
  const sorted = samples.sort((a, b) => a - b)
  for (const part of [0.5, 0.99]) {
    emit('5', `change to await next(), 2 processes, p${part * 100}`, peer, 'ns', [percentile(sorted, part)], note, rtt)
  }
}
