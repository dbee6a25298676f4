// bench: single values. get, set and add of an integer and of a float, alone and with two processes at once.

import { fileURLToPath } from 'node:url'
import { SharedFloat, SharedInt } from '../../collections/index.js'
import { emit, ended, placed, RUNS, rate, startRole } from '../membridge/harness.js'
import { sink, US } from './peers.js'

const program = fileURLToPath(import.meta.url)
const [role, name = `bench-cells-${process.pid}`] = process.argv.slice(2)
const options = { lifetime: 'lastClose' } as const

if (role === 'add') {
  using int = SharedInt.open(name)
  console.log('ready')
  for (;;) int.add(1)
} else {
  using int = SharedInt.open(name, options)
  using big = SharedInt.open(`${name}b`, { ...options, type: 'int64' })
  using float = SharedFloat.open(`${name}f`, options)
  const words = new Int32Array(new SharedArrayBuffer(8))
  const plain = 'limit: Atomics on an Int32Array'
  const note = 'one process'
  emit(
    '1',
    'int get',
    plain,
    'ops/s',
    rate((n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += Atomics.load(words, 0)
      sink.value = s
    }),
    note,
  )
  emit(
    '1',
    'int set',
    plain,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) Atomics.store(words, 0, i)
    }),
    note,
  )
  emit(
    '1',
    'int locked increment',
    plain,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) Atomics.add(words, 0, 1)
    }),
    note,
  )
  emit(
    '1',
    'int get',
    `${US} SharedInt int32`,
    'ops/s',
    rate((n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += int.value
      sink.value = s
    }),
    note,
  )
  emit(
    '1',
    'int set',
    `${US} SharedInt int32`,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) int.value = i & 0xffff
    }),
    note,
  )
  emit(
    '1',
    'int locked increment',
    `${US} SharedInt int32`,
    'ops/s',
    rate((n) => {
      int.value = 0
      for (let i = 0; i < n; i++) int.add(1)
    }),
    note,
  )
  emit(
    '1',
    'int get',
    `${US} SharedInt int64`,
    'ops/s',
    rate((n) => {
      let s = 0n
      for (let i = 0; i < n; i++) s = big.value
      sink.value = s
    }),
    note,
  )
  emit(
    '1',
    'int set',
    `${US} SharedInt int64`,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) big.value = 5n
    }),
    note,
  )
  emit(
    '1',
    'int locked increment',
    `${US} SharedInt int64`,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) big.add(1n)
    }),
    note,
  )
  emit(
    '1',
    'float get',
    `${US} SharedFloat float64`,
    'ops/s',
    rate((n) => {
      let s = 0
      for (let i = 0; i < n; i++) s += float.value
      sink.value = s
    }),
    note,
  )
  emit(
    '1',
    'float set',
    `${US} SharedFloat float64`,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) float.value = i
    }),
    note,
  )
  emit(
    '1',
    'float add',
    `${US} SharedFloat float64`,
    'ops/s',
    rate((n) => {
      for (let i = 0; i < n; i++) float.add(1)
    }),
    note,
  )

  const { result, rtt } = await placed(async () => {
    int.value = 0
    const other = await startRole(program, 'add', [name])
    const runs: number[] = []
    for (let run = 0; run < RUNS; run++) {
      const before = int.value
      const start = performance.now()
      while (performance.now() - start < 250) for (let i = 0; i < 1000; i++) int.add(1)
      runs.push(((int.value - before) * 1000) / (performance.now() - start))
      int.value = 0
    }
    other.kill('SIGKILL')
    await ended(other)
    return runs
  })
  emit('1', 'int locked increment, 2 processes', `${US} SharedInt int32`, 'ops/s', result, 'sum of both', rtt)
}
