// bench: which road into JavaScript? The same work through an external ArrayBuffer over a segment, a plain
// SharedArrayBuffer and a plain ArrayBuffer, on whatever runtime runs this. One JSON line per result.

import { LocalMemory, ShmObject, unlinkObject } from '../../memory/index.js'

const MIB = 2 ** 20
const RUNS = Number(process.env.RUNS ?? 7)
const SECONDS = Number(process.env.TARGET_S ?? 0.1)

const runtime =
  'Bun' in globalThis
    ? `bun ${process.versions.bun}`
    : 'Deno' in globalThis
      ? `deno ${process.versions.deno}`
      : `node ${process.versions.node}`

function measure(work: (times: number) => void): number[] {
  let times = 1
  for (;;) {
    const start = performance.now()
    work(times)
    if (performance.now() - start > 20) break
    times *= 4
  }
  const perSecond: number[] = []
  for (let run = 0; run < RUNS; run++) {
    let done = 0
    const start = performance.now()
    do {
      work(times)
      done += times
    } while (performance.now() - start < SECONDS * 1000)
    perSecond.push((done * 1000) / (performance.now() - start))
  }
  return perSecond
}

function print(name: string, metric: string, peer: string, unit: string, runs: number[]): void {
  console.log(JSON.stringify({ case: name, metric, peer, unit, runs, note: runtime }))
}

const name = `memlane-road-${process.pid}`
const object = ShmObject.open(name, { create: true, exclusive: true })
unlinkObject(name)
object.resize(2 * MIB)
object.commit(0, 2 * MIB)
const roads = {
  'external ArrayBuffer over shm': object.map(2 * MIB).buffer,
  SharedArrayBuffer: LocalMemory.create(2 * MIB).buffer,
  ArrayBuffer: new ArrayBuffer(2 * MIB),
}
const own = new Uint8Array(MIB).fill(7)
for (const [road, buffer] of Object.entries(roads)) {
  const shared = new Uint8Array(buffer, 0, MIB)
  const words = new Int32Array(buffer)
  print(
    'road',
    'copy 1 MiB in',
    road,
    'ops/s',
    measure((n) => {
      for (let i = 0; i < n; i++) shared.set(own)
    }),
  )
  print(
    'road',
    'copy 1 MiB out',
    road,
    'ops/s',
    measure((n) => {
      for (let i = 0; i < n; i++) own.set(shared)
    }),
  )
  print(
    'road',
    'plain load + store',
    road,
    'ops/s',
    measure((n) => {
      for (let i = 0; i < n; i++) words[i & 1023] = words[(i + 7) & 1023]! + 1
    }),
  )
  print(
    'road',
    'Atomics.load',
    road,
    'ops/s',
    measure((n) => {
      for (let i = 0; i < n; i++) Atomics.load(words, i & 1023)
    }),
  )
  print(
    'road',
    'Atomics.compareExchange',
    road,
    'ops/s',
    measure((n) => {
      for (let i = 0; i < n; i++) Atomics.compareExchange(words, i & 1023, 0, 0)
    }),
  )
}
object.close()
