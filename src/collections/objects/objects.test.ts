// collections: shared objects as users meet them.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { SharedHeap } from '../heap/shared-heap.js'
import { isLive, snapshot } from '../snapshot.js'

interface Person {
  name: string
  salary: number
  at?: Company
  [more: string]: unknown
}

interface Company {
  name: string
  boss: Person
  staff: Person[]
  [more: string]: unknown
}

function company(): Company {
  const ada: Person = { name: 'Ada, who has a long name', salary: 100 }
  const acme: Company = { name: 'Acme', boss: ada, staff: [ada, { name: 'Bo', salary: 50 }] }
  ada.at = acme
  return acme
}

const stale = { code: 'ERR_STALE' }

describe('shared objects', () => {
  test('shared and cyclic references are kept, and one object is one live object', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    assert.equal(acme.boss, acme.staff[0])
    assert.equal(acme.boss.at, acme)
    assert.equal(acme.staff, acme.staff)
    acme.staff[0]!.salary += 10
    assert.equal(acme.boss.salary, 110)
    heap.verify()
  })

  test('what is given is left alone, and what is shared already stays what it is', () => {
    using heap = SharedHeap.local()
    const plain = company()
    const acme = heap.share(plain)
    acme.boss.salary = 1
    assert.equal(plain.boss.salary, 100)
    assert.equal(heap.share(acme), acme)
    const more = heap.share({ acme, boss: acme.boss })
    assert.equal(more.acme, acme)
    assert.equal(more.boss, acme.boss)
  })

  test('a plain object that is assigned into a shared one is shared, too; a shared one is led to', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const hq: Record<string, unknown> = { city: 'Paris', of: acme }
    hq.self = hq
    acme.hq = hq
    const live = acme.hq as Record<string, unknown>
    assert.ok(heap.isShared(live))
    assert.equal(live.of, acme)
    assert.equal(live.self, live)
    acme.boss = acme.staff[1]!
    assert.equal(acme.boss, acme.staff[1])
    acme.staff.push({ name: 'Cy', salary: 1 }, acme.boss)
    assert.ok(heap.isShared(acme.staff[2]))
    assert.equal(acme.staff[3], acme.boss)
    delete acme.hq
    assert.equal('hq' in acme, false)
    assert.equal(live.city, 'Paris')
    heap.verify()
  })

  test('attributes come and go, beyond those that a shape may have', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    for (let i = 0; i < 100; i++) acme[`more ${i}`] = i % 3 === 0 ? acme.boss : i
    assert.equal(acme['more 99'], acme.boss)
    for (let i = 0; i < 100; i += 2) delete acme[`more ${i}`]
    assert.deepEqual(Object.keys(acme).length, 53)
    assert.equal(acme['more 3'], acme.boss)
    heap.verify()
  })

  test('named maps, lists and blocks, and what belongs to them, lead to shared objects and back', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const map = heap.map<string, unknown>('map')
    map.set('acme', acme)
    map.set('inside', { deep: [acme, { boss: acme.boss }] })
    heap.list<unknown>('list').push(acme, [acme.boss])
    heap.block<unknown>('block').value = acme
    assert.equal(map.get('acme'), acme)
    const inside = map.get('inside') as { deep: [Company, { boss: Person }] }
    assert.equal(inside.deep[0], acme)
    assert.equal(inside.deep[1].boss, acme.boss)
    assert.equal(heap.isShared(inside), false)
    assert.equal((heap.list<unknown[]>('list')[1] as unknown[])[0], acme.boss)
    assert.equal(heap.block<unknown>('block').value, acme)
    assert.deepEqual([...map.values()][0], acme)
    map.set('copy', inside)
    assert.notEqual(map.get('copy'), inside)
    assert.equal((map.get('copy') as typeof inside).deep[0], acme)
    assert.equal(heap.list<unknown>('list').shift(), acme)
    map.clear()
    assert.equal(acme.name, 'Acme')
    heap.verify()
  })

  test('a Map, a Set or an Error inside holds shared objects, and is itself a copy', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const box = heap.share({
      map: new Map<string, object>([['acme', acme]]),
      set: new Set<object>([acme.boss, { n: 1 }]),
    })
    assert.equal(box.map.get('acme'), acme)
    assert.ok(box.set.has(acme.boss))
    assert.ok(heap.isShared([...box.set][1]))
    const error = new Error('with a cause', { cause: acme })
    const other = heap.share({ error, again: [error] })
    assert.equal(other.error.cause, acme)
    assert.equal(other.again[0]!.message, 'with a cause')
    const ring = new Map<string, unknown>()
    ring.set('self', ring)
    const ringed = heap.share({ ring })
    assert.equal(ringed.ring.get('self') instanceof Map, true)
    heap.verify()
  })

  test('the methods of arrays keep references', () => {
    using heap = SharedHeap.local()
    const [a, b, c] = [1, 2, 3].map((n) => heap.share({ n }))
    const list = heap.share([a!, b!, c!])
    list.reverse()
    assert.deepEqual([list[0] === c, list[1] === b, list[2] === a], [true, true, true])
    list.sort((one, other) => one.n - other.n)
    assert.equal(list[0], a)
    assert.equal(list.indexOf(b!), 1)
    assert.equal(
      list.find(({ n }) => n === 3),
      c,
    )
    assert.equal(list.pop(), c)
    assert.equal(list.splice(0, 1, c!, c!)[0], a)
    assert.equal(list[0], c)
    list.fill(b!)
    assert.ok(list.every((one) => one === b))
    assert.equal(list.concat([a!])[3], a)
    heap.verify()
  })

  test('snapshot() copies the whole graph, of one moment; JSON and console.log show it', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const copy = snapshot(acme)
    assert.equal(copy.boss, copy.staff[0])
    assert.equal(copy.boss.at, copy)
    assert.equal(isLive(copy.boss), false)
    assert.deepEqual(copy, company())
    assert.equal(inspect(acme), inspect(company()))
    assert.throws(() => JSON.stringify(acme), TypeError)
    assert.equal(JSON.stringify(acme.staff[1]), '{"name":"Bo","salary":50}')
    const map = heap.map<string, unknown>('map')
    map.set('a', acme)
    map.set('b', [acme.boss])
    const all = map.snapshot()
    assert.equal((all.get('a') as Company).boss, (all.get('b') as Person[])[0])
  })

  test('a chain of any length can be shared, copied and audited', () => {
    using heap = SharedHeap.local({ maxSize: '64 MiB' })
    interface Link {
      next: Link | null
      i: number
    }
    let chain: Link | null = null
    for (let i = 0; i < 20_000; i++) chain = { next: chain, i }
    const shared = heap.share(chain!)
    let count = 0
    for (let link: Link | null = shared; link !== null; link = link.next) count++
    for (let link: Link | null = snapshot(shared); link !== null; link = link.next) count++
    assert.equal(count, 40_000)
    heap.verify()
  })

  test('the root is a map that is always there', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    heap.root.set('acme', acme)
    assert.equal(heap.root.get('acme'), acme)
    assert.equal(heap.map('root').get('acme'), acme)
    assert.equal(heap.root, heap.root)
    heap.remove('root')
    assert.equal(heap.root.size, 0)
    assert.equal(acme.name, 'Acme')
  })

  test('what was destroyed is stale, wherever it is met, and only that', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const { boss } = acme
    heap.root.set('boss', boss)
    heap.root.set('inside', [boss])
    const address = heap.addressOf(boss)
    heap.destroy(boss)
    assert.equal(heap.isLive(boss), false)
    for (const look of [
      () => boss.name,
      () => acme.boss,
      () => acme.staff[0],
      () => heap.root.get('boss'),
      () => snapshot(acme),
      () => heap.at(address),
      () => heap.destroy(boss),
      () => heap.addressOf(boss),
      () => {
        acme.other = boss
      },
      () => heap.share({ boss }),
    ])
      assert.throws(look, stale)
    assert.match(inspect(acme), /boss: '<stale>'/)
    assert.equal(inspect(boss), '<stale>')
    assert.equal(acme.staff[1]!.name, 'Bo')
    assert.deepEqual([heap.stats().objects, heap.stats().destroyed], [3, 1])
    acme.boss = acme.staff[1]!
    assert.equal(acme.boss.name, 'Bo')
    heap.verify()
  })

  test('an address finds the object again, and nothing else', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const address = heap.addressOf(acme)
    assert.equal(heap.at(address), acme)
    assert.ok(address.length < 32)
    const [seed, pointer, generation, carve] = address.split('.') as [string, string, string, string]
    const older = `${seed}.${pointer}.${(Number.parseInt(generation, 36) - 1).toString(36)}.${carve}`
    assert.throws(() => heap.at(older), stale)
    assert.throws(() => heap.at(`${seed}.zzzzzz.1.1`), stale)
    assert.throws(() => heap.at(`${seed}.0.0.0`), stale)
    for (const odd of ['', 'x', `${address}.1`, '1.2.3.zzzzzzz', 5 as unknown as string])
      assert.throws(() => heap.at(odd), { code: 'ERR_TYPE' })
    using other = SharedHeap.local()
    assert.throws(() => other.at(address), { code: 'ERR_FOREIGN' })
  })

  test('another handle of the same heap has live objects of its own for the same objects', () => {
    using heap = SharedHeap.local()
    using other = SharedHeap.attach(heap.buffer!)
    const acme = heap.share(company())
    heap.root.set('acme', acme)
    const theirs = other.root.get('acme') as Company
    assert.equal(other.at(heap.addressOf(acme)), theirs)
    theirs.boss.salary = 7
    assert.equal(acme.boss.salary, 7)
    theirs.staff.push({ name: 'Cy', salary: 2 })
    acme.boss = theirs.staff[2]!
    assert.equal(acme.boss, acme.staff[2])
    other.destroy(theirs.boss)
    assert.throws(() => acme.boss, stale)
    other.verify()
  })

  test('what a transaction shared or destroyed is undone with it', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    let inside: Person | undefined
    assert.throws(
      () =>
        heap.transaction(() => {
          inside = heap.share<Person>({ name: 'Cy', salary: 1 })
          acme.boss = inside
          assert.equal(acme.boss, inside)
          heap.destroy(acme.staff)
          throw new Error('on purpose')
        }),
      /on purpose/,
    )
    assert.throws(() => inside!.name, stale)
    assert.equal(acme.boss, acme.staff[0])
    const after = heap.share<Person>({ name: 'Di', salary: 1 })
    assert.throws(() => inside!.name, stale)
    assert.equal(after.name, 'Di')
    heap.verify()
  })
})

