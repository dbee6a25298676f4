// heap/testing: visits every store of an operation, dies there, and asks three oracles what survivors find:
//
//   1. the full audit: each block reachable exactly once or free exactly once, lists, indexes and counts agree;
//   2. before or after: the survivors see the state before the operation or the one after it, nothing between; and what a
//      lock-free reader saw before the repair is what the repair keeps;
//   3. generations: a block that lives has the generation it had before (or, after a commit, would have had).
//
// Then the repairer dies at each of its stores, and its repairer too; or whoever comes next is a writer, and dies in what
// it writes after the repair. All in one process: memory is a SharedArrayBuffer,
// dying is an exception after which no store happens any more and the liveness lock is released, as the kernel would.
// The heap under test is a copy of dist/ with hooks, made by scripts/hook-stores.mjs.

import { inspect } from 'node:util'
import type { Heap as HeapClass } from '../heap.js'
import { HOLD } from '../values/values.layout.js'
import type { Scenario } from './scenarios.js'

type Heap = HeapClass
export type HeapModule = { Heap: typeof HeapClass }

/** Bytes of the liveness locks at the end of a local memory. */
const LOCK_BYTES = 4096 * 4

class Killed extends Error {}

let armed = -1
let passed = 0
let dead = false
let running = false

/** Store sites that some operation or repair has come by, by the numbers of scripts/hook-stores.mjs. */
export const reached: Set<number> = new Set()

Object.assign(globalThis, {
  __memlaneStore(site: number): void {
    if (running) reached.add(site)
    if (dead) throw new Killed('dead')
    if (passed++ === armed) {
      dead = true
      throw new Killed('here')
    }
  },
})

/** Runs `work`, dying before its store number `at` (below 0: never). @returns stores passed, and whether it died. */
function run(at: number, work: () => void): { stores: number; died: boolean } {
  armed = at
  passed = 0
  dead = false
  running = true
  try {
    work()
    return { stores: passed, died: false }
  } catch (error) {
    if (!dead) throw error
    return { stores: passed, died: true }
  } finally {
    armed = -1
    dead = false
    running = false
  }
}

export interface Tally {
  points: number
  repairs: number
  deep: number
  /** Deaths of the next writer, in its repair or in what it wrote after it. */
  next: number
  bad: string[]
}

export interface Depths {
  /** Visits every so many-th kill point of an operation; 1: all. */
  every: number
  /** About how many stores of first repairs a scenario visits, spread evenly, and of repairs after those. */
  repairs: number
  deep: number
  /** About how many stores of the next writer. */
  next: number
  /** Where to begin, so that samples differ from run to run. */
  seed: number
}

/** What those who come after a death write. */
const LATER = 'afterwards'
/** About how many stores that takes. */
const GO_ON_STORES = 250

/** In a full heap a number is there already, and there is room for nothing else. */
function goOn(heap: Heap): void {
  const later = heap.map(LATER)
  later.set('a', typeof later.get('a') === 'number' ? 7 : { life: 'goes on' })
}

/** All the structures' contents, as one string; but for what came afterwards. @param withObjects and how many shared objects there are. */
function dump(heap: Heap, withObjects: boolean = true): string {
  const contents: unknown[] = []
  for (const { name, kind } of heap.names()) {
    if (name === LATER) continue
    contents.push([name, kind, contentsOf(heap, name, kind)])
  }
  if (withObjects) contents.push(heap.stats().objects)
  return textOf(contents)
}

/** All of a value as a text. Not serialize(): that of an array depends on whether the engine happens to keep it for one with holes. */
function textOf(value: unknown): string {
  return inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, breakLength: Infinity })
}

function contentsOf(heap: Heap, name: string, kind: string): unknown {
  try {
    if (kind === 'map') return heap.map(name).snapshot()
    if (kind === 'cell') return heap.cell(name).snapshot()
    if (kind === 'queue') return [heap.queue(name).snapshot(), heap.queue(name).taken]
    return heap.list(name).snapshot()
  } catch (error) {
    // It leads to what was destroyed.
    const { code } = error as { code?: unknown }
    if (code !== 'ERR_STALE') throw error
    return code
  }
}

/** Generations of all living blocks that carry one, and their places' carves. */
function generations(heap: Heap, statistics: (each: (pointer: number) => void) => void): Map<number, number> {
  const { i32 } = heap.core.arena
  const found = new Map<number, number>()
  statistics((pointer) => {
    // Nothing names a HOLD by its generation, and whoever looks takes some of its own.
    if ((i32[(pointer << 1) + 1]! & 0xff) === HOLD) return
    found.set(pointer, i32[pointer << 1]! * 4096 + (i32[heap.core.blocks.carveWord(pointer)]! & 4095))
  })
  return found
}

