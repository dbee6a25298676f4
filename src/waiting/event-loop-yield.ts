// waiting: the event loop's turn. A loop of awaits whose answers are always there never leaves the queue of promises: timers, signals
// and sockets would wait until the other process pauses.

import { setImmediate } from '../host.js'

/** So many answers may come one after another: half a millisecond at a microsecond each. */
const ANSWERS_AT_ONCE = 512

export class EventLoopYield {
  #answers = 0
  #yielding = 0

  /** Counts an answer. True when the event loop should have its turn before it. Who asks during a turn comes after it, in order. */
  get isDue(): boolean {
    return ++this.#answers % ANSWERS_AT_ONCE === 0 || this.#yielding > 0
  }

  yield(): Promise<void> {
    this.#yielding++
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#yielding--
        resolve()
      }),
    )
  }
}
