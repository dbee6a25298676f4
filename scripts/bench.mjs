// npm run bench: runs every bench program, dist/bench/**/*.bench.js, one after another (two at once would measure each
// other), and prints a table after each. Words choose programs by path; what follows -- goes to the programs.
//
//   node scripts/bench.mjs ground membridge      some rooms
//   node scripts/bench.mjs --json                the lines of the programs as they are, for other tables
//   node scripts/bench.mjs --rows FILE           rows that other programs measured, one JSON line each, in the same tables
//   node scripts/bench.mjs --markdown FILE       all tables at the end as a page, as docs/speed-tables.md is made, and with it docs/speed.md
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { markdown, tables } from './bench-table.mjs'
import { filesUnder, root, since } from './run.mjs'
import { writeSpeedPage } from './speed-page.mjs'

const all = process.argv.slice(2)
const split = all.indexOf('--')
const { values: options, positionals: words } = parseArgs({
  args: split < 0 ? all : all.slice(0, split),
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rows: { type: 'string' }, markdown: { type: 'string' } },
})
const { json } = options
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

const machine = `${availableParallelism()} × ${cpus()[0]?.model.trim()}, Linux ${release()}, Node ${process.versions.node}`
say(machine)
const others = (options.rows === undefined ? '' : readFileSync(options.rows, 'utf8')).split('\n').filter(Boolean)
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
if (options.markdown !== undefined) {
  const page = readFileSync(options.markdown, 'utf8')
  const begin = page.indexOf('<!-- measured -->')
  if (begin < 0) throw new Error(`${options.markdown} has no line <!-- measured --> for the tables to stand under`)
  const rows = [...kept, ...others.map((line) => JSON.parse(line))]
  const day = new Date().toISOString().slice(0, 10)
  writeFileSync(
    options.markdown,
    `${page.slice(0, begin)}<!-- measured -->\n\nMachine: ${machine}; ${day}.\n\n${markdown(rows)}`,
  )
}
if (options.markdown?.endsWith('speed-tables.md')) await writeSpeedPage()
say('\nevery line: .cache/bench.jsonl')
if (failed.length > 0) console.error(`bench: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
