// collections/heap: several collections in one heap, so that one transaction can span them.

import { MemlaneError, outOfRange, wrongType } from '../../errors.js'
import { type Adapter, type Collected, Heap, type HeapStats, type Key, unlinkHeap } from '../../heap/index.js'
import { LIVE } from '../../live/adapter.js'
import { adapterFor, type SharedClasses } from '../../live/classes.js'
import { typesFor, type ValueType } from '../../live/value-types.js'
import { checkNames, known } from '../../options.js'
import type { NameOptions } from '../../segment/index.js'
import type { AsyncLimits, Turn, TurnInfo, WaitLimits } from '../../sync/index.js'
import { HeapIntStore, HeapStore } from '../cells/heap-store.js'
import {
  type BigIntType,
  bigRange,
  type IntRange,
  type IntType,
  intFacts,
  type SmallIntType,
  smallRange,
} from '../cells/int-types.js'
import { SharedBlock } from '../cells/shared-block.js'
import { SharedBool } from '../cells/shared-bool.js'
import { checkFloat, type FloatType, floatType, SharedFloat } from '../cells/shared-float.js'
import { SharedInt } from '../cells/shared-int.js'
import { SharedString } from '../cells/shared-string.js'
import { Collection } from '../collection.js'
import { type SharedList, sharedList } from '../list/shared-list.js'
import { SharedMap } from '../map/shared-map.js'
import { SharedQueue } from '../queue/shared-queue.js'
import type { ReadOnlyAccess, ReadOnlyHeap } from '../read-only.js'
import { SharedSet } from '../set/shared-set.js'
import {
  COLLECTION_OPTIONS,
  type CollectionOptions,
  type Found,
  fullName,
  labelOf,
  openCell,
  openHeap,
  openList,
  openMap,
  openQueue,
  structureNamed,
  structuresOf,
  UNNAMED,
} from '../structure.js'

const CLASS_OPTIONS = known('classes', 'strict', 'types')
const OPEN_OPTIONS = known(COLLECTION_OPTIONS, 'classes', 'strict', 'types')
const LOCAL_OPTIONS = known(CLASS_OPTIONS, 'maxSize', 'participants', 'watchers', 'timeout')

/** Which classes shared objects may be instances of. */
export interface ClassOptions {
  /**
   * Classes by the names under which their instances are stored, as in `{ Company, Employee }`. What is shared as an instance of one
   * comes back as one, in every process that gives the class; no constructor runs, and no code comes from memory.
   */
  classes?: SharedClasses | undefined
  /** An object of a class that is not given is an error (`ERR_SCHEMA`), not a plain live object. */
  strict?: boolean | undefined
  /** Types of values beyond those that structured clone knows: `valueTypes` has some, and anyone may make more. */
  // biome-ignore lint/suspicious/noExplicitAny: types of any data.
  types?: readonly ValueType<any, any>[] | undefined
}

export interface HeapOptions extends CollectionOptions, ClassOptions {}

function adapterOf({ classes, strict = false, types }: ClassOptions): Adapter {
  if (typeof strict !== 'boolean') throw wrongType('strict', 'true or false', strict)
  const adapter = classes === undefined && !strict ? LIVE : adapterFor(classes === undefined ? {} : classes, strict)
  return types === undefined ? adapter : { ...adapter, ...typesFor(types) }
}

declare const shared: unique symbol

/** A shared object: it lives in a heap, nobody owns it, and assigning it keeps the reference. */
export type Shared<T extends object> = T & { readonly [shared]?: never }

/** One of everything that has a name. */
export type AnyCollection =
  | SharedMap<Key, unknown>
  | SharedSet<Key>
  | SharedList
  | SharedQueue
  | SharedString
  | SharedBlock
  | SharedBool
  | SharedFloat
  | SharedInt<number>
  | SharedInt<bigint>

/**
 * A heap: many collections under one name, and transactions over all of them.
 *
 * @example
 * import { SharedHeap } from 'memlane'
 * using heap = SharedHeap.open('game', { maxSize: '64 MiB' })
 * const players = heap.map<string, { score: number }>('players')
 * const round = heap.int('round')
 * heap.transaction(() => {
 *   players.set('ada', { score: 0 })
 *   round.add(1)
 * })
 */
export class SharedHeap<M = unknown> extends Collection {
  #root: SharedMap<string, unknown> | undefined
  #messages: SharedQueue<M> | undefined

  private constructor(name: string, heap: Heap, adapter: Adapter) {
    super(name, heap, true)
    heap.adapter = adapter
  }

