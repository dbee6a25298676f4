// collections/testing: writers and readers of sealed values, killed at random, and the log of what was acknowledged.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Actor, type Crew, until } from '../../testing/crew.js'
import { unsealed } from '../../testing/sealed.js'
import { SharedHeap } from '../heap/shared-heap.js'

const KEYS = 20

export interface Tally {
  kills: number
  acknowledged: number
  blocks: number
}

/** Kills writers and readers until `isOver`, then compares what is there with what was acknowledged. */
export async function killRun(
  crew: Crew,
  writers: number,
  below: (n: number) => number,
  isOver: (kills: number) => boolean,
): Promise<Tally> {
  const name = crew.name('sealed')
  const folder = mkdtempSync(join(tmpdir(), 'memlane-sealed-'))
  try {
    using heap = SharedHeap.open(name, { maxSize: '64 MiB', participants: 128 })
    const map = heap.map<string, unknown>('sealed')
    // A file of its own for each: a kill may cut its last line, and nobody else's may begin there.
    const paths: string[] = []
    const write = (i: number): Actor => {
      const path = join(folder, String(paths.length))
      paths.push(path)
      return crew.start('write-sealed', [name, i, KEYS, below(2 ** 30), path])
    }
    const read = (): Actor => crew.start('read-sealed', [name])
    const actors = Array.from({ length: writers }, (_, i) => write(i))
    const readers = [read(), read()]
    for (const one of [...actors, ...readers]) await one.hear('ready')
    await until(() => paths.every((path) => linesOf(path).length > 0), 'every writer has written')
    let kills = 0
    while (!isOver(kills)) {
      await new Promise((resolve) => setTimeout(resolve, below(30)))
      // A reader falls back to the lock now and then: it is killed too.
      const among = below(4) === 0 ? readers : actors
      const i = below(among.length)
      await kill(among[i]!)
      kills++
      among[i] = among === readers ? read() : write(i)
      // Now and then it is killed while it attaches.
      if (below(3) > 0) await among[i].hear('ready')
      for (const reader of readers) {
        while (reader.hasSaid) {
          const said = await reader.hear<{ torn?: string } | 'ready'>()
          if (said !== 'ready') assert.equal(said.torn, undefined, 'a reader saw half a value')
        }
      }
      if (kills % 10 === 0) heap.verify()
    }
    await Promise.all([...actors, ...readers].map(kill))
    const { blocks } = heap.verify()
    let acknowledged = 0
    for (const path of paths) acknowledged += compare(path, (key) => unsealed(map.snapshot(key))?.n)
    for (const [key, value] of map.snapshot()) assert.ok(unsealed(value), `${key} is half a value`)
    return { kills, acknowledged, blocks }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function kill(actor: Actor): Promise<void> {
  const { code, signal } = await actor.end()
  assert.equal(signal, 'SIGKILL', `${actor.scenario} had ended before, with ${code}: ${actor.stderr}`)
}

/** What was acknowledged; of a last line that is cut nobody can tell what it was going to say. */
function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
}

/** Every key has the value that was acknowledged last, or the one that its writer was killed with. */
function compare(path: string, latest: (key: string) => number | undefined): number {
  const last = new Map<string, number>()
  const lines = linesOf(path)
  for (const line of lines) {
    const [key = '', n] = line.split(' ')
    last.set(key, Number(n))
  }
  for (const [key, n] of last) {
    const now = latest(key)
    assert.ok(now !== undefined && now >= n, `${key}: ${n} was acknowledged, ${now} is there`)
  }
  return lines.length
}
