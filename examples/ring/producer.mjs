// The producer. Sends every line of the files, from the point that the consumer has acknowledged.
//   node producer.mjs RING VIEW FOLDER MOST [WAIT]
// MOST: bytes of all files together. WAIT: bytes after which to wait to be killed; 0 or none: never.

import { readFileSync } from 'node:fs'
import { int, SharedMemory } from 'memlane/membridge'
import { textFiles } from './text.mjs'
import { LONGEST_PIECE, readTotals } from './wire.mjs'

const [ringName, viewName, folder, most, waitAfter = '0'] = process.argv.slice(2)
const ring = SharedMemory.open(ringName).spsc()
const view = SharedMemory.open(viewName).map({ timeout: 60_000 })
const files = textFiles(folder, Number(most))

const NEWLINE = 10
const acknowledged = readTotals(view)
let number = acknowledged.next
let sent = acknowledged.bytes

async function send(file, end, last, piece) {
  const message = [int(number++), int(file), int(end), last, piece]
  if (!ring.push(message)) await ring.pushAsync(message)
}

for (let file = acknowledged.file; file < files.length; file++) {
  const bytes = readFileSync(files[file].path)
  let from = file === acknowledged.file ? acknowledged.end : 0
  while (from < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, from)
    const to = Math.min(newline < 0 ? bytes.length : newline + 1, from + LONGEST_PIECE)
    await send(file, to, to === bytes.length, bytes.subarray(from, to))
    sent += to - from
    from = to
    // So that even a folder that is read in no time is cut short: this producer is going to be killed.
    if (Number(waitAfter) > 0 && sent >= Number(waitAfter)) await new Promise(() => setInterval(() => {}, 1000))
  }
}
await send(-1, 0, true, new Uint8Array())
