// bench: dicts of 1 and 1,000 keys and an integer in one process, run by run in turn with the Python package itself; and the
// semaphore alone, which every access takes and gives back.

import { RMDict, RMInt, RMLock } from '../../interop/rememory/index.js'
import { emit, PythonPeer, RUNS, rater } from '../membridge/harness.js'

const US = `memlane/rememory (${process.versions.bun !== undefined ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`})`

const PYTHON = `
import json, os, sys, time
import rememory
tag = "memlane-bench-py%d" % os.getpid()
i = rememory.RMInt(tag + "i"); lock = rememory.RMLock(tag + "l")
dicts = {}
for keys in (1, 1000):
    d = rememory.RMDict(tag + "d%d" % keys, 65536)
    d.update({"k%d" % k: {"score": k, "name": "player-%d" % k} for k in range(keys)}) if keys == 1 else \\
        (d._lock.__enter__(), d._write_data({"k%d" % k: {"score": k, "name": "player-%d" % k} for k in range(keys)}), d._lock.__exit__(None, None, None))
    dicts[keys] = d
def int_get(n):
    for _ in range(n): i.get()
def int_set(n):
    for k in range(n): i.set(k)
def semaphore(n):
    for _ in range(n):
        with lock: pass
def dict_get(keys):
    def go(n):
        d = dicts[keys]
        for k in range(n): d["k%d" % (k * 389 % keys)]
    return go
def dict_set(keys):
    def go(n):
        d = dicts[keys]
        for k in range(n): d["k%d" % (k * 389 % keys)] = {"score": k, "name": "player-%d" % k}
    return go
runs = {"int get": (int_get, 20000), "int set": (int_set, 20000), "semaphore": (semaphore, 20000),
        "dict get 1": (dict_get(1), 400), "dict set 1": (dict_set(1), 400), "dict get 1000": (dict_get(1000), 200), "dict set 1000": (dict_set(1000), 200)}
for line in sys.stdin:
    f, n = runs[line.strip()]
    t = time.perf_counter(); f(n); print(json.dumps(n / (time.perf_counter() - t)), flush=True)
for o in [i, *dicts.values()]:
    o.close(); o.unlink()
import posix_ipc
for end in ("i", "l", "d1", "d1000"): posix_ipc.unlink_semaphore("/rememorydict_" + tag + end)
`

type Player = { score: number; name: string }

const tag = `memlane-bench-${process.pid}`
const ends = ['i', 'l', 'd1', 'd1000']
/** Short turns, and many: the machine changes its pace several times a second. */
const TURNS = RUNS * 4
const TURN_S = 0.04
let sum = 0

using int = RMInt.open(`${tag}i`)
using lock = RMLock.open(`${tag}l`)
using one = RMDict.open<string, Player>(`${tag}d1`)
using many = RMDict.open<string, Player>(`${tag}d1000`)
const player = (k: number): [string, Player] => [`k${k}`, { score: k, name: `player-${k}` }]
one.setAll([player(0)])
many.setAll(Array.from({ length: 1000 }, (_, k) => player(k)))
const keys = Array.from({ length: 1000 }, (_, k) => `k${(k * 389) % 1000}`)

const cases: readonly [metric: string, note: string, body: (n: number) => void][] = [
  [
    'semaphore',
    'taken and given back',
    (n) => {
      for (let i = 0; i < n; i++) lock.acquire().release()
    },
  ],
  [
    'int get',
    'int64',
    (n) => {
      for (let i = 0; i < n; i++) sum += int.get() === 1n ? 1 : 0
    },
  ],
  [
    'int set',
    'int64',
    (n) => {
      for (let i = 0; i < n; i++) int.set(7n)
    },
  ],
  [
    'dict get 1',
    'of 1 key',
    (n) => {
      for (let i = 0; i < n; i++) sum += one.get('k0')!.score
    },
  ],
  [
    'dict set 1',
    'of 1 key',
    (n) => {
      for (let i = 0; i < n; i++) one.set('k0', { score: i, name: `player-${i}` })
    },
  ],
  [
    'dict get 1000',
    'of 1,000 keys',
    (n) => {
      for (let i = 0; i < n; i++) sum += many.get(keys[i % 1000]!)!.score
    },
  ],
  [
    'dict set 1000',
    'of 1,000 keys',
    (n) => {
      for (let i = 0; i < n; i++) many.set(keys[i % 1000]!, { score: i, name: `player-${i}` })
    },
  ],
]

{
  using peer = PythonPeer.start(PYTHON, [], 'rememory')
  for (const [metric, note, body] of cases) {
    const once = rater(body, TURN_S)
    const ours: number[] = []
    const others: number[] = []
    for (let turn = 0; turn < TURNS; turn++) {
      ours.push(once())
      if (peer !== undefined) others.push(await peer.ask<number>(metric))
    }
    emit('2', `rememory: ${metric}`, US, 'ops/s', ours, note)
    if (peer !== undefined) emit('2', `rememory: ${metric}`, 'rememory 0.3.4', 'ops/s', others, note)
  }
}
for (const end of ends) RMDict.unlink(`${tag}${end}`, { lock: true })
if (sum === 0.5) console.error(sum)
