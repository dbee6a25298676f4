// demo: counting the words of a text.

import { readFileSync } from 'node:fs'
import type { TextFile } from './folder.js'

/** Letters of any script; digits and signs part words. */
const WORD = /\p{L}+/gu
/** What a minifier glued together is no word. */
const LONGEST = 40

/** Adds the words of a text to the counts. @returns how many words there were. */
export function countWords(text: string, counts: Map<string, number>): number {
  let total = 0
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    if (word.length > LONGEST) continue
    counts.set(word, (counts.get(word) ?? 0) + 1)
    total++
  }
  return total
}

export function countFile({ path }: TextFile, counts: Map<string, number>): number {
  return countWords(readFileSync(path, 'utf8'), counts)
}

export type Entry = readonly [word: string, count: number]

/** The most frequent words; ties in the order of the alphabet. */
export function top(entries: Iterable<Entry>, most: number): Entry[] {
  const best: Entry[] = []
  for (const entry of entries) {
    if (best.length === most && !before(entry, best[most - 1]!)) continue
    let at = best.length
    while (at > 0 && before(entry, best[at - 1]!)) at--
    best.splice(at, 0, entry)
    if (best.length > most) best.pop()
  }
  return best
}

function before(a: Entry, b: Entry): boolean {
  return a[1] > b[1] || (a[1] === b[1] && a[0] < b[0])
}
