// live: classes whose instances live in shared memory. What comes back of an object that was shared as an instance is an instance
// again: `instanceof`, methods, getters and setters, of this process's own class. No code ever comes from memory, and no
// constructor runs.
//
//   instance           own accessor per attribute, so that reading one costs no Proxy; enumerable, so keys, spread and JSON work
//      └─ surface      methods and accessors of the class and of those it extends, copied, since what follows is slow
//           └─ rest    a Proxy for what is none of these: attributes that were added later, here or elsewhere
//                └─ Company.prototype
//
// An instance that is not registered, or whose class this process does not know, is a live object like any other (a Proxy), with
// the name of its class for a tag.

import { inspect } from 'node:util'
import { describe, MemlaneError } from '../errors.js'
import type { Adapter, HeapObject } from '../heap/index.js'
import { STALE_MARK, shown } from '../printable.js'
import { LIVE } from './adapter.js'
import { HANDLE } from './handle-of.js'

/** A class whose instances may be shared. */
// biome-ignore lint/suspicious/noExplicitAny: any arguments, as they are never given.
export type SharedClass = abstract new (...args: any[]) => object

/** Classes by the name under which their instances are stored. */
export type SharedClasses = Readonly<Record<string, SharedClass>>

/** An object that this has made; its fields can be put onto any object. */
class Returned {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how an object that is there gets a private field.
    return object
  }
}

class Instance extends Returned {
  readonly #handle: HeapObject

  constructor(object: object, handle: HeapObject) {
    super(object)
    this.#handle = handle
  }

  /** The handle of an instance, or of what inherits from one. */
  static handleOf(value: unknown): HeapObject | undefined {
    for (let object = value; typeof object === 'object' && object !== null; object = Object.getPrototypeOf(object))
      if (#handle in object) return (object as Instance).#handle
    return undefined
  }

  static accessor(key: string): PropertyDescriptor {
    return {
      enumerable: true,
      // Deleting it here would not delete what is shared.
      configurable: false,
      get(this: object): unknown {
        return #handle in this ? (this as Instance).#handle.get(key) : Instance.handleOf(this)?.get(key)
      },
      set(this: object, value: unknown): void {
        if (#handle in this) (this as Instance).#handle.set(key, value)
        // As with any prototype: what inherits gets a property of its own.
        else Object.defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true })
      },
    }
  }
}

const accessors = new Map<string, PropertyDescriptor>()

function accessorOf(key: string): PropertyDescriptor {
  let accessor = accessors.get(key)
  if (accessor === undefined) {
    accessor = Instance.accessor(key)
    accessors.set(key, accessor)
  }
  return accessor
}

/** One registered class. */
class Registered {
  readonly name: string
  readonly type: SharedClass
  readonly #surface: object
  #copied: readonly [PropertyKey, unknown][] = []

  constructor(name: string, type: SharedClass) {
    this.name = name
    this.type = type
    this.#surface = Object.create(restOf(type.prototype as object)) as object
    this.#copy()
  }

