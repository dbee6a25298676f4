// npm run bench: runs every bench program, dist/bench/**/*.bench.js, one after another (two at once would measure each
// other). Words choose programs by path; what follows -- goes to the programs.
import { join } from 'node:path'
import { filesUnder, root, run, since } from './run.mjs'

const all = process.argv.slice(2)
const split = all.indexOf('--')
const words = split < 0 ? all : all.slice(0, split)
const rest = split < 0 ? [] : all.slice(split + 1)

const programs = filesUnder('dist/bench', (path) => path.endsWith('.bench.js')).filter(
  (path) => words.length === 0 || words.some((word) => path.includes(word)),
)
if (programs.length === 0) {
  console.error(`bench: no program under dist/bench${words.length ? ` whose path contains ${words.join(' or ')}` : ''}`)
  process.exit(1)
}

const failed = []
for (const [index, program] of programs.entries()) {
  const start = performance.now()
  console.log(`\n[${index + 1}/${programs.length}] ${program}`)
  const { ok } = await run(process.execPath, ['--expose-gc', join(root, program), ...rest])
  console.log(`${ok ? 'done' : 'FAILED'} in ${since(start)}`)
  if (!ok) failed.push(program)
}
if (failed.length > 0) console.error(`bench: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
