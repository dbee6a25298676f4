// collections/cells: a text that every process sees, of any length and any characters.

import { wrongType } from '../../errors.js'
import { unlinkHeap } from '../../heap/index.js'
import type { NameOptions } from '../../segment/index.js'
import { checkObject, given, refusePromise } from '../../sizes.js'
import type { ReadOnlyAccess, ReadOnlyString } from '../read-only.js'
import { ALONE, type CollectionOptions, openCell, openHeap } from '../structure.js'
import { Cell } from './cell.js'
import { HeapStore } from './heap-store.js'
import type { Store } from './store.js'

export interface StringOptions extends CollectionOptions {
  /** Text when this call makes it; default empty. What is there already is left alone. */
  initial?: string | undefined
}

/**
 * A string that every process on the machine sees. It grows as it must, is never cut, and keeps every character,
 * NUL and lone surrogates included.
 *
 * @example
 * import { SharedString } from 'memlane'
 * using motto = SharedString.open('motto', { initial: 'share' })
 * motto.append(' and survive')
 * console.log(motto.value)
 */
export class SharedString extends Cell<string> {
  /** @internal */
  constructor(name: string, store: Store<string>) {
    super(name, store, checkString)
  }

  /** Opens the string of that name, or makes it. Throws as `SharedMap.open` does. */
  static open(name: string, options: StringOptions & ReadOnlyAccess): ReadOnlyString
  static open(name: string, options?: StringOptions): SharedString
  static open(name: string, options: StringOptions = {}): SharedString {
    const initial = checkString(given(checkObject(options).initial, ''), 'initial')
    const heap = openHeap(name, options, true, '64 MiB')
    try {
      return new SharedString(name, new HeapStore(heap, openCell(heap, 'string', ALONE, initial), true))
    } catch (error) {
      heap.close()
      throw error
    }
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return unlinkHeap(name, options)
  }

  /** Characters (UTF-16 units). */
  get length(): number {
    return this.get().length
  }

  /** Appends a text, in one step for everybody. @returns the new text. @throws MemlaneError `ERR_TYPE`, `ERR_NO_SPACE`, `ERR_CLOSED`. */
  append(text: string): string {
    return this.update((old) => old + checkString(text, 'text'))
  }

  /**
   * Replaces the text by what `change` makes of it, in one step for everybody.
   *
   * @returns the new text.
   * @throws MemlaneError `ERR_TYPE` when that is no string, `ERR_CLOSED`.
   */
  update(change: (text: string) => string): string {
    if (typeof change !== 'function') throw wrongType('change', 'a function', change)
    this.checkOpen()
    let text = ''
    this.store.change((old) => {
      text = checkString(change(old), 'the new text')
      return text
    })
    return text
  }
}

export function checkString(value: string, what: string): string {
  if (typeof value === 'string') return value
  refusePromise(value, `${what} is stored with the heap locked`)
  throw wrongType(what, 'a string', value)
}
