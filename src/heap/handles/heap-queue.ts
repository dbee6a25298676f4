// heap/handles: a queue. Whoever takes a message gets a detached copy of its value, in which shared objects are live; a message that is to be acknowledged stays in
// the heap until it is done, and goes back in front when its taker dies.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import { type Memory, NOBODY } from '../../memory/index.js'
import { slotOf } from '../../segment/index.js'
import { endOf, refusePromise } from '../../sizes.js'
import {
  AdaptiveSpin,
  block,
  DEATH_LOOK_MS,
  EventCount,
  LOOK_AGAIN_MS,
  type Pollable,
  type Sleep,
  untilFound,
} from '../../waiting/index.js'
import type { Undoable } from '../arena/arena.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { BELL_FLAG, STRIPE_STEP } from '../heap.layout.js'
import {
  G_SLOT,
  G_TAKER,
  G_TIMES,
  MESSAGE_UNITS,
  Q_CHANGES,
  Q_FIRST,
  Q_SIZE,
  Q_TAKEN,
} from '../kinds/queue/queue.layout.js'
import { QueueStore } from '../kinds/queue/store.js'
import { MESSAGE } from '../values/values.layout.js'
import { Handle } from './handle.js'

/** Which message is wanted. */
export interface Choice {
  /** The newest, not the oldest. */
  readonly newest: boolean
  /** Only one whose value passes. */
  readonly where: ((value: unknown) => unknown) | undefined
  /** It stays in the heap until it is done: what is given is a HeapMessage. */
  readonly ack: boolean
}

/** A look at the takers costs at most this share of the time. */
const LOOK_SHARE = 1 / 100

/** Instead of a message: the wait was ended from here. */
export const ENDED: unique symbol = Symbol('ended')

export class HeapQueue extends Handle {
  readonly #core: Core
  readonly #queue: number
  readonly #stripe: number
  readonly #store: QueueStore
  /** When to look next whether those who have taken messages live. */
  #lookAt = 0
  /** The queue's changes at the last such look; what it found: NOBODY, the slot of a taker, or SEVERAL. */
  #looked: number | undefined
  #takers: number = NOBODY
  /** One of them is dead: what it had taken is to be put back. */
  #lost = false
  /** Of the message that a search has found. */
  #value: unknown

  /** @internal */
  constructor(core: Core, pointer: number) {
    super(core, pointer)
    this.#core = core
    this.#queue = pointer
    this.#stripe = Handle.stripeOf(core, pointer)
    this.#store = new QueueStore(core, pointer)
  }

  // ---- figures

  /** False once it was removed, as far as can be seen without the lock. */
  get isThere(): boolean {
    return this.isFresh
  }

  /** Messages that wait. */
  get size(): number {
    return this.#word(Q_SIZE)
  }

  /** Messages that were taken to be acknowledged, and are not done. */
  get taken(): number {
    return this.#word(Q_TAKEN)
  }

  #word(word: number): number {
    const { arena } = this.#core
    return arena.read(arena.stripeWord(this.#stripe), () => {
      this.check('queue')
      return Math.max(0, arena.i32[(this.#queue << 1) + word]!)
    })
  }

  /** Copies of the values that wait, the first one first, of one moment; shared objects are copied, too. */
  snapshot(): unknown[] {
    const { arena, decoder } = this.#core
    return decoder.moment(arena.stripeWord(this.#stripe), () => {
      this.check('queue')
      const copy = decoder.copierOfMany()
      const values: unknown[] = []
      this.#store.eachWaiting((message) => values.push(copy((message << 1) + G_SLOT)))
      return values
    })
  }

  // ---- putting

  /** @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_STALE`; nothing is put then. */
  put(value: unknown): void {
    this.#core.arena.change(HeapQueue.#putWork, this, value)
  }

  static #putWork(this: void, self: HeapQueue, value: unknown): void {
    self.check('queue')
    self.#core.arena.touch(self.#stripe)
    self.#putOne(value)
    self.#store.ring(1)
  }

  /** The same for several, all or none. */
  putAll(values: readonly unknown[]): void {
    this.#core.arena.change(HeapQueue.#putAllWork, this, values)
  }

  static #putAllWork(this: void, self: HeapQueue, values: readonly unknown[]): void {
    self.check('queue')
    self.#core.arena.touch(self.#stripe)
    for (let i = 0; i < values.length; i++) self.#putOne(values[i])
    if (values.length > 0) self.#store.ring(values.length)
  }

