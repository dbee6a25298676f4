// bench: shared objects: attributes, items, methods and whole graphs, as an instance of a registered class (accessors) and as a
// plain shared object (a Proxy). Peer: InterProcessPyObjects, by --rows.

import { SharedHeap } from '../../collections/index.js'
import { sink, US } from '../collections/peers.js'
import { emit, rate } from '../membridge/harness.js'

class Employee {
  years = 3
  name = 'Ann'

  addYear(): void {
    this.years += 1
  }
}

class Thing {
  number = 7
  text = 'hello'
  items: unknown[] = [1, 2.5, true, null, 5]
  data: Record<string, unknown> = { key1: 1, key2: 'v', 'key,2': 3 }
  boss: Employee | undefined = new Employee()
}

const name = `bench-objects-${process.pid}`
const options = { lifetime: 'lastClose', maxSize: '256 MiB' } as const
using heap = SharedHeap.open(name, { ...options, classes: { Thing, Employee } })
// As a message would come: made through one handle, used through another, whose objects are plain ones.
using plain = SharedHeap.open(name, options)
heap.root.set('thing', heap.share(new Thing()))

const rows = (thing: Thing, note: string): void => {
  const { items, data } = thing
  const boss = thing.boss!
  const numbers = items as number[]
  const values = data as Record<string, number>
  const cases: readonly [metric: string, body: (n: number) => void][] = [
    [
      'object int attribute read',
      (n) => {
        let sum = 0
        for (let i = 0; i < n; i++) sum += thing.number
        sink.value = sum
      },
    ],
    [
      'object int attribute write',
      (n) => {
        for (let i = 0; i < n; i++) thing.number = i
      },
    ],
    [
      'object int attribute +=',
      (n) => {
        for (let i = 0; i < n; i++) thing.number += 1
      },
    ],
    [
      'object str attribute read (5 chars)',
      (n) => {
        for (let i = 0; i < n; i++) sink.value = thing.text
      },
    ],
    [
      'object str attribute write (5 chars)',
      (n) => {
        for (let i = 0; i < n; i++) thing.text = 'hello'
      },
    ],
    [
      'list int item read',
      (n) => {
        let sum = 0
        for (let i = 0; i < n; i++) sum += numbers[0]!
        sink.value = sum
      },
    ],
    [
      'list int item write',
      (n) => {
        for (let i = 0; i < n; i++) numbers[0] = i
      },
    ],
    [
      'list int item +=',
      (n) => {
        for (let i = 0; i < n; i++) numbers[0]! += 1
      },
    ],
    [
      'dict int item read (str key)',
      (n) => {
        let sum = 0
        for (let i = 0; i < n; i++) sum += values.key1!
        sink.value = sum
      },
    ],
    [
      'dict int item write (str key)',
      (n) => {
        for (let i = 0; i < n; i++) values.key1 = i
      },
    ],
    [
      'dict int item +=',
      (n) => {
        for (let i = 0; i < n; i++) values.key1! += 1
      },
    ],
    [
      'graph walk t.boss.years',
      (n) => {
        let sum = 0
        for (let i = 0; i < n; i++) sum += thing.boss!.years
        sink.value = sum
      },
    ],
  ]
  for (const [metric, body] of cases) emit('6', metric, US, 'ops/s', rate(body), note)
  if ('addYear' in boss)
    emit(
      '6',
      'method call that does +=',
      US,
      'ops/s',
      rate((n) => {
        for (let i = 0; i < n; i++) boss.addYear()
      }),
      note,
    )
}

rows(heap.root.get('thing') as Thing, 'instance of a registered class')
rows(plain.root.get('thing') as Thing, 'plain shared object, a Proxy')

emit(
  '6',
  'share and destroy a nested object',
  US,
  'ops/s',
  rate((n) => {
    for (let i = 0; i < n; i++) {
      const thing = heap.share(new Thing())
      for (const part of [thing.boss!, thing.items, thing.data, thing]) heap.destroy(part)
    }
  }),
  'four blocks',
)
