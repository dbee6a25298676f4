// Guard: a heap is changed through arena.change() alone.
// Why: the steps of a change (take the lock, mark, undo, commit, release) once stood in fifteen places, and three of them
// had forgotten one. Nothing else may take the heap's lock, open or close a version, or end a transaction by hand.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, root } from './run.mjs'

const HANDS = [
  [/\b(?:open|close)Version\(/, 'opens or closes a version'],
  [/\bnew OwnerLock\(/, 'makes a lock of its own'],
  [/\barena\.(?:begin|commit|rollback|enter|leave|abort)\b/, 'takes a step of a change by hand'],
  [/\barena\.depth(?:\+\+|--|\s*(?:[-+]?=)(?!=))/, 'sets how deep the change is nested'],
]
/** Closing a heap: no quick path is taken from then on. */
const ALLOWED = new Set(['src/heap/heap.ts: this.core.arena.depth = -1'])

const problems = []
for (const room of ['src/heap', 'src/live', 'src/collections']) {
  for (const path of filesUnder(room, (file) => file.endsWith('.ts'))) {
    if (/\.test\.ts$|\/testing\//.test(path) || path.startsWith('src/heap/arena/')) continue
    for (const [index, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
      if (/^\s*(?:\/\/|\*)/.test(line) || ALLOWED.has(`${path}: ${line.trim()}`)) continue
      for (const [pattern, what] of HANDS)
        if (pattern.test(line)) problems.push(`${path}:${index + 1}: ${what}; arena.change() does it`)
    }
  }
}
for (const problem of problems) console.error(problem)
console.log(`${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
