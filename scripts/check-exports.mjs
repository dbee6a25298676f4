// Guard: package.json offers a subpath exactly when its source exists.
// Why: a subpath without source breaks importers, and a room without subpath is work nobody can reach.
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

const wanted = {
  exports: {
    ...Object.fromEntries(
      Object.entries(subpaths)
        .filter((entry) => entry[0] === '.' || there(entry))
        .map(([path, source]) => [
          path,
          { types: `./dist/${compiled(source, '.d.ts')}`, default: `./dist/${compiled(source, '.js')}` },
        ]),
    ),
    './package.json': './package.json',
  },
  bin: Object.fromEntries(
    Object.entries(commands)
      .filter(there)
      .map(([name, source]) => [name, `dist/${compiled(source, '.js')}`]),
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
  // `bin` belongs beside `exports`, not at the end of the file.
  const order = entries.map(([key]) => key).filter((key) => key !== 'bin')
  if (entries.length > order.length) order.splice(order.indexOf('exports') + 1, 0, 'bin')
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
  process.exitCode = differs.length === 0 ? 0 : 1
}
