// heap: a heap that is open: its structures by name, its transactions, its figures.

import { randomBytes } from 'node:crypto'
import { MemlaneError, outOfRange, withArticle } from '../errors.js'
import { type CreateOptions, type OpenOptions, Segment, type SegmentOptions } from '../segment/index.js'
import { checkFunction, given, PAGE, parseInteger, parseSize, parseTimeout, roundUp, type Size } from '../sizes.js'
import { Turn } from '../sync/index.js'
import { Arena, whenFull } from './arena/arena.js'
import { L_ENTRIES } from './arena/log.layout.js'
import { Allocator } from './blocks/allocator.js'
import type { Adapter, Core } from './core.js'
import { corrupt } from './corrupt.js'
import { createCell, HeapCell } from './handles/heap-cell.js'
import { HeapList } from './handles/heap-list.js'
import { HeapMap } from './handles/heap-map.js'
import { HeapObject } from './handles/heap-object.js'
import { HeapQueue } from './handles/heap-queue.js'
import {
  bodyPlan,
  FORMAT,
  H_FORMAT,
  H_HASH_SEED,
  H_PAGES_MAX,
  H_ROOTS,
  H_TURN,
  H_WATCHERS,
  HEAP_PAGE,
} from './heap.layout.js'
import { DELETE_ENTRIES, Intents, STEP_WORDS } from './intents.js'
import { A_UNITS } from './kinds/list/list.layout.js'
import { E_VALUE } from './kinds/map/map.layout.js'
import { MapIndex } from './kinds/map/map-index.js'
import { Shapes } from './kinds/object/shapes.js'
import { createQueue, leaveBell } from './kinds/queue/store.js'
import { TextBytes } from './kinds/text/text.js'
import { ClassNames } from './objects/class-names.js'
import { type Collected, Collector } from './objects/collector.js'
import { Objects } from './objects/objects.js'
import { Decoder } from './values/decode.js'
import { Encoder } from './values/encode.js'
import { Graph } from './values/graph.js'
import { Overwriter } from './values/overwrite.js'
import { ARRAY, CELL, MAP, OBJECT, QUEUE, TAG_BLOCK } from './values/values.layout.js'
import { type HeapStats, statistics, verify } from './verify.js'
import { WATCHERS, WATCHERS_MAX } from './watch/watch.layout.js'
import { Watches } from './watch/watches.js'

export type StructureKind = 'map' | 'list' | 'cell' | 'queue'

export interface HeapOptions extends CreateOptions {
  /** Most bytes that blocks may fill; default `'256 MiB'`. Reserved, not used: memory is committed as the heap grows. */
  maxSize?: Size | undefined
  /** Bytes for blocks committed at creation; default `'64 KiB'`. */
  initialSize?: Size | undefined
  /** Milliseconds that an operation waits for the lock; default 10 s, Infinity for ever. */
  timeout?: number | undefined
  /** From so many places one structure may be watched at a time, 1 to 4096; default 256. See docs/collections.md. */
  watchers?: number | undefined
  /** Undo log of each participant; default `'64 KiB'`. A longer log goes on in free pages of the heap. */
  undoSize?: Size | undefined
}

export interface HeapOpenOptions extends OpenOptions {
  /** Only reads: claims no slot, stores nothing, and needs the permission to read alone. */
  readOnly?: boolean | undefined
  /** As when it is made. */
  timeout?: number | undefined
}

export interface StructureOptions {
  /** Make it when it is not there; default true. */
  create?: boolean
}

const KIND = 'heap'
const KINDS: Readonly<Record<StructureKind, number>> = { map: MAP, list: ARRAY, cell: CELL, queue: QUEUE }

const plainAdapter: Adapter = {
  object: (handle) => handle,
  list: (handle) => handle,
  unwrap: (value) => (value instanceof HeapObject || value instanceof HeapList ? value : undefined),
}

export class Heap {
  readonly segment: Segment
  /** @internal For the room above, tests and tools. */
  readonly core: Core

  #turn: Turn | undefined

  private constructor(segment: Segment) {
    this.segment = segment
    this.core = makeCore(segment)
  }

  /** Makes a new heap. @throws MemlaneError what Segment.create throws. */
  static create(name: string, options: HeapOptions = {}): Heap {
    return Heap.#over(Segment.create(name, plan(options)), options.timeout)
  }

