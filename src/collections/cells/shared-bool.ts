// collections/cells: yes or no, for every process.

import { wrongType } from '../../errors.js'
import { type NameOptions, Segment } from '../../segment/index.js'
import { checkObject, given } from '../../sizes.js'
import type { ReadOnlyAccess, ReadOnlyBool } from '../read-only.js'
import { Cell } from './cell.js'
import { ReadOnlyWord } from './read-only-word.js'
import { openScalar, type ScalarOptions } from './scalar-segment.js'
import type { Store } from './store.js'
import { type Bits, BitsWord, NumberWord } from './word-store.js'

export interface BoolOptions extends ScalarOptions {
  /** Value when this call makes it; default `false`. What is there already is left alone. */
  initial?: boolean | undefined
}

const BITS: Bits<boolean, number> = { toBits: (value) => (value ? 1 : 0), fromBits: (bits) => bits !== 0 }
const ANY = {
  least: 0,
  most: 1,
  refuse(value: number): never {
    throw wrongType('value', 'a boolean', value)
  },
}

/**
 * A switch that every process on the machine sees.
 *
 * @example
 * import { SharedBool } from 'memlane'
 * using paused = SharedBool.open('paused')
 * paused.toggle()
 */
export class SharedBool extends Cell<boolean> {
  /** @internal */
  constructor(name: string, store: Store<boolean>) {
    super(name, store, checkBool)
  }

  /**
   * Opens the switch of that name, or makes it.
   *
   * @throws MemlaneError `ERR_KIND` when the name is something else, `ERR_TYPE`, `ERR_RANGE`, `ERR_NAME`, `ERR_NO_SPACE`, `ERR_PERMISSION`.
   */
  static open(name: string, options: BoolOptions & ReadOnlyAccess): ReadOnlyBool
  static open(name: string, options?: BoolOptions): SharedBool
  static open(name: string, options: BoolOptions = {}): SharedBool {
    const initial = checkBool(given(checkObject(options).initial, false), 'initial')
    const segment = openScalar(name, options, {
      kind: 'bool',
      code: 1,
      typeName: () => 'a boolean',
      init: (made) => storeOf(made).set(initial),
    })
    return SharedBool.over(segment)
  }

  /** @internal The switch of a segment that is open already; it is closed with it. */
  static over(segment: Segment): SharedBool {
    return new SharedBool(segment.name, storeOf(segment))
  }

  /** Removes the name. Those who have it open keep it. @returns true if it was there. */
  static unlink(name: string, options: NameOptions = {}): boolean {
    return Segment.unlink(name, options)
  }

  /** Turns it over, in one step for everybody. @returns the new value. @throws MemlaneError `ERR_CLOSED`. */
  toggle(): boolean {
    this.checkOpen()
    return !this.store.change((old) => !old)
  }
}

export function checkBool(value: boolean, what: string): boolean {
  if (typeof value !== 'boolean') throw wrongType(what, 'true or false', value)
  return value
}

function storeOf(segment: Segment): Store<boolean> {
  const words = new Int32Array(segment.memory.buffer, segment.body, 1)
  return new BitsWord(
    segment.readOnly ? new ReadOnlyWord<number>(segment, words) : new NumberWord(segment, words, ANY),
    BITS,
  )
}
