// bench: maps in one process, with one key, a thousand and a hundred thousand. Peers: JS Map, and lmdb where it is installed.

import { SharedHeap, type SharedMap } from '../../collections/index.js'
import { emit, rate } from '../membridge/harness.js'
import { openLmdb, sink, US } from './peers.js'

const SIZES = process.argv[2] === undefined ? [1, 1000, 100_000] : [Number(process.argv[2])]
const group = '2'

interface Player {
  score: number
  name: string
}

for (const size of SIZES) {
  const keys = Array.from({ length: size }, (_, i) => `k${i}`)
  // In an order that no prefetcher knows.
  const order = Array.from({ length: 1024 }, (_, i) => keys[(i * 7919) % size]!)
  const at = (metric: string): string => `${metric}, ${size} keys`

  using heap = SharedHeap.open(`bench-map-${process.pid}`, { lifetime: 'lastClose', maxSize: '1 GiB' })
  const ints = heap.map<string, number>('ints')
  const texts = heap.map<string, string>('texts')
  const players = heap.map<string, Player>('players')
  const jsInts = new Map<string, number>()
  const jsPlayers = new Map<string, Player>()
  keys.forEach((key, i) => {
    ints.set(key, i)
    texts.set(key, `player number ${i}`)
    players.set(key, { score: i, name: `player-${i}` })
    jsInts.set(key, i)
    jsPlayers.set(key, { score: i, name: `player-${i}` })
  })
  const us = (metric: string, body: (n: number) => void, note = ''): void =>
    emit(group, at(metric), US, 'ops/s', rate(body), note)
  const js = (metric: string, body: (n: number) => void, note = ''): void =>
    emit(group, at(metric), 'JS Map (private)', 'ops/s', rate(body), note)

  us('get int', (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += ints.get(order[i & 1023]!)!
    sink.value = s
  })
  js('get int', (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += jsInts.get(order[i & 1023]!)!
    sink.value = s
  })
  us(
    'get int, fresh key',
    (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += ints.get(`k${(i * 7919) % size}`)!
      sink.value = s
    },
    'the key string is built each time',
  )
  js('get int, fresh key', (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += jsInts.get(`k${(i * 7919) % size}`)!
    sink.value = s
  })
  us('get string', (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += texts.get(order[i & 1023]!)!.length
    sink.value = s
  })
  us(
    'dict get',
    (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += players.get(order[i & 1023]!)!.score
      sink.value = s
    },
    'a live value; {score, name}, score is read',
  )
  js('dict get', (n) => {
    let s = 0
    for (let i = 0; i < n; i++) s += jsPlayers.get(order[i & 1023]!)!.score
    sink.value = s
  })
  us('snapshot of one {score, name}', (n) => {
    for (let i = 0; i < n; i++) sink.value = players.snapshot(order[i & 1023]!)
  })
  js(
    'snapshot of one {score, name}',
    (n) => {
      for (let i = 0; i < n; i++) sink.value = structuredClone(jsPlayers.get(order[i & 1023]!))
    },
    'structuredClone',
  )
  us('set int', (n) => {
    for (let i = 0; i < n; i++) ints.set(order[i & 1023]!, i)
  })
  js('set int', (n) => {
    for (let i = 0; i < n; i++) jsInts.set(order[i & 1023]!, i)
  })
  us('add', (n) => {
    for (let i = 0; i < n; i++) ints.add(order[i & 1023]!, 1)
  })
  us('set string', (n) => {
    for (let i = 0; i < n; i++) texts.set(order[i & 1023]!, 'another player')
  })
  us('dict set', (n) => {
    for (let i = 0; i < n; i++) players.set(order[i & 1023]!, { score: i, name: 'player-x' })
  })
  js('dict set', (n) => {
    for (let i = 0; i < n; i++) jsPlayers.set(order[i & 1023]!, { score: i, name: 'player-x' })
  })
  us('get(key).score += 1', (n) => {
    for (let i = 0; i < n; i++) players.get(order[i & 1023]!)!.score += 1
  })
  if (size === 1) held(heap.map('held'))
  us('iterate, per entry', (n) => {
    for (let left = n; left > 0; )
      for (const [, value] of ints) {
        sink.value = value
        if (--left <= 0) break
      }
  })
  us('insert and delete', (n) => {
    for (let i = 0; i < n; i++) {
      ints.set('new key', i)
      ints.delete('new key')
    }
  })

  const lmdb = openLmdb()
  if (lmdb !== undefined) {
    const { db, peer } = lmdb
    db.transactionSync(() => {
      for (const [i, key] of keys.entries()) db.putSync(key, { score: i, name: `player-${i}` })
    })
    const them = (metric: string, body: (n: number) => void, note = ''): void =>
      emit(group, at(metric), peer, 'ops/s', rate(body), note)
    them(
      'dict get',
      (n) => {
        let s = 0
        for (let i = 0; i < n; i++) s += (db.get(order[i & 1023]!) as Player).score
        sink.value = s
      },
      'msgpack',
    )
    them('snapshot of one {score, name}', (n) => {
      for (let i = 0; i < n; i++) sink.value = db.get(order[i & 1023]!)
    })
    them(
      'dict set',
      (n) => {
        for (let i = 0; i < n; i++) db.putSync(order[i & 1023]!, { score: i, name: 'player-x' })
      },
      'putSync, noSync, tmpfs',
    )
    db.transactionSync(() => {
      for (const [i, key] of keys.entries()) db.putSync(key, i)
    })
    them('get int', (n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += db.get(order[i & 1023]!) as number
      sink.value = s
    })
    them(
      'set int',
      (n) => {
        for (let i = 0; i < n; i++) db.putSync(order[i & 1023]!, i)
      },
      'putSync, noSync, tmpfs',
    )
    them('iterate, per entry', (n) => {
      for (let left = n; left > 0; )
        for (const { value } of db.getRange()) {
          sink.value = value
          if (--left <= 0) break
        }
    })
    await lmdb.end()
  }
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
