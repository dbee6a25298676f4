// collections: what the type checker knows of what is handed out. That this file compiles is most of the test.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Key } from '../heap/index.js'
import { DELETE } from '../updating.js'
import {
  type ListChange,
  type MapChange,
  type ReadOnlyMap,
  type SetChange,
  SharedBlock,
  SharedBool,
  SharedFloat,
  SharedHeap,
  SharedInt,
  SharedList,
  SharedMap,
  SharedSet,
  SharedString,
  snapshot,
} from './index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_T extends true>(): void => {}

interface Player {
  score: number
}

function scoreOf(change: MapChange<string, Player>): number | undefined {
  // @ts-expect-error: a map that was cleared has no key to tell
  void (() => change.key.length)
  if (change.type === 'clear') {
    is<Same<typeof change.key, undefined>>()
    is<Same<typeof change.value, undefined>>()
    return undefined
  }
  is<Same<typeof change.key, string>>()
  if (change.type === 'delete') is<Same<typeof change.value, undefined>>()
  // @ts-expect-error: it may be gone by the time that the change is delivered
  else if (change.key === '') return change.value.score
  return change.type === 'set' ? change.value?.score : change.key.length
}

function nameOf(change: SetChange<string>): string {
  // @ts-expect-error: a set that was cleared has no value to tell
  void (() => change.value.length)
  if (change.type === 'clear') {
    is<Same<typeof change.value, undefined>>()
    return ''
  }
  is<Same<typeof change.value, string>>()
  return change.value
}

function indexOf(change: ListChange<Player>): number | undefined {
  if (change.type === 'clear') is<Same<typeof change.index, undefined>>()
  else is<Same<typeof change.index, number | undefined>>()
  if (change.type === 'set') is<Same<typeof change.value, Player | undefined>>()
  else is<Same<typeof change.value, undefined>>()
  return change.index
}

/** Never called: what `update` takes. */
export function updates(
  players: SharedMap<string, Player>,
  counts: SharedMap<string, number>,
  block: SharedBlock<Player>,
): void {
  players.update('ada', (ada) => {
    if (ada !== undefined) ada.score++
  })
  players.update('ada', (ada) => (ada === undefined ? { score: 1 } : DELETE))
  block.update((ada) => {
    ada.score++
  })
  counts.update('n', (n = 0) => n + 1)
  // @ts-expect-error: a number cannot be changed in place
  counts.update('n', () => {})
  // @ts-expect-error: a block always has a value
  block.update(() => DELETE)
}

test('a change says by its type what it has', () => {
  const coalesced = 0
  assert.equal(scoreOf({ type: 'set', key: 'ada', value: { score: 7 }, coalesced }), 7)
  assert.equal(scoreOf({ type: 'clear', key: undefined, value: undefined, coalesced }), undefined)
  assert.equal(nameOf({ type: 'delete', value: 'ada', coalesced }), 'ada')
  assert.equal(indexOf({ type: 'delete', index: 1, value: undefined, coalesced }), 1)
})

/** Never run: that it compiles, with exactly these errors, is the test. */
export function handlesThatOnlyRead(): void {
  using map = SharedMap.open<string, Player>('m', { readOnly: true })
  void map.get('ada')!.score
  for (const [key, { score }] of map) void (key.length + score)
  is<Same<ReturnType<typeof copyOf>, Map<string, Player>>>()
  // @ts-expect-error: a handle that only reads stores nothing
  map.set('ada', { score: 1 })
  // @ts-expect-error: nor does it delete
  map.delete('ada')
  // @ts-expect-error: nor take part in transactions
  map.transaction(() => {})
  void map.participants()
  using set = SharedSet.open('s', { readOnly: true })
  void set.union(new Set(['a']))
  // @ts-expect-error: it adds nothing
  set.add('a')
  using list = SharedList.open<Player>('l', { readOnly: true })
  void list.map(({ score }) => score)
  // @ts-expect-error: it pushes nothing
  list.push({ score: 1 })
  // @ts-expect-error: its elements cannot be assigned
  list[0] = { score: 1 }
  using int = SharedInt.open('i', { readOnly: true })
  is<Same<typeof int.value, number>>()
  void int.wait(1)
  // @ts-expect-error: its value cannot be assigned
  int.value = 1
  // @ts-expect-error: nor added to
  int.add(1)
  using long = SharedInt.open('i', { readOnly: true, type: 'int64' })
  is<Same<typeof long.value, bigint>>()
  using float = SharedFloat.open('f', { readOnly: true })
  // @ts-expect-error: it adds nothing
  float.add(1)
  using bool = SharedBool.open('b', { readOnly: true })
  // @ts-expect-error: it is not turned over
  bool.toggle()
  using string = SharedString.open('t', { readOnly: true })
  // @ts-expect-error: what lives in a heap is not watched by those who may not store
  string.watch()
  using block = SharedBlock.open<Player>('k', { readOnly: true })
  void block.value.score
  // @ts-expect-error: it is not changed
  block.update((value) => value)
  using heap = SharedHeap.open('h', { readOnly: true })
  void heap.map<string, Player>('m').get('ada')?.score
  // @ts-expect-error: what comes out of such a heap only reads
  heap.map<string, Player>('m').set('ada', { score: 1 })
  // @ts-expect-error: nothing is removed from it
  heap.remove('m')
}

function copyOf(map: ReadOnlyMap<string, Player>) {
  return snapshot(map)
}

interface Tree {
  name: string
  children: Tree[]
  born?: Date
  tags: Map<string, Set<number>>
  bytes: Uint8Array
}

/** Never run. */
export function whatCanBeStored(): void {
  SharedMap.open<string, Tree>('m').set('a', { name: '', children: [], tags: new Map(), bytes: new Uint8Array() })
  SharedMap.open<string, [number, { a?: string }]>('m').set('a', [1, {}])
  SharedMap.open<string, unknown>('m').set('a', 1)
  SharedList.open<Tree | null>('l').push(null)
  // @ts-expect-error: functions cannot be stored
  SharedMap.open<string, () => void>('m').set('a', () => {})
  // @ts-expect-error: nor can what holds one
  SharedMap.open<string, { deep: { call: () => void }[] }>('m').get('a')
  // @ts-expect-error: nor symbols
  SharedList.open<symbol>('l').push(Symbol())
  // @ts-expect-error: nor classes
  SharedBlock.open<typeof Date>('b').value
  // A heap may know the class that the method comes from.
  void SharedHeap.open('h').map<string, { call(): void }>('m').size
  generic<number>('m', 1)
}

/** Where the type is not known yet, nothing is refused. */
function generic<V>(name: string, value: V): SharedMap<Key, V> {
  return SharedMap.open<Key, V>(name).set('a', value)
}
