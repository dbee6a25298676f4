// testing: scenarios for the tests of collections/.

import assert from 'node:assert/strict'
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { deserialize } from 'node:v8'
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
import type { MemlaneError } from '../../errors.js'
import type { Memory } from '../../memory/index.js'
import { ShmObject } from '../../memory/shm.js'
import { space } from '../../native/os-error.js'
import { Event, Mutex } from '../../sync/index.js'
import { Crew } from '../crew.js'
import { clockBeside, HISTORIES, type Kind } from '../histories.js'
import { SIZES, sealed, unsealed } from '../sealed.js'
import type { Scenario } from './ground-main.js'

/** Blocks this thread for good, with whatever it holds. */
const stay = (): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** What a read-only handle finds, although the writer may be off its processor for a second in the middle of a change. */
function whenNotBusy<T>(read: () => T): T {
  for (;;) {
    try {
      return read()
    } catch (error) {
      if ((error as MemlaneError).code !== 'ERR_BUSY') throw error
    }
  }
}

export const collectionScenarios: Readonly<Record<string, Scenario>> = {
  // ---- shared objects

  /** Changes a graph that lies at the root, and what lies at an address. */
  async 'change-graph'(peer, name: string, address: string) {
    using heap = SharedHeap.open(name)
    const acme = heap.root.get('acme') as Record<string, unknown> & { boss: { salary: number }; staff: object[] }
    const boss = heap.at<{ salary: number }>(address)
    assert.equal(boss, acme.boss)
    assert.equal(acme.staff[0], boss)
    boss.salary += 10
    const hired = heap.share({ name: 'Cy', salary: 1, friend: boss })
    acme.staff.push(hired)
    acme.hired = hired
    acme.gone = { n: 1 }
    heap.destroy(acme.gone as object)
    peer.say('changed')
    await peer.hear()
    try {
      peer.say(hired.name)
    } catch (error) {
      peer.say((error as MemlaneError).code)
    }
  },

  /** Has an object of an address, and looks at it when told to. */
  async 'hold-object'(peer, name: string, address: string) {
    using heap = SharedHeap.open(name)
    const object = heap.at<{ boss: { name: string } }>(address)
    peer.say('held')
    await peer.hear()
    peer.say(object.boss.name)
    await peer.hear()
    peer.say(object.boss.name)
  },

  /** Makes objects for ever, keeps a few, gives them up, and collects. */
  async 'make-and-collect'(peer, name: string) {
    using heap = SharedHeap.open(name)
    const mine = `list of ${process.pid}`
    heap.root.set(mine, heap.share([]))
    for (let round = 0; ; round++) {
      const list = heap.root.get(mine) as object[]
      const one: Record<string, unknown> = { round, text: 'a text that needs a block of its own' }
      one.circle = { back: one, more: { round } }
      heap.transaction(() => {
        list.push(one)
        if (list.length > 20) list.splice(0, 10)
      })
      heap.share({ lost: one })
      if (round % 50 === 0) {
        heap.collect()
        if (round === 100) peer.say('collecting')
        await sleep(0)
      }
    }
  },

  /** Moves money between people for ever, and sometimes hires one instead of another. */
  async payroll(peer, name: string) {
    using heap = SharedHeap.open(name)
    const acme = heap.root.get('acme') as { staff: { name: string; salary: number }[] }
    peer.say('paying')
    for (let round = 0; ; round++) {
      heap.transaction(() => {
        const from = acme.staff[(round * 7) % 20]!
        const to = acme.staff[(round * 13 + 5) % 20]!
        from.salary -= 5
        to.salary += 5
        if (round % 10 === 0) {
          acme.staff[round % 20] = { ...acme.staff[round % 20]! }
        }
      })
      if (round % 100 === 0) {
        peer.say('paid')
        await sleep(1)
      }
    }
  },

  // ---- waiting for the lock of a heap

  /** In a transaction that has changed the key `touched`, until it is told to go on. */
  async 'inside-transaction'(peer, name: string) {
    using map = SharedMap.open<string, number>(name)
    using inside = Event.open(`${name}-inside`)
    using go = Event.open(`${name}-go`)
    map.transaction(() => {
      map.set('touched', 2)
      inside.set()
      go.wait()
    })
    peer.say('done')
    await peer.hear()
  },

  /** Changes the one heap and, inside, the other. Says how that ended. */
  async 'heap-in-heap'(peer, outer: string, inner: string) {
    using first = SharedMap.open<string, number>(outer)
    using second = SharedMap.open<string, number>(inner)
    using inside = Event.open(`${outer}-inside`)
    using both = Event.open(`${inner}-inside`)
    peer.say('open')
    await peer.hear()
    try {
      first.transaction(() => {
        first.set('by', process.pid)
        inside.set()
        both.wait()
        second.set('by', process.pid)
      })
      peer.say('both')
    } catch (error) {
      peer.say({ code: (error as MemlaneError).code, message: (error as Error).message })
    }
    await peer.hear()
  },

  // ---- the self-tests of four processes

  async 'self-test-dict'(peer, name: string) {
    using map = SharedMap.open<number, { pid: number; state: string }>(name)
    map.set(process.pid, { pid: process.pid, state: 'start' })
    peer.say('in')
    await peer.hear()
    await sleep(500)
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
    using text = SharedString.open(`${name}-text`)
    const again = deserialize(Buffer.from(text.value, 'base64')) as Error
    for (const one of [error, again])
      peer.say({ name: one.name, message: one.message, isError: one instanceof TypeError, cause: one.cause })
  },

  // ---- turns

  /** Counts up in steps that others must not come between, from two tasks at once. */
  async 'count-in-turns'(peer, name: string, times: number) {
    using heap = SharedHeap.open(name)
    const box = heap.block<number>('n')
    const task = async (): Promise<void> => {
      for (let i = 0; i < times; i++) {
        await heap.exclusiveAsync(async () => {
          const before = box.get()
          if (i % 10 === 0) await sleep(0)
          box.set(before + 1)
        })
      }
    }
    await Promise.all([task(), task()])
    peer.say('done')
  },

  'stay-in-turn'(peer, name: string) {
    using heap = SharedHeap.open(name)
    heap.exclusive(() => {
      peer.say('inside')
      stay()
    })
  },

  // ---- messages

  /** Puts so many numbers, some of them several at once. */
  'queue-produce'(peer, name: string, first: number, count: number) {
    using heap = SharedHeap.open<number>(name)
    for (let i = 0; i < count; ) {
      if (i % 7 === 0 && i + 5 <= count) {
        heap.messages.putAll(Array.from({ length: 5 }, (_, j) => first + i + j))
        i += 5
      } else heap.messages.put(first + i++)
    }
    peer.say('done')
  },

  /** Counts each message that it takes, until it is killed. */
  async 'queue-consume'(peer, name: string, how: 'done' | 'at once' | 'in a transaction') {
    using heap = SharedHeap.open<number>(name)
    const counts = heap.map<number, number>('counts')
    peer.say('ready')
    if (how === 'done') {
      for await (const message of heap.messages.consume({ ack: true })) {
        heap.transaction(() => {
          counts.add(message.value, 1)
          message.done()
        })
      }
    } else if (how === 'at once') for await (const message of heap.messages) counts.add(message, 1)
    for (;;) {
      const counted = heap.transaction(() => {
        const message = heap.messages.tryTake()
        if (message !== undefined) counts.add(message, 1)
        return message !== undefined
      })
      if (!counted) await sleep(1)
    }
  },

  /** Takes one to be acknowledged, and keeps it. */
  async 'queue-hold'(peer, name: string) {
    using heap = SharedHeap.open<number>(name)
    const message = await heap.messages.take({ ack: true })
    peer.say([message.value, message.deliveries])
    await peer.hear()
    message.done()
    peer.say('done')
    await peer.hear()
  },

  /** Waits for one; says what it was, and how much of a processor the waiting took. */
  async 'queue-wait'(peer, name: string, blocking: boolean) {
    using heap = SharedHeap.open<number>(name)
    const { messages } = heap
    peer.say('waiting')
    const before = process.cpuUsage()
    const message = blocking ? messages.takeSync() : await messages.take()
    const { user, system } = process.cpuUsage(before)
    peer.say([message, (user + system) / 1000])
  },

  /** Makes a heap, leaves a message, and is gone. */
  'queue-leave'(peer, name: string) {
    using heap = SharedHeap.open<unknown>(name)
    heap.messages.putAll([{ from: process.pid, text: 'good bye' }, 2])
    peer.say(process.pid)
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
    using int = SharedInt.open(`${name}-int`)
    int.add(1)
    using list = SharedList.open<number>(`${name}-list`)
    list.push(process.pid)
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

  /** Without end: whoever waits for money to move need not be in time. */
  'move-money'(_, name: string) {
    using heap = SharedHeap.open(name)
    const accounts = heap.map<string, { balance: number }>('accounts')
    for (;;) {
      heap.transaction(() => {
        accounts.get('a')!.balance -= 1
        accounts.get('b')!.balance += 1
        heap.int('moves').add(1)
      })
    }
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

  /** Another user's process, which may only read. */
  'read-what-may-be-read'(peer, name: string) {
    const attempt = (work: () => unknown): unknown => {
      try {
        return snapshot(work()) ?? null
      } catch (error) {
        return (error as MemlaneError).code
      }
    }
    const heap = SharedHeap.open(name, { owner: 'any', readOnly: true })
    peer.say({
      writing: attempt(() => SharedHeap.open(name, { owner: 'any' })),
      names: heap.names().map((found) => found.name),
      ada: attempt(() => heap.map('players').get('ada')),
      chat: attempt(() => heap.list('chat')),
      set: attempt(() => (heap.map('players') as SharedMap<string, unknown>).set('ada', 1)),
      int: attempt(() => SharedInt.open(`${name}-int`, { owner: 'any', readOnly: true }).value),
      secret: attempt(() => SharedInt.open(`${name}-secret`, { owner: 'any', readOnly: true }).value),
    })
  },

  'read-sealed-only'(peer, name: string, times: number) {
    using heap = whenNotBusy(() => SharedHeap.open(name, { readOnly: true }))
    const map = whenNotBusy(() => heap.map<string, unknown>('sealed'))
    let torn = 0
    for (let i = 0; i < times; i++)
      for (const key of ['0:0', '0:1', '0:2']) {
        const value = whenNotBusy(() => map.snapshot(key))
        if (value !== undefined && unsealed(value) === undefined) torn++
      }
    peer.say(torn)
  },

  /** Stays in the middle of a transaction until an event is set, whatever signals come. */
  'stay-in-transaction'(peer, name: string, before: string, after: string, event: string) {
    using map = SharedMap.open<string, number>(name)
    using goOn = Event.open(event)
    map.transaction(() => {
      map.set(before, 1)
      peer.say('inside')
      goOn.wait()
      map.set(after, 1)
    })
    peer.say('done')
  },

  'add-once'(peer, name: string, key: string) {
    using map = SharedMap.open<string, number>(name)
    peer.say('adding')
    peer.say(map.add(key, 10))
  },

  /** @param key null: all of it. */
  'read-once'(peer, name: string, key: string | null) {
    using map = SharedMap.open<string, number>(name)
    peer.say('reading')
    peer.say(key === null ? [...map.snapshot()] : map.get(key))
  },

  async 'read-on-and-on'(peer, name: string, key: string) {
    using map = SharedMap.open<string, number>(name)
    peer.say('reading')
    for (let n = 1; ; n++) {
      const value = map.get(key)
      if (n % 1000 === 0) {
        peer.say({ n, value })
        await sleep(1)
      }
    }
  },

  /** Killed when its change is committed, and before it has told those who sleep. */
  'die-before-the-bell'(peer, name: string) {
    using map = SharedMap.open<string, unknown>(name)
    const { memory } = (map as unknown as { heap: { segment: { memory: Memory } } }).heap.segment
    memory.add = () => process.kill(process.pid, 'SIGKILL') as never
    peer.say('alive')
    map.set('last', 'will')
  },

  'set-int-and-die'(peer, name: string, value: number) {
    using int = SharedInt.open(name)
    const { memory } = (int as unknown as { store: { memory: Memory } }).store
    memory.add = () => process.kill(process.pid, 'SIGKILL') as never
    peer.say('alive')
    int.value = value
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

  // ---- a full file system: this process and its children have a small /dev/shm of their own

  async 'fill-collections'(peer) {
    const say: Record<string, unknown> = {}
    await using crew = new Crew()
    using heap = SharedHeap.open('full', { maxSize: '256 MiB' })
    const map = heap.map<string, unknown>('map')
    const list = heap.list<unknown>('list')
    const set = heap.set<string>('set')
    const text = heap.string('text')
    const block = heap.block('block')
    const round = heap.int('round')
    map.set('ada', { score: 1, tags: ['new'] })
    list.push('first')
    set.add('ada')
    text.value = 'a text'
    block.value = [1, 2, 3]
    const many = heap.map<number, number>('many')
    many.setMany(Array.from({ length: 20_000 }, (_, i) => [i, i]))
    using alone = SharedMap.open<number, string>('alone', { maxSize: '64 MiB' })
    alone.set(-1, 'there')
    const neighbour = crew.start('use-when-full', ['full'])
    await neighbour.hear('attached')
    // Left for growing: what is little enough to be filled by a test.
    const filler = ShmObject.open('filler', { create: true, exclusive: true })
    filler.resize(2 ** 30)
    filler.commit(0, space().available - 2 ** 20)

    const contents = (): unknown[] => [
      map.snapshot(),
      list.snapshot(),
      set.snapshot(),
      text.value,
      block.value,
      round.value,
    ]
    const full = (what: string, work: () => void): void => {
      const before = contents()
      let code = 'fine'
      try {
        work()
      } catch (error) {
        code = (error as MemlaneError).code
      }
      const same = isDeepStrictEqual(contents(), before)
      heap.verify()
      say[what] = [code, same]
    }
    // Up to the last page that is to be had, by entries of all sizes.
    let stored = 0
    const error = ((): MemlaneError | undefined => {
      try {
        for (let size = 4096; size >= 1; size >>= 1)
          for (;;) {
            const before = map.size
            try {
              map.set(`filled ${stored}`, 'x'.repeat(size))
              stored++
            } catch (caught) {
              assert.equal(map.size, before)
              if (size === 1) throw caught
              break
            }
          }
      } catch (caught) {
        return caught as MemlaneError
      }
      return undefined
    })()
    say.error = [error?.code, error?.message]
    say.stored = stored
    say.left = space().available
    full('large value', () => map.set('large', 'x'.repeat(2 ** 20)))
    full('replacing', () => map.set('ada', 'x'.repeat(2 ** 20)))
    full('nested', () => (map.get('ada') as { tags: string[] }).tags.push('x'.repeat(2 ** 20)))
    full('setMany', () =>
      map.setMany(Array.from({ length: 5000 }, (_, i) => [`many ${i}`, { i, text: 'y'.repeat(100) }])),
    )
    full('push', () => list.push(...Array.from({ length: 50_000 }, (_, i) => i + 0.5)))
    full('splice', () => list.splice(0, 1, ...Array.from({ length: 50_000 }, (_, i) => i + 0.5)))
    full('addMany', () => set.addMany(Array.from({ length: 20_000 }, (_, i) => `somebody ${i}`)))
    full('append', () => text.append('x'.repeat(2 ** 20)))
    full('block', () => {
      block.value = new Uint8Array(2 ** 20)
    })
    full('transaction', () =>
      heap.transaction(() => {
        round.add(1)
        list.push('second')
        map.delete('ada')
        map.set('large', 'x'.repeat(2 ** 20))
      }),
    )
    full('another heap', () => alone.setMany(Array.from({ length: 5000 }, (_, i) => [i, 'z'.repeat(1000)])))
    say.alone = [...alone.snapshot()]
    full('one more heap', () => SharedMap.open('one more'))

    // What needs no more memory goes on, here and in another process.
    round.add(1)
    ;(map.get('ada') as { score: number }).score += 1
    neighbour.tell('use it')
    say.neighbour = await neighbour.hear()
    say.seen = [round.value, (map.snapshot('ada') as { score: number }).score, map.get('from afar')]
    // Deleting makes room.
    map.delete('filled 0')
    map.set('room', 'x'.repeat(4096))
    // Transactions that overwrite far more than their log has room for.
    full('much overwriting', () => many.setMany(Array.from({ length: 20_000 }, (_, i) => [i, i + 1])))
    say.overwritten = [many.get(0), many.get(19_999)]
    full('clear', () => many.clear())
    say.cleared = many.size

    // Room again: everything that was refused is taken, by either process.
    filler.close()
    ShmObject.open('filler').resize(0)
    map.set('large', 'x'.repeat(2 ** 20))
    list.push(...Array.from({ length: 50_000 }, (_, i) => i + 0.5))
    text.append('x'.repeat(2 ** 20))
    alone.setMany(Array.from({ length: 5000 }, (_, i) => [i, 'z'.repeat(1000)]))
    neighbour.tell('grow it')
    say.grown = await neighbour.hear()
    say.sizes = [(map.get('from afar') as string).length, list.length, text.length, alone.size]
    heap.verify()
    peer.say(say)
  },

  async 'use-when-full'(peer, name: string) {
    using heap = SharedHeap.open(name)
    const map = heap.map<string, unknown>('map')
    peer.say('attached')
    await peer.hear()
    heap.int('round').add(1)
    ;(map.get('ada') as { score: number }).score += 1
    let code = 'fine'
    try {
      map.set('from afar', 'x'.repeat(2 ** 20))
    } catch (error) {
      code = (error as MemlaneError).code
    }
    peer.say([code, (map.snapshot('ada') as { score: number }).score, heap.list('list')[0]])
    await peer.hear()
    map.set('from afar', 'x'.repeat(2 ** 20))
    peer.say(heap.verify().blocks > 0)
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
