// heap: the full audit. Every block is reachable exactly once or free exactly once; lists, indexes and counts agree.
// Needs the lock; writes nothing. The crash suite asks it after every death, `memlane doctor --verify` whenever asked.

import { CLASS_COUNT, CLASS_FIRST, CLASS_PAGES, CLASS_UNITS, CLASS_WORDS, CLASSES } from './blocks/classes.js'
import { D_BITS, D_EXTENT, D_KIND, D_NEXT, D_PREV, D_USED, LARGE, PART, SPAN } from './blocks/pages.layout.js'
import type { Core } from './core.js'
import { corrupt } from './corrupt.js'
import {
  BELL_QUEUES,
  DESCRIPTOR_WORDS,
  H_CLASS_HEADS,
  H_CLASSES,
  H_COLLECTOR,
  H_INTENT,
  H_QUEUE_BELLS,
  H_ROOTS,
  H_SHAPES,
  H_SHAPES_FIRST,
  H_STRIPES,
  H_VERSION,
  HEAP_PAGE,
  PAGE_UNITS,
  QUEUE_BELL_STEP,
  QUEUE_BELLS,
  STRIPE_STEP,
  STRIPES,
} from './heap.layout.js'
import { A_FIRST, A_LENGTH, A_ROOM, A_ROOT, NO_ROOT } from './kinds/list/list.layout.js'
import {
  B_FIRST,
  B_LOCAL,
  B_SLOTS,
  D_DEEP,
  D_FIRST,
  E_HASH,
  E_MAP,
  E_PREV,
  E_SEQUENCE,
  M_DIRECTORY,
  M_HEAD,
  M_SEQUENCE,
  M_SIZE,
  M_TAIL,
} from './kinds/map/map.layout.js'
import { O_OUTSIDE, O_ROOM, O_ROOT, O_SHAPE, TABLE } from './kinds/object/object.layout.js'
import { S_ID, S_NAME, S_NEXT, S_PARENT } from './kinds/object/shapes.js'
import { G_PREV, G_TAKER, Q_BELL, Q_FIRST, Q_LAST, Q_NEWEST, Q_SIZE, Q_TAKEN } from './kinds/queue/queue.layout.js'
import { QueueStore } from './kinds/queue/store.js'
import { G_HOLDS, HOLD_FIRST, HOLD_NEXT, HOLD_ROOM } from './objects/collector.layout.js'
import {
  ARRAY,
  BUCKET,
  CHUNK,
  CHUNKS,
  DIRECTORY,
  ENTRY,
  GRAPH,
  HOLD,
  KINDS_LAST,
  MAP,
  MESSAGE,
  OBJECT,
  QUEUE,
  SHAPE,
  SHARED,
  TAG_REF,
  TOMBSTONE,
  TUPLE,
  WATCH,
} from './values/values.layout.js'

/** What a heap holds, and how much of its memory is used. Sizes are bytes. */
export interface HeapStats {
  /** Bytes that blocks may come to fill. */
  readonly capacity: number
  /** Bytes that have memory now. */
  readonly committed: number
  /** Bytes in living blocks. */
  readonly used: number
  /** `committed - used`. */
  readonly free: number
  /** Bytes in the longest run of free pages that have memory. */
  readonly largestFree: number
  /** Living blocks. */
  readonly blocks: number
  /** Shared objects and arrays among them. */
  readonly objects: number
  /** Different sets of property names that objects have, or had not long ago. */
  readonly shapes: number
  /** Bytes of the blocks that keep them. */
  readonly shapeBytes: number
  /** Destroyed ones whose place is not free yet. */
  readonly destroyed: number
  /** How often unreachable ones have been freed. */
  readonly collections: number
}

