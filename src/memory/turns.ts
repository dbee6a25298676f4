// memory: the event loop's turn. A loop of awaits whose answers are always there never leaves the queue of promises: timers,
// signals and sockets would wait until the other process pauses.

import { setImmediate } from '../host.js'

/** Answers that may come one after another before the event loop has a turn. */
const AT_ONCE = 512

export class Turns {
  #answers = 0
  #giving = 0

  /**
   * Counts an answer. Who asks while another waits for its turn comes after it, so that answers keep their order.
   *
   * @returns true when the event loop should have its turn, by `give`, before the next one.
   */
  get isDue(): boolean {
    return ++this.#answers % AT_ONCE === 0 || this.#giving > 0
  }

  give(): Promise<void> {
    this.#giving++
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#giving--
        resolve()
      }),
    )
  }
}
