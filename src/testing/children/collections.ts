// testing: scenarios for the tests of collections/.

import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  SharedBlock,
  SharedFloat,
  SharedHeap,
  SharedInt,
  SharedList,
  SharedMap,
  SharedString,
  snapshot,
} from '../../collections/index.js'
import { Mutex } from '../../sync/index.js'
import { clockBeside, HISTORIES, type Kind } from '../histories.js'
import { SIZES, sealed, unsealed } from '../sealed.js'
import type { Scenario } from './ground-main.js'

/** Blocks this thread for good, with whatever it holds. */
const stay = (): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

export const collectionScenarios: Readonly<Record<string, Scenario>> = {
  // ---- the self-tests of four processes

  async 'self-test-dict'(peer, name: string) {
    using map = SharedMap.open<number, { pid: number; state: string }>(name)
    map.set(process.pid, { pid: process.pid, state: 'start' })
    peer.say('in')
    await peer.hear()
    await sleep(50)
    const mine = map.get(process.pid)!
    mine.pid += 1
    mine.state = 'end'
    peer.say(map.size)
  },

  async 'self-test-list'(peer, name: string) {
    using list = SharedList.open<string>(name)
    list.push('start')
    peer.say('in')
    await peer.hear()
    list.push('end')
    peer.say(list.length)
  },

  'self-test-scalars'(peer, name: string) {
    using lock = Mutex.open(`${name}-lock`)
    using int = SharedInt.open(`${name}-int`)
    using float = SharedFloat.open(`${name}-float`)
    using text = SharedString.open(`${name}-text`)
    // The idiom that dead-locks where the lock is the value's own and not recursive.
    using held = lock.acquire()
    int.value += 1
    float.value += 1.5
    text.value += '|rememory'
    peer.say(held.recovered)
  },

  'self-test-error'(peer, name: string) {
    using block = SharedBlock.open<Error>(name)
    const error = block.value
    peer.say({ name: error.name, message: error.message, isError: error instanceof TypeError, cause: error.cause })
  },

  // ---- defects

  'count-plain'(peer, name: string, times: number) {
    using map = SharedMap.open<string, { n: number }>(name)
    using int = SharedInt.open(`${name}-int`)
    for (let i = 0; i < times; i++) {
      map.update('one', (value) => {
        const counted = value ?? { n: 0 }
        counted.n += 1
        return counted
      })
      map.add('two' as string, 1)
      int.add(1)
    }
    peer.say('done')
  },

  'attach-again'(peer, name: string, times: number) {
    for (let i = 0; i < times; i++) SharedMap.open(name).close()
    peer.say('done')
  },

  'first-use'(peer, name: string) {
    using map = SharedMap.open<number, number>(name)
    map.set(process.pid, 1)
    peer.say('in')
  },

  'read-and-leave'(peer, name: string) {
    using map = SharedMap.open(name)
    peer.say(map.size)
  },

  grow(peer, name: string, entries: number) {
    using map = SharedMap.open<number, string>(name)
    for (let i = 0; i < entries; i++) map.set(i, 'x'.repeat(1000))
    peer.say(map.size)
  },

  async 'compare-sets'(peer, name: string, turned: boolean, times: number) {
    using heap = SharedHeap.open(name)
    const a = heap.set<number>(turned ? 'b' : 'a')
    const b = heap.set<number>(turned ? 'a' : 'b')
    let equal = 0
    for (let i = 0; i < times; i++) if (a.isSubsetOf(b) && b.isSupersetOf(a) && a.isSubsetOf(a)) equal++
    peer.say(equal)
  },

  // ---- transactions and watching

  'die-in-transaction'(peer, name: string) {
    using heap = SharedHeap.open(name)
    const accounts = heap.map<string, { balance: number }>('accounts')
    heap.transaction(() => {
      accounts.get('a')!.balance -= 10
      heap.list('log').push('taken')
      heap.int('moves').add(1)
      peer.say('inside')
      stay()
    })
  },

  'move-money'(peer, name: string, times: number) {
    using heap = SharedHeap.open(name)
    const accounts = heap.map<string, { balance: number }>('accounts')
    for (let i = 0; i < times; i++) {
      heap.transaction(() => {
        accounts.get('a')!.balance -= 1
        accounts.get('b')!.balance += 1
        heap.int('moves').add(1)
      })
    }
    peer.say('done')
  },

  async 'change-map'(peer, name: string) {
    using map = SharedMap.open<string, unknown>(name)
    for (;;) {
      const told = (await peer.hear()) as { key: string; value?: unknown; times?: number } | null
      if (told === null) return
      for (let i = 0; i < (told.times ?? 1); i++) map.set(told.key, told.value ?? i)
      peer.say('changed')
    }
  },

  'watch-and-stay'(peer, name: string, watchers: number) {
    const map = SharedMap.open(name)
    for (let i = 0; i < watchers; i++) map.watch()
    peer.say('watching')
    stay()
  },

  'add-and-delete'(peer, name: string) {
    using map = SharedMap.open<string, number>(name)
    peer.say('ready')
    for (let i = 0; ; i++) {
      map.set(`goes ${i}`, i)
      map.delete(`goes ${i - 50}`)
    }
  },

  // ---- histories: each line of the file is one call or one return, written before and after the operation

  'write-history'(peer, name: string, kind: Kind, seed: number, times: number, path: string) {
    const file = openSync(path, 'a')
    using heap = SharedHeap.open(name)
    using clock = SharedInt.open(clockBeside(name))
    const { choose, apply } = HISTORIES[kind]
    const structure = HISTORIES[kind].open(heap)
    let state = seed
    const below = (n: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return ((state >>> 8) % n) >>> 0
    }
    peer.say('ready')
    // All begin in the same moment.
    while (clock.value === 0);
    for (let i = 0; i < times; i++) {
      const input = choose(below)
      writeSync(file, `${JSON.stringify({ i, called: clock.add(1), input })}\n`)
      const output = apply(structure as never, input as never)
      const returned = clock.add(1)
      writeSync(file, `${JSON.stringify({ i, returned, output: snapshot(output) ?? null })}\n`)
    }
    peer.say('done')
  },

  // ---- the soak: values that tell whether they are whole, and a log of what was acknowledged

  'write-sealed'(peer, name: string, writer: number, keys: number, seed: number, path: string) {
    const file = openSync(path, 'a')
    using heap = SharedHeap.open(name)
    const map = heap.map<string, unknown>('sealed')
    let n = 0
    for (let key = 0; key < keys; key++) n = Math.max(n, unsealed(map.snapshot(`${writer}:${key}`))?.n ?? 0)
    let state = seed
    peer.say('ready')
    for (;;) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      const key = `${writer}:${(state >>> 8) % keys}`
      n++
      map.set(key, sealed(n, SIZES[(state >>> 16) % SIZES.length]!))
      writeSync(file, `${key} ${n}\n`)
    }
  },

  'read-sealed'(peer, name: string) {
    using heap = SharedHeap.open(name)
    const map = heap.map<string, unknown>('sealed')
    let reads = 0
    peer.say('ready')
    for (;;) {
      for (const key of map.keys()) {
        const value = map.snapshot(key)
        if (value !== undefined && unsealed(value) === undefined) {
          peer.say({ torn: key })
          return
        }
        if (++reads % 20_000 === 0) peer.say({ reads })
      }
    }
  },
}
