// testing: Python processes, and one of our own, on the other side of a segment of memlane/flexible.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Fields } from '../record/fields.js'
import { fieldOf } from './flexible-vectors.js'
import { findPython } from './python.js'
import { runtimeArgs } from './runtime.js'
import { send } from './signals.js'

const here = dirname(fileURLToPath(import.meta.url))

export interface PeerKind {
  readonly name: string
  readonly skip: string | false
  readonly command: () => [string, string[]]
}

const python = findPython('json', 'mmap')
const script = resolve(here, '../../src/testing/python/flexible_peer.py')
const module = process.env.MEMLANE_FSM
// The module is not on PyPI, so no CI can be expected to have it.
const real = module === undefined || module === '' ? undefined : findPython('numpy')

/** Our own Python peer; the real package, where MEMLANE_FSM says the folder that holds it; and Memlane itself. */
export const peerKinds: readonly PeerKind[] = [
  { name: 'an independent Python peer', skip: python.skip, command: () => [python.python!, [script]] },
  {
    name: 'flexible-shared-memory',
    skip:
      real === undefined
        ? 'MEMLANE_FSM does not name the folder that holds the package flexible_shared_memory'
        : real.skip,
    command: () => [real!.python!, [script, '--real']],
  },
  {
    name: 'another Memlane process',
    skip: false,
    command: () => [process.execPath, [...runtimeArgs, resolve(here, 'children/flexible-peer.js')]],
  },
]

export type Annotations = readonly (readonly [string, string])[]

export function schemaOf(fields: Annotations): Fields {
  return Object.fromEntries(fields.map(([name, type]) => [name, fieldOf(type)]))
}

/** 80 KB between two counters. */
export const FRAME: Annotations = [
  ['first', 'int'],
  ['data', 'int32[20000]'],
  ['last', 'int'],
]

const running = new Set<ChildProcess>()

export class FlexiblePeer {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(kind: PeerKind) {
    const [command, args] = kind.command()
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    running.add(this.#child)
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  async said(): Promise<unknown> {
    const { value, done } = await this.#lines.next()
    assert.ok(done !== true, 'the peer ended without an answer')
    return JSON.parse(value as string)
  }

  async ask(op: string, rest: object = {}): Promise<unknown> {
    this.#child.stdin!.write(`${JSON.stringify({ op, ...rest })}\n`)
    return this.said()
  }

  async open(name: string, fields: Annotations, slots: number, create: boolean): Promise<void> {
    await this.ask('open', { name, fields, slots, create })
  }

  /** Asks without waiting for the answer. */
  send(op: string, rest: object = {}): void {
    this.#child.stdin!.write(`${JSON.stringify({ op, ...rest })}\n`)
  }

  async end(): Promise<number | null> {
    this.#child.stdin!.end()
    const [code] = this.#child.exitCode === null ? await once(this.#child, 'exit') : [this.#child.exitCode]
    running.delete(this.#child)
    return code as number | null
  }

  static killAll(): void {
    for (const child of running) send(child)
  }
}
