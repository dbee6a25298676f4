// cli: exit codes, and how a failure is told. Nothing throws a raw stack at the user unless MEMLANE_DEBUG=1 asks for it.

import { MemlaneError } from '../errors.js'
import { paint, printError, printJson } from './terminal.js'
import { printableLines } from './text.js'

/** All went well, and nothing was found wrong. */
export const FINE = 0
/** What was asked for could not be done, or a problem was found. */
export const PROBLEM = 1
/** The command line was wrong; nothing was done. */
export const USAGE = 2

/** The command line is wrong. `hint` says what to type instead. */
export class UsageError extends Error {
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** An error that comes with a word of advice. */
export class Advised extends MemlaneError {
  readonly hint: string

  constructor(error: MemlaneError, hint: string) {
    super(error.code, error.message, { cause: error })
    this.hint = hint
  }
}

/** A failure as --json shows it. */
export interface FailureJson {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

/** Tells a failure, on stderr or as a JSON document on stdout. @returns the exit code. */
export function report(error: unknown, json: boolean): number {
  const failure = describeFailure(error)
  if (process.env.MEMLANE_DEBUG === '1') console.error(error)
  if (json) {
    printJson({ error: failure })
  } else {
    const code = failure.code === 'USAGE' ? '' : `${failure.code}: `
    printError(`${paint('red', 'memlane:', process.stderr)} ${code}${lines(failure.message)}`)
    if (failure.hint !== undefined) printError(`  ${lines(failure.hint)}`)
  }
  return isUsage(error) ? USAGE : PROBLEM
}

/** Later lines of a message stand below the first one. */
function lines(text: string): string {
  return printableLines(text).replaceAll('\n', '\n  ')
}

export function describeFailure(error: unknown): FailureJson {
  const hint = error instanceof Advised || error instanceof UsageError ? error.hint : undefined
  const advice = hint === undefined ? {} : { hint }
  if (error instanceof UsageError) return { code: 'USAGE', message: error.message, ...advice }
  if (error instanceof MemlaneError) return { code: error.code, message: error.message, ...advice }
  const message = error instanceof Error ? error.message : String(error)
  return {
    code: 'INTERNAL',
    message: `this is a defect of memlane: ${message}`,
    hint: 'Run it again with MEMLANE_DEBUG=1 for the stack, and report it.',
  }
}

/** A name that no segment can have is a slip of the pen, like an unknown option. */
function isUsage(error: unknown): boolean {
  if (error instanceof UsageError) return true
  return error instanceof MemlaneError && (error.code === 'ERR_NAME' || error.code === 'ERR_TYPE')
}
