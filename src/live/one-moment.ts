// live: several reads of one moment, several writes as one.

import { Handle, type HeapList } from '../heap/index.js'

/** Runs `work` as one transaction of the heap that a handle belongs to; it joins one that is open. */
export function atomically<T>(handle: Handle, work: () => T): T {
  return Handle.coreOf(handle).arena.change(work)
}

/** Runs reads of one list until all of them saw the same moment. */
function moment<T>(list: HeapList, look: () => T): T {
  const core = Handle.coreOf(list)
  const { arena } = core
  return arena.read(arena.stripeWord(Handle.stripeOf(core, Handle.pointerOf(list))), look)
}

/** The elements of one moment, objects and arrays live, holes as holes. */
export function elementsOf(list: HeapList): unknown[] {
  return moment(list, () => {
    const { length } = list
    const elements: unknown[] = []
    elements.length = length
    for (let index = 0; index < length; index++) {
      const value = list.get(index)
      if (value !== undefined || list.has(index)) elements[index] = value
    }
    return elements
  })
}

/** The indexes that are no holes, as property names. */
export function indexesOf(list: HeapList): string[] {
  return moment(list, () => {
    const { length } = list
    const indexes: string[] = []
    for (let index = 0; index < length; index++) if (list.has(index)) indexes.push(String(index))
    return indexes
  })
}
