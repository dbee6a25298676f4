// packaging: the tarball as a user meets it: installed without scripts into an empty project, then with the wrong binary.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { prebuildName } from '../native/load.js'

const root: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder: string = mkdtempSync(join(tmpdir(), 'memlane-packaging-'))
// A path that a shell takes apart unless it is quoted.
const project: string = join(folder, 'a project')
const installed: string = join(project, 'node_modules', 'memlane')

after(() => rmSync(folder, { recursive: true, force: true }))

interface Outcome {
  status: number | null
  output: string
}

function run(command: string, args: string[], cwd: string): Outcome {
  // The environment of the test run must not lend the installed package an addon or flags.
  const { MEMLANE_ADDON, NODE_OPTIONS, NODE_TEST_CONTEXT, LD_PRELOAD, ...env } = process.env
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env })
  return { status, output: `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}` }
}

/** Runs a program text in the project, as a file of its own. */
function script(code: string): Outcome {
  const path = join(project, 'program.mjs')
  writeFileSync(path, code)
  return run(process.execPath, [path], project)
}

function succeeds(outcome: Outcome): string {
  assert.equal(outcome.status, 0, outcome.output)
  return outcome.output
}

before(() => {
  succeeds(run('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], root))
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  assert.ok(tarball, 'npm pack made no tarball')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  succeeds(
    run(
      'npm',
      [
        'install',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        '--offline',
        join(folder, tarball),
      ],
      project,
    ),
  )
})

test('installing brings nothing but the package', () => {
  assert.deepEqual(
    readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.')),
    ['memlane'],
  )
})

test('the installed package makes a named object, uses it and removes it', () => {
  const output = succeeds(
    script(`
      import { Mutex } from 'memlane'
      const lock = Mutex.open('packaging')
      const guard = lock.acquire()
      console.log('recovered', guard.recovered)
      guard.release()
      lock.close()
      console.log('removed', Mutex.unlink('packaging'))
    `),
  )
  assert.equal(output, 'recovered false\nremoved true\n')
})

test('every subpath of the exports map can be imported', () => {
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const specifiers = Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => `memlane${path.slice(1)}`)
  const output = succeeds(
    script(
      `for (const name of ${JSON.stringify(specifiers)}) console.log(name, Object.keys(await import(name)).length > 0)`,
    ),
  )
  assert.equal(output, specifiers.map((name) => `${name} true\n`).join(''))
})

test('without a fitting binary the error lists what was tried, and its one command builds from source', () => {
  for (const name of readdirSync(join(installed, 'prebuilds'))) {
    rmSync(join(installed, 'prebuilds', name), { recursive: true })
  }
  const code = `
    import { Mutex } from 'memlane'
    try {
      const lock = Mutex.open('packaging')
      lock.close()
      Mutex.unlink('packaging')
      console.log('works')
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message }))
    }`
  const { code: errorCode, message } = JSON.parse(succeeds(script(code))) as { code: string; message: string }
  assert.equal(errorCode, 'ERR_NATIVE')
  assert.match(message, new RegExp(`prebuilds/${process.platform}-${process.arch}\\S*/memlane\\.node: no such file`))
  const command = /^Build it from source .*: (node .+build-native\.mjs"?)$/m.exec(message)?.[1]
  assert.ok(command, message)

  // The headers come from the Node that runs, or from the package the builder names; offline, give it the latter.
  const headers = join(root, 'node_modules', 'node-api-headers')
  succeeds(
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--offline', headers], project),
  )
  succeeds(run('sh', ['-c', command], project))
  assert.equal(succeeds(script(code)), 'works\n')

  // And again, when what was built is broken.
  writeFileSync(join(installed, 'build', prebuildName(), 'memlane.node'), 'no addon')
  assert.match(succeeds(script(code)), /"ERR_NATIVE"/)
  succeeds(run('sh', ['-c', command], project))
  assert.equal(succeeds(script(code)), 'works\n')
})

test('a platform that there is no addon for is told which there are, and not to build one', () => {
  const output = succeeds(
    script(`
      Object.defineProperty(process, 'platform', { value: 'sunos' })
      const { Mutex } = await import('memlane')
      try {
        Mutex.open('packaging')
      } catch (error) {
        console.log(error.code, error.message)
      }`),
  )
  assert.match(output, /^ERR_NATIVE no native addon for sunos-/)
  assert.match(output, /does not know sunos\. It comes with addons for linux-x64-glibc, /)
  assert.doesNotMatch(output, /build-native/)
})
