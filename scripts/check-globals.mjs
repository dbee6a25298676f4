// Guard: product code takes clocks, timers, text coders and chance from src/host.ts, never from the globals.
// Why: fake timers and simulated browsers replace or lack those globals, and a wait whose clock stands still never ends.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, root } from './run.mjs'

// Tools are processes of their own, where nobody replaces anything.
const exempt = /^src\/(host\.ts$|cli\/|demo\/|bench\/|testing\/)|\/testing\/|\.(test|soak|litmus|fixture|bench)\.ts$/

const names = [
  ['performance', /(?<![.\w'#])performance\b/],
  ['AbortController', /\bnew AbortController\b/],
  ['structuredClone', /(?<![.\w])structuredClone\(/],
  ['setTimeout', /(?<![.\w])setTimeout\(/],
  ['clearTimeout', /(?<![.\w])clearTimeout\(/],
  ['setInterval', /(?<![.\w])setInterval\(/],
  ['clearInterval', /(?<![.\w])clearInterval\(/],
  ['setImmediate', /(?<![.\w])setImmediate\(/],
]

// There is no `import` that would make these good.
const never = [
  [/\bnew Text(En|De)coder\b/, 'utf8 of src/host.ts'],
  [/\bDate\.now\(|\bnew Date\(\)/, 'wallClock() of src/host.ts'],
  [/\bMath\.random\(/, 'random.below() of src/host.ts'],
  [/(?<![.\w])queueMicrotask\(/, 'a promise'],
  [/\bnew (EventTarget|MessageChannel)\b/, 'what a node: module gives'],
  [/\bprocess\.(nextTick|hrtime)\b/, 'performance of src/host.ts, or a promise'],
  [/from 'node:(timers|timers\/promises|perf_hooks)'/, 'src/host.ts'],
  [/instanceof (AbortSignal|EventTarget)\b/, 'isSignal of src/aborts.ts'],
]

const problems = []
let count = 0
for (const path of filesUnder('src', (path) => path.endsWith('.ts'))) {
  if (exempt.test(path)) continue
  count++
  const code = readFileSync(join(root, path), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|\s)\/\/.*$/gm, '')
  const imported = new Set(
    [...code.matchAll(/^import \{([^}]*)\} from '[./]+\/host\.js'/gm)].flatMap((match) =>
      match[1].split(',').map((name) => name.trim()),
    ),
  )
  code.split('\n').forEach((line, i) => {
    if (/^import /.test(line) && !/node:/.test(line)) return
    for (const [name, use] of names)
      if (use.test(line) && !imported.has(name)) problems.push(`${path}:${i + 1}: ${name} is not that of src/host.ts`)
    for (const [use, instead] of never)
      if (use.test(line)) problems.push(`${path}:${i + 1}: take ${instead}: ${line.trim()}`)
  })
}

for (const problem of problems) console.error(problem)
console.log(`${count} files, ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
