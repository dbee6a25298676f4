// cli: writing to the terminal. Colours only where somebody sees them, and quiet when the reader has gone.

import { styleText } from 'node:util'
import { printableJson, printableLines } from './text.js'

export type Style = Parameters<typeof styleText>[0]

type Stream = NodeJS.WriteStream

/** `memlane list | head -1` closes the pipe before we are done: that is no failure. A full disk is one. */
export function toleratePipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0)
      if (stream === process.stdout) printError(`memlane: what was to be shown could not be written: ${error.message}`)
      process.exit(1)
    })
  }
}

/** True on a terminal that shows colours, unless NO_COLOR is set to anything (https://no-color.org). */
export function hasColours(stream: Stream = process.stdout): boolean {
  const no = process.env.NO_COLOR
  return stream.isTTY === true && (no === undefined || no === '') && stream.hasColors?.() !== false
}

export function paint(style: Style, text: string, stream: Stream = process.stdout): string {
  return hasColours(stream) ? styleText(style, text) : text
}

export function print(line: string = ''): void {
  process.stdout.write(`${line}\n`)
}

export function printError(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** One JSON document, two spaces deep or in one line. bigint becomes text, as JSON numbers end at 2^53. */
export function printJson(value: unknown, indent: number = 2): void {
  const document = JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? inner.toString() : inner), indent)
  print(printableJson(document))
}

/** What somebody has stored: as it is for a program that reads it, and harmless to a terminal. */
export function harmless(text: string): string {
  return process.stdout.isTTY === true ? printableLines(text) : text
}
