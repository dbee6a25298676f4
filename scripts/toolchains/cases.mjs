// The tool chains that scripts/test-toolchains.mjs tries, each with what a user would write for it and nothing more.
//
// A bundle is run three times: where it was made, with node_modules above it; far away with all that the bundler put beside it,
// where it must either work or say how to mark memlane as external; and marked so, as the message says.
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { installed, runtimes } from '../runtimes.mjs'

const WORKS = 'memlane works: 42'
const PLATFORM = `${process.platform}-${process.arch}-glibc`
const HELP = 'Mark memlane as external'

const body = `
const name = 'app-' + process.pid
const map = SharedMap.open(name)
map.set('answer', { value: 41 })
map.update('answer', (old) => ({ value: old.value + 1 }))
const Sensor = record({ celsius: f64() })
const sensor = Sensor.create(name + '-r')
sensor.write({ celsius: 1.5 })
if (sensor.read().celsius.value !== 1.5) throw new Error('wrong value')
let refused
try {
  Sensor.open('not/a/name')
} catch (error) {
  refused = error
}
if (!(refused instanceof MemlaneError)) throw new Error('the entries have two classes of errors')
const text = 'memlane works: ' + map.get('answer').value
sensor.close()
map.close()
Sensor.unlink(name + '-r')
SharedMap.unlink(name)
`
const esm = `import { MemlaneError, SharedMap } from 'memlane'
import { f64, record } from 'memlane/record'
${body}console.log(text)
`
const cjs = `const { MemlaneError, SharedMap } = require('memlane')
const { f64, record } = require('memlane/record')
${body}console.log(text)
`
const inTest = (head, assertion) => `${head}
test('the packed package works here', () => {
${body}
  ${assertion}
})
`
const cjsHead = `const { MemlaneError, SharedMap } = require('memlane')
const { f64, record } = require('memlane/record')`
const esmHead = `import { MemlaneError, SharedMap } from 'memlane'
import { f64, record } from 'memlane/record'`
const expects = "expect(text).toBe('memlane works: 42')"

// --- Test runners -------------------------------------------------------------------------------------------------

const jest = (name, folder) => ({
  name: `${name} in CommonJS`,
  async run(c) {
    c.write({
      'package.json': '{}',
      'app.test.js': inTest(cjsHead, expects),
      'again.test.js': inTest(cjsHead, expects),
    })
    await c.node('2 passed', [c.tool(`${folder}/bin/jest.js`), '--runInBand', '--no-cache'])
  },
})

const runners = [
  jest('jest 30', 'jest'),
  jest('jest 29', 'jest29'),
  {
    name: 'jest 30 in ES modules',
    async run(c) {
      c.write({ 'package.json': '{"type":"module","jest":{"transform":{}}}', 'app.test.js': inTest(esmHead, expects) })
      await c.node('1 passed', ['--experimental-vm-modules', c.tool('jest/bin/jest.js'), '--no-cache'])
    },
  },
  {
    name: 'ts-jest',
    async run(c) {
      const compilerOptions = {
        module: 'commonjs',
        moduleResolution: 'node10',
        target: 'es2022',
        strict: true,
        types: ['node', 'jest'],
      }
      c.write({
        'package.json': '{"jest":{"preset":"ts-jest"}}',
        'tsconfig.json': JSON.stringify({
          compilerOptions: { ...compilerOptions, types: ['node'], esModuleInterop: true, skipLibCheck: true },
        }),
        'app.test.ts': `declare const test: (name: string, run: () => void) => void
declare const expect: (value: unknown) => { toBe(wanted: unknown): void }
${inTest(esmHead, expects).replace('SharedMap.open(name)', 'SharedMap.open<string, { value: number }>(name)').replaceAll('.value + 1', '!.value + 1').replace("get('answer').", "get('answer')!.").replace('sensor.read().', 'sensor.read()!.').replace('old.value', 'old?.value').replace('old?.value!', 'old!.value')}`,
      })
      await c.node('1 passed', [c.tool('jest/bin/jest.js'), '--no-cache'])
    },
  },
  {
    name: 'vitest',
    async run(c) {
      const head = `import { expect, test } from 'vitest'\n${esmHead}`
      c.write({
        'package.json': '{"type":"module"}',
        'app.test.js': inTest(head, expects),
        'again.test.js': inTest(head, expects),
      })
      await c.node('2 passed', [c.tool('vitest/vitest.mjs'), 'run', '--root', '.'])
    },
  },
  {
    name: 'mocha',
    async run(c) {
      const wanted = "if (text !== 'memlane works: 42') throw new Error(text)"
      c.write({
        'package.json': '{}',
        'app.test.cjs': inTest(cjsHead, wanted).replace("test('", "it('"),
        'app.test.mjs': inTest(esmHead, wanted).replace("test('", "it('"),
      })
      await c.node('2 passing', [c.tool('mocha/bin/mocha.js'), 'app.test.cjs', 'app.test.mjs'])
    },
  },
  {
    name: 'tsx',
    async run(c) {
      c.write({ 'package.json': '{}', 'app.mts': esm.replaceAll('const ', 'const '), 'app.cts': esm, 'app.ts': esm })
      for (const file of ['app.mts', 'app.cts', 'app.ts']) await c.node(WORKS, [c.tool('tsx/dist/cli.mjs'), file])
    },
  },
]

