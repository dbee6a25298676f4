// demo: what the three processes agree on.
//
// A message is a line, or a piece of a very long one:
//
//            0           8           16          24      25
//            +-----------+-----------+-----------+-------+------------ …
//            | number    | file      | end       | last  | the bytes
//            | i64       | i64       | i64       | bool  |
//            +-----------+-----------+-----------+-------+------------ …
//
// number  0, 1, 2 … over the whole run, however often the producer is started again.
// file    index in the list of files; -1: there is nothing more.
// end     where in the file the piece ends, and the next one begins.
// last    true when the file ends here.
//
// The shared view holds one row, which the consumer alone writes, in one write under the view's lock:
//
//            next      file      end       lines     words     bytes     repeats   done
//            i64       i64       i64       i64       i64       i64       i64       bool
//
// Exactly once: `next` is the number of the message that is to come. A producer that is started again goes on from
// (file, end) with that number. What its killed predecessor had put into the ring behind that point comes twice; the
// consumer drops every number below `next`, and a number above it would be a loss, and ends the demo.

import { int, type MappedView } from '../../interop/membridge/index.js'

export const HEADER = 25
/** Longer lines are cut. */
export const LONGEST_PIECE: number = 64 * 1024
/** A ring's capacity is a power of two. */
export const RING_SIZE: number = 2 ** 20 + 24
export const VIEW_SIZE = 4096

export interface Totals {
  next: number
  file: number
  end: number
  lines: number
  words: number
  bytes: number
  repeats: number
  done: boolean
}

export function writeTotals(view: MappedView, t: Totals): void {
  view.writeMixed([[t.next, t.file, t.end, t.lines, t.words, t.bytes, t.repeats].map(int), t.done], 0)
}

export function readTotals(view: MappedView): Totals {
  const [[next, file, end, lines, words, bytes, repeats], done] = view.readMixed(
    [
      ['int', 7],
      ['bool', 1],
    ],
    0,
  ) as [[number, number, number, number, number, number, number], boolean]
  return { next, file, end, lines, words, bytes, repeats, done }
}
