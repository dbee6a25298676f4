// heap/kinds/map: where an entry is found by its hash. Extendible hashing after R. Fagin, J. Nievergelt, N. Pippenger and
// H. R. Strong (1979), with linear probing inside a bucket. No insertion ever moves more than one bucket's entries and,
// now and then, the directory; there is no long rehash.

import type { Arena } from '../../arena/arena.js'
import type { Allocator } from '../../blocks/allocator.js'
import { corrupt } from '../../corrupt.js'
import { BUCKET, DIRECTORY } from '../../values/values.layout.js'
import {
  B_FIRST,
  B_FULL,
  B_LOCAL,
  B_OVERFLOW,
  B_SLOTS,
  B_UNITS,
  D_DEEP,
  D_DEPTH,
  D_FIRST,
  DEPTH_MAX,
  M_DIRECTORY,
  M_SIZE,
} from './map.layout.js'

/** Two buckets that share a prefix become one when both together have no more entries than this. */
const MERGE_BELOW = 24
/** A bucket looks for its neighbour when it has no more entries than this. */
const LOOK_BELOW = 10
/** Directory words a merge may store at most; a heap whose directory is that lopsided keeps its small buckets. */
const MERGE_WORDS = 4096
/** The same where the log is all that there is. */
const MERGE_WORDS_FRUGAL = 32

export class Buckets {
  /** Takes no memory and few words of the log to remove an entry. Set only while that matters. */
  frugal: boolean = false
  readonly #arena: Arena
  readonly #blocks: Allocator

  constructor(arena: Arena, blocks: Allocator) {
    this.#arena = arena
    this.#blocks = blocks
  }

  /** First bucket for a hash; 0: the map is empty. */
  bucketOf(map: number, hash: number): number {
    const { i32 } = this.#arena
    const directory = i32[(map << 1) + M_DIRECTORY]! << 1
    if (directory === 0) return 0
    const depth = i32[directory + D_DEPTH]! & 31
    return i32[directory + D_FIRST + (depth === 0 ? 0 : hash >>> (32 - depth))]!
  }

  /**
   * Depth of a directory. Whoever changes buckets, or goes through all of them, goes by that.
   *
   * @throws MemlaneError `ERR_CORRUPT` when the block has no room for so many buckets.
   */
  depthOf(directory: number): number {
    const { i32, segment } = this.#arena
    const d = directory << 1
    const depth = i32[d + D_DEPTH] ?? -1
    const fits = depth >= 0 && depth <= DEPTH_MAX && this.#blocks.unitsOf(directory) >= 2 + (((1 << depth) + 1) >> 1)
    if (!fits || (i32[d + 1]! & 0xff) !== DIRECTORY) throw corrupt(segment.name, `a directory of depth ${depth}`)
    return depth
  }

