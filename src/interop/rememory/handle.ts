// interop/rememory: what all handles have.

import { MemlaneError, useOpen, wrongType } from '../../errors.js'
import { checkNames, known } from '../../options.js'
import { makePrintable, refuseCloning } from '../../printable.js'
import { spareStack, spareStackToLeave } from '../../spare-stack.js'
import { checkName } from './names.js'
import { NamedSemaphore } from './semaphore.js'
import { type ObjectAccess, SharedObject } from './shared-object.js'

/** @throws MemlaneError `ERR_ASYNC`. */
export function refusePromise<T>(value: T, what: string): T {
  if (typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function')
    throw new MemlaneError('ERR_ASYNC', `${what} gave a promise; it runs with the lock taken, so it cannot wait`)
  return value
}

/** @throws MemlaneError `ERR_TYPE`. */
export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw wrongType(what, 'a function', value)
}

const UNLINK = known('lock')

/** What `open` gives to a constructor, which nobody else is to call. */
export const OPENING: unique symbol = Symbol('opening')

/** An object of Rememory, open in this process. */
export abstract class Handle implements Disposable {
  /** The name that Python opens. */
  readonly name: string
  /** @internal */
  protected readonly object: SharedObject
  /** @internal Milliseconds, below 0 for ever. */
  protected readonly timeout: number

  /** @internal */
  constructor(opening: typeof OPENING, accessOf: () => ObjectAccess) {
    if (opening !== OPENING) throw useOpen(new.target.name)
    spareStack()
    const access = accessOf()
    this.name = access.name
    this.timeout = access.timeout
    this.object = new SharedObject(access)
    refuseCloning(this)
  }

  /** Bytes of the object. A container's grow. */
  get byteLength(): number {
    return this.object.closed ? 0 : this.object.size
  }

  /** How often the name came to lead to another object, which this handle then went on with. */
  get followed(): number {
    return this.object.followed
  }

  /** How often the lock was taken over from a Memlane process that had died with it, and what it was writing was mended. */
  get recoveries(): number {
    return this.object.semaphore.recoveries
  }

  /**
   * Frees the lock when a Python process died with it: the package has nothing that tells, so you must know.
   *
   * @returns true when the lock was taken.
   * @throws MemlaneError `ERR_BUSY` when a live Memlane process holds it; `ERR_CLOSED`.
   */
  breakLock(): boolean {
    if (this.closed) throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} is closed`)
    return this.object.semaphore.break()
  }

  /** Removes the name; those who have it open keep what is in it. The lock stays, as in Python. @returns true if it was there. */
  unlink(): boolean {
    return this.object.unlink()
  }

  /** True after {@link close}. */
  get closed(): boolean {
    return this.object.closed
  }

  /** Gives back this handle; what is shared stays. Safe to call twice. */
  close(): void {
    if (this.closed) return
    spareStackToLeave()
    this.object.close()
  }

  /** Closes it: for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal Runs with the lock taken. */
  protected locked<T>(work: () => T): T {
    const { object } = this
    object.begin(this.timeout)
    try {
      return work()
    } finally {
      object.end()
    }
  }
}
makePrintable(Handle.prototype)

/**
 * Removes the object of a name, and with `lock: true` its semaphore, which the package never does. Programs that still
 * have it open would then no longer exclude those that open it anew.
 *
 * @returns true if the object was there.
 * @throws MemlaneError `ERR_NAME`, `ERR_TYPE`, `ERR_PERMISSION`.
 */
export function unlinkRememory(name: string, options: { lock?: boolean } = {}): boolean {
  const checked = checkName(name)
  checkNames(options, UNLINK)
  const there = SharedObject.unlink(checked)
  if (options.lock === true) NamedSemaphore.unlink(checked)
  return there
}
