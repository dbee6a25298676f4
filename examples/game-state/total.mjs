// Adds up all points, in one moment.   node total.mjs [heap]

import { SharedHeap } from 'memlane'

const heap = SharedHeap.open(process.argv[2] ?? 'game')
const [players, round] = [heap.map('players'), heap.int('round')]
const { scores, rounds } = heap.transaction(() => ({
  scores: [...players.snapshot().values()].map(({ score }) => score),
  rounds: round.value,
}))
console.log(`${scores.reduce((sum, score) => sum + score, 0)} points in ${rounds} rounds`)
