// bench: a view's write and read of an int, in one process, beside the Python package itself.

import { int, SharedMemory } from '../../interop/membridge/index.js'
import { emit, RUNS, rate, runPython, US } from './harness.js'

const PYTHON = `
import json, os, sys, time
import membridge
RUNS = int(sys.argv[1]); N = 1000000
name = "/memlane-bench-pv%d" % os.getpid()
s = membridge.SharedMemory.create(name, 4096); v = s.map()
def seeks(n):
    for _ in range(n): v.seek(0)
def writes(n):
    for _ in range(n): v.write(42, 0)
def reads(n):
    for _ in range(n): v.seek(0); v.read("int")
def bulk(n):
    d = b"x" * 1024
    for _ in range(n): v.write(d, 0)
def rate(f):
    f(N // 10); t = time.perf_counter(); f(N); return N / (time.perf_counter() - t)
print(json.dumps({k: [rate(f) for _ in range(RUNS)] for k, f in (("write", writes), ("read", reads), ("seek", seeks), ("bulk", bulk))}))
membridge.SharedMemory.remove(name)
`

const name = `/memlane-bench-${process.pid}`
using shm = SharedMemory.create(name, 4096, { replace: true })
using view = shm.map()
let sum = 0
const rows: readonly (readonly [string, number[], string])[] = [
  [
    'view write int',
    rate((n) => {
      for (let i = 0; i < n; i++) view.write(int(i), 0)
    }),
    'write(int(n), 0)',
  ],
  [
    'view read int',
    rate((n) => {
      for (let i = 0; i < n; i++) {
        view.seek(0)
        sum += view.read('int')
      }
    }),
    "seek(0) and read('int')",
  ],
  [
    'view write 1 KiB',
    (() => {
      const bytes = new Uint8Array(1024)
      return rate((n) => {
        for (let i = 0; i < n; i++) view.write(bytes, 0)
      })
    })(),
    'write(bytes, 0)',
  ],
]
for (const [metric, runs, note] of rows) emit('1', metric, US, 'ops/s', runs, note)
SharedMemory.remove(name)
if (sum === 0.5) console.error(sum)

const [row] = await runPython(PYTHON, [String(RUNS)])
if (row !== undefined) {
  const peer = 'membridge 1.0.0'
  emit('1', 'view write int', peer, 'ops/s', row.write as number[], 'write(42, 0)')
  emit('1', 'view read int', peer, 'ops/s', row.read as number[], 'seek(0) and read("int")')
  emit('1', 'view write 1 KiB', peer, 'ops/s', row.bulk as number[], 'write(bytes, 0)')
}
