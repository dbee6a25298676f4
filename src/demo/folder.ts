// demo: what both demos do first and last: find the text of a folder, start programs, see them end.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { type TextFile, textFiles } from './ring/text.js'

/** Starts a program with the Node that runs this one. */
export function start(program: string, ...args: (string | number)[]): ChildProcess {
  return spawn(process.execPath, [program, ...args.map(String)], { stdio: ['ignore', 'inherit', 'inherit'] })
}

/** Resolves with how a child ended. */
export function end(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)))
}

/** The text files of a folder, at most so many bytes; undefined, and said on stderr, when there is nothing to show. */
export function filesOf(folder: string, most: number): { files: TextFile[]; total: number } | undefined {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    console.error(`demo: ${folder} is no folder. Usage: npm run demo -- <folder with text files>`)
    return undefined
  }
  const files = textFiles(folder, most)
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0)
  if (total > 0) return { files, total }
  console.error(`demo: there is no text below ${folder}`)
  return undefined
}
