// bench: a view's write and read of an int, in one process, run by run in turn with the Python package itself.

import { int, SharedMemory } from '../../interop/membridge/index.js'
import { emit, PythonPeer, RUNS, rater, US } from './harness.js'

const PYTHON = `
import json, os, sys, time
import membridge
N = 300000
name = "/memlane-bench-pv%d" % os.getpid()
s = membridge.SharedMemory.create(name, 4096); v = s.map()
def write(n):
    for _ in range(n): v.write(42, 0)
def read(n):
    for _ in range(n): v.seek(0); v.read("int")
def bulk(n):
    d = b"x" * 1024
    for _ in range(n): v.write(d, 0)
for f in (write, read, bulk): f(N)
v.write(42, 0)
for line in sys.stdin:
    f = globals()[line.strip()]
    t = time.perf_counter(); f(N); print(json.dumps(N / (time.perf_counter() - t)), flush=True)
membridge.SharedMemory.remove(name)
`

interface Case {
  readonly metric: string
  readonly note: string
  readonly body: (n: number) => void
  readonly theirs: string
  readonly theirNote: string
}

const name = `/memlane-bench-${process.pid}`
using shm = SharedMemory.create(name, 4096, { replace: true })
using view = shm.map()
using peer = PythonPeer.start(PYTHON)
const bytes = new Uint8Array(1024)
/** Short turns, and many: the machine changes its pace several times a second. */
const TURNS = RUNS * 6
const TURN_S = 0.04
let sum = 0

const cases: readonly Case[] = [
  {
    metric: 'view write int',
    note: 'write(int(n), 0)',
    body: (n) => {
      for (let i = 0; i < n; i++) view.write(int(i), 0)
    },
    theirs: 'write',
    theirNote: 'write(42, 0)',
  },
  {
    metric: 'view read int',
    note: "seek(0) and read('int')",
    body: (n) => {
      for (let i = 0; i < n; i++) {
        view.seek(0)
        sum += view.read('int')
      }
    },
    theirs: 'read',
    theirNote: 'seek(0) and read("int")',
  },
  {
    metric: 'view write 1 KiB',
    note: 'write(bytes, 0)',
    body: (n) => {
      for (let i = 0; i < n; i++) view.write(bytes, 0)
    },
    theirs: 'bulk',
    theirNote: 'write(bytes, 0)',
  },
]

for (const { metric, note, body, theirs, theirNote } of cases) {
  const once = rater(body, TURN_S)
  const ours: number[] = []
  const others: number[] = []
  for (let turn = 0; turn < TURNS; turn++) {
    ours.push(once())
    if (peer !== undefined) others.push(await peer.ask<number>(theirs))
  }
  emit('1', metric, US, 'ops/s', ours, note)
  if (peer !== undefined) emit('1', metric, 'membridge 1.0.0', 'ops/s', others, theirNote)
}
SharedMemory.remove(name)
if (sum === 0.5) console.error(sum)
