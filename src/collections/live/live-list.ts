// collections/live: an array in shared memory, as a Proxy over an array, so that Array.isArray says true.
//
// The array under the Proxy is always empty; its subclass carries the handle in a private field. Index access goes to
// the handle, methods that change the list are those of list-methods.ts, each one transaction; all others are
// Array.prototype's own, working through the traps.

import { inspect } from 'node:util'
import { MemlaneError } from '../../errors.js'
import type { HeapList } from '../../heap/index.js'
import { METHODS } from './list-methods.js'
import { checkDescriptor, setInherited } from './live-object.js'
import { indexesOf } from './moment.js'
import { HANDLE } from './secret.js'

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
    if (#handle in this) return this.#handle.snapshot()
    const list = this as { [inspect.custom]?: (depth: number, options: object) => unknown }
    return list[inspect.custom]?.(depth, options)
  }
}

const NOT_AN_INDEX = -1

/** The index that a property name means, or NOT_AN_INDEX. Arrays have indexes up to 2^32 - 2. */
function indexOf(key: string): number {
  const first = key.charCodeAt(0)
  if (!(first >= 48 && first <= 57) || key.length > 10 || (first === 48 && key.length > 1)) return NOT_AN_INDEX
  const index = Number(key)
  return Number.isInteger(index) && index < 2 ** 32 - 1 ? index : NOT_AN_INDEX
}

const PROTOTYPE = Array.prototype as unknown as Record<string | symbol, unknown>

const TRAPS: ProxyHandler<LiveArray> = {
  get(target, key, receiver) {
    const handle = LiveArray.handle(target)
    if (typeof key === 'string') {
      const index = indexOf(key)
      if (index !== NOT_AN_INDEX) {
        const value = handle.get(index)
        if (value !== undefined || !(key in PROTOTYPE) || handle.has(index)) return value
      }
      if (key === 'length') return handle.length
    } else if (key === HANDLE) return handle
    const members = LiveArray.members(target)
    if (members !== NONE && key in members) return members[key]
    if (key === inspect.custom) return (): unknown => handle.snapshot()
    return METHODS[key] ?? Reflect.get(PROTOTYPE, key, receiver)
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
    return (index !== NOT_AN_INDEX && LiveArray.handle(target).has(index)) || key in PROTOTYPE
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
    const value = handle.get(index)
    if (value === undefined && !handle.has(index)) return undefined
    return { value, writable: true, enumerable: true, configurable: true }
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
