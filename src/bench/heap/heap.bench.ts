// bench: one process on a heap, beside JavaScript's Map and, where PEERS_NODE names a folder whose node_modules has it,
// npm's lmdb. Nanoseconds per operation; case 2 (a shared dictionary of {score, name}) also as operations per second.

import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Heap, type HeapMap, type HeapObject, unlinkHeap } from '../../heap/index.js'
import { emit, rate } from '../membridge/harness.js'

const US = `memlane/heap (Node ${process.versions.node})`
const NAME = `bench-heap-${process.pid}`
const SIZES = (process.argv[2] ?? process.env.KEYS ?? '1,1000,100000').split(',').map(Number)

let sink = 0
const nanoseconds = (perSecond: number[]): number[] => perSecond.map((ops) => 1e9 / ops)

function row(metric: string, peer: string, body: (n: number) => void, note: string = ''): void {
  emit('heap', metric, peer, 'ns', nanoseconds(rate(body)), note)
}

interface Lmdb {
  get(key: string): unknown
  putSync(key: string, value: unknown): void
  put(key: string, value: unknown): Promise<boolean>
  removeSync(key: string): boolean
  transactionSync(work: () => void): void
  close(): Promise<void>
}

function openLmdb(path: string): Lmdb | undefined {
  if (process.env.PEERS_NODE === undefined) {
    console.error('bench: PEERS_NODE names no folder with npm lmdb: its rows are missing')
    return undefined
  }
  const { open } = createRequire(`${process.env.PEERS_NODE}/x.js`)('lmdb') as { open(options: object): Lmdb }
  return open({ path, mapSize: 2 ** 30, noSync: true })
}

function scattered(keys: number): string[] {
  return Array.from({ length: 1024 }, (_, i) => `k${(i * 7919) % keys}`)
}

function maps(heap: Heap, size: number): void {
  const ks = scattered(size)
  const at = `, ${size} keys`
  const numbers = heap.map(`numbers ${size}`)
  const texts = heap.map(`texts ${size}`)
  const objects = heap.map(`objects ${size}`)
  const plain = new Map<string, unknown>()
  for (let i = 0; i < size; i++) {
    numbers.set(`k${i}`, i)
    texts.set(`k${i}`, `text-number-${i}`)
    objects.set(`k${i}`, { score: i, name: `player-${i}` })
    plain.set(`k${i}`, i)
  }
  row(`get int${at}`, US, (n) => {
    for (let i = 0; i < n; i++) sink += numbers.get(ks[i & 1023]!) as number
  })
  row(`get int${at}`, 'JS Map (private)', (n) => {
    for (let i = 0; i < n; i++) sink += plain.get(ks[i & 1023]!) as number
  })
  row(`get int, fresh key string${at}`, US, (n) => {
    for (let i = 0; i < n; i++) sink += numbers.get(`k${(i * 7919) % size}`) as number
  })
  row(`get int, fresh key string${at}`, 'JS Map (private)', (n) => {
    for (let i = 0; i < n; i++) sink += plain.get(`k${(i * 7919) % size}`) as number
  })
  row(`get string${at}`, US, (n) => {
    for (let i = 0; i < n; i++) sink += (texts.get(ks[i & 1023]!) as string).length
  })
  row(`get object and one field${at}`, US, (n) => {
    for (let i = 0; i < n; i++) sink += (objects.get(ks[i & 1023]!) as HeapObject).get('score') as number
  })
  row(`snapshot of an object${at}`, US, (n) => {
    for (let i = 0; i < n; i++) sink += (objects.snapshotOf(ks[i & 1023]!) as { score: number }).score
  })
  const held = objects.get(ks[0]!) as HeapObject
  row(`field of a held handle${at}`, US, (n) => {
    for (let i = 0; i < n; i++) sink += held.get('score') as number
  })
  row(`set a field of a held handle${at}`, US, (n) => {
    for (let i = 0; i < n; i++) held.set('score', i)
  })
  row(`set int${at}`, US, (n) => {
    for (let i = 0; i < n; i++) numbers.set(ks[i & 1023]!, i)
  })
  row(`set int${at}`, 'JS Map (private)', (n) => {
    for (let i = 0; i < n; i++) plain.set(ks[i & 1023]!, i)
  })
  row(`set string${at}`, US, (n) => {
    for (let i = 0; i < n; i++) texts.set(ks[i & 1023]!, 'another-text-value')
  })
  row(`set object${at}`, US, (n) => {
    for (let i = 0; i < n; i++) objects.set(ks[i & 1023]!, { score: i, name: 'player-x' })
  })
  row(`insert and delete${at}`, US, (n) => churn(numbers, n))
  row(`insert and delete${at}`, 'JS Map (private)', (n) => churn(plain, n))
  row(`10 sets in one transaction, per set${at}`, US, (n) => {
    for (let i = 0; i < n; i += 10) {
      heap.transaction(() => {
        for (let k = 0; k < 10; k++) numbers.set(ks[(i + k) & 1023]!, i)
      })
    }
  })
  let cursor = numbers.cursor()
  row(`iterate, per entry${at}`, US, (n) => {
    for (let i = 0; i < n; i++) {
      if (!cursor.next()) {
        cursor = numbers.cursor()
        cursor.next()
      }
      sink += cursor.value as number
    }
  })
  emit(
    '2',
    `dict get, ${size} keys`,
    US,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) sink += (objects.get(ks[i & 1023]!) as HeapObject).get('score') as number
    }),
    'live handle and one field; one process',
  )
  emit(
    '2',
    `dict set, ${size} keys`,
    US,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) objects.set(ks[i & 1023]!, { score: i, name: 'player-x' })
    }),
    'one transaction per call',
  )
}

