// testing: other processes that play a part in a test, and names that are gone when the test is over.
//
//   await using crew = new Crew()
//   const holder = crew.start('hold-mutex', [crew.name()])
//   await holder.hear('held')
//   holder.kill('SIGKILL')

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { unlinkObject } from '../memory/index.js'
import { isStopped } from '../native/process-state.js'
import { namespaceOf, objectName } from '../segment/index.js'
import { mulberry } from './random.js'
import { runtimeArgs, runtimeLabel } from './runtime.js'
import { send } from './signals.js'

/**
 * Nothing in a test takes so long; what does is a hang, and the test says where. Milliseconds. Under an emulator everything
 * takes MEMLANE_PATIENCE times as long.
 */
export const WATCHDOG: number = 60_000 * Number(process.env.MEMLANE_PATIENCE ?? 1)

const main: string = fileURLToPath(new URL('children/ground-main.js', import.meta.url))

export interface StartOptions {
  /** A command that starts the child, as `['unshare', '-m']`. */
  readonly prefix?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  /** The runtime's program, where it is not this one. */
  readonly runtime?: string
}

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A child process that runs one scenario of src/testing/children/ground-*.ts, and talks in JSON lines. */
export class Actor {
  readonly scenario: string
  readonly process: ChildProcess
  readonly ended: Promise<Ending>
  stderr = ''
  readonly #heard: unknown[] = []
  #notify: () => void = () => {}
  #over = false

  constructor(scenario: string, child: ChildProcess) {
    this.scenario = scenario
    this.process = child
    this.ended = once(child, 'close').then(([code, signal]) => {
      this.#over = true
      this.#notify()
      return { code, signal } as Ending
    })
    let rest = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines)
        if (line.startsWith('{"say":')) this.#heard.push((JSON.parse(line) as { say: unknown }).say)
      this.#notify()
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    child.stdin?.on('error', () => {})
  }

  get pid(): number {
    return this.process.pid ?? -1
  }

  /** The next thing the child says. With `expected`, it must be that. */
  async hear<T = unknown>(expected?: T): Promise<T> {
    const value = await watched(
      this.#next(),
      `${this.scenario} (pid ${this.pid}) to say ${JSON.stringify(expected) ?? 'something'}`,
    )
    if (expected !== undefined) assert.deepEqual(value, expected)
    return value as T
  }

  /** True when something was said that nobody has heard yet. */
  get hasSaid(): boolean {
    return this.#heard.length > 0
  }

  async #next(): Promise<unknown> {
    for (;;) {
      if (this.#heard.length > 0) return this.#heard.shift()
      if (this.#over) {
        const { code, signal } = await this.ended
        throw new Error(`${this.scenario} ended (${signal ?? code}) without a word\n${this.stderr}`)
      }
      await new Promise<void>((resolve) => {
        this.#notify = resolve
      })
    }
  }

  /** Sends a line, which the scenario gets from `peer.hear()`. */
  tell(value: unknown): void {
    this.process.stdin?.write(`${JSON.stringify(value)}\n`)
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (!this.#over) send(this.process, signal)
  }

  /** Waits until it is stopped, by `stop` or by its own hand. */
  async stopped(): Promise<void> {
    await until(() => isStopped(this.pid), `${this.scenario} is stopped`)
  }

  /** Stops it, for as long as nobody lets it go on with SIGCONT. */
  async stop(): Promise<void> {
    await stopped(this.process)
  }

  /** Kills it and waits until it is gone. */
  async end(): Promise<Ending> {
    this.kill('SIGKILL')
    return await watched(this.ended, `${this.scenario} to die`)
  }

  /** Waits for it to end by itself, well. */
  async succeed(): Promise<void> {
    const { code, signal } = await watched(this.ended, `${this.scenario} (pid ${this.pid}) to end`)
    assert.equal(signal ?? code, 0, `${this.scenario} ended with ${signal ?? code}\n${this.stderr}`)
  }
}

