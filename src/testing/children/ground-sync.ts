// testing: scenarios for the tests of sync/.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ShmObject } from '../../memory/index.js'
import { namespaceOf, objectName, Segment } from '../../segment/index.js'
import { Barrier, Condition, Event, type Guard, Mutex, RwLock, Semaphore } from '../../sync/index.js'
import { OwnerLock } from '../../sync/owner-lock.js'
import { ENTRIES } from '../../sync/waiter-table.js'
import { INVITATION_MS, keepAlive } from '../../waiting/index.js'
import { until } from '../crew.js'
import { mulberry } from '../random.js'
import type { BlockedWait } from './blocked-thread.js'
import type { Peer, Scenario } from './ground-main.js'

const blockedThread = new URL('./blocked-thread.js', import.meta.url)

export type Side = 'mutex' | 'read' | 'write' | 'permit'

/** One way to hold something, whatever it is. */
export interface Holdable {
  tryHold(): Guard | undefined
  hold(limits?: { timeout?: number }): Guard
  holdAsync(limits?: { timeout?: number; signal?: AbortSignal }): Promise<Guard>
  close(): void
}

export function openSide(side: Side, name: string): Holdable {
  if (side === 'mutex') {
    const mutex = Mutex.open(name)
    return {
      tryHold: () => mutex.tryAcquire(),
      hold: (l) => mutex.acquire(l),
      holdAsync: (l) => mutex.acquireAsync(l),
      close: () => mutex.close(),
    }
  }
  if (side === 'permit') {
    const semaphore = Semaphore.open(name)
    return {
      tryHold: () => semaphore.tryAcquire(),
      hold: (l) => semaphore.acquire(l),
      holdAsync: (l) => semaphore.acquireAsync(l),
      close: () => semaphore.close(),
    }
  }
  const lock = RwLock.open(name)
  if (side === 'read')
    return {
      tryHold: () => lock.tryRead(),
      hold: (l) => lock.read(l),
      holdAsync: (l) => lock.readAsync(l),
      close: () => lock.close(),
    }
  return {
    tryHold: () => lock.tryWrite(),
    hold: (l) => lock.write(l),
    holdAsync: (l) => lock.writeAsync(l),
    close: () => lock.close(),
  }
}

const TALLIES = ['reads', 'writes', 'kills', 'deaths'] as const

/** A word behind the lock's own, in the page it ends in, where reads and writes are counted, and who is killed, before and after. */
export function tally(lock: RwLock, what: (typeof TALLIES)[number]): number {
  const { body, bodySize } = lock.segment
  return (body + bodySize) / 4 - 16 * (1 + TALLIES.indexOf(what))
}

/** How one that queued had its turn. */
export interface Turn {
  /** How often the other side came in between the queueing and the turn. */
  readonly passed: number
  /** Milliseconds between the two. */
  readonly waited: number
  /** How many were being killed meanwhile. */
  readonly kills: number
}

/** The other side's holder was inside; for each that was killed, another one may have taken its place. */
export const allowed = ({ kills }: Turn): number => 1 + kills

/** It was passed, and found no processor for as long as a guest is waited for: such a turn says nothing of the lock. */
export function wasAway(turn: Turn): boolean {
  return turn.passed > allowed(turn) && turn.waited > INVITATION_MS - 5
}