function churn(map: HeapMap | Map<string, unknown>, n: number): void {
  for (let i = 0; i < n; i++) {
    map.set(`new ${i & 1023}`, i)
    map.delete(`new ${i & 1023}`)
  }
}

async function lmdb(size: number): Promise<void> {
  const path = `/dev/shm/${NAME}-lmdb-${size}`
  const db = openLmdb(path)
  if (db === undefined) return
  const ks = scattered(size)
  const at = `, ${size} keys`
  const peer = 'lmdb (npm)'
  db.transactionSync(() => {
    for (let i = 0; i < size; i++) {
      db.put(`n${i}`, i)
      db.put(`t${i}`, `text-number-${i}`)
      db.put(`k${i}`, { score: i, name: `player-${i}` })
    }
  })
  const prefixed = (letter: string): string[] => ks.map((key) => letter + key.slice(1))
  const [numbers, texts] = [prefixed('n'), prefixed('t')]
  row(`get int${at}`, peer, (n) => {
    for (let i = 0; i < n; i++) sink += db.get(numbers[i & 1023]!) as number
  })
  row(`get string${at}`, peer, (n) => {
    for (let i = 0; i < n; i++) sink += (db.get(texts[i & 1023]!) as string).length
  })
  row(`get object and one field${at}`, peer, (n) => {
    for (let i = 0; i < n; i++) sink += (db.get(ks[i & 1023]!) as { score: number }).score
  })
  row(`set int${at}`, `${peer} putSync`, (n) => {
    for (let i = 0; i < n; i++) db.putSync(numbers[i & 1023]!, i)
  })
  row(`set object${at}`, `${peer} putSync`, (n) => {
    for (let i = 0; i < n; i++) db.putSync(ks[i & 1023]!, { score: i, name: 'player-x' })
  })
  row(`10 sets in one transaction, per set${at}`, peer, (n) => {
    for (let i = 0; i < n; i += 10) {
      db.transactionSync(() => {
        for (let k = 0; k < 10; k++) db.put(numbers[(i + k) & 1023]!, i)
      })
    }
  })
  await db.close()
  rmSync(path, { recursive: true, force: true })
  rmSync(`${path}-lock`, { force: true })
}

{
  using heap = Heap.create(NAME, { maxSize: '512 MiB' })
  try {
    row('empty transaction', US, (n) => {
      for (let i = 0; i < n; i++) heap.transaction(() => {})
    })
    for (const size of SIZES) maps(heap, size)
    const list = heap.list('list')
    list.assign(Array.from({ length: 100_000 }, (_, i) => i))
    row('list get', US, (n) => {
      for (let i = 0; i < n; i++) sink += list.get(i % 100_000) as number
    })
    row('list push and pop', US, (n) => {
      for (let i = 0; i < n; i++) {
        list.push(i)
        list.pop()
      }
    })
    const { used } = heap.stats()
    const counted = heap.map('counted')
    for (let i = 0; i < 100_000; i++) counted.set(`key ${i}`, i)
    emit(
      'heap',
      'bytes per entry (short key, int)',
      US,
      'bytes',
      [(heap.stats().used - used) / 100_000],
      'blocks of 100,000 entries and their index',
    )
  } finally {
    unlinkHeap(NAME)
  }
}
for (const size of SIZES) await lmdb(size)
if (sink === 0.1) console.error(sink)
