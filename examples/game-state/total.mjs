// Adds up all points, in one moment.   node total.mjs [heap]

import { SharedHeap } from 'memlane'

const heap = SharedHeap.open(process.argv[2] ?? 'game')
const scores = [...heap.map('players').snapshot().values()].map(({ score }) => score)
console.log(`${scores.reduce((sum, score) => sum + score, 0)} points in ${heap.int('round').value} rounds`)
