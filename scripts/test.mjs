// Runs the tests in dist/, after the checks when asked:
//
//   node scripts/test.mjs                    every test
//   node scripts/test.mjs ring crash         only files whose path contains one of these words
//   node scripts/test.mjs --grep 'half a'    only tests whose name matches
//   node scripts/test.mjs --check            npm run check first (skipped when words or --grep choose some tests)
//   node scripts/test.mjs --soak             the long runs, *.soak.js, instead; --minutes 10: each for so long
//
// Every run has its own namespace, and afterwards /dev/shm must hold nothing in it: a test that leaves memory behind
// has either forgotten to clean up or found a leak, and both are failures.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { leftBehind, removeLeftovers } from './leftovers.mjs'
import { filesUnder, root, run, since } from './run.mjs'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    minutes: { type: 'string' },
    grep: { type: 'string' },
    concurrency: { type: 'string', default: '2' },
  },
})

const start = performance.now()
const everything = words.length === 0 && options.grep === undefined
const suffix = options.soak ? '.soak.js' : '.test.js'
const files = filesUnder('dist', (path) => path.endsWith(suffix)).filter(
  (path) => words.length === 0 || words.some((word) => path.includes(word)),
)

if (files.length === 0) {
  console.error(
    `test: no ${suffix} file under dist/${words.length ? ` whose path contains ${words.join(' or ')}` : ''}`,
  )
  process.exit(1)
}

let checked = true
if (options.check && everything) checked = (await run(process.execPath, [join(root, 'scripts', 'check.mjs')])).ok

const namespace = `test-${randomBytes(4).toString('hex')}`
const args = [
  '--enable-source-maps',
  '--expose-gc',
  '--test',
  `--test-concurrency=${options.soak ? 1 : options.concurrency}`,
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
]
// A hung test must end the run, not the patience of whoever waits; nothing is measured against this. (Node 20 means whole
// files by it, which take some minutes on a machine that is busy otherwise.)
if (!options.soak) args.push('--test-timeout=480000')
if (options.minutes !== undefined) process.env.MEMLANE_SOAK_MINUTES = options.minutes
if (options.grep !== undefined) args.push(`--test-name-pattern=${options.grep}`)

const { ok } = await run(process.execPath, [...args, ...files.map((path) => join(root, path))], {
  env: { ...process.env, MEMLANE_NAMESPACE: namespace, NODE_OPTIONS: '' },
})

const left = leftBehind(namespace)
if (left.length > 0) {
  console.error(
    `test: the run left ${left.length} object(s) in shared memory:\n${left.map((name) => `  ${name}`).join('\n')}`,
  )
  removeLeftovers(namespace)
}
if (!checked) console.error('test: the checks before the tests failed; their messages are above the test output.')
console.error(`test: ${files.length} files in ${since(start)}, namespace ${namespace}`)
process.exitCode = ok && checked && left.length === 0 ? 0 : 1
