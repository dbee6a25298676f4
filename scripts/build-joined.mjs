// Joins the compiled modules of all entries into a few files by rollup, since two hundred small modules take three times as
// long to load: dist/esm, what `import` and the command get, and dist/cjs, what `require('memlane')` gets, with types for each
// entry, for runtimes that cannot require an ES module (Jest, older tools).
// Part of what is packed, and of nothing else: tests and tools in this repository use the modules as compiled.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './run.mjs'

/** The command, joined with the entries: they share most of their modules. */
const COMMAND = 'cli/main'

/** Entry below dist/ without extension, for each public subpath of package.json. */
export function entries() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.values(exports)
    .filter((target) => typeof target === 'object')
    .map(({ types }) => types.slice('./dist/'.length, -'.d.ts'.length))
}

/** The source map that the compiler wrote beside a module, so that the joined files still lead to src/. */
const compiled = {
  name: 'compiled',
  load(id) {
    return { code: readFileSync(id, 'utf8'), map: readFileSync(`${id}.map`, 'utf8') }
  },
}

/** rollup's own way asks for `document`, which is there under jsdom. */
function resolveImportMeta(property) {
  return property === 'url' ? "require('node:url').pathToFileURL(__filename).href" : undefined
}

/** Every declaration file that an entry's types are made of. */
function declarations(names) {
  const found = new Set()
  const visit = (path) => {
    if (found.has(path)) return
    found.add(path)
    const text = readFileSync(path, 'utf8')
    for (const [, from] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)\.js['"]/g))
      visit(join(dirname(path), `${from}.d.ts`))
  }
  for (const name of names) visit(join(root, 'dist', `${name}.d.ts`))
  return found
}

async function joinModules(format, folder, names) {
  const { rollup } = await import('rollup')
  rmSync(folder, { recursive: true, force: true })
  const bundle = await rollup({
    input: Object.fromEntries(names.map((name) => [name, join(root, 'dist', `${name}.js`)])),
    external: /^node:/,
    plugins: [format === 'cjs' ? { ...compiled, resolveImportMeta } : compiled],
    treeshake: { moduleSideEffects: true },
    onLog(level, log) {
      // The compiler's helpers for `using` look at `this` first; `undefined` is what it is in an ES module.
      if (level === 'warn' && log.code !== 'THIS_IS_UNDEFINED') throw new Error(`rollup: ${log.message}`)
    },
  })
  await bundle.write({
    dir: folder,
    format,
    generatedCode: 'es2015',
    interop: 'default',
    externalLiveBindings: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
    // All in one folder: the addon is found at ../../prebuilds from here, as from the modules.
    entryFileNames: ({ name }) => `${name.replaceAll('/', '-')}.js`,
    chunkFileNames: 'shared-[hash].js',
  })
  await bundle.close()
}

export async function buildJoined() {
  const names = entries()
  await joinModules('es', join(root, 'dist', 'esm'), [...names, COMMAND])
  const folder = join(root, 'dist', 'cjs')
  await joinModules('cjs', folder, names)
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
  for (const path of declarations(names)) {
    const target = join(folder, 'types', relative(join(root, 'dist'), path))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, readFileSync(path, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n'))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildJoined()
