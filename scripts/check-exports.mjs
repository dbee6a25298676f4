// Guard: package.json offers a subpath exactly when its source exists, and each in every way that it is asked for.
// Why: a subpath without source breaks importers, a room without subpath is work nobody can reach, and what one subpath
// says of CommonJS, Bun and old TypeScript the others must say too.
//
//   node scripts/check-exports.mjs            compare
//   node scripts/check-exports.mjs --write    bring package.json in line
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

// Subpath -> source below src/, in the order in which package.json lists them. To offer a new one, add a line.
const subpaths = {
  '.': 'index.ts',
  './record': 'record/index.ts',
  './channel': 'channel/index.ts',
  './membridge': 'interop/membridge/index.ts',
  './flexible': 'interop/flexible/index.ts',
  './rememory': 'interop/rememory/index.ts',
}
const commands = { memlane: 'cli/main.ts' }

const there = ([, source]) => existsSync(join(root, 'src', source))
const compiled = (source, extension) => source.replace(/\.ts$/, extension)

/** Where the entry lies that scripts/build-joined.mjs makes, and its types. */
const joined = (source, format) => `./dist/${format}/${source.slice(0, -'.ts'.length).replaceAll('/', '-')}.js`
const joinedTypes = (source) => `./dist/cjs/types/${compiled(source, '.d.ts')}`

function targets(source) {
  const module = { types: `./dist/${compiled(source, '.d.ts')}`, default: joined(source, 'esm') }
  return {
    bun: { types: module.types, default: `./dist/${compiled(source, '.bun.js')}` },
    // Also where `require` takes ES modules: tools that hook into it (tsx, tracers of deployments) do not always get that right.
    // A program with both forms has two copies, which get on with each other.
    require: { types: joinedTypes(source), default: joined(source, 'cjs') },
    ...module,
  }
}

const offered = Object.entries(subpaths).filter((entry) => entry[0] === '.' || there(entry))

const wanted = {
  // For what does not read `exports`: TypeScript's moduleResolution "node10", and older tools.
  main: joined('index.ts', 'cjs'),
  types: joinedTypes('index.ts'),
  typesVersions: {
    '*': Object.fromEntries(
      offered.filter(([path]) => path !== '.').map(([path, source]) => [path.slice(2), [joinedTypes(source)]]),
    ),
  },
  exports: {
    ...Object.fromEntries(offered.map(([path, source]) => [path, targets(source)])),
    './package.json': './package.json',
  },
  bin: Object.fromEntries(
    Object.entries(commands)
      .filter(there)
      .map(([name, source]) => [name, joined(source, 'esm').slice(2)]),
  ),
}

const path = join(root, 'package.json')
const manifest = JSON.parse(readFileSync(path, 'utf8'))
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)
const differs = Object.keys(wanted).filter((key) => !same(manifest[key] ?? {}, wanted[key]))

if (process.argv.includes('--write')) {
  const entries = Object.entries({ ...manifest, ...wanted }).filter(
    ([key, value]) => key !== 'bin' || Object.keys(value).length > 0,
  )
  // Each belongs beside `exports`, not at the end of the file.
  const order = entries.map(([key]) => key).filter((key) => !(key in wanted))
  order.splice(order.indexOf('engines') + 1, 0, ...Object.keys(wanted))
  const text = JSON.stringify(Object.fromEntries(order.map((key) => [key, Object.fromEntries(entries)[key]])), null, 2)
  writeFileSync(path, `${text}\n`)
  console.log(differs.length === 0 ? 'nothing to change' : `package.json: ${differs.join(', ')} rewritten`)
} else {
  for (const key of differs) {
    console.error(
      `package.json: "${key}" is not what src/ offers\n  is     ${JSON.stringify(manifest[key])}\n  should ${JSON.stringify(wanted[key])}`,
    )
  }
  if (differs.length > 0) console.error('Cure: node scripts/check-exports.mjs --write')
  const version = /VERSION: string = '(.*)'/.exec(readFileSync(join(root, 'src', 'version.ts'), 'utf8'))?.[1]
  if (version !== manifest.version) console.error(`src/version.ts says ${version}, package.json ${manifest.version}`)
  const lacking = offered
    .map(([, source]) => join('src', source.replace(/\.ts$/, '.bun.ts')))
    .filter((path) => !existsSync(join(root, path)))
  for (const path of lacking) console.error(`${path} is missing: the entry for Bun`)
  process.exitCode = differs.length === 0 && version === manifest.version && lacking.length === 0 ? 0 : 1
}
