// demo: the consumer. Counts what comes and keeps the totals in the shared view. Arguments: ring, view.

import { SharedMemory } from '../../interop/membridge/index.js'
import { Counter } from './text.js'
import { HEADER, LONGEST_PIECE, readTotals, writeTotals } from './wire.js'

const [ringName = '', viewName = ''] = process.argv.slice(2)
using ring = SharedMemory.open(ringName).spsc()
using view = SharedMemory.open(viewName).map({ timeout: 10_000 })

/** Totals are written after so many messages, and whenever there is nothing to do. */
const STEP = 64

const totals = readTotals(view)
const counter = new Counter()
const target = new Uint8Array(HEADER + LONGEST_PIECE)

function write(): void {
  totals.lines = counter.lines
  totals.words = counter.words
  totals.bytes = counter.bytes
  writeTotals(view, totals)
}

/** An i64 that is known to be small. */
function integer(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
}

/** @returns false when it was the last message of all. */
function take(message: Uint8Array, header: DataView, length: number): boolean {
  const number = integer(header, 0)
  if (number < totals.next) {
    totals.repeats++
    return true
  }
  if (number > totals.next) throw new Error(`message ${number} came where ${totals.next} was to come`)
  totals.next++
  const file = integer(header, 8)
  if (file < 0) return false
  const last = header.getUint8(24) !== 0
  counter.add(message, HEADER, length, last)
  totals.file = last ? file + 1 : file
  totals.end = last ? 0 : integer(header, 16)
  return true
}

const header = new DataView(target.buffer)
for (let more = true, since = 0; more; ) {
  let length = ring.popInto(target)
  if (length < 0) {
    write()
    since = 0
    const message = await ring.popAsync()
    target.set(message)
    length = message.length
  }
  more = take(target, header, length)
  if (++since >= STEP) {
    write()
    since = 0
  }
}
totals.done = true
write()
