// collections: what SharedMap and SharedSet have in common: a place in a heap, transactions, closing.

import { MemlaneError, useOpen } from '../errors.js'
import { Heap } from '../heap/index.js'
import { checkNames, known } from '../options.js'
import { makePrintable, refuseCloning } from '../printable.js'
import { Attached, type Segment } from '../segment/index.js'

/** How long a transaction may wait. */
export interface TransactionOptions {
  /** Milliseconds to wait for the lock of the heap; Infinity for ever. Inside another transaction nothing is waited for. */
  timeout?: number | undefined
}

const TRANSACTION_OPTIONS = known('timeout')

/** @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`. */
export function transactionTimeout(options: TransactionOptions | undefined): number | undefined {
  return options === undefined ? undefined : checkNames(options, TRANSACTION_OPTIONS).timeout
}

/** What every collection has in common. */
export abstract class Collection extends Attached implements Disposable {
  /** The name it was opened by. */
  readonly name: string
  // Private, so that nothing that prints it or turns it into JSON is led to the whole memory.
  readonly #heap: Heap
  readonly #alone: boolean
  #closed = false

  /** @internal @param alone the heap is its own, and is closed with it. */
  protected constructor(name: string, heap: Heap, alone: boolean) {
    super()
    if (!(heap instanceof Heap)) throw useOpen(new.target.name)
    this.name = name
    this.#heap = heap
    this.#alone = alone
    refuseCloning(this, () => doorOf(heap, alone, this.constructor.name, name))
  }

  /** @internal */
  protected get heap(): Heap {
    return this.#heap
  }

  /**
   * Runs `work` as one step for everybody: all of its changes, to every collection of the same heap, or none when it
   * throws or the process is killed. Nested calls join. The heap is locked meanwhile, so keep it short.
   *
   * @param options how long to wait for the lock; default as `open` was told.
   * @throws MemlaneError `ERR_ASYNC` for an async function, after undoing what it did before its first `await`;
   *   `ERR_TIMEOUT` naming the process that has the lock, `ERR_DEADLOCK` in a circle of waits: nothing has begun then;
   *   `ERR_CLOSED`, and what `work` throws.
   */
  transaction<T>(work: () => T, options?: TransactionOptions): T {
    this.checkOpen()
    return this.#heap.transaction(work, transactionTimeout(options))
  }

  /** @internal */
  protected override attachment(): Segment {
    this.checkOpen()
    return this.#heap.segment
  }

  /** True after `close()`. */
  override get closed(): boolean {
    return this.#closed || this.#heap.closed
  }

  /** Gives back the memory and the descriptor; what is stored stays. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#alone) this.#heap.close()
    else this.detach()
  }

  /** @internal The handle is closed while its heap goes on. */
  protected detach(): void {}

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  static {
    makePrintable(
      Collection.prototype,
      (collection) => collection.printable(),
      (collection) => collection.toPlain(),
    )
  }

  /** @internal What console.log shows of it. */
  protected abstract printable(): unknown

  /** @internal What JSON says of it. */
  protected abstract toPlain(): unknown

  /** What JSON says of it, of one moment; `'… <closed>'` once it is closed. */
  declare readonly toJSON: () => unknown

  /** @internal */
  protected checkOpen(): void {
    if (this.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
  }
}

/** What opens a collection in another thread or process, for messages. */
export function doorOf(heap: Heap, alone: boolean, type: string, name: string): string {
  const isLocal = heap.segment.namespace === ''
  const whole = isLocal ? 'SharedHeap.attach(heap.buffer)' : `SharedHeap.open(${JSON.stringify(heap.name)})`
  if (!alone) return `${whole}.${type.replace('Shared', '').toLowerCase()}(${JSON.stringify(name)})`
  return isLocal ? whole : `${type}.open(${JSON.stringify(name)})`
}

/**
 * Stands where a structure stood whose handle is closed while its heap goes on: whoever uses it is told so.
 *
 * @param prototype of the structure, where it must be known for one.
 */
export function closedStandIn<T extends object>(name: string, prototype: object | null = null): T {
  const tell = (): never => {
    throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(name)} is closed`)
  }
  return new Proxy(Object.create(prototype) as T, { get: tell, set: tell })
}

/** SameValueZero, as Map compares keys. */
export function sameValueZero(a: unknown, b: unknown): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b))
}

/** @throws MemlaneError `ERR_ASYNC` when a function that must be done under the lock gives a promise. */
export function refuseThenable(value: unknown, what: string): void {
  if (typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function')
    throw new MemlaneError('ERR_ASYNC', `${what} gave a promise; it runs with the heap locked, so it cannot wait`)
}
