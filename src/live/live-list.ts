// live: an array in shared memory, as a Proxy over an array, so that Array.isArray says true.
//
// The array under the Proxy is always empty; its subclass carries the handle in a private field. Index access goes to
// the handle, methods that change the list are those of list-methods.ts, each one transaction; all others are
// Array.prototype's own, working through the traps.

import { inspect } from 'node:util'
import { MemlaneError } from '../errors.js'
import type { HeapList } from '../heap/index.js'
import { STALE_MARK, shown } from '../printable.js'
import { HANDLE } from './handle-of.js'
import { METHODS } from './list-methods.js'
import { checkDescriptor, descriptorOf, setInherited, toJsonOf } from './live-object.js'
import { indexesOf } from './one-moment.js'
import { markOfGone, remaining } from './remains.js'

/** Members that a named list has beyond an array's. */
export type Members = Readonly<Record<string | symbol, unknown>>

const NONE: Members = Object.freeze(Object.create(null))

class LiveArray extends Array<unknown> {
  static handle: (target: LiveArray) => HeapList
  static members: (target: LiveArray) => Members
  static replace: (target: LiveArray, handle: HeapList) => void
  static proxy: (target: LiveArray) => unknown[]
  #handle: HeapList
  readonly #members: Members
  readonly #proxy: unknown[]

  static {
    LiveArray.handle = (target) => target.#handle
    LiveArray.members = (target) => target.#members
    LiveArray.replace = (target, handle) => {
      target.#handle = handle
    }
    LiveArray.proxy = (target) => target.#proxy
  }

  constructor(handle: HeapList, members: Members) {
    super()
    this.#handle = handle
    this.#members = members
    this.#proxy = new Proxy<LiveArray>(this, TRAPS)
  }

