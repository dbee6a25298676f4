// bench: cases 3 and 4: the schema record, the image and the FIFO, in one process, beside the Python package where
// MEMLANE_FSM (or PEERS_FSM) names its folder, and beside what JavaScript does without any consistency.

import { spawnSync } from 'node:child_process'
import { array, f64, record, str } from '../../record/index.js'
import { emit, RUNS, rate } from '../membridge/harness.js'

const US = `memlane/record (Node ${process.versions.node})`
const NAME = `bench-rec-${process.pid}`
const TEXT = 'sensor-front-left'

const Sensor = record({ x: f64(), y: f64(), z: f64(), name: str(32) })
const Numbers = record({ x: f64(), y: f64(), z: f64(), w: f64() })
const Image = record({ image: array('u8', [480, 640, 3]) })

let sink = 0
const nanoseconds = (perSecond: number[]): number[] => perSecond.map((ops) => 1e9 / ops)

// ---- case 3: the record

{
  using out = Sensor.create(NAME, { lifetime: 'lastClose' })
  using reader = Sensor.open(NAME)
  const writes = rate((n) => {
    for (let i = 0; i < n; i++) out.write({ x: 1.5, y: 2.5, z: i, name: TEXT })
  })
  emit('3', 'record {3 f64, str[32]} write', US, 'ops/s', writes, 'write({...}), readers may look at any moment')
  const reads = rate((n) => {
    for (let i = 0; i < n; i++) {
      const s = reader.read()!
      sink += s.x.value + s.y.value + s.z.value + s.name.value.length
    }
  })
  emit('3', 'record {3 f64, str[32]} read', US, 'ops/s', reads, 'read(), all four values with their status')
  const views = rate((n) => {
    for (let i = 0; i < n; i++) sink += reader.view((v) => v.x + v.y + v.z + v.name.length)!
  })
  emit('3', 'record {3 f64, str[32]} read', `${US}, view`, 'ops/s', views, 'view(v => ...), all four values')
}

{
  const bytes = new DataView(new ArrayBuffer(160))
  const text = new Uint8Array(bytes.buffer, 28, 128)
  const encoder = new TextEncoder()
  const writes = rate((n) => {
    for (let i = 0; i < n; i++) {
      bytes.setFloat64(0, 1.5, true)
      bytes.setFloat64(8, 2.5, true)
      bytes.setFloat64(16, i, true)
      bytes.setUint32(24, encoder.encodeInto(TEXT, text).written, true)
    }
  })
  emit(
    '3',
    'record {3 f64, str[32]} write',
    'limit: DataView + encodeInto',
    'ops/s',
    writes,
    'no consistency, private memory',
  )
  const latin1 = Buffer.from(bytes.buffer)
  const reads = rate((n) => {
    for (let i = 0; i < n; i++) {
      sink += bytes.getFloat64(0, true) + bytes.getFloat64(8, true) + bytes.getFloat64(16, true)
      sink += latin1.toString('latin1', 28, 28 + bytes.getUint32(24, true)).length
    }
  })
  emit(
    '3',
    'record {3 f64, str[32]} read',
    'limit: DataView + latin1',
    'ops/s',
    reads,
    'no consistency, private memory',
  )
}

{
  using out = Numbers.create(NAME, { lifetime: 'lastClose' })
  using reader = Numbers.open(NAME)
  out.write({ x: 1, y: 2, z: 3, w: 4 })
  const target = { x: 0, y: 0, z: 0, w: 0 }
  const into = rate((n) => {
    for (let i = 0; i < n; i++) {
      reader.readInto(target)
      sink += target.x
    }
  })
  emit('3', 'record {4 f64} readInto', US, 'ns', nanoseconds(into), 'into an object of the caller')
  const sum = (v: { x: number; y: number; z: number; w: number }): number => v.x + v.y + v.z + v.w
  const view = rate((n) => {
    for (let i = 0; i < n; i++) sink += reader.view(sum)!
  })
  emit('3', 'record {4 f64} view', US, 'ns', nanoseconds(view), 'sum of four fields')
  const rounds = 200_000
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < rounds; i++) {
    reader.readInto(target)
    reader.view(sum)
  }
  const perRound = Math.max(0, process.memoryUsage().heapUsed - before) / rounds
  emit('3', 'record {4 f64} readInto + view, allocation', US, 'bytes', [perRound], `heap growth over ${rounds} rounds`)
}

// ---- case 3: the image