/** Words behind a mutex where 'hand-over' counts. */
export function handOverWords(mutex: Mutex): { taken: number; last: number; handOvers: number } {
  const first = mutex.segment.body / 4 + 64
  return { taken: first, last: first + 1, handOvers: first + 2 }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6

export const syncScenarios: Readonly<Record<string, Scenario>> = {
  async hold(peer: Peer, side: Side, name: string) {
    const guard = openSide(side, name).hold()
    peer.say({ recovered: guard.recovered })
    await peer.hear()
    guard.release()
    peer.say('released')
    await peer.hear()
  },

  /** Holds one thing, and when it is told to, blocks on another. Says how that ended. */
  async 'hold-and-want'(peer: Peer, has: [Side, string], wants: [Side, string]) {
    const guard = openSide(...has).hold()
    const wanted = openSide(...wants)
    peer.say('holds')
    await peer.hear()
    try {
      wanted.hold().release()
      peer.say('got it')
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      peer.say({ code, message })
    }
    guard.release()
    await peer.hear()
  },

  /** Each time it is told to: waits through every handle, says when each got it, and gives it back. */
  async 'take-turns'(peer: Peer, side: Side, name: string, handles: number, blocking: boolean) {
    const all = Array.from({ length: handles }, () => openSide(side, name))
    for (;;) {
      peer.say('ready')
      await peer.hear()
      const take = async (one: Holdable): Promise<void> => {
        const wait = blocking ? undefined : one.holdAsync()
        peer.say('waiting')
        using guard = wait === undefined ? one.hold() : await wait
        peer.say({ recovered: guard.recovered, at: now() })
      }
      await Promise.all(all.map(take))
    }
  },

  /** Queues and is killed while it waits. */
  async queue(peer: Peer, side: Side, name: string, blocking: boolean) {
    const one = openSide(side, name)
    peer.say('waiting')
    using guard = blocking ? one.hold() : await one.holdAsync()
    peer.say({ recovered: guard.recovered })
  },

  /**
   * Takes the mutex until it has gone from one process to another so often, and each time adds one to a number in steps
   * that only exclusion makes right. Parks, or holds on, at random moments.
   */
  async 'hand-over'(peer: Peer, name: string, target: number, seed: number, howOften: number) {
    const random = mulberry(seed)
    const mutex = Mutex.open(name)
    const { i32 } = mutex.segment.memory
    const me = mutex.segment.participant.token
    const words = handOverWords(mutex)
    let recovered = 0
    let taken = 0
    peer.say('ready')
    await peer.hear()
    for (let over = false; !over; taken++) {
      const asynchronous = random() < 0.02
      const guard = asynchronous ? await mutex.acquireAsync() : mutex.acquire()
      if (guard.recovered) recovered++
      // Plain accesses, and time between them: two inside at once would lose counts.
      const seen = i32[words.taken]!
      if (i32[words.last] !== me) i32[words.handOvers]!++
      i32[words.last] = me
      over = i32[words.handOvers]! >= target
      if (random() < howOften) for (let spin = 0; spin < 200; spin++) void mutex.isLocked
      i32[words.taken] = seen + 1
      guard.release()
      if (random() < howOften / 4) await new Promise((resolve) => setTimeout(resolve, random() * 2))
    }
    peer.say({ recovered, taken })
  },

  /** Writers change two words far apart; readers must never see half of it. */
  async 'read-write-pairs'(peer: Peer, name: string, times: number, writer: boolean, seed: number) {
    const random = mulberry(seed)
    const lock = RwLock.open(name)
    const { memory, bodySize, body } = lock.segment
    const [a, b] = [(body + bodySize) / 4 - 8, (body + bodySize) / 4 - 1]
    let torn = 0
    let last = 0
    let backwards = 0
    peer.say('ready')
    await peer.hear()
    for (let i = 0; i < times; i++) {
      const asynchronous = random() < 0.05
      if (writer) {
        using guard = asynchronous ? await lock.writeAsync() : lock.write()
        void guard
        const seen = memory.i32[a]!
        if (seen !== memory.i32[b]) torn++
        memory.i32[a] = seen + 1
        for (let spin = 0; spin < 50; spin++) void memory.load(0)
        memory.i32[b] = seen + 1
      } else {
        using guard = asynchronous ? await lock.readAsync() : lock.read()
        void guard
        const seen = memory.i32[a]!
        for (let spin = 0; spin < 20; spin++) void memory.load(0)
        if (seen !== memory.i32[b]) torn++
        if (seen < last) backwards++
        last = seen
      }
      if (random() < 0.01) await new Promise((resolve) => setTimeout(resolve, random()))
    }
    peer.say({ torn, backwards, last: writer ? times : last })
  },

  /** Reads and reads, never pausing between, so that a writer that is not waited for would starve. Counts each read. */
  async 'read-for-ever'(peer: Peer, name: string) {
    const lock = RwLock.open(name)
    const { memory } = lock.segment
    peer.say('reading')
    for (;;) {
      const until = performance.now() + 20
      while (performance.now() < until) {
        const guard = lock.read()
        memory.add(tally(lock, 'reads'), 1)
        for (let spin = 0; spin < 1000; spin++) void memory.load(0)
        guard.release()
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  },

  /** The same for writing. */
  async 'write-for-ever'(peer: Peer, name: string) {
    const lock = RwLock.open(name)
    const { memory } = lock.segment
    peer.say('writing')
    for (;;) {
      const until = performance.now() + 20
      while (performance.now() < until) {
        const guard = lock.write()
        for (let spin = 0; spin < 4000; spin++) void memory.load(0)
        memory.add(tally(lock, 'writes'), 1)
        guard.release()
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
  },

  /** Queues for one side until it has had so many turns that say something of the lock. Says how they all were. */
  async 'take-turn'(peer: Peer, side: 'read' | 'write', name: string, times: number) {
    const lock = RwLock.open(name)
    const { memory } = lock.segment
    const count = (what: Parameters<typeof tally>[1]): number => memory.load(tally(lock, what))
    const others = side === 'read' ? 'writes' : 'reads'
    const turns: Turn[] = []
    peer.say('ready')
    await peer.hear()
    for (let telling = 0; telling < times; ) {
      const deaths = count('deaths')
      const start = performance.now()
      const waiting = side === 'read' ? lock.readAsync() : lock.writeAsync()
      const before = count(others)
      const guard = await waiting
      const passed = count(others) - before
      const turn = { passed, waited: performance.now() - start, kills: count('kills') - deaths }
      guard.release()
      turns.push(turn)
      if (side === 'write' || !wasAway(turn)) telling++
      // Meanwhile the others come into their stride again.
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    peer.say(turns)
  },

  /** Uses permits and says whenever more than allowed were in use. */
  async 'use-permits'(peer: Peer, name: string, permits: number, times: number, seed: number) {
    const random = mulberry(seed)
    const semaphore = Semaphore.open(name)
    const { memory, body, bodySize } = semaphore.segment
    const inside = (body + bodySize) / 4 - 1
    let tooMany = 0
    peer.say('ready')
    await peer.hear()
    for (let i = 0; i < times; i++) {
      const guard = random() < 0.2 ? await semaphore.acquireAsync() : semaphore.acquire()
      if (memory.add(inside, 1) + 1 > permits) tooMany++
      if (random() < 0.1) await new Promise((resolve) => setTimeout(resolve, random()))
      memory.add(inside, -1)
      guard.release()
    }
    peer.say({ tooMany })
  },

  async 'wait-event'(peer: Peer, name: string, reset: 'auto' | 'manual', blocking: boolean) {
    const event = Event.open(name, { reset })
    peer.say('waiting')
    peer.say(blocking ? event.wait() : await event.waitAsync())
  },

  /** Sends a number of pings through a pair of auto-reset events and counts the answers. */
  async 'ping-pong'(peer: Peer, here: string, there: string, times: number, seed: number) {
    const random = mulberry(seed)
    const [mine, theirs] = [Event.open(here, { reset: 'auto' }), Event.open(there, { reset: 'auto' })]
    peer.say('ready')
    await peer.hear()
    for (let i = 0; i < times; i++) {
      const heard = random() < 0.3 ? await mine.waitAsync({ timeout: 30_000 }) : mine.wait({ timeout: 30_000 })
      if (!heard) throw new Error(`ping ${i} was lost`)
      if (random() < 0.02) await new Promise((resolve) => setTimeout(resolve, random()))
      theirs.set()
    }
    peer.say(times)
  },

  /** Waits for a condition under a mutex; says what happened. */
  async 'wait-condition'(peer: Peer, mutexName: string, conditionName: string, blocking: boolean) {
    const mutex = Mutex.open(mutexName)
    const condition = Condition.open(conditionName)
    const guard = mutex.acquire()
    peer.say('holding')
    await peer.hear()
    const wait = blocking ? undefined : condition.waitAsync(guard)
    peer.say('waiting')
    const called = wait === undefined ? condition.wait(guard) : await wait
    guard.release()
    peer.say({ called })
    await peer.hear()
  },

  /** A worker of a queue that a condition guards: takes jobs until it is told that there are no more. */
  async 'take-jobs'(peer: Peer, mutexName: string, conditionName: string) {
    const mutex = Mutex.open(mutexName)
    const condition = Condition.open(conditionName)
    const { memory, body } = mutex.segment
    const jobs = body / 4 + 64
    let done = 0
    peer.say('ready')
    for (;;) {
      using guard = mutex.acquire()
      while (memory.i32[jobs] === 0) {
        if (done % 2 === 0) condition.wait(guard)
        else await condition.waitAsync(guard)
      }
      if (memory.i32[jobs]! < 0) {
        peer.say(done)
        return
      }
      memory.i32[jobs]!--
      memory.i32[jobs + 1]!++
      done++
    }
  },

  async meet(peer: Peer, name: string, times: number, blocking: boolean) {
    const barrier = Barrier.open(name)
    const { memory, body, bodySize } = barrier.segment
    const mine = (body + bodySize) / 4 - 1 - barrier.segment.participant.slot
    let early = 0
    peer.say('ready')
    await peer.hear()
    for (let i = 1; i <= times; i++) {
      memory.store(mine, i)
      if (blocking || i % 3 === 0) barrier.wait()
      else await barrier.waitAsync()
      // Nobody may be behind this round once the barrier has opened.
      for (const { slot, alive } of barrier.segment.participants()) {
        const there = memory.load((body + bodySize) / 4 - 1 - slot)
        if (alive && there !== 0 && there < i) early++
      }
    }
    peer.say({ early })
  },

  /** Waits at a barrier once. */
  async arrive(peer: Peer, name: string, blocking: boolean) {
    const barrier = Barrier.open(name)
    peer.say('waiting')
    peer.say(blocking ? barrier.wait() : await barrier.waitAsync())
  },

  /** Has a wait that nobody awaits; ends all the same. */
  'forget-acquire'(peer: Peer, name: string) {
    const mutex = Mutex.open(name)
    void mutex.acquireAsync()
    mutex.acquireAsync({ timeout: 60_000 }).catch(() => {})
    peer.say('nothing else to do')
  },

  /** Has the lock under which arrivals are counted, as one that is stopped in the middle of it; frees it when told to. */
  async 'hold-barrier'(peer: Peer, name: string) {
    const { segment, offset } = Barrier.open(name)
    const lock = new OwnerLock(segment, offset)
    lock.acquire()
    peer.say('held')
    await peer.hear()
    lock.release()
    peer.say('freed')
    await peer.hear()
  },

  /** Dies by its own hand before the n-th step of opening a barrier as the last to arrive. */
  async 'arrive-and-die'(peer: Peer, name: string, n: number) {
    const { numberSteps } = await import('./ground-segment.js')
    const barrier = Barrier.open(name)
    let steps = 0
    numberSteps(() => {
      if (++steps === n) process.kill(process.pid, 'SIGKILL')
    })
    barrier.wait({ timeout: 0 })
    peer.say(steps)
  },

  /** Holds a lock while its segment's object is cut by somebody else. */
  async 'hold-cut'(peer: Peer, name: string) {
    const mutex = Mutex.open(name)
    const guard = mutex.acquire()
    peer.say('held')
    await peer.hear()
    using object = ShmObject.open(objectName(name, namespaceOf(undefined)))
    object.resize(0)
    guard.release()
    peer.say('cut')
  },

  /** Has worker threads that block in every kind of wait; terminates them, and then exits in the middle of the same. */
  async 'block-in-workers'(peer: Peer, names: Readonly<Record<BlockedWait, string>>) {
    const barrier = Barrier.open(names.barrier, { parties: 3 })
    const { segment } = Condition.open(names.condition)
    const entry = (segment.body + ENTRIES) / 4
    Mutex.open(names.mutex).acquire()
    Semaphore.open(names.semaphore).acquire()
    for (const name of [names.read, names.write]) RwLock.open(name).write()
    const block = async (): Promise<Worker[]> => {
      const workers = Object.entries(names).map((workerData) => new Worker(blockedThread, { workerData }))
      await Promise.all(workers.map((worker) => once(worker, 'message')))
      const isQueued = (): boolean => segment.isAlive(segment.memory.load(entry)) && segment.memory.load(entry + 1) > 0
      await until(() => barrier.waiting === 1 && isQueued(), 'they sleep')
      return workers
    }
    for (const worker of await block()) await worker.terminate()
    peer.say('terminated')
    await block()
    process.exit(0)
  },

  /** Two handles of a local segment in one process, for a look at promises that nobody awaits. */
  'forget-local'(peer: Peer) {
    const segment = Segment.local({ kind: 'x', size: 4096 })
    void keepAlive(segment.memory.waitAsync(segment.body / 4, 0))
    peer.say('nothing else to do')
  },
}
