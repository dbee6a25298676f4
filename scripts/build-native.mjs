// Builds the native addon with nothing but a C compiler:  node scripts/build-native.mjs [--sanitize]
//
// It works in the repository and in an installed package alike, so it imports only node: modules. That is also why there
// is no binding.gyp and no install script: package managers no longer run those, and this needs no Python.
// scripts/build-platforms.mjs builds for every platform at once, from the same sources with the same flags.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * `linux-x64-glibc`, `linux-arm64-musl`, `darwin-arm64`, …: the folder of this platform's addon, under build/ when it was
 * built here and under prebuilds/ when it came with the package.
 */
export function target() {
  const base = `${process.platform}-${process.arch}`
  if (process.platform !== 'linux') return base
  // The report names the glibc the process runs on; under musl that field is absent.
  const glibc = process.report?.getReport().header.glibcVersionRuntime
  return `${base}-${glibc ? 'glibc' : 'musl'}`
}

/** Where `npm run build` puts the addon of this machine. */
export const builtAddon = () => join(root, 'build', target(), 'memlane.node')

/** Where the Node-API headers are: the dev dependency in the repository, the running Node's own beside an installed package. */
export function headers() {
  const tried = [
    join(root, 'node_modules', 'node-api-headers', 'include'),
    join(root, '..', 'node-api-headers', 'include'), // a sibling, when memlane itself lies in node_modules
    join(dirname(dirname(process.execPath)), 'include', 'node'),
  ]
  const found = tried.find((folder) => existsSync(join(folder, 'node_api.h')))
  if (found) return found
  throw new Error(
    `the Node-API headers (node_api.h) are not there. Tried:\n${tried.map((folder) => `  ${folder}`).join('\n')}\n` +
      'Cure: npm install --no-save node-api-headers, then run this again.',
  )
}

/** Each system's files lie in a folder of its own, under the same names. */
const FOLDERS = { linux: 'linux', darwin: 'darwin', win32: 'windows' }

const named = (folder, end) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.endsWith(end))
        .sort()
        .map((name) => `${folder}/${name}`)
    : []

const folders = (system) => ['native', 'native/napi', `native/${FOLDERS[system] ?? system}`]

/** C files for a system (`linux`, `darwin`, `win32`), relative to the root and in one order everywhere. */
export function sources(system = process.platform) {
  return folders(system).flatMap((folder) => named(folder, '.c'))
}

const headerFiles = (system) => folders(system).flatMap((folder) => named(folder, '.h'))

/** A digest of every C file that an addon for this system is built from. */
export function sourcesDigest(system = process.platform) {
  const hash = createHash('sha256')
  for (const file of [...sources(system), ...headerFiles(system)])
    hash.update(file).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

/** What every build needs, whatever its compiler. */
export const FLAGS = [
  '-std=c11',
  '-Wall',
  '-Wextra',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-D_GNU_SOURCE',
  '-pthread',
]

function command(output, { sanitize, strict }) {
  const flags = [...FLAGS]
  // Another compiler than ours may warn of what is none of its user's business.
  if (strict) flags.push('-Werror')
  if (sanitize)
    flags.push(
      '-O1',
      '-g',
      '-fno-omit-frame-pointer',
      '-fsanitize=address,undefined',
      '-fno-sanitize-recover=undefined',
    )
  else flags.push('-O2')
  // Node-API symbols are found in the host program when the addon is loaded; macOS has to be told so.
  if (process.platform === 'darwin') flags.push('-undefined', 'dynamic_lookup')
  const compiler = (process.env.CC ?? 'cc').split(' ').filter(Boolean)
  return [...compiler, ...flags, '-I', headers(), '-o', output, ...sources()]
}

/**
 * Builds the addon unless the one on disk came from the same sources and the same command.
 * @param options `strict`: a warning is an error, as it is in the repository; `force`: whatever is on disk.
 * @returns {{ path: string, built: boolean } | undefined} `undefined` when there is no C source.
 */
export function buildNative({ sanitize = false, strict = false, force = false } = {}) {
  if (sources().length === 0) return undefined
  const path = sanitize ? join(root, 'build', 'asan', 'memlane.node') : builtAddon()
  const half = `${path}.${process.pid}`
  const [compiler, ...args] = command(half, { sanitize, strict })

  const digest = createHash('sha256')
    .update(JSON.stringify([compiler, ...args].filter((part) => part !== half)))
    .update(sourcesDigest())
    .digest('hex')
  const stamp = `${path}.hash`
  if (!force && existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest)
    return { path, built: false }

  mkdirSync(dirname(path), { recursive: true })
  const { status, error } = spawnSync(compiler, args, { stdio: 'inherit', cwd: root })
  if (error?.code === 'ENOENT') {
    throw new Error(
      `no C compiler: "${compiler}" was not found. Install one (Debian: apt install gcc libc6-dev; Alpine: apk add gcc musl-dev; macOS: xcode-select --install), or name yours in CC.`,
    )
  }
  if (error) throw error
  if (status !== 0) throw new Error(`the C compiler gave up (exit ${status}):\n  ${[compiler, ...args].join(' ')}`)
  // A running process may have the old file mapped: put a new file in its place, never write into it.
  renameSync(half, path)
  writeFileSync(stamp, digest)
  if (strict && !sanitize) standIn(path)
  return { path, built: true }
}

/** What an addon that scripts/build-platforms.mjs has built from these sources carries in its bytes. */
export const mark = (system = process.platform) => `memlane sources ${sourcesDigest(system)}`

/** Whoever packs a tree by hand, or bundles from it, finds this machine's addon where the package has it. */
function standIn(path) {
  const shipped = join(root, 'prebuilds', target(), 'memlane.node')
  if (existsSync(shipped) && readFileSync(shipped).includes(mark())) return
  mkdirSync(dirname(shipped), { recursive: true })
  copyFileSync(path, `${shipped}.${process.pid}`)
  renameSync(`${shipped}.${process.pid}`, shipped)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    // Who runs it by hand has an addon that does not load, whatever its stamp says.
    const result = buildNative({ sanitize: process.argv.includes('--sanitize'), force: true })
    if (!result) throw new Error(`no C sources in ${join(root, 'native')}`)
    console.log(`built: ${relative(process.cwd(), result.path) || result.path}`)
  } catch (error) {
    console.error(`memlane: cannot build the native addon: ${error.message}`)
    process.exitCode = 1
  }
}
