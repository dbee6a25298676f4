// testing: what every process test stands on, shown on each runtime.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { collectGarbage, noGarbageCollection, runtimeArgs, runtimeName } from './runtime.js'
import { send } from './signals.js'

const child: string = fileURLToPath(new URL('children/say-runtime.js', import.meta.url))

test('a child runs on the same runtime, gets its arguments, and answers over its streams', async () => {
  const running = spawn(process.execPath, [...runtimeArgs, child, 'one', 'two'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(running, 'close')
  let text = ''
  running.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  running.stdin.end('three\n')
  const [code] = await closed
  assert.deepEqual(JSON.parse(text), { runtimeName, args: ['one', 'two'], line: 'three', collects: true })
  assert.equal(code, 0)
})

test('a killed child is seen to have been killed', async () => {
  const running = spawn(process.execPath, [...runtimeArgs, child], { stdio: ['pipe', 'ignore', 'inherit'] })
  const ended = once(running, 'exit')
  send(running)
  const [code, signal] = await ended
  assert.deepEqual({ code, signal }, { code: null, signal: 'SIGKILL' })
})

test('garbage is collected on request', { skip: noGarbageCollection }, async () => {
  // One of them may stay: engines that look at the stack for what may be a pointer find remains there.
  const gone = Array.from({ length: 100 }, () => new WeakRef(makeGarbage()))
  const living = (): number => gone.filter((one) => one.deref() !== undefined).length
  // A WeakRef lives at least to the end of the turn that made it.
  for (let turn = 0; turn < 1000 && living() === gone.length; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    collectGarbage()
  }
  assert.ok(living() < gone.length)
})

function makeGarbage(): object {
  return { bytes: new ArrayBuffer(1024) }
}