// --- Node.js itself -----------------------------------------------------------------------------------------------

const node = [
  {
    name: 'require and import in Node.js',
    async run(c) {
      c.write({ 'app.cjs': cjs, 'app.mjs': esm })
      await c.node(WORKS, ['app.cjs'])
      await c.node(WORKS, ['app.mjs'])
      const both = `const a = require('memlane')
import('memlane').then((b) => {
  const name = 'both-' + process.pid
  const one = a.SharedMap.open(name)
  const other = b.SharedMap.open(name)
  one.set('x', { n: 1 })
  other.get('x').n += 41
  let refused
  try {
    a.SharedMap.open('not/a/name')
  } catch (error) {
    refused = error
  }
  console.log('together:', one.get('x').n, refused instanceof a.MemlaneError, refused instanceof b.MemlaneError)
  one.close()
  other.close()
  a.SharedMap.unlink(name)
})`
      c.write({ 'both.cjs': both })
      await c.node('together: 42 true true', ['both.cjs'])
    },
  },
  {
    name: 'require where ES modules cannot be required',
    async run(c) {
      c.write({ 'app.cjs': cjs })
      await c.node(WORKS, ['--no-experimental-require-module', 'app.cjs'])
    },
  },
]

// --- Bundlers -----------------------------------------------------------------------------------------------------

/** Runs a bundle in all three ways. `travels`: the bundler takes the addon along. */
async function tryBundle(c, { make, travels = false, file, run: start = (path) => [process.execPath, [path]] }) {
  c.ownPackage()
  await make({ external: false })
  const [command, args] = start(file)
  await c.expect(WORKS, command, args)
  c.takeAway('out')
  const addon = readFileSync(join(c.packageFolder, 'prebuilds', PLATFORM, 'memlane.node'))
  await c.withoutPackage(async () => {
    if (travels) return c.expect(WORKS, command, args, { cwd: c.away })
    await c.expect([HELP, '/memlane.node beside '], command, args, { cwd: c.away, fails: true })
    writeFileSync(join(c.away, 'out', 'memlane.node'), addon)
    return c.expect(WORKS, command, args, { cwd: c.away })
  })
  await make({ external: true })
  if (readFileSync(join(c.project, file), 'utf8').includes('class SharedMap'))
    c.fail('marked as external and bundled all the same')
  await c.expect(WORKS, command, args)
}

