// memory: the event loop's turn. A loop of awaits whose answers are always there never leaves the queue of promises: timers,
// signals and sockets would wait until the other process pauses.

/** Answers that may come one after another before the event loop has a turn. */
const AT_ONCE = 512

export class Turns {
  #answers = 0

  /** Counts an answer. @returns true when the event loop should have its turn, by `give`, before the next one. */
  get isDue(): boolean {
    return ++this.#answers % AT_ONCE === 0
  }

  give(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }
}
