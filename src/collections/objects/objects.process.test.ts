// collections: shared objects between processes, kills included.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew } from '../../testing/crew.js'
import { SharedHeap } from '../heap/shared-heap.js'

interface Person {
  name: string
  salary: number
}

interface Company {
  boss: Person
  staff: Person[]
  [more: string]: unknown
}

test('another process finds a graph by the root and by an address, and changes it', async () => {
  await using crew = new Crew()
  const name = crew.name('graph')
  using heap = SharedHeap.open(name)
  const ada: Person = { name: 'Ada', salary: 100 }
  const acme = heap.share<Company>({ boss: ada, staff: [ada, { name: 'Bo', salary: 50 }] })
  heap.root.set('acme', acme)
  const child = crew.start('change-graph', [name, heap.addressOf(acme.boss)])
  await child.hear('changed')
  assert.equal(acme.boss.salary, 110)
  assert.equal(acme.staff.length, 3)
  const hired = acme.staff[2] as Person & { friend: Person }
  assert.equal(hired.friend, acme.boss)
  assert.equal(acme.hired, hired)
  assert.throws(() => acme.gone, { code: 'ERR_STALE' })
  heap.destroy(hired)
  child.tell('go on')
  await child.hear('ERR_STALE')
  await child.succeed()
  heap.verify()
})

test('processes that pay each other and are killed leave the sum of all salaries', async () => {
  await using crew = new Crew()
  const name = crew.name('payroll')
  using heap = SharedHeap.open(name)
  const acme = heap.share({ staff: Array.from({ length: 20 }, (_, i) => ({ name: `person ${i}`, salary: 100 })) })
  heap.root.set('acme', acme)
  for (let round = 0; round < 3; round++) {
    const children = crew.startMany(2, 'payroll', [name])
    for (const child of children) await child.hear('paying')
    for (let paid = 0; paid < 6; paid++) await children[paid % 2]!.hear('paid')
    for (const child of children) await child.end()
    const sum = heap.transaction(() => acme.staff.reduce((all, { salary }) => all + salary, 0))
    assert.equal(sum, 2000)
    heap.verify()
  }
})