  /** Opens an existing heap. @throws MemlaneError what Segment.open throws. */
  static open(name: string, options: HeapOpenOptions = {}): Heap {
    const { namespace, owner, readOnly = false } = options
    return Heap.#over(Segment.open(name, { namespace, owner, readOnly, kind: KIND, sparse: true }), options.timeout)
  }

  /** Opens a heap, or makes it when it is not there; then the options count. */
  static createOrOpen(name: string, options: HeapOptions = {}): Heap {
    return Heap.#over(Segment.createOrOpen(name, { ...plan(options), least: 1 }), options.timeout)
  }

  /** A heap in plain memory, for workers and tests. */
  static local(options: HeapOptions = {}): Heap {
    return Heap.#over(Segment.local(plan(options)), options.timeout)
  }

  /** The same heap from another worker, or once more. */
  static attachLocal(buffer: SharedArrayBuffer): Heap {
    return Heap.#over(Segment.attachLocal(buffer))
  }

  /** A heap over a segment that is open already; it is closed with the heap. */
  static over(segment: Segment, timeout?: number): Heap {
    return Heap.#over(segment, timeout)
  }

  static #over(segment: Segment, timeout?: number): Heap {
    try {
      const heap = new Heap(segment)
      if (timeout !== undefined) heap.core.arena.lockTimeout = parseTimeout(timeout)
      return heap
    } catch (error) {
      segment.close()
      throw error
    }
  }

  get name(): string {
    return this.segment.name
  }

  get closed(): boolean {
    return this.segment.closed
  }

  /** Stores are `ERR_READ_ONLY`; a read may be `ERR_BUSY`, as it cannot take the lock when writers never pause. */
  get readOnly(): boolean {
    return this.segment.readOnly
  }

  /** How live values are shown; set once, by the room above. */
  get adapter(): Adapter {
    return this.core.adapter
  }

  set adapter(adapter: Adapter) {
    this.core.adapter = adapter
  }

  get inTransaction(): boolean {
    return this.core.arena.depth > 0
  }

  /**
   * Runs `work` with the heap locked: all it stores or, when it throws or the process dies, nothing. Calls nest.
   *
   * @param timeout milliseconds to wait for the lock; default that of the heap.
   * @throws MemlaneError `ERR_ASYNC` when `work` gives a promise (nothing is stored then), `ERR_TIMEOUT` naming who has the lock,
   *   `ERR_DEADLOCK`, `ERR_CLOSED`, and what `work` throws.
   */
  transaction<T>(work: () => T, timeout?: number): T {
    this.#open()
    checkFunction(work, 'transaction()')
    if (timeout !== undefined) return this.#transactionWithin(parseTimeout(timeout), work)
    return this.core.arena.change(transact, this, work) as T
  }

  #transactionWithin<T>(timeout: number, work: () => T): T {
    const { arena } = this.core
    const before = arena.lockTimeout
    arena.lockTimeout = timeout
    try {
      return arena.change(transact, this, work) as T
    } finally {
      arena.lockTimeout = before
    }
  }

  // ---- structures

  /** @throws MemlaneError `ERR_KIND` when the name stands for something else, `ERR_NOT_FOUND` with `create: false`. */
  map(name: string, options: StructureOptions = {}): HeapMap {
    return this.#structure(name, 'map', options, (pointer) => new HeapMap(this.core, pointer))
  }

  list(name: string, options: StructureOptions = {}): HeapList {
    return this.#structure(name, 'list', options, (pointer) => new HeapList(this.core, pointer))
  }

  /** @param options.initial stored when the cell is made. */
  cell(name: string, options: StructureOptions & { initial?: unknown } = {}): HeapCell {
    const handle = (): HeapCell => this.#structure(name, 'cell', options, (pointer) => new HeapCell(this.core, pointer))
    if (options.create === false || options.initial === undefined || this.readOnly || this.has(name)) return handle()
    return this.transaction(() => {
      const isNew = !this.has(name)
      const cell = handle()
      if (isNew) cell.set(options.initial)
      return cell
    })
  }

  queue(name: string, options: StructureOptions = {}): HeapQueue {
    return this.#structure(name, 'queue', options, (pointer) => new HeapQueue(this.core, pointer))
  }

  /** True when there is a structure of that name. */
  has(name: string): boolean {
    return this.#find(name, (pointer) => pointer !== 0)
  }

  /** Structures by name, in the order they were made. */
  names(): { name: string; kind: StructureKind }[] {
    this.#open()
    const { arena, index } = this.core
    return arena.read(arena.version, () => {
      const found: { name: string; kind: StructureKind }[] = []
      index.each(this.#roots, (entry) => {
        const kind = arena.i32[(arena.i32[(entry << 1) + E_VALUE]! << 1) + 1]! & 0xff
        found.push({ name: String(index.keyOf(entry)), kind: kindOf(kind) ?? 'cell' })
      })
      return found
    })
  }

  /** Frees a structure with all it holds; handles to it and into it say `ERR_STALE`. @returns true if it was there. */
  remove(name: string): boolean {
    this.#open()
    return this.core.arena.change(Heap.#removeWork, this, name)
  }

  static #removeWork(this: void, heap: Heap, name: string): boolean {
    const { arena, index, graph } = heap.core
    const entry = index.find(heap.#roots, index.hash(name), name)
    if (entry === 0) return false
    const word = (entry << 1) + E_VALUE
    arena.touchPrefix(0, 0)
    heap.#leaveBell(arena.i32[word]!)
    graph.release(arena.i32[word]!, arena.i32[word + 1]!)
    index.remove(entry)
    return true
  }

  static #removeInSteps(this: void, heap: Heap, name: string): boolean {
    const { index, intents } = heap.core
    const entry = index.find(heap.#roots, index.hash(name), name)
    if (entry === 0) return false
    heap.#leaveBell(heap.core.arena.i32[(entry << 1) + E_VALUE]!)
    intents.carryOut(DELETE_ENTRIES, heap.#roots, entry)
    return true
  }

  #leaveBell(pointer: number): void {
    if ((this.core.arena.i32[(pointer << 1) + 1]! & 0xff) === QUEUE) leaveBell(this.core, pointer)
  }

  static {
    whenFull(Heap.#removeWork, { inSteps: Heap.#removeInSteps })
  }

  get #roots(): number {
    return this.core.arena.i32[this.core.arena.base + H_ROOTS]!
  }

  #open(): void {
    if (this.segment.closed) throw this.core.arena.closedError()
  }

  /**
   * Looks at the pointer of a structure, 0 if there is none, under the version that guards its entry: whoever opens what
   * exists waits only for those who make or remove something.
   */
  #find<T>(name: string, look: (pointer: number) => T): T {
    this.#open()
    const { arena, index } = this.core
    const hash = index.hash(name)
    return arena.read(arena.stripeWord(hash >>> 26), () => {
      const entry = index.find(this.#roots, hash, name)
      return look(entry === 0 ? 0 : arena.i32[(entry << 1) + E_VALUE]!)
    })
  }

  /** @param handle made while nobody can remove the structure: it takes down the generation of the block. */
  #structure<T>(name: string, kind: StructureKind, options: StructureOptions, handle: (pointer: number) => T): T {
    if (typeof name !== 'string' || name.length === 0 || name.length > 1000)
      throw outOfRange('the name of a structure', 'a string of 1 to 1000 characters', name)
    const look = (pointer: number): T | undefined => (pointer === 0 ? undefined : this.#as(name, kind, pointer, handle))
    const there = this.#find(name, look)
    if (there !== undefined) return there
    if (options.create === false || this.readOnly)
      throw new MemlaneError(
        'ERR_NOT_FOUND',
        `the heap ${JSON.stringify(this.name)} has no ${kind} ${JSON.stringify(name)}`,
      )
    return this.transaction(() => this.#find(name, look) ?? handle(this.#make(name, kind)))
  }

  /** @throws MemlaneError `ERR_KIND`. */
  #as<T>(name: string, kind: StructureKind, pointer: number, handle: (pointer: number) => T): T {
    const found = this.core.arena.i32[(pointer << 1) + 1]! & 0xff
    if (found === KINDS[kind]) return handle(pointer)
    const is = kindOf(found) ?? `block of the kind ${found}`
    throw new MemlaneError(
      'ERR_KIND',
      `${JSON.stringify(name)} in the heap ${JSON.stringify(this.name)} is ${withArticle(is)}, not ${withArticle(kind)}`,
    )
  }

  #make(name: string, kind: StructureKind): number {
    const { arena, blocks, index } = this.core
    const { i32 } = arena
    const hash = index.hash(name)
    const stripe = hash >>> 26
    const entry = index.insert(this.#roots, hash, name)
    let pointer: number
    if (kind === 'map') pointer = index.create(0)
    else if (kind === 'cell') pointer = createCell(this.core, stripe)
    else if (kind === 'queue') pointer = createQueue(this.core, stripe)
    else {
      pointer = blocks.take(A_UNITS, ARRAY, stripe)
      i32.fill(0, (pointer << 1) + 2, (pointer + A_UNITS) << 1)
    }
    i32[(entry << 1) + E_VALUE] = pointer
    i32[(entry << 1) + E_VALUE + 1] = TAG_BLOCK
    return pointer
  }

  // ---- shared objects: see objects/objects.ts, which says what they throw

  /** Makes an object, and all that it leads to, shared ones. @returns the live object. */
  share(value: object): object {
    this.#open()
    return this.core.objects.share(value)
  }

  /** Ends a shared object, whatever leads to it. */
  destroy(value: unknown): void {
    this.#open()
    this.core.objects.destroy(value)
  }

  /** Frees the shared objects that nothing leads to. */
  collect(): Collected {
    this.#open()
    return this.core.collector.collect()
  }

  /** A short text that names a shared object for other processes. */
  addressOf(value: unknown): string {
    this.#open()
    return this.core.objects.addressOf(value)
  }

  /** The live object at an address. */
  at(address: string): object {
    this.#open()
    return this.core.objects.at(address)
  }

  /** Turn taking for long sections: a lock beside the heap's own. @throws MemlaneError `ERR_READ_ONLY`, `ERR_CLOSED`. */
  get turn(): Turn {
    this.#open()
    if (this.readOnly) throw new MemlaneError('ERR_READ_ONLY', `${JSON.stringify(this.name)} was opened read-only`)
    this.#turn ??= new Turn(this.segment, this.segment.body + 4 * H_TURN)
    return this.#turn
  }

  // ---- figures and care

  /** Bytes and blocks, of one moment. @throws MemlaneError `ERR_CORRUPT`, `ERR_CLOSED`. */
  stats(): HeapStats {
    this.#open()
    return this.core.arena.readLocked(() => statistics(this.core))
  }

  /**
   * Walks every block with the heap locked: each is reachable exactly once or free exactly once, every index agrees with
   * its list, every count with what it counts.
   *
   * @throws MemlaneError `ERR_CORRUPT` naming the first thing that is wrong.
   */
  verify(): HeapStats {
    this.#open()
    return this.core.arena.readLocked(() => verify(this.core))
  }

  close(): void {
    if (this.segment.closed) return
    if (this.core.arena.depth > 0)
      throw new MemlaneError(
        'ERR_BUSY',
        `the heap ${JSON.stringify(this.name)} cannot be closed inside its own transaction`,
      )
    this.#turn?.shut()
    this.segment.close()
    this.core.arena.depth = -1
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** What a block of that kind is for users; undefined for what has no name. */
function kindOf(kind: number): StructureKind | undefined {
  return (Object.keys(KINDS) as StructureKind[]).find((one) => KINDS[one] === kind)
}

/** What a transaction of the user's does. */
function transact(heap: Heap, work: () => unknown): unknown {
  const result = work()
  if (typeof result === 'object' && result !== null && typeof (result as { then?: unknown }).then === 'function') {
    throw new MemlaneError(
      'ERR_ASYNC',
      `a transaction of ${JSON.stringify(heap.name)} was given an async function; it holds the lock, so it cannot wait`,
    )
  }
  return result
}

/** Removes the name. @returns true if it was there. */
export function unlinkHeap(name: string, options: { namespace?: string | undefined } = {}): boolean {
  return Segment.unlink(name, options)
}

function plan(options: HeapOptions): SegmentOptions {
  const pages = Math.ceil(parseSize(given(options.maxSize, '256 MiB'), 'maxSize') / HEAP_PAGE)
  const { pages: first, total } = bodyPlan(pages)
  if (total > 4 * 2 ** 30) throw outOfRange('maxSize', 'below 4 GiB', options.maxSize)
  const initial = Math.min(pages, Math.ceil(parseSize(given(options.initialSize, '64 KiB'), 'initialSize') / HEAP_PAGE))
  const watchers = parseInteger(given(options.watchers, WATCHERS), 'watchers', 1, WATCHERS_MAX)
  // Freeing in steps needs no more log than this, which is always there.
  const least = 4 * L_ENTRIES + 8 * (STEP_WORDS + Math.ceil(pages / 32))
  const undo = roundUp(Math.max(least, parseSize(given(options.undoSize, '64 KiB'), 'undoSize')), PAGE)
  const { namespace, owner, mode, lifetime, participants } = options
  return {
    namespace,
    owner,
    mode,
    lifetime,
    participants,
    kind: KIND,
    sparse: true,
    size: total,
    commit: first + initial * HEAP_PAGE,
    participantBytes: undo,
    init: (segment) => initialize(segment, pages, watchers),
  }
}

/** Fills the zeroed body of a new heap; nobody else is in yet. */
function initialize(segment: Segment, pages: number, watchers: number): void {
  const { i32 } = segment.memory
  const base = segment.body / 4
  i32[base + H_FORMAT] = FORMAT
  i32[base + H_PAGES_MAX] = pages
  i32[base + H_WATCHERS] = watchers
  i32[base + H_HASH_SEED] = randomBytes(4).readInt32LE()
  const core = makeCore(segment)
  core.arena.change(() => core.arena.put(base + H_ROOTS, core.index.create(0)))
}

function otherFormat(name: string, format: number): MemlaneError {
  if (!(format >= 1 && format < 1000)) return corrupt(name, `its format is ${format}`)
  return new MemlaneError(
    'ERR_VERSION',
    `${JSON.stringify(name)} is a heap of format ${format}, this version of Memlane reads ${FORMAT}: use the version that made it, or remove it (memlane rm ${name}) and make it anew`,
  )
}

function makeCore(segment: Segment): Core {
  const { i32 } = segment.memory
  const base = segment.body / 4
  const format = i32[base + H_FORMAT]!
  if (format !== FORMAT) throw otherFormat(segment.name, format)
  const watchers = i32[base + H_WATCHERS]!
  if (!(watchers >= 1 && watchers <= WATCHERS_MAX))
    throw corrupt(segment.name, `it has ${watchers} places for watchers`)
  const arena = new Arena(segment, segment.header.participantBytes)
  const blocks = new Allocator(arena)
  const text = new TextBytes(segment.memory.u8)
  const index = new MapIndex(arena, blocks, text, i32[base + H_HASH_SEED]!)
  const core: { -readonly [K in keyof Core]: Core[K] } = {
    name: segment.name,
    arena,
    blocks,
    text,
    index,
    shapes: new Shapes(arena, blocks, text),
    adapter: plainAdapter,
    live: (pointer: number, kind: number): object =>
      kind === OBJECT
        ? core.adapter.object(new HeapObject(core, pointer))
        : core.adapter.list(new HeapList(core, pointer)),
    copyOf: (handle: object): unknown => (handle as HeapObject | HeapList).copy(),
    graph: undefined as unknown as Graph,
    encoder: undefined as unknown as Encoder,
    decoder: undefined as unknown as Decoder,
    overwriter: undefined as unknown as Overwriter,
    watches: undefined as unknown as Watches,
    classes: undefined as unknown as ClassNames,
    objects: undefined as unknown as Objects,
    intents: undefined as unknown as Intents,
    collector: undefined as unknown as Collector,
  }
  core.graph = new Graph(core)
  core.encoder = new Encoder(core)
  core.decoder = new Decoder(core)
  core.overwriter = new Overwriter(core)
  core.watches = new Watches(core, watchers)
  core.classes = new ClassNames(core)
  core.collector = new Collector(core)
  core.objects = new Objects(core)
  core.intents = new Intents(core)
  arena.onUndone = () => {
    core.shapes.forget()
    core.classes.forget()
  }
  return core
}
