// bench: the ring between two processes, both polling: one-way rate and round trips, beside the Python package itself.

import { fileURLToPath } from 'node:url'
import { SharedMemory, type SpscRingBuffer } from '../../interop/membridge/index.js'
import { emit, ended, percentile, placed, RUNS, roundTrip, runPython, startRole, US } from './harness.js'

const PROGRAM = fileURLToPath(import.meta.url)
const CAPACITY = 1 << 20
const ROUNDS = 20_000
const SIZES = [
  [64, 1_000_000],
  [1024, 300_000],
] as const
const KINDS = ['bytes', 'into', 'str'] as const
type Kind = (typeof KINDS)[number]

const NOTES: Readonly<Record<Kind, string>> = {
  bytes: 'pop() gives a new Uint8Array',
  into: 'popInto() a buffer of the consumer',
  str: "pop('str')",
}

function payload(kind: Kind, size: number): string | Uint8Array {
  return kind === 'str' ? 'x'.repeat(size) : new Uint8Array(size).fill(120)
}

/** A function that takes one message, and says whether there was one. */
function taker(ring: SpscRingBuffer, kind: Kind, size: number): () => boolean {
  const target = new Uint8Array(size)
  if (kind === 'into') return () => ring.popInto(target) >= 0
  if (kind === 'str') return () => ring.pop('str') !== undefined
  return () => ring.pop() !== undefined
}

// ---- the other process

/** Takes messages of every run and tells the time of each by a ring back. */
function consume(name: string, kind: Kind, size: number, count: number, runs: number): void {
  using shm = SharedMemory.open(name)
  using ring = shm.spsc()
  using back = SharedMemory.open(`${name}-b`).spsc()
  const take = taker(ring, kind, size)
  console.log('ready')
  for (let run = 0; run < runs; run++) {
    while (!take());
    const start = performance.now()
    for (let got = 0; got < count; ) if (take()) got++
    back.push(performance.now() - start)
  }
}

function echo(name: string, kind: Kind, size: number, rounds: number): void {
  using ring = SharedMemory.open(name).spsc()
  using back = SharedMemory.open(`${name}-b`).spsc()
  const target = new Uint8Array(size)
  console.log('ready')
  for (let i = 0; i < rounds; i++) {
    if (kind === 'into') {
      while (ring.popInto(target) < 0);
      back.push(target)
    } else {
      let message: string | Uint8Array | undefined
      do message = kind === 'str' ? ring.pop('str') : ring.pop()
      while (message === undefined)
      back.push(message)
    }
  }
}

// ---- this process

async function oneWay(kind: Kind, size: number, count: number): Promise<number[]> {
  const name = `/memlane-bench-${process.pid}`
  using shm = SharedMemory.create(name, CAPACITY + 24, { replace: true })
  using other = SharedMemory.create(`${name}-b`, 4096 + 24, { replace: true })
  using ring = shm.spsc()
  using back = other.spsc()
  const child = await startRole(PROGRAM, 'consume', [name, kind, String(size), String(count), String(RUNS + 1)])
  const message = payload(kind, size)
  const rates: number[] = []
  for (let run = 0; run <= RUNS; run++) {
    for (let i = 0; i <= count; i++) while (!ring.push(message));
    let time: number | undefined
    do time = back.pop('float')
    while (time === undefined)
    if (run > 0) rates.push(count / (time / 1000))
  }
  await ended(child)
  SharedMemory.remove(name)
  SharedMemory.remove(`${name}-b`)
  return rates
}

async function pingPong(kind: Kind, size: number): Promise<Float64Array[]> {
  const name = `/memlane-bench-${process.pid}`
  using shm = SharedMemory.create(name, CAPACITY + 24, { replace: true })
  using other = SharedMemory.create(`${name}-b`, CAPACITY + 24, { replace: true })
  using ring = shm.spsc()
  using back = other.spsc()
  const child = await startRole(PROGRAM, 'echo', [name, kind, String(size), String(ROUNDS * (RUNS + 1))])
  const message = payload(kind, size)
  const take = taker(back, kind, size)
  const results: Float64Array[] = []
  for (let run = 0; run <= RUNS; run++) {
    const times = new Float64Array(ROUNDS)
    for (let i = 0; i < ROUNDS; i++) {
      const start = performance.now()
      ring.push(message)
      while (!take());
      times[i] = (performance.now() - start) * 1e6
    }
    if (run > 0) results.push(times.sort())
  }
  await ended(child)
  SharedMemory.remove(name)
  SharedMemory.remove(`${name}-b`)
  return results
}

