// interop/rememory: the lock of a name, to hold around several calls.

import { MemlaneError, useOpen } from '../../errors.js'
import { checkNames, known } from '../../options.js'
import { makePrintable, refuseCloning } from '../../printable.js'
import { parseTimeout } from '../../sizes.js'
import { spareStack, spareStackToLeave } from '../../spare-stack.js'
import { checkFunction, OPENING, refusePromise } from './handle.js'
import { accessOf, COMMON, type RMOptions } from './options.js'
import { NamedSemaphore } from './semaphore.js'
import type { SemaphoreState } from './semaphore.layout.js'

/** How long a call waits. */
export interface RMLockLimits {
  /** Milliseconds; default what `open` was told. */
  timeout?: number
}

const LIMITS = known('timeout')

/** The lock while it is held. Disposing of it gives it back. */
export class RMHeld implements Disposable {
  #release: (() => void) | undefined

  /** @internal */
  constructor(release: () => void) {
    this.#release = release
  }

  /** Gives the lock back. Safe to call twice. */
  release(): void {
    if (this.#release === undefined) return
    spareStackToLeave()
    this.#release()
    this.#release = undefined
  }

  /** Releases it: for `using`. */
  [Symbol.dispose](): void {
    this.release()
  }
}

/**
 * The lock of that name of the Python package rememory: `Lock("game_state")` there, which is also the one that guards the
 * dict, list or number of that name.
 *
 * Within it this thread may use what it guards: in Python that is a deadlock.
 *
 * @example
 * import { RMDict, RMLock } from 'memlane/rememory'
 * using lock = RMLock.open('game_state', { timeout: 1000 })
 * using players = RMDict.open<string, number>('game_state')
 * lock.run(() => {
 *   if (!players.has('ada')) players.set('ada', 1)
 * })
 */
export class RMLock implements Disposable {
  readonly name: string
  readonly #semaphore: NamedSemaphore
  readonly #timeout: number
  #closed = false

  private constructor(opening: typeof OPENING, name: string, options: RMOptions) {
    if (opening !== OPENING) throw useOpen('RMLock')
    spareStack()
    const { create, owner, mode, timeout } = accessOf(name, options, COMMON, 0, new Uint8Array(0))
    this.name = name
    this.#timeout = timeout
    this.#semaphore = NamedSemaphore.open(name, { create, owner, mode })
    refuseCloning(this)
  }

  /**
   * Opens the lock of that name, or makes it. What it guards need not be there.
   *
   * @throws MemlaneError `ERR_NAME`, `ERR_TYPE`, `ERR_RANGE`, `ERR_NOT_FOUND` (with `create: false`), `ERR_FOREIGN` (no semaphore
   *   of the C library), `ERR_OWNER`, `ERR_PERMISSION`, `ERR_NO_SPACE`, `ERR_LIMIT`.
   */
  static open(name: string, options: RMOptions = {}): RMLock {
    return new RMLock(OPENING, name, options)
  }

  /** Takes the lock. @throws MemlaneError `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_TYPE`, `ERR_RANGE`. */
  acquire(limits: RMLockLimits = {}): RMHeld {
    const semaphore = this.#open()
    const { timeout } = checkNames(limits, LIMITS)
    semaphore.acquire(timeout === undefined ? this.#timeout : parseTimeout(timeout))
    return new RMHeld(() => semaphore.release())
  }

  /** Takes the lock if it is free. @returns undefined when it is not. */
  tryAcquire(): RMHeld | undefined {
    try {
      return this.acquire({ timeout: 0 })
    } catch (error) {
      if (error instanceof MemlaneError && error.code === 'ERR_TIMEOUT') return undefined
      throw error
    }
  }

  /** Runs with the lock held. @throws MemlaneError `ERR_ASYNC` when `work` gives a promise: it would run without the lock. */
  run<T>(work: () => T, limits: RMLockLimits = {}): T {
    checkFunction(work, 'work')
    using _held = this.acquire(limits)
    return refusePromise(work(), 'the work')
  }

  /** True while this thread holds it, through this handle or another one. */
  get isHeld(): boolean {
    return !this.#closed && this.#semaphore.isHeld
  }

  /** Who has it. Of a Python process nobody can tell whether it lives. */
  get state(): SemaphoreState {
    return this.#open().state()
  }

  /** How often it was taken over from a Memlane process that had died with it. */
  get recoveries(): number {
    return this.#semaphore.recoveries
  }

  /** Frees it when a Python process died with it. @returns true when it was taken. @throws MemlaneError `ERR_BUSY`, `ERR_CLOSED`. */
  breakLock(): boolean {
    return this.#open().break()
  }

  /** Removes the semaphore, which the package never does. Those who have it open go on with it, apart from those who open it anew. */
  unlink(): boolean {
    return NamedSemaphore.unlink(this.name)
  }

  /** True after `close()`. */
  get closed(): boolean {
    return this.#closed
  }

  /** Gives back this handle. Safe to call twice. */
  close(): void {
    if (this.#closed) return
    spareStackToLeave()
    this.#closed = true
    this.#semaphore.close()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  #open(): NamedSemaphore {
    if (this.#closed) throw new MemlaneError('ERR_CLOSED', `the lock ${JSON.stringify(this.name)} is closed`)
    return this.#semaphore
  }
}
makePrintable(RMLock.prototype)
