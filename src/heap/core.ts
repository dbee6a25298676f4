// heap: the parts of one open heap, so that each can reach the others.

import type { Arena } from './arena/arena.js'
import type { Allocator } from './blocks/allocator.js'
import type { HeapList } from './handles/heap-list.js'
import type { HeapObject } from './handles/heap-object.js'
import type { Intents } from './intents.js'
import type { MapIndex } from './kinds/map/map-index.js'
import type { Shapes } from './kinds/object/shapes.js'
import type { TextBytes } from './kinds/text/text.js'
import type { ClassNames } from './objects/class-names.js'
import type { Collector } from './objects/collector.js'
import type { Objects } from './objects/objects.js'
import type { Decoder } from './values/decode.js'
import type { Encoder } from './values/encode.js'
import type { Graph } from './values/graph.js'
import type { Overwriter } from './values/overwrite.js'
import type { Watches } from './watch/watches.js'

/** How the room above shows live objects and arrays, and finds its way back. Default: the handles themselves. */
export interface Adapter {
  /**
   * A live object. Apart from lists: maps make one with every get.
   *
   * @param className of a shared object, when it is an instance of a registered class.
   */
  object(handle: HeapObject, className?: string): object
  list(handle: HeapList): object
  /** The handle of a value that one of them made, of this heap or another one; `undefined` for anything else. */
  unwrap(value: object): object | undefined
  /** The name that a value's class is registered by, when it is about to become a shared object. */
  classOf?(value: object): string | undefined
  /** Tag and data of a value whose type the program gave; `undefined` for any other. */
  typeOf?(value: object): readonly [tag: string, data: unknown] | undefined
  /** The value of that type; `undefined` when there is none. */
  typed?(tag: string, data: unknown): object | undefined
}

export interface Core {
  readonly name: string
  readonly arena: Arena
  readonly blocks: Allocator
  readonly text: TextBytes
  readonly index: MapIndex
  readonly shapes: Shapes
  readonly graph: Graph
  readonly encoder: Encoder
  readonly decoder: Decoder
  readonly overwriter: Overwriter
  readonly watches: Watches
  readonly classes: ClassNames
  readonly objects: Objects
  readonly intents: Intents
  readonly collector: Collector
  adapter: Adapter
  /** What a user gets for a live object or array block. */
  live(pointer: number, kind: number): object
  /** The detached copy of a handle from any heap; shared objects inside it stay live. */
  copyOf(handle: object): unknown
}
