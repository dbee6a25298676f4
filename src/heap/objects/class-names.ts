// heap/objects: the names of classes, by number. A MAP in the heap has each name with its number, in the order of the
// numbers; it only grows, so a number means the same class for good. Each handle keeps what it has read of it.
//
// Crash windows: a new name is one insertion into a map, logged.

import { MemlaneError } from '../../errors.js'
import type { Core } from '../core.js'
import { corrupt } from '../corrupt.js'
import { H_CLASSES } from '../heap.layout.js'
import { E_VALUE } from '../kinds/map/map.layout.js'
import { TAG_INT } from '../values/values.layout.js'

/** Classes of one heap. */
export const CLASSES_MAX: number = 32_767

export class ClassNames {
  readonly #core: Core
  /** By number; 0 is no class. */
  #names: readonly string[] = ['']

  constructor(core: Core) {
    this.#core = core
  }

  /** The number of a name; a new name gets one. Needs a transaction. @throws MemlaneError `ERR_LIMIT`, `ERR_NO_SPACE`. */
  idOf(name: string): number {
    const known = this.#names.indexOf(name, 1)
    if (known > 0) return known
    const { arena, index } = this.#core
    const { i32, base } = arena
    this.#names = this.#load()
    const loaded = this.#names.indexOf(name, 1)
    if (loaded > 0) return loaded
    const id = this.#names.length
    if (id > CLASSES_MAX)
      throw new MemlaneError('ERR_LIMIT', `${JSON.stringify(this.#core.name)} has ${CLASSES_MAX} classes already`)
    if (i32[base + H_CLASSES] === 0) arena.put(base + H_CLASSES, index.create(0))
    const entry = index.insert(i32[base + H_CLASSES]!, index.hash(name), name)
    const word = (entry << 1) + E_VALUE
    i32[word] = id
    i32[word + 1] = TAG_INT
    this.#names = [...this.#names, name]
    return id
  }

  /** The name of a number. @throws MemlaneError `ERR_CORRUPT`; inside an optimistic read that may pass. */
  nameOf(id: number): string {
    if (id > 0 && id < this.#names.length) return this.#names[id]!
    // Under the lock: what is read here is remembered, so it must be there for good.
    this.#names = this.#core.arena.readLocked(() => this.#load())
    const name = this.#names[id]
    if (!(id > 0) || name === undefined)
      throw corrupt(this.#core.name, `an object is of class ${id}, of ${this.#names.length - 1}`)
    return name
  }

  /** How many there are. Needs the lock. @throws MemlaneError `ERR_CORRUPT` when they are not numbered one by one. */
  count(): number {
    return this.#load().length - 1
  }

  #load(): string[] {
    const { arena, index, name } = this.#core
    const { i32, base } = arena
    const map = i32[base + H_CLASSES]!
    const names = ['']
    if (map === 0) return names
    index.each(map, (entry) => {
      const word = (entry << 1) + E_VALUE
      if (i32[word + 1] !== TAG_INT || i32[word] !== names.length)
        throw corrupt(name, `class ${names.length} has another number`)
      names.push(String(index.keyOf(entry)))
    })
    return names
  }

  /** After a roll back: some of the names may not be there any more. */
  forget(): void {
    this.#names = ['']
  }
}
