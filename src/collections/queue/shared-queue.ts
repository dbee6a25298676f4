// collections/queue: messages. Whoever puts, and whoever takes, may be in any process; each message goes to one taker.

import { MemlaneError, useOpen, wrongType } from '../../errors.js'
import { type Choice, ENDED, type Heap, HeapMessage, type HeapQueue, unlinkHeap } from '../../heap/index.js'
import { checkNames, type Known, known } from '../../options.js'
import type { NameOptions } from '../../segment/index.js'
import { checkFunction, checkSignal, collect, given, parseTimeout } from '../../sizes.js'
import { keepAlive, WaitingIterator } from '../../waiting/index.js'
import { readOnlyError } from '../access.js'
import { Collection } from '../collection.js'
import { ALONE, type CollectionOptions, openHeap, openQueue } from '../structure.js'
import { Message } from './message.js'

/** Which message is wanted. */
export interface PeekOptions<T> {
  /** `'fifo'`, the default: the one that has waited longest; `'lifo'`: the one that came last. */
  order?: 'fifo' | 'lifo' | undefined
  /**
   * Only one that passes. It is asked with the heap locked, about a copy of one value after the other: keep it short. It may not
   * change this queue.
   */
  where?: ((value: T) => boolean) | undefined
}

/** Which message is taken, and how. */
export interface TakeOptions<T> extends PeekOptions<T> {
  /** It stays in the heap until `done()`, and waits again when its taker dies before; default false: it is gone when it is taken. */
  ack?: boolean | undefined
}

/** The same, and how long to wait for one. */
export interface BlockingTakeOptions<T> extends TakeOptions<T> {
  /** Milliseconds; default for ever, 0 looks once. */
  timeout?: number | undefined
}

/** The same without blocking the thread. */
export interface WaitingTakeOptions<T> extends BlockingTakeOptions<T> {
  /** Ends the wait with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** Messages without an end. */
export interface ConsumeOptions<T> extends TakeOptions<T> {
  /** Ends the iteration with the signal's reason. */
  signal?: AbortSignal | undefined
}

const PEEK_OPTIONS = known('order', 'where')
const TAKE_OPTIONS = known(PEEK_OPTIONS, 'ack')
const BLOCKING_OPTIONS = known(TAKE_OPTIONS, 'timeout')
const WAITING_OPTIONS = known(BLOCKING_OPTIONS, 'signal')
const CONSUME_OPTIONS = known(TAKE_OPTIONS, 'signal')

const OLDEST: Choice = { newest: false, where: undefined, ack: false }

function choiceOf<T>(options: TakeOptions<T> | undefined, names: Known): Choice {
  if (options === undefined) return OLDEST
  const { order, where, ack } = checkNames(options, names)
  if (order !== undefined && order !== 'fifo' && order !== 'lifo') throw wrongType('order', "'fifo' or 'lifo'", order)
  if (where !== undefined) checkFunction(where, 'where')
  if (typeof given(ack, false) !== 'boolean') throw wrongType('ack', 'true or false', ack)
  return { newest: order === 'lifo', where: where as Choice['where'], ack: ack === true }
}

/**
 * Messages between any number of processes. Each is taken once, by whoever comes first; it is a copy of what was put, and outlives
 * whoever put it. {@link SharedHeap.messages} is the one that every heap has; a heap has others by name.
 *
 * @example
 * import { SharedHeap } from 'memlane'
 * using heap = SharedHeap.open('shop')
 * heap.messages.put({ order: 17, items: ['tea'] })
 * const next = await heap.messages.take({ timeout: 1000 })
 */
export class SharedQueue<T = unknown> extends Collection implements AsyncIterable<T> {
  readonly #queue: HeapQueue

  /** @internal */
  constructor(name: string, heap: Heap, queue: HeapQueue, alone: boolean) {
    super(name, heap, alone)
    this.#queue = queue
  }

