// Guard: imports go down the list of rooms only, never up, and never in a circle.
// Why: a room that knows only what is below it can be read, tested and replaced alone. docs/design.md, section 2, draws the house.
import { readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { filesUnder, root } from './run.mjs'

// From top to bottom. Rooms on one line are siblings and don't know each other. Anything directly in src/ is a leaf.
const floors = [
  ['index.bun.ts'],
  ['index.ts'],
  ['cli', 'demo', 'bench'],
  ['inspector'],
  ['bridge'],
  ['interop/membridge', 'interop/flexible', 'interop/rememory'],
  ['collections', 'objects', 'record', 'channel'],
  ['live'],
  ['heap'],
  ['sync'],
  ['segment'],
  ['waiting'],
  ['memory'],
  ['native'],
]

// Doors between siblings that were opened on purpose: 'from -> to'.
const doors = new Set([])

const levels = new Map(floors.flatMap((floor, level) => floor.map((room) => [room, level])))
const LEAF = floors.length

/** Room of a path below src/, or undefined for what may import anything: tests and their helpers. */
function roomOf(path) {
  if (/\.(test|soak|litmus|fixture)\.ts$/.test(path) || /(^|\/)testing\//.test(path)) return undefined
  if (levels.has(path)) return path
  const parts = path.split('/')
  if (parts.length === 1) return 'leaf'
  return parts[0] === 'interop' && parts.length > 2 ? `interop/${parts[1]}` : parts[0]
}

const levelOf = (room) => (room === 'leaf' ? LEAF : levels.get(room))

const files = filesUnder('src', (path) => path.endsWith('.ts')).map((path) => path.slice('src/'.length))
const known = new Set(files)
const problems = []
const runtimeImports = new Map()

// Every `from '…'`, side-effect import and dynamic import; a type-only one counts for the direction but makes no circle.
const statement =
  /^\s*(?:import|export)\s(?:(?<type>type)\s)?[^'"`;]*?from\s*['"](?<from>[^'"]+)['"]|^\s*import\s*['"](?<bare>[^'"]+)['"]|\bimport\(\s*['"](?<dynamic>[^'"]+)['"]\s*\)/gm

for (const path of files) {
  const text = readFileSync(join(root, 'src', path), 'utf8')
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^\s*\/\/.*$/gm, '')
  const from = roomOf(path)
  const targets = []
  runtimeImports.set(path, targets)
  if (from !== undefined && levelOf(from) === undefined) {
    problems.push(
      `src/${path}:1: the room "${from}" is in no floor; add it to scripts/check-imports.mjs and docs/design.md`,
    )
    continue
  }
  for (const match of code.matchAll(statement)) {
    const specifier = match.groups.from ?? match.groups.bare ?? match.groups.dynamic
    const at = `src/${path}:${code.slice(0, match.index).split('\n').length + (match[0].startsWith('\n') ? 1 : 0)}`
    if (!specifier.startsWith('.')) {
      // Optional peers stand behind bridge/ alone; the core has no dependencies at all.
      if (from !== undefined && !specifier.startsWith('node:') && from !== 'bridge')
        problems.push(`${at}: imports "${specifier}", but the package has no dependencies`)
      continue
    }
    const target = posix.normalize(posix.join(dirname(path), specifier)).replace(/\.js$/, '.ts')
    if (!known.has(target)) continue // the compiler says it better
    if (!match.groups.type && !match.groups.dynamic) targets.push(target)
    if (from === undefined) continue
    const to = roomOf(target)
    if (to === undefined) problems.push(`${at}: product code imports test code: ${specifier}`)
    else if (to !== from && !(levelOf(to) > levelOf(from)) && !doors.has(`${from} -> ${to}`)) {
      const why = levelOf(to) === levelOf(from) ? 'siblings do not know each other' : 'that is up'
      problems.push(`${at}: ${from} imports ${to} (${why}): ${specifier}`)
    }
  }
}

// Circles: depth-first; a file met again while still open closes one.
const state = new Map()
const trail = []
function visit(path) {
  if (state.get(path) === 'done') return
  if (state.get(path) === 'open') {
    problems.push(`src/${path}: a circle of imports: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`)
    return
  }
  state.set(path, 'open')
  trail.push(path)
  for (const target of runtimeImports.get(path) ?? []) visit(target)
  trail.pop()
  state.set(path, 'done')
}
for (const path of files) visit(path)

for (const problem of problems) console.error(problem)
console.log(`${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