/** One scenario, all of its kill points. */
export class CrashPoints {
  readonly #module: HeapModule
  readonly #scenario: Scenario
  readonly #base: Uint8Array
  readonly #memory: SharedArrayBuffer
  readonly #bytes: Uint8Array
  readonly #before: string
  readonly #after: string
  readonly #generationsBefore: Map<number, number>
  readonly #generationsAfter: Map<number, number>
  readonly #watchedKeys: readonly (readonly [string, string])[]
  readonly stores: number
  readonly #statistics: (heap: Heap, each: (pointer: number) => void) => void

  constructor(
    module: HeapModule,
    scenario: Scenario,
    statistics: (heap: Heap, each: (pointer: number) => void) => void,
  ) {
    this.#module = module
    this.#scenario = scenario
    this.#statistics = statistics
    const heap = module.Heap.local({ maxSize: '384 KiB', participants: 6, undoSize: 4096, ...scenario.options })
    scenario.prepare?.(heap)
    this.#memory = heap.segment.memory.buffer as SharedArrayBuffer
    this.#bytes = new Uint8Array(this.#memory)
    heap.close()
    this.#bytes.fill(0, this.#bytes.length - LOCK_BYTES)
    this.#base = this.#bytes.slice()

    let attached = this.#attach()
    attached.verify()
    this.#before = dump(attached)
    this.#generationsBefore = this.#generations(attached)
    this.#watchedKeys = scenario.keys ?? []
    const victim = this.#victim()
    this.stores = run(-1, () => this.#act(victim)).stores
    // The victim may have given itself up.
    attached = this.#attach()
    attached.verify()
    this.#after = dump(attached)
    this.#generationsAfter = this.#generations(attached)
  }

  get changes(): boolean {
    return this.#before !== this.#after
  }

  /** An error that the scenario expects (no space, an abort) is part of the operation. */
  #act(heap: Heap): void {
    try {
      this.#scenario.act(heap)
    } catch (error) {
      if (dead || error instanceof Killed) throw error
      if (this.#scenario.throws === undefined || !this.#scenario.throws.test(String(error))) throw error
    }
  }

  #attach(): Heap {
    const heap = this.#module.Heap.attachLocal(this.#memory)
    // The dead died in this very thread, and to block on oneself is an error elsewhere.
    heap.segment.isThisThread = () => false
    return heap
  }