  /** Opens the queue of that name, or makes it, empty. Throws as `SharedMap.open` does. */
  static open<T = unknown>(name: string, options: CollectionOptions = {}): SharedQueue<T> {
    const heap = openHeap(name, options)
    try {
      return new SharedQueue<T>(name, heap, openQueue(heap, ALONE), true)
    } catch (error) {
      heap.close()
      throw error
    }
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  /** Messages that wait. @throws MemlaneError `ERR_CLOSED`, `ERR_STALE`. */
  get size(): number {
    this.checkOpen()
    return this.#queue.size
  }

  /** Messages that were taken with `ack`, and are neither done nor given back. */
  get taken(): number {
    this.checkOpen()
    return this.#queue.taken
  }

  /**
   * Puts a message behind all others, and wakes one that waits for it. Nobody has to wait for it, or to be there at all.
   *
   * @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE` when the heap is full: nothing is put then; `ERR_TYPE` for `undefined`,
   *   which is what `tryTake` says when there is none; `ERR_CLOSED`, `ERR_STALE`, `ERR_READ_ONLY`.
   */
  put(value: T): void {
    this.checkOpen()
    if (value === undefined) throw noMessage()
    this.#queue.put(value)
  }

  /** The same for several, in one step for everybody: all are put, one behind the other, or none. */
  putAll(values: Iterable<T>): void {
    this.checkOpen()
    const all = collect(values, 'values')
    if (all.includes(undefined as T)) throw noMessage()
    this.checkOpen()
    this.#queue.putAll(all)
  }

  /**
   * Takes a message, if there is one.
   *
   * @returns what was put, detached; with `ack` a {@link Message}; `undefined` when there is none.
   * @throws MemlaneError `ERR_TYPE`; `ERR_ASYNC` for an async `where`, `ERR_BUSY` for one that changes this queue, and what it
   *   throws: nothing is taken then; `ERR_CLOSED`, `ERR_STALE`, `ERR_READ_ONLY`.
   */
  tryTake(options: TakeOptions<T> & { ack: true }): Message<T> | undefined
  tryTake(options?: TakeOptions<T> & { ack?: false | undefined }): T | undefined
  tryTake(options?: TakeOptions<T>): T | Message<T> | undefined
  tryTake(options?: TakeOptions<T>): T | Message<T> | undefined {
    this.#checkTaking()
    return this.#shown(this.#queue.tryTake(choiceOf(options, TAKE_OPTIONS)))
  }

  /**
   * Takes a message, and waits for one without blocking the thread. A wait that nobody awaits any more should be aborted: it takes
   * its message all the same.
   *
   * Rejects as `tryTake` throws, with `ERR_TIMEOUT`, with the signal's reason, and with `ERR_ASYNC` inside a transaction, where
   * `tryTake` does it.
   */
  take(options: WaitingTakeOptions<T> & { ack: true }): Promise<Message<T>>
  take(options?: WaitingTakeOptions<T> & { ack?: false | undefined }): Promise<T>
  take(options?: WaitingTakeOptions<T>): Promise<T | Message<T>>
  take(options?: WaitingTakeOptions<T>): Promise<T | Message<T>> {
    return keepAlive(this.#take(options))
  }

  async #take(options: WaitingTakeOptions<T> | undefined): Promise<T | Message<T>> {
    this.#checkTaking()
    const choice = choiceOf(options, WAITING_OPTIONS)
    const timeout = parseTimeout(options?.timeout)
    checkSignal(options?.signal)
    options?.signal?.throwIfAborted()
    this.#refuseInside('ERR_ASYNC')
    const found = await this.#queue.take(choice, timeout, options?.signal, () => this.closed)
    if (found === undefined) throw this.#late(timeout)
    if (found === ENDED) this.checkOpen()
    return this.#shown(found)!
  }

  /**
   * Takes a message, and waits for one, blocking the thread.
   *
   * @throws MemlaneError as `tryTake`; `ERR_TIMEOUT`; `ERR_DEADLOCK` inside a transaction: nobody else could put one.
   */
  takeSync(options: BlockingTakeOptions<T> & { ack: true }): Message<T>
  takeSync(options?: BlockingTakeOptions<T> & { ack?: false | undefined }): T
  takeSync(options?: BlockingTakeOptions<T>): T | Message<T>
  takeSync(options?: BlockingTakeOptions<T>): T | Message<T> {
    this.#checkTaking()
    const choice = choiceOf(options, BLOCKING_OPTIONS)
    const timeout = parseTimeout(options?.timeout)
    this.#refuseInside('ERR_DEADLOCK')
    const found = this.#queue.takeSync(choice, timeout)
    if (found === undefined) throw this.#late(timeout)
    return this.#shown(found)!
  }

  /** A copy of the message that `tryTake` would give; it stays where it is. @returns `undefined` when there is none. Throws as `tryTake`. */
  peek(options?: PeekOptions<T>): T | undefined {
    this.checkOpen()
    return this.#queue.peek(choiceOf(options, PEEK_OPTIONS)) as T | undefined
  }

  /** Copies of all messages that wait, the first one first, of one moment. */
  snapshot(): T[] {
    this.checkOpen()
    return this.#queue.snapshot() as T[]
  }

  /** Drops all messages that wait; those that are taken stay with their takers. @returns how many. */
  clear(): number {
    this.checkOpen()
    return this.#queue.clear()
  }

  /**
   * Takes message after message: `for await (const message of heap.messages.consume({ ack: true }))`. Sleeps while there is none;
   * takes the next one when it is asked for, not before. Leaving the loop ends it.
   *
   * @throws MemlaneError `ERR_TYPE`, `ERR_CLOSED`; iterating rejects as `take` does.
   */
  consume(options: ConsumeOptions<T> & { ack: true }): Consumer<Message<T>>
  consume(options?: ConsumeOptions<T> & { ack?: false | undefined }): Consumer<T>
  consume(options?: ConsumeOptions<T>): Consumer<T | Message<T>>
  consume(options?: ConsumeOptions<T>): Consumer<T | Message<T>> {
    this.#checkTaking()
    const choice = choiceOf(options, CONSUME_OPTIONS)
    checkSignal(options?.signal)
    return new Consumer({
      take: () => {
        options?.signal?.throwIfAborted()
        this.#checkTaking()
        this.#refuseInside('ERR_ASYNC')
        return this.#shown(this.#queue.tryTake(choice))
      },
      wait: async (isOver) => {
        const found = await this.#queue.take(choice, -1, options?.signal, () => isOver() || this.closed)
        if (found !== ENDED) return this.#shown(found)
        if (!isOver()) this.checkOpen()
        return undefined
      },
      wake: () => this.#queue.wakeAll(),
    })
  }

  /** The same as `consume()`. */
  [Symbol.asyncIterator](): Consumer<T> {
    return this.consume()
  }

  #shown(found: unknown): T | Message<T> | undefined {
    return found instanceof HeapMessage ? new Message<T>(found) : (found as T | undefined)
  }

