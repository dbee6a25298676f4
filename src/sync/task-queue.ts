// sync: tasks of one thread that use one handle take turns; a task that is inside and asks again is told so.

import { AsyncLocalStorage } from 'node:async_hooks'
import { onAbort } from '../aborts.js'
import { clearTimeout, performance, setTimeout } from '../host.js'
import { ASYNC_LIMITS, type AsyncLimits, signalOf, timeoutOf } from './handle.js'

export interface TaskErrors {
  deadlock(): Error
  timedOut(timeout: number): Error
}

export class TaskQueue {
  readonly #inside: AsyncLocalStorage<boolean> = new AsyncLocalStorage()
  #last: Promise<void> = Promise.resolve()

  /** Runs `work` after every earlier one, with what is left of the limits. */
  async run<T>(
    limits: AsyncLimits | undefined,
    errors: TaskErrors,
    work: (rest: AsyncLimits) => Promise<T>,
  ): Promise<T> {
    const timeout = timeoutOf(limits, ASYNC_LIMITS)
    const signal = signalOf(limits)
    signal?.throwIfAborted()
    if (this.#inside.getStore() === true) throw errors.deadlock()
    const before = this.#last
    let done = (): void => {}
    this.#last = new Promise((resolve) => {
      done = () => before.then(resolve)
    })
    try {
      const start = performance.now()
      await within(before, timeout, signal, errors)
      const left = timeout < 0 ? undefined : Math.max(0, timeout - (performance.now() - start))
      return await this.#inside.run(true, () => work({ timeout: left, signal }))
    } finally {
      done()
    }
  }
}

/** Waits for a promise, but not beyond the limits. */
async function within(
  promise: Promise<void>,
  timeout: number,
  signal: AbortSignal | undefined,
  errors: TaskErrors,
): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  let release = (): void => {}
  const limit = new Promise<never>((_, reject) => {
    if (timeout >= 0) timer = setTimeout(() => reject(errors.timedOut(timeout)), Math.min(timeout, 2 ** 31 - 1))
    release = onAbort(signal, () => reject(signal?.reason))
  })
  try {
    await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
    release()
  }
}
