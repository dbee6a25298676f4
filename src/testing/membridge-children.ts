// testing: children of the membridge tests: programs of src/testing/children, and one Python driven by lines.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { killed } from './crew.js'
import { runtimeArgs } from './runtime.js'
import { send } from './signals.js'

const running = new Set<ChildProcess>()
after(async () => {
  await Promise.all([...running].map(killed))
})

/** A child that speaks in lines. */
export class Child {
  readonly process: ChildProcess
  readonly #lines: string[] = []
  readonly #readers: ((line: string | undefined) => void)[] = []
  #ended = false

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.process = child
    running.add(child)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const reader = this.#readers.shift()
      if (reader !== undefined) reader(line)
      else this.#lines.push(line)
    })
    child.once('close', () => {
      running.delete(child)
      this.#ended = true
      for (const reader of this.#readers.splice(0)) reader(undefined)
    })
  }

  /** The next line it says. */
  async line(): Promise<string> {
    const line =
      this.#lines.shift() ??
      (this.#ended ? undefined : await new Promise<string | undefined>((resolve) => this.#readers.push(resolve)))
    if (line === undefined)
      throw new Error(
        `the child ended (${this.process.exitCode ?? this.process.signalCode}) without saying what was waited for`,
      )
    return line
  }

  say(line: string): void {
    this.process.stdin?.write(`${line}\n`)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#ended) send(this.process, signal)
  }

  ended(): Promise<number | null> {
    if (this.#ended) return Promise.resolve(this.process.exitCode)
    return new Promise((resolve) => this.process.once('close', (code) => resolve(code)))
  }
}

/** Starts a program of src/testing/children on the runtime that runs the test. */
export function startChild(program: string, ...args: (string | number)[]): Child {
  const file = fileURLToPath(new URL(`./children/${program}.js`, import.meta.url))
  return new Child(process.execPath, [...runtimeArgs, file, ...args.map(String)])
}

/** Starts Python on a program of src/testing/python. */
export function startPython(python: string, program: string, ...args: (string | number)[]): Child {
  const file = fileURLToPath(new URL(`../../src/testing/python/${program}`, import.meta.url))
  return new Child(python, ['-u', file, ...args.map(String)])
}