describe('what cannot be shared', () => {
  test('leaves nothing behind, and is named', () => {
    using heap = SharedHeap.local()
    const acme = heap.share(company())
    const { used } = heap.stats()
    const cases: readonly (readonly [() => unknown, object])[] = [
      [() => heap.share(5 as never), { code: 'ERR_TYPE' }],
      [() => heap.share(null as never), { code: 'ERR_TYPE' }],
      [() => heap.share(new Date()), { code: 'ERR_TYPE' }],
      [() => heap.share({ a: { b: [1, () => 1] } }), { code: 'ERR_NOT_CLONEABLE', message: /^value\.a\.b\[1\] is/ }],
      [() => heap.share({ a: new Map([[1, { x: Symbol('no') }]]) }), { code: 'ERR_NOT_CLONEABLE', message: /x is/ }],
      [() => heap.share({ list: Object.assign([1], { extra: 1 }) }), { code: 'ERR_NOT_CLONEABLE', message: /extra/ }],
      [
        () =>
          heap.share({
            a: {
              get bad() {
                throw new Error('a getter')
              },
            },
          }),
        /a getter/,
      ],
      [
        () => {
          acme.odd = { deep: [Promise.resolve()] }
        },
        { code: 'ERR_NOT_CLONEABLE' },
      ],
      [() => heap.destroy({}), { code: 'ERR_TYPE' }],
      [() => heap.addressOf([]), { code: 'ERR_TYPE' }],
    ]
    for (const [look, expected] of cases) {
      assert.throws(look, expected)
      assert.equal(heap.stats().used, used, String(look))
    }
    assert.equal('odd' in acme, false)
    heap.verify()
  })

  test('a heap that is full in the middle of it is as it was', () => {
    using heap = SharedHeap.local({ maxSize: '1 MiB' })
    const acme = heap.share(company())
    heap.verify()
    const many = Array.from({ length: 500 }, (_, i) => ({ i, text: `${i}`.repeat(1500) }))
    const { used, objects } = heap.stats()
    assert.throws(() => heap.share(many), { code: 'ERR_NO_SPACE' })
    assert.throws(
      () => {
        acme.many = many
      },
      { code: 'ERR_NO_SPACE' },
    )
    assert.deepEqual([heap.stats().used, heap.stats().objects], [used, objects])
    assert.equal('many' in acme, false)
    heap.verify()
  })

  test('what belongs to a value is no shared object: it is copied', () => {
    using heap = SharedHeap.local()
    heap.root.set('plain', { list: [1] })
    const plain = heap.root.get('plain') as { list: number[] }
    assert.equal(heap.isLive(plain), true)
    assert.equal(heap.isShared(plain), false)
    assert.throws(() => heap.destroy(plain), { code: 'ERR_TYPE' })
    assert.throws(() => heap.addressOf(plain.list), { code: 'ERR_TYPE' })
    const shared = heap.share({ plain })
    assert.notEqual(shared.plain, plain)
    assert.ok(heap.isShared(shared.plain))
    plain.list.push(2)
    assert.equal(shared.plain.list.length, 1)
  })

  test('an object of another heap is refused, whatever it is put into', () => {
    using heap = SharedHeap.local()
    using other = SharedHeap.local()
    const theirs = other.share({ n: 1 })
    const acme = heap.share(company())
    for (const look of [
      () => heap.share({ theirs }),
      () => heap.share(theirs),
      () => heap.root.set('theirs', theirs),
      () => heap.root.set('inside', { theirs }),
      () => {
        acme.theirs = theirs
      },
      () => heap.destroy(theirs),
    ])
      assert.throws(look, { code: 'ERR_FOREIGN' })
    assert.equal(heap.isLive(theirs), false)
    acme.theirs = snapshot(theirs)
    assert.deepEqual(snapshot(acme.theirs), { n: 1 })
    heap.verify()
  })

  test('a closed heap says so', () => {
    const heap = SharedHeap.local()
    const acme = heap.share(company())
    const address = heap.addressOf(acme)
    heap.close()
    for (const look of [
      () => heap.share({}),
      () => heap.root,
      () => heap.destroy(acme),
      () => heap.addressOf(acme),
      () => heap.at(address),
      () => acme.boss,
    ])
      assert.throws(look, { code: 'ERR_CLOSED' })
    assert.equal(heap.isLive(acme), false)
    assert.equal(inspect(acme), '<closed>')
  })
})