/** Figures, and every living block when `each` is given. */
export function statistics(core: Core, each?: (pointer: number) => void): HeapStats {
  const { arena, blocks, name } = core
  const { i32 } = arena
  const pages = blocks.committedPages
  let used = 0
  let count = 0
  let objects = 0
  let destroyed = 0
  let run = 0
  let longest = 0
  for (let page = 0; page < pages; page++) {
    if (!blocks.isTaken(page)) {
      run++
      if (run > longest) longest = run
      continue
    }
    run = 0
    const d = blocks.descriptor(page)
    const kind = i32[d + D_KIND]!
    const extent = i32[d + D_EXTENT]!
    const start = blocks.origin + page * PAGE_UNITS
    if (kind === LARGE) {
      checkParts(core, page, extent)
      used += extent * HEAP_PAGE
      count++
      each?.(start)
      page += extent - 1
      continue
    }
    const size = kind >> 8
    if ((kind & 0xff) !== SPAN || size < 0 || size >= CLASSES)
      throw corrupt(name, `page ${page} is taken, but is of the kind ${kind}`)
    if (extent !== CLASS_PAGES[size]) throw corrupt(name, `the span at page ${page} has ${extent} pages`)
    checkParts(core, page, extent)
    const words = CLASS_WORDS[size]!
    const bitmap = words === 1 ? d + D_BITS : start << 1
    let living = 0
    for (let index = 0; index < CLASS_COUNT[size]!; index++) {
      if (((i32[bitmap + (index >> 5)]! >>> (index & 31)) & 1) === 0) continue
      living++
      const pointer = start + CLASS_FIRST[size]! + index * CLASS_UNITS[size]!
      const header = i32[(pointer << 1) + 1]!
      if ((header & GRAPH) !== 0) {
        if ((header & 0xff) === TOMBSTONE) destroyed++
        else objects++
      }
      each?.(pointer)
    }
    if (living !== i32[d + D_USED])
      throw corrupt(name, `the span at page ${page} counts ${i32[d + D_USED]} living blocks and has ${living}`)
    used += living * CLASS_UNITS[size]! * 8
    count += living
    page += extent - 1
  }
  const committed = pages * HEAP_PAGE
  const shapes = core.shapes.figures()
  return {
    capacity: blocks.pagesMax * HEAP_PAGE,
    committed,
    used,
    free: committed - used,
    largestFree: longest * HEAP_PAGE,
    blocks: count,
    objects,
    shapes: shapes.count,
    shapeBytes: shapes.bytes,
    destroyed,
    collections: core.collector.cycles,
  }
}

function checkParts(core: Core, page: number, extent: number): void {
  const { arena, blocks, name } = core
  if (extent < 1 || page + extent > blocks.pagesMax) throw corrupt(name, `a run of ${extent} pages at ${page}`)
  for (let part = 1; part < extent; part++) {
    const d = blocks.descriptor(page + part)
    if (!blocks.isTaken(page + part)) throw corrupt(name, `page ${page + part} is free in the middle of a run`)
    if (arena.i32[d + D_KIND] !== PART || arena.i32[d + D_EXTENT] !== page)
      throw corrupt(name, `page ${page + part} does not know its first page ${page}`)
  }
}

export function verify(core: Core): HeapStats {
  const { arena, name } = core
  const { i32, base } = arena
  const living = new Places(core)
  const stats = statistics(core, (pointer) => living.add(pointer))
  checkSpanLists(core)
  for (let stripe = 0; stripe < STRIPES; stripe++) {
    if ((i32[base + H_STRIPES + stripe * STRIPE_STEP]! & 1) !== 0)
      throw corrupt(name, `stripe ${stripe} is odd while nobody writes`)
  }
  if (i32[base + H_INTENT] !== 0) throw corrupt(name, 'what was begun in steps was left while nobody writes')
  if ((i32[base + H_VERSION]! & 1) !== 0) throw corrupt(name, 'the version is odd while nobody writes')
  const walk = new Walk(core, living)
  walk.shapes()
  walk.structure(i32[base + H_ROOTS]!)
  const classes = i32[base + H_CLASSES]!
  if (classes !== 0) walk.structure(classes)
  const count = core.classes.count()
  statistics(core, (pointer) => {
    if ((i32[(pointer << 1) + 1]! & GRAPH) !== 0) walk.shared(pointer, count)
  })
  walk.holds()
  walk.finish()
  return stats
}

function checkSpanLists(core: Core): void {
  const { arena, blocks, name } = core
  const { i32, base } = arena
  const listed = new Set<number>()
  for (let size = 0; size < CLASSES; size++) {
    let prev = 0
    for (let link = i32[base + H_CLASS_HEADS + size]!; link !== 0; ) {
      const page = link - 1
      if (page < 0 || page >= blocks.pagesMax || listed.has(page))
        throw corrupt(name, `the list of size class ${size} leads to page ${page}`)
      listed.add(page)
      const d = blocks.descriptor(page)
      if (!blocks.isTaken(page) || i32[d + D_KIND] !== (SPAN | (size << 8)))
        throw corrupt(name, `page ${page} in the list of size class ${size} is no span of it`)
      if (i32[d + D_PREV] !== prev)
        throw corrupt(name, `the list of size class ${size} does not lead back from page ${page}`)
      if (i32[d + D_USED]! >= CLASS_COUNT[size]!)
        throw corrupt(name, `the span at page ${page} is listed as having room and has none`)
      prev = link
      link = i32[d + D_NEXT]!
    }
  }
  for (let page = 0; page < blocks.committedPages; page++) {
    const d = blocks.table + page * DESCRIPTOR_WORDS
    const kind = i32[d + D_KIND]!
    if (!blocks.isTaken(page) || (kind & 0xff) !== SPAN || listed.has(page)) continue
    if (i32[d + D_USED]! < CLASS_COUNT[kind >> 8]!)
      throw corrupt(name, `the span at page ${page} has room and is in no list`)
  }
}

