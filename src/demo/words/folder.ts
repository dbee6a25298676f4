// demo: the text of a folder, and programs that work on it.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface TextFile {
  readonly path: string
  readonly bytes: number
}

/** A file is text when its beginning has no NUL. */
const BEGINNING = 4096

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

/** Every text file below a folder in a fixed order, up to `most` bytes in all. Links are not followed. */
function textFiles(folder: string, most: number): TextFile[] {
  const found: TextFile[] = []
  let total = 0
  const visit = (path: string): void => {
    const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const entry of entries) {
      const inside = join(path, entry.name)
      if (entry.isDirectory()) visit(inside)
      else if (entry.isFile()) {
        const bytes = statSync(inside).size
        if (bytes === 0 || total + bytes > most || !isText(inside)) continue
        total += bytes
        found.push({ path: inside, bytes })
      }
    }
  }
  visit(folder)
  return found
}

function isText(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const start = Buffer.alloc(BEGINNING)
    return !start.subarray(0, readSync(file, start, 0, BEGINNING, 0)).includes(0)
  } finally {
    closeSync(file)
  }
}