const bundlers = [
  ...['esm', 'cjs'].map((format) => ({
    name: `esbuild, ${format}`,
    async run(c) {
      const file = format === 'esm' ? 'out/app.mjs' : 'out/app.cjs'
      c.write({ 'app.mjs': esm })
      const make = ({ external }) =>
        c.expect([], c.tool('esbuild/bin/esbuild'), [
          'app.mjs',
          '--bundle',
          '--platform=node',
          `--format=${format}`,
          `--outfile=${file}`,
          ...(external ? ['--external:memlane'] : []),
        ])
      await tryBundle(c, { make, file })
    },
  })),
  {
    name: 'esbuild of a CommonJS program',
    async run(c) {
      c.write({ 'app.cjs': cjs })
      const make = ({ external }) =>
        c.expect([], c.tool('esbuild/bin/esbuild'), [
          'app.cjs',
          '--bundle',
          '--platform=node',
          '--outfile=out/app.cjs',
          ...(external ? ['--external:memlane'] : []),
        ])
      await tryBundle(c, { make, file: 'out/app.cjs' })
    },
  },
  {
    name: 'rollup',
    async run(c) {
      c.write({ 'app.mjs': esm })
      const make = ({ external }) => {
        c.write({
          'rollup.config.mjs': `import resolve from '@rollup/plugin-node-resolve'
export default { input: 'app.mjs', output: { file: 'out/app.mjs' }, plugins: [resolve()], external: [/^node:/${external ? ', /^memlane/' : ''}] }`,
        })
        return c.node([], [c.tool('rollup/dist/bin/rollup'), '-c', '--silent'])
      }
      await tryBundle(c, { make, file: 'out/app.mjs' })
    },
  },
  {
    name: 'vite ssr',
    async run(c) {
      c.write({ 'package.json': '{"type":"module"}', 'app.js': esm })
      const make = ({ external }) => {
        c.write({
          'vite.config.js': `export default { logLevel: 'error', build: { ssr: 'app.js', outDir: 'out', minify: false }, ssr: { ${external ? "external: ['memlane']" : 'noExternal: true'} } }`,
        })
        return c.node([], [c.tool('vite/bin/vite.js'), 'build'])
      }
      await tryBundle(c, { make, file: 'out/app.js' })
    },
  },
  ...['commonjs', 'module'].map((format) => ({
    name: `webpack, ${format}`,
    async run(c) {
      const file = format === 'module' ? 'out/app.mjs' : 'out/app.cjs'
      c.write({ 'app.mjs': esm })
      const make = async ({ external }) => {
        const externals = external ? `externals: [/^memlane(\\/|$)/], externalsType: '${format}',` : ''
        const output = format === 'module' ? "module: true, library: { type: 'module' }, " : ''
        c.write({
          'build.mjs': `import webpack from 'webpack'
webpack({ mode: 'production', target: 'node', entry: './app.mjs', optimization: { minimize: false }, ${externals}
  ${format === 'module' ? 'experiments: { outputModule: true },' : ''}
  output: { ${output}path: ${JSON.stringify(join(c.project, 'out'))}, filename: 'app.${format === 'module' ? 'mjs' : 'cjs'}' } },
  (error, stats) => {
    if (error || stats.hasErrors()) {
      console.error(error ?? stats.toString())
      process.exitCode = 1
    }
  })`,
        })
        await c.node([], ['build.mjs'])
      }
      await tryBundle(c, { make, file, travels: true })
    },
  })),
  {
    name: 'bun: run, build, compile',
    async run(c) {
      const bun = (await installed(runtimes.find(({ name }) => name === 'bun'))).path
      c.write({ 'package.json': '{"type":"module"}', 'app.mjs': esm, 'app.cjs': cjs })
      await c.expect(WORKS, bun, ['app.mjs'])
      await c.expect(WORKS, bun, ['app.cjs'])
      const make = ({ external }) =>
        c.expect([], bun, [
          'build',
          'app.mjs',
          '--target=bun',
          '--outdir',
          'out',
          '--entry-naming',
          'app.js',
          ...(external ? ['--external', 'memlane'] : []),
        ])
      await tryBundle(c, { make, travels: true, file: 'out/app.js', run: (path) => [bun, [path]] })
      const forNode = ({ external }) =>
        c.expect([], bun, [
          'build',
          'app.mjs',
          '--target=node',
          '--outdir',
          'out',
          '--entry-naming',
          'node.mjs',
          ...(external ? ['--external', 'memlane'] : []),
        ])
      await tryBundle(c, { make: forNode, file: 'out/node.mjs' })
      await c.expect([], bun, ['build', '--compile', 'app.mjs', '--outfile', 'out/program'])
      c.takeAway('out/program')
      await c.withoutPackage(() => c.expect(WORKS, join(c.away, 'out', 'program'), [], { cwd: c.away }))
    },
  },
]

