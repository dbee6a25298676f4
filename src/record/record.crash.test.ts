// record: a writer or a reader killed at any store leaves readers with a whole record, and the next writer goes on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Segment } from '../segment/index.js'
import { OwnerLock, TAKEN } from '../sync/index.js'
import { Killed, Killer } from '../testing/killable.js'
import { type Bytes, bytesOf } from './bytes.js'
import { array, type Fields, f64, str } from './fields.js'
import { Cursor, FreeSlots } from './fifo.js'
import { Reader } from './reader.js'
import { LOCK, layoutOf, OVERWRITE, REJECT } from './record.layout.js'
import { RecordMemory } from './record-memory.js'
import { schemaText } from './schema.js'
import { WRITTEN, Writer } from './writer.js'

// One number everywhere: a record is whole when all its fields show the same one.
const fields: Fields = {
  first: f64(),
  text: str(8),
  small: array('i32', [3]),
  big: array('u8', [2000]),
  last: f64(),
} as never
const valuesOf = (n: number): Record<string, unknown> => ({
  first: n,
  text: String(n),
  small: [n, n, n],
  big: new Uint8Array(2000).fill(n),
  last: n,
})

interface World {
  buffer: SharedArrayBuffer
  attach(killer?: Killer): RecordMemory
}

function world(slots: number, policy: number): World {
  const text = new TextEncoder().encode(schemaText(fields))
  const layout = () =>
    layoutOf(fields, { slots, buffers: slots === 0 ? 4 : slots + 1, participants: 8, textBytes: text.length })
  const segment = Segment.local({
    kind: 'record',
    size: layout().size,
    participants: 8,
    init: (made) => new RecordMemory(made, layout()).initialize({ policy, text, firstCounter: 0 }),
  })
  const buffer = segment.memory.buffer as SharedArrayBuffer
  segment.close()
  return {
    buffer,
    attach(killer) {
      const other = Segment.attachLocal(buffer)
      // Here one thread plays several: waiting for a lock of its own is no deadlock.
      Object.assign(other, { isThisThread: () => false })
      if (killer === undefined) return new RecordMemory(other, layout())
      const bytes = bytesOf(other.memory) as unknown as Record<string, unknown>
      for (const [name, view] of Object.entries(bytes)) {
        if (ArrayBuffer.isView(view)) bytes[name] = killer.view(view as unknown as Uint8Array)
      }
      killer.watch(other.memory)
      return new RecordMemory(other, layout(), bytes as unknown as Bytes)
    },
  }
}

/** As the kernel leaves it: the liveness lock is gone, everything else stays. */
const bury = (store: RecordMemory): void => store.memory.close()

function numberIn(snapshot: Record<string, { value: unknown }>): number {
  const { first, text, small, big, last } = snapshot as Record<string, { value: never }>
  const n = first!.value as number
  assert.equal(last!.value, n)
  assert.equal(text!.value, String(n))
  assert.deepEqual([...(small!.value as { data: Int32Array }).data], [n, n, n])
  const { data } = big!.value as { data: Uint8Array }
  assert.ok(
    data.every((byte) => byte === n),
    `every byte of ${n}, got ${data[0]} … ${data.at(-1)}`,
  )
  return n
}

