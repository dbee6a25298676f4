// npm run bench: runs every bench program, dist/bench/**/*.bench.js, one after another (two at once would measure each
// other), and prints a table after each. Words choose programs by path; what follows -- goes to the programs.
//
//   node scripts/bench.mjs ground membridge      some rooms
//   node scripts/bench.mjs --json                the lines of the programs as they are, for other tables
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { tables } from './bench-table.mjs'
import { filesUnder, root, since } from './run.mjs'

const all = process.argv.slice(2)
const split = all.indexOf('--')
const words = (split < 0 ? all : all.slice(0, split)).filter((word) => word !== '--json')
const json = all.includes('--json')
const rest = split < 0 ? [] : all.slice(split + 1)
const say = json ? console.error : console.log

const programs = filesUnder('dist/bench', (path) => path.endsWith('.bench.js')).filter(
  (path) => words.length === 0 || words.some((word) => path.includes(word)),
)
if (programs.length === 0) {
  console.error(`bench: no program under dist/bench${words.length ? ` whose path contains ${words.join(' or ')}` : ''}`)
  process.exit(1)
}

/** Runs one program. What it prints that is no result goes through as it is. */
function measure(program) {
  return new Promise((resolve) => {
    const rows = []
    const child = spawn(process.execPath, ['--expose-gc', join(root, program), ...rest], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{"case"')) return say(line)
      if (json) console.log(line)
      rows.push(JSON.parse(line))
    })
    child.on('close', (code) => resolve({ ok: code === 0, rows }))
    child.on('error', () => resolve({ ok: false, rows }))
  })
}

say(`${availableParallelism()} × ${cpus()[0]?.model.trim()}, Linux ${release()}, Node ${process.versions.node}`)
const kept = []
const failed = []
for (const [index, program] of programs.entries()) {
  const start = performance.now()
  say(`\n[${index + 1}/${programs.length}] ${program} (load ${loadavg()[0]?.toFixed(1)})`)
  const { ok, rows } = await measure(program)
  kept.push(...rows)
  if (!json && rows.length > 0) console.log(tables(rows))
  say(`${ok ? 'done' : 'FAILED'} in ${since(start)}`)
  if (!ok) failed.push(program)
}
mkdirSync(join(root, '.cache'), { recursive: true })
writeFileSync(join(root, '.cache/bench.jsonl'), `${kept.map((row) => JSON.stringify(row)).join('\n')}\n`)
say('\nevery line: .cache/bench.jsonl')
if (failed.length > 0) console.error(`bench: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
