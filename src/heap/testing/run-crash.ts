// heap/testing: runs the crash suite over a hooked copy of the heap.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { SharedHeap as SharedHeapClass } from '../../collections/index.js'
import { scenariosOf } from '../../collections/testing/crash-scenarios.js'
import { CrashPoints, type Depths, type HeapModule, reached, type Tally } from './crash-points.js'
import { SCENARIOS } from './scenarios.js'

export type { Depths, Tally }
export { reached }

/** @param folder of scripts/hook-stores.mjs. */
export async function runCrash(
  folder: string,
  depths: Depths,
  only?: RegExp,
  report?: (line: string) => void,
): Promise<Tally> {
  const load = (path: string) => import(pathToFileURL(join(folder, path)).href)
  const module = (await load('heap/index.js')) as HeapModule
  const { statistics } = (await load('heap/verify.js')) as {
    statistics: (core: unknown, each: (pointer: number) => void) => void
  }
  const { SharedHeap } = (await load('collections/index.js')) as { SharedHeap: typeof SharedHeapClass }
  const all = [...SCENARIOS, ...scenariosOf((heap) => SharedHeap.over(heap))]
  // How an array is serialized depends on whether the code that made it has made one with holes before. It has, from here on.
  const warm = module.Heap.local({ maxSize: '1 MiB', participants: 2 })
  const holes: unknown[] = [1]
  holes.length = 2
  for (let i = 0; i < 100; i++) {
    warm.map('m').set('holes', holes)
    warm.map('m').snapshot()
  }
  warm.close()
  const total: Tally = { points: 0, repairs: 0, deep: 0, next: 0, bad: [] }
  for (const scenario of all) {
    if (only !== undefined && !only.test(scenario.name)) continue
    const start = performance.now()
    const tally: Tally = { points: 0, repairs: 0, deep: 0, next: 0, bad: [] }
    try {
      const points = new CrashPoints(module, scenario, (heap, each) => statistics(heap.core, each))
      points.visit(depths, tally)
    } catch (error) {
      tally.bad.push(`${scenario.name}: ${error instanceof Error ? error.stack : String(error)}`)
    }
    total.points += tally.points
    total.repairs += tally.repairs
    total.deep += tally.deep
    total.next += tally.next
    total.bad.push(...tally.bad)
    report?.(
      `${scenario.name.padEnd(48)} ${String(tally.points).padStart(5)} ${String(tally.repairs).padStart(6)} ${String(tally.deep).padStart(6)} ${String(tally.next).padStart(6)}  bad ${tally.bad.length}  ${Math.round(performance.now() - start)} ms`,
    )
    if (tally.bad.length > 0) report?.(`    ${tally.bad.slice(0, 3).join('\n    ')}`)
  }
  return total
}
