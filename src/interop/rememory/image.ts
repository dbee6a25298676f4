// interop/rememory: a copy of a container's pickle in this process, and where each item is in it.
//
// The package reads and writes the whole pickle for every item. Here an access compares the shared bytes with the copy:
// where they are equal, a get decodes the bytes of one item, and a set replaces them. That works as long as no item refers
// to what stands in another one; then, and for what Python wrote in a shape that is not ours, all of it is decoded and encoded.
//
// Containers of up to EXACT items are written byte for byte as Python would. In larger ones no item refers to another.

import { MemlaneError } from '../../errors.js'
import {
  decodePart,
  encode,
  frame,
  type HashedKey,
  HEADER,
  hashKey,
  Machine,
  Pickler,
  type RootTarget,
  refuseForeign,
  type Sharing,
  type Special,
  setFrameLength,
} from './pickle/index.js'
import * as op from './pickle/opcodes.js'

/** Items up to which what Python would share is shared. */
export const EXACT = 64

/** An item encoded by itself. */
export interface Item {
  readonly bytes: Buffer
  /** Where in the bytes the value begins; before it is the key. */
  readonly value: number
  readonly pickler: Pickler
}

/** @throws MemlaneError `ERR_NOT_CLONEABLE`, `ERR_TYPE`, `ERR_RANGE`, `ERR_TOO_LARGE`. */
export function encodeItem(kind: 'dict' | 'list', key: unknown, value: unknown, sharing: Sharing = 'python'): Item {
  const pickler = new Pickler(sharing)
  if (kind === 'dict') pickler.save(key)
  const at = pickler.at
  pickler.save(value)
  return { bytes: pickler.bytes.subarray(0, pickler.at), value: at, pickler }
}

/** A key and its value; the key of a list's item is undefined. */
export type Pair = [key: unknown, value: unknown]

export class Image {
  readonly kind: 'dict' | 'list'
  readonly #what: string
  /** The copy, with some room. */
  #bytes: Buffer = Buffer.alloc(0)
  /** Bytes of the pickle; 0: nothing is known. */
  #end = 0
  /** What is no longer as the shared bytes were when they were last looked at: from here to there. */
  #dirty = Number.POSITIVE_INFINITY
  #dirtyTo = 0
  /** Bytes of the shared pickle. */
  #sharedEnd = 0
  readonly #starts: number[] = []
  readonly #values: number[] = []
  readonly #ends: number[] = []
  readonly #memos: number[] = []
  readonly #keys: unknown[] = []
  readonly #index = new Map<HashedKey, number>()
  #memo: readonly unknown[] = []
  #gets = 0
  #regular = false
  #doubled = false
  #classes = false
  #foreign: Special | undefined
  readonly #singles = new Set<string>()
  /** Set when the same single character stands there twice, as it does until Python writes it the next time. */
  #unshared = false

  constructor(kind: 'dict' | 'list', what: string) {
    this.kind = kind
    this.#what = what
  }

  get count(): number {
    return this.#starts.length
  }

  /** Bytes of the pickle. */
  get length(): number {
    return this.#end
  }

  get isDirty(): boolean {
    return this.#dirty !== Number.POSITIVE_INFINITY
  }

  /** Forgets all; the next {@link load} reads. */
  forget(): void {
    this.#end = 0
    this.#sharedEnd = 0
    this.#clean()
  }