/** Runs an operation, killed at each of its stores in turn; `after` looks at what is left. */
function killEverywhere(
  slots: number,
  policy: number,
  prepare: (store: RecordMemory) => void,
  operation: (store: RecordMemory) => void,
  after: (store: RecordMemory, done: boolean) => void,
): number {
  for (let at = 1; ; at++) {
    const { attach } = world(slots, policy)
    const survivor = attach()
    prepare(survivor)
    const killer = new Killer(at)
    let victim: RecordMemory | undefined
    try {
      victim = attach(killer)
      operation(victim)
      if (killer.stores < at) {
        bury(victim)
        survivor.segment.close()
        return at - 1
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error
    }
    bury(victim!)
    after(survivor, false)
    survivor.segment.close()
  }
}

const write = (store: RecordMemory, n: number): boolean => new Writer(store).write(valuesOf(n)) === WRITTEN
const read = (store: RecordMemory): number => numberIn(new Reader(store).read(false)!)

test('a write killed at any store leaves the record before it, or is complete; the next writer goes on', () => {
  let published = 0
  const stores = killEverywhere(
    0,
    OVERWRITE,
    (store) => {
      for (let n = 1; n <= 3; n++) write(store, n)
    },
    (store) => write(store, 4),
    (survivor) => {
      const n = read(survivor)
      assert.ok(n === 3 || n === 4, `got ${n}`)
      if (n === 4) published++
      for (let next = 5; next < 12; next++) {
        write(survivor, next)
        assert.equal(read(survivor), next)
      }
    },
  )
  assert.ok(stores > 20, `${stores} stores`)
  assert.ok(published > 0, 'some kill comes after the publishing store')
})

test('an update in place killed at any store leaves the record before it', () => {
  killEverywhere(
    0,
    OVERWRITE,
    (store) => void write(store, 1),
    (store) =>
      new Writer(store).update(((w: Record<string, never>) => {
        Object.assign(w, valuesOf(2))
      }) as never),
    (survivor) => {
      assert.ok([1, 2].includes(read(survivor)))
      new Writer(survivor).write({ first: 9, text: '9', small: [9, 9, 9], big: new Uint8Array(2000).fill(9), last: 9 })
      assert.equal(read(survivor), 9)
    },
  )
})

test('the writer who recovers the lock is killed too, at any store, and a third one goes on', () => {
  killEverywhere(
    0,
    OVERWRITE,
    (store) => write(store, 1),
    (store) => {
      // A dead holder's token lies in the lock word.
      store.memory.i32[store.word(0)] = (77 << 10) | 7
      write(store, 2)
    },
    (survivor) => {
      assert.ok([1, 2].includes(read(survivor)))
      write(survivor, 3)
      assert.equal(read(survivor), 3)
    },
  )
})

for (const [name, policy] of [
  ['overwrite', OVERWRITE],
  ['reject', REJECT],
] as const) {
  test(`a push into a ${name} FIFO killed at any store leaves all that was there, in order`, () => {
    const slots = 3
    const push = (store: RecordMemory, n: number): boolean => {
      const room = policy === REJECT ? new FreeSlots(store) : undefined
      return new Writer(store).write(valuesOf(n), room && (() => room.hasRoom())) === WRITTEN
    }
    let cursor: Cursor | undefined
    const drain = (store: RecordMemory): number[] => {
      const all: number[] = []
      const reader = new Reader(store)
      for (;;) {
        const got = cursor!.take(false, (buffer, sequence) => reader.snapshot(buffer, sequence - 1))
        if (got === undefined) return all
        all.push(numberIn(got))
      }
    }
    killEverywhere(
      slots,
      policy,
      (store) => {
        cursor = new Cursor(store, 'each')
        cursor.register()
        for (let n = 1; n <= 2; n++) push(store, n)
      },
      (store) => void push(store, 3),
      (survivor) => {
        const got = drain(survivor)
        assert.ok(got.length === 2 || got.length === 3)
        assert.deepEqual(got, [1, 2, 3].slice(0, got.length))
        for (let n = 4; n < 10; n++) {
          assert.equal(push(survivor, n), true)
          assert.deepEqual(drain(survivor), [n])
        }
        assert.equal(cursor!.totalLost, 0)
      },
    )
  })

  for (const mode of ['each', 'share'] as const) {
    test(`a reader (${mode}) of a ${name} FIFO killed at any store holds nobody back`, () => {
      const push = (store: RecordMemory, n: number): boolean => {
        const room = policy === REJECT ? new FreeSlots(store) : undefined
        return new Writer(store).write(valuesOf(n), room && (() => room.hasRoom())) === WRITTEN
      }
      killEverywhere(
        2,
        policy,
        (store) => {
          push(store, 1)
          push(store, 2)
        },
        (store) => {
          const reader = new Reader(store)
          const cursor = new Cursor(store, mode)
          cursor.register()
          numberIn(cursor.take(false, (buffer, sequence) => reader.snapshot(buffer, sequence - 1))!)
        },
        (survivor) => {
          const reader = new Reader(survivor)
          const cursor = new Cursor(survivor, mode)
          const take = (): number | undefined => {
            const got = cursor.take(false, (buffer, sequence) => reader.snapshot(buffer, sequence - 1))
            return got && numberIn(got)
          }
          cursor.register()
          const first = take()
          assert.ok(first === 1 || (mode === 'share' && first === 2), `got ${first}`)
          for (let n = 3; n < 9; n++) {
            while (!push(survivor, n))
              assert.notEqual(take(), undefined, 'a refused push has something to read before it')
          }
        },
      )
    })
  }
}

test('a writer that is killed while others wait for the lock hands it on', () => {
  const { attach } = world(0, OVERWRITE)
  const [a, b] = [attach(), attach()]
  assert.equal(new OwnerLock(a.segment, a.body + LOCK).tryAcquire(), TAKEN)
  bury(a)
  assert.equal(write(b, 5), true)
  assert.equal(read(b), 5)
  b.segment.close()
})
