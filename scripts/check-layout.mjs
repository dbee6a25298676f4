// Guard: every number that C and TypeScript both know is the same on both sides.
// Why: native/layout.h and src/native/layout.ts are two texts of one truth, and a difference corrupts memory silently.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { builtAddon } from './build-native.mjs'
import { root } from './run.mjs'

const addon = createRequire(import.meta.url)(builtAddon())
const module = await import(pathToFileURL(join(root, 'dist', 'native', 'layout.js')).href)
const typescript = Object.fromEntries(Object.entries(module).filter(([, value]) => typeof value === 'number'))
const names = [...new Set([...Object.keys(addon.layout), ...Object.keys(typescript)])].sort()
const problems = names
  .filter((name) => addon.layout[name] !== typescript[name])
  .map(
    (name) =>
      `${name}: ${addon.layout[name] ?? 'missing'} in native/layout.h, ${typescript[name] ?? 'missing'} in src/native/layout.ts`,
  )

if (names.length === 0) problems.push('neither side exports a number')
for (const problem of problems) console.error(problem)
console.log(`${names.length} names, ${problems.length} differences`)
process.exitCode = problems.length === 0 ? 0 : 1
