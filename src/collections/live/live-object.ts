// collections/live: a plain object in shared memory, as a Proxy over its handle.
//
// A Proxy and not an object with accessors: only so do keys, spread, JSON, `in`, `delete` and properties that nobody
// has written before behave as an object's. The Proxy's target is the handle itself: all of its state is private, so
// whatever looks past the traps (util.inspect does) finds a rendering and nothing else.

import { inspect } from 'node:util'
import { MemlaneError } from '../../errors.js'
import type { HeapObject } from '../../heap/index.js'
import { HANDLE } from './secret.js'

/** What every plain object inherits. */
const INHERITED: ReadonlyMap<string, unknown> = new Map(
  Object.getOwnPropertyNames(Object.prototype).map((name) => [
    name,
    name === '__proto__' ? Object.prototype : (Object.prototype as unknown as Record<string, unknown>)[name],
  ]),
)

const TRAPS: ProxyHandler<HeapObject> = {
  get(handle, key) {
    if (typeof key === 'string') {
      const value = handle.get(key)
      if (value !== undefined || !INHERITED.has(key) || handle.has(key)) return value
      return INHERITED.get(key)
    }
    if (key === HANDLE) return handle
    if (key === inspect.custom) return (): object => handle.snapshot()
    return undefined
  },
  set(handle, key, value) {
    handle.set(nameOf(handle, key), value)
    return true
  },
  has(handle, key) {
    return typeof key === 'string' && (handle.has(key) || INHERITED.has(key))
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
    const value = handle.get(key)
    if (value === undefined && !handle.has(key)) return undefined
    return { value, writable: true, enumerable: true, configurable: true }
  },
  defineProperty(handle, key, descriptor) {
    checkDescriptor(key, descriptor)
    handle.set(nameOf(handle, key), descriptor.value)
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

/** The live object of a handle. */
export function liveObject(handle: HeapObject): object {
  return new Proxy(handle, TRAPS)
}

function nameOf(handle: HeapObject, key: string | symbol): string {
  if (typeof key === 'symbol')
    throw new MemlaneError('ERR_TYPE', `${String(key)}: properties of shared objects have names, not symbols`)
  // What assigning it to a plain object would do, change the prototype, cannot be shared.
  if (key === '__proto__' && !handle.has(key))
    throw new MemlaneError('ERR_TYPE', 'the prototype of a shared object cannot be changed')
  return key
}

/** Shared properties are data, and always writable, enumerable and configurable. @throws MemlaneError `ERR_TYPE`. */
export function checkDescriptor(key: string | symbol, descriptor: PropertyDescriptor): void {
  const { get, set, writable, enumerable, configurable } = descriptor
  if (get !== undefined || set !== undefined || writable === false || enumerable === false || configurable === false)
    throw new MemlaneError(
      'ERR_TYPE',
      `${String(key)}: a shared property holds a value, and is writable, enumerable and configurable`,
    )
}
