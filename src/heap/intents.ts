// heap: what is freed in steps, because no log holds it. An intent is what the header says remains to be done; it is committed
// together with what makes it right, and from then on it will be done, by whoever has the lock.
//
//   word of the header   INTENT | A               | B               | C               | D
//                        -------+-----------------+-----------------+-----------------+--------------------
//                        NONE   | -               | -               | -               | -
//                        FREE   | slot, low       | slot, high      | owner, if shared| -     what the slot led to
//                        UNMARK | map             | -               | -               | -     flags DOOMED mean nothing
//                        DELETE | map             | entry, or 0     | -               | -     0: all that are DOOMED
//                        CLEAR  | map             | -               | -               | -
//                        CUT    | list            | from            | count           | -     frees those elements
//                        CLOSE  | list            | from            | count           | moved moves others to their places
//                        TRIM   | list            | -               | -               | -     frees chunks beyond the ends
//
// Who writes: the holder of the lock, logged. The lock stays taken from the first step to the last, and the versions odd, so
// nobody ever sees an intent but who repairs.
//
// Crash windows: killed before the intent is committed → nothing has happened (UNMARK: flags remain, the next one takes them
// off). Killed later → the step that was begun is undone, and whoever comes next begins the intent anew. Nothing is taken
// while an intent stands, so all that was freed is still what it was: each round finds every block again, and frees
// those that still live.

import { MemlaneError } from '../errors.js'
import type { Core } from './core.js'
import { corrupt } from './corrupt.js'
import { H_INTENT, H_INTENT_A, H_INTENT_B, H_INTENT_C, H_INTENT_D } from './heap.layout.js'
import { A_FIRST, A_LENGTH, A_ROOM, A_STORE, FLAT } from './kinds/list/list.layout.js'
import { ListStore } from './kinds/list/store.js'
import {
  DOOMED,
  E_HASH,
  E_NEXT,
  E_VALUE,
  M_DIRECTORY,
  M_EPOCH,
  M_HEAD,
  M_SIZE,
  M_WATCH,
} from './kinds/map/map.layout.js'
import { ARRAY, CONST_UNDEFINED, MAP, OBJECT, TAG_CONST, TAG_STRING } from './values/values.layout.js'
import { CHANGE_DELETE } from './watch/watch.layout.js'

const NONE = 0
export const FREE: number = 1
const UNMARK = 2
export const DELETE_ENTRIES: number = 3
export const CLEAR: number = 4
export const CUT: number = 5
const CLOSE = 6
const TRIM = 7

/** Most words of the log that freeing one block takes: its bitmap, its span's count and list, its pages. */
const BLOCK_WORDS = 24
/** Most words of the log that any other single step takes: an entry that is removed, its bucket that is joined with another. */
export const STEP_WORDS: number = 432
/** Blocks freed in one step, and elements moved, at most: more gain nothing. */
const BLOCKS_MAX = 64
const MOVES = 64

/** Leaves of an old value that are looked at for room. */
const LEAVES_MAX = 4096

export class Intents {
  readonly #core: Core
  readonly #blocksMax: number
  #freed = 0

  constructor(core: Core) {
    const { arena, blocks } = core
    this.#core = core
    // A block of many pages takes a word of the log for each 32 of them.
    const room = arena.logRoom - Math.ceil(blocks.pagesMax / 32)
    this.#blocksMax = Math.max(1, Math.min(BLOCKS_MAX, Math.floor(room / BLOCK_WORDS)))
    arena.resume = () => this.#finish()
  }

  /**
   * Commits the open change together with an intent, and does what it says. Only for an outermost change, as its last act.
   *
   * @throws what the engine or damage throws: then this handle has given itself up, and the others finish it.
   */
  carryOut(kind: number, a: number, b: number = 0, c: number = 0): void {
    const { arena } = this.#core
    // What others see of an entry changes with the commit.
    if (kind === DELETE_ENTRIES) arena.touchPrefix(0, 0)
    this.#state(kind, a, b, c)
    arena.commitStep()
    this.#run()
  }

