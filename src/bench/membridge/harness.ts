// bench: what the membridge programs share. Every result is one JSON line, as in the peers' programs, so that all rows
// stand in one table: { case, metric, peer, unit, runs, note, rtt }. rtt: cache-line round trips measured around it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
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
  const once = rater(body)
  return Array.from({ length: RUNS }, once)
}

/** The same for one run of `target` seconds at a time, so that runs of others can stand between. */
export function rater(body: (n: number) => void, target: number = TARGET): () => number {
  const timed = (n: number): number => {
    const start = performance.now()
    body(n)
    return (performance.now() - start) / 1000
  }
  let n = 1000
  for (let seconds = timed(n); seconds < target / 3; seconds = timed(n))
    n = seconds < target / 40 ? n * 4 : Math.ceil((n * target) / seconds)
  return () => n / timed(n)
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
  const child = spawn(process.execPath, [program, role, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
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
export function python(module: string = 'membridge'): string | undefined {
  const named = process.env.MEMLANE_PYTHON || process.env.PEERS_PY || 'python3'
  return spawnSync(named, ['-c', `import ${module}`]).status === 0 ? named : undefined
}

/**
 * A Python program with the real package, which answers each line it is asked with a line of JSON. Asked between our
 * own runs, it meets the machine in the same state as they do.
 */
export class PythonPeer implements Disposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]()
  }

  /** @returns undefined, said aloud, without a Python that has the package. */
  static start(source: string, args: readonly string[] = [], module: string = 'membridge'): PythonPeer | undefined {
    const found = python(module)
    if (found === undefined) {
      console.error(`bench: no Python with ${module} (MEMLANE_PYTHON): its rows are missing`)
      return undefined
    }
    return new PythonPeer(spawn(found, ['-c', source, ...args], { stdio: ['pipe', 'pipe', 'inherit'] }))
  }

  async ask<T>(question: string): Promise<T> {
    this.#child.stdin?.write(`${question}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the Python program has ended')
    return JSON.parse(value) as T
  }

  /** Ends the program, whose input ends. */
  [Symbol.dispose](): void {
    this.#child.stdin?.end()
  }
}
