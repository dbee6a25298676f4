// One player: joins, moves, scores, chats.   node player.mjs NAME [rounds] [heap]

import { setTimeout as sleep } from 'node:timers/promises'
import { SharedHeap } from 'memlane'

const [name = 'ada', rounds = '20', heapName = 'game'] = process.argv.slice(2)

const heap = SharedHeap.open(heapName)
const players = heap.map('players') // name → { score, at: { x, y }, tags }
const online = heap.set('online')
const chat = heap.list('chat')
const round = heap.int('round')

// Joining: all of it, or nothing.
heap.transaction(() => {
  players.getOrInsert(name, { score: 0, at: { x: 0, y: 0 }, tags: ['new'] })
  online.add(name)
  chat.push({ from: name, text: 'hello' })
})

const me = players.get(name) // live: what others store into it is seen here, and the other way round
for (let i = 0; i < Number(rounds); i++) {
  // Others give points meanwhile: what is read and stored again must be one step.
  heap.transaction(() => {
    me.at.x += 1
    me.score += 10
    round.add(1)
  })
  await sleep(20)
}

// Half of the points to whoever has fewest. Nobody ever sees them missing, not even when this process is killed here.
heap.transaction(() => {
  const [poorest] = [...players].sort(([, a], [, b]) => a.score - b.score)[0]
  const half = Math.floor(me.score / 2)
  me.score -= half
  players.get(poorest).score += half
  chat.push({ from: name, text: `${half} points for ${poorest}` })
})

online.delete(name)
console.log(`${name} leaves with ${me.score} points`)