// --- Deployments --------------------------------------------------------------------------------------------------

const deployments = [
  {
    name: '@vercel/nft',
    async run(c) {
      c.write({
        'app.mjs': esm,
        'app.cjs': cjs,
        'trace.mjs': `import { nodeFileTrace } from '@vercel/nft'
const { fileList } = await nodeFileTrace(process.argv.slice(2), { base: process.argv[2].replace(/[^/]*$/, '..') })
console.log(JSON.stringify([...fileList]))`,
      })
      for (const app of ['app.mjs', 'app.cjs']) {
        const { stdout } = await c.node([], ['trace.mjs', join(c.project, app)])
        const files = JSON.parse(stdout)
        const away = join(c.away, app)
        for (const file of files) cpSync(join(c.project, '..', file), join(away, file), { recursive: true })
        const folder = join(away, c.project.split('/').at(-1))
        await c.node(WORKS, [app], { cwd: folder })
      }
    },
  },
  ...[
    ['turbopack, bundled', '', ['--turbopack']],
    ['turbopack, external', "serverExternalPackages: ['memlane'],", ['--turbopack']],
  ].map(([name, option, flags]) => ({
    name: `Next.js standalone: ${name}`,
    async run(c) {
      c.write({
        'package.json': '{"private":true}',
        'next.config.mjs': `import { dirname } from 'node:path'
const above = dirname(import.meta.dirname ?? process.cwd())
export default { output: 'standalone', ${option} outputFileTracingRoot: ${JSON.stringify(join(c.project, '..', '..'))}, turbopack: { root: ${JSON.stringify(join(c.project, '..', '..'))} } }`,
        'app/layout.jsx':
          'export default function Layout({ children }) { return <html><body>{children}</body></html> }',
        'app/page.jsx': 'export default function Page() { return <p>hello</p> }',
        'app/shared/route.js': `${esmHead}
export const dynamic = 'force-dynamic'
export function GET() {
  try {
    ${body}
    return new Response(text)
  } catch (error) {
    return new Response(error.stack, { status: 500 })
  }
}`,
        'ask.mjs': asker,
      })
      await c.node([], [c.tool('next/dist/bin/next'), 'build', ...flags], { env: { NEXT_TELEMETRY_DISABLED: '1' } })
      c.takeAway('.next/standalone', 'ask.mjs')
      await c.node(
        WORKS,
        ['ask.mjs', join('.next', 'standalone', 'projects', c.project.split('/').at(-1), 'server.js')],
        { cwd: c.away },
      )
    },
  })),
]

// Starts a Next.js server on a free loopback port, asks it once and ends it.
const asker = `import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
const free = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => resolve(port))
  })
})
const server = spawn(process.execPath, [process.argv[2]], { stdio: 'inherit', env: { ...process.env, PORT: String(free), HOSTNAME: '127.0.0.1' } })
let ended = false
server.on('exit', () => (ended = true))
for (;;) {
  try {
    const response = await fetch('http://127.0.0.1:' + free + '/shared')
    console.log(response.status, await response.text())
    break
  } catch (error) {
    if (ended) throw error
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
server.kill('SIGKILL')
`

// --- TypeScript ---------------------------------------------------------------------------------------------------