  #clean(): void {
    this.#dirty = Number.POSITIVE_INFINITY
    this.#dirtyTo = 0
  }

  /** Makes the copy equal to the shared bytes. @throws MemlaneError `ERR_CORRUPT`, `ERR_MISMATCH` (a pickle of something else). */
  load(shared: Buffer): void {
    const end = this.#sharedEnd
    if (end > 0 && end <= shared.length && shared.compare(this.#bytes, 0, end, 0, end) === 0) return
    this.forget()
    if (shared[0] === 0) {
      // Made by Python a moment ago, or cut: Python reads that as empty, too, but only if all of it is zeros.
      if (shared.some((byte) => byte !== 0)) throw this.#corrupt('it begins with a zero')
      this.#setTo([])
      this.#sharedEnd = 0
      return
    }
    this.#parse(shared)
    this.#bytes = Buffer.from(shared.subarray(0, this.#end))
    this.#sharedEnd = this.#end
  }

  /** Finds the items of the pickle at the beginning of the bytes. */
  #parse(bytes: Buffer): void {
    this.#clear()
    const { kind } = this
    const root: RootTarget = {
      kind,
      item: (key, _value, start, middle, end, memo) => {
        let at = this.#starts.length
        if (kind === 'dict') {
          const hash = typeof key === 'object' && key !== null && !this.#canHash(key) ? `?${at}` : hashKey(key)
          const before = this.#index.get(hash)
          if (before !== undefined) {
            // The same key twice, as no Python writes it: the later value counts, at the place of the first.
            this.#doubled = true
            at = before
          }
          this.#index.set(hash, at)
        }
        if (at === this.#starts.length) this.#keys.push(key)
        this.#starts[at] = start
        this.#values[at] = middle
        this.#ends[at] = end
        this.#memos[at] = memo
      },
    }
    const machine = new Machine(bytes, 0, bytes.length, this.#what, { root })
    const value = machine.run()
    if (value !== root) {
      throw new MemlaneError('ERR_MISMATCH', `${this.#what}: the pickle in it is of another type, not a ${kind}`)
    }
    const end = machine.at
    this.#end = end
    this.#memo = machine.memo
    this.#gets = machine.gets
    this.#foreign = machine.foreign
    const [one, many] = kind === 'dict' ? [op.SETITEM, op.SETITEMS] : [op.APPEND, op.APPENDS]
    const closing = this.count === 1 ? one : many
    this.#regular =
      machine.frames === 1 &&
      machine.puts === 0 &&
      !this.#doubled &&
      bytes[2] === op.FRAME &&
      bytes.readUInt32LE(3) === end - HEADER &&
      bytes[end - 2] === closing &&
      this.#ends.at(-1) === end - 2
    for (const seen of machine.memo) {
      if (typeof seen !== 'string' || !isSingle(seen)) continue
      this.#unshared ||= this.#singles.has(seen)
      this.#singles.add(seen)
    }
    this.#classes = this.#foreign !== undefined || machine.classes
  }

  #canHash(key: unknown): boolean {
    try {
      hashKey(key)
      return true
    } catch (error) {
      if (error instanceof MemlaneError) return false
      throw error
    }
  }

  #clear(): void {
    for (const list of [this.#starts, this.#values, this.#ends, this.#memos, this.#keys]) list.length = 0
    this.#index.clear()
    this.#singles.clear()
    this.#doubled = false
    this.#unshared = false
  }

  // ---- looking

  find(key: unknown): number {
    return this.#index.get(hashKey(key)) ?? -1
  }

  /** A value, made anew. @throws MemlaneError `ERR_FOREIGN`. */
  value(at: number): unknown {
    const values = decodePart(
      this.#bytes,
      this.#values[at]!,
      this.#ends[at]!,
      this.#what,
      this.#memo,
      this.#memoAtValue(at),
    )
    return values === undefined ? this.pairs()[at]![1] : values[0]
  }

  /** What the memo held when the value began: what its key put there comes before. */
  #memoAtValue(at: number): number {
    if (this.#gets === 0) return 0
    let memo = this.#memos[at]!
    const start = this.#starts[at]!
    const value = this.#values[at]!
    if (value > start) {
      const machine = new Machine(this.#bytes, start, value, this.#what, { before: this.#memo, memoBase: memo })
      machine.runPart()
      memo += machine.memo.length
    }
    return memo
  }

  /** The keys, in their order. @throws MemlaneError `ERR_FOREIGN` when one is no plain data. */
  keys(): unknown[] {
    if (this.#foreign !== undefined && this.#keys.some((key) => key instanceof Object && !this.#canHash(key)))
      refuseForeign(this.#foreign, this.#what)
    return [...this.#keys]
  }

  /** All items, made anew. @throws MemlaneError `ERR_FOREIGN`. */
  pairs(): Pair[] {
    if (this.#end === 0) return []
    refuseForeign(this.#foreign, this.#what)
    const read = (maps?: Set<number>): [Pair[], Machine] => {
      const pairs: Pair[] = []
      const root: RootTarget = { kind: this.kind, item: (key, value) => pairs.push([key, value]) }
      const machine = new Machine(this.#bytes, 0, this.#end, this.#what, maps === undefined ? { root } : { root, maps })
      machine.run()
      return [pairs, machine]
    }
    let [pairs, machine] = read()
    if (machine.lateMaps !== undefined) [pairs, machine] = read(machine.lateMaps)
    if (!this.#doubled) return pairs
    const last = new Map<HashedKey, Pair>()
    for (const pair of pairs) {
      const first = last.get(hashKey(pair[0]))
      if (first === undefined) last.set(hashKey(pair[0]), pair)
      else first[1] = pair[1]
    }
    return [...last.values()]
  }

  // ---- changing the copy

  /** Sets the value of a key, or of a place in a list; -1 appends. */
  put(at: number, key: unknown, item: Item): void {
    const last = at < 0
    if (this.count > EXACT && item.pickler.gets > 0) item = apart(item, this.kind, this.#what)
    if (this.#canSplice(item, last)) {
      if (last) return this.#append(key, item)
      return this.#splice(at, item.bytes.subarray(item.value))
    }
    const pairs = this.pairs()
    const [newKey, value] = readItem(item, this.kind, this.#what)
    if (last) pairs.push([newKey, value])
    else pairs[at]![1] = value
    this.#setTo(pairs, last ? pairs.length - 1 : at)
  }

  remove(at: number): void {
    if (this.#regular && this.#gets === 0 && this.count > 2) {
      const start = this.#starts[at]!
      const end = this.#ends[at]!
      for (const list of [this.#starts, this.#values, this.#ends, this.#memos, this.#keys]) list.splice(at, 1)
      this.#replace(start, end, Buffer.alloc(0), at)
      if (this.kind === 'dict') {
        for (const [key, place] of this.#index) {
          if (place === at) this.#index.delete(key)
          else if (place > at) this.#index.set(key, place - 1)
        }
      }
      return
    }
    const pairs = this.pairs()
    pairs.splice(at, 1)
    this.#setTo(pairs)
  }

  /** Replaces everything. @throws MemlaneError what encoding throws: nothing has changed then. */
  setAll(pairs: readonly Pair[]): void {
    this.#setTo(pairs)
  }

  /** True when an item can be set without looking at the others. */
  #canSplice({ pickler }: Item, last: boolean): boolean {
    // A second item makes a batch of what was none.
    if (last && this.count < 2) return false
    if (!this.#regular || this.#gets > 0 || pickler.gets > 0) return false
    if (this.#foreign !== undefined || this.count > EXACT) return true
    // One more, or the first of a kind: Python would share what both have.
    if (this.#unshared || (pickler.classes && this.#classes)) return false
    for (const single of pickler.singles.keys()) if (this.#singles.has(single)) return false
    return true
  }

  #splice(at: number, value: Uint8Array): void {
    const start = this.#values[at]!
    const end = this.#ends[at]!
    this.#replace(start, end, value, at + 1)
    this.#ends[at] = start + value.length
  }

  #append(key: unknown, item: Item): void {
    const start = this.#end - 2
    this.#replace(start, start, item.bytes, this.count)
    if (this.kind === 'dict') this.#index.set(hashKey(key), this.count)
    this.#starts.push(start)
    this.#values.push(start + item.value)
    this.#ends.push(start + item.bytes.length)
    this.#memos.push(0)
    this.#keys.push(key)
    for (const single of item.pickler.singles.keys()) this.#singles.add(single)
    this.#classes ||= item.pickler.classes
  }

  /** Puts bytes in the place of others, and moves what follows: items from `next` on. */
  #replace(start: number, end: number, by: Uint8Array, next: number): void {
    const moved = by.length - (end - start)
    if (moved !== 0) {
      const wanted = this.#end + moved
      if (wanted > this.#bytes.length) {
        const larger = Buffer.alloc(wanted + (wanted >> 1))
        this.#bytes.copy(larger, 0, 0, this.#end)
        this.#bytes = larger
      }
      this.#bytes.copyWithin(end + moved, end, this.#end)
      for (let i = next; i < this.#starts.length; i++) {
        this.#starts[i]! += moved
        this.#values[i]! += moved
        this.#ends[i]! += moved
      }
      this.#end = wanted
      setFrameLength(this.#bytes, wanted - HEADER)
      this.#dirty = Math.min(this.#dirty, 3)
    }
    this.#bytes.set(by, start)
    this.#dirty = Math.min(this.#dirty, start)
    this.#dirtyTo = moved === 0 ? Math.max(this.#dirtyTo, start + by.length) : Number.POSITIVE_INFINITY
  }

  /** @param fresh an item whose characters are not yet those that the others share, as Python has it. */
  #setTo(pairs: readonly Pair[], fresh: number = -1): void {
    const bytes = encodeRoot(this.kind, pairs, fresh)
    this.#parse(bytes)
    this.#bytes = bytes
    this.#dirty = 0
    this.#dirtyTo = Number.POSITIVE_INFINITY
  }

  // ---- handing over

  /** The bytes that are to be stored, and where: what lies between the first and the last difference, with zeros over what is left of a longer pickle. */
  changes(): { where: number; content: Uint8Array; end: number } {
    const where = this.#dirty
    const end = Math.max(this.#end, this.#sharedEnd)
    const to = Math.min(end, this.#dirtyTo)
    if (to <= this.#end) return { where, content: this.#bytes.subarray(where, to), end }
    const content = Buffer.alloc(to - where)
    this.#bytes.copy(content, 0, where, this.#end)
    return { where, content, end }
  }

  /** The whole pickle. */
  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#end)
  }

  /** The shared bytes are as the copy is. */
  stored(): void {
    this.#sharedEnd = this.#end
    this.#clean()
  }

  #corrupt(why: string): MemlaneError {
    return new MemlaneError('ERR_CORRUPT', `${this.#what}: no pickle of plain data: ${why}`)
  }
}

function isSingle(text: string): boolean {
  return text.length === 0 || (text.length === 1 && text.charCodeAt(0) < 256)
}

/** The key and value of an encoded item. */
function readItem(item: Item, kind: 'dict' | 'list', what: string): Pair {
  const values = decodePart(item.bytes, 0, item.bytes.length, what, [], 0)!
  return kind === 'dict' ? [values[0], values[1]] : [undefined, values[0]]
}

/** The same item with equal texts as objects of their own, as they are in large containers. */
function apart(item: Item, kind: 'dict' | 'list', what: string): Item {
  const [key, value] = readItem(item, kind, what)
  return encodeItem(kind, key, value, 'none')
}

/** The whole pickle of a dict or list. */
function encodeRoot(kind: 'dict' | 'list', pairs: readonly Pair[], fresh: number): Buffer {
  const pickler = new Pickler(pairs.length <= EXACT ? 'python' : 'none', 0, 256 + pairs.length * 16)
  pickler.at = HEADER
  pickler.code(kind === 'dict' ? op.EMPTY_DICT : op.EMPTY_LIST)
  pickler.memoize()
  if (kind === 'dict') {
    let at = 0
    pickler.items(pairs.length, pairs, (key, value) => {
      pickler.nextItem(at++ === fresh)
      pickler.save(key)
      pickler.save(value)
    })
  } else {
    pickler.elements(pairs.length, (i) => {
      pickler.nextItem(i === fresh)
      pickler.save(pairs[i]![1])
    })
  }
  return Buffer.from(frame(pickler))
}

/** The pickle of an empty container. */
export function emptyPickle(kind: 'dict' | 'list'): Uint8Array {
  return encode(kind === 'dict' ? {} : [])
}
