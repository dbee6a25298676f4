// heap/kinds/queue: the two lists of a queue, and its bell. Needs a transaction that has touched the queue's stripe.

import { KIND_MASK } from '../../blocks/pages.layout.js'
import type { Core } from '../../core.js'
import { corrupt } from '../../corrupt.js'
import { BELL_QUEUES, H_QUEUE_BELLS, QUEUE_BELL_STEP, QUEUE_BELLS } from '../../heap.layout.js'
import { MESSAGE, QUEUE } from '../../values/values.layout.js'
import {
  G_NEXT,
  G_PREV,
  G_TAKER,
  G_TIMES,
  Q_BELL,
  Q_CHANGES,
  Q_FIRST,
  Q_LAST,
  Q_NEWEST,
  Q_SIZE,
  Q_TAKEN,
  Q_UNITS,
} from './queue.layout.js'

/** Word index of a bell of queues. Any number leads to one. */
function bellWord(core: Core, bell: number): number {
  return core.arena.base + H_QUEUE_BELLS + QUEUE_BELL_STEP * (bell & (QUEUE_BELLS - 1))
}

/** A new queue that is empty, with the bell that the fewest others have. */
export function createQueue(core: Core, stripe: number): number {
  const { arena, blocks } = core
  const { i32 } = arena
  let bell = 0
  for (let i = 1; i < QUEUE_BELLS; i++) {
    if (i32[bellWord(core, i) + BELL_QUEUES]! < i32[bellWord(core, bell) + BELL_QUEUES]!) bell = i
  }
  const queue = blocks.take(Q_UNITS, QUEUE, stripe)
  i32.fill(0, (queue << 1) + Q_SIZE, (queue + Q_UNITS) << 1)
  i32[(queue << 1) + Q_BELL] = bell
  const queues = bellWord(core, bell) + BELL_QUEUES
  arena.put(queues, i32[queues]! + 1)
  return queue
}

/** Before the queue is freed: who waits is told, and its bell has one queue less. */
export function leaveBell(core: Core, queue: number): void {
  const { arena } = core
  const bell = bellWord(core, arena.i32[(queue << 1) + Q_BELL]!)
  arena.put(bell + BELL_QUEUES, Math.max(0, arena.i32[bell + BELL_QUEUES]! - 1))
  arena.ringLater(bell)
}

export class QueueStore {
  readonly #core: Core
  readonly #queue: number

  constructor(core: Core, queue: number) {
    this.#core = core
    this.#queue = queue
  }