  #late(timeout: number): MemlaneError {
    return new MemlaneError(
      'ERR_TIMEOUT',
      `waited ${Math.round(timeout * 10) / 10} ms for a message of ${JSON.stringify(this.name)}`,
    )
  }

  #checkTaking(): void {
    this.checkOpen()
    if (this.heap.readOnly) throw readOnlyError(this.name)
  }

  #refuseInside(code: 'ERR_ASYNC' | 'ERR_DEADLOCK'): void {
    if (this.heap.inTransaction)
      throw new MemlaneError(
        code,
        `a transaction of ${JSON.stringify(this.heap.name)} holds the lock, so it cannot wait for a message; tryTake() does not wait`,
      )
  }

  /** @internal False once the queue was removed from its heap. */
  get isThere(): boolean {
    return !this.closed && this.#queue.isThere
  }

  /** @internal */
  protected override detach(): void {
    this.#queue.wakeAll()
  }

  /** The name of the class. */
  get [Symbol.toStringTag](): string {
    return 'SharedQueue'
  }

  /** @internal */
  protected override printable(): unknown {
    return this.snapshot()
  }

  /** @internal */
  protected override toPlain(): unknown {
    return this.snapshot()
  }
}

function noMessage(): MemlaneError {
  return new MemlaneError('ERR_TYPE', 'a message cannot be undefined: tryTake() says so when there is none; put null')
}

/** Where the messages of a consumer come from. */
interface Source<M> {
  take(): M | undefined
  /** @param isOver ends the wait when it says so; `wake` makes it look. */
  wait(isOver: () => boolean): Promise<M | undefined>
  wake(): void
}

/** Messages as they come: what `for await` goes through. */
export class Consumer<M> extends WaitingIterator<M> {
  readonly #source: Source<M>
  #over = false

  /** @internal */
  constructor(source: Source<M>) {
    super()
    if (typeof (source as Source<M> | undefined)?.wait !== 'function') throw useOpen('Consumer', 'consume() of a queue')
    this.#source = source
  }

  /** @internal */
  protected override take(): M | undefined {
    return this.#source.take()
  }

  /** @internal */
  protected override async wait(): Promise<M | undefined> {
    return this.#source.take() ?? (await this.#source.wait(() => this.#over))
  }

  /** @internal */
  protected override release(): void {
    this.#over = true
    this.#source.wake()
  }
}
