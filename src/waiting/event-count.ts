// waiting: an event count turns "look again and again" into "sleep until there is something to look at".
//
//   0            4
//   +------------+------------+
//   | flag       | epoch      |     flag   1: somebody may be asleep. Set by who is about to sleep, taken down by who notifies.
//   +------------+------------+     epoch  +1 with every notification that finds the flag. Waiters sleep on it.
//
// The two words may also lie apart. The name, and prepareWait and notify, are those of D. Vyukov's eventcount
// and of folly's EventCount. Those count their waiters; in memory that outlives processes a count is wrong for ever once
// a waiter was killed. A flag is only ever too high: that costs one notification for nothing. So there is no cancelWait either.
//
//   waiter                                  notifier
//   W1  key = epoch                         N1  change what is waited for
//   W2  flag = 1                            N2  flag = 0 ? done
//   W3  look: found ? done                  N3  flag = 0
//   W4  sleep while epoch = key             N4  epoch + 1
//                                           N5  wake everybody who sleeps on epoch
//
// Every access is sequentially consistent, and the kernel compares epoch with key and goes to sleep in one step.
//
// No waiter sleeps through a change. Take a notifier whose N1 comes after the waiter's W3, which therefore did not see it.
//   - Its N2 comes after W2. Either it finds the flag set, and goes on to N4. Is N4 after W1? Yes, as W1 < W2 < W3 < N1 < N4: so epoch
//     differs from key from N4 on. A waiter before W4 does not fall asleep, one behind it is woken by N5.
//   - Or it finds the flag down: between W2 and N2 another notifier M has taken it down in M3. M4 comes after M3, and thus after
//     W2 and W1: it is M that makes epoch differ from key, and whose M5 wakes the waiter.
// Both orders are needed. Were W2 before W1, a whole notification could fall between them: the waiter would sleep on the new
// epoch with the flag down, and nobody would wake it. Were N4 before N3, a waiter could do W1 to W4 between them, with the same end.
//
// Where each thing that comes is for one waiter, waking everybody wakes all but one in vain. advanceBy(n) moves the epoch on, looks at the
// flag, and wakes n of those asleep; the flag stays up for the rest. Whoever sleeps beside a thing looked in vain before it came, so it
// was among those of whom as many were woken as came. Once fewer than n were asleep, the full N3 to N5 takes the flag down.
//   - Here a waiter that ends in vain may have used up a wake: it passes it on. One that is killed takes it along: see below.
//   - A choosy waiter, who has no use for some things, says so in the flag: then all are woken. The epoch moves on before the look at
//     the flag: a choosy one that fell asleep before that has said so by then, and one that falls asleep later is behind the others,
//     which the kernel wakes in order.
//
// notifyAll and advance wake everybody, so a waiter that aborts, times out or is killed uses up nobody's wake.
//
// Crash windows: a notifier killed after N1 and before N3 leaves the flag for the next one. Killed after N3, N4 or before N5 is done:
// sleepers remain, and the flag may be down. They look again by themselves within LOOK_AGAIN_MS.
//
// event-count.loom.test.ts goes through every interleaving of these steps, kills, aborts and time-outs included.

import { type Memory, NOBODY } from '../memory/index.js'
import type { Sleep } from './wait.js'

const EVERYBODY = 0x7fffffff

/** Bits of the flag. */
const ASLEEP = 1
/** Somebody asleep has no use for some of what may come, so that to wake one only may be to wake the wrong one. */
const CHOOSY = 2

export class EventCount {
  /** Bytes it takes where its words lie together. */
  static readonly BYTES: number = 8
  readonly #memory: Memory
  readonly #flag: number
  readonly #epoch: number

  /**
   * @param flag byte offset of a zeroed word, a multiple of 4.
   * @param epoch byte offset of another one; the next word when left out.
   */
  constructor(memory: Memory, flag: number, epoch: number = flag + 4) {
    this.#memory = memory
    this.#flag = flag / 4
    this.#epoch = epoch / 4
  }

  /** Before looking at what one waits for. */
  prepareWait(sleep: Sleep): void {
    sleep.word = this.#epoch
    sleep.expected = this.#memory.load(this.#epoch)
    sleep.watch = NOBODY
    this.#memory.store(this.#flag, 1) // SYNC: "flag before the look, change before the flag"
  }

  /**
   * The same at a count that is moved on with `advanceBy`.
   *
   * @param choosy not everything that comes will do.
   */
  prepareWaitForOne(sleep: Sleep, choosy: boolean): void {
    sleep.word = this.#epoch
    sleep.expected = this.#memory.load(this.#epoch)
    sleep.watch = NOBODY
    this.#memory.or(this.#flag, choosy ? CHOOSY | ASLEEP : ASLEEP) // SYNC: "flag before the look, change before the flag"
  }

  /** After the change. Costs one load when nobody sleeps. */
  notifyAll(): void {
    // SYNC: "flag before the look, change before the flag"
    if (this.#memory.load(this.#flag) !== 0) this.#wakeAll()
  }

  /** The same, moving the epoch on in any case, for waiters that spin on it before they prepare to sleep. Ends sleeps early at most. */
  advance(): void {
    // SYNC: "flag before the look, change before the flag"
    if (this.#memory.load(this.#flag) !== 0) this.#wakeAll()
    else this.#memory.add(this.#epoch, 1)
  }

  /**
   * The same after `count` things came, each of which one waiter takes: wakes so many, or everybody where some want only certain
   * things. The flag stays up while there may be more sleepers: it comes down once fewer were asleep than should be woken.
   *
   * A waiter that ends in vain after a sleep owes its wake to another one: `passOn`.
   */
  advanceBy(count: number): void {
    this.#memory.add(this.#epoch, 1)
    // SYNC: "flag before the look, change before the flag"
    const flag = this.#memory.load(this.#flag)
    if (flag === 0) return
    if ((flag & CHOOSY) === 0 && this.#memory.wake(this.#epoch, count) >= count) return
    this.#wakeAll()
  }

  /** Wakes another waiter, in place of one that was woken by `advanceBy` and has no use for it. */
  passOn(): void {
    this.#memory.wake(this.#epoch, 1)
  }

  #wakeAll(): void {
    this.#memory.store(this.#flag, 0)
    this.#memory.add(this.#epoch, 1)
    this.#memory.wake(this.#epoch, EVERYBODY)
  }

  /** Changes whenever sleepers are woken. */
  get epoch(): number {
    return this.#memory.load(this.#epoch)
  }
}
