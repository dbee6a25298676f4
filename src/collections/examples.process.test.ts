// collections: the examples run as their READMEs say.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Crew, until, WATCHDOG, watched } from '../testing/crew.js'
import { runtimeArgs, runtimeName } from '../testing/runtime.js'
import { send } from '../testing/signals.js'
import { SharedHeap } from './heap/shared-heap.js'
import { SharedMap } from './map/shared-map.js'

const folder = fileURLToPath(new URL('../../examples/', import.meta.url))
const skip = runtimeName === 'node' ? false : 'the examples resolve "memlane" by its own name, which is tested on Node'

/** A program of an example, and the lines it prints. */
class Program implements Disposable {
  readonly process: ChildProcess
  readonly lines: string[] = []
  readonly ended: Promise<unknown>

  constructor(file: string, ...args: string[]) {
    this.process = spawn(process.execPath, [...runtimeArgs, `${folder}${file}`, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: this.process.stdout! }).on('line', (line) => this.lines.push(line))
    this.ended = once(this.process, 'close')
  }

  async hear(pattern: RegExp): Promise<string> {
    await until(() => this.lines.some((line) => pattern.test(line)), `${pattern} is printed`)
    return this.lines.find((line) => pattern.test(line))!
  }

  async succeed(): Promise<void> {
    await watched(this.ended, `${this.process.spawnargs.at(-1)} to end`)
    assert.equal(this.process.exitCode, 0)
  }

  [Symbol.dispose](): void {
    send(this.process)
  }
}

test('game-state: players, a scoreboard, and a player who is killed', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('game')
  using heap = SharedHeap.open(name)
  using board = new Program('game-state/scoreboard.mjs', name)
  await until(() => {
    // It prints nothing before the first change that it hears of.
    heap.map('players').set('warm-up', { score: 0, at: { x: 0, y: 0 } })
    return board.lines.length > 0
  }, 'the scoreboard watches')
  heap.map('players').delete('warm-up')
  const ada = new Program('game-state/player.mjs', 'ada', '10', name)
  using bo = new Program('game-state/player.mjs', 'bo', '10000', name)
  await ada.succeed()
  const players = heap.map<string, { score: number }>('players')
  await until(() => (players.snapshot('bo')?.score ?? 0) > 50, 'bo has played')
  // While bo plays on, so that something changes after ada has.
  await board.hear(/set bo.*: .*ada \d+ at 10,0/)
  send(bo.process)
  await bo.ended
  const scores = [...players.snapshot().values()].map(({ score }) => score)
  const made = scores.reduce((sum, score) => sum + score, 0)
  assert.equal(made, heap.int('round').value * 10, 'every point is where it was')
  // Not the last word, perhaps: bo may have come late, and said hello.
  const chat = heap.list<{ from: string; text: string }>('chat').snapshot()
  assert.ok(chat.some(({ from, text }) => from === 'ada' && /^\d+ points for/.test(text)))
  using total = new Program('game-state/total.mjs', name)
  await total.hear(new RegExp(`^${made} points in ${made / 10} rounds`))
})

test('rate-limiter: all workers share one limit, and one that is killed changes nothing', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('limits')
  using server = new Program('rate-limiter/server.mjs', '0', '3', name)
  const [, url = '', victim] = /(http:\S+) .* kill -9 (\d+)/.exec(await server.hear(/kill -9/))!
  const ask = async (client: string, patience = WATCHDOG): Promise<{ status: number; worker: string }> => {
    const response = await fetch(`${url}/?client=${client}`, { signal: AbortSignal.timeout(patience) })
    await response.text()
    return { status: response.status, worker: response.headers.get('x-worker') ?? '' }
  }
  // Tokens come back at one per second: of 60 requests at once 20 are let through, and one more per second that passes.
  const start = performance.now()
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask('ada')))
  const refilled = Math.ceil((performance.now() - start) / 1000)
  const allowed = answers.filter(({ status }) => status === 200).length
  assert.ok(allowed >= 20 && allowed <= 20 + refilled, `${allowed} of 60 let through`)
  assert.ok(new Set(answers.map(({ worker }) => worker)).size > 1, 'more than one worker answered')
  process.kill(Number(victim), 'SIGKILL')
  // A connection that was handed to the killed worker is never answered: ask again.
  await until(
    () =>
      ask('bo', 5000).then(
        ({ status }) => status === 200,
        () => false,
      ),
    'the others answer',
  )
  using limits = SharedMap.open<string, { tokens: number }>(name)
  const bucket = limits.snapshot('ada')
  // Nobody forgets a bucket before it would be full again, on however slow a machine.
  if (bucket === undefined) assert.ok(performance.now() - start > 20_000)
  else assert.ok(bucket.tokens < 20)
  send(server.process, 'SIGTERM')
  await server.succeed()
})

test('feature-flags: services hear of a change that another process made', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('flags')
  using one = new Program('feature-flags/service.mjs', name, '2')
  using two = new Program('feature-flags/service.mjs', name, '2')
  // Whoever comes second finds the flag; the first hears of nobody but itself.
  for (const service of [one, two]) await service.hear(/^dark-mode for user 7: false/)
  using map = SharedMap.open<string, { share: number }>(name)
  await new Program('feature-flags/flip.mjs', 'dark-mode', '10', name).succeed()
  for (const service of [one, two])
    await service.hear(/^set dark-mode {"on":true,"share":10}; dark-mode for user 7: true$/)
  map.get('dark-mode')!.share = 5
  for (const service of [one, two]) {
    await service.hear(/^set dark-mode {"on":true,"share":5}; dark-mode for user 7: false$/)
    await service.succeed()
  }
})

test('company: instances go through messages, and a receiver that is killed loses no task', { skip }, async () => {
  await using crew = new Crew()
  const name = crew.name('company')
  using first = new Program('company/receiver.mjs', name)
  const sender = new Program('company/sender.mjs', name)
  await sender.succeed()
  assert.deepEqual(sender.lines.slice(1), [
    'answer: raise: payroll 165',
    'answer: hire: payroll 205',
    'Ada 110',
    'Bo 55',
    'Cy 40, works for Ada',
    'payroll 205; the boss is one object: true',
  ])
  send(first.process)
  await watched(first.ended, 'the first receiver to be gone')
  const again = new Program('company/sender.mjs', name)
  await again.hear(/^sent Acme/)
  using second = new Program('company/receiver.mjs', name)
  await again.succeed()
  assert.equal(again.lines.at(-1), 'payroll 205; the boss is one object: true')
  assert.deepEqual(second.lines, ['did raise for Acme', 'did hire for Acme'])
})
