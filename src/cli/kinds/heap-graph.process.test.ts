import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SharedHeap } from '../../collections/index.js'
import { Crew } from '../../testing/crew.js'
import { runtimeArgs } from '../../testing/runtime.js'

const main = fileURLToPath(new URL('../main.js', import.meta.url))

class Employee {
  name: string
  at: Company | undefined
  constructor(name: string) {
    this.name = name
  }
}

class Company {
  name = 'Acme'
  staff: Employee[]
  constructor(staff: Employee[]) {
    this.staff = staff
  }
}

type Row = { object: string; type: string; holds: string; address: string; ledToBy: string }

function tree(name: string, ...more: string[]): Row[] {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...runtimeArgs, main, 'inspect', name, '--json', ...more],
    { encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
  const { tables } = JSON.parse(stdout).details as { tables: { title: string; rows: Row[] }[] }
  return tables.find(({ title }) => title === 'Shared objects')?.rows ?? []
}

test('inspect shows the shared objects of a heap as a tree, once each, cut at a depth', async () => {
  await using crew = new Crew()
  const name = crew.name('company')
  using heap = SharedHeap.open(name, { classes: { Company, Employee } })
  assert.deepEqual(tree(name), [])
  const acme = heap.share(new Company([new Employee('Ada'), new Employee('Bo')]))
  const [ada, bo] = acme.staff as [Employee, Employee]
  bo.at = acme
  heap.root.set('acme', acme)
  const gone = heap.share({})
  heap.root.set('gone', gone)
  heap.destroy(gone)
  heap.list('jobs').push(bo, 5)
  const row = (object: string, type: string, holds: string, value: object | undefined, ledToBy: string): Row => ({
    object,
    type,
    holds,
    address: value === undefined ? '' : heap.addressOf(value),
    ledToBy,
  })
  assert.deepEqual(tree(name), [
    row('root.acme', 'Company', '2 attributes', acme, 'map'),
    row('  staff', 'array', '2 elements', acme.staff, 'reference'),
    row('    [0]', 'Employee', '2 attributes', ada, 'reference'),
    row('    [1]', 'Employee', '2 attributes', bo, 'reference'),
    row('root.gone', '<stale>', '', undefined, 'map'),
    row('jobs[0]', 'Employee', 'see above', bo, 'list'),
  ])
  assert.deepEqual(
    tree(name, '--depth', '1').map(({ object }) => object),
    ['root.acme', 'root.gone', 'jobs[0]', '… and 1 more'],
  )
})
