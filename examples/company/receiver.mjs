// Takes tasks and does them, on objects that another process has shared.   node receiver.mjs [heap] [tasks]

import { SharedHeap } from 'memlane'
import { classes, Employee } from './company.mjs'

const [name = 'company', tasks = 'Infinity'] = process.argv.slice(2)
const heap = SharedHeap.open(name, { classes })
const answers = heap.queue('answers')
let left = Number(tasks)

// Should this process be killed at work, the message comes back to the next one that takes.
for await (const message of heap.messages.consume({ ack: true })) {
  const { task, company, ...rest } = message.value
  // One step: the change and the answer, or neither.
  heap.transaction(() => {
    if (task === 'raise') for (const employee of company.staff) employee.raise(rest.percent)
    else company.hire(new Employee(rest.name, rest.salary))
    answers.put(`${task}: payroll ${company.payroll}`)
    message.done()
  })
  console.log(`did ${task} for ${company.name}`)
  if (--left <= 0) break
}
heap.close()
