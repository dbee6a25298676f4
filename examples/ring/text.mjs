// The text files of a folder, and what is counted in them.

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** A file is text when its beginning has no NUL. */
const BEGINNING = 4096

function isText(path) {
  const file = openSync(path, 'r')
  const start = Buffer.alloc(BEGINNING)
  const length = readSync(file, start, 0, BEGINNING, 0)
  closeSync(file)
  return !start.subarray(0, length).includes(0)
}

/** Every text file below a folder in a fixed order, up to `most` bytes in all. Links are not followed. */
export function textFiles(folder, most) {
  const found = []
  let total = 0
  const visit = (path) => {
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

const NEWLINE = 10
const SPACE = 32

/** Counts lines, words (what stands between white space) and bytes; fed in pieces. */
export class Counter {
  lines = 0
  words = 0
  bytes = 0
  #inWord = false

  /** `ends` is true for the last piece of a file: a line without a newline at its end counts too. */
  add(piece, from, to, ends) {
    let inWord = this.#inWord
    for (let i = from; i < to; i++) {
      const byte = piece[i]
      if (byte > SPACE) {
        if (!inWord) this.words++
        inWord = true
      } else {
        inWord = false
        if (byte === NEWLINE) this.lines++
      }
    }
    this.bytes += to - from
    if (ends && to > from && piece[to - 1] !== NEWLINE) this.lines++
    this.#inWord = inWord && !ends
  }
}

/** The same in one process, file by file. */
export function countAll(files) {
  const counter = new Counter()
  for (const { path } of files) {
    const bytes = readFileSync(path)
    counter.add(bytes, 0, bytes.length, true)
  }
  return counter
}
