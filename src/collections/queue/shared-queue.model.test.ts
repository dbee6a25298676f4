// collections: random commands against a queue and against a plain array, which must never differ. Two participants take; each may go
// and come back, and what it had taken waits again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Message, SharedHeap } from '../index.js'

const runs = Number(process.env.MEMLANE_RUNS ?? 60)

interface Item {
  readonly id: number
  readonly of: number
  readonly more: unknown
}

/** A message of the model. */
interface Entry {
  readonly value: Item
  times: number
}

type Simple =
  | { do: 'put'; more: unknown }
  | { do: 'putAll'; count: number }
  | { do: 'take' | 'hold'; by: number; lifo: boolean; of: number }
  | { do: 'done' | 'giveBack'; which: number }
  | { do: 'peek'; lifo: boolean; of: number }
  | { do: 'clear' }
type Command = Simple | { do: 'abort'; commands: Simple[] } | { do: 'leave'; by: number }

const more = fc.oneof(
  fc.integer(),
  fc.string({ maxLength: 40 }),
  fc.constant(null),
  fc.array(fc.record({ a: fc.integer(), b: fc.string({ maxLength: 12 }) }, { noNullPrototype: true }), {
    maxLength: 3,
  }),
  fc.integer({ min: 0, max: 9000 }).map((length) => 'x'.repeat(length)),
)
const by = fc.integer({ min: 0, max: 1 })
/** -1: any; else only messages of that one of three kinds. */
const of = fc.integer({ min: -1, max: 2 })
const simple: fc.Arbitrary<Simple> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), more }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('putAll' as const), count: fc.integer({ min: 0, max: 5 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('take' as const, 'hold' as const), by, lifo: fc.boolean(), of }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('done' as const, 'giveBack' as const), which: fc.nat({ max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('peek' as const), lifo: fc.boolean(), of }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
)
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: simple },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('abort' as const), commands: fc.array(simple, { maxLength: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), by }) },
)

class Model {
  waiting: Entry[] = []
  /** In the order they were taken. */
  held: { entry: Entry; by: number; message: Message<Item> }[] = []
  next = 0

  copy(): Model {
    const copy = new Model()
    copy.waiting = this.waiting.map((entry) => ({ ...entry }))
    copy.held = this.held.map((one) => ({ ...one, entry: { ...one.entry } }))
    copy.next = this.next
    return copy
  }

  find(lifo: boolean, kind: number): Entry | undefined {
    const passes = ({ value }: Entry): boolean => kind < 0 || value.of === kind
    return lifo ? this.waiting.findLast(passes) : this.waiting.find(passes)
  }
}

class Run implements Disposable {
  readonly main: SharedHeap<Item> = SharedHeap.local<Item>({ maxSize: '8 MiB', participants: 8 })
  takers: SharedHeap<Item>[] = [0, 1].map(() => this.#attach())
  model: Model = new Model()

  #attach(): SharedHeap<Item> {
    return SharedHeap.attach<Item>(this.main.buffer!)
  }

  act(one: Command): void {
    if (one.do === 'abort') return this.#abort(one.commands)
    if (one.do === 'leave') return this.#leave(one.by)
    this.#simple(one, this.model, (by) => this.takers[by]!)
  }

  #abort(commands: readonly Simple[]): void {
    const model = this.model.copy()
    const heap = this.takers[0]!
    assert.throws(
      () =>
        heap.transaction(() => {
          // The others could not get the lock.
          for (const one of commands) this.#simple(one, model, () => heap, true)
          throw new RangeError('abort')
        }),
      { name: 'RangeError', message: 'abort' },
    )
    // Which participant's hands they are in does not go back in the model alone.
    this.model.next = model.next
  }

  #leave(by: number): void {
    this.takers[by]!.close()
    this.takers[by] = this.#attach()
    const lost = this.model.held.filter((one) => one.by === by)
    this.model.held = this.model.held.filter((one) => one.by !== by)
    this.model.waiting.unshift(...lost.map(({ entry }) => entry))
    // Whoever takes next finds it, unless it has looked a moment ago: a new one looks.
    using other = this.#attach()
    assert.equal(other.messages.tryTake({ where: () => false }), undefined)
  }

  #simple(one: Simple, model: Model, taker: (by: number) => SharedHeap<Item>, inside: boolean = false): void {
    const heap = inside ? taker(0) : this.main
    const make = (rest: unknown): Item => {
      const id = model.next++
      return { id, of: id % 3, more: rest }
    }
    switch (one.do) {
      case 'put': {
        const value = make(one.more)
        heap.messages.put(value)
        model.waiting.push({ value, times: 0 })
        return
      }
      case 'putAll': {
        const values = Array.from({ length: one.count }, (_, i) => make(i))
        heap.messages.putAll(values)
        model.waiting.push(...values.map((value) => ({ value, times: 0 })))
        return
      }
      case 'take':
      case 'hold': {
        const by = inside ? 0 : one.by
        const options = {
          order: one.lifo ? ('lifo' as const) : ('fifo' as const),
          where: one.of < 0 ? undefined : (value: Item) => value.of === one.of,
        }
        const entry = model.find(one.lifo, one.of)
        if (entry !== undefined) model.waiting.splice(model.waiting.indexOf(entry), 1)
        if (one.do === 'take') {
          assert.deepEqual(taker(by).messages.tryTake(options), entry?.value)
          return
        }
        const message = taker(by).messages.tryTake({ ...options, ack: true })
        assert.deepEqual(message?.value, entry?.value)
        if (entry === undefined || message === undefined) return
        assert.equal(message.deliveries, ++entry.times)
        model.held.push({ entry, by, message })
        return
      }
      case 'done':
      case 'giveBack': {
        // Inside a transaction of one participant the others' messages are out of reach.
        const reach = inside ? model.held.filter(({ by }) => by === 0) : model.held
        if (reach.length === 0) return
        const found = reach[one.which % reach.length]!
        model.held.splice(model.held.indexOf(found), 1)
        assert.equal(found.message.held, true)
        if (one.do === 'done') found.message.done()
        else {
          found.message.giveBack()
          model.waiting.unshift(found.entry)
        }
        assert.equal(found.message.held, false)
        return
      }
      case 'peek': {
        const where = one.of < 0 ? undefined : (value: Item) => value.of === one.of
        const found = heap.messages.peek({ order: one.lifo ? 'lifo' : 'fifo', where })
        assert.deepEqual(found, model.find(one.lifo, one.of)?.value)
        return
      }
      case 'clear':
        assert.equal(heap.messages.clear(), model.waiting.length)
        model.waiting.length = 0
    }
  }

  check(): void {
    const { messages } = this.main
    assert.deepEqual(
      messages.snapshot(),
      this.model.waiting.map(({ value }) => value),
    )
    assert.deepEqual([messages.size, messages.taken], [this.model.waiting.length, this.model.held.length])
    for (const { message } of this.model.held) assert.equal(message.held, true)
    this.main.verify()
  }

  [Symbol.dispose](): void {
    for (const taker of this.takers) taker.close()
    this.main.close()
  }
}

test('a queue does what an array does', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
      using run = new Run()
      for (const one of commands) {
        run.act(one)
        run.check()
      }
    }),
    { numRuns: runs },
  )
})