  /**
   * Opens the heap of that name, or makes it, empty. `M` is the type of its messages. Throws as `SharedMap.open` does.
   *
   * @throws MemlaneError `ERR_TYPE` for a class that cannot be shared, too: what is none, what has private fields, what stands under
   *   two names.
   */
  static open<M = unknown>(name: string, options: HeapOptions & ReadOnlyAccess): ReadOnlyHeap<M>
  static open<M = unknown>(name: string, options?: HeapOptions): SharedHeap<M>
  static open<M = unknown>(name: string, options: HeapOptions = {}): SharedHeap<M> {
    const { classes, strict, types, ...rest } = checkNames(options, OPEN_OPTIONS)
    const adapter = adapterOf({ classes, strict, types })
    return new SharedHeap<M>(name, openHeap(name, rest), adapter)
  }

  /** @internal Over a heap that is open already; it is closed with it. */
  static over(heap: Heap): SharedHeap {
    return new SharedHeap(heap.name, heap, LIVE)
  }

  /** A heap in memory of this process, for worker threads: post `buffer` to them. Nothing native is needed. */
  static local<M = unknown>(
    options: Pick<CollectionOptions, 'maxSize' | 'participants' | 'watchers' | 'timeout'> & ClassOptions = {},
  ): SharedHeap<M> {
    const { classes, strict, types, ...rest } = checkNames(options, LOCAL_OPTIONS)
    const adapter = adapterOf({ classes, strict, types })
    return new SharedHeap<M>('local', Heap.local({ maxSize: '16 MiB', ...rest }), adapter)
  }

  /** The heap that another thread made with `local`, from its `buffer`. */
  static attach<M = unknown>(buffer: SharedArrayBuffer, options: ClassOptions = {}): SharedHeap<M> {
    const adapter = adapterOf(checkNames(options, CLASS_OPTIONS))
    return new SharedHeap<M>('local', Heap.attachLocal(buffer), adapter)
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  /** The memory of a heap made with `local`; `undefined` for one with a name. */
  get buffer(): SharedArrayBuffer | undefined {
    const { buffer } = this.heap.segment.memory
    return this.heap.segment.namespace === '' && buffer instanceof SharedArrayBuffer ? buffer : undefined
  }

  /** Opens the map of that name in this heap, or makes it. @throws MemlaneError `ERR_KIND`, `ERR_NAME`, `ERR_NO_SPACE`, `ERR_CLOSED`. */
  map<K extends Key = string, V = unknown>(name: string): SharedMap<K, V> {
    return new SharedMap<K, V>(name, this.heap, openMap(this.heap, 'map', name), false)
  }

  /** Opens the set of that name in this heap, or makes it. Throws as `map` does. */
  set<T extends Key = string>(name: string): SharedSet<T> {
    return new SharedSet<T>(name, this.heap, openMap(this.heap, 'set', name), false)
  }

  /** Opens the list of that name in this heap, or makes it. Throws as `map` does. */
  list<T = unknown>(name: string): SharedList<T> {
    return sharedList<T>(name, this.heap, openList(this.heap, name), false)
  }

  /** Opens the queue of that name in this heap, or makes it. Throws as `map` does. */
  queue<T = unknown>(name: string): SharedQueue<T> {
    if (name === UNNAMED) throw new MemlaneError('ERR_NAME', 'the queue without a name is called messages')
    return new SharedQueue<T>(name, this.heap, openQueue(this.heap, name), false)
  }

  /**
   * The messages of this heap: a queue that it has without a name. Made when it is first asked for.
   *
   * @throws MemlaneError `ERR_NO_SPACE`, `ERR_CLOSED`; `ERR_NOT_FOUND` where it cannot be made, as the heap was opened to read only.
   */
  get messages(): SharedQueue<M> {
    this.checkOpen()
    if (this.#messages?.isThere !== true) this.#messages = this.#unnamed()
    return this.#messages
  }

  #unnamed(): SharedQueue<M> {
    return new SharedQueue('messages', this.heap, openQueue(this.heap, UNNAMED), false)
  }

  /** Opens the integer of that name in this heap, or makes it, 0. `type` as for SharedInt. Throws as `map` does. */
  int(name: string, type: BigIntType): SharedInt<bigint>
  int(name: string, type?: SmallIntType): SharedInt<number>
  int(name: string, type: IntType = 'int32'): SharedInt<number> | SharedInt<bigint> {
    const facts = intFacts(type)
    return facts.big ? this.#int(name, type, bigRange(facts), 0n) : this.#int(name, type, smallRange(facts), 0)
  }

  #int<N extends number | bigint>(name: string, type: IntType, range: IntRange<N>, zero: N): SharedInt<N> {
    const cell = openCell(this.heap, type, name, zero)
    const store = new HeapIntStore<N>(this.heap, cell, (sum) => range.check(sum, 'the sum'))
    return new SharedInt<N>(name, type, store, range)
  }

