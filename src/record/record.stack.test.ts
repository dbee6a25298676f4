// record: every operation, entered at every remaining depth of the stack. What was acknowledged is there, and others go on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Crew } from '../testing/crew.js'
import { atEveryDepth } from '../testing/stack.js'
import { array, f64, record, str } from './index.js'

const Thing = record({ n: f64(), text: str(300, { default: '-' }), row: array('i32', [4]) })
const row = [1, 2, 3, 4]

test('writes of a latest value at every depth of the stack are whole or not there, and another handle writes on', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using out = Thing.create(name)
  using other = Thing.open(name)
  let n = 0
  let acknowledged = 0
  for (const write of [
    () => out.write({ n, text: 'ä'.repeat(n % 300), row }),
    () => out.write({ n, text: '€'.repeat(n % 300), row }),
    () =>
      out.update((w, { keep }) => {
        w.n = n
        keep('row')
        w.row[0] = n
      }),
  ]) {
    const { done } = atEveryDepth(() => {
      n++
      write()
      acknowledged = n
    })
    assert.ok(done > 0)
    assert.equal(other.read()?.n.value, acknowledged)
    other.write({ n: -1 }, { timeout: 0 })
    out.write({ n: acknowledged }, { timeout: 0 })
  }
})

test('records pushed and taken at every depth of the stack all arrive, in their order', async () => {
  await using crew = new Crew()
  for (const full of ['overwrite', 'reject'] as const) {
    const name = crew.name()
    // At some depths there is room to push and none to read: these records wait.
    using out = Thing.create(name, { slots: 64, full })
    using reader = Thing.open(name)
    let n = 0
    let acknowledged = 0
    const got: number[] = []
    const drain = (): void => {
      for (let found = reader.read(); found !== undefined; found = reader.read()) got.push(found.n.value)
    }
    for (const push of [
      () => out.tryPush({ n: n + 1, row }),
      () => out.push({ n: n + 1, text: 'x' }, { timeout: 0 }),
      () => {
        out.stage({ n: n + 1 })
        return out.commit({ timeout: 0 })
      },
      () => out.update((w) => Object.assign(w, { n: n + 1 }), { timeout: 0 }),
    ] as readonly (() => unknown)[]) {
      atEveryDepth(() => {
        if (push() !== false) acknowledged = ++n
        // Where there was room to push there may be too little to read, so it is tried again further up.
        drain()
      })
      drain()
    }
    assert.equal(acknowledged, n)
    assert.deepEqual(
      got,
      Array.from({ length: n }, (_, i) => i + 1),
    )
    assert.equal(reader.totalLost, 0)
    using other = Thing.open(name)
    other.push({ n: 0 }, { timeout: 0 })
    assert.equal(reader.read()?.n.value, 0)
  }
})

test('reading at every depth of the stack takes nothing that it does not give', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using out = Thing.create(name, { slots: 4, full: 'reject' })
  for (const [what, take] of [
    ['read', (reader: ReturnType<typeof Thing.open>) => reader.read()?.n.value],
    ['view', (reader: ReturnType<typeof Thing.open>) => reader.view((r) => r.n)],
    [
      'readInto',
      (reader: ReturnType<typeof Thing.open>) => {
        const target = { n: -1 }
        return reader.readInto(target) ? target.n : undefined
      },
    ],
  ] as const) {
    using reader = Thing.open(name, { readers: 'share' })
    let n = 0
    let last = 0
    atEveryDepth(() => {
      if (n === last) {
        out.push({ n: n + 1 }, { timeout: 0 })
        n++
      }
      const value = take(reader)
      assert.equal(value, last + 1, what)
      last++
    })
    assert.ok(last > 0, what)
  }
})

test('records opened and closed at every depth of the stack hold nobody back', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using out = Thing.create(name, { slots: 2, full: 'reject' })
  atEveryDepth(() => Thing.open(name).close())
  assert.equal(out.segment.participants().filter(({ alive }) => alive).length, 1)
  using reader = Thing.open(name)
  for (let n = 0; n < 10; n++) {
    assert.equal(out.tryPush({ n }), true)
    assert.equal(reader.read()?.n.value, n)
  }
})

test('an async function is refused by view() as by update(), and the record stays unread', async () => {
  await using crew = new Crew()
  for (const options of [{}, { slots: 2 }]) {
    const name = crew.name()
    using out = Thing.create(name, options)
    using reader = Thing.open(name)
    out.update((w) => Object.assign(w, { n: 5 }))
    for (const promise of [async () => 1, () => Promise.reject(new Error('unheard'))])
      assert.throws(() => reader.view(promise as never), { code: 'ERR_ASYNC' })
    assert.equal(
      reader.view((r) => r.n),
      5,
    )
    assert.throws(() => out.update((async () => {}) as never), { code: 'ERR_ASYNC' })
  }
})
