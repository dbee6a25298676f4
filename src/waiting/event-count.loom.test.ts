// waiting: no waiter at an event count sleeps through a change, whatever happens between any two steps of all who take part.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { performance } from '../host.js'
import type { Memory } from '../memory/index.js'
import { EventCount } from './event-count.js'
import { explore, LIMIT_MS, type LoomActor, type Outcome } from './testing/loom.js'
import { block, type Pollable, type Sleep, untilFound } from './wait.js'

// Words: 0 flag, 1 epoch, 2 what is waited for.
const ITEMS = 2

type Count = Pick<EventCount, 'prepareWait' | 'notifyAll'>
type Make = (memory: Memory) => Count
const real: Make = (memory) => new EventCount(memory, 0)

/** The wait for an item, which one waiter alone gets. */
function anItem(memory: Memory, make: Make): Pollable<true> {
  const count = make(memory)
  const take = (): true | undefined => {
    for (;;) {
      const items = memory.load(ITEMS)
      if (items === 0) return undefined
      if (memory.compareExchange(ITEMS, items, items - 1) === items) return true
    }
  }
  const poll = (sleep: Sleep): true | undefined => {
    count.prepareWait(sleep)
    return take()
  }
  return { memory, poll }
}

function waiter(name: string, make: Make, more: Partial<LoomActor> = {}): LoomActor {
  const end = (): number => performance.now() + LIMIT_MS
  const run = (memory: Memory, signal: AbortSignal): unknown =>
    more.mayAbort === true ? untilFound(anItem(memory, make), end(), signal) : block(anItem(memory, make), end())
  return { name, run, ...more }
}

function notifier(name: string, make: Make, items: number, more: Partial<LoomActor> = {}): LoomActor {
  const run = (memory: Memory): void => {
    const count = make(memory)
    for (let i = 0; i < items; i++) {
      memory.add(ITEMS, 1)
      count.notifyAll()
    }
  }
  return { name, run, ...more }
}

/** Somebody who takes an item where there is one, and waits for none. */
function thief(): LoomActor {
  const run = (memory: Memory): void => {
    const items = memory.load(ITEMS)
    if (items > 0) memory.compareExchange(ITEMS, items, items - 1)
  }
  return { name: 'thief', run }
}

/** Who still sleeps has nothing to wake up for. Without a kill nobody has looked again by itself before. */
function nobodyIsLeft({ actors, words }: Outcome): void {
  if (words[ITEMS] !== 0 && actors.some(({ ended }) => ended === 'asleep'))
    throw new Error('a waiter sleeps beside an item')
}

const casts: Record<string, (make: Make) => LoomActor[]> = {
  'a waiter and a notifier': (make) => [waiter('waiter', make), notifier('notifier', make, 1)],
  'two waiters and a notifier': (make) => [waiter('one', make), waiter('two', make), notifier('notifier', make, 1)],
  'a waiter, a thief and a notifier of two items': (make) => [
    waiter('waiter', make),
    thief(),
    notifier('notifier', make, 2),
  ],
  'a waiter and two notifiers': (make) => [waiter('waiter', make), notifier('one', make, 1), notifier('two', make, 1)],
  'a waiter that may be killed, another one, and a notifier': (make) => [
    waiter('doomed', make, { mayDie: true }),
    waiter('waiter', make),
    notifier('notifier', make, 1),
  ],
  'a waiter that may abort, another one, and a notifier': (make) => [
    waiter('aborted', make, { mayAbort: true }),
    waiter('waiter', make),
    notifier('notifier', make, 1),
  ],
  'a waiter that may be late, another one, and a notifier': (make) => [
    waiter('late', make, { mayBeLate: true }),
    waiter('waiter', make),
    notifier('notifier', make, 1),
  ],
  'a waiter, a notifier that may be killed, and another one': (make) => [
    waiter('waiter', make),
    notifier('doomed', make, 1, { mayDie: true }),
    notifier('notifier', make, 1),
  ],
}

for (const [who, cast] of Object.entries(casts)) {
  test(`${who}: nobody sleeps through a change`, async (t) => {
    const { states, ends } = await explore(3, cast(real), nobodyIsLeft)
    assert.ok(ends > 0)
    t.diagnostic(`${states} states, ${ends} ends`)
  })
}

