// cli: choosing and sorting what memlane list shows, and completing words in a shell.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SharedInt, SharedMap } from '../index.js'
import { Crew, ownNamespace } from '../testing/crew.js'
import { runtimeArgs, runtimeName } from '../testing/runtime.js'
import { filtered, type Listed, SORTS, sorted } from './choosing.js'
import { COMMANDS } from './commands.js'

ownNamespace('list')

const main: string = fileURLToPath(new URL('main.js', import.meta.url))

function memlane(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [...runtimeArgs, main, ...args], { encoding: 'utf8' })
}

const row = (name: string, kind: string, size: number, at: number | null, participants: number): Listed => ({
  name,
  kind,
  sizeBytes: size,
  committedBytes: 100 - size,
  atMs: at,
  participants,
})
const ROWS = [row('cam1', 'record', 3, 20, 0), row('game', 'heap', 9, null, 2), row('cam2', 'heap', 5, 30, 1)]
const names = (rows: readonly Listed[]): string => rows.map(({ name }) => name).join(' ')

test('rows are sorted by what was asked for, and left as they are otherwise', () => {
  assert.equal(names(sorted(ROWS, undefined)), 'cam1 game cam2')
  const wanted: Readonly<Record<string, string>> = {
    name: 'cam1 cam2 game',
    kind: 'game cam2 cam1',
    size: 'game cam2 cam1',
    used: 'cam1 cam2 game',
    age: 'cam2 cam1 game',
    participants: 'game cam2 cam1',
  }
  assert.deepEqual(SORTS, Object.keys(wanted))
  for (const [by, order] of Object.entries(wanted)) assert.equal(names(sorted(ROWS, by)), order, by)
  for (const slip of ['sise', 'constructor', ''])
    assert.throws(() => sorted(ROWS, slip), /--sort takes name, kind, size/)
})

test('a pattern finds names or kinds; without stars it is found anywhere', () => {
  for (const [filter, order] of [
    ['cam*', 'cam1 cam2'],
    ['am', 'cam1 game cam2'],
    ['*2', 'cam2'],
    ['cam?', 'cam1 cam2'],
    ['kind:heap', 'game cam2'],
    ['kind:rec*', 'cam1'],
    ['c.m', ''],
    ['(', ''],
  ] as const)
    assert.equal(names(filtered(ROWS, filter)), order, filter)
})

test('list shows only what was chosen, in that order; slips of the pen are told', async () => {
  await using crew = new Crew()
  const [one, two, other] = [crew.name('cam-one'), crew.name('cam-two'), crew.name('hits')]
  using _one = SharedMap.open(one, { maxSize: '1 MiB' })
  using _two = SharedMap.open(two, { maxSize: '4 MiB' })
  using _other = SharedInt.open(other)
  assert.equal(memlane('list', '--names', '--filter', 'cam-*', '--sort', 'size').stdout, `${two}\n${one}\n`)
  const { segments } = JSON.parse(memlane('list', '--json', '--filter', 'kind:int').stdout) as {
    segments: { name: string }[]
  }
  assert.deepEqual(
    segments.map(({ name }) => name),
    [other],
  )
  const slip = memlane('list', '--sort', 'sise')
  assert.equal(slip.status, 2)
  assert.match(slip.stderr, /--sort takes name, kind, size, .*got sise\n.*Did you mean size\?/)
})

test('completion gives a script for each shell that knows every command', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { status, stdout } = memlane('completion', shell)
    assert.equal(status, 0)
    for (const { name } of COMMANDS) assert.ok(stdout.includes(name), `${shell} knows ${name}`)
    assert.ok(stdout.includes('memlane list --names') && stdout.includes('namespace'), shell)
  }
  const { status, stderr } = memlane('completion', 'csh')
  assert.equal(status, 2)
  assert.match(stderr, /completion knows bash, zsh, fish, not csh/)
})

const noBash = spawnSync('bash', ['--version']).status === 0 ? false : 'there is no bash here'

test('in bash commands, options and names of segments are completed', { skip: noBash }, async () => {
  await using crew = new Crew()
  const name = crew.name('completed')
  using _int = SharedInt.open(name)
  const script = memlane('completion', 'bash').stdout
  // What Deno's own node:child_process would put in front, bash does not.
  const first = runtimeName === 'deno' ? ['run', '--allow-all'] : runtimeArgs
  const node = [process.execPath, ...first, main].map((word) => `'${word}'`).join(' ')
  const complete = (...words: string[]): string => {
    const line = ['memlane', ...words].map((word) => `'${word}'`).join(' ')
    const { stdout, stderr } = spawnSync(
      'bash',
      [
        '-c',
        `memlane() { ${node} "$@"; }\n${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length}; _memlane; echo "\${COMPREPLY[*]}"`,
      ],
      { encoding: 'utf8' },
    )
    assert.equal(stderr, '')
    return stdout.trim()
  }
  assert.equal(complete('ins'), 'inspect')
  assert.equal(complete('list', '--na'), '--namespace --names')
  assert.equal(complete('get', name.slice(0, -1)), name)
  assert.equal(complete('completion', 'z'), 'zsh')
})
