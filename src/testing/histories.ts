// testing: what the linearizability tests do to each structure, and what a plain one would do.

import { type SharedHeap, SharedInt, type SharedList, type SharedMap } from '../collections/index.js'
import type { Model } from './linearizability.js'

/** `int` is one in a heap, `word` one in a segment of its own. */
export type Kind = 'map' | 'int' | 'word' | 'list'
type Below = (n: number) => number

export interface Input {
  readonly do: string
  readonly key?: string
  readonly value?: number
  readonly expected?: number
}

interface History<T> {
  open(heap: SharedHeap): T
  choose(below: Below): Input
  apply(structure: T, input: Input): unknown
  readonly model: Model<unknown, Input, unknown>
}

const pick = <T>(below: Below, of: readonly T[]): T => of[below(of.length)]!

const map: History<SharedMap<string, number>> = {
  open: (heap) => heap.map<string, number>('m'),
  choose: (below) => ({
    do: pick(below, ['get', 'get', 'set', 'add', 'delete', 'compareAndSet', 'update']),
    key: pick(below, ['x', 'y', 'a longer key']),
    value: below(5),
    expected: below(5),
  }),
  apply(shared, { do: what, key = '', value = 0, expected }) {
    switch (what) {
      case 'get':
        return shared.get(key) ?? null
      case 'set':
        shared.set(key, value)
        return null
      case 'add':
        return shared.add(key, value)
      case 'delete':
        return shared.delete(key)
      case 'compareAndSet':
        return shared.compareAndSet(key, expected, value)
      default:
        return shared.update(key, (old) => ((old ?? 0) * 2 + 1) % 97) ?? null
    }
  },
  // One key at a time: see isLinearizable.
  model: {
    initial: null,
    step(state, { do: what, value = 0, expected }) {
      const old = state as number | null
      switch (what) {
        case 'get':
          return { state, output: old }
        case 'set':
          return { state: value, output: null }
        case 'add':
          return { state: (old ?? 0) + value, output: (old ?? 0) + value }
        case 'delete':
          return { state: null, output: old !== null }
        case 'compareAndSet':
          return old === expected ? { state: value, output: true } : { state, output: false }
        default: {
          const next = ((old ?? 0) * 2 + 1) % 97
          return { state: next, output: next }
        }
      }
    },
    key: String,
  },
}

const int: History<SharedInt> = {
  open: (heap) => heap.int('n'),
  choose: (below) => ({
    do: pick(below, ['get', 'set', 'add', 'exchange', 'compareExchange']),
    value: below(6),
    expected: below(6),
  }),
  apply(shared, { do: what, value = 0, expected = 0 }) {
    switch (what) {
      case 'get':
        return shared.value
      case 'set':
        shared.value = value
        return null
      case 'add':
        return shared.add(value)
      case 'exchange':
        return shared.exchange(value)
      default:
        return shared.compareExchange(expected, value)
    }
  },
  model: {
    initial: 0,
    step(state, { do: what, value = 0, expected = 0 }) {
      const old = state as number
      switch (what) {
        case 'get':
          return { state, output: old }
        case 'set':
          return { state: value, output: null }
        case 'add':
          return { state: old + value, output: old }
        case 'exchange':
          return { state: value, output: old }
        default:
          return { state: old === expected ? value : old, output: old }
      }
    },
    key: String,
  },
}

/**
 * The name of the counter that times a history: runtimes' clocks begin when their process does, and a counter that all of
 * them raise before and after each operation says as well what was over before what began.
 */
export const clockBeside = (name: string): string => `${name}-clock`

/** The name of the integer beside a heap. */
export const wordBeside = (name: string): string => `${name}-word`

const word: History<SharedInt> = { ...int, open: (heap) => SharedInt.open(wordBeside(heap.name)) }

const list: History<SharedList<number>> = {
  open: (heap) => heap.list<number>('l'),
  choose: (below) => ({
    do: pick(below, ['push', 'push', 'pop', 'shift', 'unshift', 'length', 'at', 'reverse', 'splice']),
    value: below(9),
  }),
  apply(shared, { do: what, value = 0 }) {
    switch (what) {
      case 'push':
        return shared.push(value)
      case 'pop':
        return shared.pop() ?? null
      case 'shift':
        return shared.shift() ?? null
      case 'unshift':
        return shared.unshift(value)
      case 'length':
        return shared.length
      case 'at':
        return shared.at(-1) ?? null
      case 'reverse':
        shared.reverse()
        return null
      default:
        return shared.splice(1, 1, value, value)
    }
  },
  model: {
    initial: [],
    step(state, { do: what, value = 0 }) {
      const next = [...(state as number[])]
      switch (what) {
        case 'push':
          return { output: next.push(value), state: next }
        case 'pop':
          return { output: next.pop() ?? null, state: next }
        case 'shift':
          return { output: next.shift() ?? null, state: next }
        case 'unshift':
          return { output: next.unshift(value), state: next }
        case 'length':
          return { output: next.length, state: next }
        case 'at':
          return { output: next.at(-1) ?? null, state: next }
        case 'reverse':
          return { output: null, state: next.reverse() }
        default:
          return { output: next.splice(1, 1, value, value), state: next }
      }
    },
    key: String,
  },
}

export const HISTORIES: Readonly<Record<Kind, History<never>>> = {
  map: map as unknown as History<never>,
  int: int as unknown as History<never>,
  word: word as unknown as History<never>,
  list: list as unknown as History<never>,
}
