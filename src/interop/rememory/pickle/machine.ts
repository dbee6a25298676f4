// interop/rememory/pickle: reading. A pickle is a program for a small stack machine; this one runs the opcodes that plain
// data needs. It makes objects of the classes in classes.ts and of no others: what a pickle does with another class leaves an
// Unknown in the place of the object, and whoever asks for a value that holds one is told so.
//
// It is an interpreter without calls into itself, so no nesting can exhaust the stack; whatever it makes room for is
// bounded by the bytes of the pickle.

import { MemlaneError } from '../../../errors.js'
import { type KnownClass, knownClass } from './classes.js'
import * as op from './opcodes.js'
import { readText } from './text.js'
import { asTuple, PyByteArray, PyFrozenSet } from './values.js'

/** What stands on the stack and is no data. */
export class Special {
  /** `module.name`, or what else was met. */
  readonly what: string
  /** Where in the pickle. */
  readonly at: number

  constructor(what: string, at: number) {
    this.what = what
    this.at = at
  }
}

/** A class that a pickle names. */
class ClassName extends Special {
  readonly known: KnownClass | undefined = knownClass(this.what)
}

/** An object of a class that is not known. */
class Unknown extends Special {}

/** The container that a Rememory object is; its items are handed out one by one and not put into it. */
export interface RootTarget {
  readonly kind: 'dict' | 'list'
  /** One item, whose bytes are those from `start` to `end`, its value's from `middle` on; the memo held `memo` values when it began. */
  item(key: unknown, value: unknown, start: number, middle: number, end: number, memo: number): void
}

export class Machine {
  readonly #bytes: Buffer
  readonly #what: string
  readonly #root: RootTarget | undefined
  #at: number
  /** False for a part, which a frame may begin and not end in. */
  #whole = false
  readonly #end: number
  readonly #stack: unknown[] = []
  /** Where the value in the same place of the stack began, and how large the memo was then. */
  readonly #starts: number[] = []
  readonly #memoThen: number[] = []
  /** Heights of the stack at the marks, and where those stand. */
  readonly #marks: number[] = []
  readonly #markStarts: number[] = []
  readonly #markMemos: number[] = []
  /** Where what was just taken off the stack began. */
  #fromStart = 0
  #fromMemo = 0
  /** Bytes that were copied out of others, of which a pickle has as many as it has bytes. */
  #copied = 0
  /** The beginning of the opcode that is running. */
  #here = 0
  /** What the pickle had in its memo before this part of it began. */
  readonly #before: readonly unknown[]
  readonly memo: unknown[] = []
  #memoBase: number
  /** Dicts, by number: those that have a key other than text become a Map. */
  #dicts = 0
  readonly #maps: Set<number>
  readonly #dictNumbers = new Map<object, number>()
  readonly #lateMaps = new Set<number>()
  /** How many values were taken from the memo, and whether any place in it was named. */
  gets = 0
  puts = 0
  frames = 0
  /** Set when a class was named. */
  classes = false
  /** The first thing that is no plain data, if there is one. */
  foreign: Special | undefined
  /** Set when a container from before this part was asked for. */
  crossed = false

