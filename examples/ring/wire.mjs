// What the three processes agree on.
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
// consumer drops every number below `next`, and a number above it would be a loss, and ends the example.

import { int } from 'memlane/membridge'

export const HEADER = 25
/** Longer lines are cut. */
export const LONGEST_PIECE = 64 * 1024
/** A ring's capacity is a power of two. */
export const RING_SIZE = 2 ** 20 + 24
export const VIEW_SIZE = 4096

export function writeTotals(view, t) {
  view.writeMixed([[t.next, t.file, t.end, t.lines, t.words, t.bytes, t.repeats].map(int), t.done], 0)
}

export function readTotals(view) {
  const row = [
    ['int', 7],
    ['bool', 1],
  ]
  const [[next, file, end, lines, words, bytes, repeats], done] = view.readMixed(row, 0)
  return { next, file, end, lines, words, bytes, repeats, done }
}