{
  using out = Image.create(NAME, { lifetime: 'lastClose' })
  using reader = Image.open(NAME)
  const image = new Uint8Array(480 * 640 * 3).fill(7)
  const metric = 'image u8 480x640x3'
  const writes = rate((n) => {
    for (let i = 0; i < n; i++) out.write({ image })
  })
  emit('3', `${metric} write`, US, 'ops/s', writes, '921,600 bytes per write')
  const target = {
    image: { data: new Uint8Array(image.length), shape: [480, 640, 3], stride: [1920, 3, 1], offset: 0 },
  }
  const into = rate((n) => {
    for (let i = 0; i < n; i++) reader.readInto(target)
  })
  emit('3', `${metric} read`, `${US}, readInto`, 'ops/s', into, "into the caller's own array")
  const reads = rate((n) => {
    for (let i = 0; i < n; i++) sink += reader.read()!.image.value.data[0]!
  })
  emit('3', `${metric} read`, US, 'ops/s', reads, 'read(): a new copy each time')
  const places = rate((n) => {
    for (let i = 0; i < n; i++) {
      out.update((w) => {
        w.image[0] = i
      })
      sink += reader.view((v) => v.image[0])!
    }
  })
  emit('3', `${metric} in place`, US, 'ops/s', places, 'update of one byte + view: does not depend on the size')
  const plain = new Uint8Array(image.length)
  const limit = rate((n) => {
    for (let i = 0; i < n; i++) plain.set(image)
  })
  emit(
    '3',
    `${metric} write`,
    'limit: Uint8Array.set (private memory)',
    'ops/s',
    limit,
    'one target: source and target stay in the cache',
  )
  const targets = Array.from({ length: 4 }, () => new Uint8Array(image.length))
  const turns = rate((n) => {
    for (let i = 0; i < n; i++) targets[i & 3]!.set(image)
  })
  emit(
    '3',
    `${metric} write`,
    'limit: Uint8Array.set, four targets in turns',
    'ops/s',
    turns,
    'as a record must, so that readers keep the last one',
  )
  emit('3', `${metric} read`, 'limit: Uint8Array.set (private memory)', 'ops/s', limit, '')
}

// ---- case 4: the FIFO

{
  using out = Sensor.create(NAME, { slots: 16, lifetime: 'lastClose' })
  using reader = Sensor.open(NAME)
  const both = rate((n) => {
    for (let i = 0; i < n; i++) {
      out.push({ x: 1.5, y: 2.5, z: i, name: TEXT })
      const s = reader.read()!
      sink += s.z.value + s.name.value.length
    }
  })
  emit(
    '4',
    'FIFO write + finalize + read',
    US,
    'ops/s',
    both,
    'push + read, 16 slots, one process, strictly alternating',
  )
}

// ---- the Python package, in the same run

const PYTHON = `
import json, os, sys, time
sys.path.insert(0, sys.argv[1]); RUNS = int(sys.argv[2])
from dataclasses import dataclass
import numpy as np
import flexible_shared_memory as f
@dataclass
class Rec:
    x: float
    y: float
    z: float
    name: "str[32]"
@dataclass
class Img:
    image: "uint8[480,640,3]"
def rate(body, n):
    body(n // 10 + 1)
    out = []
    for _ in range(RUNS):
        t = time.perf_counter(); body(n); out.append(n / (time.perf_counter() - t))
    return out
def emit(case, metric, runs):
    print(json.dumps({"case": case, "metric": metric, "peer": "FSM " + f.__version__, "unit": "ops/s", "runs": runs, "note": "same run", "rtt": []}), flush=True)
def pair(cls, slots=1):
    name = "mlb%d" % os.getpid()
    return f.SharedMemory(cls, name=name, slots=slots, create=True), f.SharedMemory(cls, name=name, slots=slots)
def end(w, r):
    w.close(); r.close(); w.unlink()
w, r = pair(Rec)
def wr(n):
    for i in range(n): w.write(x=1.5, y=2.5, z=float(i), name="${TEXT}")
def rd(n):
    for _ in range(n): v = r.read(); v.x.value; v.y.value; v.z.value; v.name.value
emit("3", "record {3 f64, str[32]} write", rate(wr, 20000)); emit("3", "record {3 f64, str[32]} read", rate(rd, 20000)); end(w, r)
w, r = pair(Img); img = np.random.randint(0, 255, (480, 640, 3), dtype=np.uint8)
def wi(n):
    for i in range(n): w.write(image=img)
def ri(n):
    for _ in range(n): r.read().image.value
emit("3", "image u8 480x640x3 write", rate(wi, 2000)); emit("3", "image u8 480x640x3 read", rate(ri, 2000)); end(w, r)
w, r = pair(Rec, 16)
def ff(n):
    for i in range(n): w.write(x=1.5, y=2.5, z=float(i), name="${TEXT}"); w.finalize(); v = r.read(); v.z.value; v.name.value
emit("4", "FIFO write + finalize + read", rate(ff, 10000)); end(w, r)
`
const folder = process.env.MEMLANE_FSM || process.env.PEERS_FSM
const python = process.env.MEMLANE_PYTHON || process.env.PEERS_PY || 'python3'
if (folder === undefined || folder === '')
  console.error('bench: MEMLANE_FSM does not name the folder of flexible_shared_memory: its rows are missing')
else spawnSync(python, ['-c', PYTHON, folder, String(RUNS)], { stdio: ['ignore', 'inherit', 'inherit'] })

if (!Number.isFinite(sink)) console.error('bench: the sum is not finite')