  constructor(
    bytes: Buffer,
    start: number,
    end: number,
    what: string,
    more: { root?: RootTarget | undefined; before?: readonly unknown[]; memoBase?: number; maps?: Set<number> } = {},
  ) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    this.#what = what
    this.#root = more.root
    this.#before = more.before ?? []
    this.#memoBase = more.memoBase ?? 0
    this.#maps = more.maps ?? new Set()
  }

  /** Dicts that must be Maps, should it have been found too late: the machine is to be run once more, with them. */
  get lateMaps(): Set<number> | undefined {
    if (this.#lateMaps.size === 0) return undefined
    return new Set([...this.#maps, ...this.#lateMaps])
  }

  get at(): number {
    return this.#at
  }

  /** Runs a whole pickle. @returns what it leaves. @throws MemlaneError `ERR_CORRUPT`, `ERR_FOREIGN`. */
  run(): unknown {
    if (this.#end - this.#at < 3 || this.#bytes[this.#at] !== op.PROTO)
      throw this.#corrupt('it does not begin as a pickle')
    const version = this.#bytes[this.#at + 1]!
    if (version < 2 || version > 5) throw this.#corrupt(`its protocol is ${version}`)
    this.#at += 2
    this.#whole = true
    for (;;) {
      this.#here = this.#at
      const code = this.#byte()
      if (code === op.STOP) break
      this.#step(code)
    }
    if (this.#marks.length > 0) throw this.#corrupt('a mark is left at its end')
    if (this.#stack.length !== 1) throw this.#corrupt(`${this.#stack.length} values are left at its end`)
    return this.#data(this.#stack[0])
  }

  /** Runs a part that leaves some values. @throws MemlaneError `ERR_CORRUPT`, `ERR_FOREIGN`. */
  runPart(): unknown[] {
    while (this.#at < this.#end) {
      this.#here = this.#at
      this.#step(this.#byte())
    }
    for (const value of this.#stack) this.#data(value)
    return this.#stack
  }

  #step(code: number): void {
    const bytes = this.#bytes
    switch (code) {
      case op.SHORT_BINUNICODE:
        return this.#pushText(this.#byte())
      case op.BINUNICODE:
        return this.#pushText(this.#word())
      case op.BINUNICODE8:
        return this.#pushText(this.#long())
      case op.MEMOIZE:
        this.memo.push(this.#top())
        return
      case op.BININT1:
        return this.#push(this.#byte())
      case op.BININT2:
        return this.#push(this.#byte() + this.#byte() * 256)
      case op.BININT:
        return this.#push(this.#word() | 0)
      case op.LONG1:
        return this.#pushInteger(this.#byte())
      case op.LONG4:
        return this.#pushInteger(this.#word())
      case op.BINFLOAT:
        this.#need(8)
        this.#at += 8
        return this.#push(bytes.readDoubleBE(this.#at - 8))
      case op.NONE:
        return this.#push(null)
      case op.NEWTRUE:
        return this.#push(true)
      case op.NEWFALSE:
        return this.#push(false)
      case op.SHORT_BINBYTES:
        return this.#push(this.#take(this.#byte()))
      case op.BINBYTES:
        return this.#push(this.#take(this.#word()))
      case op.BINBYTES8:
        return this.#push(this.#take(this.#long()))
      case op.BYTEARRAY8:
        return this.#push(new PyByteArray(this.#take(this.#long())))
      case op.MARK:
        this.#marks.push(this.#stack.length)
        this.#markStarts.push(this.#here)
        this.#markMemos.push(this.#memoBase + this.memo.length)
        return
      case op.EMPTY_DICT:
        return this.#push(this.#isRoot('dict') ? this.#root : this.#newDict())
      case op.SETITEM:
        return this.#setItems(this.#stack.length - 2)
      case op.SETITEMS:
        return this.#setItems(this.#mark())
      case op.DICT: {
        const items = this.#popFrom(this.#mark())
        this.#pushInstead(this.#newDict())
        return this.#fillDict(items)
      }
      case op.EMPTY_LIST:
        return this.#push(this.#isRoot('list') ? this.#root : [])
      case op.APPEND:
        return this.#append(this.#stack.length - 1)
      case op.APPENDS:
        return this.#append(this.#mark())
      case op.LIST:
        return this.#pushInstead(this.#popFrom(this.#mark()))
      case op.EMPTY_TUPLE:
        return this.#push(asTuple([]))
      case op.TUPLE1:
        return this.#tuple(1)
      case op.TUPLE2:
        return this.#tuple(2)
      case op.TUPLE3:
        return this.#tuple(3)
      case op.TUPLE:
        return this.#pushInstead(asTuple(this.#popFrom(this.#mark())))
      case op.EMPTY_SET:
        return this.#push(new Set())
      case op.ADDITEMS: {
        const items = this.#popFrom(this.#mark())
        const set = this.#top()
        if (set instanceof Unknown) return
        if (!(set instanceof Set) || set instanceof PyFrozenSet)
          throw this.#corrupt('items are added to what is no set')
        for (const item of items) set.add(item)
        return
      }
      case op.FROZENSET:
        return this.#pushInstead(new PyFrozenSet(this.#popFrom(this.#mark())))
      case op.FRAME:
        if (this.#long() > this.#end - this.#at && this.#whole) throw this.#corrupt('a frame is longer than the pickle')
        this.frames++
        return
      case op.BINGET:
        return this.#get(this.#byte())
      case op.LONG_BINGET:
        return this.#get(this.#word())
      case op.BINPUT:
        return this.#put(this.#byte())
      case op.LONG_BINPUT:
        return this.#put(this.#word())
      case op.POP:
        if (this.#marks.length > 0 && this.#marks.at(-1) === this.#stack.length) this.#dropMark()
        else this.#pop()
        return
      case op.POP_MARK:
        this.#truncate(this.#mark())
        return
      case op.DUP:
        return this.#push(this.#top())
      case op.GLOBAL: {
        const module = this.#line()
        const name = this.#line()
        this.classes = true
        return this.#push(new ClassName(`${module === '__builtin__' ? 'builtins' : module}.${name}`, this.#here))
      }
      case op.STACK_GLOBAL: {
        const name = this.#pop()
        const module = this.#pop()
        if (typeof name !== 'string' || typeof module !== 'string')
          throw this.#corrupt('a class is named by what is no text')
        this.classes = true
        return this.#pushInstead(new ClassName(`${module}.${name}`, this.#here))
      }
      case op.REDUCE: {
        const args = this.#pop()
        return this.#pushInstead(this.#reduce(this.#pop(), args))
      }
      case op.NEWOBJ:
        return this.#newObject(2)
      case op.NEWOBJ_EX:
        return this.#newObject(3)
      case op.BUILD: {
        this.#pop()
        const object = this.#pop()
        return this.#pushInstead(this.#unknown(object instanceof Special ? object.what : 'an object that is built'))
      }
      case op.INST: {
        const name = `${this.#line()}.${this.#line()}`
        this.#truncate(this.#mark())
        return this.#pushInstead(this.#unknown(name))
      }
      case op.OBJ: {
        const [made] = this.#popFrom(this.#mark(), false)
        return this.#pushInstead(this.#unknown(made instanceof Special ? made.what : 'an object'))
      }
      case op.BINPERSID:
        this.#pop()
        return this.#pushInstead(this.#unknown('a persistent id'))
      case op.EXT1:
        return this.#push(this.#unknown(`the extension ${this.#byte()}`))
      case op.EXT2:
        return this.#push(this.#unknown(`the extension ${this.#byte() + this.#byte() * 256}`))
      case op.EXT4:
        return this.#push(this.#unknown(`the extension ${this.#word()}`))
      case op.NEXT_BUFFER:
        return this.#push(this.#unknown('a buffer outside the pickle'))
      case op.READONLY_BUFFER:
        this.#top()
        return
      default:
        throw this.#corrupt(`opcode 0x${code.toString(16)} is not one of plain data`)
    }
  }

  // ---- bytes

  #need(count: number): void {
    if (count > this.#end - this.#at) throw this.#corrupt('it ends in the middle')
  }

  #byte(): number {
    if (this.#at >= this.#end) throw this.#corrupt('it ends in the middle')
    return this.#bytes[this.#at++]!
  }

  #word(): number {
    this.#need(4)
    this.#at += 4
    return this.#bytes.readUInt32LE(this.#at - 4)
  }

  /** A length of eight bytes: beyond 2^53 it is rounded, and too long anyway. */
  #long(): number {
    const low = this.#word()
    return low + this.#word() * 2 ** 32
  }

  /** A copy of the next bytes. */
  #take(length: number): Uint8Array {
    this.#need(length)
    this.#at += length
    return new Uint8Array(this.#bytes.subarray(this.#at - length, this.#at))
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0 || end >= this.#end) throw this.#corrupt('it ends in the middle')
    const text = readText(this.#bytes, this.#at, end)
    this.#at = end + 1
    if (text === undefined) throw this.#corrupt('a name is no UTF-8')
    return text
  }

  // ---- the stack

  #push(value: unknown): void {
    this.#stack.push(value)
    this.#starts.push(this.#here)
    this.#memoThen.push(this.#memoBase + this.memo.length)
  }

  /** Puts a value where those were that it is made of. */
  #pushInstead(value: unknown): void {
    this.#stack.push(value)
    this.#starts.push(this.#fromStart)
    this.#memoThen.push(this.#fromMemo)
  }

  #pop(): unknown {
    const floor = this.#marks.at(-1) ?? 0
    if (this.#stack.length <= floor) throw this.#corrupt('it takes from an empty stack')
    this.#fromStart = this.#starts.pop()!
    this.#fromMemo = this.#memoThen.pop()!
    return this.#stack.pop()
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#corrupt('it looks at an empty stack')
    return this.#stack[this.#stack.length - 1]
  }

  /** Takes the last mark. @returns the height of the stack there. */
  #mark(): number {
    const mark = this.#marks.pop()
    if (mark === undefined) throw this.#corrupt('it misses a mark')
    this.#fromStart = this.#markStarts.pop()!
    this.#fromMemo = this.#markMemos.pop()!
    return mark
  }

  #dropMark(): void {
    this.#marks.pop()
    this.#markStarts.pop()
    this.#markMemos.pop()
  }

  #truncate(height: number): void {
    this.#stack.length = height
    this.#starts.length = height
    this.#memoThen.length = height
  }

  /** The values above a height, off the stack. They are data, unless it says otherwise. */
  #popFrom(height: number, data: boolean = true): unknown[] {
    const floor = this.#marks.at(-1) ?? 0
    if (height < floor) throw this.#corrupt('it takes from an empty stack')
    const items = this.#stack.slice(height)
    this.#truncate(height)
    if (data) for (const item of items) this.#data(item)
    return items
  }

  /** Notes what is no data. */
  #data(value: unknown): unknown {
    if (value instanceof Special) this.foreign ??= value
    return value
  }

  #pushText(length: number): void {
    this.#need(length)
    const text = readText(this.#bytes, this.#at, this.#at + length)
    if (text === undefined) throw this.#corrupt('a text is no UTF-8')
    this.#at += length
    this.#push(text)
  }

  #pushInteger(length: number): void {
    this.#need(length)
    const start = this.#at
    this.#at += length
    this.#push(readInteger(this.#bytes, start, length))
  }

  #tuple(count: number): void {
    const height = this.#stack.length - count
    if (height < (this.#marks.at(-1) ?? 0)) throw this.#corrupt('it takes from an empty stack')
    this.#fromStart = this.#starts[height]!
    this.#fromMemo = this.#memoThen[height]!
    this.#pushInstead(asTuple(this.#popFrom(height)))
  }

  // ---- containers

  #isRoot(kind: 'dict' | 'list'): boolean {
    return this.#root?.kind === kind && this.#stack.length === 0 && this.#marks.length === 0
  }

  #newDict(): object {
    const number = this.#dicts++
    const dict = this.#maps.has(number) ? new Map() : {}
    this.#dictNumbers.set(dict, number)
    return dict
  }

  #setItems(from: number): void {
    const height = this.#stack.length
    if (from < (this.#marks.at(-1) ?? 0) + 1 || (height - from) % 2 !== 0)
      throw this.#corrupt('keys and values are no pairs')
    const target = this.#stack[from - 1]
    if (target !== this.#root || this.#root === undefined) return this.#fillDict(this.#popFrom(from))
    for (let i = from; i < height; i += 2) {
      const end = i + 2 < height ? this.#starts[i + 2]! : this.#here
      const [key, value] = [this.#data(this.#stack[i]), this.#data(this.#stack[i + 1])]
      this.#root.item(key, value, this.#starts[i]!, this.#starts[i + 1]!, end, this.#memoThen[i]!)
    }
    this.#truncate(from)
  }

  /** Puts keys and values into the dict on top of the stack. */
  #fillDict(items: readonly unknown[]): void {
    const dict = this.#top()
    if (dict instanceof Unknown) return
    if (dict instanceof Map) {
      for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1])
      return
    }
    const number = this.#dictNumbers.get(dict as object)
    if (number === undefined || items.length % 2 !== 0) throw this.#corrupt('items are set in what is no dict')
    const object = dict as Record<string, unknown>
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]
      if (typeof key !== 'string') this.#lateMaps.add(number)
      else if (key === '__proto__') Object.defineProperty(object, key, PLAIN(items[i + 1]))
      else object[key] = items[i + 1]
    }
  }

  #append(from: number): void {
    const height = this.#stack.length
    if (from < (this.#marks.at(-1) ?? 0) + 1 || height < from) throw this.#corrupt('it appends to nothing')
    const target = this.#stack[from - 1]
    if (target === this.#root && this.#root !== undefined) {
      for (let i = from; i < height; i++) {
        const end = i + 1 < height ? this.#starts[i + 1]! : this.#here
        const start = this.#starts[i]!
        this.#root.item(undefined, this.#data(this.#stack[i]), start, start, end, this.#memoThen[i]!)
      }
      this.#truncate(from)
      return
    }
    const items = this.#popFrom(from)
    if (target instanceof Unknown) return
    if (!Array.isArray(target) || Object.isFrozen(target)) throw this.#corrupt('it appends to what is no list')
    for (const item of items) target.push(item)
  }

  // ---- the memo

  #get(index: number): void {
    this.gets++
    const own = index - this.#memoBase
    if (own >= 0) {
      if (own >= this.memo.length) throw this.#corrupt(`its memo has no ${index}`)
      const value = this.memo[own]
      this.#push(value === this.#root && value !== undefined ? this.#unknown('itself') : value)
      return
    }
    const value = this.#before[index]
    if (typeof value === 'object' && value !== null && !(value instanceof ClassName)) this.crossed = true
    this.#push(value)
  }

  #put(index: number): void {
    this.puts++
    // Numbers are given one after another by every pickler; a memo with holes would be room for nothing.
    if (index > this.memo.length) throw this.#corrupt(`its memo has ${this.memo.length} values when ${index} is set`)
    this.memo[index] = this.#top()
  }

  // ---- objects

  #reduce(made: unknown, args: unknown): unknown {
    if (!(made instanceof ClassName)) {
      if (made instanceof Special) return this.#unknown(made.what)
      throw this.#corrupt('it calls what is no class')
    }
    if (!Array.isArray(args)) throw this.#corrupt(`${made.what} is called with what is no tuple`)
    if (made.known === undefined) {
      const [of] = args
      return this.#unknown(made.what.startsWith('copyreg.') && of instanceof Special ? of.what : made.what)
    }
    let object: unknown
    const [first] = args
    if (first instanceof Uint8Array) {
      // A few opcodes could copy the same bytes over and over.
      this.#copied += first.length
      if (this.#copied > this.#end) throw this.#corrupt('it makes more bytes than it has')
    }
    try {
      object = made.known.make(args)
    } catch (cause) {
      if (cause instanceof MemlaneError) throw this.#corrupt(`no ${made.what}: ${cause.message}`)
      throw cause
    }
    if (object === undefined) {
      if (args.some((arg) => arg instanceof Special))
        return this.#unknown((args.find((arg) => arg instanceof Special) as Special).what)
      throw this.#corrupt(`${made.what} is not made of these arguments`)
    }
    return object
  }

  #newObject(parts: number): void {
    let made: unknown
    for (let i = 0; i < parts; i++) made = this.#pop()
    this.#pushInstead(this.#unknown(made instanceof Special ? made.what : 'an object'))
  }

  #unknown(what: string): Unknown {
    const unknown = new Unknown(what, this.#here)
    this.foreign ??= unknown
    return unknown
  }

  #corrupt(why: string): MemlaneError {
    return new MemlaneError('ERR_CORRUPT', `${this.#what}: no pickle of plain data: ${why} (at byte ${this.#here})`)
  }
}

const PLAIN = (value: unknown): PropertyDescriptor => ({ value, writable: true, enumerable: true, configurable: true })

/** Two's complement, little-endian, of any length. */
function readInteger(bytes: Buffer, start: number, length: number): number | bigint {
  if (length === 0) return 0
  if (length <= 6) return bytes.readIntLE(start, length)
  const hex = Buffer.from(bytes.subarray(start, start + length))
    .reverse()
    .toString('hex')
  const value = BigInt.asIntN(length * 8, BigInt(`0x${hex}`))
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/** @throws MemlaneError `ERR_FOREIGN`. */
export function refuseForeign(foreign: Special | undefined, what: string): void {
  if (foreign === undefined) return
  throw new MemlaneError(
    'ERR_FOREIGN',
    `${what}: the pickle makes ${foreign.what} (at byte ${foreign.at}), which is not plain data; it is not run, and stays as it is`,
  )
}
