// The consumer. Counts what comes and keeps the totals in the shared view.   node consumer.mjs RING VIEW

import { SharedMemory } from 'memlane/membridge'
import { Counter } from './text.mjs'
import { HEADER, LONGEST_PIECE, readTotals, writeTotals } from './wire.mjs'

const [ringName, viewName] = process.argv.slice(2)
const ring = SharedMemory.open(ringName).spsc()
const view = SharedMemory.open(viewName).map({ timeout: 60_000 })

/** Totals are written after so many messages, and whenever there is nothing to do. */
const STEP = 64

const totals = readTotals(view)
const counter = new Counter()
const target = new Uint8Array(HEADER + LONGEST_PIECE)
const header = new DataView(target.buffer)

function write() {
  totals.lines = counter.lines
  totals.words = counter.words
  totals.bytes = counter.bytes
  writeTotals(view, totals)
}

/** An i64 that is known to be small. */
const integer = (at) => header.getInt32(at + 4, true) * 2 ** 32 + header.getUint32(at, true)

/** False when it was the last message of all. */
function take(length) {
  const number = integer(0)
  if (number < totals.next) {
    totals.repeats++
    return true
  }
  if (number > totals.next) throw new Error(`message ${number} came where ${totals.next} was to come`)
  totals.next++
  const file = integer(8)
  if (file < 0) return false
  const last = header.getUint8(24) !== 0
  counter.add(target, HEADER, length, last)
  totals.file = last ? file + 1 : file
  totals.end = last ? 0 : integer(16)
  return true
}

for (let more = true, since = 0; more; ) {
  let length = ring.popInto(target)
  if (length < 0) {
    write()
    since = 0
    const message = await ring.popAsync()
    target.set(message)
    length = message.length
  }
  more = take(length)
  if (++since >= STEP) {
    write()
    since = 0
  }
}
totals.done = true
write()