  /** Deletes entries in one step for everybody, however many. @returns how many there were. */
  deleteMarked(map: number, find: () => Iterable<number>): number {
    const { arena } = this.#core
    const { i32 } = arena
    this.#state(UNMARK, map)
    arena.commitStep()
    let count = 0
    try {
      for (const entry of find()) {
        const header = (entry << 1) + 1
        if (entry === 0 || (i32[header]! & DOOMED) !== 0) continue
        count++
        i32[header] = i32[header]! | DOOMED
      }
      arena.touchPrefix(0, 0)
      this.#state(DELETE_ENTRIES, map)
      arena.commitStep()
    } finally {
      this.#run()
    }
    return count
  }

  /**
   * Stores a slot over another one, and frees what that led to in steps; the last act of an outermost change.
   *
   * @param owner root of the value, where the slot is part of one with shared references; else 0.
   * @param note notes the change for watchers.
   */
  replaceInSteps(word: number, low: number, high: number, owner: number, note: () => void): void {
    const { arena } = this.#core
    const oldLow = arena.i32[word]!
    const oldHigh = arena.i32[word + 1]!
    arena.put2(word, low, high)
    note()
    this.carryOut(FREE, oldLow, oldHigh, owner)
  }

  /**
   * Stores a value over another one where there is no block left: it may take the blocks of that one. The last act of a change.
   *
   * @param encode leaves its slot in the encoder.
   * @throws MemlaneError `ERR_NO_SPACE`; `ERR_STALE` when code of the user's that runs in between changes anything.
   */
  replaceInPlace(word: number, owner: number, encode: () => void, note: () => void): void {
    const { arena, blocks, encoder, graph, name } = this.#core
    const { joins } = arena
    const oldLow = arena.i32[word]!
    const oldHigh = arena.i32[word + 1]!
    const old: number[] = []
    const add = (block: number): unknown => old.push(block)
    arena.put2(word, CONST_UNDEFINED, TAG_CONST)
    if (owner === 0) graph.each(oldLow, oldHigh, add)
    else graph.eachLost([oldLow, oldHigh], owner, add)
    if (arena.depth === 1 && old.length > arena.logRoom / BLOCK_WORDS) {
      arena.put2(word, oldLow, oldHigh)
      return this.#replaceInPlaceInSteps(word, owner, encode, note)
    }
    const left = blocks.reusing(old, () => {
      encode()
      if (arena.joins !== joins) throw changedInside(name)
      arena.put2(word, encoder.low, encoder.high)
      note()
    })
    for (const block of left) graph.free(block)
  }

