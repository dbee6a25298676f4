// A sample of what `npm run test:toolchains` tries with every bundler: here rollup alone, as it is at hand.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'
import { prebuildName } from './load.js'

const dist = fileURLToPath(new URL('../', import.meta.url))
// Where the package has it; `npm run build` keeps this machine's own as new as the sources.
const built = fileURLToPath(new URL(`../../prebuilds/${prebuildName()}/memlane.node`, import.meta.url))

const PROGRAM = `import { SharedInt } from 'memlane'
const name = 'bundled-' + process.pid
const int = SharedInt.open(name)
int.add(42)
console.log('memlane works:', int.value)
int.close()
SharedInt.unlink(name)`

async function bundled(folder: string, format: 'esm' | 'cjs'): Promise<string> {
  const file = join(folder, format === 'esm' ? 'app.mjs' : 'app.cjs')
  writeFileSync(join(folder, 'source.mjs'), PROGRAM)
  const bundle = await rollup({
    input: join(folder, 'source.mjs'),
    external: /^node:/,
    onLog: () => undefined,
    plugins: [{ name: 'memlane', resolveId: (id) => (id === 'memlane' ? join(dist, 'index.js') : null) }],
  })
  await bundle.write({ file, format, inlineDynamicImports: true } as never)
  await bundle.close()
  return file
}

function run(file: string): { status: number | null; said: string } {
  const env = { ...process.env, MEMLANE_ADDON: '' }
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', env })
  return { status, said: stdout + stderr }
}

describe('a bundle of a program', () => {
  for (const format of ['esm', 'cjs'] as const) {
    test(`says how to leave memlane out, and finds the addon beside it (${format})`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'memlane-bundle-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      const file = await bundled(folder, format)
      const alone = run(file)
      assert.equal(alone.status, 1, alone.said)
      assert.match(alone.said, /ERR_NATIVE/)
      assert.match(
        alone.said,
        /without its native addon\. Mark memlane as external \(esbuild --external:memlane; .*Next\.js/,
      )
      assert.doesNotMatch(alone.said, /build-native/)
      cpSync(built, join(folder, 'memlane.node'))
      assert.deepEqual(run(file), { status: 0, said: 'memlane works: 42\n' })
    })
  }

  test('finds the addon in the installed package of its own version, and of no other', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'memlane-bundle-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const file = await bundled(folder, 'esm')
    const installed = join(folder, 'node_modules', 'memlane')
    const manifest = JSON.parse(readFileSync(join(dist, '..', 'package.json'), 'utf8'))
    const place = join(installed, 'prebuilds', prebuildName())
    mkdirSync(place, { recursive: true })
    cpSync(built, join(place, 'memlane.node'))
    writeFileSync(join(installed, 'package.json'), JSON.stringify({ ...manifest, version: '0.0.1' }))
    assert.equal(run(file).status, 1)
    writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest))
    assert.deepEqual(run(file), { status: 0, said: 'memlane works: 42\n' })
  })
})
