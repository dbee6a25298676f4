// testing: a child that plays one scenario: `ground-main.js NAME '[arguments as JSON]'`. See src/testing/crew.ts.

import { createInterface } from 'node:readline'
import { collectionScenarios } from './collections.js'
import { litmusScenarios } from './ground-litmus.js'
import { memoryScenarios } from './ground-memory.js'
import { nativeScenarios } from './ground-native.js'
import { segmentScenarios } from './ground-segment.js'
import { syncScenarios } from './ground-sync.js'
import { peerScenarios } from './peers.js'

/** The way to the test that started this process. Listening keeps the process alive only while something is awaited. */
export interface Peer {
  say(value: unknown): void
  hear(): Promise<unknown>
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments come as JSON from the test
export type Scenario = (peer: Peer, ...args: any[]) => unknown

let lines: AsyncIterator<string> | undefined

const peer: Peer = {
  say(value) {
    console.log(JSON.stringify({ say: value ?? null }))
  },
  async hear() {
    lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]()
    const { value, done } = await lines.next()
    if (done) process.exit(0)
    return JSON.parse(value as string)
  },
}

const scenarios: Readonly<Record<string, Scenario>> = {
  ...collectionScenarios,
  ...litmusScenarios,
  ...memoryScenarios,
  ...nativeScenarios,
  ...peerScenarios,
  ...segmentScenarios,
  ...syncScenarios,
}
const [name = '', args = '[]'] = process.argv.slice(2)
const scenario = scenarios[name]
if (scenario === undefined) throw new Error(`no scenario ${name}; there are ${Object.keys(scenarios).join(', ')}`)
try {
  await scenario(peer, ...(JSON.parse(args) as unknown[]))
} catch (error) {
  const { code, message, stack } = error as Error & { code?: string }
  peer.say({ error: code ?? 'none', message, stack })
  process.exitCode = 1
}
if (lines !== undefined) process.stdin.destroy()
