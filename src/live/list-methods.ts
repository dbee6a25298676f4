// live: array methods that are one transaction, or one moment. Everything else is Array.prototype's own.

import type { HeapList } from '../heap/index.js'
import { handleOf, listOf } from './handle-of.js'
import { atomically, elementsOf } from './one-moment.js'

type Method = (this: unknown, ...args: never[]) => unknown

/** Array.prototype's own, for a `this` that is no live list: `list.push.call(plain, 1)`. */
function original(name: string, self: unknown, args: readonly unknown[]): unknown {
  const method = (Array.prototype as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!
  return method.apply(self, args as unknown[])
}

/** A method with the list's handle. */
function method(name: string, work: (list: HeapList, self: unknown[], args: unknown[]) => unknown): Method {
  const wrapped = {
    [name](this: unknown, ...args: unknown[]): unknown {
      const list = listOf(this)
      return list === undefined ? original(name, this, args) : work(list, this as unknown[], args)
    },
  }[name]!
  Object.defineProperty(wrapped, 'length', {
    value: (Array.prototype as unknown as Record<string, { length: number }>)[name]?.length ?? 0,
    configurable: true,
  })
  return wrapped as Method
}

/**
 * A method that rearranges a detached copy and puts it in place: what the array's own method does, in one transaction.
 *
 * @param from the first argument that is an index.
 */
function rearranging(name: string, from: number): Method {
  return method(name, (list, self, args) => {
    atomically(list, () => {
      // An object given as an index is asked for its number, and may change the list then: the array's own method copes.
      if (args.slice(from).some((index) => Object(index) === index)) return original(name, self, args)
      const copy = list.copy()
      original(name, copy, args)
      list.assign(copy)
    })
    return self
  })
}

/** `sort` calls back. As in an array, its order wins over what was changed meanwhile, and what was added stays at the end. */
const sort = method('sort', (list, self, args) => {
  atomically(list, () => {
    let sorted = list.copy()
    const before = sorted.length
    original('sort', sorted, args)
    const after = list.length
    if (after > before) sorted = sorted.concat(list.copy().slice(before))
    // Holes come last, and only they can have been cut off.
    else if (after < before) sorted.length = Math.max(after, Object.keys(sorted).length)
    list.assign(sorted)
  })
  return self
})

/** A method that only reads: it gets the elements of one moment, live ones among them. */
function reading(name: string): Method {
  return method(name, (list, _self, args) => original(name, elementsOf(list), args))
}

/** Lists whose texts are being put together, outermost first. */
const joining: HeapList[] = []

/** A method that makes a text of the elements. As in arrays, a list inside itself is an empty text there. */
function writing(name: string): Method {
  return method(name, (list, _self, args) => {
    if (joining.some((outer) => outer.same(list))) return ''
    joining.push(list)
    try {
      return original(name, elementsOf(list), args)
    } finally {
      joining.pop()
    }
  })
}

/** Finds live objects by what they stand for: two live values of one object need not be the same. */
function searching(name: 'indexOf' | 'lastIndexOf' | 'includes'): Method {
  return method(name, (list, _self, args) => {
    const wanted = handleOf(args[0])
    if (wanted === undefined) return original(name, elementsOf(list), args)
    const marks = elementsOf(list).map((element) => wanted.same(handleOf(element)))
    return original(name, marks, [true, ...args.slice(1)])
  })
}

/** `splice` counts what it was given: without a second argument it removes everything to the end. */
const splice = method('splice', (list, _self, args) =>
  atomically(list, () => {
    const length = list.length
    const start = relative(args[0], length)
    const most = length - start
    const count = args.length === 0 ? 0 : args.length === 1 ? most : Math.min(most, Math.max(0, whole(args[1])))
    return list.spliceAll(start, count, args.slice(2))
  }),
)

function whole(value: unknown): number {
  // Not Number(value): a bigint is no index.
  return Math.trunc(+(value as number)) || 0
}

function relative(value: unknown, length: number): number {
  const at = whole(value)
  return at < 0 ? Math.max(0, length + at) : Math.min(at, length)
}

export const METHODS: Readonly<Record<string | symbol, Method>> = Object.freeze(
  Object.assign(
    Object.create(null),
    Object.fromEntries(
      [
        method('push', (list, _self, args) => list.pushAll(args)),
        method('pop', (list) => list.pop()),
        method('shift', (list) => list.shift()),
        method('unshift', (list, _self, args) => list.unshiftAll(args)),
        splice,
        sort,
        rearranging('reverse', 0),
        rearranging('fill', 1),
        rearranging('copyWithin', 0),
        ...['join', 'toString', 'toLocaleString'].map(writing),
        ...['slice', 'concat', 'at', 'flat'].map(reading),
        ...['toReversed', 'toSorted', 'toSpliced', 'with'].map(reading),
        ...(['indexOf', 'lastIndexOf', 'includes'] as const).map(searching),
      ].map((one) => [one.name, one]),
    ),
  ),
)
