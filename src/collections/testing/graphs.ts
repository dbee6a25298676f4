// collections/testing: random graphs of shared objects beside the same graphs of plain ones.

import assert from 'node:assert/strict'
import { mulberry } from '../../testing/random.js'
import type { SharedHeap } from '../heap/shared-heap.js'

export type Node = Record<string, unknown> | unknown[]
export type Random = (below: number) => number

/** Stands in the model for an object that was destroyed. */
const destroyed = new WeakSet<object>()

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' &&
  value !== null &&
  (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype)

/** The shared objects and their plain counterparts: walked from the root, each pair found once. */
export class Twins {
  readonly heap: SharedHeap
  readonly model: Map<string, unknown> = new Map()

  constructor(heap: SharedHeap) {
    this.heap = heap
  }

  static isDestroyed(plain: Node): boolean {
    return destroyed.has(plain)
  }

  /** Compares both sides and gives all pairs. */
  pairs(): [Node, Node][] {
    const liveOf = new Map<Node, Node>()
    const modelOf = new Map<Node, Node>()
    const todo: [Node, Node][] = []
    const same = (expected: unknown, read: () => unknown, where: string): void => {
      if (isNode(expected) && destroyed.has(expected)) {
        assert.throws(read, { code: 'ERR_STALE' }, where)
        return
      }
      const actual = read()
      if (!isNode(expected)) {
        assert.deepEqual(actual, expected, where)
        return
      }
      assert.ok(isNode(actual), where)
      const known = liveOf.get(expected)
      assert.equal(known, modelOf.has(actual) ? actual : undefined, `${where} is another object`)
      if (known !== undefined) {
        assert.equal(modelOf.get(actual), expected, where)
        return
      }
      liveOf.set(expected, actual)
      modelOf.set(actual, expected)
      todo.push([expected, actual])
    }
    const { root } = this.heap
    assert.deepEqual([...root.keys()], [...this.model.keys()])
    for (const [key, value] of this.model) same(value, () => root.get(key), key)
    for (let at = 0; at < todo.length; at++) {
      const [expected, actual] = todo[at]!
      assert.deepEqual(Object.keys(actual), Object.keys(expected))
      assert.equal((actual as { length?: number }).length, (expected as { length?: number }).length)
      for (const key of Object.keys(expected))
        same((expected as Record<string, unknown>)[key], () => (actual as Record<string, unknown>)[key], key)
    }
    return todo
  }
}

/** A value for each side, the same but for the objects that are shared already. */
function make(
  random: Random,
  pairs: readonly [Node, Node][],
  depth: number,
  inside: [Node, Node][],
): [unknown, unknown] {
  const known = [...pairs, ...inside]
  const kind = random(depth > 3 ? 6 : 9)
  if (kind === 0) {
    const number = random(1000)
    return [number, number]
  }
  if (kind === 1) return ['short', 'short']
  if (kind === 2) return ['a text that needs a block of its own', 'a text that needs a block of its own']
  if (kind === 3) return [new Date(5), new Date(5)]
  if (kind < 6 && known.length > 0) return known[random(known.length)]!
  if (kind < 6) return [undefined, undefined]
  const pair: [Node, Node] = kind === 6 ? [[], []] : [{}, {}]
  inside.push(pair)
  const count = random(12) === 0 ? 70 : random(4)
  for (let i = 0; i < count; i++) {
    const [a, b] = make(random, pairs, depth + 1, inside)
    const key = kind === 6 ? i : `key ${random(20)}`
    ;(pair[0] as Record<string, unknown>)[key] = a
    ;(pair[1] as Record<string, unknown>)[key] = b
  }
  return pair
}

/** One random change, of both sides. @param meanwhile called between looking at the objects and changing them. */
export function change(twins: Twins, random: Random, meanwhile: () => void = () => {}): void {
  const { heap, model } = twins
  const pairs = twins.pairs()
  meanwhile()
  const value = (): [unknown, unknown] => make(random, pairs, 0, [])
  const some = pairs.length === 0 ? undefined : pairs[random(pairs.length)]!
  const what = random(12)
  if (some === undefined || what === 0) {
    const [a, b] = value()
    const name = `root ${random(4)}`
    const given = isNode(b) ? heap.share(b) : b
    meanwhile()
    model.set(name, a)
    heap.root.set(name, given)
    return
  }
  const [plain, live] = some
  if (what === 1 && random(2) === 0) {
    const name = `root ${random(4)}`
    model.delete(name)
    heap.root.delete(name)
  } else if (what === 2 && random(3) === 0) {
    heap.destroy(live)
    destroyed.add(plain)
    for (const left of Object.keys(plain)) delete (plain as Record<string, unknown>)[left]
  } else if (Array.isArray(plain)) {
    changeArray(plain, live as unknown[], what, value, random)
  } else {
    const key = `key ${random(20)}`
    if (what < 5) {
      delete plain[key]
      delete (live as Record<string, unknown>)[key]
      return
    }
    const [a, b] = value()
    plain[key] = a
    ;(live as Record<string, unknown>)[key] = b
  }
}

function changeArray(
  plain: unknown[],
  live: unknown[],
  what: number,
  value: () => [unknown, unknown],
  random: Random,
): void {
  const [a, b] = value()
  const at = random(plain.length + 1)
  switch (what) {
    case 3:
      plain.pop()
      // What it was may have been destroyed: then pop() says so, and takes nothing away.
      if (plain.length < live.length) live.length = plain.length
      break
    case 4:
      plain.unshift(a)
      live.unshift(b)
      break
    case 5:
      plain.splice(at, 1, a)
      live.length = Math.max(live.length, at)
      live[at] = b
      break
    case 6:
      if (plain.every((one) => !isNode(one) || !destroyed.has(one))) {
        plain.reverse()
        live.reverse()
      }
      break
    case 7:
      plain.length = Math.min(plain.length, at)
      live.length = Math.min(live.length, at)
      break
    default:
      plain.push(a)
      live.push(b)
  }
}

/** Whole numbers below something, repeated by a seed. */
export function numbersOf(seed: number): Random {
  const random = mulberry(seed)
  return (below) => Math.floor(random() * below)
}

/** Nothing that it leads to was destroyed. */
export function isWhole(value: Node, seen: Set<Node> = new Set()): boolean {
  if (destroyed.has(value)) return false
  seen.add(value)
  return Object.values(value).every((one) => !isNode(one) || seen.has(one) || isWhole(one, seen))
}