  /** Opens the floating-point number of that name in this heap, or makes it, 0. Throws as `map` does. */
  float(name: string, type?: FloatType): SharedFloat {
    const checked = floatType(type)
    const cell = openCell(this.heap, checked, name, checkFloat(checked, 0, 'initial'))
    return new SharedFloat(name, checked, new HeapStore<number>(this.heap, cell, false))
  }

  /** Opens the switch of that name in this heap, or makes it, `false`. Throws as `map` does. */
  bool(name: string): SharedBool {
    return new SharedBool(name, new HeapStore<boolean>(this.heap, openCell(this.heap, 'bool', name, false), false))
  }

  /** Opens the string of that name in this heap, or makes it, empty. Throws as `map` does. */
  string(name: string): SharedString {
    return new SharedString(name, new HeapStore<string>(this.heap, openCell(this.heap, 'string', name, ''), false))
  }

  /** Opens the value of that name in this heap, or makes it, `undefined`. Throws as `map` does. */
  block<T = unknown>(name: string): SharedBlock<T> {
    return new SharedBlock<T>(name, new HeapStore<T>(this.heap, openCell(this.heap, 'block', name, undefined), false))
  }

  // ---- taking turns

  /**
   * Runs `fn` while no other process is in such a section of this heap, blocking the thread until then. It is for what is too long
   * for a transaction: nobody else waits who does not ask for a turn, and nothing is undone when it throws. Calls from inside are
   * part of the turn. When its holder is killed the next one gets it, and is told: `recovered`.
   *
   * @returns what `fn` returns.
   * @throws MemlaneError `ERR_TIMEOUT` naming who has the turn; `ERR_DEADLOCK` when another task of this handle has it, or inside a
   *   transaction; `ERR_ASYNC` for an async `fn`; `ERR_READ_ONLY`, `ERR_CLOSED`, `ERR_TYPE`, and what `fn` throws.
   */
  exclusive<T>(fn: (turn: TurnInfo) => T, limits?: WaitLimits): T {
    this.checkOpen()
    return this.#turn().take(fn, limits)
  }

