// collections/queue: a message that was taken to be acknowledged.

import { MemlaneError, useOpen } from '../../errors.js'
import { HeapMessage } from '../../heap/index.js'

/**
 * A message that stays in the heap until it is done. Should its taker be killed or close the heap before, it waits again, in front.
 *
 * `using` gives it back where the work on it has thrown.
 *
 * @example
 * import { SharedHeap } from 'memlane'
 * using heap = SharedHeap.open('shop')
 * using job = heap.messages.tryTake({ ack: true })
 * if (job) {
 *   console.log(job.value, job.deliveries)
 *   job.done()
 * }
 */
export class Message<T = unknown> implements Disposable {
  /** What was put, detached. */
  readonly value: T
  /** How often it was taken to be acknowledged, this time included: above 1, somebody has died of it or given it back. */
  readonly deliveries: number
  readonly #message: HeapMessage
  #end: 'done' | 'given back' | undefined

  /** @internal */
  constructor(message: HeapMessage) {
    if (!(message instanceof HeapMessage)) throw useOpen('Message', 'take({ ack: true }) of a queue')
    this.value = message.value as T
    this.deliveries = message.times
    this.#message = message
  }

  /** True until it is done or given back. */
  get held(): boolean {
    return this.#message.held
  }

  /**
   * It is done, and gone. In a transaction, together with what else is stored there. A second call does nothing.
   *
   * @throws MemlaneError `ERR_NOT_HELD` when it was given back, or the transaction that took it was undone; `ERR_CLOSED`.
   */
  done(): void {
    if (!this.#message.done()) this.#over('done')
    else this.#end = 'done'
  }

  /**
   * It waits again, in front of all others. A second call does nothing.
   *
   * @throws MemlaneError `ERR_NOT_HELD` when it is done, or the transaction that took it was undone; `ERR_CLOSED`.
   */
  giveBack(): void {
    if (!this.#message.giveBack()) this.#over('given back')
    else this.#end = 'given back'
  }

  #over(wanted: 'done' | 'given back'): void {
    if (this.#end === wanted) return
    const why =
      this.#end === undefined
        ? 'the transaction that took it was undone, or its queue was removed'
        : `it is ${this.#end} already`
    throw new MemlaneError('ERR_NOT_HELD', `this message is not held any more: ${why}`)
  }

  /** Gives it back unless it is done: for `using`. */
  [Symbol.dispose](): void {
    if (this.#message.held) this.giveBack()
  }
}
