// bench: processes beside each other on one heap: a reader beside a writer that never pauses, and two writers on keys of
// their own beside one alone.

import { fileURLToPath } from 'node:url'
import { Heap, unlinkHeap } from '../../heap/index.js'
import { emit, ended, percentile, placed, RUNS, startRole } from '../membridge/harness.js'

const US = `memlane/heap (Node ${process.versions.node})`
const program = fileURLToPath(import.meta.url)
const [role, name = `bench-pair-${process.pid}`] = process.argv.slice(2)
const MS = 1000 * Number(process.env.TARGET_S ?? 0.25)
const KEYS = Array.from({ length: 1000 }, (_, i) => `k${i}`)
const OTHERS = Array.from({ length: 1000 }, (_, i) => `other${i}`)

if (role === 'write') {
  using heap = Heap.open(name)
  const map = heap.map('m')
  console.log('ready')
  for (let i = 0; ; i++) map.set(KEYS[(i * 7919) % 1000]!, i)
} else {
  using heap = Heap.create(name, { maxSize: '32 MiB' })
  const map = heap.map('m')
  for (const key of KEYS) map.set(key, 1)
  for (const key of OTHERS) map.set(key, 1)
  let sink = 0
  /** Operations per second for a while, and the times of some of them in nanoseconds. */
  const during = (one: (i: number) => void): { rate: number; times: number[] } => {
    const times: number[] = []
    let done = 0
    const start = performance.now()
    while (performance.now() - start < MS) {
      for (let i = 0; i < 2000; i++) one(done++)
      const before = process.hrtime.bigint()
      one(done++)
      times.push(Number(process.hrtime.bigint() - before))
    }
    return { rate: (done * 1000) / (performance.now() - start), times }
  }
  const read = (i: number): void => {
    sink += map.get(KEYS[(i * 6007) % 1000]!) as number
  }
  const write = (i: number): void => map.set(OTHERS[(i * 7919) % 1000]!, i)
  try {
    for (const [metric, work] of [
      ['get int, 1000 keys', read],
      ['set int, 1000 keys', write],
    ] as const) {
      during(work)
      emit(
        'heap pair',
        metric,
        `${US}, alone`,
        'ops/s',
        Array.from({ length: RUNS }, () => during(work).rate),
        '',
      )
      const { result, rtt } = await placed(async () => {
        const child = await startRole(program, 'write', [name])
        const runs: number[] = []
        let times: number[] = []
        for (let run = 0; run < RUNS; run++) {
          const { rate, times: some } = during(work)
          runs.push(rate)
          times = times.concat(some)
        }
        child.kill('SIGKILL')
        await ended(child)
        return { runs, times: times.sort((a, b) => a - b) }
      })
      emit(
        'heap pair',
        metric,
        `${US}, beside a writer that never pauses`,
        'ops/s',
        result.runs,
        'other keys, another process',
        rtt,
      )
      for (const part of [0.5, 0.99, 0.9999]) {
        emit(
          'heap pair',
          `${metric}: p${100 * part}`,
          `${US}, beside a writer that never pauses`,
          'ns',
          [percentile(result.times, part)],
          'clock included',
          rtt,
        )
      }
    }
    heap.verify()
  } finally {
    unlinkHeap(name)
  }
  if (sink === 0.1) console.error(sink)
}