  /** First bucket for a hash, to change it. @throws MemlaneError `ERR_CORRUPT` when there is none. */
  #checkedBucketOf(map: number, hash: number): number {
    const { i32, segment } = this.#arena
    const depth = this.depthOf(i32[(map << 1) + M_DIRECTORY]!)
    const bucket = this.bucketOf(map, hash)
    const local = i32[(bucket << 1) + B_LOCAL]! >> 8
    if ((i32[(bucket << 1) + 1]! & 0xff) !== BUCKET || local < 0 || local > depth)
      throw corrupt(segment.name, `a directory of depth ${depth} leads to what is no bucket of it`)
    return bucket
  }

  // ---- insertion

  /** Adds an entry that is not there yet. */
  add(map: number, hash: number, entry: number): void {
    const { i32, segment } = this.#arena
    const m = map << 1
    if (i32[m + M_DIRECTORY] === 0) this.#firstBucket(map)
    for (let round = 0; round <= DEPTH_MAX + 1; round++) {
      const first = this.#checkedBucketOf(map, hash)
      const local = i32[(first << 1) + B_LOCAL]!
      const chained = i32[(first << 1) + B_OVERFLOW] !== 0
      if (((local & 0xff) < B_FULL && !chained) || !this.#split(map, hash, first, local >> 8)) {
        this.#place(first, hash, entry)
        return
      }
    }
    throw corrupt(segment.name, 'a bucket stays full however often it is split')
  }

  #firstBucket(map: number): void {
    const { i32 } = this.#arena
    const bucket = this.#emptyBucket(0)
    const directory = this.#blocks.take(2 + 1, DIRECTORY, 0)
    const d = directory << 1
    i32[d + D_DEPTH] = 0
    i32[d + D_DEEP] = 1
    i32[d + D_FIRST] = bucket
    this.#arena.touchPrefix(0, 0)
    this.#arena.put((map << 1) + M_DIRECTORY, directory)
  }

  #emptyBucket(depth: number): number {
    const { i32 } = this.#arena
    const bucket = this.#blocks.take(B_UNITS, BUCKET, 0)
    const b = bucket << 1
    i32[b + B_LOCAL] = depth << 8
    i32[b + B_OVERFLOW] = 0
    i32.fill(0, b + B_FIRST, b + B_FIRST + 2 * B_SLOTS)
    return bucket
  }

  /** Into the first free slot of the chain that begins here; a full chain gets a further bucket. */
  #place(first: number, hash: number, entry: number): void {
    const arena = this.#arena
    const { i32, segment } = arena
    let bucket = first
    for (let hops = 0; hops < i32.length; hops++) {
      const b = bucket << 1
      const local = i32[b + B_LOCAL]!
      if ((local & 0xff) < (hops === 0 && i32[b + B_OVERFLOW] === 0 ? B_FULL : B_SLOTS)) {
        let i = ((hash & 0xffff) * B_SLOTS) >>> 16
        for (let n = 0; n < B_SLOTS; n++) {
          const slot = b + B_FIRST + (i << 1)
          if (i32[slot + 1] === 0) {
            arena.put2(slot, hash, entry)
            arena.put(b + B_LOCAL, local + 1)
            return
          }
          i = i + 1 === B_SLOTS ? 0 : i + 1
        }
        throw corrupt(segment.name, 'a bucket has fewer free slots than it counts')
      }
      const next = i32[b + B_OVERFLOW]!
      if (next === 0) {
        const further = this.#emptyBucket(local >> 8)
        fill(i32, further << 1, hash, entry)
        arena.put(b + B_OVERFLOW, further)
        return
      }
      bucket = next
    }
    throw corrupt(segment.name, 'a chain of buckets does not end')
  }

  /** Parts a bucket (and its chain) by the next bit of the hash. @returns false when that would not help. */
  #split(map: number, hash: number, first: number, local: number): boolean {
    const arena = this.#arena
    const { i32 } = arena
    const m = map << 1
    // The directory stays below a quarter of the entries, whatever hashes come: then chains take over.
    if (local >= DEPTH_MAX || 1 << (local + 1) > Math.max(4, i32[m + M_SIZE]! >> 2)) return false
    const bit = 1 << (31 - local)
    let ones = 0
    let total = 0
    this.#eachSlot(first, (slot) => {
      total++
      if ((i32[slot]! & bit) !== 0) ones++
    })
    if (i32[(first << 1) + B_OVERFLOW] !== 0 && (ones === 0 || ones === total)) return false
    arena.touchPrefix(hash, local)
    let directory = i32[m + M_DIRECTORY]! << 1
    if (i32[directory + D_DEPTH] === local) directory = this.#double(map)
    const low = this.#emptyBucket(local + 1)
    const high = this.#emptyBucket(local + 1)
    this.#eachSlot(first, (slot) => this.#fillChain((i32[slot]! & bit) === 0 ? low : high, i32[slot]!, i32[slot + 1]!))
    const depth = i32[directory + D_DEPTH]!
    const span = 1 << (depth - local)
    const start = local === 0 ? 0 : (hash >>> (32 - local)) << (depth - local)
    for (let i = 0; i < span; i++) arena.put(directory + D_FIRST + start + i, i < span >> 1 ? low : high)
    if (local + 1 === depth) arena.put(directory + D_DEEP, i32[directory + D_DEEP]! + 2)
    this.#freeChain(first)
    return true
  }

  /** Into a chain nobody else can see yet. */
  #fillChain(first: number, hash: number, entry: number): void {
    const { i32 } = this.#arena
    let b = first << 1
    while ((i32[b + B_LOCAL]! & 0xff) >= B_SLOTS) {
      if (i32[b + B_OVERFLOW] === 0) {
        const further = this.#emptyBucket(i32[b + B_LOCAL]! >> 8)
        i32[b + B_OVERFLOW] = further
      }
      b = i32[b + B_OVERFLOW]! << 1
    }
    fill(i32, b, hash, entry)
  }

  #double(map: number): number {
    const arena = this.#arena
    const { i32 } = arena
    const old = i32[(map << 1) + M_DIRECTORY]!
    const o = old << 1
    const depth = i32[o + D_DEPTH]!
    const directory = this.#blocks.take(2 + (1 << depth), DIRECTORY, 0)
    const d = directory << 1
    i32[d + D_DEPTH] = depth + 1
    i32[d + D_DEEP] = 0
    for (let i = 0; i < 1 << depth; i++) {
      const bucket = i32[o + D_FIRST + i]!
      i32[d + D_FIRST + 2 * i] = bucket
      i32[d + D_FIRST + 2 * i + 1] = bucket
    }
    arena.touchPrefix(0, 0)
    arena.put((map << 1) + M_DIRECTORY, directory)
    this.#blocks.drop(old)
    return d
  }

  // ---- removal

  /** Takes an entry out. */
  remove(map: number, hash: number, entry: number): void {
    const arena = this.#arena
    const { i32, segment } = arena
    const first = this.#checkedBucketOf(map, hash)
    let bucket = first
    for (let hops = 0; bucket !== 0 && hops < i32.length; hops++) {
      const b = bucket << 1
      let i = ((hash & 0xffff) * B_SLOTS) >>> 16
      for (let n = 0; n < B_SLOTS; n++) {
        const slot = b + B_FIRST + (i << 1)
        const found = i32[slot + 1]!
        if (found === 0) break
        if (found === entry) {
          this.#closeGap(b, i)
          const local = i32[b + B_LOCAL]! - 1
          arena.put(b + B_LOCAL, local)
          if (i32[(map << 1) + M_SIZE] === 0 && !this.frugal) this.drop(map)
          else if ((local & 0xff) === 0 && bucket !== first) this.#dropOverflow(hash, local >> 8, first, bucket)
          else if ((local & 0xff) <= LOOK_BELOW && bucket === first) this.#merge(map, hash)
          return
        }
        i = i + 1 === B_SLOTS ? 0 : i + 1
      }
      bucket = i32[b + B_OVERFLOW]!
    }
    throw corrupt(segment.name, 'an entry is not where its hash leads')
  }

  /** Moves later entries of the probe sequence down, so that no free slot lies before them. */
  #closeGap(b: number, from: number): void {
    const arena = this.#arena
    const { i32 } = arena
    let gap = from
    let i = from
    for (let n = 0; n < B_SLOTS; n++) {
      i = i + 1 === B_SLOTS ? 0 : i + 1
      const slot = b + B_FIRST + (i << 1)
      const entry = i32[slot + 1]!
      if (entry === 0) break
      const hash = i32[slot]!
      const home = ((hash & 0xffff) * B_SLOTS) >>> 16
      const stays = gap < i ? home > gap && home <= i : home > gap || home <= i
      if (stays) continue
      arena.touch(hash >>> 26)
      arena.put2(b + B_FIRST + (gap << 1), hash, entry)
      gap = i
    }
    arena.put2(b + B_FIRST + (gap << 1), 0, 0)
  }

  #dropOverflow(hash: number, local: number, first: number, bucket: number): void {
    const arena = this.#arena
    const { i32 } = arena
    // Readers of other hashes walk this chain too, and the bucket may soon be something else.
    arena.touchPrefix(hash, local)
    let b = first << 1
    for (let hops = 0; hops < i32.length && i32[b + B_OVERFLOW] !== bucket; hops++) {
      b = i32[b + B_OVERFLOW]! << 1
      if (b === 0) throw corrupt(arena.segment.name, 'an overflow bucket is in no chain')
    }
    arena.put(b + B_OVERFLOW, i32[(bucket << 1) + B_OVERFLOW]!)
    this.#blocks.drop(bucket)
  }

  /**
   * Joins a bucket with its neighbour when both are nearly empty, and halves the directory when it can be. The entries of the
   * emptier one move into the other: a map can be emptied in a heap that has no block left.
   */
  #merge(map: number, hash: number): void {
    const arena = this.#arena
    const { i32 } = arena
    const m = map << 1
    const directory = i32[m + M_DIRECTORY]! << 1
    const depth = i32[directory + D_DEPTH]!
    const bucket = this.bucketOf(map, hash)
    const local = i32[(bucket << 1) + B_LOCAL]! >> 8
    if (local === 0) return
    const neighbour = this.#checkedBucketOf(map, hash ^ (1 << (32 - local)))
    const a = bucket << 1
    const b = neighbour << 1
    const words = 1 << (depth - local + 1)
    if (i32[b + B_LOCAL]! >> 8 !== local || i32[a + B_OVERFLOW] !== 0 || i32[b + B_OVERFLOW] !== 0) return
    const most = this.frugal ? MERGE_WORDS_FRUGAL : MERGE_WORDS
    if ((i32[a + B_LOCAL]! & 0xff) + (i32[b + B_LOCAL]! & 0xff) > MERGE_BELOW || words > most) return
    arena.touchPrefix(hash, local - 1)
    const joined = (i32[a + B_LOCAL]! & 0xff) < (i32[b + B_LOCAL]! & 0xff) ? neighbour : bucket
    const emptied = joined === bucket ? neighbour : bucket
    arena.put((joined << 1) + B_LOCAL, ((local - 1) << 8) | (i32[(joined << 1) + B_LOCAL]! & 0xff))
    this.#eachSlot(emptied, (slot) => this.#place(joined, i32[slot]!, i32[slot + 1]!))
    const start = local === 1 ? 0 : (hash >>> (33 - local)) << (depth - local + 1)
    for (let i = 0; i < words; i++)
      if (i32[directory + D_FIRST + start + i] !== joined) arena.put(directory + D_FIRST + start + i, joined)
    this.#blocks.drop(emptied)
    if (local === depth) arena.put(directory + D_DEEP, i32[directory + D_DEEP]! - 2)
    if (i32[directory + D_DEEP] === 0 && depth > 0 && !this.frugal) this.#halve(map)
  }

  #halve(map: number): void {
    const arena = this.#arena
    const { i32 } = arena
    const old = i32[(map << 1) + M_DIRECTORY]!
    const o = old << 1
    const depth = i32[o + D_DEPTH]! - 1
    const directory = this.#blocks.tryTake(2 + Math.ceil((1 << depth) / 2), DIRECTORY, 0)
    // The next merge tries again.
    if (directory === 0) return
    const d = directory << 1
    let deep = 0
    for (let i = 0; i < 1 << depth; i++) {
      const bucket = i32[o + D_FIRST + 2 * i]!
      i32[d + D_FIRST + i] = bucket
      if (i32[(bucket << 1) + B_LOCAL]! >> 8 === depth) deep++
    }
    i32[d + D_DEPTH] = depth
    i32[d + D_DEEP] = deep
    arena.touchPrefix(0, 0)
    arena.put((map << 1) + M_DIRECTORY, directory)
    this.#blocks.drop(old)
  }

  /** Frees the whole index: the map is empty. */
  drop(map: number): void {
    const arena = this.#arena
    const { i32 } = arena
    const directory = i32[(map << 1) + M_DIRECTORY]!
    if (directory === 0) return
    arena.touchPrefix(0, 0)
    this.eachBucket(directory, (bucket) => this.#blocks.drop(bucket))
    this.#blocks.drop(directory)
    arena.put((map << 1) + M_DIRECTORY, 0)
  }

  /** Visits every bucket of a directory once, overflow chains included. */
  eachBucket(directory: number, visit: (bucket: number) => void): void {
    const { i32, segment } = this.#arena
    const d = directory << 1
    const depth = this.depthOf(directory)
    let budget = i32.length / (2 * B_UNITS)
    for (let i = 0; i < 1 << depth; ) {
      const first = i32[d + D_FIRST + i]!
      const local = Math.min(depth, i32[(first << 1) + B_LOCAL]! >>> 8)
      for (let bucket = first; bucket !== 0; ) {
        if (--budget < 0) throw corrupt(segment.name, 'a chain of buckets does not end')
        const next = i32[(bucket << 1) + B_OVERFLOW] ?? 0
        visit(bucket)
        bucket = next
      }
      i += 1 << (depth - local)
    }
  }

  #eachSlot(first: number, visit: (slot: number) => void): void {
    const { i32, segment } = this.#arena
    let hops = 0
    for (let bucket = first; bucket !== 0; bucket = i32[(bucket << 1) + B_OVERFLOW] ?? 0) {
      if (++hops > i32.length / (2 * B_UNITS)) throw corrupt(segment.name, 'a chain of buckets does not end')
      const b = (bucket << 1) + B_FIRST
      for (let i = 0; i < B_SLOTS; i++) {
        if (i32[b + 2 * i + 1]! !== 0) visit(b + 2 * i)
      }
    }
  }

  #freeChain(first: number): void {
    const { i32 } = this.#arena
    for (let bucket = first, hops = 0; bucket !== 0 && hops < i32.length; hops++) {
      const next = i32[(bucket << 1) + B_OVERFLOW]!
      this.#blocks.drop(bucket)
      bucket = next
    }
  }
}

/** Into a bucket with room that nobody else can see yet. */
function fill(i32: Int32Array, b: number, hash: number, entry: number): void {
  let i = ((hash & 0xffff) * B_SLOTS) >>> 16
  for (let n = 0; n < B_SLOTS; n++) {
    const slot = b + B_FIRST + (i << 1)
    if (i32[slot + 1] === 0) {
      i32[slot] = hash
      i32[slot + 1] = entry
      i32[b + B_LOCAL] = i32[b + B_LOCAL]! + 1
      return
    }
    i = i + 1 === B_SLOTS ? 0 : i + 1
  }
}
