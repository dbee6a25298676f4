import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type { SharedMap } from '../collections/map/shared-map.js'
import { isLive, snapshot } from '../collections/snapshot.js'
import { BACKENDS } from '../collections/testing/backends.js'
import type { MemlaneError } from '../errors.js'

interface Player {
  score: number
  name?: string
  tags: string[]
  at: { x: number; y: number }
  [more: string]: unknown
}

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as MemlaneError).code === wanted
const ada = (): Player => ({ score: 10, tags: ['new'], at: { x: 1, y: 2 } })

for (const backend of BACKENDS) {
  describe(`live values over ${backend.name}`, () => {
    /** Two handles to one map, as two processes have them. */
    const players = (): { mine: SharedMap<string, Player>; other: SharedMap<string, Player> } & Disposable => {
      const pair = backend.open()
      const mine = pair.heap.map<string, Player>('players')
      mine.set('ada', ada())
      return { mine, other: pair.other.map<string, Player>('players'), [Symbol.dispose]: () => pair[Symbol.dispose]() }
    }

    test('a store into a nested value is seen by everybody', () => {
      using both = players()
      const { mine, other } = both
      const seen = other.get('ada')!
      mine.get('ada')!.score += 1
      mine.get('ada')!.tags.push('admin', 'x')
      mine.get('ada')!.at.x = -1
      mine.get('ada')!.name = 'Ada'
      delete (mine.get('ada')!.tags as unknown[])[2]
      // biome-ignore lint/suspicious/noSparseArray: a hole was made on purpose
      assert.deepEqual(seen, { score: 11, tags: ['new', 'admin', ,], at: { x: -1, y: 2 }, name: 'Ada' })
      assert.equal(seen.tags.length, 3)
      assert.ok(!(2 in seen.tags))
    })

    test('keys, in, delete, for…in, spread, JSON, inspect and deep equality are those of a plain object', () => {
      using both = players()
      const live = both.mine.get('ada')!
      const plain = ada()
      live[2] = 'two'
      plain[2] = 'two'
      live.gone = 1
      assert.equal(delete live.gone, true)
      assert.deepEqual(Object.keys(live), Object.keys(plain))
      assert.deepEqual(Object.entries({ ...live }).length, 4)
      const names: string[] = []
      for (const name in live) names.push(name)
      assert.deepEqual(names, ['2', 'score', 'tags', 'at'])
      assert.ok('score' in live && !('gone' in live) && 'toString' in live && Object.hasOwn(live, 'tags'))
      assert.ok(!Object.hasOwn(live, 'toString'))
      assert.equal(JSON.stringify(live), JSON.stringify(plain))
      assert.equal(inspect(live, { depth: 5 }), inspect(plain, { depth: 5 }))
      assert.deepStrictEqual(live, plain)
      assert.deepStrictEqual(plain, live)
      assert.notDeepStrictEqual(live, { ...plain, score: 11 })
      assert.deepStrictEqual(structuredClone(snapshot(live)), plain)
      assert.deepStrictEqual(Object.assign({}, live), plain)
      assert.ok(Array.isArray(live.tags))
      assert.deepStrictEqual([...live.tags, 1], ['new', 1])
      assert.equal(`${live}`, '[object Object]')
      assert.equal(Object.getPrototypeOf(live), Object.prototype)
      assert.ok(isLive(live) && isLive(live.tags) && !isLive(snapshot(live)) && !isLive(plain))
    })

    test('names that objects inherit, and __proto__, are ordinary properties or nothing', () => {
      using both = players()
      const live = both.mine.get('ada')! as unknown as {
        [name: string]: unknown
        constructor: unknown
        toString: unknown
      }
      live.constructor = 'mine'
      live.toString = 'text'
      assert.equal(live.constructor, 'mine')
      assert.throws(() => {
        Object.assign(live, JSON.parse('{"__proto__": {"polluted": true}}'))
      }, code('ERR_TYPE'))
      both.mine.set('odd', JSON.parse('{"__proto__": {"polluted": true}, "score": 1, "tags": [], "at": {}}'))
      const odd = both.other.get('odd') as unknown as Record<string, unknown>
      assert.deepEqual(Object.keys(odd), ['__proto__', 'score', 'tags', 'at'])
      assert.equal(odd.polluted, undefined)
      assert.equal(({} as Record<string, unknown>).polluted, undefined)
      assert.equal(Object.getPrototypeOf(snapshot(odd)), Object.prototype)
    })

    test('what cannot be shared is refused, and nothing has changed', () => {
      using both = players()
      const live = both.mine.get('ada')!
      assert.throws(() => {
        live.run = () => 1
      }, code('ERR_NOT_CLONEABLE'))
      assert.throws(() => both.mine.set('bo', { ...ada(), deep: [{ f: Symbol('s') }] }), /value\.deep\[0\]\.f/)
      assert.throws(() => Object.defineProperty(live, 'x', { get: () => 1 }), code('ERR_TYPE'))
      assert.throws(() => Object.freeze(live), TypeError)
      assert.throws(() => {
        ;(live as unknown as Record<symbol, number>)[Symbol('s')] = 1
      }, code('ERR_TYPE'))
      assert.throws(() => {
        ;(live.tags as unknown as Record<string, number>).extra = 1
      }, code('ERR_TYPE'))
      assert.deepStrictEqual(live, ada())
      assert.ok(!both.mine.has('bo'))
    })

    test('a held value that was overwritten, deleted or cleared is stale, and never shows anything else', () => {
      using both = players()
      const { mine, other } = both
      const held = mine.get('ada')!
      const inner = held.at
      const tags = held.tags
      other.set('ada', { ...ada(), score: 99 })
      for (let i = 0; i < 50; i++) other.set(`k${i}`, ada())
      for (const use of [
        () => held.score,
        () => inner.x,
        () => tags[0],
        () => Object.keys(held),
        () => tags.push('x'),
        () => {
          held.score = 1
        },
        () => delete (held as Partial<Player>).score,
        () => snapshot(inner),
      ])
        assert.throws(use, code('ERR_STALE'))
      const second = mine.get('ada')!
      mine.delete('ada')
      assert.throws(() => second.score, code('ERR_STALE'))
      const third = mine.get('k1')!
      mine.clear()
      assert.throws(() => third.score, code('ERR_STALE'))
    })

    test('assigning a live value elsewhere stores a copy; what pop, shift and splice give is detached', () => {
      using both = players()
      const { mine } = both
      mine.set('bo', mine.get('ada')!)
      mine.get('bo')!.score = 0
      assert.equal(mine.get('ada')!.score, 10)
      mine.get('ada')!.at = mine.get('bo')!.at
      mine.get('bo')!.at.x = 77
      assert.equal(mine.get('ada')!.at.x, 1)
      // Into itself, too.
      mine.set('ada', mine.get('ada')!)
      mine.get('ada')!.self = mine.get('ada')!
      assert.equal((mine.get('ada')!.self as Player).score, 10)
      const live = mine.get('ada')!
      live.list = [{ n: 1 }, { n: 2 }, { n: 3 }]
      const list = live.list as { n: number }[]
      const popped = list.pop()!
      const shifted = list.shift()!
      const [spliced] = list.splice(0, 1)
      assert.deepStrictEqual([popped, shifted, spliced], [{ n: 3 }, { n: 1 }, { n: 2 }])
      popped.n = 9
      assert.ok(![popped, shifted, spliced].some(isLive))
      assert.equal(list.length, 0)
    })

    test('a snapshot keeps shared and cyclic references, and is detached', () => {
      using both = players()
      const value: Player = ada()
      value.both = [value.at, value.at]
      value.me = value
      both.mine.set('c', value)
      const copy = snapshot(both.other.get('c')!)
      assert.equal(copy.me, copy)
      assert.equal((copy.both as unknown[])[0], copy.at)
      copy.at.x = 5
      assert.equal(both.mine.get('c')!.at.x, 1)
    })

    test('JSON of what leads to itself is the TypeError that it is of a plain value, and twice the same is none', () => {
      using pair = backend.open()
      const { heap } = pair
      const map = heap.map<string, unknown>('m')
      const list = heap.list<unknown>('l')
      const block = heap.block<unknown>('b')
      const self: Record<string, unknown> = { n: 1 }
      self.self = self
      const array: unknown[] = [1]
      array.push(array)
      const both: Record<string, unknown> = { list: [] }
      ;(both.list as unknown[]).push({ both })
      for (const [name, cyclic] of Object.entries({ self, array, both })) {
        const refused = (value: unknown): void =>
          assert.throws(() => JSON.stringify(value), { name: 'TypeError', message: /circular|cyclic/i }, name)
        refused(cyclic)
        map.set('k', cyclic)
        refused(map.get('k'))
        refused({ deep: [map.get('k')] })
        refused(map)
        list.assign([0, cyclic])
        refused(list)
        refused(list[1])
        block.value = cyclic
        refused(block)
        refused(block.value)
        const part = heap.map<string, { part: unknown }>('parts')
        part.set('p', { part: 0 })
        part.get('p')!.part = cyclic
        refused(part.get('p'))
        assert.ok(!('toJSON' in (map.get('k') as object)))
      }
      const twice = { at: [1] }
      const shared = { a: twice, b: twice, more: [twice, twice] }
      map.set('k', shared)
      assert.equal(JSON.stringify(map.get('k')), JSON.stringify(shared))
      assert.equal(JSON.stringify([map.get('k')], ['a', 'at']), JSON.stringify([shared], ['a', 'at']))
      map.set('k', { a: twice, b: twice, toJSON: 'mine' })
      assert.equal((map.get('k') as { toJSON: unknown }).toJSON, 'mine')
      assert.equal(JSON.parse(JSON.stringify(map.get('k'))).toJSON, 'mine')
    })

    test('live objects are found in lists by what they are', () => {
      using both = players()
      both.mine.get('ada')!.list = [{ n: 1 }, { n: 2 }]
      const list = both.mine.get('ada')!.list as { n: number }[]
      const second = list[1]!
      assert.equal(list.indexOf(second), 1)
      assert.equal((both.other.get('ada')!.list as unknown[]).lastIndexOf(second), 1)
      assert.ok(list.includes(second))
      assert.equal(list.indexOf({ n: 2 }), -1)
      list.find(({ n }) => n === 2)!.n = 20
      assert.equal(second.n, 20)
    })

    test('what inherits from a live object has properties of its own', () => {
      using both = players()
      const live = both.mine.get('ada')!
      const local = Object.create(live) as Player
      local.score = 99
      local.fresh = true
      assert.deepEqual(Object.keys(local), ['score', 'fresh'])
      assert.deepEqual([local.score, local.at.x, live.score, 'fresh' in live], [99, 1, 10, false])
      // A Proxy of somebody else's around it still stores into it.
      const wrapped = new Proxy(live, {})
      wrapped.score = 11
      wrapped.tags.push('wrapped')
      assert.deepEqual([live.score, live.tags], [11, ['new', 'wrapped']])
    })

    test('what a program adds to Object.prototype is inherited, getters with the live object as this', () => {
      using both = players()
      const live = both.mine.get('ada')! as Player & { total?: number }
      try {
        Object.defineProperty(Object.prototype, 'total', {
          configurable: true,
          get(this: Player) {
            return this.score * 2
          },
        })
        assert.ok('total' in live)
        assert.equal(live.total, 20)
      } finally {
        delete (Object.prototype as { total?: number }).total
      }
      assert.ok(!('total' in live))
    })

    test('defineProperty changes what it names, and nothing else', () => {
      using both = players()
      const live = both.mine.get('ada')!
      Object.defineProperty(live, 'score', { enumerable: true })
      Object.defineProperty(live, 'score', {})
      assert.equal(live.score, 10)
      Object.defineProperty(live, 'score', { value: 11 })
      Object.defineProperty(live, 'fresh', {})
      assert.deepEqual([live.score, live.fresh, 'fresh' in live], [11, undefined, true])
      assert.throws(() => Object.defineProperty(live, 'score', { get: undefined } as never), code('ERR_TYPE'))
    })

    test('JSON and inspect of a handle never lead to the memory behind it', () => {
      using both = players()
      const live = both.mine.get('ada')!
      assert.ok(inspect(live, { showHidden: true, depth: 20 }).length < 500)
      assert.ok(inspect(live.tags, { showHidden: true, depth: 20 }).length < 500)
      assert.equal(Object.getOwnPropertySymbols(live).length, 0)
      assert.equal(JSON.stringify([live, live.tags]), JSON.stringify([ada(), ['new']]))
    })
  })
}
