// Runs chosen test files on every runtime, each file in a process of its own, and prints one line per runtime:
//
//   node scripts/test-runtimes.mjs                            *.conformance.test.js and *.process.test.js on all six
//   node scripts/test-runtimes.mjs ring                       only files whose path contains a word
//   node scripts/test-runtimes.mjs --runtimes bun,node-26     only these runtimes
//   node scripts/test-runtimes.mjs --kinds litmus             other kinds of files: *.litmus.js or *.litmus.test.js
//   node scripts/test-runtimes.mjs --this-runtime             only the Node that runs this script
//   node scripts/test-runtimes.mjs --node PATH --label NAME   only this Node (scripts/test-platforms.mjs)
//   node scripts/test-runtimes.mjs --verbose                  the output of passing files too
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { leftBehind, removeLeftovers } from './leftovers.mjs'
import { filesUnder, root, run, since } from './run.mjs'
import { here, installed, runtimes } from './runtimes.mjs'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    kinds: { type: 'string', default: 'conformance,process' },
    runtimes: { type: 'string' },
    'this-runtime': { type: 'boolean', default: false },
    node: { type: 'string' },
    label: { type: 'string', default: 'node' },
    'all-runtimes': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    concurrency: { type: 'string' },
    minutes: { type: 'string', default: '10' },
  },
})

const kinds = options.kinds.split(',')
const isChosen = (path) => kinds.some((kind) => path.endsWith(`.${kind}.test.js`) || path.endsWith(`.${kind}.js`))
const files = filesUnder(
  'dist',
  (path) => isChosen(path) && (words.length === 0 || words.some((word) => path.includes(word))),
)
if (files.length === 0) {
  console.error(
    `test-runtimes: no ${kinds.join(' or ')} file under dist/${words.length ? ` whose path contains ${words.join(' or ')}` : ''}`,
  )
  process.exit(1)
}

// A litmus test measures what two processes do to each other: a third would only be in the way.
const concurrency = Number(options.concurrency ?? (kinds.includes('litmus') ? 1 : 2))
const namespace = `test-${randomBytes(4).toString('hex')}`
const environment = { ...process.env, MEMLANE_NAMESPACE: namespace, NODE_OPTIONS: '', NO_COLOR: '1' }

const count = (text, pattern) => [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1] ?? 0), 0)

// How each runtime runs one file of node:test tests, and how it reports: { passed, failed, skipped }, or undefined when
// no summary was found, which counts as a failure.
const dialects = {
  node: {
    command: (path) => ['--expose-gc', '--enable-source-maps', '--test', '--test-reporter=tap', path],
    counts: (text) =>
      /^# tests \d+/m.test(text) && {
        passed: count(text, /^# pass (\d+)/gm),
        failed: count(text, /^# (?:fail|cancelled) (\d+)/gm),
        skipped: count(text, /^# (?:skipped|todo) (\d+)/gm),
      },
  },
  bun: {
    // Bun ends a test after 5 s unless told otherwise.
    command: (path) => ['test', '--timeout', '600000', path],
    counts: (text) =>
      /^Ran \d+ tests?/m.test(text) && {
        passed: count(text, /^\s*(\d+) pass$/gm),
        failed: count(text, /^\s*(\d+) (?:fail|errors?)$/gm),
        skipped: count(text, /^\s*(\d+) (?:skip|todo)$/gm),
      },
  },
  deno: {
    command: (path) => ['test', '--allow-all', '--no-check', '--no-lock', '--quiet', '--v8-flags=--expose-gc', path],
    counts: (text) => {
      const line = /^(?:ok|FAILED) \| .*$/m.exec(text)?.[0]
      return (
        line && {
          passed: count(line, /(\d+) passed/g),
          failed: count(line, /(\d+) failed/g),
          skipped: count(line, /(\d+) ignored/g),
        }
      )
    },
  },
}

/** Runs one file, with a watchdog: a hang is a failure that says so. */
async function runFile(runtime, file) {
  const dialect = dialects[runtime.kind]
  const limit = Number(options.minutes) * 60_000
  const result = await run(runtime.path, dialect.command(join(root, file)), { quiet: true, env: environment, limit })
  const text = stripVTControlCharacters(result.output) // NO_COLOR is not obeyed everywhere
  const counts = dialect.counts(stripVTControlCharacters(`${result.stdout}\n${result.stderr}`))
  const sound = counts && (result.ok || counts.failed > 0)
  return {
    text,
    ok: Boolean(sound) && counts.failed === 0,
    timedOut: result.timedOut,
    ending: result.signal ?? `exit ${result.code}`,
    ...(counts || { passed: 0, failed: 0, skipped: 0 }),
    crashed: !sound,
  }
}

const totals = { passed: 0, failed: 0, skipped: 0 }

async function runAll(runtime) {
  const start = performance.now()
  const sum = { passed: 0, failed: 0, skipped: 0 }
  const queue = [...files]
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const result = await runFile(runtime, file)
      for (const key of Object.keys(sum)) sum[key] += result[key]
      if (result.crashed) sum.failed += 1
      if (!result.ok || options.verbose) {
        const how = result.timedOut
          ? `no end after ${options.minutes} minutes`
          : result.crashed
            ? `ended with ${result.ending} and no sound summary`
            : `${result.failed} failed`
        console.log(`--- ${runtime.name}: ${file}: ${result.ok ? 'passed' : how}\n${result.text.trimEnd()}\n---`)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  console.log(
    `${runtime.name.padEnd(16)} ${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped (${files.length} files, ${since(start)})`,
  )
  for (const key of Object.keys(sum)) totals[key] += sum[key]
}

if (options.node !== undefined) await runAll({ name: options.label, path: options.node, kind: 'node' })
else if (options['this-runtime'] && !options['all-runtimes']) await runAll(here)
else {
  const wanted = options.runtimes?.split(',')
  const chosen = runtimes.filter(
    ({ name }) => !wanted || wanted.some((word) => name.replace(' ', '-').startsWith(word)),
  )
  if (chosen.length === 0)
    throw new Error(
      `no runtime is called ${options.runtimes}; there are ${runtimes.map(({ name }) => name.replace(' ', '-')).join(', ')}`,
    )
  console.log(`${files.length} files on ${chosen.map(({ name }) => name).join(', ')}`)
  for (const runtime of chosen) {
    try {
      await runAll(await installed(runtime))
    } catch (error) {
      totals.failed += 1
      console.log(`${runtime.name.padEnd(16)} ${error.message}`)
    }
  }
}

const left = leftBehind(namespace)
if (left.length > 0) {
  console.log(`the runs left ${left.length} object(s) in shared memory: ${left.join(', ')}`)
  removeLeftovers(namespace)
  totals.failed += 1
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed === 0 ? 0 : 1
