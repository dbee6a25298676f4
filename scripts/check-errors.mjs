// Guard: every error code has its entry in docs/errors.md, and every entry its code.
// Why: the code is what a user searches for at three in the morning; there must be something to find.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './run.mjs'

const { ERROR_CODES } = await import(pathToFileURL(join(root, 'dist', 'errors.js')).href)
const sections = new Map(
  readFileSync(join(root, 'docs', 'errors.md'), 'utf8')
    .split(/^## /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')).trim(), section]),
)

const problems = []
for (const code of ERROR_CODES) if (!sections.has(code)) problems.push(`docs/errors.md: no entry "## ${code}"`)
for (const [heading, text] of sections) {
  if (!/^ERR_/.test(heading)) continue
  if (!ERROR_CODES.includes(heading))
    problems.push(`docs/errors.md: "${heading}" is not in ERROR_CODES of src/errors.ts`)
  for (const part of ['**What you see.**', '**Why.**', '**What to do.**']) {
    if (!text.includes(part)) problems.push(`docs/errors.md: "${heading}" lacks ${part}`)
  }
}

for (const problem of problems) console.error(problem)
console.log(`${ERROR_CODES.length} codes, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
