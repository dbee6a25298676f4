// npm run test:platforms: the suites on every platform that an emulator runs here, each with the addon that the package carries
// for it.
//
//   node scripts/test-platforms.mjs                            *.conformance, *.process and *.crash tests on all of them
//   node scripts/test-platforms.mjs memory                     only files whose path contains a word
//   node scripts/test-platforms.mjs --platforms linux-arm64    only platforms whose name begins so
//   node scripts/test-platforms.mjs --sample                   the few files of SAMPLE, for a run that must end soon
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

/** Objects, mappings, waits, liveness and recovery: what differs between platforms. */
const SAMPLE = ['dist/memory/memory.conformance', 'dist/memory/shm.process', 'dist/segment/participants.crash']

/** On Windows no other file has been brought to run from its first test to its last. */
const WINDOWS = SAMPLE.slice(0, 2)

/** Two builds of Memlane, for two platforms, on one machine and on one segment. */
const BOTH_SIDES = 'dist/collections/builds.process'

/** Emulated programs are ten to fifty times slower, and what is waited for comes so much later. */
const PATIENCE = '10'

const begins = options.platforms?.split(',')
const chosen = Object.keys(platforms).filter((name) => !begins || begins.some((word) => name.startsWith(word)))
const built = await run(process.execPath, [join(root, 'scripts', 'build-platforms.mjs'), ...chosen])
if (!built.ok) process.exit(1)

const outcomes = []
for (const name of chosen) {
  const start = performance.now()
  console.log(`\n--- ${name}`)
  try {
    const { node, enter, environment, alone } = await emulated(name)
    const asked = options.sample ? SAMPLE : words
    const files = name.startsWith('win32') && words.length === 0 ? WINDOWS : asked
    const args = ['--node', node, '--label', name, '--kinds', options.kinds, '--minutes', options.minutes]
    if (options.verbose) args.push('--verbose')
    const suites = (node, ...more) => [
      process.execPath,
      join(root, 'scripts', 'test-runtimes.mjs'),
      ...args.with(1, node),
      ...more,
    ]
    const surroundings = { ...process.env, MEMLANE_PATIENCE: PATIENCE, ...environment }
    let code = await enter(suites(node, ...files), surroundings)
    // And once more from this machine's own side: the other process of the test is of that platform. (Windows has other objects.)
    if (node !== process.execPath && alone !== true)
      code ||= await enter(suites(process.execPath, BOTH_SIDES), { ...surroundings, MEMLANE_PEER: node })
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
