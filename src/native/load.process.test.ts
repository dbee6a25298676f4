// native: what is said where Node.js forbids addons, and that the permissions it names are enough.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { runtimeMajor, runtimeName } from '../testing/runtime.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const skip = runtimeName === 'node' ? false : 'the flags are those of Node.js'
const PERMISSION = runtimeMajor < 22 ? '--experimental-permission' : '--permission'

/** What opening something says in a process with these flags: a code and a message, or `fine`. */
async function said(...flags: string[]): Promise<string> {
  const shm = new URL('../memory/shm.js', import.meta.url).href
  const source = `import('${shm}').then((m) => m.listObjects()).then(() => 'fine', (e) => e.code + ': ' + e.message).then(console.log)`
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '-e', source])
  return stdout.trim()
}

test('--no-addons is named when it is in the way', { skip }, async () => {
  assert.match(await said('--no-addons'), /^ERR_PERMISSION: .*--no-addons.*NODE_OPTIONS.*start it without$/s)
})

test('the permission model is named when it is in the way, with what to allow', { skip }, async () => {
  const wanted = /^ERR_PERMISSION: .*permission model.*--allow-addons.*--allow-fs-read/s
  assert.match(await said(PERMISSION, '--allow-fs-read=*'), wanted)
  const addon = await said(PERMISSION, '--allow-addons', `--allow-fs-read=${root}dist/*`)
  assert.match(addon, wanted)
  assert.doesNotMatch(addon, /compiler/)
})

test('the permissions that it names are enough', { skip }, async () => {
  assert.equal(await said(PERMISSION, '--allow-addons', `--allow-fs-read=${root}*`), 'fine')
})