  /**
   * The same where the log cannot hold what becomes free, either. The value may take only blocks that nothing hangs on and one
   * slot leads to: they are cut off from the old value, which is freed in steps.
   */
  #replaceInPlaceInSteps(word: number, owner: number, encode: () => void, note: () => void): void {
    const { arena, blocks, encoder, name } = this.#core
    const { joins } = arena
    const leaves = this.#leavesBelow(word)
    const left = new Set(
      blocks.reusing([...leaves.keys()], () => {
        encode()
        if (arena.joins !== joins) throw changedInside(name)
        note()
      }),
    )
    for (const [leaf, slot] of leaves) if (!left.has(leaf)) arena.put2(slot, CONST_UNDEFINED, TAG_CONST)
    this.replaceInSteps(word, encoder.low, encoder.high, owner, () => {})
  }

  /** Some of the leaves of a value, each with the word of the slot that leads there. */
  #leavesBelow(word: number): Map<number, number> {
    const { arena, graph } = this.#core
    const { i32 } = arena
    const leaves = new Map<number, number>()
    const seen = new Set<number>()
    const stack = [graph.blockAt(word)]
    while (stack.length > 0 && leaves.size < LEAVES_MAX) {
      const block = stack.pop()!
      if (block === 0 || seen.has(block)) continue
      seen.add(block)
      graph.parts(
        block,
        (slot) => {
          const below = graph.blockAt(slot)
          if (below === 0) return
          if (i32[slot + 1] === TAG_STRING || (!graph.isShared(below) && this.#isLeaf(below))) leaves.set(below, slot)
          else stack.push(below)
        },
        () => {},
      )
    }
    return leaves
  }

  #isLeaf(block: number): boolean {
    const { graph } = this.#core
    let leaf = (this.#core.arena.i32[(block << 1) + 1]! & 0xff) === OBJECT
    if (!leaf) return false
    graph.parts(
      block,
      (slot) => {
        if (graph.blockAt(slot) !== 0) leaf = false
      },
      () => {
        leaf = false
      },
    )
    return leaf
  }

  #state(kind: number, a: number = 0, b: number = 0, c: number = 0): void {
    const { arena } = this.#core
    arena.put2(arena.base + H_INTENT, kind, a)
    arena.put2(arena.base + H_INTENT_B, b, c)
    arena.put(arena.base + H_INTENT_D, 0)
  }

  #run(): void {
    try {
      this.#finish()
    } catch (error) {
      this.#core.arena.giveUp(error)
      throw error
    }
  }

  #finish(): void {
    const { arena, index, name } = this.#core
    const { i32, base } = arena
    index.buckets.frugal = true
    try {
      for (let kind = i32[base + H_INTENT]!; kind !== NONE; kind = i32[base + H_INTENT]!) {
        const a = i32[base + H_INTENT_A]!
        const b = i32[base + H_INTENT_B]!
        const c = i32[base + H_INTENT_C]!
        this.#freed = 0
        if (kind === FREE) this.#free(a, b, c)
        else if (kind === UNMARK) this.#unmark(a)
        else if (kind === DELETE_ENTRIES) this.#delete(a, b)
        else if (kind === CLEAR) this.#clear(a)
        else if (kind === CUT) this.#cut(a, b, c)
        else if (kind === CLOSE) this.#close(a, b, c)
        else if (kind === TRIM) this.#trim(a)
        else throw corrupt(name, `its header has an intent of the kind ${kind}`)
      }
    } finally {
      index.buckets.frugal = false
    }
  }

  #step(): void {
    this.#freed = 0
    this.#core.arena.commitStep()
  }

  /** Frees a block, unless an earlier round has. */
  readonly #freeOne: (block: number) => void = (block) => {
    const { blocks, graph } = this.#core
    if (!blocks.lives(block)) return
    graph.free(block)
    if (++this.#freed >= this.#blocksMax) this.#step()
  }

  #free(low: number, high: number, owner: number): void {
    const { graph } = this.#core
    if (owner === 0) graph.each(low, high, this.#freeOne)
    else graph.eachLost([low, high], owner, this.#freeOne)
    this.#state(NONE)
    this.#step()
  }

  /** The entries of a map, each of which may be removed when it is visited. */
  #eachEntry(map: number, visit: (entry: number) => void): void {
    const { arena, name } = this.#core
    const { i32 } = arena
    if ((i32[(map << 1) + 1]! & 0xff) !== MAP) throw corrupt(name, 'its header has an intent for what is no map')
    let left = Math.min(i32[(map << 1) + M_SIZE]! >>> 0, i32.length / 12)
    for (let entry = i32[(map << 1) + M_HEAD]!; entry !== 0; ) {
      if (--left < 0) throw corrupt(name, 'a map has more entries than it counts')
      const next = i32[(entry << 1) + E_NEXT] ?? 0
      visit(entry)
      entry = next
    }
  }

  #unmark(map: number): void {
    const { i32 } = this.#core.arena
    this.#eachEntry(map, (entry) => {
      const header = (entry << 1) + 1
      if ((i32[header]! & DOOMED) === 0) return
      i32[header] = i32[header]! & ~DOOMED
    })
    this.#state(NONE)
    this.#step()
  }

  #delete(map: number, only: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    if (only !== 0) {
      this.#deleteEntry(map, only)
      this.#state(NONE)
      this.#step()
      return
    }
    this.#eachEntry(map, (entry) => {
      if ((i32[(entry << 1) + 1]! & DOOMED) === 0) return
      this.#deleteEntry(map, entry)
      this.#step()
    })
    // Buckets were left as they are. Where all have gone, so do they.
    this.#state(i32[(map << 1) + M_SIZE] === 0 ? CLEAR : NONE, map)
    this.#step()
  }

  /** All but the commit of its last step. */
  #deleteEntry(map: number, entry: number): void {
    const { arena, graph, index, watches } = this.#core
    const { i32 } = arena
    const e = entry << 1
    graph.each(i32[e + E_VALUE]!, i32[e + E_VALUE + 1]!, this.#freeOne)
    // One block more fits in.
    if (this.#freed > 1) this.#step()
    const watchWord = (map << 1) + M_WATCH
    const isWatched = i32[watchWord] !== 0
    index.remove(entry, isWatched)
    if (isWatched) watches.note(map, watchWord, CHANGE_DELETE, i32[e + E_HASH]!, undefined, entry)
  }

  #clear(map: number): void {
    const { arena, graph, index } = this.#core
    const { i32 } = arena
    const m = map << 1
    arena.touchPrefix(0, 0)
    this.#eachEntry(map, (entry) => {
      graph.each(i32[(entry << 1) + E_VALUE]!, i32[(entry << 1) + E_VALUE + 1]!, this.#freeOne)
      this.#freeOne(entry)
    })
    const directory = i32[m + M_DIRECTORY]!
    if (directory !== 0) {
      index.buckets.eachBucket(directory, this.#freeOne)
      this.#freeOne(directory)
    }
    this.#step()
    arena.put(m + M_DIRECTORY, 0)
    arena.put2(m + M_HEAD, 0, 0)
    arena.put(m + M_SIZE, 0)
    arena.put(m + M_EPOCH, (i32[m + M_EPOCH]! + 1) | 0)
    this.#state(NONE)
    this.#step()
  }

  // ---- lists

  #storeOf(list: number): ListStore {
    const { arena, name } = this.#core
    if ((arena.i32[(list << 1) + 1]! & 0xff) !== ARRAY)
      throw corrupt(name, 'its header has an intent for what is no list')
    // It takes nothing, so its stripe does not matter.
    return new ListStore(this.#core, list, 0)
  }

  #cut(list: number, from: number, count: number): void {
    const { arena, graph, name } = this.#core
    const { i32 } = arena
    const store = this.#storeOf(list)
    if (from < 0 || count < 0 || from + count > store.check())
      throw corrupt(name, 'its header has an intent for elements that there are not')
    for (let i = from; i < from + count; i++) graph.each(i32[store.word(i)]!, i32[store.word(i) + 1]!, this.#freeOne)
    this.#state(CLOSE, list, from, count)
    this.#step()
  }

  #close(list: number, from: number, count: number): void {
    const { arena } = this.#core
    const { i32, base } = arena
    const a = list << 1
    const store = this.#storeOf(list)
    const length = store.length()
    const tail = length - from - count
    const atFront = from < tail
    const moves = atFront ? from : tail
    for (let moved = i32[base + H_INTENT_D]!; moved < moves; ) {
      for (const end = Math.min(moves, moved + MOVES); moved < end; moved++) {
        if (atFront) store.move(from - 1 - moved, from - 1 - moved + count)
        else store.move(from + count + moved, from + moved)
      }
      arena.put(base + H_INTENT_D, moved)
      this.#step()
    }
    if (atFront) arena.put(a + A_FIRST, i32[a + A_FIRST]! + count)
    arena.put(a + A_LENGTH, length - count)
    this.#state(TRIM, list)
    this.#step()
  }

  #trim(list: number): void {
    const { arena } = this.#core
    const { i32 } = arena
    const a = list << 1
    const store = this.#storeOf(list)
    if (store.length() === 0) {
      store.eachSpareChunk(this.#freeOne)
      if (i32[a + A_STORE] !== 0) this.#freeOne(i32[a + A_STORE]!)
      this.#step()
      arena.put2(a + A_STORE, 0, 0)
      arena.put2(a + A_ROOM, 0, FLAT)
    } else {
      store.eachSpareChunk((chunk, word) => {
        arena.put(word, 0)
        this.#freeOne(chunk)
      })
    }
    this.#state(NONE)
    this.#step()
  }
}

function changedInside(name: string): MemlaneError {
  return new MemlaneError('ERR_STALE', `${JSON.stringify(name)} is full, and a getter in the new value has changed it`)
}
