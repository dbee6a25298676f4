// cli: what ends a watch: an interrupt, as was asked for, or that what is watched is gone.

import { MemlaneError } from '../../errors.js'
import { type ObjectStat, statObject } from '../../memory/index.js'
import type { Target } from '../look.js'

/** How often the name is looked at, in milliseconds: nothing wakes who waits when a name is removed. */
const LOOK_AGAIN = 250

/** Left in order, so that no participant's slot stays behind. */
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export class Ending implements Disposable {
  readonly #controller = new AbortController()
  readonly #interrupt = (): void => this.#controller.abort(this.#interrupt)
  readonly #timer: NodeJS.Timeout | undefined

  constructor(target: Target) {
    // Once: a second one ends the process at once.
    for (const name of INTERRUPTS) process.once(name, this.#interrupt)
    if (target.type === 'segment') {
      const { name, object, stat } = target.info
      this.#timer = setInterval(() => {
        if (isGone(object, stat))
          this.#controller.abort(new MemlaneError('ERR_NOT_FOUND', `${JSON.stringify(name)} was removed`))
      }, LOOK_AGAIN)
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** True for the end that was asked for. */
  isInterrupt(reason: unknown): boolean {
    return reason === this.#interrupt
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    for (const name of INTERRUPTS) process.off(name, this.#interrupt)
  }
}

/** The name may belong to another object by now: that one is not the one watched. */
function isGone(object: string, was: ObjectStat): boolean {
  const now = statObject(object)
  return now === undefined || now.inode !== was.inode || now.device !== was.device
}
