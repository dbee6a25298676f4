// Guard: README.md links to every page of docs/, and every link within the repository leads to a file and a heading that are there.
// Why: a page that nothing links to is read by nobody, and a dead link costs a reader more than it cost us.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { filesUnder, root } from './run.mjs'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...filesUnder('docs', (path) => path.endsWith('.md')),
  ...filesUnder('examples', (path) => path.endsWith('README.md')),
]
const problems = []
const textOf = (path) =>
  readFileSync(join(root, path), 'utf8').replace(/^```[\s\S]*?^```/gm, (block) => block.replace(/[^\n]/g, ''))

/** The anchors that a page's headings get on GitHub. */
function anchorsOf(path) {
  return new Set(
    [...textOf(path).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Every target of a link or an image, with the line it stands in. */
function linksOf(path) {
  const text = textOf(path)
  return [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)].map((match) => ({
    to: match[1] ?? match[2],
    line: text.slice(0, match.index).split('\n').length,
  }))
}

for (const path of pages) {
  for (const { to, line } of linksOf(path)) {
    if (/^[a-z]+:/.test(to)) continue
    const [file, anchor] = to.split('#')
    const target = file === '' ? path : posix.normalize(posix.join(dirname(path), file))
    if (!existsSync(join(root, target))) problems.push(`${path}:${line}: ${to} leads nowhere`)
    else if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor))
      problems.push(`${path}:${line}: ${target} has no heading #${anchor}`)
  }
}
const linked = new Set(linksOf('README.md').map(({ to }) => posix.normalize(to.split('#')[0])))
for (const path of pages.filter((path) => path.startsWith('docs/')))
  if (!linked.has(path)) problems.push(`README.md does not link to ${path}`)

for (const problem of problems) console.error(problem)
console.log(`${pages.length} pages, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