const wrong: Record<string, Make> = {
  'the flag before the epoch': (memory) => ({
    prepareWait(sleep) {
      memory.store(0, 1)
      sleep.word = 1
      sleep.expected = memory.load(1)
    },
    notifyAll: () => real(memory).notifyAll(),
  }),
  'the epoch before the flag is down': (memory) => ({
    prepareWait: (sleep) => real(memory).prepareWait(sleep),
    notifyAll() {
      if (memory.load(0) === 0) return
      memory.add(1, 1)
      memory.store(0, 0)
      memory.wake(1, 1000)
    },
  }),
  'no epoch': (memory) => ({
    prepareWait: (sleep) => real(memory).prepareWait(sleep),
    notifyAll() {
      if (memory.load(0) === 0) return
      memory.store(0, 0)
      memory.wake(1, 1000)
    },
  }),
  'no flag': (memory) => ({
    prepareWait(sleep) {
      sleep.word = 1
      sleep.expected = memory.load(1)
    },
    notifyAll: () => real(memory).notifyAll(),
  }),
  'waking one only': (memory) => ({
    prepareWait: (sleep) => real(memory).prepareWait(sleep),
    notifyAll() {
      if (memory.load(0) === 0) return
      memory.store(0, 0)
      memory.add(1, 1)
      memory.wake(1, 1)
    },
  }),
}

/** What is for one waiter wakes one: `advanceBy` in place of `notifyAll`. */
interface OneCount {
  prepareWaitForOne(sleep: Sleep, choosy: boolean): void
  advanceBy(count: number): void
  passOn(): void
}
type MakeOne = (memory: Memory) => OneCount

/** Items of two kinds: a choosy waiter takes even ones only. */
function anItemOf(memory: Memory, make: MakeOne, choosy: boolean): Pollable<true> {
  const count = make(memory)
  const take = (word: number): true | undefined => {
    for (;;) {
      const items = memory.load(word)
      if (items === 0) return undefined
      if (memory.compareExchange(word, items, items - 1) === items) return true
    }
  }
  const poll = (sleep: Sleep): true | undefined => {
    count.prepareWaitForOne(sleep, choosy)
    return choosy ? take(ITEMS) : (take(ITEMS) ?? take(OTHERS))
  }
  return { memory, poll, passOn: () => count.passOn() }
}
const OTHERS = 3

function oneWaiter(name: string, make: MakeOne, choosy: boolean, more: Partial<LoomActor> = {}): LoomActor {
  const end = (): number => performance.now() + LIMIT_MS
  const run = (memory: Memory, signal: AbortSignal): unknown =>
    more.mayAbort === true
      ? untilFound(anItemOf(memory, make, choosy), end(), signal)
      : block(anItemOf(memory, make, choosy), end())
  return { name, run, ...more }
}

function oneNotifier(
  name: string,
  make: MakeOne,
  batches: readonly number[],
  word: number = ITEMS,
  more: Partial<LoomActor> = {},
): LoomActor {
  const run = (memory: Memory): void => {
    const count = make(memory)
    for (const items of batches) {
      memory.add(word, items)
      count.advanceBy(items)
    }
  }
  return { name, run, ...more }
}

const realOne: MakeOne = (memory) => new EventCount(memory, 0)

