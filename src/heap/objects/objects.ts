// heap/objects: shared objects. Nobody owns them: they are made by share(), slots anywhere in the heap lead to them by
// reference (TAG_REF), and they stay until they are destroyed, or nothing leads to them any more.
//
//   owned value                                shared objects
//
//   entry ──owns──> object ──owns──> array     entry ──ref──> object <──ref── object
//                      └──owns──> text                          └──owns──> text
//
// One live object stands for a block in each process, for as long as anybody here has it: `a.b === a.b`.
//
// Crash windows: destroying is logged stores, and frees at the commit what the object owned. Its own block stays, as a
// TOMBSTONE: references may still lead to it, and must never meet another object.

import { describe, MemlaneError } from '../../errors.js'
import { random } from '../../host.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { HeapList } from '../handles/heap-list.js'
import { HeapObject } from '../handles/heap-object.js'
import { H_HASH_SEED, STRIPES } from '../heap.layout.js'
import { O_ROOT } from '../kinds/object/object.layout.js'
import { ARRAY, GRAPH, OBJECT, TAG_REF, TOMBSTONE } from '../values/values.layout.js'
import { type Held, Holds } from './holds.js'
import { Sharing } from './sharing.js'

/** Kind and flags in a block's header. */
const WHAT = 0xffff

/** The live object of a block, and what the block was when it was made: the block may be another object's by now. */
interface Known extends Held {
  readonly generation: number
  readonly carve: number
  readonly what: number
  readonly root: number
}

/** What a look at a block gives. */
interface Made {
  readonly handle: HeapObject | HeapList
  readonly className: string | undefined
  readonly what: number
  readonly root: number
  readonly generation: number
  readonly carve: number
}

type Shared = HeapObject | HeapList

export class Objects {
  readonly #core: Core
  readonly #known = new Map<number, Known>()
  readonly #gone: FinalizationRegistry<Known>
  readonly #holds: Holds
  #stripe = random.below(STRIPES)

