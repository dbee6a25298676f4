// The runtimes that Memlane is tested on, from npm. No install script runs: the packages that carry each runtime's
// binary for one platform are named here directly.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { target } from './build-native.mjs'
import { root, runOnline, since } from './run.mjs'

const { platform, arch } = process
const musl = target().endsWith('musl')
const windows = platform === 'win32' ? '.exe' : ''

const node = (major) => ({
  name: `node ${major}`,
  spec: `node-${platform === 'darwin' && arch === 'arm64' ? 'bin-' : ''}${platform === 'win32' ? 'win' : platform}-${arch}@${major}`,
  binary: `bin/node${windows}`,
})
const armed = arch === 'arm64' ? 'aarch64' : arch
const bun = (version) => ({
  name: 'bun',
  spec: `@oven/bun-${platform === 'win32' ? 'windows' : platform}-${armed}${musl ? '-musl' : ''}@${version}`,
  binary: `bin/bun${windows}`,
})
const deno = (version) => ({
  name: 'deno',
  spec: `@deno/${platform}-${arch}${platform === 'linux' ? '-glibc' : ''}@${version}`,
  binary: `deno${windows}`,
})

/** In the order of the report. */
export const runtimes = [node(20), node(22), node(24), node(26), bun('1.4'), deno('2.9')]

/** The runtime that runs this script. */
export const here = {
  name: `node ${process.versions.node.split('.')[0]} (this one)`,
  path: process.execPath,
  kind: 'node',
}

/** Installs a runtime into .runtimes/ unless it is there, and says where its binary is and what it calls itself. */
export async function installed({ name, spec, binary }) {
  const folder = join(root, '.runtimes', name.replace(' ', '-'))
  const path = join(folder, 'node_modules', spec.slice(0, spec.lastIndexOf('@')), binary)
  const stamp = join(folder, 'installed')
  if (!existsSync(path) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== spec) {
    const start = performance.now()
    mkdirSync(folder, { recursive: true })
    // npm would otherwise look for a package.json upwards, and find ours.
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const npm = platform === 'win32' ? 'npm.cmd' : 'npm'
    const { ok, output } = await runOnline(
      npm,
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', spec],
      { quiet: true, cwd: folder },
    )
    if (!ok || !existsSync(path)) throw new Error(`cannot install ${spec}:\n${output}`)
    writeFileSync(stamp, spec)
    console.log(`installed ${name} in ${since(start)}`)
  }
  return { name, path, kind: name.split(' ')[0] }
}
