// bench: maps in one process, with one key, a thousand and a hundred thousand. Each kind of value and each size has a
// process of its own, as the peers' programs have. Each loop is written out: one that served us and a peer would be compiled
// for both, and measure neither. Peers: JS Map, and lmdb where it is installed.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SharedHeap, type SharedMap } from '../../collections/index.js'
import { emit, rate } from '../membridge/harness.js'
import { openLmdb, sink, US } from './peers.js'

const JS = 'JS Map (private)'
const group = '2'

interface Player {
  score: number
  name: string
}

/** One size: its keys, and a thousand of them in an order that no prefetcher knows. */
class Case {
  readonly size: number
  readonly keys: string[]
  readonly order: string[]

  constructor(size: number) {
    this.size = size
    this.keys = Array.from({ length: size }, (_, i) => `k${i}`)
    this.order = Array.from({ length: 1024 }, (_, i) => this.keys[(i * 7919) % size]!)
  }

  measure(metric: string, peer: string, body: (n: number) => void, note = ''): void {
    emit(group, `${metric}, ${this.size} keys`, peer, 'ops/s', rate(body), note)
  }
}

function numbers(one: Case, heap: SharedHeap): void {
  const { size, keys, order } = one
  const ints = heap.map<string, number>('ints')
  const js = new Map<string, number>()
  keys.forEach((key, i) => {
    ints.set(key, i)
    js.set(key, i)
  })
  one.measure('get int', US, (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += ints.get(order[i & 1023]!)!
    sink.value = s
  })
  one.measure('get int', JS, (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += js.get(order[i & 1023]!)!
    sink.value = s
  })
  const fresh = 'the key string is built each time'
  one.measure(
    'get int, fresh key',
    US,
    (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += ints.get(`k${(i * 7919) % size}`)!
      sink.value = s
    },
    fresh,
  )
  one.measure(
    'get int, fresh key',
    JS,
    (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += js.get(`k${(i * 7919) % size}`)!
      sink.value = s
    },
    fresh,
  )
  one.measure('set int', US, (n) => {
    for (let i = 0; i < n; i++) ints.set(order[i & 1023]!, i)
  })
  one.measure('set int', JS, (n) => {
    for (let i = 0; i < n; i++) js.set(order[i & 1023]!, i)
  })
  one.measure('add', US, (n) => {
    for (let i = 0; i < n; i++) ints.add(order[i & 1023]!, 1)
  })
  one.measure('iterate, per entry', US, (n) => {
    for (let left = n; left > 0; )
      for (const [, value] of ints) {
        sink.value = value
        if (--left <= 0) break
      }
  })
  one.measure('insert and delete', US, (n) => {
    for (let i = 0; i < n; i++) {
      ints.set('new key', i)
      ints.delete('new key')
    }
  })
}

async function lmdbNumbers(one: Case): Promise<void> {
  const lmdb = openLmdb()
  if (lmdb === undefined) return
  const { keys, order } = one
  const { db, peer } = lmdb
  db.transactionSync(() => {
    for (const [i, key] of keys.entries()) db.putSync(key, i)
  })
  one.measure('get int', peer, (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += db.get(order[i & 1023]!) as number
    sink.value = s
  })
  one.measure(
    'set int',
    peer,
    (n) => {
      for (let i = 0; i < n; i++) db.putSync(order[i & 1023]!, i)
    },
    'putSync, noSync, tmpfs',
  )
  one.measure('iterate, per entry', peer, (n) => {
    for (let left = n; left > 0; )
      for (const { value } of db.getRange()) {
        sink.value = value
        if (--left <= 0) break
      }
  })
  await lmdb.end()
}

function texts(one: Case, heap: SharedHeap): void {
  const { keys, order } = one
  const map = heap.map<string, string>('texts')
  for (const [i, key] of keys.entries()) map.set(key, `player number ${i}`)
  one.measure('get string', US, (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += map.get(order[i & 1023]!)!.length
    sink.value = s
  })
  one.measure('set string', US, (n) => {
    for (let i = 0; i < n; i++) map.set(order[i & 1023]!, 'another player')
  })
}

