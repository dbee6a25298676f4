// What console.log shows of a handle: its class, its name, and what it holds; never the memory behind it.

import { inspect } from 'node:util'

/** Gives a class a rendering for util.inspect and console.log. @param look what it holds; without it, nothing is said of that. */
export function makePrintable<T extends { readonly name: string; readonly closed: boolean }>(
  prototype: T,
  look?: (thing: T) => unknown,
): void {
  Object.defineProperty(prototype, inspect.custom, {
    configurable: true,
    value(this: T, _depth: number, options: object): string {
      const name = `${this.constructor.name}(${JSON.stringify(this.name)})`
      if (this.closed) return `${name} <closed>`
      return look === undefined ? name : `${name} ${inspect(look(this), options)}`
    },
  })
}
