// npm run build:platforms: the native addon for every platform that the package carries one for, all on this one machine.
//
//   node scripts/build-platforms.mjs                              all of them, where the sources have changed
//   node scripts/build-platforms.mjs linux-arm64 darwin           only those whose name begins so
//   node scripts/build-platforms.mjs --twice                      each twice, from nothing: the bytes must be the same
//   node scripts/build-platforms.mjs --check                      builds nothing; says what is missing, older than the sources or too large
//
// What is built depends on the sources, on the compiler and on nothing else: no path, no time and no debug information of
// this machine gets in. Each addon carries the digest of its sources, so that one which is older than they are is found out
// wherever it was built.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FLAGS, headers, mark, sources } from './build-native.mjs'
import { problemsOf } from './check-symbols.mjs'
import { MOST_BYTES, platforms } from './platforms.mjs'
import { root, run, since } from './run.mjs'
import { zig, zigEnvironment } from './zig.mjs'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { twice: { type: 'boolean', default: false }, check: { type: 'boolean', default: false } },
})

const chosen = Object.keys(platforms).filter(
  (name) => words.length === 0 || words.some((word) => name.startsWith(word)),
)
if (chosen.length === 0)
  throw new Error(`no platform begins with ${words.join(' or ')}: ${Object.keys(platforms).join(', ')}`)

const systemOf = (name) => name.split('-')[0]
const pathOf = (name) => join(root, 'prebuilds', name, 'memlane.node')
const stampOf = (name) => mark(systemOf(name))
const isCurrent = (name) => existsSync(pathOf(name)) && readFileSync(pathOf(name)).includes(stampOf(name))
const digestOf = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')

function command(name, output) {
  const system = systemOf(name)
  // Position does not matter on Windows, where zig warns of -fPIC.
  const flags = [
    ...FLAGS.filter((flag) => system !== 'win32' || (flag !== '-fPIC' && flag !== '-pthread')),
    '-Werror',
    '-O2',
    '-g0',
    '-s',
    `-DMEMLANE_SOURCES="${stampOf(name)}"`,
  ]
  if (system === 'linux') flags.push('-Wl,--build-id=none')
  // Symbols of Node-API are found in the host program: macOS has to be told so, Windows does it in host.c.
  if (system === 'win32') flags.push('-DNAPI_EXTERN=__declspec(dllimport)')
  // And it would keep the path that it was built at.
  if (system === 'darwin') flags.push('-Wl,-undefined,dynamic_lookup', '-Wl,-install_name,@rpath/memlane.node')
  return ['cc', '-target', platforms[name].zig, ...flags, '-I', headers(), '-o', output, ...sources(system)]
}

async function build(compiler, name, path) {
  // For Windows the linker leaves an import library beside it, which nobody needs.
  const folder = mkdtempSync(join(root, '.cache', 'addon-'))
  const half = join(folder, 'memlane.node')
  // What the compiler remembers of the same sources would be the same bytes, whatever it makes of them now.
  const env = { ...zigEnvironment(), ...(options.twice ? { ZIG_LOCAL_CACHE_DIR: join(folder, 'cache') } : {}) }
  const { ok, output } = await run(compiler, command(name, half), { quiet: true, env })
  if (ok) renameSync(half, path)
  rmSync(folder, { recursive: true })
  if (!ok) throw new Error(`zig cannot build ${name}:\n${output}`)
}

const problems = []
let compiler
for (const name of chosen) {
  const path = pathOf(name)
  try {
    if (!options.check && (options.twice || !isCurrent(name))) {
      compiler ??= await zig()
      const start = performance.now()
      mkdirSync(join(root, 'prebuilds', name), { recursive: true })
      await build(compiler, name, path)
      if (options.twice) {
        const first = digestOf(path)
        await build(compiler, name, path)
        if (digestOf(path) !== first) problems.push(`${name}: built twice, and the bytes differ`)
      }
      console.log(`${name.padEnd(18)} ${statSync(path).size} bytes in ${since(start)}`)
    }
    if (!existsSync(path)) problems.push(`${name}: there is no ${path}`)
    else if (!isCurrent(name)) problems.push(`${name}: ${path} is older than the C sources`)
    else problems.push(...problemsOf(name, readFileSync(path)).map((problem) => `${name}: ${problem}`))
  } catch (error) {
    problems.push(error.message)
  }
}

const bytes = chosen.reduce((sum, name) => sum + (existsSync(pathOf(name)) ? statSync(pathOf(name)).size : 0), 0)
if (bytes > MOST_BYTES) problems.push(`together they have ${bytes} bytes, and ${MOST_BYTES} are the most`)
for (const problem of problems) console.error(problem)
console.log(
  `${chosen.length} platforms, ${(bytes / 1024).toFixed(0)} KiB: ${problems.length === 0 ? 'all as the sources are' : `${problems.length} problems (npm run build:platforms builds them)`}`,
)
process.exitCode = problems.length === 0 ? 0 : 1