  /** Word index of the bell: the epoch, the flag after it. */
  get bell(): number {
    return bellWord(this.#core, this.#core.arena.i32[(this.#queue << 1) + Q_BELL]!)
  }

  /** After the commit, wakes those who may take `count` messages. */
  ring(count: number): void {
    const { arena } = this.#core
    const { bell } = this
    // Where several queues share it, a single sleeper may be one that waits at another of them.
    if (arena.i32[bell + BELL_QUEUES] === 1) arena.ringLater(bell, count)
    else arena.ringLater(bell)
  }

  /** The message at the end of a link, 0 for none. @throws MemlaneError `ERR_CORRUPT`. */
  follow(word: number): number {
    const { arena, name } = this.#core
    const message = arena.i32[word]!
    if (message === 0) return 0
    if ((arena.i32[(message << 1) + 1]! & KIND_MASK) !== MESSAGE)
      throw corrupt(name, `a queue leads to ${message}, where no message is`)
    return message
  }

  get first(): number {
    return this.follow((this.#queue << 1) + Q_FIRST)
  }

  get last(): number {
    return this.follow((this.#queue << 1) + Q_LAST)
  }

  next(message: number): number {
    return this.follow((message << 1) + G_NEXT)
  }

  prev(message: number): number {
    return this.follow((message << 1) + G_PREV)
  }

  /** Links a message behind the last one. Its words that nobody can see yet are stored unlogged. */
  append(message: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const q = this.#queue << 1
    const m = message << 1
    const { last } = this
    i32[m + G_NEXT] = 0
    i32[m + G_PREV] = last
    i32[m + G_TAKER] = 0
    i32[m + G_TIMES] = 0
    if (last === 0) arena.put(q + Q_FIRST, message)
    else arena.put((last << 1) + G_NEXT, message)
    arena.put(q + Q_LAST, message)
    this.#count(1)
  }

  /** Links a message that was taken in front of the first one. */
  #prepend(message: number): void {
    const { arena } = this.#core
    const q = this.#queue << 1
    const { first } = this
    arena.put2((message << 1) + G_NEXT, first, 0)
    arena.put((message << 1) + G_TAKER, 0)
    if (first === 0) arena.put(q + Q_LAST, message)
    else arena.put((first << 1) + G_PREV, message)
    arena.put(q + Q_FIRST, message)
    this.#count(1)
  }

  /** Takes a message that waits out of the list. */
  unlink(message: number): void {
    const { arena } = this.#core
    const q = this.#queue << 1
    const next = this.next(message)
    const prev = this.prev(message)
    if (prev === 0) arena.put(q + Q_FIRST, next)
    else arena.put((prev << 1) + G_NEXT, next)
    if (next === 0) arena.put(q + Q_LAST, prev)
    else arena.put((next << 1) + G_PREV, prev)
    this.#count(-1)
  }

  #count(more: number): void {
    const { arena } = this.#core
    const q = this.#queue << 1
    arena.put2(q + Q_SIZE, arena.i32[q + Q_SIZE]! + more, (arena.i32[q + Q_CHANGES]! + 1) | 0)
  }

  /** Links a message that is in no list among those taken. */
  hold(message: number, token: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const q = this.#queue << 1
    const m = message << 1
    const newest = this.follow(q + Q_NEWEST)
    arena.put2(m + G_NEXT, newest, 0)
    arena.put2(m + G_TAKER, token, i32[m + G_TIMES]! + 1)
    if (newest !== 0) arena.put((newest << 1) + G_PREV, message)
    arena.put2(q + Q_TAKEN, i32[q + Q_TAKEN]! + 1, message)
  }

  /** Takes a message out of the list of those taken. */
  letGo(message: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const q = this.#queue << 1
    const next = this.next(message)
    const prev = this.prev(message)
    if (next !== 0) arena.put((next << 1) + G_PREV, prev)
    if (prev !== 0) arena.put((prev << 1) + G_NEXT, next)
    arena.put2(q + Q_TAKEN, i32[q + Q_TAKEN]! - 1, prev === 0 ? next : i32[q + Q_NEWEST]!)
    arena.put(q + Q_CHANGES, (i32[q + Q_CHANGES]! + 1) | 0)
  }

  /** A message that was taken waits again, in front of all others. */
  giveBack(message: number): void {
    this.letGo(message)
    this.#prepend(message)
  }

  /**
   * Calls `see` with each message of a list, from the word that leads to the first one. It may unlink what it is given.
   *
   * @param length what the queue says how many there are.
   * @throws MemlaneError `ERR_CORRUPT` for a list that does not end.
   */
  each(head: number, length: number, see: (message: number) => void): void {
    const { name } = this.#core
    let budget = this.#atMost(length)
    for (let message = this.follow(head); message !== 0; ) {
      if (--budget < 0) throw corrupt(name, 'a queue does not end')
      const next = this.next(message)
      see(message)
      message = next
    }
  }

  /** There are no more messages than fit into the memory. */
  #atMost(length: number): number {
    return Math.min(length >>> 0, this.#core.arena.i32.length >> 3)
  }

  /** Messages that may wait, for walks that end by themselves. */
  get most(): number {
    return this.#atMost(this.#core.arena.i32[(this.#queue << 1) + Q_SIZE]!)
  }

  eachWaiting(see: (message: number) => void): void {
    const q = this.#queue << 1
    this.each(q + Q_FIRST, this.#core.arena.i32[q + Q_SIZE]!, see)
  }

  /** The newest first. */
  eachTaken(see: (message: number) => void): void {
    const q = this.#queue << 1
    this.each(q + Q_NEWEST, this.#core.arena.i32[q + Q_TAKEN]!, see)
  }
}
