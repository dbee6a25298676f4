// Packs the package and tries it with the tool chains that people have: test runners in CommonJS and ES modules, bundlers,
// tracers of deployments, TypeScript from 5.4 to 7 with every way of resolving, Deno's permissions.
//
//   node scripts/test-toolchains.mjs             all of them
//   node scripts/test-toolchains.mjs jest vite   only cases whose name contains one of these words
//
// The tools come from npm into .cache/toolchains, once: scripts/toolchains/package.json names their versions.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildJoined } from './build-joined.mjs'
import { target as machine } from './build-native.mjs'
import { removeLeftovers } from './leftovers.mjs'
import { platforms } from './platforms.mjs'
import { root, run, runOnline, since } from './run.mjs'
import { cases } from './toolchains/cases.mjs'

const LIMIT_MS = 600_000
const words = process.argv.slice(2)
const start = performance.now()
const home = join(root, '.cache', 'toolchains')
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

async function installTools() {
  const from = join(root, 'scripts', 'toolchains')
  const lock = readFileSync(join(from, 'package-lock.json'), 'utf8')
  const stamp = join(home, 'node_modules', '.memlane-installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  mkdirSync(home, { recursive: true })
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(from, name), join(home, name))
  const { ok, output } = await runOnline(
    npm,
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'],
    { quiet: true, cwd: home },
  )
  if (!ok) throw new Error(`the tools cannot be installed:\n${output}`)
  writeFileSync(stamp, lock)
  console.log(`tools installed in ${since(start)}`)
}

/** Packs, and unpacks where every case's folder finds it as its dependency. */
async function installPackage() {
  await buildJoined()
  const projects = join(home, 'projects')
  rmSync(projects, { recursive: true, force: true })
  const target = join(projects, 'node_modules', 'memlane')
  mkdirSync(target, { recursive: true })
  const packed = await run(npm, ['pack', '--ignore-scripts', '--silent', '--pack-destination', projects], {
    quiet: true,
  })
  if (!packed.ok) throw new Error(`npm pack failed:\n${packed.output}`)
  const tarball = join(projects, packed.stdout.trim().split('\n').at(-1))
  const unpacked = await run('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], { quiet: true })
  if (!unpacked.ok) throw new Error(`tar failed:\n${unpacked.output}`)
  // The packed package has the addons of all platforms (npm run build:platforms). Bundlers look for every one of them, and none
  // but this machine's is loaded here: where the others were not built, copies of it stand for them.
  const own = join(target, 'prebuilds', machine(), 'memlane.node')
  for (const key of Object.keys(platforms)) {
    const addon = join(target, 'prebuilds', key, 'memlane.node')
    if (!existsSync(addon)) cpSync(own, addon)
  }
  writeFileSync(join(projects, 'package.json'), '{ "private": true }\n')
  return projects
}

class Failure extends Error {}

/** What a case works with: a project of its own, the tools, and a place far from every node_modules. */
function contextOf(name, projects, namespace) {
  const project = join(projects, name.replace(/\W+/g, '-'))
  mkdirSync(project, { recursive: true })
  const away = mkdtempSync(join(tmpdir(), 'memlane-away-'))
  const env = { ...process.env, MEMLANE_NAMESPACE: namespace, NODE_OPTIONS: '', NO_COLOR: '1', CI: 'true' }
  delete env.MEMLANE_ADDON
  delete env.NODE_TEST_CONTEXT
  return {
    project,
    away,
    env,
    root,
    packageFolder: join(projects, 'node_modules', 'memlane'),
    /** Gives the project a copy of the package that can be taken away again. */
    ownPackage() {
      cpSync(join(projects, 'node_modules', 'memlane'), join(project, 'node_modules', 'memlane'), { recursive: true })
      this.packageFolder = join(project, 'node_modules', 'memlane')
    },
    /** Does some work while the package lies nowhere: what was made of it must stand alone. */
    async withoutPackage(work) {
      const away = join(project, 'hidden')
      renameSync(this.packageFolder, away)
      try {
        await work()
      } finally {
        renameSync(away, this.packageFolder)
      }
    },
    /** Path of a file in an installed tool. */
    tool: (path) => join(home, 'node_modules', path),
    write(files) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(project, path)), { recursive: true })
        writeFileSync(join(project, path), text)
      }
    },
    /** Copies from the project to the place far away. */
    takeAway(...paths) {
      for (const path of paths) cpSync(join(project, path), join(away, path), { recursive: true })
    },
    /** Runs a program; fails the case unless it ends well and says what is expected. */
    async expect(said, command, args, { cwd = project, fails = false, env: more = {} } = {}) {
      const result = await run(command, args, { quiet: true, cwd, env: { ...env, ...more }, limit: LIMIT_MS })
      const wanted = [said].flat()
      const lacking = wanted.filter((text) => !result.output.includes(text))
      if (result.ok === fails || lacking.length > 0 || result.timedOut) {
        throw new Failure(
          `${command} ${args.join(' ')}\nin ${cwd} ended with ${result.timedOut ? 'the limit' : (result.signal ?? result.code)}` +
            `${lacking.length > 0 ? ` and did not say: ${lacking.join(' | ')}` : ''}\n${result.output.trimEnd()}`,
        )
      }
      return result
    },
    node(said, args, options) {
      return this.expect(said, process.execPath, args, options)
    },
    fail(message) {
      throw new Failure(message)
    },
  }
}

await installTools()
const projects = await installPackage()
const chosen = cases.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))
if (chosen.length === 0) {
  console.error(`test:toolchains: no case whose name contains ${words.join(' or ')}`)
  process.exit(1)
}
const namespace = `toolchains-${process.pid}`
let passed = 0
let failed = 0

async function worker(queue) {
  for (let next = queue.shift(); next; next = queue.shift()) {
    const begun = performance.now()
    const context = contextOf(next.name, projects, namespace)
    try {
      await next.run(context)
      passed++
      console.log(`ok      ${next.name} (${since(begun)})`)
    } catch (error) {
      failed++
      const text = error instanceof Failure ? error.message : error.stack
      console.log(`FAILED  ${next.name} (${since(begun)})\n${text.replace(/^/gm, '        ')}`)
    } finally {
      rmSync(context.away, { recursive: true, force: true })
    }
  }
}

const queue = [...chosen]
await Promise.all([worker(queue), worker(queue)])
// Programs that were made to fail have left something.
removeLeftovers(namespace)
console.log(`${since(start)}\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
