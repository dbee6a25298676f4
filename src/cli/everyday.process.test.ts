// cli: what everybody does with it, on every platform and runtime. (cli.process.test.ts goes further, on Linux.)

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SharedMap } from '../collections/index.js'
import { runtimeArgs } from '../testing/runtime.js'

process.env.MEMLANE_NAMESPACE = `everyday-${randomBytes(4).toString('hex')}`
const main: string = fileURLToPath(new URL('main.js', import.meta.url))

function memlane(...args: string[]): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...runtimeArgs, main, ...args], { encoding: 'utf8' })
  return { status, said: (stdout + stderr).trim() }
}

test('the command line lists, shows, sets, examines and removes what this process shares', () => {
  const map = SharedMap.open<string, unknown>('players')
  map.set('a', 1)
  map.set('b', { x: 2 })
  assert.match(memlane('list').said, /^players +heap .* 1 live /m)
  assert.match(memlane('inspect', 'players').said, /holds +2 entries/)
  assert.deepEqual(memlane('get', 'players', 'b'), { status: 0, said: '{ x: 2 }' })
  assert.deepEqual(memlane('set', 'players', 'a', '5'), { status: 0, said: '' })
  assert.equal(map.get('a'), 5)
  assert.match(memlane('doctor', 'players').said, /No problems\.$/)
  const refused = memlane('rm', 'players')
  assert.equal(refused.status, 1)
  assert.match(refused.said, /ERR_BUSY/)
  map.close()
  assert.deepEqual(memlane('rm', 'players'), { status: 0, said: 'removed players' })
  assert.match(memlane('list').said, /^no segments/)
})
