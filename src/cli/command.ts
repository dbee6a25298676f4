// cli: what a command is, and how its words are read. Each command is one file; commands.ts lists them.

import { parseArgs } from 'node:util'
import { nearest } from '../nearest.js'
import { COMMAND_LOCK_MS } from '../waiting/index.js'
import { UsageError } from './failure.js'

export interface Option {
  readonly type: 'boolean' | 'string'
  readonly short?: string
  /** How help calls the value of a `string` option. */
  readonly value?: string
  readonly about: string
}

export interface Command {
  readonly name: string
  /** One line for the list of commands. */
  readonly about: string
  /** What follows the name in the usage line, without options: `NAME...`. */
  readonly operands: string
  readonly least: number
  readonly most: number
  readonly options: Readonly<Record<string, Option>>
  /** Lines that work when they are typed, and what they do. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** Paragraphs below the options. */
  readonly notes: readonly string[]
  /** What the exit codes mean here. */
  readonly exits: readonly (readonly [code: number, when: string])[]
  run(call: Call): number | Promise<number>
}

/** One call of a command. */
export class Call {
  readonly operands: readonly string[]
  readonly #flags: Readonly<Record<string, unknown>>

  constructor(operands: readonly string[], flags: Readonly<Record<string, unknown>>) {
    this.operands = operands
    this.#flags = flags
  }

  on(option: string): boolean {
    return this.#flags[option] === true
  }

  text(option: string): string | undefined {
    const value = this.#flags[option]
    return typeof value === 'string' ? value : undefined
  }

  /** For the functions that take `NameOptions`. */
  get namespace(): string | undefined {
    return this.text('namespace')
  }
}

export const HELP: Option = { type: 'boolean', short: 'h', about: 'show this help' }
export const JSON_OPTION: Option = { type: 'boolean', about: 'print one JSON document instead of text' }
export const NAMESPACE: Option = {
  type: 'string',
  short: 'n',
  value: 'NS',
  about: 'look in this namespace instead of MEMLANE_NAMESPACE or "default"',
}

export const TIMEOUT: Option = {
  type: 'string',
  value: 'MS',
  about: 'wait this long for a process that is changing it; default 2000',
}

/** Milliseconds to wait for the lock of a heap. @throws UsageError. */
export function timeoutOf(call: Call): number {
  return numberOf(call, 'timeout', 0) ?? COMMAND_LOCK_MS
}

/** A whole number from `least` that an option was given, or undefined. @throws UsageError. */
export function numberOf(call: Call, option: string, least: number): number | undefined {
  const text = call.text(option)
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
    throw new UsageError(`--${option} takes a whole number from ${least}, got ${text}`)
  return value
}

/** No option is a digit: `-5` is a number. No word of a command line holds a NUL, so one before it hides its dash. */
const NUMBER = /^-(?=\.?\d)/
const hide = (word: string): string => word.replace(NUMBER, '\0-')
const show = <T>(word: T): T => (typeof word === 'string' ? (word.replace('\0', '') as T) : word)

/** Reads the words behind the command's name. @throws UsageError. */
export function readCall(command: Command, words: readonly string[]): Call {
  const options: Record<string, Option> = { ...command.options, help: HELP }
  let parsed: ReturnType<typeof parseArgs>
  try {
    parsed = parseArgs({ args: words.map(hide), options, allowPositionals: true, strict: true })
  } catch (error) {
    throw wrongOption(command, Object.keys(options), error)
  }
  const flags = Object.entries(parsed.values).map(([option, value]) => [option, show(value)])
  const call = new Call(parsed.positionals.map(show), Object.fromEntries(flags))
  if (call.on('help')) return call
  const given = call.operands.length
  if (given < command.least)
    throw new UsageError(`${command.name} needs ${command.operands}`, `See memlane ${command.name} --help.`)
  if (given > command.most) {
    throw new UsageError(
      `${command.name} takes ${command.most === 0 ? 'no names' : `at most ${command.most}`}, got ${given}: ${call.operands.join(' ')}`,
      `See memlane ${command.name} --help.`,
    )
  }
  return call
}

function wrongOption(command: Command, options: readonly string[], error: unknown): UsageError {
  const message = error instanceof Error ? error.message : String(error)
  const unknown = /Unknown option '-*([^']+)'/.exec(message)?.[1]
  const help = `See memlane ${command.name} --help.`
  if (unknown === undefined) return new UsageError(message.split('. ')[0] ?? message, help)
  const close = nearest(unknown, options)
  return new UsageError(
    `${command.name} has no option --${unknown}`,
    close === undefined ? help : `Did you mean --${close}?`,
  )
}
