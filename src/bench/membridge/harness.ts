// bench: what the membridge programs share. Every result is one JSON line, as in the peers' programs, so that all rows
// stand in one table: { case, metric, peer, unit, runs, note, rtt }. rtt: cache-line round trips measured around it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'

export const RUNS: number = Number(process.env.RUNS ?? 5)
const TARGET = Number(process.env.TARGET_S ?? 0.25)

/** Who we are in the table. */
export const US: string = `memlane/membridge (${process.versions.bun !== undefined ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`})`

/** Below it the two processors share a cache: "near"; above, "far". Nanoseconds of a round trip between two workers. */
const NEAR = 250

export function emit(
  group: string,
  metric: string,
  peer: string,
  unit: string,
  runs: readonly number[],
  note: string,
  rtt: readonly number[] = [],
): void {
  const place =
    rtt.length === 0 ? '' : Math.max(...rtt) < NEAR ? 'near; ' : Math.min(...rtt) >= NEAR ? 'far; ' : 'mixed; '
  console.log(JSON.stringify({ case: group, metric, peer, unit, runs, note: `${place}${note}`, rtt }))
}

export function percentile(sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] as number
}

/** Operations per second of `body(n)`, n chosen so that a run takes about TARGET seconds; warm runs only. */
export function rate(body: (n: number) => void): number[] {
  const timed = (n: number): number => {
    const start = performance.now()
    body(n)
    return (performance.now() - start) / 1000
  }
  let n = 1000
  for (let seconds = timed(n); seconds < TARGET / 3; seconds = timed(n))
    n = seconds < TARGET / 40 ? n * 4 : Math.ceil((n * TARGET) / seconds)
  return Array.from({ length: RUNS }, () => n / timed(n))
}

/** Median round trip of a cache line between two threads now, in nanoseconds. */
export async function roundTrip(): Promise<number> {
  const shared = new SharedArrayBuffer(512)
  const words = new Int32Array(shared)
  const rounds = 60_000
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads')
     const w = new Int32Array(workerData.shared)
     for (let i = 1; i <= workerData.rounds; i++) { while (Atomics.load(w, 0) !== i); Atomics.store(w, 64, i) }`,
    { eval: true, workerData: { shared, rounds } },
  )
  await new Promise((resolve) => worker.once('online', resolve))
  const batches: number[] = []
  for (let i = 1; i <= rounds; ) {
    const start = performance.now()
    for (let k = 0; k < 200; k++, i++) {
      Atomics.store(words, 0, i)
      while (Atomics.load(words, 64) !== i);
    }
    batches.push(((performance.now() - start) * 1e6) / 200)
  }
  await worker.terminate()
  return Math.round(
    percentile(
      batches.sort((a, b) => a - b),
      0.5,
    ),
  )
}

/** Runs `measure` between two looks at where the processors are. */
export async function placed<T>(measure: () => Promise<T>): Promise<{ result: T; rtt: number[] }> {
  const before = await roundTrip()
  const result = await measure()
  return { result, rtt: [before, await roundTrip()] }
}

/** Starts this very program in another role; it says "ready" on stdout when it is. */
export async function startRole(program: string, role: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, role, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`the ${role} ended with ${code}`)))
  })
  return child
}

export function ended(child: ChildProcess): Promise<void> {
  return child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()))
}

/** The Python with the real package, or undefined. */
export function python(): string | undefined {
  const named = process.env.MEMLANE_PYTHON || process.env.PEERS_PY || 'python3'
  return spawnSync(named, ['-c', 'import membridge']).status === 0 ? named : undefined
}

/** Runs a Python program that prints JSON lines, and gives them back; an empty list, said aloud, without Python. */
export async function runPython(source: string, args: readonly string[]): Promise<Record<string, unknown>[]> {
  const found = python()
  if (found === undefined) {
    console.error('bench: no Python with membridge (MEMLANE_PYTHON): its rows are missing')
    return []
  }
  const child = spawn(found, ['-c', source, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk
  })
  await new Promise((resolve) => child.once('close', resolve))
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
