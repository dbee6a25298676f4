// npm run test:platforms: the suites on every platform that an emulator runs here, each with the addon that the package carries
// for it.
//
//   node scripts/test-platforms.mjs                            *.conformance, *.process and *.crash tests on all of them
//   node scripts/test-platforms.mjs memory                     only files whose path contains a word
//   node scripts/test-platforms.mjs --platforms linux-arm64    only platforms whose name begins so
//   node scripts/test-platforms.mjs --sample                   SAMPLE, for a run that must end soon; this machine's own is left out
//
// What cannot be had is skipped, and says why; with CI set, so it does there. An emulator keeps the order in which x64 makes
// stores visible: that weak ordering does no harm is shown by no run here, only on a machine of that kind.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { emulated, Unavailable } from './emulators.mjs'
import { platforms } from './platforms.mjs'
import { root, run, since } from './run.mjs'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    platforms: { type: 'string' },
    kinds: { type: 'string', default: 'conformance,process,crash' },
    sample: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '30' },
  },
})

/**
 * What fits into some minutes on a busy machine: the contract in C everywhere (a killed holder's byte is free, wakes between
 * processes), two builds on one heap where that can be, and the lowest room and the command line where no emulator of
 * processors makes them slow.
 */
const SAMPLE = {
  'linux-x64-musl': ['dist/memory/memory.conformance'],
  'win32-x64': ['dist/memory/memory.conformance', 'dist/cli/everyday.process'],
}

/** On Windows no other file has been brought to run from its first test to its last. */
const WINDOWS = ['dist/memory/memory.conformance', 'dist/memory/shm.process', 'dist/cli/everyday.process']

/** Two builds of Memlane, for two platforms, on one machine and on one segment. */
const BOTH_SIDES = 'dist/collections/builds.process'

/** Emulated programs are ten to fifty times slower, and what is waited for comes so much later. */
const PATIENCE = '10'

const begins = options.platforms?.split(',')
const own = `${process.platform}-${process.arch}-glibc`
const chosen = Object.keys(platforms).filter(
  (name) => (!begins || begins.some((word) => name.startsWith(word))) && !(options.sample && name === own),
)
const built = await run(process.execPath, [join(root, 'scripts', 'build-platforms.mjs'), ...chosen])
if (!built.ok) process.exit(1)

/** The suites of one platform; the first exit code that is not 0. */
async function play(name) {
  const { node, enter, environment, alone } = await emulated(name)
  const contract = await run(process.execPath, [join(root, 'scripts', 'test-contract.mjs'), name])
  let code = contract.code
  const args = ['--kinds', options.kinds, '--minutes', options.minutes, '--label', name]
  if (options.verbose) args.push('--verbose')
  const suites = (node, files) => [
    process.execPath,
    join(root, 'scripts', 'test-runtimes.mjs'),
    '--node',
    node,
    ...args,
    ...files,
  ]
  const surroundings = { ...process.env, MEMLANE_PATIENCE: PATIENCE, ...environment }
  const whole = name.startsWith('win32') && words.length === 0 ? WINDOWS : words
  const files = options.sample ? SAMPLE[name] : whole
  if (files !== undefined) code ||= await enter(suites(node, files), surroundings)
  // And once more from this machine's own side: the other process of the test is of that platform. (Windows has other objects.)
  if (node !== process.execPath && alone !== true)
    code ||= await enter(suites(process.execPath, [BOTH_SIDES]), { ...surroundings, MEMLANE_PEER: node })
  return code
}

const outcomes = []
for (const name of chosen) {
  const start = performance.now()
  console.log(`\n--- ${name}`)
  try {
    const code = await play(name)
    outcomes.push({ name, outcome: code === 0 ? 'passed' : 'FAILED', time: since(start) })
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    outcomes.push({ name, outcome: 'skipped', time: since(start), reason: error.message })
  }
}

console.log('')
for (const { name, outcome, time, reason } of outcomes)
  console.log(`${name.padEnd(18)} ${outcome}${reason === undefined ? '' : `: ${reason}`} (${time})`)
const count = (outcome) => outcomes.filter((one) => one.outcome === outcome).length
console.log(`${count('passed')} passed, ${count('FAILED')} failed, ${count('skipped')} skipped`)
process.exitCode = count('FAILED') === 0 ? 0 : 1
