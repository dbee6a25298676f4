// npm run check: every guard, two at a time, one line each; the output of a guard is shown only when it fails.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, run, since, tool } from './run.mjs'

const guard = (file) => [process.execPath, [join(root, 'scripts', `${file}.mjs`)]]

// The slowest come first, so that they don't run alone at the end.
const guards = [
  ['packed tarball', guard('check-package')],
  ['examples in the docs', guard('check-examples')],
  ['types', [process.execPath, [join(root, 'scripts', 'prepare.mjs'), '--only', 'types']]],
  ['format and lint', [tool('biome'), ['ci', '--colors=off', root]]],
  ['import directions', guard('check-imports')],
  ['globals that test runners replace', guard('check-globals')],
  ['changes of a heap', guard('check-changes')],
  ['layout in C and TypeScript', guard('check-layout')],
  ['error codes and their docs', guard('check-errors')],
  ['exports map', guard('check-exports')],
]

const start = performance.now()
const failed = []

async function worker() {
  for (let next = guards.shift(); next; next = guards.shift()) {
    const [name, [command, args]] = next
    const begun = performance.now()
    const { ok, output } = await run(command, args, { quiet: true })
    console.log(`${ok ? 'ok    ' : 'FAILED'}  ${name} (${since(begun)})`)
    if (ok) continue
    failed.push(name)
    console.log(output.trimEnd().replace(/^/gm, '        '))
  }
}

await Promise.all(Array.from({ length: Math.max(2, Math.min(4, availableParallelism())) }, worker))
console.log(failed.length === 0 ? `check: all good in ${since(start)}` : `check: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