const oneCasts: Record<string, (make: MakeOne) => LoomActor[]> = {
  'a waiter and a notifier': (make) => [oneWaiter('waiter', make, false), oneNotifier('notifier', make, [1])],
  'a choosy waiter, another one, and a notifier of what it has no use for': (make) => [
    oneWaiter('choosy', make, true),
    oneWaiter('waiter', make, false),
    oneNotifier('notifier', make, [1], OTHERS),
  ],
  'two waiters and a notifier of two items at once': (make) => [
    oneWaiter('one', make, false),
    oneWaiter('two', make, false),
    oneNotifier('notifier', make, [2]),
  ],
  'a waiter, a thief and a notifier of two items': (make) => [
    oneWaiter('waiter', make, false),
    thief(),
    oneNotifier('notifier', make, [1, 1]),
  ],
  'a waiter and two notifiers': (make) => [
    oneWaiter('waiter', make, false),
    oneNotifier('first', make, [1]),
    oneNotifier('second', make, [1]),
  ],
  'a waiter that may be killed, another one, and a notifier': (make) => [
    oneWaiter('doomed', make, false, { mayDie: true }),
    oneWaiter('waiter', make, false),
    oneNotifier('notifier', make, [1]),
  ],
  'a waiter that may abort, another one, and a notifier': (make) => [
    oneWaiter('aborted', make, false, { mayAbort: true }),
    oneWaiter('waiter', make, false),
    oneNotifier('notifier', make, [1]),
  ],
  'a waiter that may be late, another one, and a notifier': (make) => [
    oneWaiter('late', make, false, { mayBeLate: true }),
    oneWaiter('waiter', make, false),
    oneNotifier('notifier', make, [1]),
  ],
  'a waiter, a notifier that may be killed, and another one': (make) => [
    oneWaiter('waiter', make, false),
    oneNotifier('doomed', make, [1], ITEMS, { mayDie: true }),
    oneNotifier('notifier', make, [1]),
  ],
}

/** The choosy one, who is the first where there is one, may sleep beside what it has no use for. */
function nobodyIsLeftOf({ actors, words }: Outcome): void {
  const someAsleep = actors.some(({ ended }) => ended === 'asleep')
  if (words[ITEMS] !== 0 && someAsleep) throw new Error('a waiter sleeps beside an item')
  if (words[OTHERS] !== 0 && actors.slice(1).some(({ ended }) => ended === 'asleep'))
    throw new Error('a waiter sleeps beside an item')
}

for (const [who, cast] of Object.entries(oneCasts)) {
  test(`each thing for one, ${who}: nobody sleeps through a change`, async (t) => {
    const { states, ends } = await explore(4, cast(realOne), nobodyIsLeftOf)
    assert.ok(ends > 0)
    t.diagnostic(`${states} states, ${ends} ends`)
  })
}

const wrongOne: Record<string, MakeOne> = {
  'a flag that comes down at every wake': (memory) => ({
    ...doneBy(memory),
    advanceBy(count) {
      if (memory.load(0) === 0) return
      memory.store(0, 0)
      memory.add(1, 1)
      memory.wake(1, count)
    },
  }),
  'a flag that comes down without waking the rest': (memory) => ({
    ...doneBy(memory),
    advanceBy(count) {
      if (memory.load(0) === 0) return
      memory.add(1, 1)
      if (memory.wake(1, count) < count) memory.store(0, 0)
    },
  }),
  'nobody passing a wake on': (memory) => ({ ...doneBy(memory), passOn() {} }),
  'a choosy waiter that does not say so': (memory) => ({
    ...doneBy(memory),
    prepareWaitForOne: (sleep) => realOne(memory).prepareWaitForOne(sleep, false),
  }),
}

function doneBy(memory: Memory): OneCount {
  const count = realOne(memory)
  return {
    prepareWaitForOne: (sleep, choosy) => count.prepareWaitForOne(sleep, choosy),
    advanceBy: (items) => count.advanceBy(items),
    passOn: () => count.passOn(),
  }
}

for (const [what, make] of Object.entries(wrongOne)) {
  test(`the loom finds what is wrong with ${what}`, async () => {
    let found = false
    for (const cast of Object.values(oneCasts)) {
      try {
        await explore(4, cast(make), nobodyIsLeftOf)
      } catch (error) {
        assert.match((error as Error).message, /^a waiter sleeps beside an item\nafter these steps:/)
        found = true
        break
      }
    }
    assert.ok(found)
  })
}

for (const [what, make] of Object.entries(wrong)) {
  test(`the loom finds what is wrong with ${what}`, async () => {
    let found = 0
    for (const cast of Object.values(casts)) {
      try {
        await explore(3, cast(make), nobodyIsLeft)
      } catch (error) {
        assert.match((error as Error).message, /^a waiter sleeps beside an item\nafter these steps:/)
        found++
      }
    }
    assert.ok(found > 0)
  })
}
