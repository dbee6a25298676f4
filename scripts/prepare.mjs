// Makes the working tree ready to run: development tools installed, native addon built, TypeScript compiled.
// Every npm script calls it first, so that one command is enough on a fresh clone; when nothing changed it takes
// a few tens of milliseconds. Only node: imports, because node_modules may not exist yet.
//
//   node scripts/prepare.mjs                    everything
//   node scripts/prepare.mjs --only install     one step: install, native or types
//   node scripts/prepare.mjs --pack             the CommonJS files, too, which only the packed package has
//   node scripts/prepare.mjs --lenient          a type error is printed, and what could be emitted is used
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildNative } from './build-native.mjs'
import { filesUnder, root, run, runOnline, since } from './run.mjs'

const cache = join(root, '.cache')
const say = (line) => console.error(`prepare: ${line}`)

class Stop extends Error {}

const digestOf = (...parts) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex')
}

const stampIs = (path, digest) => existsSync(path) && readFileSync(path, 'utf8') === digest

/** Installs exactly what the lockfile says. No development tool needs an install script, so none runs. */
async function install() {
  // The stamp lies inside node_modules: deleting the folder forgets it too.
  const stamp = join(root, 'node_modules', '.memlane-installed')
  const digest = digestOf(readFileSync(join(root, 'package-lock.json')))
  if (stampIs(stamp, digest)) return
  const start = performance.now()
  say('installing the development tools (npm ci) …')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { ok } = await runOnline(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  if (!ok) throw new Stop('npm ci failed; its message is above. It needs the npm registry once.')
  writeFileSync(stamp, digest)
  say(`installed in ${since(start)}`)
}

function native() {
  const start = performance.now()
  const result = buildNative({ strict: true })
  if (!result) say('no C sources yet, so no native addon')
  else if (result.built) say(`native addon built in ${since(start)}`)
}

/** A compiled file whose source was renamed or deleted would still be run as a test: remove it. */
function prune(sources) {
  const kept = new Set(sources.map((path) => path.slice('src/'.length, -'.ts'.length)))
  for (const path of filesUnder('dist')) {
    const stem = path.slice('dist/'.length).replace(/\.(d\.ts|js)(\.map)?$/, '')
    if (!kept.has(stem)) rmSync(join(root, path))
  }
}

async function types({ lenient }) {
  const sources = filesUnder('src', (path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  if (sources.length === 0) return say('no TypeScript sources yet')
  const changes = sources.map((path) => {
    const { mtimeMs, size } = statSync(join(root, path))
    return `${path} ${mtimeMs} ${size}`
  })
  const digest = digestOf(
    readFileSync(join(root, 'tsconfig.json')),
    readFileSync(join(root, 'package-lock.json')),
    ...changes,
  )
  const stamp = join(cache, 'types.hash')
  const built = existsSync(join(root, 'dist'))
  if (built && stampIs(stamp, digest)) return
  const start = performance.now()
  // Without dist the compiler's memory of what it emitted is wrong.
  if (!built) rmSync(join(cache, 'tsconfig.tsbuildinfo'), { force: true })
  prune(sources)
  // The native compiler of TypeScript 7: a tenth of the time. The guards use the API of TypeScript 6, which 7 lacks.
  const compiler = join(root, 'node_modules', 'typescript7', 'bin', 'tsc')
  const compile = () => run(process.execPath, [compiler, '-p', root, '--pretty', String(process.stderr.isTTY === true)])
  let { ok, code } = await compile()
  // With errors in the sources it is 2. The compiler itself can fail over its memory of the last time.
  if (!ok && code !== 2) {
    rmSync(join(cache, 'tsconfig.tsbuildinfo'), { force: true })
    ;({ ok } = await compile())
  }
  if (ok) {
    standIns()
    writeFileSync(stamp, digest)
    return say(`TypeScript compiled in ${since(start)}`)
  }
  rmSync(stamp, { force: true })
  if (!lenient) throw new Stop('the TypeScript sources have errors; they are listed above.')
  say('type errors above; going on with what could be emitted (--lenient)')
}

/**
 * In the package the public entries are joined files (scripts/build-joined.mjs). In this repository the modules as compiled stand
 * in for them, so that `import 'memlane'` in examples/ runs what was compiled last.
 */
function standIns() {
  const folder = join(root, 'dist', 'esm')
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const files = [...Object.values(exports).map((target) => target.default), ...Object.values(bin)].filter(Boolean)
  mkdirSync(folder, { recursive: true })
  for (const file of files) {
    const name = file.slice(file.lastIndexOf('/') + 1)
    // `interop-membridge-index.js` is interop/membridge/index.js.
    writeFileSync(join(folder, name), `export * from '../${name.replaceAll('-', '/')}'\n`)
  }
}

/** Two terminals may prepare at once; one works and the other waits for it. */
async function locked(work) {
  mkdirSync(cache, { recursive: true })
  const path = join(cache, 'prepare.lock')
  for (let told = false; ; ) {
    try {
      const file = openSync(path, 'wx')
      writeSync(file, String(process.pid))
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!holderAlive(path)) rmSync(path, { force: true })
    else {
      if (!told) say('another run is preparing this tree; waiting for it')
      told = true
      await sleep(50)
    }
  }
  try {
    await work()
  } finally {
    rmSync(path, { force: true })
  }
}

function holderAlive(path) {
  let pid
  try {
    // An empty file was created a moment ago by someone about to write its pid.
    pid = Number(readFileSync(path, 'utf8'))
    if (pid === 0) return Date.now() - statSync(path).mtimeMs < 2000
    process.kill(pid, 0)
    return true
  } catch (error) {
    // ENOENT: it has just gone, and somebody else may have its place by now.
    return error.code === 'EPERM' || error.code === 'ENOENT'
  }
}

const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined
const lenient = process.argv.includes('--lenient')
try {
  await locked(async () => {
    if (!only || only === 'install') await install()
    if (!only || only === 'native') native()
    if (!only || only === 'types') await types({ lenient })
    if (process.argv.includes('--pack')) await (await import('./build-joined.mjs')).buildJoined()
  })
} catch (error) {
  say(error instanceof Stop || error.message?.includes('\n') ? error.message : `failed: ${error.message}`)
  process.exitCode = 1
}