  #putOne(value: unknown): void {
    const { arena, blocks, encoder } = this.#core
    const { i32 } = arena
    const message = blocks.take(MESSAGE_UNITS, MESSAGE, this.#stripe)
    encoder.encode(value, message, this.#stripe)
    const { low, high } = encoder
    if (typeof value === 'object') {
      // A getter inside the value may have deleted this very queue, or have failed in a change of it.
      this.check('queue')
      arena.touch(this.#stripe)
    }
    i32[(message << 1) + G_SLOT] = low
    i32[(message << 1) + G_SLOT + 1] = high
    this.#store.append(message)
  }

  // ---- taking

  /**
   * Takes a message: its value, or a HeapMessage where the choice says `ack`.
   *
   * @returns undefined when there is none.
   * @throws MemlaneError `ERR_STALE`, `ERR_ASYNC` for a `where` that gives a promise, `ERR_BUSY` for one that changes this very
   *   queue, and what it throws: nothing is taken then.
   */
  tryTake(choice: Choice): unknown {
    if (this.#isInVain()) return undefined
    return this.#core.arena.change(HeapQueue.#takeWork, this, choice)
  }

  /** True when there is nothing to take, as far as can be seen without the lock. */
  #isInVain(): boolean {
    const { arena } = this.#core
    const { memory, i32 } = arena
    // In a change, and through a closed handle, the change says what is.
    if (arena.depth !== 0) return false
    const word = arena.stripes + this.#stripe * STRIPE_STEP
    const seen = memory.loadVersion(word)
    if ((seen & 1) !== 0 || !this.isFresh) return false
    const q = this.#queue << 1
    const size = i32[q + Q_SIZE]
    const taken = i32[q + Q_TAKEN]
    if (!memory.checkVersion(word, seen) || memory.faults !== 0 || size !== 0) return false
    return taken === 0 || !this.#hasLost()
  }

  static #takeWork(this: void, self: HeapQueue, choice: Choice): unknown {
    const { arena, blocks, decoder, graph } = self.#core
    const { i32 } = arena
    self.check('queue')
    if (i32[(self.#queue << 1) + Q_TAKEN] !== 0 && self.#hasLost()) self.#returnLost()
    const message =
      choice.where !== undefined ? self.#search(choice) : choice.newest ? self.#store.last : self.#store.first
    if (message === 0) return undefined
    const slot = (message << 1) + G_SLOT
    const value = choice.where !== undefined ? self.#value : decoder.detach(slot)
    self.#value = undefined
    arena.touch(self.#stripe)
    self.#store.unlink(message)
    if (choice.ack) {
      self.#store.hold(message, arena.segment.participant.token)
      return new HeapMessage(self.#core, message, self, value)
    }
    graph.release(i32[slot]!, i32[slot + 1]!)
    blocks.drop(message)
    return value
  }

  /** The first message whose value passes, and in `#value` a copy of that. */
  #search({ where, newest }: Choice): number {
    const { arena, decoder, name } = this.#core
    const { i32 } = arena
    const changes = (this.#queue << 1) + Q_CHANGES
    const before = i32[changes]
    const step = newest ? PREV : NEXT
    let budget = this.#store.most
    let message = newest ? this.#store.last : this.#store.first
    while (message !== 0) {
      if (--budget < 0) throw corrupt(name, 'a queue does not end')
      const value = decoder.detach((message << 1) + G_SLOT)
      const passed = where!(value)
      refusePromise(passed, 'where is asked with the heap locked')
      if (!this.isFresh || i32[changes] !== before)
        throw new MemlaneError(
          'ERR_BUSY',
          `a queue of ${JSON.stringify(name)} was changed by the where that looks through it`,
        )
      if (passed) {
        this.#value = value
        return message
      }
      message = step(this.#store, message)
    }
    return 0
  }

  /** A copy of the value that `tryTake` would give, which stays. @returns undefined when there is none. */
  peek(choice: Choice): unknown {
    const { arena, decoder } = this.#core
    if (choice.where === undefined) {
      return arena.read(arena.stripeWord(this.#stripe), () => {
        this.check('queue')
        const message = choice.newest ? this.#store.last : this.#store.first
        return message === 0 ? undefined : decoder.detach((message << 1) + G_SLOT)
      })
    }
    if (!arena.segment.readOnly) return arena.change(HeapQueue.#peekWork, this, choice)
    // Without the lock nothing stands still while foreign code runs.
    const values = this.snapshot()
    if (choice.newest) values.reverse()
    return values.find((value) => {
      const passed = choice.where!(value)
      refusePromise(passed, 'where is asked about one value after the other')
      return passed
    })
  }

  static #peekWork(this: void, self: HeapQueue, choice: Choice): unknown {
    self.check('queue')
    const found = self.#search(choice) !== 0
    const value = self.#value
    self.#value = undefined
    return found ? value : undefined
  }

  /** Drops all messages that wait. @returns how many. */
  clear(): number {
    return this.#core.arena.change(HeapQueue.#clearWork, this)
  }

  static #clearWork(this: void, self: HeapQueue): number {
    const { arena, blocks, graph } = self.#core
    const { i32 } = arena
    const q = self.#queue << 1
    self.check('queue')
    let count = 0
    self.#store.eachWaiting((message) => {
      const slot = (message << 1) + G_SLOT
      graph.release(i32[slot]!, i32[slot + 1]!)
      blocks.drop(message)
      count++
    })
    if (count === 0) return 0
    arena.touch(self.#stripe)
    arena.put2(q + Q_FIRST, 0, 0)
    arena.put2(q + Q_SIZE, 0, (i32[q + Q_CHANGES]! + 1) | 0)
    return count
  }

  // ---- takers that died

  /** True when one of those who have taken messages is known to be dead; looks, now and then. */
  #hasLost(): boolean {
    if (!this.#lost && performance.now() >= this.#lookAt) this.#look()
    return this.#lost
  }

  /** Looks who has taken messages, and whether they live. */
  #look(): void {
    const { arena } = this.#core
    const start = performance.now()
    let changes = 0
    const tokens = arena.read(arena.stripeWord(this.#stripe), () => {
      const found = new Set<number>()
      this.check('queue')
      changes = arena.i32[(this.#queue << 1) + Q_CHANGES]!
      let last = 0
      this.#store.eachTaken((message) => {
        const token = arena.i32[(message << 1) + G_TAKER]!
        if (token !== last) found.add(token)
        last = token
      })
      return found
    })
    tokens.delete(arena.segment.participant.token)
    this.#takers = tokens.size === 0 ? NOBODY : tokens.size > 1 ? SEVERAL : slotOf([...tokens][0]!)
    this.#looked = changes
    for (const token of tokens) if (!arena.segment.isAlive(token)) this.#lost = true
    const end = performance.now()
    this.#lookAt = end + Math.max(DEATH_LOOK_MS, (end - start) / LOOK_SHARE)
  }

  /** Puts what the dead have taken back in front, in the order they took it. */
  #returnLost(): void {
    const { arena } = this.#core
    const { i32, segment } = arena
    const lives = new Map<number, boolean>([[segment.participant.token, true]])
    let count = 0
    arena.touch(this.#stripe)
    this.#store.eachTaken((message) => {
      const token = i32[(message << 1) + G_TAKER]!
      let alive = lives.get(token)
      if (alive === undefined) {
        alive = segment.isAlive(token)
        lives.set(token, alive)
      }
      if (alive) return
      this.#store.giveBack(message)
      count++
    })
    if (count > 0) this.#store.ring(count)
    this.#looked = undefined
    this.#lost = false
  }

  /** How a waiter gets to hear that a taker has died. */
  #watchTakers(sleep: Sleep): void {
    const { i32 } = this.#core.arena
    const q = this.#queue << 1
    sleep.longestMs = LOOK_AGAIN_MS
    if (i32[q + Q_TAKEN] === 0) return
    if (this.#looked !== i32[q + Q_CHANGES]) sleep.longestMs = Math.max(1, this.#lookAt - performance.now())
    else if (this.#takers === SEVERAL) sleep.longestMs = DEATH_LOOK_MS
    else sleep.watch = this.#takers
  }

  // ---- waiting

  /**
   * Waits for a message, without blocking the thread. Rejects with the signal's reason.
   *
   * @param isOver ends the wait with ENDED when it says so; `wakeAll` makes it look.
   * @returns undefined when the time is over.
   */
  take(choice: Choice, timeout: number, signal: AbortSignal | undefined, isOver: () => boolean): Promise<unknown> {
    return untilFound(new TakeWait(this, choice, isOver), endOf(timeout), signal)
  }

  /** The same, blocking the thread. */
  takeSync(choice: Choice, timeout: number): unknown {
    return block(new TakeWait(this, choice, () => false), endOf(timeout))
  }

  /** Waits that may be over look. */
  wakeAll(): void {
    const { memory } = this.#core.arena
    if (!memory.closed && memory.faults === 0 && this.isFresh) this.#bell.advance()
  }

  get #bell(): EventCount {
    const epoch = this.#store.bell
    return new EventCount(this.#core.arena.memory, (epoch + BELL_FLAG) * 4, epoch * 4)
  }

  /** @internal One poll of a wait. */
  poll(sleep: Sleep, wait: TakeWait): unknown {
    const { memory } = this.#core.arena
    for (;;) {
      if (wait.isOver()) return ENDED
      if (memory.closed) throw this.#core.arena.closedError()
      const { bell } = this.#store
      const epoch = memory.load(bell)
      const found = this.tryTake(wait.choice)
      if (found !== undefined) return found
      if (!wait.spin.spin(memory, bell, epoch)) break
    }
    this.#bell.prepareWaitForOne(sleep, wait.choice.where !== undefined)
    this.#watchTakers(sleep)
    return this.tryTake(wait.choice)
  }

  /** @internal A wait ends in vain: it may have been woken in place of another one. */
  passOn(): void {
    if (!this.#core.arena.memory.closed) this.#bell.passOn()
  }

  /** @internal */
  get memory(): Memory {
    return this.#core.arena.memory
  }

  // ---- acknowledging

  /** @internal True while a message that was taken is its taker's. */
  holds(message: number, times: number): boolean {
    const { arena } = this.#core
    const { i32 } = arena
    const m = message << 1
    return this.isFresh && i32[m + G_TAKER] === arena.segment.participant.token && i32[m + G_TIMES] === times
  }

  /** @internal Frees a message that was taken. Needs a transaction. */
  finish(message: number): void {
    const { arena, blocks, graph } = this.#core
    const { i32 } = arena
    const slot = (message << 1) + G_SLOT
    arena.touch(this.#stripe)
    this.#store.letGo(message)
    graph.release(i32[slot]!, i32[slot + 1]!)
    blocks.free(message)
  }

  /** @internal Puts a message that was taken back in front. Needs a transaction. */
  restore(message: number): void {
    this.#core.arena.touch(this.#stripe)
    this.#store.giveBack(message)
    this.#store.ring(1)
  }
}

const SEVERAL = -2

const NEXT = (store: QueueStore, message: number): number => store.next(message)
const PREV = (store: QueueStore, message: number): number => store.prev(message)

/** The wait for a message. */
class TakeWait implements Pollable<unknown> {
  readonly memory: Memory
  readonly spin: AdaptiveSpin = new AdaptiveSpin()
  readonly choice: Choice
  readonly isOver: () => boolean
  readonly #queue: HeapQueue

  constructor(queue: HeapQueue, choice: Choice, isOver: () => boolean) {
    this.memory = queue.memory
    this.choice = choice
    this.isOver = isOver
    this.#queue = queue
  }

  poll(sleep: Sleep): unknown {
    return this.#queue.poll(sleep, this)
  }

  passOn(): void {
    this.#queue.passOn()
  }
}

/** A message that was taken, and is its taker's until it is done. */
export class HeapMessage extends Handle implements Undoable {
  /** A copy. */
  readonly value: unknown
  /** How often it was handed out so far, this time included. */
  readonly times: number
  readonly #core: Core
  readonly #queue: HeapQueue
  #undone = false

  /** @internal */
  constructor(core: Core, pointer: number, queue: HeapQueue, value: unknown) {
    super(core, pointer)
    this.#core = core
    this.#queue = queue
    this.value = value
    this.times = core.arena.i32[(pointer << 1) + G_TIMES]!
    if (core.arena.depth > 1) core.arena.ifUndone(this)
  }

  /** @internal It waits again, in its place: the change that took it was undone. */
  undone(): void {
    this.#undone = true
  }

  /** True until it is done or given back. */
  get held(): boolean {
    const { arena } = this.#core
    if (arena.memory.closed || this.#undone) return false
    return arena.depth > 0 ? this.#isHeld() : arena.read(arena.version, () => this.#isHeld())
  }

  #isHeld(): boolean {
    return !this.#undone && this.isFresh && this.#queue.holds(Handle.pointerOf(this), this.times)
  }

  /** It is done, and freed. @returns false when it is not held: nothing has changed. */
  done(): boolean {
    return this.#core.arena.change(HeapMessage.#doneWork, this)
  }

  static #doneWork(this: void, self: HeapMessage): boolean {
    if (!self.#isHeld()) return false
    self.#queue.finish(Handle.pointerOf(self))
    return true
  }

  /** It waits again, in front of all others. @returns false when it is not held: nothing has changed. */
  giveBack(): boolean {
    return this.#core.arena.change(HeapMessage.#giveBackWork, this)
  }

  static #giveBackWork(this: void, self: HeapMessage): boolean {
    if (!self.#isHeld()) return false
    self.#queue.restore(Handle.pointerOf(self))
    return true
  }
}