function dicts(one: Case, heap: SharedHeap): void {
  const { keys, order } = one
  const players = heap.map<string, Player>('players')
  const js = new Map<string, Player>()
  keys.forEach((key, i) => {
    players.set(key, { score: i, name: `player-${i}` })
    js.set(key, { score: i, name: `player-${i}` })
  })
  one.measure(
    'dict get',
    US,
    (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += players.get(order[i & 1023]!)!.score
      sink.value = s
    },
    'a live value; {score, name}, score is read',
  )
  one.measure('dict get', JS, (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += js.get(order[i & 1023]!)!.score
    sink.value = s
  })
  one.measure('snapshot of one {score, name}', US, (n) => {
    for (let i = 0; i < n; i++) sink.value = players.snapshot(order[i & 1023]!)
  })
  one.measure(
    'snapshot of one {score, name}',
    JS,
    (n) => {
      for (let i = 0; i < n; i++) sink.value = structuredClone(js.get(order[i & 1023]!))
    },
    'structuredClone',
  )
  one.measure('dict set', US, (n) => {
    for (let i = 0; i < n; i++) players.set(order[i & 1023]!, { score: i, name: 'player-x' })
  })
  one.measure('dict set', JS, (n) => {
    for (let i = 0; i < n; i++) js.set(order[i & 1023]!, { score: i, name: 'player-x' })
  })
  one.measure('get(key).score += 1', US, (n) => {
    for (let i = 0; i < n; i++) players.get(order[i & 1023]!)!.score += 1
  })
  if (one.size === 1) held(heap.map('held'))
}

async function lmdbDicts(one: Case): Promise<void> {
  const lmdb = openLmdb()
  if (lmdb === undefined) return
  const { keys, order } = one
  const { db, peer } = lmdb
  db.transactionSync(() => {
    for (const [i, key] of keys.entries()) db.putSync(key, { score: i, name: `player-${i}` })
  })
  one.measure(
    'dict get',
    peer,
    (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += (db.get(order[i & 1023]!) as Player).score
      sink.value = s
    },
    'msgpack',
  )
  one.measure('snapshot of one {score, name}', peer, (n) => {
    for (let i = 0; i < n; i++) sink.value = db.get(order[i & 1023]!)
  })
  one.measure(
    'dict set',
    peer,
    (n) => {
      for (let i = 0; i < n; i++) db.putSync(order[i & 1023]!, { score: i, name: 'player-x' })
    },
    'putSync, noSync, tmpfs',
  )
  await lmdb.end()
}

/** A live value that is kept. */
function held(map: SharedMap<string, Player>): void {
  map.set('a', { score: 0, name: 'a' })
  const live = map.get('a')!
  emit(
    group,
    'read a field of a held live value',
    US,
    'ops/s',
    rate((n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += live.score
      sink.value = s
    }),
    '',
  )
  emit(
    group,
    'store into a field of a held live value',
    US,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) live.score = i
    }),
    '',
  )
  emit(
    group,
    'empty transaction',
    US,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) map.transaction(nothing)
    }),
    '',
  )
}

function nothing(): void {}

const PARTS = { numbers, texts, dicts }
const PEERS = { numbers: lmdbNumbers, texts: undefined, dicts: lmdbDicts }

const [size, part] = process.argv.slice(2)
if (part === undefined) {
  for (const each of size === undefined ? [1, 1000, 100_000] : [size])
    for (const name of Object.keys(PARTS)) {
      const program = [...process.execArgv, fileURLToPath(import.meta.url), String(each), name]
      const { status } = spawnSync(process.execPath, program, { stdio: ['ignore', 'inherit', 'inherit'] })
      if (status !== 0) process.exitCode = 1
    }
} else {
  const name = part as keyof typeof PARTS
  const one = new Case(Number(size))
  {
    using heap = SharedHeap.open(`bench-map-${process.pid}`, { lifetime: 'lastClose', maxSize: '1 GiB' })
    PARTS[name](one, heap)
  }
  await PEERS[name]?.(one)
}
