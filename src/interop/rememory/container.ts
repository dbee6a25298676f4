// interop/rememory: what dicts and lists have in common: the copy, and changing it in one step.

import { MemlaneError } from '../../errors.js'
import { checkFunction, Handle, type OPENING, refusePromise } from './handle.js'
import { emptyPickle, Image } from './image.js'
import { accessOf, type RMSizedOptions, SIZED, sizeOf } from './options.js'

/** As in Python. */
const SIZE = 65536

export abstract class Container extends Handle {
  /** @internal */
  protected readonly image: Image
  readonly #kind: 'dict' | 'list'
  #inside = 0
  /** Stores of this thread through any handle, as of the beginning of a transaction. */
  #stores = 0

  /** @internal */
  constructor(opening: typeof OPENING, kind: 'dict' | 'list', name: string, options: RMSizedOptions) {
    const empty = emptyPickle(kind)
    super(opening, () => accessOf(name, options, SIZED, sizeOf(options, SIZE, empty.length), empty))
    this.#kind = kind
    this.image = new Image(kind, JSON.stringify(name))
    try {
      // Of another kind? What cannot be read at all says so when it is read.
      this.read(() => {})
    } catch (error) {
      if (error instanceof MemlaneError && (error.code === 'ERR_CORRUPT' || error.code === 'ERR_FOREIGN')) return
      this.close()
      throw error
    }
  }

  /**
   * Does several things as one: nobody else reads or writes meanwhile, and all of it is stored at the end, or nothing of
   * it when `work` throws.
   *
   * @throws MemlaneError `ERR_ASYNC` when `work` gives a promise; `ERR_BUSY` when another handle of this thread has changed the
   *   object meanwhile; `ERR_TIMEOUT`, `ERR_NO_SPACE`, `ERR_CLOSED`, and what `work` throws. Nothing is stored then.
   */
  transaction<T>(work: () => T): T {
    checkFunction(work, 'work')
    return this.change(() => refusePromise(work(), 'the transaction'))
  }

  /** Empties it, whatever was in it: also what cannot be read. @throws MemlaneError `ERR_TIMEOUT`, `ERR_CLOSED`. */
  clear(): void {
    this.locked(() => {
      if (this.#inside === 0) this.image.forget()
      this.image.setAll([])
      if (this.#inside === 0) this.#store(true)
    })
  }

  /** @internal Looks at the copy, made equal to what is shared. */
  protected read<T>(work: () => T): T {
    const { object } = this
    object.begin(this.timeout)
    try {
      if (this.#inside === 0) this.image.load(object.bytes)
      return work()
    } finally {
      object.end()
    }
  }

  /** @internal Changes the copy, and stores the change. */
  protected change<T>(work: () => T): T {
    const { object } = this
    object.begin(this.timeout)
    try {
      if (this.#inside > 0) return work()
      this.image.load(object.bytes)
      this.#stores = object.semaphore.stores
      this.#inside++
      try {
        const result = work()
        if (this.image.isDirty) this.#store(false)
        return result
      } catch (error) {
        this.image.forget()
        throw error
      } finally {
        this.#inside--
      }
    } finally {
      object.end()
    }
  }

  #store(all: boolean): void {
    const { object, image } = this
    if (object.closed)
      throw new MemlaneError('ERR_CLOSED', `${JSON.stringify(this.name)} was closed within the transaction`)
    if (!all && object.semaphore.stores !== this.#stores) {
      throw new MemlaneError(
        'ERR_BUSY',
        `${JSON.stringify(this.name)}: another handle of this thread has changed the ${this.#kind} within the transaction; nothing of the transaction is stored`,
      )
    }
    if (image.length > object.size) {
      object.grow(image.whole())
    } else if (all) {
      const content = new Uint8Array(object.size)
      content.set(image.whole())
      object.store(0, content, object.size)
    } else {
      const { where, content, end } = image.changes()
      object.store(where, content, end)
    }
    object.semaphore.stores++
    image.stored()
  }
}