const PYTHON = `
import json, os, sys, time
import membridge
CAP = 1 << 20
RUNS = int(sys.argv[1]); SIZE = int(sys.argv[2]); COUNT = int(sys.argv[3]); KIND = sys.argv[4]
payload, tag = (b"x" * SIZE, None) if KIND == "bytes" else ("x" * SIZE, "str")
def make(name):
    try: membridge.SharedMemory.remove(name)
    except OSError: pass
    s = membridge.SharedMemory.create(name, CAP + 24)
    return s.spsc()
def rate(n):
    name = "/memlane-bench-py%d" % os.getpid()
    ring = make(name); r, w = os.pipe(); pid = os.fork()
    if pid == 0:
        pop = membridge.SharedMemory.open(name).spsc().pop
        os.write(w, b"r")
        while pop(tag) is None: pass
        t = time.perf_counter(); got = 0
        while got < n:
            if pop(tag) is not None: got += 1
        os.write(w, json.dumps(time.perf_counter() - t).encode()); os._exit(0)
    os.read(r, 1); push = ring.push
    for _ in range(n + 1):
        while not push(payload): pass
    sec = json.loads(os.read(r, 100)); os.waitpid(pid, 0); membridge.SharedMemory.remove(name)
    return n / sec
def trips(n):
    a, b = "/memlane-bench-pa%d" % os.getpid(), "/memlane-bench-pb%d" % os.getpid()
    ra, rb = make(a), make(b); pid = os.fork()
    if pid == 0:
        ca, cb = membridge.SharedMemory.open(a).spsc(), membridge.SharedMemory.open(b).spsc()
        for _ in range(n):
            while True:
                m = ca.pop(tag)
                if m is not None: break
            cb.push(m)
        os._exit(0)
    lat = []; pc = time.perf_counter_ns
    for i in range(n):
        t = pc(); ra.push(payload)
        while rb.pop(tag) is None: pass
        lat.append(pc() - t)
    os.waitpid(pid, 0); membridge.SharedMemory.remove(a); membridge.SharedMemory.remove(b)
    lat.sort(); return lat
rate(COUNT // 10)
rates = [rate(COUNT) for _ in range(RUNS)]
lats = [trips(20000) for _ in range(RUNS)]
print(json.dumps({"rates": rates, "p50": [l[len(l) // 2] for l in lats], "p99": [l[int(len(l) * .99)] for l in lats]}))
`

async function peer(kind: Kind, size: number, count: number): Promise<void> {
  const before = await roundTrip()
  const [row] = await runPython(PYTHON, [String(RUNS), String(size), String(Math.round(count / 2)), kind])
  if (row === undefined) return
  const rtt = [before, await roundTrip()]
  const name = `membridge 1.0.0 ${kind}`
  emit('5', `SPSC one-way ${size} B`, name, 'msg/s', row.rates as number[], '1 MiB ring, two processes, both spin', rtt)
  emit('5', `ping-pong RTT ${size} B p50`, name, 'ns', row.p50 as number[], 'two rings, both spin', rtt)
  emit('5', `ping-pong RTT ${size} B p99`, name, 'ns', row.p99 as number[], 'two rings, both spin', rtt)
}

const [role, name = '', kind = '', size = '', count = '', runs = ''] = process.argv.slice(2)
if (role === 'consume') {
  consume(name, kind as Kind, Number(size), Number(count), Number(runs))
} else if (role === 'echo') {
  echo(name, kind as Kind, Number(size), Number(count))
} else {
  for (const [bytes, messages] of SIZES) {
    for (const kind of KINDS) {
      const way = await placed(() => oneWay(kind, bytes, messages))
      emit(
        '5',
        `SPSC one-way ${bytes} B`,
        `${US} ${kind}`,
        'msg/s',
        way.result,
        `1 MiB ring, two processes, both spin; ${NOTES[kind]}`,
        way.rtt,
      )
      const trip = await placed(() => pingPong(kind, bytes))
      for (const [p, part] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        const runs = trip.result.map((times) => percentile(times, part))
        emit(
          '5',
          `ping-pong RTT ${bytes} B ${p}`,
          `${US} ${kind}`,
          'ns',
          runs,
          `two rings, both spin; ${NOTES[kind]}`,
          trip.rtt,
        )
      }
    }
    for (const kind of ['bytes', 'str'] as const) await peer(kind, bytes, messages)
  }
}
