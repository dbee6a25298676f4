// Draws the game whenever it changes. Sleeps in between.   node scoreboard.mjs [heap] [events]

import { SharedHeap } from 'memlane'

const [heapName = 'game', events = 'Infinity'] = process.argv.slice(2)

const heap = SharedHeap.open(heapName)
const players = heap.map('players')
const chat = heap.list('chat')

let left = Number(events)
for await (const { type, key, coalesced } of players.watch()) {
  const scores = [...players.snapshot()].sort(([, a], [, b]) => b.score - a.score)
  const table = scores.map(([name, { score, at }]) => `${name} ${score} at ${at.x},${at.y}`).join('   ')
  console.log(`${type} ${key}${coalesced > 0 ? ` (and ${coalesced} more)` : ''}: ${table}`)
  if (--left <= 0) break
}
console.log(chat.map(({ from, text }) => `${from}: ${text}`).join('\n'))
