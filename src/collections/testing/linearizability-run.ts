// collections/testing: several processes write a history, some are killed, and the checker looks for an order.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Crew } from '../../testing/crew.js'
import { clockBeside, HISTORIES, type Input, type Kind, wordBeside } from '../../testing/histories.js'
import { isLinearizable, type Operation } from '../../testing/linearizability.js'
import { SharedInt } from '../cells/shared-int.js'
import { SharedHeap } from '../heap/shared-heap.js'
import { unlinking } from './names.js'

interface Line {
  i: number
  called?: number
  returned?: number
  input?: Input
  output?: unknown
}

export interface Run {
  readonly kind: Kind
  readonly processes: number
  /** Operations of each. */
  readonly times: number
  /** Processes killed while they are at it. */
  readonly kills: number
  readonly seed: number
}

/** What a run was: operations made, those cut off by a kill, those that began while another one was going on. */
export interface Outcome {
  readonly made: number
  readonly cut: number
  readonly overlapping: number
}

/** @throws when there is no order. */
export async function checkRun(crew: Crew, { kind, processes, times, kills, seed }: Run): Promise<Outcome> {
  const name = crew.name(`lin-${kind}`)
  const folder = mkdtempSync(join(tmpdir(), 'memlane-history-'))
  try {
    using _ = unlinking([wordBeside(name), clockBeside(name)])
    using heap = SharedHeap.open(name, { maxSize: '8 MiB' })
    using clock = SharedInt.open(clockBeside(name))
    const paths = Array.from({ length: processes }, (_, i) => join(folder, String(i)))
    const actors = paths.map((path, i) => crew.start('write-history', [name, kind, seed * 97 + i, times, path]))
    for (const actor of actors) await actor.hear('ready')
    clock.value = 1
    for (const victim of actors.slice(0, kills)) {
      await new Promise((resolve) => setTimeout(resolve, 1 + ((seed * 7) % 10)))
      await victim.end()
    }
    for (const actor of actors.slice(kills)) await actor.hear('done')
    const history = paths.flatMap(read)
    heap.verify()
    const { model } = HISTORIES[kind]
    for (const part of apart(history)) {
      if (isLinearizable(part, model)) continue
      throw new Error(
        `a history of ${kind} has no order (seed ${seed}):\n${part.map((one) => JSON.stringify(one)).join('\n')}`,
      )
    }
    return {
      made: history.length,
      cut: history.filter(({ returned }) => returned === undefined).length,
      overlapping: overlaps(history),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The lines of one process; the last one may be cut. */
function read(path: string): Operation<Input, unknown>[] {
  const found: { called: number; returned: number | undefined; input: Input; output: unknown }[] = []
  for (const text of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const { i, called, returned, input, output } = JSON.parse(text) as Line
    if (called !== undefined && input !== undefined)
      found[i] = { called, returned: undefined, input, output: undefined }
    else Object.assign(found[i]!, { returned, output })
  }
  return found
}

/** Keys of a map do not know each other. */
function apart(history: Operation<Input, unknown>[]): Operation<Input, unknown>[][] {
  const parts = new Map<string, Operation<Input, unknown>[]>()
  for (const one of history) {
    const key = one.input.key ?? ''
    const part = parts.get(key)
    if (part === undefined) parts.set(key, [one])
    else part.push(one)
  }
  return [...parts.values()]
}

/** Operations that began while another one was going on. */
function overlaps(history: readonly Operation<Input, unknown>[]): number {
  const byCall = [...history].sort((a, b) => a.called - b.called)
  let until = 0
  let count = 0
  for (const { called, returned = Number.POSITIVE_INFINITY } of byCall) {
    if (called < until) count++
    until = Math.max(until, returned === Number.POSITIVE_INFINITY ? called : returned)
  }
  return count
}