const typed = `import { type MapChange, MemlaneError, Mutex, SharedInt, SharedList, SharedMap } from 'memlane'
import { SpscRingBuffer } from 'memlane/membridge'
import * as rememory from 'memlane/rememory'
import { f64, record } from 'memlane/record'
import * as flexible from 'memlane/flexible'

const map: SharedMap<string, { n: number }> = SharedMap.open<string, { n: number }>('m')
const n: number | undefined = map.get('a')?.n
const error: MemlaneError = new MemlaneError('ERR_NAME', 'x')
const Sensor = record({ celsius: f64() })
const celsius: number | undefined = Sensor.open('s').read()?.celsius.value
const mutex: Mutex = Mutex.open('l')
export async function watch(): Promise<MapChange<string, { n: number }> | undefined> {
  for await (const change of map.watch()) return change
  return undefined
}
// The types are there, and not all \`any\`.
// @ts-expect-error
const wrong: boolean = Sensor.open('s').read()?.celsius.value
// @ts-expect-error
const alsoWrong: string = map.get('a')?.n
export { celsius, error, flexible, mutex, n, rememory, SharedInt, SharedList, SpscRingBuffer, wrong, alsoWrong }
`

const resolutions = {
  'node10, commonjs': { module: 'commonjs', moduleResolution: 'node10', file: 'app.ts' },
  'node16, ES module': { module: 'node16', moduleResolution: 'node16', file: 'app.mts' },
  'node16, CommonJS': { module: 'node16', moduleResolution: 'node16', file: 'app.cts' },
  'nodenext, CommonJS': { module: 'nodenext', moduleResolution: 'nodenext', file: 'app.cts' },
  bundler: { module: 'esnext', moduleResolution: 'bundler', file: 'app.ts' },
}

const typescript = [
  ['5.4', 'typescript54'],
  ['5.9', 'typescript'],
  ['6.0', 'typescript6'],
  ['7.0', 'typescript7'],
].map(([version, folder]) => ({
  name: `TypeScript ${version}`,
  async run(c) {
    // The oldest and the newest in every way; those between in the two that newly set up projects have.
    const some = ['5.4', '7.0'].includes(version) ? Object.entries(resolutions) : Object.entries(resolutions).slice(-2)
    for (const [name, { file, ...options }] of some) {
      // TypeScript 7 no longer has it.
      if (options.moduleResolution === 'node10' && version === '7.0') continue
      const compilerOptions = {
        ...options,
        target: 'es2022',
        lib: ['es2022', 'esnext.disposable'],
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
        ...(version === '6.0' ? { ignoreDeprecations: '6.0' } : {}),
      }
      c.write({
        'package.json': '{}',
        [file]: typed,
        'tsconfig.json': JSON.stringify({ compilerOptions, files: [file] }),
      })
      try {
        await c.node([], [c.tool(`${folder}/bin/tsc`), '-p', '.', '--pretty', 'false'])
      } catch (error) {
        error.message = `${name}: ${error.message}`
        throw error
      }
    }
  },
}))

// --- Deno ---------------------------------------------------------------------------------------------------------

const deno = [
  {
    name: 'deno, with exactly what it needs',
    async run(c) {
      const { path } = await installed(runtimes.find(({ name }) => name.startsWith('deno')))
      c.write({ 'package.json': '{"type":"module"}', 'app.mjs': esm })
      const all = {
        ffi: '--allow-ffi',
        read: '--allow-read',
        env: '--allow-env=MEMLANE_ADDON,MEMLANE_NAMESPACE',
        sys: '--allow-sys=uid',
      }
      const ask = ['run', '--no-prompt', '--no-lock', '--node-modules-dir=manual']
      // The check of an owner asks for the user, which the first of two opens does not do.
      const twice = esm.replace("map.set('answer'", "SharedMap.open(name).close()\nmap.set('answer'")
      c.write({ 'app.mjs': twice })
      await c.expect(WORKS, path, [...ask, ...Object.values(all), 'app.mjs'])
      for (const lacking of Object.keys(all)) {
        const given = Object.entries(all).filter(([name]) => name !== lacking)
        const said = ['MemlaneError', 'Deno does not permit it', '--allow-ffi', '--allow-sys=uid']
        await c.expect(said, path, [...ask, ...given.map(([, flag]) => flag), 'app.mjs'], { fails: true })
      }
    },
  },
]

export const cases = [...deployments.slice(1), ...bundlers, ...runners, ...node, deployments[0], ...typescript, ...deno]
