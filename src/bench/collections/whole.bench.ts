// bench: a whole map at once: snapshot, opening, and bytes per entry.

import { SharedMap } from '../../collections/index.js'
import { emit, RUNS } from '../membridge/harness.js'
import { openLmdb, sink, US } from './peers.js'

const KEYS = 100_000
const time = (work: () => void): number => {
  const start = performance.now()
  work()
  return performance.now() - start
}
const runs = (work: () => void): number[] => {
  work()
  return Array.from({ length: RUNS }, () => time(work))
}
const heapUsed = (): number => {
  ;(globalThis as { gc?: () => void }).gc?.()
  return process.memoryUsage().heapUsed
}
const key = (i: number): string => `k${i}`
const name = `bench-whole-${process.pid}`

{
  using map = SharedMap.open<string, { score: number; name: string }>(name, { lifetime: 'lastClose', maxSize: '1 GiB' })
  const entries = Array.from({ length: KEYS }, (_, i) => [key(i), { score: i, name: `player-${i}` }] as const)
  emit(
    '5',
    `fill, ${KEYS} entries {score, name}`,
    US,
    'ms',
    [
      time(() => {
        for (const [k, v] of entries) map.set(k, v)
      }),
    ],
    '',
  )
  emit(
    '5',
    `snapshot of a map, ${KEYS} entries {score, name}`,
    US,
    'ms',
    runs(() => {
      sink.value = map.snapshot()
    }),
    '',
  )
  emit(
    '5',
    'open and close a 1 GiB map that exists',
    US,
    'ms',
    runs(() => SharedMap.open(name, { maxSize: '1 GiB' }).close()),
    '',
  )
  const lmdb = openLmdb()
  if (lmdb !== undefined) {
    const { db, peer } = lmdb
    db.transactionSync(() => {
      for (const [k, v] of entries) db.putSync(k, v)
    })
    emit(
      '5',
      `snapshot of a map, ${KEYS} entries {score, name}`,
      peer,
      'ms',
      runs(() => {
        sink.value = new Map(Array.from(db.getRange(), ({ key, value }) => [key, value]))
      }),
      'getRange',
    )
    await lmdb.end()
    const times: number[] = []
    for (let i = 0; i <= RUNS; i++) {
      const again = openLmdb()!
      await again.db.close()
      const start = performance.now()
      const open = again.open()
      open.get('k1')
      times.push(performance.now() - start)
      await open.close()
      await again.end()
    }
    emit('5', 'open of a store that exists', peer, 'ms', times.slice(1), 'with a first get')
  }
}
{
  const { SharedHeap } = await import('../../collections/index.js')
  using heap = SharedHeap.open(`${name}b`, { lifetime: 'lastClose', maxSize: '256 MiB' })
  const map = heap.map<string, number>('m')
  const before = heap.stats().used
  for (let i = 0; i < KEYS; i++) map.set(key(i), i)
  emit('5', 'bytes per entry, short key, int value', US, 'B', [(heap.stats().used - before) / KEYS], 'keys included')
  const jsBefore = heapUsed()
  const js = new Map<string, number>()
  for (let i = 0; i < KEYS; i++) js.set(key(i), i)
  emit(
    '5',
    'bytes per entry, short key, int value',
    'JS Map (private)',
    'B',
    [(heapUsed() - jsBefore) / KEYS],
    'keys included',
  )
  sink.value = js
}
