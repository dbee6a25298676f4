// interop/membridge: waiting for a message or for room without blocking the thread, first come first served.
//
// A waiter first looks for some microseconds, then announces itself in the slack and sleeps on the other side's
// position. A Memlane process that moves it wakes us. The package wakes nobody: while no live Memlane process is on
// the other side the sleep is cut into naps that grow with the wait, from 50 µs to 10 ms, so that a message is late by
// an eighth of the time it was waited for at most, and idling costs next to nothing.
//
// What could be lost: the other side stores its position and looks for our announcement without a fence between, so
// its look may come too early by the time a store takes to leave the processor. We look again for longer than that
// after announcing, and no sleep is longer than LOOK_AGAIN_MS.

import { onAbort } from '../../aborts.js'
import { MemlaneError } from '../../errors.js'
import { AbortController, performance } from '../../host.js'
import {
  FIRST_NAP_MS,
  LOOK_AGAIN_MS,
  NAP_SHARE,
  RING_NAP_MS,
  RING_SETTLE_MS,
  RING_SPIN_MS,
} from '../../waiting/index.js'
import type { RingBytes } from './ring-bytes.js'

/** What an attempt gives when it must be made again. */
export const NOT_YET: unique symbol = Symbol('not yet')

/** How long to wait, and how. */
export interface WaitOptions {
  /** Milliseconds; default for ever. */
  timeout?: number
  /** Rejects with the signal's reason. Nothing was taken or sent then. */
  signal?: AbortSignal
}

interface Request {
  readonly attempt: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (reason: unknown) => void
  readonly timeout: number
  readonly deadline: number
  settled: boolean
  release(): void
}

export class WaitingLine {
  readonly #ring: RingBytes
  readonly #consumer: boolean
  readonly #requests: Request[] = []
  #running = false
  /** Cuts a sleep short; used up by that. */
  #nudge: AbortController = new AbortController()
  #asleep = false

  constructor(ring: RingBytes, consumer: boolean) {
    this.#ring = ring
    this.#consumer = consumer
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0
  }

  /** Makes the attempt until it gives something else than NOT_YET, or throws. `timeout` below 0 is for ever. */
  enter<T>(attempt: () => T | typeof NOT_YET, timeout: number, signal: AbortSignal | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const request: Request = {
        attempt,
        resolve,
        reject,
        timeout,
        deadline: timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout,
        settled: false,
        release: () => {},
      }
      request.release = onAbort(signal, () => {
        this.#leave(request)
        reject(signal?.reason)
        if (this.#asleep) this.#nudge.abort()
      })
      this.#requests.push(request)
      if (this.#asleep) this.#nudge.abort()
      if (!this.#running) void this.#run()
    })
  }

  /** Ends every wait. */
  close(error: MemlaneError): void {
    for (const request of [...this.#requests]) {
      this.#leave(request)
      request.reject(error)
    }
    if (this.#asleep) this.#nudge.abort()
  }

  #leave(request: Request): void {
    const at = this.#requests.indexOf(request)
    if (at >= 0) this.#requests.splice(at, 1)
    request.settled = true
    request.release()
  }

  async #run(): Promise<void> {
    this.#running = true
    try {
      let since = performance.now()
      for (;;) {
        const progressed = this.#serve()
        if (this.#requests.length === 0) return
        const now = performance.now()
        if (progressed) since = now
        if (now - since < RING_SPIN_MS) {
          // The other side, just woken, often stands on this very processor.
          this.#ring.memory.giveWay()
          continue
        }
        await this.#sleep(now - since)
      }
    } catch (error) {
      for (const request of [...this.#requests]) {
        this.#leave(request)
        request.reject(error)
      }
    } finally {
      this.#running = false
    }
  }

  /** Serves from the front until one must wait. @returns true when one was served. */
  #serve(): boolean {
    let progressed = false
    for (let first = this.#requests[0]; first !== undefined; first = this.#requests[0]) {
      try {
        const result = first.attempt()
        if (result === NOT_YET) break
        this.#leave(first)
        first.resolve(result as never)
      } catch (error) {
        this.#leave(first)
        first.reject(error)
      }
      progressed = true
    }
    const now = performance.now()
    for (const request of this.#requests.filter(({ deadline }) => deadline <= now)) {
      this.#leave(request)
      const what = this.#consumer ? 'no message came' : 'no room was made'
      request.reject(new MemlaneError('ERR_TIMEOUT', `${this.#ring.name}: ${what} within ${request.timeout} ms`))
    }
    return progressed
  }

  async #sleep(waited: number): Promise<void> {
    const ring = this.#ring
    const { word, value } = ring.announce(this.#consumer)
    const settled = performance.now() + RING_SETTLE_MS
    do {
      if (this.#serve()) return
    } while (performance.now() < settled)
    if (this.#requests.length === 0) return
    const longest = ring.othersWake(this.#consumer)
      ? LOOK_AGAIN_MS
      : Math.min(RING_NAP_MS, Math.max(FIRST_NAP_MS, waited * NAP_SHARE))
    const deadline = Math.min(...this.#requests.map((request) => request.deadline))
    const timeout = Math.max(0.001, Math.min(longest, deadline - performance.now()))
    const { signal } = this.#nudge
    this.#asleep = true
    try {
      await ring.memory.waitAsync(word, value, { timeout, signal })
    } catch (error) {
      if (!signal.aborted) throw error
      this.#nudge = new AbortController()
    } finally {
      this.#asleep = false
    }
  }
}