/** A set of blocks, a bit for each unit where one may begin: a large heap has more blocks than a Set can hold. */
class Places {
  readonly #origin: number
  readonly #units: number
  readonly #bits: Int32Array
  size = 0

  constructor({ blocks }: Core) {
    this.#origin = blocks.origin
    this.#units = blocks.committedPages * PAGE_UNITS
    this.#bits = new Int32Array((this.#units >> 5) + 1)
  }

  has(pointer: number): boolean {
    const at = pointer - this.#origin
    return at >= 0 && at < this.#units && ((this.#bits[at >> 5]! >>> (at & 31)) & 1) === 1
  }

  add(pointer: number): void {
    const at = pointer - this.#origin
    this.#bits[at >> 5]! |= 1 << (at & 31)
    this.size++
  }
}

/** From the roots to every block. */
class Walk {
  readonly #core: Core
  readonly #living: Places
  readonly #seen: Places
  /** Queues by their bell. */
  readonly #bells: number[] = new Array(QUEUE_BELLS).fill(0)

  constructor(core: Core, living: Places) {
    this.#core = core
    this.#living = living
    this.#seen = new Places(core)
  }

  /** Counts a block as reached. */
  #mark(pointer: number, what: string, ...kinds: number[]): void {
    const { arena, name } = this.#core
    if (!this.#living.has(pointer)) throw corrupt(name, `${what} leads to ${pointer}, where no block lives`)
    if (this.#seen.has(pointer)) throw corrupt(name, `${what} leads to block ${pointer}, which has an owner already`)
    this.#seen.add(pointer)
    const kind = arena.i32[(pointer << 1) + 1]! & 0xff
    if (kinds.length > 0 && !kinds.includes(kind)) throw corrupt(name, `${what} leads to a block of the kind ${kind}`)
  }

  shapes(): void {
    const { arena, name } = this.#core
    const { i32, base } = arena
    const ids = new Set([0])
    for (let pointer = i32[base + H_SHAPES_FIRST]!; pointer !== 0; pointer = i32[(pointer << 1) + S_NEXT]!) {
      this.#mark(pointer, 'the list of shapes', SHAPE)
      const id = i32[(pointer << 1) + S_ID]!
      if (ids.has(id)) throw corrupt(name, `two shapes have the number ${id}`)
      if (!ids.has(i32[(pointer << 1) + S_PARENT]!)) throw corrupt(name, `shape ${id} comes before its parent`)
      ids.add(id)
      this.#mark(i32[(pointer << 1) + S_NAME]!, `shape ${id}`)
    }
    if (ids.size - 1 !== i32[base + H_SHAPES])
      throw corrupt(name, `there are ${ids.size - 1} shapes, ${i32[base + H_SHAPES]} are counted`)
  }

  /** A structure, and all below it. */
  structure(first: number): void {
    this.#mark(first, 'the header', MAP)
    this.#below(first)
  }

  /** A shared object, and what it owns. */
  shared(pointer: number, classes: number): void {
    const { arena, name } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    const kind = i32[b + 1]! & 0xff
    this.#mark(pointer, 'the heap', OBJECT, ARRAY, TOMBSTONE)
    if (kind === TOMBSTONE) return
    if (kind === ARRAY ? i32[b + A_ROOT] !== NO_ROOT : i32[b + O_ROOT]! > 0 || i32[b + O_ROOT]! < -classes)
      throw corrupt(name, `the shared object at ${pointer} is of class ${-i32[b + O_ROOT]!}, of ${classes}`)
    this.#below(pointer, this.#core.collector.isDoomed(pointer))
  }

  /** What participants hold. A pointer may be what a reader is about to look at, so it may lead anywhere; the blocks may not. */
  holds(): void {
    const { i32, base } = this.#core.arena
    for (let hold = i32[base + H_COLLECTOR + G_HOLDS]!; hold !== 0; hold = i32[(hold << 1) + HOLD_NEXT]!) {
      this.#mark(hold, 'the list of holds', HOLD)
      const room = i32[(hold << 1) + HOLD_ROOM]!
      const units = this.#core.blocks.unitsOf(hold)
      if (room < 0 || HOLD_FIRST + room > 2 * units)
        throw corrupt(this.#core.name, `holds at ${hold} have room for ${room} in ${units} units`)
    }
  }

  #reference(word: number, from: number): void {
    const { i32 } = this.#core.arena
    if (i32[word + 1] !== TAG_REF) return
    const pointer = i32[word]!
    if (!this.#living.has(pointer) || (i32[(pointer << 1) + 1]! & GRAPH) === 0)
      throw corrupt(this.#core.name, `a reference in block ${from} leads to ${pointer}, where no shared object lies`)
  }

  /** @param isDoomed it is about to be freed, and some of what it leads to is free already. */
  #below(first: number, isDoomed: boolean = false): void {
    const stack = [first]
    while (stack.length > 0) {
      const pointer = stack.pop()!
      const header = this.#core.arena.i32[(pointer << 1) + 1]!
      this.#check(pointer, header & 0xff)
      const shared = (header & SHARED) !== 0
      this.#core.graph.parts(
        pointer,
        (word) => {
          const block = this.#core.graph.blockAt(word)
          if (block === 0) return isDoomed ? undefined : this.#reference(word, pointer)
          // Inside a value with shared references a block may be reached again.
          if (shared && this.#seen.has(block)) return
          this.#mark(block, `a slot of block ${pointer}`)
          stack.push(block)
        },
        (block) => {
          this.#mark(block, `block ${pointer}`, MAP, DIRECTORY, BUCKET, ENTRY, CHUNK, CHUNKS, WATCH, MESSAGE)
          const kind = this.#core.arena.i32[(block << 1) + 1]! & 0xff
          if (kind === MAP || kind === WATCH) stack.push(block)
        },
      )
    }
  }

  finish(): void {
    const { arena, name } = this.#core
    for (const [bell, queues] of this.#bells.entries()) {
      const counted = arena.i32[arena.base + H_QUEUE_BELLS + QUEUE_BELL_STEP * bell + BELL_QUEUES]
      if (counted !== queues) throw corrupt(name, `bell ${bell} counts ${counted} queues and has ${queues}`)
    }
    if (this.#seen.size === this.#living.size) return
    statistics(this.#core, (pointer) => {
      if (this.#seen.has(pointer)) return
      const kind = this.#core.arena.i32[(pointer << 1) + 1]! & 0xff
      throw corrupt(
        this.#core.name,
        `${this.#living.size - this.#seen.size} block(s) live that nothing leads to, the first at ${pointer}, of the kind ${kind}`,
      )
    })
  }

  #check(pointer: number, kind: number): void {
    const { arena, blocks, shapes, name } = this.#core
    const { i32 } = arena
    const b = pointer << 1
    const room = blocks.unitsOf(pointer)
    if (kind === MAP) this.#checkMap(pointer)
    else if (kind === ARRAY) {
      if (
        i32[b + A_LENGTH]! < 0 ||
        i32[b + A_FIRST]! < 0 ||
        i32[b + A_FIRST]! + i32[b + A_LENGTH]! > i32[b + A_ROOM]!
      ) {
        throw corrupt(name, `the array at ${pointer} has ${i32[b + A_LENGTH]} elements and room for ${i32[b + A_ROOM]}`)
      }
    } else if (kind === OBJECT) {
      if (i32[b + O_SHAPE] !== TABLE) {
        const count = shapes.get(i32[b + O_SHAPE]!).keys.length
        const fits =
          i32[b + O_OUTSIDE] === 0
            ? room - 3
            : (this.#living.has(i32[b + O_OUTSIDE]!) ? blocks.unitsOf(i32[b + O_OUTSIDE]!) : 0) - 1
        if (count > i32[b + O_ROOM]! || i32[b + O_ROOM]! > fits)
          throw corrupt(name, `the object at ${pointer} has ${count} properties and room for ${i32[b + O_ROOM]}`)
      }
    } else if (kind === TUPLE) {
      if (i32[b + 3]! < 0 || i32[b + 3]! > room - 2)
        throw corrupt(name, `the tuple at ${pointer} has ${i32[b + 3]} parts`)
    } else if (kind === QUEUE) this.#checkQueue(pointer)
    else if (kind === 0 || kind > KINDS_LAST) throw corrupt(name, `block ${pointer} is of the kind ${kind}`)
  }

  #checkQueue(queue: number): void {
    const { arena, name } = this.#core
    const { i32 } = arena
    const q = queue << 1
    const store = new QueueStore(this.#core, queue)
    const check = (head: number, length: number, isTaken: boolean): { count: number; last: number } => {
      let count = 0
      let last = 0
      store.each(q + head, i32[q + length]!, (message) => {
        if (i32[(message << 1) + G_PREV] !== last) throw corrupt(name, `message ${message} does not lead back`)
        if ((i32[(message << 1) + G_TAKER] !== 0) !== isTaken)
          throw corrupt(name, `message ${message} is in the wrong list of its queue`)
        last = message
        count++
      })
      return { count, last }
    }
    const waiting = check(Q_FIRST, Q_SIZE, false)
    if (waiting.count !== i32[q + Q_SIZE] || waiting.last !== i32[q + Q_LAST])
      throw corrupt(name, `the queue at ${queue} counts ${i32[q + Q_SIZE]} messages and has ${waiting.count}`)
    const taken = check(Q_NEWEST, Q_TAKEN, true)
    if (taken.count !== i32[q + Q_TAKEN])
      throw corrupt(name, `the queue at ${queue} counts ${i32[q + Q_TAKEN]} messages taken and has ${taken.count}`)
    const bell = i32[q + Q_BELL]!
    if (!(bell >= 0 && bell < QUEUE_BELLS)) throw corrupt(name, `the queue at ${queue} has the bell ${bell}`)
    this.#bells[bell]!++
  }

  #checkMap(map: number): void {
    const { arena, index, name } = this.#core
    const { i32, f64 } = arena
    const m = map << 1
    const size = i32[m + M_SIZE]!
    let count = 0
    let prev = 0
    let sequence = 0
    index.each(map, (entry) => {
      const e = entry << 1
      count++
      if (i32[e + E_PREV] !== prev) throw corrupt(name, `entry ${entry} does not lead back`)
      if (i32[e + E_MAP] !== map) throw corrupt(name, `entry ${entry} belongs to another map`)
      if (!(f64[entry + E_SEQUENCE]! > sequence)) throw corrupt(name, `entry ${entry} is out of order`)
      sequence = f64[entry + E_SEQUENCE]!
      const key = index.keyOf(entry)
      if (index.hash(key) !== i32[e + E_HASH]) throw corrupt(name, `entry ${entry} has the wrong hash`)
      if (index.find(map, i32[e + E_HASH]!, key) !== entry)
        throw corrupt(name, `entry ${entry} is in the list but not in the index`)
      prev = entry
    })
    if (count !== size || i32[m + M_TAIL] !== prev || (count === 0) !== (i32[m + M_HEAD] === 0))
      throw corrupt(name, `the map at ${map} counts ${size} entries and has ${count}`)
    if (!(f64[map + M_SEQUENCE]! > sequence)) throw corrupt(name, `the map at ${map} would number entries anew`)
    this.#checkBuckets(map, size)
  }

  #checkBuckets(map: number, size: number): void {
    const { arena, index, name } = this.#core
    const { i32 } = arena
    const directory = i32[(map << 1) + M_DIRECTORY]!
    if (directory === 0) {
      if (size !== 0) throw corrupt(name, `the map at ${map} has entries and no index`)
      return
    }
    const d = directory << 1
    const depth = index.buckets.depthOf(directory)
    let entries = 0
    let deep = 0
    const firsts = new Set<number>()
    for (let i = 0; i < 1 << depth; i++) {
      const first = i32[d + D_FIRST + i]!
      const local = i32[(first << 1) + B_LOCAL]! >> 8
      if (local > depth) throw corrupt(name, `bucket ${first} is deeper than its directory`)
      const start = (i >> (depth - local)) << (depth - local)
      if (i32[d + D_FIRST + start] !== first)
        throw corrupt(name, `bucket ${first} is in the wrong place of its directory`)
      if (!firsts.has(first) && local === depth) deep++
      firsts.add(first)
    }
    if (deep !== i32[d + D_DEEP])
      throw corrupt(name, `a directory counts ${i32[d + D_DEEP]} deep buckets and has ${deep}`)
    index.buckets.eachBucket(directory, (bucket) => {
      let filled = 0
      for (let i = 0; i < B_SLOTS; i++) {
        const entry = i32[(bucket << 1) + B_FIRST + 2 * i + 1]!
        if (entry === 0) continue
        filled++
        if (i32[(entry << 1) + E_MAP] !== map || i32[(entry << 1) + E_HASH] !== i32[(bucket << 1) + B_FIRST + 2 * i]) {
          throw corrupt(name, `bucket ${bucket} leads to ${entry}, which is no entry of its map`)
        }
      }
      if (filled !== (i32[(bucket << 1) + B_LOCAL]! & 0xff)) throw corrupt(name, `bucket ${bucket} counts wrong`)
      entries += filled
    })
    if (entries !== size) throw corrupt(name, `the index of the map at ${map} has ${entries} entries, the list ${size}`)
  }
}