  constructor(core: Core) {
    this.#core = core
    this.#holds = new Holds(core)
    const known = this.#known
    const holds = this.#holds
    this.#gone = new FinalizationRegistry((one) => {
      holds.release(one)
      if (known.get(one.pointer) === one) known.delete(one.pointer)
    })
    core.arena.onBirths = () => core.collector.afterBirths()
  }

  /** The stripe of the next shared object: they take turns. */
  nextStripe(): number {
    this.#stripe = (this.#stripe + 1) % STRIPES
    return this.#stripe
  }

  /** Stores objects that are to be shared. */
  sharing(): Sharing {
    return new Sharing(this.#core)
  }

  /**
   * Makes an object, and all it leads to, shared ones; what is shared already stays what it is.
   *
   * @returns the live object.
   * @throws MemlaneError `ERR_TYPE`, `ERR_NOT_CLONEABLE`, `ERR_NO_SPACE`, `ERR_FOREIGN`, `ERR_READ_ONLY`, and what getters throw.
   */
  share(value: object): object {
    if (typeof value !== 'object' || value === null)
      throw new MemlaneError('ERR_TYPE', `only objects and arrays are shared, ${describe(value)} is none`)
    return this.#core.arena.change(Objects.#shareWork, this, value)
  }

  static #shareWork(this: void, self: Objects, value: object): object {
    const { encoder } = self.#core
    encoder.encode(value, 0, 0)
    if (encoder.high !== TAG_REF)
      throw new MemlaneError('ERR_TYPE', `only objects and arrays are shared by themselves, not ${describe(value)}`)
    // Here, so that it is held before anybody may collect.
    return self.live(encoder.low)
  }

  // ---- live objects

  /** What leads to a shared object; total. @returns OBJECT, ARRAY or TOMBSTONE. @throws MemlaneError `ERR_CORRUPT`. */
  kindOf(pointer: number): number {
    const what = this.#core.arena.i32[(pointer << 1) + 1]! & WHAT
    const kind = what & 0xff
    if ((what & GRAPH) === 0 || (kind !== OBJECT && kind !== ARRAY && kind !== TOMBSTONE))
      throw corrupt(this.#core.name, `a reference leads to ${pointer}, where no shared object lies`)
    return kind
  }

  /** The live object of a block, if this process has it. Total: counts only under a version or the lock. */
  known(pointer: number): object | undefined {
    const known = this.#known.get(pointer)
    if (known === undefined) return undefined
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    if (
      i32[b] !== known.generation ||
      (i32[b + 1]! & WHAT) !== known.what ||
      i32[b + O_ROOT] !== known.root ||
      i32[blocks.carveWord(pointer)] !== known.carve
    )
      return undefined
    return known.live.deref()
  }

  /**
   * The live object of a block; the same one while anybody has it. What leads there may be garbage that an optimistic read
   * has met: then what comes out is thrown away, and what is remembered of it fits no block.
   *
   * @throws MemlaneError `ERR_STALE` when it was destroyed, `ERR_CORRUPT`.
   */
  live(pointer: number): object {
    const known = this.known(pointer)
    if (known !== undefined) return known
    const { arena, adapter, blocks, classes, collector } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    let hold = 0
    let made: Made
    try {
      // A version of its own: the block may be changing while what leads to it is not.
      made = arena.read(arena.stripeWord(((i32[b + 1] ?? 0) >>> 16) & (STRIPES - 1)), () => {
        const kind = this.kindOf(pointer)
        if (kind === TOMBSTONE || collector.isDoomed(pointer)) throw this.destroyed()
        if (hold === 0) hold = this.#holds.take(pointer)
        const what = i32[b + 1]! & WHAT
        const root = i32[b + O_ROOT]!
        const handle = kind === OBJECT ? new HeapObject(this.#core, pointer) : new HeapList(this.#core, pointer)
        const className = kind === OBJECT && root < 0 ? classes.nameOf(-root) : undefined
        return { handle, className, what, root, generation: i32[b]!, carve: i32[blocks.carveWord(pointer)]! }
      })
    } catch (error) {
      this.#holds.giveBack(hold)
      throw error
    }
    const { handle, className, what, root, generation, carve } = made
    const live = handle instanceof HeapObject ? adapter.object(handle, className) : adapter.list(handle)
    const one: Known = { live: new WeakRef(live), generation, carve, what, root, pointer, hold }
    this.#known.set(pointer, one)
    this.#gone.register(live, one)
    if (hold === 0) this.#holds.owe(live, one)
    return live
  }

  /** What reading a reference says that leads to a tombstone. */
  destroyed(): MemlaneError {
    return new MemlaneError(
      'ERR_STALE',
      `an object of ${JSON.stringify(this.#core.name)} was destroyed that is led to here`,
    )
  }

  /**
   * Where the shared object of a handle lies; 0 when it is part of a value.
   *
   * @throws MemlaneError `ERR_FOREIGN` for one of another heap, `ERR_STALE`.
   */
  refOf(handle: object): number {
    const shared = handle as Shared
    const pointer = shared.sharedAt()
    if (pointer !== 0 && !shared.isOf(this.#core))
      throw new MemlaneError(
        'ERR_FOREIGN',
        `a shared object of the heap ${JSON.stringify(shared.heapName())} cannot be led to from ${JSON.stringify(this.#core.name)}; snapshot() copies it`,
      )
    return pointer
  }

  /** The same for one that a reference is about to lead to. Needs a transaction. */
  refFor(handle: object): number {
    const pointer = this.refOf(handle)
    if (pointer === 0) return 0
    const { collector } = this.#core
    if (collector.isDoomed(pointer)) throw this.destroyed()
    collector.shade(pointer)
    return pointer
  }

  // ---- by hand

  /** @throws MemlaneError `ERR_TYPE` for what is no shared object, `ERR_FOREIGN`, `ERR_STALE`. */
  #pointerOf(value: unknown, what: string): number {
    const handle = typeof value === 'object' && value !== null ? this.#core.adapter.unwrap(value) : undefined
    const pointer = handle === undefined ? 0 : this.refOf(handle)
    if (pointer !== 0) return pointer
    const is = handle === undefined ? describe(value) : 'one that belongs to a value: change that one instead'
    throw new MemlaneError('ERR_TYPE', `${what} takes a shared object, not ${is}`)
  }

  /** True for a live value of this heap, shared or part of a value, that is still there. Never throws. */
  isLive(value: unknown): boolean {
    const handle = typeof value === 'object' && value !== null ? this.#core.adapter.unwrap(value) : undefined
    if (handle === undefined || this.#core.arena.memory.closed) return false
    const one = handle as Shared
    return one.isOf(this.#core) && one.isFresh
  }

  /** True for one that is shared. */
  isShared(value: unknown): boolean {
    return this.isLive(value) && (this.#core.adapter.unwrap(value as object) as Shared).sharedAt() !== 0
  }

  /**
   * Ends a shared object, whatever leads to it: reading what does, and every live object of it, is ERR_STALE from then on.
   *
   * @throws MemlaneError `ERR_TYPE`, `ERR_FOREIGN`, `ERR_STALE` when it is gone already, `ERR_READ_ONLY`.
   */
  destroy(value: unknown): void {
    this.#core.arena.change(Objects.#destroyWork, this, value)
  }

  static #destroyWork(this: void, self: Objects, value: unknown): void {
    const { arena, graph } = self.#core
    const { i32 } = arena
    const pointer = self.#pointerOf(value, 'destroy()')
    const b = pointer << 1
    arena.touch((i32[b + 1]! >>> 16) & (STRIPES - 1))
    graph.releaseParts(pointer)
    // The kind first: whoever sees the new generation sees it, too.
    arena.put(b + 1, (i32[b + 1]! & ~0xff) | TOMBSTONE)
    arena.put(b, (i32[b]! + 1) | 0)
  }

  // ---- addresses

  /**
   * A short text that names a shared object for other processes: heap, place and age.
   *
   * @throws MemlaneError `ERR_TYPE`, `ERR_FOREIGN`, `ERR_STALE`.
   */
  addressOf(value: unknown): string {
    const { arena, blocks } = this.#core
    const { i32 } = arena
    const pointer = this.#pointerOf(value, 'addressOf()')
    const words = [i32[arena.base + H_HASH_SEED]!, pointer, i32[pointer << 1]!, i32[blocks.carveWord(pointer)]!]
    return words.map((word) => (word >>> 0).toString(36)).join('.')
  }

  /**
   * The live object at an address.
   *
   * @throws MemlaneError `ERR_TYPE` for what is no address, `ERR_FOREIGN` for one in another heap, `ERR_STALE` when the object is
   *   gone, whatever lies there now.
   */
  at(address: string): object {
    const words =
      typeof address === 'string' && /^[\da-z]{1,7}(?:\.[\da-z]{1,7}){3}$/.test(address)
        ? address.split('.').map((word) => Number.parseInt(word, 36))
        : []
    if (words.length !== 4 || words.some((word) => word >= 2 ** 32))
      throw new MemlaneError('ERR_TYPE', `${describe(address)} is no address of a shared object; addressOf() gives one`)
    const [seed, pointer, generation, carve] = words as [number, number, number, number]
    const { arena, blocks, name } = this.#core
    const { i32 } = arena
    if (seed !== i32[arena.base + H_HASH_SEED]! >>> 0)
      throw new MemlaneError(
        'ERR_FOREIGN',
        `${JSON.stringify(address)} is an address in another heap than ${JSON.stringify(name)}`,
      )
    return arena.read(arena.version, () => {
      if (
        !(pointer < i32.length >>> 1) ||
        i32[pointer << 1]! >>> 0 !== generation ||
        i32[blocks.carveWord(pointer)]! >>> 0 !== carve ||
        (i32[(pointer << 1) + 1]! & GRAPH) === 0
      )
        throw new MemlaneError(
          'ERR_STALE',
          `the object at ${JSON.stringify(address)} of ${JSON.stringify(name)} is gone`,
        )
      return this.live(pointer)
    })
  }
}
