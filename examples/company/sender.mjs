// Shares a company, sends it to whoever works for it, and sees what they did.   node sender.mjs [heap]

import { SharedHeap } from 'memlane'
import { Company, classes, Employee } from './company.mjs'

const [name = 'company'] = process.argv.slice(2)
const heap = SharedHeap.open(name, { classes })
const acme = heap.share(new Company('Acme', [new Employee('Ada', 100), new Employee('Bo', 50)]))
const answers = heap.queue('answers')

// The company goes by reference: whoever takes the message works on this very object.
heap.messages.put({ task: 'raise', company: acme, percent: 10 })
heap.messages.put({ task: 'hire', company: acme, name: 'Cy', salary: 40 })
console.log(`sent ${acme.name}: payroll ${acme.payroll}`)

for (let i = 0; i < 2; i++) console.log(`answer: ${await answers.take({ timeout: 60_000 })}`)
for (const { name: who, salary, boss } of acme.staff)
  console.log(`${who} ${salary}${boss ? `, works for ${boss.name}` : ''}`)
console.log(`payroll ${acme.payroll}; the boss is one object: ${acme.staff[2].boss === acme.staff[0]}`)
heap.close()
