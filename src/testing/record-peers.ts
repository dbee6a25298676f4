// testing: children of the record tests, which play a role of src/testing/children/record-peer.ts, and names for them.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Item } from './children/record-peer.js'
import { killed } from './crew.js'
import { runtimeArgs } from './runtime.js'

const file = fileURLToPath(new URL('./children/record-peer.js', import.meta.url))
const running = new Set<ChildProcess>()
const names: string[] = []
after(async () => {
  // One that still runs may be making what is removed here.
  await Promise.all([...running].map(killed))
  for (const name of names) Item.unlink(name)
})

export interface Peer {
  readonly child: ChildProcess
  /** The next line it says. */
  said(): Promise<unknown>
  kill(): Promise<void>
}

export function startPeer(role: string, name: string, count = 0): Peer {
  const child = spawn(process.execPath, [...runtimeArgs, file, role, name, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return {
    child,
    async said() {
      const { value, done } = await lines.next()
      assert.ok(!done, `${role} ended without a word`)
      return JSON.parse(value as string)
    },
    kill: () => killed(child),
  }
}

/** A name for a record, unlinked after the tests. */
export function freshRecord(): string {
  const name = `rec-${process.pid}-${names.length}`
  names.push(name)
  return name
}
