// bench: which road into JavaScript? The same work through an external ArrayBuffer over a segment, a plain
// SharedArrayBuffer and a plain ArrayBuffer, on whatever runtime runs this. One JSON line per result.

import { LocalMemory, ShmObject, unlinkObject } from '../../memory/index.js'
import { emit, rate } from '../membridge/harness.js'

const MIB = 2 ** 20

const runtime =
  'Bun' in globalThis
    ? `bun ${process.versions.bun}`
    : 'Deno' in globalThis
      ? `deno ${process.versions.deno}`
      : `node ${process.versions.node}`

function measure(metric: string, road: string, body: (n: number) => void): void {
  emit('road', metric, road, 'ops/s', rate(body), runtime)
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
  measure('copy 1 MiB in', road, (n) => {
    for (let i = 0; i < n; i++) shared.set(own)
  })
  measure('copy 1 MiB out', road, (n) => {
    for (let i = 0; i < n; i++) own.set(shared)
  })
  measure('plain load + store', road, (n) => {
    for (let i = 0; i < n; i++) words[i & 1023] = words[(i + 7) & 1023]! + 1
  })
  measure('Atomics.load', road, (n) => {
    for (let i = 0; i < n; i++) Atomics.load(words, i & 1023)
  })
  measure('Atomics.compareExchange', road, (n) => {
    for (let i = 0; i < n; i++) Atomics.compareExchange(words, i & 1023, 0, 0)
  })
}
object.close()