/**
 * From here on this test file, and what it starts, has a namespace of its own: what other files list, and tidy up, is not
 * here, nor is theirs there.
 */
export function ownNamespace(word: string): void {
  process.env.MEMLANE_NAMESPACE = `${namespaceOf(undefined)}-${word}`
}

let count = 0
const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) send(child)
})

/** The processes and names of one test. */
export class Crew {
  readonly #actors: Actor[] = []
  readonly #names: string[] = []

  /** A fresh name for a segment; unlinked afterwards. */
  name(stem: string = 't'): string {
    const name = `${stem}-${process.pid.toString(36)}-${(count++).toString(36)}`
    this.#names.push(objectName(name, namespaceOf(undefined)))
    return name
  }

  /** A fresh name for a plain object; unlinked afterwards. */
  object(stem: string = 'o'): string {
    return objectName(this.name(stem), namespaceOf(undefined))
  }

  start(scenario: string, args: readonly unknown[] = [], options: StartOptions = {}): Actor {
    const command = [
      ...(options.prefix ?? []),
      options.runtime ?? process.execPath,
      ...runtimeArgs,
      main,
      scenario,
      JSON.stringify(args),
    ]
    const child = spawn(command[0] as string, command.slice(1), {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    })
    living.add(child)
    child.on('exit', () => living.delete(child))
    const actor = new Actor(scenario, child)
    this.#actors.push(actor)
    return actor
  }

  startMany(howMany: number, scenario: string, args: readonly unknown[] = []): Actor[] {
    return Array.from({ length: howMany }, () => this.start(scenario, args))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.end()))
    for (const name of this.#names) unlinkObject(name)
  }
}

/** Rejects when a promise has not settled before the watchdog barks. */
export async function watched<T>(promise: Promise<T>, what: string, limit: number = WATCHDOG): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const bark = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit} ms for ${what} (${runtimeLabel})`)), limit)
  })
  try {
    return await Promise.race([promise, bark])
  } finally {
    clearTimeout(timer)
  }
}

/** Looks until a condition holds. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + WATCHDOG
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${WATCHDOG} ms until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/**
 * For a loop that lasts so many milliseconds, and longer where what it is to see has not come by then: the others may be
 * held up for any time. The loop may block the thread.
 *
 * @returns true while the loop must go on.
 */
export function lasting(least: number, enough: () => boolean, what: string): () => boolean {
  const start = performance.now()
  return () => {
    const passed = performance.now() - start
    if (passed >= least && enough()) return false
    if (passed > least + WATCHDOG) throw new Error(`waited ${least + WATCHDOG} ms for ${what} (${runtimeLabel})`)
    return true
  }
}

/** Kills a process and waits until it is gone, and with it its locks: the kernel frees them first. */
export async function killed(child: ChildProcess): Promise<void> {
  const over = child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit')
  send(child)
  await over
}

/** Stops a process, as Ctrl+Z would, and waits until it stands still. */
export async function stopped(child: ChildProcess): Promise<void> {
  await until(() => {
    send(child, 'SIGSTOP')
    return isStopped(child.pid!)
  }, `process ${child.pid} is stopped`)
}

/** Asserts that something throws or rejects with a code, and that the message has a number or a name in it. */
export async function refuses(code: string, work: () => unknown, message: RegExp = /./): Promise<void> {
  await assert.rejects(
    async () => work(),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, code, `${error.stack}`)
      assert.match(error.message, message)
      return true
    },
  )
}

/** A seed for random numbers, printed so that a failure can be repeated: MEMLANE_SEED chooses it. */
export function seeded(what: string): { seed: number; random: () => number; below: (n: number) => number } {
  const seed = Number(process.env.MEMLANE_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`${what}: seed ${seed} (MEMLANE_SEED=${seed} repeats it)`)
  const random = mulberry(seed)
  return { seed, random, below: (n) => Math.floor(random() * n) }
}
