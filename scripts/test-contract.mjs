// The suite of native/platform.h, without JavaScript: a C program that is built with this system's files and run.
//
//   node scripts/test-contract.mjs                with cc, for this machine
//   node scripts/test-contract.mjs win32-x64      with zig, for another platform: under Wine
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sources } from './build-native.mjs'
import { emulated, Unavailable } from './emulators.mjs'
import { platforms } from './platforms.mjs'
import { root, run } from './run.mjs'
import { zig, zigEnvironment } from './zig.mjs'

const [platform] = process.argv.slice(2)
const system = platform?.split('-')[0] ?? process.platform
const folder = mkdtempSync(join(root, '.cache', 'contract-'))
const program = join(folder, system === 'win32' ? 'contract.exe' : 'contract')
// Neither the door to JavaScript nor what looks for it.
const files = sources(system).filter((file) => !/native\/(napi|sources)|host\.c$/.test(file))
const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O2', '-s', '-D_GNU_SOURCE', '-o', program]
if (system !== 'win32') flags.push('-pthread', '-ldl')

try {
  const [compiler, ...target] =
    platform === undefined ? ['cc'] : [await zig(), 'cc', '-target', platforms[platform].zig, '-g0']
  const built = await run(compiler, [...target, 'native/test/contract.c', ...files, ...flags], {
    env: zigEnvironment(),
  })
  if (!built.ok) process.exitCode = 1
  else if (platform === undefined) process.exitCode = (await run(program, [])).code
  else {
    const { enter, environment, start } = await emulated(platform)
    process.exitCode = await enter([...(start ?? []), program], { ...process.env, ...environment })
  }
} catch (error) {
  if (!(error instanceof Unavailable)) throw error
  console.log(`skipped: ${error.message}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
