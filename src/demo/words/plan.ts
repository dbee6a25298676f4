// demo: what the processes share. One heap, so that one transaction spans all of it; and one number beside it, which a
// worker sets in the middle of such a transaction and everybody sees at once.

import { SharedHeap, SharedInt, type SharedList, type SharedMap } from '../../collections/index.js'
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
  /** 1 + the worker who came to half-way; 0 before. */
  readonly halfWay: SharedInt
}

/** Milliseconds that a worker stands at half-way when nobody comes to kill it. */
const STAND = 60_000
const still = new Int32Array(new SharedArrayBuffer(4))

const halfWayName = (name: string): string => `${name}-half-way`

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
    halfWay: SharedInt.open(halfWayName(name)),
  }
}

export function closePlan({ heap, halfWay }: Plan): void {
  heap.close()
  halfWay.close()
}

export function unlinkPlan(name: string): void {
  SharedHeap.unlink(name)
  SharedInt.unlink(halfWayName(name))
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

/** A file that was counted. */
export interface Counted {
  readonly file: number
  readonly size: number
  readonly counts: ReadonlyMap<string, number>
}

/**
 * Adds what was counted in a file and ticks it off: both or, when this process is killed in the middle of it, neither.
 * That is why the sum is right in the end. The first who comes to half of all bytes stands still in the middle, to be
 * killed there.
 */
export function deliver(plan: Plan, worker: number, { file, size, counts }: Counted, total: number): void {
  const { heap, words, taken, bytes, files, news } = plan
  heap.transaction(() => {
    const half = (bytes.value + size) * 2 >= total
    let left = counts.size >> 1
    if (half && left === 0) standAtHalfWay(plan, worker)
    for (const [word, count] of counts) {
      words.add(word, count)
      if (--left === 0 && half) standAtHalfWay(plan, worker)
    }
    taken.delete(file)
    bytes.add(size)
    files.add(1)
    news.add(1)
  })
}

function standAtHalfWay({ halfWay }: Plan, worker: number): void {
  if (halfWay.compareExchange(0, worker + 1) === 0) Atomics.wait(still, 0, 0, STAND)
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
