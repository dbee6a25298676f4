// native: finds and loads the addon, once per thread. What was tried stands in the error when nothing fits.

import { existsSync } from 'node:fs'
import module from 'node:module'
import { endianness } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MemlaneError } from '../errors.js'
import { environment, notPermitted, permitted } from '../sandbox.js'
import { VERSION } from '../version.js'
import type { Addon } from './addon.js'
import { prebuilt } from './prebuilt.js'

/** The file that runs: this module, or the bundle that it was put into. */
const here: string = (() => {
  try {
    return fileURLToPath(import.meta.url)
  } catch {
    // Bundled to CommonJS, `import.meta` is an empty object.
    return typeof __filename === 'string' ? __filename : join(process.cwd(), 'unknown')
  }
})()
const folder: string = dirname(here)
const root: string = resolve(folder, '../..')

/** What the package carries an addon for; scripts/platforms.mjs says how each is built. */
export const PLATFORMS: readonly string[] = [
  'linux-x64-glibc',
  'linux-arm64-glibc',
  'linux-x64-musl',
  'linux-arm64-musl',
  'win32-x64',
  'win32-arm64',
  'darwin-arm64',
  'darwin-x64',
]

/** `glibc` or `musl` on Linux, '' elsewhere: which C library the addon must have been built for. */
export function libc(): '' | 'glibc' | 'musl' {
  if (process.platform !== 'linux') return ''
  // Without musl's loader there is no doubt. With it there may still be glibc beside; a report, which knows, takes 5 ms.
  let mayLook = true
  try {
    if (!existsSync('/lib/ld-musl-x86_64.so.1') && !existsSync('/lib/ld-musl-aarch64.so.1')) return 'glibc'
  } catch {
    mayLook = false
  }
  try {
    const report = process.report?.getReport() as unknown as { header?: { glibcVersionRuntime?: string } } | undefined
    if (report?.header !== undefined) return report.header.glibcVersionRuntime !== undefined ? 'glibc' : 'musl'
  } catch {
    // Not every runtime has reports, or permits them.
  }
  // Deno itself is built for glibc, and who may not look is most likely there, too.
  return process.versions.deno !== undefined || !mayLook ? 'glibc' : 'musl'
}

/** The folder for this machine under prebuilds/, and under build/, as `linux-x64-glibc`. */
export function prebuildName(): string {
  const c = libc()
  return `${process.platform}-${process.arch}${c === '' ? '' : `-${c}`}`
}

/** Where this version is installed, seen from a bundle that was made of it, or undefined. */
function installed(load: NodeJS.Require): string | undefined {
  try {
    const manifest = load.resolve('memlane/package.json')
    return (load(manifest) as { version?: unknown }).version === VERSION ? dirname(manifest) : undefined
  } catch {
    return undefined
  }
}

interface Place {
  readonly path: string
  load(): unknown
}

/** Where the addon may be, in the order in which it is looked for. */
function places(load: NodeJS.Require): Place[] {
  const at = (path: string): Place => ({
    path,
    load: () => {
      if (!existsSync(path)) throw new Error('no such file')
      return load(path)
    },
  })
  const chosen = environment('MEMLANE_ADDON')
  if (chosen !== undefined && chosen !== '') return [at(resolve(chosen))]
  const platform = prebuildName()
  const inPackage = join('prebuilds', platform, 'memlane.node')
  // What was built here comes first: it is as new as the sources beside it, and whoever built it wants it.
  const built = join('build', platform, 'memlane.node')
  const inside = (folder: string): Place[] => [at(join(folder, built)), at(join(folder, inPackage))]
  if (!bundled()) return inside(root)
  const alongside: Place = {
    path: `${inPackage} as the bundler placed it`,
    load: () => prebuilt(platform, (path) => at(path).load()) ?? fail('it placed none'),
  }
  const package_ = installed(load)
  return [
    alongside,
    at(join(folder, 'memlane.node')),
    ...inside(root),
    ...(package_ === undefined || package_ === root ? [] : inside(package_)),
  ]
}

function fail(why: string): never {
  throw new Error(why)
}

/** There where webpack has put this module into its bundle, and nowhere else. */
declare const __webpack_require__: unknown

/** Whether a bundler took this module out of its package. */
function bundled(): boolean {
  // webpack writes the path that this module had at the time of bundling for `import.meta.url`.
  return typeof __webpack_require__ !== 'undefined' || !existsSync(join(root, 'scripts', 'build-native.mjs'))
}

/** Not imported by its name: webpack puts `undefined` in the place of what it takes for its own business. */
const requireFrom = (file: string): NodeJS.Require => module.createRequire(file)

const MARK_EXTERNAL =
  "esbuild --external:memlane; bun build --external memlane; rollup and rolldown external: [/^memlane/]; vite ssr: { external: ['memlane'] }; " +
  "webpack externals: [/^memlane(\\/|$)/], externalsType: 'commonjs'; Next.js serverExternalPackages: ['memlane']"

let loaded: Addon | undefined
let failure: MemlaneError | undefined

/**
 * The addon.
 *
 * @throws MemlaneError `ERR_PERMISSION` when the runtime forbids addons, or to read this one; `ERR_NATIVE` when no binary
 *   fits this machine; the message lists what was tried and the command that builds one from source, or the platforms there
 *   are where none can be built. Out of a bundle it says how to keep Memlane out of the bundle.
 */
export function addon(): Addon {
  if (loaded !== undefined) return loaded
  if (failure !== undefined) throw failure
  const tried: string[] = []
  for (const place of permitted('looking for the native addon', () => places(requireFrom(here)))) {
    try {
      loaded = place.load() as Addon
      return loaded
    } catch (error) {
      const refused = notPermitted('loading the native addon', error)
      if (refused !== undefined) throw refused
      tried.push(`  ${place.path}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  const platform = prebuildName()
  const message = bundled()
    ? `memlane was bundled into ${here} without its native addon. Mark memlane as external (${MARK_EXTERNAL}), or put ` +
      `node_modules/memlane/prebuilds/${platform}/memlane.node beside ${basename(here)}. Tried:\n${tried.join('\n')}`
    : `no native addon for ${platform} could be loaded. Tried:\n${tried.join('\n')}\n${cure()}`
  failure = new MemlaneError('ERR_NATIVE', message)
  throw failure
}

/** Nobody is told to build what cannot be built. */
function cure(): string {
  const system = process.platform
  if (!PLATFORMS.some((name) => name.startsWith(`${system}-`)))
    return `Memlane does not know ${system}. It comes with addons for ${PLATFORMS.join(', ')}`
  if (endianness() !== 'LE') return 'Memlane keeps its numbers in little-endian order, and this processor has the other'
  const builder = join(root, 'scripts', 'build-native.mjs')
  return `Build it from source (needs a C compiler): node ${/\s/.test(builder) ? JSON.stringify(builder) : builder}`
}
