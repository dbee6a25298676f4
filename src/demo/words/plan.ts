// demo: what the processes share. One heap, so that one transaction spans all of it.

import { SharedHeap, type SharedInt, type SharedList, type SharedMap } from '../../collections/index.js'
import type { TextFile } from './folder.js'

export interface Plan {
  readonly heap: SharedHeap
  /** How often each word was seen, in the files that are done. */
  readonly words: SharedMap<string, number>
  /** What there is to count. */
  readonly sources: SharedList<TextFile>
  /** Numbers of files that nobody has taken. */
  readonly todo: SharedList<number>
  /** File → worker who is at it. */
  readonly taken: SharedMap<number, number>
  /** Bytes and files done. */
  readonly bytes: SharedInt
  readonly files: SharedInt
  /** Changes whenever a waiting worker should look again. */
  readonly news: SharedInt
}

export function openPlan(name: string): Plan {
  const heap = SharedHeap.open(name, { maxSize: '1 GiB' })
  return {
    heap,
    words: heap.map('words'),
    sources: heap.list('sources'),
    todo: heap.list('todo'),
    taken: heap.map('taken'),
    bytes: heap.int('bytes'),
    files: heap.int('files'),
    news: heap.int('news'),
  }
}

/** Lays out the work. */
export function fill({ heap, sources, todo }: Plan, files: readonly TextFile[]): void {
  heap.transaction(() => {
    sources.assign(files)
    todo.assign(files.map((_, file) => file))
  })
}

/** Takes the next file. @returns undefined when nobody has one to give. */
export function takeFile({ heap, todo, taken }: Plan, worker: number): number | undefined {
  return heap.transaction(() => {
    const file = todo.pop()
    if (file !== undefined) taken.set(file, worker)
    return file
  })
}

/**
 * Adds what was counted in a file and ticks it off: both or, when this process is killed in the middle of it, neither.
 * That is why the sum is right in the end.
 */
export function deliver(plan: Plan, file: number, counts: ReadonlyMap<string, number>, size: number): void {
  const { heap, words, taken, bytes, files, news } = plan
  heap.transaction(() => {
    for (const [word, count] of counts) words.add(word, count)
    taken.delete(file)
    bytes.add(size)
    files.add(1)
    news.add(1)
  })
}

/** Gives the files of a dead worker to the others. @returns how many. */
export function takeOver({ heap, todo, taken, news }: Plan, dead: number): number {
  return heap.transaction(() => {
    const orphans = [...taken].filter(([, worker]) => worker === dead).map(([file]) => file)
    taken.deleteMany(orphans)
    todo.push(...orphans)
    news.add(1)
    return orphans.length
  })
}
