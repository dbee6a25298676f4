#!/usr/bin/env node
// cli: the command line. Finds the command, runs it, and turns whatever happens into an exit code.

import { readFileSync } from 'node:fs'
import { nearest } from '../nearest.js'
import { readCall } from './command.js'
import { COMMANDS } from './commands.js'
import { FINE, report, UsageError } from './failure.js'
import { printCommandHelp, printHelp } from './help.js'
import { print, printJson, toleratePipes } from './terminal.js'

const HELP_WORDS = new Set(['help', '--help', '-h'])
const VERSION_WORDS = new Set(['version', '--version', '-v'])

async function run(words: readonly string[]): Promise<number> {
  const [first, ...rest] = words
  if (first === undefined || (HELP_WORDS.has(first) && rest.length === 0)) {
    printHelp(COMMANDS)
    return FINE
  }
  if (VERSION_WORDS.has(first)) {
    if (rest.includes('--json')) printJson({ version: version() })
    else print(version())
    return FINE
  }
  if (HELP_WORDS.has(first)) {
    printCommandHelp(find(rest[0] ?? ''))
    return FINE
  }
  const command = find(first)
  const call = readCall(command, rest)
  if (call.on('help')) {
    printCommandHelp(command)
    return FINE
  }
  return await command.run(call)
}

function find(name: string): (typeof COMMANDS)[number] {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command !== undefined) return command
  if (name.startsWith('-')) {
    throw new UsageError(`the command comes before its options, got ${name}`, 'As in: memlane list --json')
  }
  const close = nearest(
    name,
    COMMANDS.map((candidate) => candidate.name),
  )
  throw new UsageError(
    `there is no command ${JSON.stringify(name)}`,
    close === undefined ? 'See memlane --help.' : `Did you mean memlane ${close}?`,
  )
}

/** This file is dist/cli/main.js in the package. */
function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(manifest.version)
}

toleratePipes()
const words = process.argv.slice(2)
try {
  process.exitCode = await run(words)
} catch (error) {
  process.exitCode = report(error, words.includes('--json'))
}
