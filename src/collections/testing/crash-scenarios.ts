// collections/testing: what users call, over a hooked heap whose every store is a place to die. The heap's own operations
// are in heap/testing/scenarios.ts; here are those that the collections make of them, each all or nothing.

import type { Heap } from '../../heap/index.js'
import type { Scenario } from '../../heap/testing/scenarios.js'
import type { SharedHeap } from '../heap/shared-heap.js'

interface Player {
  score: number
  name: string
  tags: string[]
  [more: string]: unknown
}

const TEXT = 'a text that is no short one'
const KEYS = ['a', 'ada', 'text', 'big', 'new'].map((key) => ['map:m', key] as const)

const players = (heap: SharedHeap) => heap.map<string, unknown>('m')
const ada = (heap: SharedHeap): Player => players(heap).get('ada') as Player

function some(heap: SharedHeap): void {
  players(heap).setMany([
    ['a', 1],
    ['text', TEXT],
    ['ada', { score: 1, name: TEXT, tags: ['new', TEXT] }],
    ['big', 2n ** 70n],
  ])
  heap.list('l').push(3, TEXT, { n: 1 }, 'one', [TEXT])
  heap.set<string | number>('s').addMany([1, TEXT, 'x'])
  heap.int('i').set(5)
  heap.float('f').set(1)
  heap.bool('o').set(true)
  heap.string('t').set(TEXT)
  heap.block<unknown>('b').set({ at: [1, TEXT] })
}

/** Name, what is done, and how it fails if it does. */
const OPERATIONS: readonly (readonly [name: string, act: (heap: SharedHeap) => unknown, throws?: RegExp])[] = [
  ['update to another value', (heap) => players(heap).update('ada', (old) => ({ old, n: TEXT }))],
  [
    'update in place',
    (heap) =>
      players(heap).update('ada', (old) => {
        const player = old as Player
        player.score += 1
        player.tags.push(TEXT)
        return player
      }),
  ],
  ['update what is missing', (heap) => players(heap).update('new', () => [TEXT])],
  ['update to nothing', (heap) => players(heap).update('ada', () => undefined)],
  [
    'update that throws',
    (heap) =>
      players(heap).update('ada', (old) => {
        ;(old as Player).tags.length = 0
        throw new Error('abort')
      }),
    /abort/,
  ],
  ['getOrInsert', (heap) => players(heap).getOrInsert('new', { n: TEXT })],
  ['getOrInsertComputed', (heap) => players(heap).getOrInsertComputed('new', (key) => [key, TEXT])],
  ['add a bigint', (heap) => players(heap).add('big', 2n ** 71n)],
  ['compareAndSet', (heap) => players(heap).compareAndSet('text', TEXT, { n: TEXT })],
  ['compareAndSet in vain', (heap) => players(heap).compareAndSet('text', 'other', 1)],
  [
    'setMany',
    (heap) =>
      players(heap).setMany([
        ['a', TEXT],
        ['new', [1]],
        ['ada', 5],
        ['a', 2],
      ]),
  ],
  [
    'setMany with one that is refused',
    (heap) =>
      players(heap).setMany([
        ['a', TEXT],
        ['new', [1, () => 1]],
      ]),
    /cannot be stored/,
  ],
  ['deleteMany', (heap) => players(heap).deleteMany(['a', 'none', 'ada', 'big'])],
  ['a live value stored elsewhere', (heap) => players(heap).set('new', { copy: ada(heap) })],
  [
    'properties of a live object',
    (heap) =>
      heap.transaction(() => {
        const live = ada(heap)
        Object.assign(live, { score: 7, more: { deep: [TEXT] }, name: TEXT.toUpperCase() })
        delete (live as Partial<Player>).tags
        live.more2 = live.more
      }),
  ],
  ['sort a nested list', (heap) => ada(heap).tags.sort()],
  ['sort', (heap) => heap.list('l').sort()],
  ['reverse', (heap) => heap.list('l').reverse()],
  ['fill', (heap) => heap.list('l').fill(TEXT, 1, 4)],
  ['copyWithin', (heap) => heap.list('l').copyWithin(0, 2)],
  ['splice to the end', (heap) => heap.list('l').splice(1)],
  ['splice, more for fewer', (heap) => heap.list('l').splice(-4, 1, TEXT, { m: 2 }, 9)],
  ['list length 0', (heap) => Object.assign(heap.list('l'), { length: 0 })],
  ['set.add', (heap) => heap.set<string>('s').add(`${TEXT}!`)],
  ['set.addMany', (heap) => heap.set<string | number>('s').addMany(['x', 'y', 2, TEXT])],
  ['set.deleteMany', (heap) => heap.set<string | number>('s').deleteMany([1, TEXT, 'none'])],
  ['set.assign', (heap) => heap.set<string | number>('s').assign(['x', 'new', 3])],
  ['set.clear', (heap) => heap.set('s').clear()],
  ['int.add', (heap) => heap.int('i').add(7)],
  ['int.compareExchange', (heap) => heap.int('i').compareExchange(5, 8)],
  ['int.exchange', (heap) => heap.int('i').exchange(2 ** 20)],
  ['float.add', (heap) => heap.float('f').add(0.5)],
  ['bool.toggle', (heap) => heap.bool('o').toggle()],
  ['string.append', (heap) => heap.string('t').append(TEXT.repeat(9))],
  ['string over a string', (heap) => heap.string('t').set(TEXT.replaceAll('o', '0'))],
  ['block.update', (heap) => heap.block<unknown>('b').update((old) => [old, TEXT])],
  ['a nested value of a block', (heap) => (heap.block<{ at: unknown[] }>('b').get().at[1] = { n: TEXT })],
  ['remove a collection', (heap) => heap.remove('l')],
  [
    'make every kind',
    (heap) =>
      heap.transaction(() => {
        heap.map('M').set('a', 1)
        heap.set('S').add('a')
        heap.list('L').push(1)
        heap.int('I', 'int64').add(1n)
        heap.float('F').add(1)
        heap.bool('O').toggle()
        heap.string('T').append('a')
        heap.block('B').set([TEXT])
      }),
  ],
  [
    'a transaction over every kind',
    (heap) =>
      heap.transaction(() => {
        ada(heap).score -= 10
        players(heap).delete('text')
        heap.list('l').push(heap.list('l').shift())
        heap.set('s').add('moved')
        heap.int('i').add(10)
        heap.string('t').append('.')
        heap.block('b').set(null)
      }),
  ],
  [
    'a transaction over every kind that throws',
    (heap) =>
      heap.transaction(() => {
        players(heap).clear()
        heap.list('l').length = 1
        heap.set('s').add('moved')
        heap.int('i').add(10)
        heap.remove('b')
        heap.block('b').set(TEXT)
        throw new Error('abort')
      }),
    /abort/,
  ],
]

/** @param over makes collections of a heap. */
export function scenariosOf(over: (heap: Heap) => SharedHeap): readonly Scenario[] {
  return OPERATIONS.map(([name, act, throws]) => ({
    name: `collections: ${name}`,
    keys: KEYS,
    prepare: (heap) => some(over(heap)),
    act: (heap) => void act(over(heap)),
    ...(throws === undefined ? {} : { throws }),
  }))
}
