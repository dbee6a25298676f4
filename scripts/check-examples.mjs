// Guard: every example in README.md, docs/*.md and the TSDoc of src/ compiles against the package as users import it.
// Why: an example is the first line a user copies.
//
// Each ```ts block and each @example is a module of its own. It may use, without importing them, what the nearest public
// entry exports (that of its room for TSDoc, the main one for Markdown), and the everyday names of docs/examples.d.ts.
// A block that cannot compile says so and why:  ```ts no-check: sketch of what comes later
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { filesUnder, root } from './run.mjs'

const folder = join(root, '.cache', 'examples')
const problems = []

/** Examples in Markdown: { source, line, code }, line being that of the block's first line, from 0. */
function inMarkdown(source) {
  const lines = readFileSync(join(root, source), 'utf8').split('\n')
  const found = []
  for (let i = 0; i < lines.length; i++) {
    const fence = /^(\s*)```(\S*)\s*(.*)$/.exec(lines[i])
    if (!fence) continue
    const start = i + 1
    for (i++; i < lines.length && !/^\s*```\s*$/.test(lines[i]); i++);
    if (!['ts', 'typescript', 'js', 'javascript'].includes(fence[2])) continue
    if (fence[3].startsWith('no-check')) {
      if (!/^no-check:\s*\S+/.test(fence[3]))
        problems.push(`${source}:${start}: no-check needs a reason: \`\`\`ts no-check: why`)
      continue
    }
    found.push({ source, line: start, code: lines.slice(start, i).join('\n') })
  }
  return found
}

/** Examples after @example in doc comments, fenced or bare, up to the next tag or the comment's end. */
function inComments(source) {
  const text = readFileSync(join(root, source), 'utf8')
  const found = []
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const first = text.slice(0, comment.index).split('\n').length - 1
    const lines = comment[0].split('\n').map((line) => line.replace(/^\s*\/?\*+\/? ?/, '').replace(/\s*\*\/\s*$/, ''))
    for (let i = 0; i < lines.length; i++) {
      if (!/^@example\b/.test(lines[i])) continue
      let start = i + 1
      let end = start
      while (
        end < lines.length &&
        !/^@(param|returns?|throws|see|example|remarks|defaultValue|deprecated|internal|template)\b/.test(lines[end])
      )
        end++
      i = end - 1
      let body = lines.slice(start, end)
      const open = body.findIndex((line) => /^```/.test(line))
      if (open >= 0) {
        if (/no-check/.test(body[open])) {
          if (!/no-check:\s*\S+/.test(body[open]))
            problems.push(`${source}:${first + start + open + 1}: no-check needs a reason`)
          continue
        }
        const close = body.findIndex((line, at) => at > open && /^```\s*$/.test(line))
        body = body.slice(open + 1, close < 0 ? undefined : close)
        start += open + 1
      }
      found.push({ source, line: first + start, code: body.join('\n') })
    }
  }
  return found
}

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.keys(exports).filter((path) => path !== './package.json')
const specifierOf = (path) => `memlane${path.slice(1)}`

/** The public entry that a source file's room is reached by. */
function entryFor(source) {
  const room = entries.find(
    (path) =>
      path !== '.' && source.startsWith(`src/${exports[path].default.slice('./dist/'.length).replace(/[^/]*$/, '')}`),
  )
  return room ?? '.'
}

const examples = [
  ...[
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .sort()
      .map((name) => `docs/${name}`),
  ]
    .filter((source) => existsSync(join(root, source)))
    .flatMap(inMarkdown),
  ...filesUnder(
    'src',
    (path) => path.endsWith('.ts') && !/\.(test|soak|litmus)\.ts$|^src\/testing\//.test(path),
  ).flatMap(inComments),
]

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
Object.assign(options, {
  noEmit: true,
  incremental: false,
  tsBuildInfoFile: undefined,
  rootDir: root,
  isolatedDeclarations: false,
  declaration: false,
  declarationMap: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  skipLibCheck: true,
})

/** What each public entry exports, as TypeScript sees it. */
function exportedNames() {
  const probe = join(folder, 'entries.ts')
  writeFileSync(probe, entries.map((path, i) => `import * as e${i} from '${specifierOf(path)}'\nvoid e${i}`).join('\n'))
  const program = ts.createProgram([probe], options)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(probe)
  const names = new Map(entries.map((path) => [path, []]))
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement)) continue
    const module = checker.getSymbolAtLocation(statement.moduleSpecifier)
    const path = entries.find((entry) => specifierOf(entry) === statement.moduleSpecifier.text)
    if (module)
      names.set(
        path,
        checker.getExportsOfModule(module).map(({ name }) => name),
      )
    else problems.push(`package.json: "${path}" does not resolve; is dist/ built?`)
  }
  rmSync(probe)
  return names
}

const names = exportedNames()

/** Names that the code declares or imports itself, at its top level or deeper: those are not imported for it. */
function declaredIn(code) {
  const declared = new Set()
  const visit = (node) => {
    if (node.name && ts.isIdentifier(node.name) && !ts.isPropertyAccessExpression(node)) declared.add(node.name.text)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('x.ts', code, ts.ScriptTarget.Latest, false))
  return declared
}

const files = new Map()
for (const [index, example] of examples.entries()) {
  const entry = example.source.startsWith('src/') ? entryFor(example.source) : '.'
  const declared = declaredIn(example.code)
  const used = [...new Set(example.code.match(/[A-Za-z_$][\w$]*/g) ?? [])]
  const imported = used.filter((name) => names.get(entry).includes(name) && !declared.has(name))
  // One line of header, whatever is in it, so that line numbers map back simply.
  const header = `${imported.length > 0 ? `import { ${imported.join(', ')} } from '${specifierOf(entry)}'; ` : ''}export {}`
  const path = join(folder, `${String(index).padStart(4, '0')}.ts`)
  writeFileSync(path, `${header}\n${example.code}\n`)
  files.set(path, example)
}

// Types and values are imported alike here, so the syntax rules for the package's own files don't apply.
Object.assign(options, { verbatimModuleSyntax: false, erasableSyntaxOnly: false })
const prelude = join(root, 'docs', 'examples.d.ts')
const program = ts.createProgram([...files.keys(), ...(existsSync(prelude) ? [prelude] : [])], options)
for (const diagnostic of ts.getPreEmitDiagnostics(program)) {
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n  ')
  const example = diagnostic.file && files.get(diagnostic.file.fileName)
  if (!example) {
    const at = diagnostic.file
      ? `${diagnostic.file.fileName.slice(root.length + 1)}:${ts.getLineAndCharacterOfPosition(diagnostic.file, diagnostic.start).line + 1}: `
      : ''
    problems.push(`${at}${message}`)
    continue
  }
  const { line } = ts.getLineAndCharacterOfPosition(diagnostic.file, diagnostic.start)
  problems.push(`${example.source}:${example.line + line}: in the example: ${message}`)
}

for (const problem of problems) console.error(problem)
console.log(`${examples.length} examples, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
