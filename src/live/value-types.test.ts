// live: types of values beyond those that structured clone knows.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClassOptions, SharedHeap } from '../collections/index.js'
import { type ValueType, valueTypes } from './value-types.js'

class Money {
  readonly cents: number
  constructor(cents: number) {
    this.cents = cents
  }
}

const money: ValueType<Money, number> = {
  tag: 'money',
  write: (value) => (value instanceof Money ? value.cents : undefined),
  read: (cents) => new Money(cents),
}

class Decimal {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

const types = [money, valueTypes.url, valueTypes.buffer, ...valueTypes.temporal, valueTypes.decimal(Decimal)]

test('values of given types come out as copies of their type, wherever they are stored', () => {
  const heap = SharedHeap.local({ types })
  const other = SharedHeap.attach(heap.buffer!, { types })
  const value = {
    price: new Money(250),
    at: new URL('https://example.org/tea?n=1#x'),
    bytes: Buffer.from('tea'),
    precise: new Decimal('0.1'),
    list: [new Money(1), new Map([[new Money(2), new Set([new Money(3)])]])],
  }
  const check = (got: typeof value): void => {
    assert.ok(got.price instanceof Money)
    assert.equal(got.price.cents, 250)
    assert.ok(got.at instanceof URL)
    assert.equal(got.at.href, value.at.href)
    assert.ok(Buffer.isBuffer(got.bytes))
    assert.equal(got.bytes.toString(), 'tea')
    assert.ok(got.precise instanceof Decimal)
    assert.equal(String(got.precise), '0.1')
    assert.ok(got.list[0] instanceof Money)
    const [[key, set]] = [...(got.list[1] as Map<Money, Set<Money>>)] as [[Money, Set<Money>]]
    assert.equal(key.cents, 2)
    assert.equal([...set][0]!.cents, 3)
  }
  heap.map<string, typeof value>('m').set('a', value)
  check(other.map<string, typeof value>('m').get('a')!)
  check(other.map<string, typeof value>('m').snapshot().get('a')!)
  heap.list('l').push(value)
  check(other.list<typeof value>('l').at(0)!)
  heap.block('b').value = value
  check(other.block<typeof value>('b').value!)
  heap.root.set('shared', heap.share(value))
  check(other.root.get('shared') as typeof value)
  for (const name of ['m', 'l', 'b', 'root']) heap.remove(name)
  heap.verify()
})

test('dates and times of Temporal, where the runtime has them', {
  skip: valueTypes.temporal.length === 0 && 'no Temporal here',
}, () => {
  const heap = SharedHeap.local({ types })
  const { Temporal } = globalThis as unknown as { Temporal: Record<string, { from(text: string): object }> }
  const map = heap.map<string, object>('m')
  for (const [name, text] of [
    ['Instant', '2026-11-28T12:00:00Z'],
    ['ZonedDateTime', '2026-11-28T12:00:00+01:00[Europe/Zurich]'],
    ['PlainDate', '2026-11-28'],
    ['PlainTime', '12:30:00'],
    ['Duration', 'PT1H30M'],
  ] as const) {
    map.set(name, Temporal[name]!.from(text))
    assert.equal(String(map.get(name)), text)
    assert.equal(map.get(name)!.constructor, Temporal[name])
  }
})

test('what no type writes is refused as before, and a type that this process does not know is named', () => {
  const heap = SharedHeap.local({ types })
  heap.map('m').set('a', { price: new Money(1) })
  const without = SharedHeap.attach(heap.buffer!)
  assert.throws(() => (without.map<string, { price: Money }>('m').get('a') as { price: Money }).price, {
    code: 'ERR_SCHEMA',
    message: /type "money"/,
  })
  assert.throws(() => without.map('m').set('b', new URL('https://example.org')), { code: 'ERR_NOT_CLONEABLE' })
  assert.equal(without.map('m').size, 1)
})

test('what is no type is refused when it is given, and one that fails changes nothing', () => {
  const open = (given: unknown): SharedHeap => SharedHeap.local({ types: given as ClassOptions['types'] })
  const code = 'ERR_TYPE'
  for (const bad of [5, null, {}, [5], [undefined], [{ tag: 'a' }], [{ ...money, tag: '' }], [{ ...money, read: 1 }]])
    assert.throws(() => open(bad), { code })
  assert.throws(() => open([money, money]), { code, message: /two of the tag "money"/ })
  const thrown = new Error('mine')
  const failing: ValueType<Money, unknown> = {
    ...money,
    write: (value) => {
      if (value instanceof Money) throw thrown
      return undefined
    },
  }
  for (const [write, expected] of [
    [failing.write, thrown],
    [(value: object) => value, { code }],
    [(value: object) => (value instanceof Money ? Promise.resolve(1) : undefined), { code: 'ERR_NOT_CLONEABLE' }],
    [(value: object) => (value instanceof Money ? () => 1 : undefined), { code: 'ERR_NOT_CLONEABLE' }],
  ] as const) {
    const heap = open([{ ...money, write }])
    const map = heap.map<string, unknown>('m')
    map.set('a', 1)
    assert.throws(() => map.set('a', [new Money(1)]), expected as Error)
    assert.equal(map.get('a'), 1)
    heap.verify()
  }
  const heap = open([{ ...money, read: () => 1 }])
  heap.map('m').set('a', new Money(1))
  assert.throws(() => heap.map('m').get('a'), { code, message: /read\(\) of the type "money" gave 1/ })
})
