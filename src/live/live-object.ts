// live: a plain object in shared memory, as a Proxy over its handle.
//
// A Proxy and not an object with accessors: only so do keys, spread, JSON, `in`, `delete` and properties that nobody
// has written before behave as an object's. The Proxy's target is the handle itself: all of its state is private, so
// whatever looks past the traps (util.inspect does) finds a rendering and nothing else.

import { inspect } from 'node:util'
import { MemlaneError } from '../errors.js'
import type { HeapList, HeapObject } from '../heap/index.js'
import { STALE_MARK, shown } from '../printable.js'
import { HANDLE } from './handle-of.js'
import { markOfGone, remaining } from './remains.js'

/** What every plain object inherits, additions of the program's included. */
const PROTOTYPE = Object.prototype as unknown as Record<string | symbol, unknown>

/** The last receiver known to be a live object: nearly always the next one, too, so that it need not be asked again. */
let last: unknown

const TRAPS: ProxyHandler<HeapObject> = {
  get(handle, key, receiver) {
    if (typeof key === 'string') {
      try {
        const value = handle.get(key)
        if (value !== undefined) return value
        if (!(key in PROTOTYPE)) return key === 'toJSON' && !handle.has(key) ? toJsonOf(handle) : undefined
        if (handle.has(key)) return undefined
      } catch (error) {
        return remaining(error, key, PROTOTYPE)
      }
    } else if (key === HANDLE) return handle
    else if (key === inspect.custom) return (): object | string => shown(() => handle.snapshot(STALE_MARK))
    else if (key === Symbol.toStringTag) return tagOf(handle)
    return Reflect.get(PROTOTYPE, key, receiver)
  },
  set(handle, key, value, receiver) {
    if (receiver !== last) {
      // What has the live object for its prototype gets a property of its own.
      if (Object.getPrototypeOf(receiver) !== PROTOTYPE) return setInherited(receiver, key, value)
      last = receiver
    }
    const name = nameOf(key)
    // What assigning it to a plain object would do, change the prototype, cannot be shared.
    if (name === '__proto__' && !handle.has(name))
      throw new MemlaneError('ERR_TYPE', 'the prototype of a shared object cannot be changed')
    handle.set(name, value)
    return true
  },
  has(handle, key) {
    return key in PROTOTYPE || (typeof key === 'string' && handle.has(key))
  },
  deleteProperty(handle, key) {
    if (typeof key === 'string') handle.delete(key)
    return true
  },
  ownKeys(handle) {
    return handle.keys() as string[]
  },
  getOwnPropertyDescriptor(handle, key) {
    if (typeof key !== 'string') return undefined
    return descriptorOf(
      () => handle.get(key),
      () => handle.has(key),
    )
  },
  defineProperty(handle, key, descriptor) {
    checkDescriptor(key, descriptor)
    const name = nameOf(key)
    if ('value' in descriptor || !handle.has(name)) handle.set(name, descriptor.value)
    return true
  },
  getPrototypeOf() {
    return Object.prototype
  },
  setPrototypeOf(_target, prototype) {
    return prototype === Object.prototype
  },
  preventExtensions() {
    return false
  },
}

/** A property as the engine asks for it. What leads to a destroyed object is still there: reading it says so, listing it does not. */
export function descriptorOf(get: () => unknown, has: () => boolean): PropertyDescriptor | undefined {
  try {
    const value = get()
    if (value === undefined && !has()) return undefined
    return { value, writable: true, enumerable: true, configurable: true }
  } catch (error) {
    // Where the object itself is gone this throws the same.
    if (!has()) throw error
    return { get, enumerable: true, configurable: true }
  }
}

/** The live object of a handle. */
export function liveObject(handle: HeapObject): object {
  const live = new Proxy(handle, TRAPS)
  last = live
  return live
}

/**
 * JSON of a snapshot: it shows one moment, in a fraction of the time, and an object that leads to itself is the same object
 * there, which is how JSON knows it. (Each get of a part of a value makes another live object.)
 */
export function toJsonOf(handle: HeapObject | HeapList): () => unknown {
  return () => handle.snapshot(STALE_MARK)
}

const foreign = new Map<string, ProxyHandler<HeapObject>>()

/** The live object of an instance whose class this process does not know: without methods, and with the name of the class. */
export function foreignObject(handle: HeapObject, className: string): object {
  let traps = foreign.get(className)
  if (traps === undefined) {
    const prototype = { [Symbol.toStringTag]: className }
    traps = {
      ...TRAPS,
      get(shownHandle, key, receiver) {
        if (key === inspect.custom)
          return (): unknown =>
            shown(() => Object.setPrototypeOf(shownHandle.snapshot(STALE_MARK), prototype) as object)
        const value: unknown = TRAPS.get!(shownHandle, key, receiver)
        return key === Symbol.toStringTag && value === undefined ? className : value
      },
    }
    foreign.set(className, traps)
  }
  return new Proxy(handle, traps)
}

/** `[object <stale>]` is no other object's tag: comparisons end there. */
function tagOf(handle: HeapObject): unknown {
  try {
    handle.has('')
    return (PROTOTYPE as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag]
  } catch (error) {
    return markOfGone(error)
  }
}

/** No property is inherited that could say more than this object. */
const NOTHING = Object.freeze(Object.create(null)) as object

/** Stores into an object that inherits from a live one: it gets a property of its own, as with any prototype. */
export function setInherited(receiver: unknown, key: string | symbol, value: unknown): boolean {
  return Reflect.set(NOTHING, key, value, receiver)
}

function nameOf(key: string | symbol): string {
  if (typeof key === 'symbol')
    throw new MemlaneError('ERR_TYPE', `${String(key)}: properties of shared objects have names, not symbols`)
  return key
}

/** Shared properties are data, and always writable, enumerable and configurable. @throws MemlaneError `ERR_TYPE`. */
export function checkDescriptor(key: string | symbol, descriptor: PropertyDescriptor): void {
  const { writable, enumerable, configurable } = descriptor
  if (
    'get' in descriptor ||
    'set' in descriptor ||
    writable === false ||
    enumerable === false ||
    configurable === false
  )
    throw new MemlaneError(
      'ERR_TYPE',
      `${String(key)}: a shared property holds a value, and is writable, enumerable and configurable`,
    )
}
