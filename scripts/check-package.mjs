// Guard: what would be published is what a user needs, and tools that read packages agree with it.
// Why: a missing addon, a test folder in the tarball or a wrong "types" is met by every user and by none of our tests.
//
//   node scripts/check-package.mjs --addons     and it carries the addon of every platform
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildJoined } from './build-joined.mjs'
import { mark, target } from './build-native.mjs'
import { platforms } from './platforms.mjs'
import { filesUnder, root, run, tool } from './run.mjs'

/** `win32` of `prebuilds/win32-x64/memlane.node`. */
const systemOf = (path) => path.split('/')[1].split('-')[0]

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'memlane-pack-'))
const problems = []

try {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  // --ignore-scripts: everything else is built already, and prepack would wait for the run that called us.
  await buildJoined()
  const packed = await run(
    npm,
    ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', folder],
    { quiet: true },
  )
  if (!packed.ok) throw new Error(`npm pack failed:\n${packed.output}`)
  // npm versions differ: an array of packages, or an object by package name.
  const listed = Object.values(JSON.parse(packed.output.slice(packed.output.search(/^[[{]/m))))[0]
  const files = listed.files.map(({ path }) => path)
  const tarball = join(folder, listed.filename)

  const needed = [
    `prebuilds/${target()}/memlane.node`,
    'scripts/build-native.mjs',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    ...filesUnder('native', (path) => /\.[ch]$/.test(path) && !path.startsWith('native/test/')),
  ]
  for (const path of needed) if (!files.includes(path)) problems.push(`the tarball lacks ${path}`)
  const addons = files.filter((path) => path.startsWith('prebuilds/')).sort()
  const wanted = Object.keys(platforms).map((name) => `prebuilds/${name}/memlane.node`)
  for (const path of addons)
    if (!wanted.includes(path)) problems.push(`the tarball carries ${path}, which no platform loads`)
    // This machine's own may be what `npm run build` built, which is as new as the sources and says nothing of them.
    else if (
      path !== `prebuilds/${target()}/memlane.node` &&
      !readFileSync(join(root, path)).includes(mark(systemOf(path)))
    )
      problems.push(`${path} is older than the C sources: npm run build:platforms builds it anew`)
  // Addons are made when packing (prepack) and before CI packs; everybody else's tree may lack them.
  if (process.argv.includes('--addons'))
    for (const path of wanted)
      if (!files.includes(path)) problems.push(`the tarball lacks ${path}: npm run build:platforms makes it`)
  const { PLATFORMS } = await import(pathToFileURL(join(root, 'dist', 'native', 'load.js')).href)
  if (PLATFORMS.join() !== Object.keys(platforms).join())
    problems.push(`src/native/load.ts names ${PLATFORMS.join(', ')}; scripts/platforms.mjs has others`)
  // Bundlers see literal paths only, so the platforms stand there once more.
  for (const file of ['prebuilt.ts', 'prebuilt.bun.ts']) {
    const named = [
      ...readFileSync(join(root, 'src', 'native', file), 'utf8').matchAll(/prebuilds\/([\w-]+)\/memlane\.node'/g),
    ]
    if (named.map((match) => match[1]).join() !== Object.keys(platforms).join())
      problems.push(`src/native/${file} does not name the platforms of scripts/platforms.mjs in their order`)
  }
  for (const path of files) {
    if (/\.(test|soak|litmus)\.|\/(testing|demo|bench|golden)\//.test(path))
      problems.push(`the tarball carries ${path}, which no user needs`)
    if (/(^|\/)binding\.gyp$/.test(path))
      problems.push(`the tarball carries ${path}: npm would run node-gyp on install`)
  }
  // Types that declare something global, or in a module of somebody else, change the program of whoever imports them.
  for (const path of files.filter((path) => path.endsWith('.d.ts'))) {
    const found = /^\s*declare (global|module)\b.*|^\s*\/\/\/ *<reference.*/m.exec(
      readFileSync(join(root, path), 'utf8'),
    )
    if (found) problems.push(`${path} declares beyond itself: ${found[0].trim()}`)
  }
  // Bundlers find the addons that stand as literal paths in these two.
  for (const path of files.filter((path) => path.endsWith('.node'))) {
    for (const source of ['src/native/prebuilt.ts', 'src/native/prebuilt.bun.ts']) {
      if (!readFileSync(join(root, source), 'utf8').includes(`'../../${path}'`))
        problems.push(`${source} does not name ${path}, so bundlers leave it behind`)
    }
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (manifest.scripts[script]) problems.push(`package.json has a "${script}" script; installing must run nothing`)
  }
  if (Object.keys(manifest.dependencies ?? {}).length > 0) problems.push('package.json has runtime dependencies')
  const hosts = readFileSync(join(root, 'package-lock.json'), 'utf8').match(/"resolved": "[^"]*"/g) ?? []
  if (hosts.some((line) => !line.includes('https://registry.npmjs.org/')))
    problems.push('package-lock.json names a registry host other than the public one')

  const tools = await Promise.all([
    run(tool('publint'), ['run', tarball, '--strict'], { quiet: true }),
    run(tool('attw'), [tarball, '--profile', 'strict', '--no-emoji', '--format', 'ascii'], { quiet: true }),
  ])
  for (const [index, name] of ['publint', 'are-the-types-wrong'].entries()) {
    if (!tools[index].ok) problems.push(`${name} objects:\n${tools[index].output.trim()}`)
  }
  console.log(`${files.length} files, ${addons.length} native addons, ${Math.round(listed.size / 1024)} KiB packed`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