  /** util.inspect calls it with the Proxy as `this`, or with the target where Proxies are to be shown. */
  [inspect.custom](depth: number, options: object): unknown {
    if (#handle in this) return shown(() => this.#handle.snapshot(STALE_MARK))
    const list = this as { [inspect.custom]?: (depth: number, options: object) => unknown }
    return list[inspect.custom]?.(depth, options)
  }
}

const NOT_AN_INDEX = -1

/** The index that a property name means, or NOT_AN_INDEX. Arrays have indexes up to 2^32 - 2, written in one way only. */
function indexOf(key: string): number {
  const { length } = key
  if (length === 0 || length > 10) return NOT_AN_INDEX
  let index = 0
  for (let i = 0; i < length; i++) {
    const digit = key.charCodeAt(i) - 48
    if (digit < 0 || digit > 9 || (digit === 0 && i === 0 && length > 1)) return NOT_AN_INDEX
    index = index * 10 + digit
  }
  return index < 2 ** 32 - 1 ? index : NOT_AN_INDEX
}

const PROTOTYPE = Array.prototype as unknown as Record<string | symbol, unknown>

const TRAPS: ProxyHandler<LiveArray> = {
  get(target, key, receiver) {
    const handle = LiveArray.handle(target)
    if (typeof key === 'string') {
      const index = indexOf(key)
      try {
        if (index !== NOT_AN_INDEX) {
          const value = handle.get(index)
          if (value !== undefined || !(key in PROTOTYPE) || handle.has(index)) return value
        }
        if (key === 'length') return handle.length
      } catch (error) {
        markOfGone(error)
        // A copy for a report has no elements then, and nobody takes it for the length of an empty list. A list with a name is
        // what programs loop over by index: that loop must not end in silence.
        if (key === 'length' && LiveArray.members(target) === NONE) return Number.NaN
        throw error
      }
    } else if (key === HANDLE) return handle
    const members = LiveArray.members(target)
    if (members !== NONE && key in members) return members[key]
    if (key === inspect.custom) return (): unknown => shown(() => handle.snapshot(STALE_MARK))
    const method = METHODS[key]
    if (method !== undefined) return method
    const own = Reflect.get(PROTOTYPE, key, receiver)
    const gone = goneOf(handle)
    if (gone === undefined && own === undefined && key === 'toJSON') return toJsonOf(handle)
    return gone === undefined ? own : remainingOfList(gone, key, own)
  },
  set(target, key, value, receiver) {
    if (receiver !== LiveArray.proxy(target)) return setInherited(receiver, key, value)
    const handle = LiveArray.handle(target)
    if (key === 'length') handle.length = toNumber(value)
    else handle.set(checkedIndex(key), value)
    return true
  },
  has(target, key) {
    const index = typeof key === 'string' ? indexOf(key) : NOT_AN_INDEX
    return key in PROTOTYPE || (index !== NOT_AN_INDEX && LiveArray.handle(target).has(index))
  },
  deleteProperty(target, key) {
    if (key === 'length') return false
    const index = typeof key === 'string' ? indexOf(key) : NOT_AN_INDEX
    if (index !== NOT_AN_INDEX) LiveArray.handle(target).delete(index)
    return true
  },
  ownKeys(target) {
    return [...indexesOf(LiveArray.handle(target)), 'length']
  },
  getOwnPropertyDescriptor(target, key) {
    const handle = LiveArray.handle(target)
    if (key === 'length') return { value: handle.length, writable: true, enumerable: false, configurable: false }
    const index = typeof key === 'string' ? indexOf(key) : NOT_AN_INDEX
    if (index === NOT_AN_INDEX) return undefined
    return descriptorOf(
      () => handle.get(index),
      () => handle.has(index),
    )
  },
  defineProperty(target, key, descriptor) {
    const handle = LiveArray.handle(target)
    if (key === 'length') {
      if ('get' in descriptor || 'set' in descriptor || descriptor.enumerable || descriptor.configurable) return false
      if ('value' in descriptor) handle.length = toNumber(descriptor.value)
      return descriptor.writable !== false
    }
    checkDescriptor(key, descriptor)
    const index = checkedIndex(key)
    if ('value' in descriptor || !handle.has(index)) handle.set(index, descriptor.value)
    return true
  },
  getPrototypeOf() {
    return Array.prototype
  },
  setPrototypeOf(_target, prototype) {
    return prototype === Array.prototype
  },
  preventExtensions() {
    return false
  },
}

/** What makes looking at a list fail, when it is stale or closed. */
function goneOf(handle: HeapList): unknown {
  try {
    void handle.length
    return undefined
  } catch (error) {
    markOfGone(error)
    return error
  }
}

/** @param own what every array has by that name: of what is gone, its methods say so when they are called. */
function remainingOfList(gone: unknown, key: string | symbol, own: unknown): unknown {
  if (key === Symbol.toStringTag) return markOfGone(gone)
  if (typeof key === 'symbol' ? own === undefined : !(key in PROTOTYPE))
    return typeof key === 'symbol' ? undefined : remaining(gone, key, PROTOTYPE)
  if (typeof own !== 'function' || key === 'constructor') return own
  return () => {
    throw gone
  }
}

function checkedIndex(key: string | symbol): number {
  const index = typeof key === 'string' ? indexOf(key) : NOT_AN_INDEX
  if (index === NOT_AN_INDEX)
    throw new MemlaneError('ERR_TYPE', `${String(key)}: a shared list has elements, and no properties beside them`)
  return index
}

/** As an array reads the length it is given: `'2'` is 2. */
function toNumber(value: unknown): number {
  return typeof value === 'number' ? value : +(value as number)
}

/** The live array of a handle. */
export function liveList(handle: HeapList): unknown[] {
  return LiveArray.proxy(new LiveArray(handle, NONE))
}

/** A live array with a name, members of its own, and an end: from then on it stands over what it is given there. */
export function namedList(handle: HeapList, members: Members): { list: unknown[]; end(standIn: HeapList): void } {
  const target = new LiveArray(handle, members)
  return { list: LiveArray.proxy(target), end: (standIn) => LiveArray.replace(target, standIn) }
}