  #copy(): void {
    const copied: [PropertyKey, unknown][] = []
    const seen = new Set<PropertyKey>()
    for (const prototype of prototypesOf(this.type)) {
      for (const key of Reflect.ownKeys(prototype)) {
        if (seen.has(key)) continue
        seen.add(key)
        const descriptor = Object.getOwnPropertyDescriptor(prototype, key)!
        if ('value' in descriptor) copied.push([key, descriptor.value])
        Object.defineProperty(this.#surface, key, { ...descriptor, configurable: true })
      }
    }
    const own = (key: PropertyKey, descriptor: PropertyDescriptor): void => {
      if (!seen.has(key)) Object.defineProperty(this.#surface, key, { ...descriptor, configurable: true })
    }
    own(HANDLE, {
      get(this: object) {
        return Instance.handleOf(this)
      },
    })
    const prototype = this.type.prototype as object
    own(inspect.custom, {
      value(this: object): unknown {
        // Not stored one by one: a setter of the class would run.
        return shown(() => Object.setPrototypeOf(Instance.handleOf(this)!.snapshot(STALE_MARK), prototype) as object)
      },
    })
    own('toJSON', {
      value(this: object): unknown {
        return shown(() => Instance.handleOf(this)!.snapshot(STALE_MARK))
      },
    })
    this.#copied = copied
  }

  show(handle: HeapObject): object {
    // Someone has changed a method of the class since, a test that spies on it perhaps.
    const prototype = this.type.prototype as Record<PropertyKey, unknown>
    for (const [key, value] of this.#copied)
      if (prototype[key] !== value) {
        this.#copy()
        break
      }
    const instance = Object.create(this.#surface) as object
    for (const key of handle.keys()) if (key !== '__proto__') Object.defineProperty(instance, key, accessorOf(key))
    new Instance(instance, handle)
    return instance
  }
}

/** What an instance has besides: attributes that were added since it was shown. */
function restOf(prototype: object): object {
  return new Proxy(Object.create(prototype) as object, {
    get(_target, key, receiver) {
      const handle = typeof key === 'string' ? Instance.handleOf(receiver) : undefined
      if (handle !== undefined && !(key in prototype) && handle.has(key as string)) {
        define(receiver as object, key as string)
        return handle.get(key as string)
      }
      return Reflect.get(prototype, key, receiver)
    },
    set(_target, key, value, receiver) {
      const handle = Instance.handleOf(receiver)
      if (handle === undefined) return Reflect.set(prototype, key, value, receiver)
      if (typeof key === 'symbol' || key === '__proto__')
        throw new MemlaneError('ERR_TYPE', `${String(key)}: attributes of shared objects have names, not symbols`)
      handle.set(key, value)
      define(receiver as object, key)
      return true
    },
    has(_target, key) {
      return key in prototype
    },
    getPrototypeOf() {
      return prototype
    },
  })
}

function define(instance: object, key: string): void {
  if (!Object.hasOwn(instance, key) && Instance.handleOf(instance) !== undefined)
    Object.defineProperty(instance, key, accessorOf(key))
}

/** The prototype of a class, and of those it extends. */
function* prototypesOf(type: SharedClass): Generator<object> {
  let prototype = type.prototype as object | null
  for (; prototype !== null && prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype))
    yield prototype
}

/** Comments, texts and templates: what looks like a private name in them is none. */
const NO_CODE = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g
/** A private name where it is declared or used. */
const PRIVATE = /(?:[{};\s*.]|^)(#[\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?:[=;({.?),\]}]|in\b|$)/mu

function privateNameOf(type: SharedClass): string | undefined {
  for (const prototype of prototypesOf(type)) {
    const made = prototype.constructor
    if (typeof made !== 'function') continue
    const found = PRIVATE.exec(Function.prototype.toString.call(made).replace(NO_CODE, ' '))
    if (found !== null) return found[1]
  }
  return undefined
}

/**
 * Checks classes, and gives what shows their instances.
 *
 * @param strict an object of a class that is not among them is an error, not a live object without its methods.
 * @throws MemlaneError `ERR_TYPE` for what is no class, has private fields, or stands under two names; `ERR_NAME` for no name.
 */
export function adapterFor(classes: SharedClasses, strict: boolean): Adapter {
  if (typeof classes !== 'object' || classes === null)
    throw new MemlaneError('ERR_TYPE', `classes must be an object of classes by name, got ${describe(classes)}`)
  const byName = new Map<string, Registered>()
  const byPrototype = new Map<object, Registered>()
  for (const [name, type] of Object.entries(classes)) {
    if (name === '') throw new MemlaneError('ERR_NAME', 'classes: a class needs a name')
    const prototype: unknown = typeof type === 'function' ? type.prototype : undefined
    if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype)
      throw new MemlaneError('ERR_TYPE', `classes.${name} must be a class, got ${describe(type)}`)
    const before = byPrototype.get(prototype)
    if (before !== undefined)
      throw new MemlaneError('ERR_TYPE', `classes.${name} is the class of ${before.name} already: a class has one name`)
    const secret = privateNameOf(type)
    if (secret !== undefined)
      throw new MemlaneError(
        'ERR_TYPE',
        `classes.${name} has the private field ${secret}, which cannot be shared: it belongs to objects that its constructor made. Use a public field`,
      )
    const registered = new Registered(name, type)
    byName.set(name, registered)
    byPrototype.set(prototype, registered)
  }
  return {
    ...LIVE,
    object(handle, className) {
      if (className === undefined) return LIVE.object(handle)
      const registered = byName.get(className)
      if (registered !== undefined) return registered.show(handle)
      if (strict)
        throw new MemlaneError(
          'ERR_SCHEMA',
          `an object is of class ${JSON.stringify(className)}, which is not among the classes given when the heap was opened`,
        )
      return LIVE.object(handle, className)
    },
    classOf(value) {
      const prototype: unknown = Object.getPrototypeOf(value)
      if (prototype === null || prototype === Object.prototype || Array.isArray(value)) return undefined
      const registered = byPrototype.get(prototype as object)
      if (registered === undefined) {
        for (let above: unknown = prototype; above !== null; above = Object.getPrototypeOf(above)) {
          const extended = byPrototype.get(above as object)
          if (extended !== undefined)
            throw new MemlaneError(
              'ERR_TYPE',
              `an object's class ${JSON.stringify((prototype as object).constructor.name)} extends ${extended.name}, and is not registered itself: add it to the classes of the heap`,
            )
        }
        return undefined
      }
      checkInstance(value, registered.name)
      return registered.name
    },
  }
}

/** @throws MemlaneError `ERR_NOT_CLONEABLE` for what an instance could not be in shared memory. */
function checkInstance(value: object, name: string): void {
  const refuse = (what: string): MemlaneError =>
    new MemlaneError('ERR_NOT_CLONEABLE', `an instance of ${name} ${what}; it cannot be shared`)
  const [symbol] = Object.getOwnPropertySymbols(value)
  if (symbol !== undefined) throw refuse(`has the attribute ${String(symbol)}, a symbol`)
  if (!Object.isExtensible(value))
    throw refuse('is frozen, sealed or not extensible, and shared objects can be changed')
  for (const key of Object.getOwnPropertyNames(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)
    if (descriptor === undefined) continue
    if (descriptor.enumerable === false) throw refuse(`hides its attribute ${JSON.stringify(key)}: make it enumerable`)
    if (typeof descriptor.value === 'function') throw refuse(`has a function for its attribute ${JSON.stringify(key)}`)
    if (descriptor.set === undefined && descriptor.get !== undefined)
      throw refuse(`has the attribute ${JSON.stringify(key)} with a getter and no setter`)
    if (descriptor.writable === false) throw refuse(`has the read-only attribute ${JSON.stringify(key)}`)
  }
}
