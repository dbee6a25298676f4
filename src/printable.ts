// What is shown of a handle: by console.log, by JSON, by a test runner's report. Its class, its name, and what it holds;
// never the memory behind it. Showing never throws: where a value is gone there stands `<stale>`, `<closed>`, or the code
// of the error that reading it would be. A clone of a handle would be dead, so it is refused, and says what to do.

import { inspect } from 'node:util'

/** What stands for a value that is gone. */
export const STALE_MARK = '<stale>'

/** Stands for what cannot be shown any more: `<stale>`, `<closed>`, `<ERR_BUSY>`. */
export function mark(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  if (code === 'ERR_STALE') return STALE_MARK
  if (code === 'ERR_CLOSED') return '<closed>'
  return typeof code === 'string' ? `<${code}>` : '<unreadable>'
}

/** What `look` gives, or the mark of why it gives nothing. */
export function shown<T>(look: () => T): T | string {
  try {
    return look()
  } catch (error) {
    return mark(error)
  }
}

/** `SharedMap("players") Map(1) { … }`, or with `<closed>` in the place of what it holds. */
export function rendering(title: string, look: () => unknown, options: object): string {
  let held: unknown
  try {
    held = look()
  } catch (error) {
    return `${title} ${mark(error)}`
  }
  return `${title} ${inspect(held, options)}`
}

interface Named {
  readonly name: string
  readonly closed: boolean
}

/**
 * Gives a class a rendering for util.inspect and console.log, and one for JSON.
 *
 * @param look what it holds; without it nothing is said of that.
 * @param json what JSON says of it; without it, its name.
 */
export function makePrintable<T extends Named>(
  prototype: T,
  look?: (thing: T) => unknown,
  json?: (thing: T) => unknown,
): void {
  const title = (thing: T): string => `${thing.constructor.name}(${JSON.stringify(thing.name)})`
  Object.defineProperty(prototype, inspect.custom, {
    configurable: true,
    value(this: T, _depth: number, options: object): string {
      // What inherits from a handle and is none has no state of its own.
      const closed = shown(() => this.closed)
      if (closed !== false) return `${title(this)} ${closed === true ? '<closed>' : closed}`
      return look === undefined ? title(this) : rendering(title(this), () => look(this), options)
    },
  })
  Object.defineProperty(prototype, 'toJSON', {
    configurable: true,
    writable: true,
    value(this: T): unknown {
      if (json === undefined) return { name: this.name }
      try {
        if (!this.closed) return json(this)
      } catch (error) {
        return `${title(this)} ${mark(error)}`
      }
      return `${title(this)} <closed>`
    },
  })
}

const handles = new WeakSet<object>()

/** Why a handle cannot be sent or stored; `undefined` for what is none. */
export function whyUncloneable(value: object): string | undefined {
  return handles.has(value) ? (value as { uncloneable: symbol }).uncloneable.description : undefined
}

/**
 * Makes cloning a handle an error that says how to open it there. Structured clone reads an object's own properties and
 * refuses symbols, saying what they are called. It looks at nothing else of an object: the property has to be enumerable and
 * named by a string, and so shows in `Object.keys`. What is refused for what it is says nothing of its own (an object made by
 * the constructor of WeakRef, a Proxy), or prints and compares as what it is made as (a Set that holds the symbol).
 *
 * @param how what to write there; default `Class.open(name)`.
 */
export function refuseCloning(thing: Named, how?: () => string): void {
  handles.add(thing)
  Object.defineProperty(thing, 'uncloneable', {
    enumerable: true,
    configurable: true,
    get(): symbol {
      const { name } = thing.constructor
      const open = how?.() ?? `${name}.open(${JSON.stringify(thing.name)})`
      return Symbol(`which stays in its thread; send its name, and open it there with ${open}`)
    },
  })
}
