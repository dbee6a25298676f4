// Chapter and verse of what goes wrong in Rememory 0.3.4, and what happens here instead: one test per defect. Two more have
// their guards elsewhere: a README whose examples do not run (scripts/check-examples.mjs compiles each of ours), and a
// package that installs strangers and a command that hangs (src/packaging, scripts/check-package.mjs).

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import type { MemlaneError } from '../errors.js'
import { listObjects } from '../memory/index.js'
import { Segment } from '../segment/index.js'
import { Crew } from '../testing/crew.js'
import { SharedBlock } from './cells/shared-block.js'
import { SharedBool } from './cells/shared-bool.js'
import { SharedFloat } from './cells/shared-float.js'
import { SharedInt } from './cells/shared-int.js'
import { SharedString } from './cells/shared-string.js'
import { SharedHeap } from './heap/shared-heap.js'
import { SharedList } from './list/shared-list.js'
import { SharedMap } from './map/shared-map.js'
import { SharedSet } from './set/shared-set.js'
import { unlinking } from './testing/names.js'

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    (error as MemlaneError).code === wanted

describe('where Rememory fails', () => {
  test('a compound update inside the object’s own lock does not dead-lock: transactions nest, and updates are one step', async () => {
    await using crew = new Crew()
    const name = crew.name('count')
    using _ = unlinking([`${name}-int`])
    const four = crew.startMany(4, 'count-plain', [name, 500])
    for (const one of four) await one.hear('done')
    using map = SharedMap.open<string, { n: number }>(name)
    using int = SharedInt.open(`${name}-int`)
    map.transaction(() => map.transaction(() => map.update('one', (value) => value)))
    assert.deepEqual([map.snapshot('one'), map.get('two'), int.value], [{ n: 2000 }, 2000, 2000], 'no update is lost')
  })

  test('a lock holder that dies blocks nobody, and what it had half done is undone', async () => {
    await using crew = new Crew()
    const name = crew.name('dies')
    using heap = SharedHeap.open(name)
    const accounts = heap.map<string, { balance: number }>('accounts')
    accounts.setMany([
      ['a', { balance: 100 }],
      ['b', { balance: 0 }],
    ])
    heap.list('log')
    heap.int('moves')
    const child = crew.start('die-in-transaction', [name])
    await child.hear('inside')
    await child.end()
    accounts.get('b')!.balance = 1
    assert.deepEqual(
      [...accounts.snapshot()],
      [
        ['a', { balance: 100 }],
        ['b', { balance: 1 }],
      ],
    )
    assert.deepEqual([heap.list('log').length, heap.int('moves').value], [0, 0])
    heap.verify()
  })

  test('a nested store, d[k].x += 1, is not lost', async () => {
    await using crew = new Crew()
    const name = crew.name('nested')
    using mine = SharedMap.open<string, { x: number }>(name)
    using other = SharedMap.open<string, { x: number }>(name)
    mine.set('k', { x: 1 })
    other.get('k')!.x += 1
    assert.equal(mine.get('k')!.x, 2)
  })

  test('attaching overwrites nothing and costs no rewrite, however often and beside a writer', async () => {
    await using crew = new Crew()
    const name = crew.name('attach')
    using map = SharedMap.open<string, number>(name, { maxSize: '1 MiB' })
    map.setMany(Array.from({ length: 1000 }, (_, i) => [`key ${i}`, i]))
    using looking = Segment.open(name, { readOnly: true })
    const body = (): string => createHash('sha256').update(looking.memory.u8.subarray(looking.body)).digest('hex')
    const before = body()
    for (let i = 0; i < 3; i++) SharedMap.open(name, { maxSize: '16 KiB' }).close()
    assert.equal(body(), before, 'not a byte of it was stored')
    const child = crew.start('attach-again', [name, 300])
    let n = 0
    let back = 0
    const said = child.hear('done').then(() => true)
    while (!(await Promise.race([said, new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))]))) {
      for (let i = 0; i < 200; i++) {
        map.set('n', ++n)
        if (map.get('n')! < n) back++
      }
    }
    assert.equal(back, 0)
    assert.equal(map.get('n'), n)
  })

  test('every method of the list acts on the shared list', async () => {
    await using crew = new Crew()
    const name = crew.name('list')
    using mine = SharedList.open<number>(name)
    using other = SharedList.open<number>(name)
    mine.push(...[3, 1, 2, 1])
    assert.equal(other.pop(), 1)
    other.splice(other.indexOf(1), 1)
    assert.deepEqual(mine, [3, 2])
    other.sort()
    assert.deepEqual(mine, [2, 3])
    other.reverse()
    assert.deepEqual([mine.indexOf(2), mine.includes(3), mine.concat([9]), [...mine]], [1, true, [3, 2, 9], [3, 2]])
    assert.deepEqual(other, mine)
    other.length = 0
    assert.deepEqual(mine, [])
  })

  test('maps and lists merge with plain ones: spread and concat in place of | and +', async () => {
    await using crew = new Crew()
    using map = SharedMap.open<string, number>(crew.name('merge'))
    map.set('a', 1)
    assert.deepEqual(
      new Map([...map, ['b', 2]]),
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
    )
  })

  test('a set may be compared with itself, and two sets in opposite order by two processes', async () => {
    await using crew = new Crew()
    const name = crew.name('sets')
    using heap = SharedHeap.open(name)
    for (const set of ['a', 'b']) heap.set<number>(set).addMany([1, 2, 3])
    const two = [crew.start('compare-sets', [name, false, 3000]), crew.start('compare-sets', [name, true, 3000])]
    for (const one of two) await one.hear(3000)
    using alone = SharedSet.open<number>(crew.name('set'))
    alone.add(1)
    assert.deepEqual([alone.isSubsetOf(alone), alone.union(alone)], [true, new Set([1])])
    alone.assign(alone.union(new Set([2])))
    assert.deepEqual(alone.snapshot(), new Set([1, 2]), 'changed in place, still shared')
  })

  test('growing parts nobody from the others', async () => {
    await using crew = new Crew()
    const name = crew.name('grow')
    using map = SharedMap.open<number, string>(name)
    map.set(-1, 'before')
    const child = crew.start('grow', [name, 3000])
    await child.hear(3001)
    assert.equal(map.size, 3001)
    map.set(-2, 'after')
    assert.equal(map.get(2999)!.length, 1000)
  })

  test('full is an error with everything still readable, and nothing is ever cut or emptied', async () => {
    await using crew = new Crew()
    using map = SharedMap.open<number, string>(crew.name('full'), { maxSize: '256 KiB' })
    let n = 0
    assert.throws(() => {
      for (;;) map.set(n++, 'x'.repeat(500))
    }, code('ERR_NO_SPACE'))
    assert.equal(map.size, n - 1)
    assert.equal(map.get(0), 'x'.repeat(500))
    map.deleteMany([0, 1, 2])
    map.set(0, 'y')
    using text = SharedString.open(crew.name('text'))
    text.value = 'é'.repeat(100_000)
    assert.equal(text.value, 'é'.repeat(100_000), 'grows instead of cutting')
    text.value = 'ends in NUL \0\0'
    assert.equal(text.value, 'ends in NUL \0\0')
  })

  test('a corrupt heap is an error, not an empty dict that the next write destroys', async () => {
    await using crew = new Crew()
    const name = crew.name('corrupt')
    SharedMap.open<string, unknown>(name, { maxSize: '1 MiB' }).set('a', { b: 1 }).close()
    const segment = Segment.open(name)
    segment.memory.i32.fill(0x7f7f7f7f, segment.body / 4, segment.body / 4 + 8)
    segment.close()
    using looking = Segment.open(name, { readOnly: true })
    const before = looking.memory.u8.slice(looking.body)
    assert.throws(() => SharedMap.open(name), code('ERR_CORRUPT'))
    assert.throws(() => SharedMap.open(name, { readOnly: true }), code('ERR_CORRUPT'))
    assert.deepEqual(looking.memory.u8.slice(looking.body), before, 'what is left can still be looked at')
  })

  test('whoever attaches with another size gets what is there', async () => {
    await using crew = new Crew()
    const name = crew.name('size')
    using first = SharedMap.open<string, string>(name, { maxSize: '1 MiB' })
    using bigger = SharedMap.open<string, string>(name, { maxSize: '64 MiB' })
    using smaller = SharedMap.open<string, string>(name, { maxSize: '16 KiB' })
    bigger.set('a', 'x'.repeat(100_000))
    assert.equal(smaller.get('a')!.length, 100_000)
    assert.equal(first.size, 1)
  })

  test('opening as another type is an error', async () => {
    await using crew = new Crew()
    const doors: Record<string, { open(name: string): Disposable }> = {
      map: SharedMap,
      set: SharedSet,
      list: SharedList,
      int: SharedInt,
      float: SharedFloat,
      bool: SharedBool,
      string: SharedString,
      block: SharedBlock,
    }
    for (const [kind, door] of Object.entries(doors)) {
      const name = crew.name('kind')
      using _ = door.open(name)
      for (const [wrong, other] of Object.entries(doors))
        if (other !== door) assert.throws(() => other.open(name), code('ERR_KIND'), `${kind} as ${wrong}`)
    }
    using byte = SharedInt.open(crew.name('byte'), { type: 'int8' })
    assert.throws(() => SharedInt.open(byte.name, { type: 'int64' }), code('ERR_MISMATCH'))
    assert.throws(() => byte.set(128), code('ERR_RANGE'))
    assert.equal(byte.value, 0)
    using single = SharedFloat.open(crew.name('single'), { type: 'float32' })
    assert.throws(() => single.set(1e300), code('ERR_RANGE'))
  })

  test('twelve processes that use a name for the first time at once share one thing', async () => {
    await using crew = new Crew()
    const name = crew.name('first')
    using _ = unlinking([`${name}-int`, `${name}-list`])
    const many = crew.startMany(12, 'first-use', [name])
    for (const one of many) await one.hear('in')
    using map = SharedMap.open<number, number>(name)
    using int = SharedInt.open(`${name}-int`)
    using list = SharedList.open(`${name}-list`)
    assert.deepEqual([map.size, int.value, list.length], [12, 12, 12])
  })

  test('a reader that exits, or is killed, takes nothing with it', async () => {
    await using crew = new Crew()
    const name = crew.name('reader')
    using map = SharedMap.open<string, number>(name)
    map.set('a', 1)
    await crew.start('read-and-leave', [name]).succeed()
    const killed = crew.start('change-map', [name])
    await killed.end()
    using third = SharedMap.open<string, number>(name)
    assert.equal(third.get('a'), 1)
  })

  test('closing leaves one object, unlinking none; there is no lock object beside it', async () => {
    await using crew = new Crew()
    const name = crew.name('objects')
    const mine = (): string[] => listObjects().filter((object) => object.includes(name))
    const map = SharedMap.open(name)
    map.transaction(() => map.set('a', 1))
    map.update('a', () => 2)
    assert.equal(mine().length, 1)
    map.close()
    assert.equal(mine().length, 1)
    SharedMap.unlink(name)
    assert.deepEqual(mine(), [])
  })

  test('names with a slash, or none, are an error that leaves nothing behind', () => {
    const namespace = `defects-${process.pid}`
    for (const name of ['a/b', '', '/lead'])
      for (const kind of [SharedMap, SharedList, SharedInt] as { open(name: string, options: object): unknown }[])
        assert.throws(() => kind.open(name, { namespace }), code('ERR_NAME'))
    assert.deepEqual(
      listObjects().filter((object) => object.includes(namespace)),
      [],
    )
  })
})