  /**
   * The same without blocking the thread: `fn` may be async, and its turn is over when its promise settles. Tasks of one handle take
   * turns among themselves. Rejects as `exclusive` throws, and with the signal's reason.
   */
  exclusiveAsync<T>(fn: (turn: TurnInfo) => T | Promise<T>, limits?: AsyncLimits): Promise<T> {
    try {
      this.checkOpen()
      return this.#turn().takeAsync(fn, limits)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #turn(): Turn {
    const { turn } = this.heap
    if (this.heap.inTransaction && !turn.isMine)
      throw new MemlaneError(
        'ERR_DEADLOCK',
        `a transaction of ${JSON.stringify(this.name)} holds the lock that whoever has the turn may need; ask for the turn around it`,
      )
    return turn
  }

  // ---- shared objects

  /**
   * A map that is always there: what is reachable from it stays. It is the map named `root` of this heap.
   *
   * @throws MemlaneError `ERR_KIND` when `root` stands for something else, `ERR_NO_SPACE`, `ERR_CLOSED`; `ERR_NOT_FOUND` on a
   *   read-only heap that has none yet.
   */
  get root(): SharedMap<string, unknown> {
    this.checkOpen()
    if (this.#root === undefined || !this.#root.isThere) this.#root = this.map<string>('root')
    return this.#root
  }

  /**
   * Makes an object or array a shared one, with all that it leads to: shared and cyclic references inside it are kept. What comes
   * back lives in shared memory. Assigning it into another shared object, or into a map, list or block of this heap, keeps the
   * reference; assigning a plain object into a shared one shares that, too. What is shared already stays what it is.
   *
   * @throws MemlaneError `ERR_TYPE` for what is neither object nor array; `ERR_NOT_CLONEABLE` naming what cannot be stored,
   *   `ERR_NO_SPACE`, `ERR_TX_TOO_BIG`, `ERR_FOREIGN` for a shared object of another heap inside it: nothing is stored then;
   *   `ERR_READ_ONLY`, `ERR_TIMEOUT`, `ERR_CLOSED`, and what getters throw.
   * @example
   * import { SharedHeap } from 'memlane'
   * using heap = SharedHeap.open('company')
   * const ada = { name: 'Ada', salary: 100 }
   * const acme = heap.share({ name: 'Acme', boss: ada, staff: [ada] })
   * acme.boss.salary += 10
   * console.log(acme.staff[0]!.salary, acme.boss === acme.staff[0]) // 110 true
   * heap.root.set('acme', acme)
   */
  share<T extends object>(value: T): Shared<T> {
    this.checkOpen()
    return this.heap.share(value) as Shared<T>
  }

  /**
   * Ends a shared object at once, whatever leads to it: using it, or reading what leads to it, is `ERR_STALE` from then on. What it
   * led to stays.
   *
   * @throws MemlaneError `ERR_TYPE` for what is no shared object, `ERR_STALE` when it is gone already, `ERR_FOREIGN` for another
   *   heap's, `ERR_READ_ONLY`, `ERR_CLOSED`.
   */
  destroy(object: object): void {
    this.checkOpen()
    this.heap.destroy(object)
  }

  /**
   * Frees the shared objects that nothing leads to any more: no map, list, block or message, no process that has a live object of
   * them, and no shared object that is itself led to. It happens by itself while objects are made; this does it now. The work is done
   * in steps of about a millisecond, between which others may write; those who read are not disturbed.
   *
   * @throws MemlaneError `ERR_BUSY` in a transaction, `ERR_READ_ONLY`, `ERR_TIMEOUT`, `ERR_CORRUPT`, `ERR_CLOSED`.
   */
  collect(): Collected {
    this.checkOpen()
    return this.heap.collect()
  }

  /** True for a live object or array of this heap that is still there, whoever owns it. Never throws. */
  isLive(value: unknown): boolean {
    return !this.closed && this.heap.core.objects.isLive(value)
  }

  /** True for a shared object that is still there: nobody owns it, and assigning it keeps the reference. Never throws. */
  isShared(value: unknown): boolean {
    return !this.closed && this.heap.core.objects.isShared(value)
  }

  /**
   * The address of a shared object: a short text by which another process finds it with `at`. It does not keep the object alive.
   *
   * @throws MemlaneError `ERR_TYPE` for what is no shared object, `ERR_STALE`, `ERR_FOREIGN`, `ERR_CLOSED`.
   */
  addressOf(object: object): string {
    this.checkOpen()
    return this.heap.addressOf(object)
  }

  /**
   * The shared object at an address.
   *
   * @throws MemlaneError `ERR_STALE` when it is gone, whatever lies there now; `ERR_FOREIGN` for an address in another heap,
   *   `ERR_TYPE` for what is no address, `ERR_CLOSED`.
   */
  at<T extends object = Record<string, unknown>>(address: string): Shared<T> {
    this.checkOpen()
    return this.heap.at(address) as Shared<T>
  }

  /** @internal Opens what `names` has found. */
  collection({ kind, name }: Found): AnyCollection {
    if (kind === 'map') return this.map<Key>(name)
    if (kind === 'set') return this.set<Key>(name)
    if (kind === 'list') return this.list(name)
    if (kind === 'queue') return name === UNNAMED ? this.messages : this.queue(name)
    if (kind === 'string') return this.string(name)
    if (kind === 'block') return this.block(name)
    if (kind === 'bool') return this.bool(name)
    if (kind === 'float32' || kind === 'float64') return this.float(name, kind)
    return this.int(name, kind as BigIntType)
  }

  /** What is in this heap, in the order it was made. */
  names(): Found[] {
    return structuresOf(this.heap)
  }

  /** Removes a collection with all it holds; handles to it say `ERR_STALE`. @returns true if it was there. */
  remove(name: string): boolean {
    if (typeof name !== 'string') throw outOfRange('name', 'a name in this heap', name)
    // Not in one transaction, since a heap that is full is emptied in several steps.
    const found = structureNamed(this.heap, name)
    return found !== undefined && this.heap.remove(fullName(found))
  }

  /** Bytes: what may be used, has memory, is used, is free; and the number of blocks. */
  stats(): HeapStats {
    return this.heap.stats()
  }

  /** Walks the whole heap with its lock held. @throws MemlaneError `ERR_CORRUPT` naming the first thing that is wrong. */
  verify(): HeapStats {
    return this.heap.verify()
  }

  /** The name of the class. */
  get [Symbol.toStringTag](): string {
    return 'SharedHeap'
  }

  /** @internal */
  protected override printable(): unknown {
    return this.names()
  }

  /** @internal Each collection by its name. */
  protected override toPlain(): unknown {
    const all = this.names()
    return Object.fromEntries(all.map((found) => [labelOf(found, all), this.collection(found)]))
  }
}
