// collections: the iterators of maps and sets. As a Map's they have no return(): a loop that was left can be taken up
// again where it stopped. A generator could not.

import { GONE, type MapCursor } from '../heap/index.js'
import type { MapIteration, SetIteration } from '../iterators.js'

const ITERATOR = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object

class Walk<T> {
  readonly #cursor: MapCursor
  readonly #look: (cursor: MapCursor) => T | typeof GONE

  constructor(cursor: MapCursor, look: (cursor: MapCursor) => T | typeof GONE) {
    this.#cursor = cursor
    this.#look = look
  }

  next(): IteratorResult<T, undefined> {
    while (this.#cursor.next()) {
      const value = this.#look(this.#cursor)
      if (value !== GONE) return { value, done: false }
    }
    return { value: undefined, done: true }
  }

  static {
    // Where the runtime has iterator helpers, these have them, too.
    Object.setPrototypeOf(Walk.prototype, ITERATOR)
  }
}

class MapWalk<T> extends Walk<T> {
  static {
    Object.defineProperty(MapWalk.prototype, Symbol.toStringTag, { value: 'SharedMap Iterator', configurable: true })
  }
}

class SetWalk<T> extends Walk<T> {
  static {
    Object.defineProperty(SetWalk.prototype, Symbol.toStringTag, { value: 'SharedSet Iterator', configurable: true })
  }
}

/** @param look what to give for an entry; GONE where it was deleted between the step and the look. */
export function walkMap<T>(cursor: MapCursor, look: (cursor: MapCursor) => T | typeof GONE): MapIteration<T> {
  return new MapWalk(cursor, look) as unknown as MapIteration<T>
}

export function walkSet<T>(cursor: MapCursor, look: (cursor: MapCursor) => T): SetIteration<T> {
  return new SetWalk(cursor, look) as unknown as SetIteration<T>
}

/** Gives a method further names; under each it is the very same function, as Map and Set have it. */
export function alias(prototype: object, name: string, ...others: (string | symbol)[]): void {
  const method = Object.getOwnPropertyDescriptor(prototype, name)!
  for (const other of others) Object.defineProperty(prototype, other, method)
}
