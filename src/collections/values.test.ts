// The table "What can be stored" of docs/collections.md, row by row.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../errors.js'
import { isLive, snapshot } from './snapshot.js'
import { BACKENDS } from './testing/backends.js'

class Point {
  x = 1
  get double(): number {
    return this.x * 2
  }
}

for (const backend of BACKENDS) {
  describe(`values over ${backend.name}`, () => {
    const through = (value: unknown): { got: unknown; copy: unknown; end(): void } => {
      const pair = backend.open()
      pair.heap.map<string, unknown>('m').set('a', value)
      const got = pair.other.map<string, unknown>('m').get('a')
      return { got, copy: snapshot(got), end: () => pair[Symbol.dispose]() }
    }
    const same = (value: unknown): void => {
      const { got, copy, end } = through(value)
      assert.deepStrictEqual(got, value)
      assert.deepStrictEqual(copy, value)
      end()
    }

    test('primitives come back as they are', () => {
      for (const value of [
        0,
        -0,
        1.5,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        2 ** 31,
        -(2 ** 31),
        2 ** 53,
        true,
        false,
        null,
        undefined,
      ])
        same(value)
      for (const value of ['', 'short', 'a longer text', 'ünï', '漢字', '\ud800 alone', 'nul\0\0', 'x'.repeat(1 << 20)])
        same(value)
      for (const value of [0n, -1n, 2n ** 64n, -(3n ** 500n)]) same(value)
    })

    test('plain objects and arrays come back live, holes as holes', () => {
      const holey = [1, 2, 3]
      delete holey[1]
      for (const value of [
        { b: 1, a: { c: holey } },
        [],
        [[]],
        {},
        Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i])),
      ]) {
        const { got, copy, end } = through(value)
        assert.ok(isLive(got) && !isLive(copy))
        assert.deepStrictEqual(got, value)
        assert.deepStrictEqual(copy, value)
        assert.deepEqual(Object.keys(got as object), Object.keys(value))
        end()
      }
      const { got, end } = through(new Point())
      assert.deepStrictEqual(got, { x: 1 }, 'an instance comes back without its class')
      end()
    })

    test('dates, expressions, errors, maps, sets, bytes and boxes come back detached', () => {
      for (const value of [
        new Date(5),
        /a(b)?/giu,
        new Map<unknown, unknown>([
          ['a', { b: 1 }],
          [{ k: 1 }, new Set([1])],
        ]),
        new Set([1, 'a', [2]]),
        new Uint8Array([1, 2, 3]).buffer,
        new Float64Array([0.5, -0]),
        new BigInt64Array([-1n]),
        new DataView(new ArrayBuffer(8), 2, 4),
        Object(true),
        Object(1),
        Object('s'),
        Object(5n),
      ]) {
        same(value)
        const { got, end } = through(value)
        assert.ok(!isLive(got))
        end()
      }
      // deepStrictEqual finds two invalid dates different.
      const never = through(new Date(Number.NaN))
      assert.ok(Number.isNaN((never.got as Date).getTime()))
      never.end()
      const { got: error, end } = through(new RangeError('far', { cause: { why: [1] } }))
      assert.ok(error instanceof RangeError)
      assert.deepEqual([error.message, error.cause], ['far', { why: [1] }])
      end()
      const buffer = through(Buffer.from('abc'))
      assert.deepStrictEqual(buffer.got, new Uint8Array([97, 98, 99]))
      buffer.end()
      const shared = new ArrayBuffer(4)
      const views = through([new Uint8Array(shared, 1, 2), new Uint16Array(shared)])
      const [a, b] = views.copy as [Uint8Array, Uint16Array]
      assert.equal(a.buffer, b.buffer)
      views.end()
    })

    test('what lies inside a stored Map, Set or Error is detached too: storing into it changes nothing shared', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, { seats: Map<string, { taken: boolean }>; row: { taken: boolean }[] }>('rooms')
      const live = { taken: false }
      map.set('hall', { seats: new Map([['a1', live]]), row: [live] })
      const hall = map.get('hall')!
      assert.ok(isLive(hall) && isLive(hall.row) && isLive(hall.row[0]))
      assert.ok(!isLive(hall.seats) && !isLive(hall.seats.get('a1')))
      assert.notEqual(hall.seats, hall.seats, 'a fresh copy at every get')
      hall.seats.get('a1')!.taken = true
      hall.seats.set('b2', { taken: true })
      assert.deepEqual(map.get('hall')!.seats, new Map([['a1', { taken: false }]]))
      hall.row[0]!.taken = true
      assert.equal(pair.other.map<string, { row: { taken: boolean }[] }>('rooms').get('hall')!.row[0]!.taken, true)
      // As docs/collections.md says it is done.
      map.update('hall', (old) => ({ ...old!, seats: old!.seats.set('b2', { taken: true }) }))
      assert.deepEqual([...map.get('hall')!.seats.keys()], ['a1', 'b2'])
      assert.deepEqual(map.snapshot('hall')!.row, [{ taken: true }])

      const block = pair.heap.block<Error>('error')
      block.value = new TypeError('boom', { cause: { fuse: 1 } })
      const { cause } = block.value as { cause: { fuse: number } }
      assert.ok(!isLive(cause))
      cause.fuse = 2
      assert.deepEqual(block.value.cause, { fuse: 1 })
    })

    test('shared and cyclic references are kept inside one value', () => {
      const inner = { n: 1 }
      const value: Record<string, unknown> = { a: inner, b: inner, map: new Map([['i', inner]]) }
      value.self = value
      const { got, copy, end } = through(value)
      const plain = copy as typeof value
      assert.equal(plain.a, plain.b)
      assert.equal(plain.self, plain)
      assert.equal((plain.map as Map<string, unknown>).get('i'), plain.a)
      ;((got as typeof value).a as { n: number }).n = 2
      assert.equal(((got as typeof value).b as { n: number }).n, 2, 'live ones lead to one object')
      end()
    })

    test('a built-in object is stored as what it is, whatever properties of its own say', () => {
      using pair = backend.open()
      const map = pair.heap.map<string, unknown>('m')
      const claim = <T extends object>(value: T, name: string, claimed: unknown): T =>
        Object.defineProperty(value, name, { value: claimed })
      const lies: [lie: object, truth: unknown][] = [
        [claim(Object(3) as object, 'valueOf', () => ({ a: 1 })), Object(3)],
        [claim(Object('abc') as object, 'valueOf', () => undefined), Object('abc')],
        [claim(/a/g, 'flags', 'zz'), /a/g],
        [claim(/a/g, 'source', '('), /a/g],
        [claim(new Uint8Array([1, 2]), 'length', 1e6), new Uint8Array([1, 2])],
        [claim(new Uint8Array([1, 2]), 'byteOffset', 99), new Uint8Array([1, 2])],
        [claim(new Uint8Array([1, 2]), 'buffer', new ArrayBuffer(1)), new Uint8Array([1, 2])],
        [claim(new DataView(new ArrayBuffer(8)), 'length', 2), new DataView(new ArrayBuffer(8))],
        [claim(new Uint8Array([7, 8]).buffer, 'byteLength', 1e9), new Uint8Array([7, 8]).buffer],
        [claim(new Uint8Array([7, 8]).buffer, 'byteLength', 'x'), new Uint8Array([7, 8]).buffer],
        [claim(new Map([[1, 2]]), 'entries', () => []), new Map([[1, 2]])],
      ]
      for (const [lie, truth] of lies) {
        map.set('a', { b: [lie] })
        assert.deepStrictEqual(map.snapshot('a'), { b: [truth] })
        pair.heap.verify()
      }
      for (const [length, whole] of [
        [-5, 0],
        [2.5, 2],
        [Number.NaN, 0],
        ['3', 3],
        [300.7, 300],
      ] as const) {
        const get = (target: unknown[], key: string | symbol): unknown =>
          key === 'length' ? length : Reflect.get(target, key)
        map.set('a', new Proxy([1, 2, 3], { get }))
        assert.equal((map.get('a') as unknown[]).length, whole)
        pair.heap.verify()
      }
    })

    test('what cannot be stored is refused with its place', () => {
      const pair = backend.open()
      const map = pair.heap.map<string, unknown>('m')
      const detached = new ArrayBuffer(8)
      const view = new Uint8Array(detached)
      structuredClone(detached, { transfer: [detached] })
      // Newer than the types of this language level.
      const Resizable = ArrayBuffer as unknown as new (
        size: number,
        options: { maxByteLength: number },
      ) => ArrayBuffer & { resize(size: number): void }
      const shrunk = new Resizable(8, { maxByteLength: 8 })
      const outside = new Uint8Array(shrunk, 4, 4)
      const outsideToo = new DataView(shrunk, 4, 4)
      shrunk.resize(2)
      const bad = [
        () => 1,
        Symbol('s'),
        Promise.resolve(),
        new WeakMap(),
        new WeakSet(),
        new WeakRef({}),
        new Proxy(new Point(), {}),
        new SharedArrayBuffer(8),
        (function* () {})(),
        new Map().entries(),
        [1][Symbol.iterator](),
        new FinalizationRegistry(() => {}),
        new Blob(['x']),
        new Intl.NumberFormat('en'),
        new URL('https://example.org'),
        new URLSearchParams('a=1'),
        new Headers({ a: '1' }),
        new FormData(),
        new Request('https://example.org'),
        new Response('x'),
        new AbortController(),
        AbortSignal.abort(),
        new EventTarget(),
        new Event('x'),
        new TextEncoder(),
        map,
        pair.heap.int('n'),
        // Classes that keep what they have where nobody can read it.
        new (class {
          #n = 1
          get n(): number {
            return this.#n
          }
        })(),
        new (class extends class {
          use(): void {}
        } {})(),
        // Memory that was given away, or that has shrunk under its view.
        detached,
        view,
        outside,
        outsideToo,
        // Properties of an array beside its elements.
        Object.assign([1], { extra: 1 }),
        Object.assign(new Array(3), { extra: 1 }),
        Object.assign([1], { '01': 1 }),
        Object.assign([1], { '-1': 1 }),
        Object.assign([1], { 4294967295: 1 }),
        Object.assign([1], { push: 1 }),
      ]
      for (const value of bad) {
        assert.throws(
          () => map.set('a', { b: [{ c: value }] }),
          (error: MemlaneError) => error.code === 'ERR_NOT_CLONEABLE' && /value\.b\[0\]\.c.* is/.test(error.message),
          String((value as object).constructor?.name),
        )
      }
      const places: [string, unknown][] = [
        ['value["odd name"].b[3] is a function', { 'odd name': { b: [0, 1, 2, () => {}] } }],
        [
          'value[1] is a function',
          new Map<string, unknown>([
            ['fine', 1],
            ['bad', () => {}],
          ]),
        ],
        ['value.set[1] is a symbol', { set: new Set([1, Symbol('s')]) }],
        ['value.cause is a function', new Error('x', { cause: () => {} })],
      ]
      for (const [place, value] of places)
        assert.throws(
          () => map.set('a', value),
          (error: MemlaneError) => error.code === 'ERR_NOT_CLONEABLE' && error.message.startsWith(place),
          place,
        )
      for (const key of [{}, [], Symbol('k'), () => 1])
        assert.throws(() => map.set(key as never, 1), { code: 'ERR_TYPE' })
      assert.equal(map.size, 0)
      pair.heap.verify()
      pair[Symbol.dispose]()
    })
  })
}
