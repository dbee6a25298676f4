// collections/cells: notices the changes of a word, and sleeps between them.
//
// A writer stores its value and then announces it, in two steps, so it may be held up or killed between them. A watcher that finds
// a value that stands unannounced for a while tells that change itself. Was the writer only held up, its announcement comes
// later and must not be told again: the watcher owes for it, and takes an announcement that finds the value as it was told for the
// late one. Every other announcement is told. Where a participant lies dead in the table the writer is taken for that one, and
// nothing is owed.

import { onAbort } from '../../aborts.js'
import { AbortController, performance } from '../../host.js'
import type { Memory } from '../../memory/index.js'
import type { Segment } from '../../segment/index.js'
import { endOf } from '../../sizes.js'
import {
  block,
  EventCount,
  LOOK_AGAIN_MS,
  type Pollable,
  READ_ONLY_LOOK_MS,
  type Sleep,
  UNANNOUNCED_MS,
  untilFound,
} from '../../waiting/index.js'
import type { Source } from '../changes.js'
import { INTEREST, SEQUENCE, VALUE, WATCHERS } from './word.layout.js'

interface SetChange {
  readonly type: 'set'
  readonly key: undefined
  readonly coalesced: number
}

/** What watching a word is to its user, whether or not the watcher may store. */
abstract class WordSource implements Source, Pollable<boolean> {
  readonly memory: Memory
  protected readonly word: number
  readonly #end: AbortController = new AbortController()
  #low = 0
  #high = 0
  #closed = false

  constructor(memory: Memory, base: number) {
    this.memory = memory
    this.word = base + VALUE / 4
  }

  abstract take(): SetChange | undefined

  /** @returns true when there may be something to take, false when it is over. */
  abstract poll(sleep: Sleep): boolean | undefined

  async wait(timeout: number = -1, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted()
    const release = onAbort(signal, () => this.#end.abort(signal?.reason))
    try {
      return (await untilFound(this, endOf(timeout), this.#end.signal)) ?? false
    } catch (error) {
      if (this.#closed) return false
      throw error
    } finally {
      release()
    }
  }

  waitSync(timeout: number = -1): boolean {
    return block(this, endOf(timeout)) ?? false
  }

  /** Keeps the value as it is now, to know when it is another one. */
  protected remember(): void {
    this.#low = this.memory.load(this.word)
    this.#high = this.memory.load(this.word + 1)
  }

  protected get differs(): boolean {
    return this.memory.load(this.word) !== this.#low || this.memory.load(this.word + 1) !== this.#high
  }

  /** The word to sleep on for who cannot be woken, and what it held. */
  protected sleepOnValue(sleep: Sleep): void {
    sleep.word = this.word
    sleep.expected = this.#low
  }

  protected get isOpen(): boolean {
    return !this.#closed && !this.memory.closed
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.release()
    this.#end.abort()
  }

  protected release(): void {}
}

/** After every change of a value: one load when nobody is interested. */
export function announce(memory: Memory, base: number, watchers: EventCount): void {
  // SYNC: "a watcher's interest is up before it looks, and the value is there before we look at the interest"
  if (memory.load(base + INTEREST / 4) === 0) return
  memory.add(base + SEQUENCE / 4, 1)
  watchers.notifyAll()
}

export class WordWatch extends WordSource {
  readonly #segment: Segment
  readonly #interest: number
  readonly #sequence: number
  readonly #watchers: EventCount
  #seen: number
  /** Since when the value has been another one without an announcement; 0: it has not. */
  #unannouncedSince = 0
  /** It has stood so for long enough to be told. */
  #untold = false
  /** Changes that were told before their announcement. */
  #owed = 0

  constructor(segment: Segment, base: number) {
    super(segment.memory, base)
    this.#segment = segment
    this.#interest = base + INTEREST / 4
    this.#sequence = base + SEQUENCE / 4
    this.#watchers = new EventCount(segment.memory, base * 4 + WATCHERS)
    // SYNC: "a watcher's interest is up before it looks, and the value is there before we look at the interest"
    this.memory.add(this.#interest, 1)
    this.#seen = this.memory.load(this.#sequence)
    this.remember()
  }

  take(): SetChange | undefined {
    if (!this.isOpen) return undefined
    const now = this.memory.load(this.#sequence)
    const announced = (now - this.#seen) >>> 0
    if (announced === 0 && !this.#untold) return undefined
    let changes = announced
    if (announced === 0) {
      changes = 1
      if (this.#segment.participants().every(({ alive }) => alive)) this.#owed++
    } else {
      // At least one of the announcements tells of the value that is another one now.
      const late = Math.min(this.#owed, this.differs ? announced - 1 : announced)
      this.#owed -= late
      this.#seen = now
      changes -= late
    }
    this.#untold = false
    this.#unannouncedSince = 0
    this.remember()
    return changes === 0 ? undefined : { type: 'set', key: undefined, coalesced: changes - 1 }
  }

  poll(sleep: Sleep): boolean | undefined {
    if (!this.isOpen) return false
    this.#watchers.prepareWait(sleep)
    if (this.memory.load(this.#sequence) !== this.#seen) return true
    const now = performance.now()
    if (!this.differs) this.#unannouncedSince = 0
    else if (this.#unannouncedSince === 0) this.#unannouncedSince = now
    else if (now - this.#unannouncedSince >= UNANNOUNCED_MS) {
      this.#untold = true
      return true
    }
    sleep.longestMs = this.#unannouncedSince === 0 ? LOOK_AGAIN_MS : UNANNOUNCED_MS
    return undefined
  }

  protected override release(): void {
    if (!this.memory.closed) this.memory.add(this.#interest, -1)
  }
}

/**
 * Watches a word through a handle that may not store, and so can raise no interest: looks at the value itself. What comes and goes
 * between two looks it does not see.
 */
export class ReadOnlyWatch extends WordSource {
  constructor(memory: Memory, base: number) {
    super(memory, base)
    this.remember()
  }

  take(): SetChange | undefined {
    if (!this.isOpen || !this.differs) return undefined
    this.remember()
    return { type: 'set', key: undefined, coalesced: 0 }
  }

  poll(sleep: Sleep): boolean | undefined {
    if (!this.isOpen) return false
    if (this.differs) return true
    // The addon compares a word of a read-only mapping every millisecond; the other half of a long value is looked at here.
    this.sleepOnValue(sleep)
    sleep.longestMs = READ_ONLY_LOOK_MS
    return undefined
  }
}
