// bench: the ring between two processes, both polling: one-way rate and round trips, run by run in turn with the Python
// package itself.

import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { SharedMemory, type SpscRingBuffer } from '../../interop/membridge/index.js'
import { emit, ended, PythonPeer, percentile, placed, RUNS, startRole, US } from './harness.js'

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

// ---- the other process: asleep until a line tells it to take part in a run

/** Takes the messages of a run and tells the time of it by a ring back. */
function consumer(name: string, kind: Kind, size: number, count: number): () => void {
  const ring = SharedMemory.open(name).spsc()
  const back = SharedMemory.open(`${name}-b`).spsc()
  const take = taker(ring, kind, size)
  return () => {
    while (!take());
    const start = performance.now()
    for (let got = 0; got < count; ) if (take()) got++
    back.push(performance.now() - start)
  }
}

function echo(name: string, kind: Kind, size: number, rounds: number): () => void {
  const ring = SharedMemory.open(name).spsc()
  const back = SharedMemory.open(`${name}-b`).spsc()
  const target = new Uint8Array(size)
  return () => {
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
}

// ---- this process

/** What is measured: a run of it gives figures by name. */
interface Contender {
  readonly peer: string
  readonly note: string
  /** Figures of one run. */
  run(): Promise<Figures>
  end(): Promise<void>
}
type Figures = Readonly<Record<string, number>>

class Ours implements Contender {
  readonly peer: string
  readonly note: string
  readonly #kind: Kind
  readonly #size: number
  readonly #count: number
  readonly #names: string[] = []
  readonly #children: ChildProcess[] = []
  #way: Pair | undefined
  #trip: Pair | undefined

  constructor(kind: Kind, size: number, count: number) {
    this.peer = `${US} ${kind}`
    this.note = NOTES[kind]
    this.#kind = kind
    this.#size = size
    this.#count = count
  }

  async run(): Promise<Figures> {
    this.#way ??= await this.#pair('consume', this.#count)
    this.#trip ??= await this.#pair('echo', ROUNDS)
    const rate = this.#oneWay(this.#way)
    const times = this.#pingPong(this.#trip)
    return { rate, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
  }

  async #pair(role: string, count: number): Promise<Pair> {
    const name = `/memlane-bench-${process.pid}-${role}-${this.#kind}-${this.#size}`
    const there = SharedMemory.create(name, CAPACITY + 24, { replace: true })
    const back = SharedMemory.create(`${name}-b`, CAPACITY + 24, { replace: true })
    this.#names.push(name, `${name}-b`)
    const child = await startRole(PROGRAM, role, [name, this.#kind, String(this.#size), String(count)])
    this.#children.push(child)
    return { there: there.spsc(), back: back.spsc(), go: () => child.stdin?.write('go\n') }
  }

  #oneWay({ there, back, go }: Pair): number {
    const count = this.#count
    const message = payload(this.#kind, this.#size)
    go()
    for (let i = 0; i <= count; i++) while (!there.push(message));
    let time: number | undefined
    do time = back.pop('float')
    while (time === undefined)
    return count / (time / 1000)
  }

  #pingPong({ there, back, go }: Pair): Float64Array {
    const message = payload(this.#kind, this.#size)
    const take = taker(back, this.#kind, this.#size)
    const times = new Float64Array(ROUNDS)
    go()
    for (let i = 0; i < ROUNDS; i++) {
      const start = performance.now()
      there.push(message)
      while (!take());
      times[i] = (performance.now() - start) * 1e6
    }
    return times.sort()
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      child.stdin?.end()
      await ended(child)
    }
    for (const name of this.#names) SharedMemory.remove(name)
  }
}

interface Pair {
  readonly there: SpscRingBuffer
  readonly back: SpscRingBuffer
  go(): void
}

const PYTHON = `
import json, os, sys, time
import membridge
CAP = 1 << 20
def make(name):
    try: membridge.SharedMemory.remove(name)
    except OSError: pass
    s = membridge.SharedMemory.create(name, CAP + 24)
    return s.spsc()
def rate(n, payload, tag):
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
    os.close(r); os.close(w)
    return n / sec
def trips(n, payload, tag):
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
for line in sys.stdin:
    kind, size, count, rounds = line.split()
    size = int(size)
    payload, tag = (b"x" * size, None) if kind == "bytes" else ("x" * size, "str")
    lat = trips(int(rounds), payload, tag)
    print(json.dumps({"rate": rate(int(count), payload, tag), "p50": lat[len(lat) // 2], "p99": lat[int(len(lat) * .99)]}), flush=True)
`

function theirs(python: PythonPeer, kind: Kind, size: number, count: number): Contender {
  return {
    peer: `membridge 1.0.0 ${kind}`,
    note: '',
    run: () => python.ask<Figures>(`${kind} ${size} ${count} ${ROUNDS}`),
    end: async () => {},
  }
}

const METRICS = [
  ['rate', (size: number) => `SPSC one-way ${size} B`, 'msg/s', '1 MiB ring, two processes, both spin'],
  ['p50', (size: number) => `ping-pong RTT ${size} B p50`, 'ns', 'two rings, both spin'],
  ['p99', (size: number) => `ping-pong RTT ${size} B p99`, 'ns', 'two rings, both spin'],
] as const

/** Every contender once, then again, so that all meet the machine in the same states; the first round warms up. */
async function measure(contenders: readonly Contender[], size: number): Promise<void> {
  const runs = new Map(contenders.map((contender) => [contender, { figures: [] as Figures[], rtt: [] as number[] }]))
  for (let run = 0; run <= RUNS; run++) {
    for (const [contender, { figures, rtt }] of runs) {
      const { result, rtt: around } = await placed(() => contender.run())
      if (run === 0) continue
      figures.push(result)
      rtt.push(...around)
    }
  }
  for (const [metric, title, unit, how] of METRICS) {
    for (const [{ peer, note }, { figures, rtt }] of runs) {
      const values = figures.map((figure) => figure[metric] as number)
      emit('5', title(size), peer, unit, values, note === '' ? how : `${how}; ${note}`, rtt)
    }
  }
  for (const contender of contenders) await contender.end()
}

const [role, name = '', kind = '', size = '', count = ''] = process.argv.slice(2)
if (role !== undefined) {
  const part = role === 'consume' ? consumer : echo
  const run = part(name, kind as Kind, Number(size), Number(count))
  console.log('ready')
  for await (const _ of createInterface({ input: process.stdin })) run()
} else {
  using python = PythonPeer.start(PYTHON)
  for (const [bytes, messages] of SIZES) {
    const contenders: Contender[] = KINDS.map((kind) => new Ours(kind, bytes, messages))
    if (python !== undefined) {
      for (const kind of ['bytes', 'str'] as const) contenders.push(theirs(python, kind, bytes, messages / 2))
    }
    await measure(contenders, bytes)
  }
}