  #fresh(bytes: Uint8Array): Heap {
    this.#bytes.set(bytes)
    return this.#attach()
  }

  /** Beside one that does nothing: so it is another one that has written last, and the word HOLDER changes. */
  #victim(): Heap {
    this.#fresh(this.#base)
    return this.#attach()
  }

  #generations(heap: Heap): Map<number, number> {
    return generations(heap, (each) => this.#statistics(heap, each))
  }

  /** A process is gone: what it held in the kernel is free, nothing else happens. */
  #bury(heap: Heap): void {
    heap.segment.memory.close()
  }

  visit(depths: Depths, tally: Tally): void {
    // A repair has about as many stores as the operation has undone: a third of what it has stored, on average half way.
    const repair = 10 + this.stores / 6
    const { thin = 1 } = this.#scenario
    const every = depths.every * thin
    const points = this.stores / every
    // An operation with that many stores has large repairs.
    const repairs = thin > 1 ? depths.repairs / 5 : depths.repairs
    const deep = thin > 1 ? depths.deep / 5 : depths.deep
    const next = thin > 1 ? depths.next / 5 : depths.next
    const second = Math.max(1, Math.round((points * repair) / Math.max(1, repairs)))
    const third = Math.max(1, Math.round((Math.min(repairs, points * repair) * repair) / Math.max(1, deep)))
    const fourth = Math.max(1, Math.round((points * (GO_ON_STORES + repair)) / Math.max(1, next)))
    for (let at = depths.seed % every; at < this.stores; at += every) {
      const where = `${this.#scenario.name}, store ${at}`
      const victim = this.#victim()
      const { died } = run(at, () => this.#act(victim))
      this.#bury(victim)
      if (!died) continue
      tally.points++
      const saw = this.#look(tally, where)
      const image = this.#bytes.slice()
      const stores = this.#survive(tally, where, saw)
      if (depths.next > 0) {
        for (let j = (depths.seed + at * 3) % fourth; ; j += fourth) {
          if (this.#killNext(image, j, tally, `${where}, store ${j} of the next writer`, saw, goOn) === undefined) break
          tally.next++
        }
      }
      if (depths.repairs === 0) continue
      for (let j = (depths.seed + at * 7) % second; j < stores; j += second) {
        const deeper = this.#killNext(image, j, tally, `${where}, repair store ${j}`, saw)
        if (deeper === undefined) continue
        tally.repairs++
        if (depths.deep === 0) continue
        for (let k = (depths.seed + at * 7 + j * 5) % third; k < deeper.stores; k += third) {
          if (
            this.#killNext(
              deeper.image,
              k,
              tally,
              `${where}, repair store ${j}, its repair's store ${k}`,
              deeper.saw,
            ) !== undefined
          )
            tally.deep++
        }
      }
      if (tally.bad.length > 200) return
    }
  }

  /** A lock-free reader, before anybody repairs. @returns what it saw, where the versions let it see. */
  #look(tally: Tally, where: string): Saw {
    const reader = this.#attach()
    const { arena } = reader.core
    const saw: Saw = { whole: undefined, keys: new Map() }
    try {
      // Depth 1 reads without versions and without the lock: the versions are looked at here.
      arena.depth = 1
      if ((arena.i32[arena.version]! & 1) === 0) saw.whole = dump(reader)
      for (const [structure, key] of this.#watchedKeys) {
        const hash = reader.core.index.hash(key)
        if ((arena.i32[arena.stripeWord(hash >>> 26)]! & 1) !== 0) continue
        saw.keys.set(`${structure}/${key}`, textOf(reader.map(structure, { create: false }).snapshotOf(key)))
      }
    } catch (error) {
      tally.bad.push(`${where}: a lock-free reader failed: ${String(error)}`)
    } finally {
      arena.depth = 0
    }
    if (saw.whole !== undefined && saw.whole !== this.#before && saw.whole !== this.#after)
      tally.bad.push(`${where}: a lock-free reader saw neither before nor after`)
    reader.close()
    return saw
  }

  /** The next one in repairs; the oracles look. @returns stores of the repair. */
  #survive(tally: Tally, where: string, saw: Saw): number {
    const survivor = this.#attach()
    let stores = 0
    try {
      stores = run(-1, () => survivor.core.arena.readLocked(() => {})).stores
      survivor.verify()
      const now = dump(survivor)
      if (now !== this.#before && now !== this.#after) tally.bad.push(`${where}: neither before nor after`)
      else if (saw.whole !== undefined && saw.whole !== now)
        tally.bad.push(
          `${where}: a reader had seen ${saw.whole === this.#after ? 'after' : 'before'}, and it did not stick`,
        )
      for (const [path, value] of saw.keys) {
        const [structure, key] = path.split('/') as [string, string]
        if (textOf(survivor.map(structure, { create: false }).snapshotOf(key)) !== value) {
          tally.bad.push(`${where}: a reader had seen another value of ${path}`)
        }
      }
      this.#compareGenerations(
        survivor,
        now === this.#after && this.#after !== this.#before ? this.#generationsAfter : this.#generationsBefore,
        tally,
        where,
      )
      goOn(survivor)
      survivor.verify()
      if (this.#scenario.finish !== undefined) {
        const seen = dump(survivor, false)
        this.#scenario.finish(survivor)
        survivor.verify()
        if (dump(survivor, false) !== seen) tally.bad.push(`${where}: something else is there in the end`)
      }
    } catch (error) {
      tally.bad.push(`${where}: ${String(error)}`)
      survivor.core.arena.depth = 0
    }
    this.#bury(survivor)
    return stores
  }

  #compareGenerations(heap: Heap, expected: Map<number, number>, tally: Tally, where: string): void {
    const now = this.#generations(heap)
    for (const [pointer, generation] of expected) {
      if (now.get(pointer) !== generation) {
        tally.bad.push(`${where}: block ${pointer} lives with another generation`)
        return
      }
    }
  }

  /**
   * The next one, who repairs and goes on with `work`, dies at its store `at`; the one after it finishes.
   *
   * @returns what that one faced, or undefined when nobody died.
   */
  #killNext(
    image: Uint8Array,
    at: number,
    tally: Tally,
    where: string,
    saw: Saw,
    work: (heap: Heap) => void = (heap) => heap.core.arena.readLocked(() => {}),
  ): { image: Uint8Array; stores: number; saw: Saw } | undefined {
    const repairer = this.#fresh(image)
    const { died } = run(at, () => work(repairer))
    this.#bury(repairer)
    if (!died) return undefined
    const then = this.#look(tally, where)
    const both: Saw = { whole: saw.whole ?? then.whole, keys: new Map([...then.keys, ...saw.keys]) }
    const next = this.#bytes.slice()
    const stores = this.#survive(tally, where, both)
    return { image: next, stores, saw: both }
  }
}

interface Saw {
  whole: string | undefined
  keys: Map<string, string>
}
