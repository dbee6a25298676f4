// The self-tests that Rememory 0.3.4 ships: four processes on one dict, one list, one int, one float, one string, one
// pickled exception. Here all of them pass.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serialize } from 'node:v8'
import { Crew } from '../testing/crew.js'
import { SharedBlock } from './cells/shared-block.js'
import { SharedFloat } from './cells/shared-float.js'
import { SharedInt } from './cells/shared-int.js'
import { SharedString } from './cells/shared-string.js'
import { SharedList } from './list/shared-list.js'
import { SharedMap } from './map/shared-map.js'
import { unlinking } from './testing/names.js'

describe('four processes', () => {
  test('each puts its pid into a dict, and half a second later updates both fields: 4 keys', async () => {
    await using crew = new Crew()
    const name = crew.name('dict')
    const four = crew.startMany(4, 'self-test-dict', [name])
    for (const one of four) await one.hear('in')
    for (const one of four) one.tell('go')
    for (const one of four) await one.hear(4)
    using map = SharedMap.open<number, { pid: number; state: string }>(name)
    assert.deepEqual(
      new Map([...map.snapshot()].sort()),
      new Map(four.map(({ pid }) => [pid, { pid: pid + 1, state: 'end' }] as const).sort()),
    )
  })

  test('each appends "start", later "end": four of one, then four of the other', async () => {
    await using crew = new Crew()
    const name = crew.name('list')
    const four = crew.startMany(4, 'self-test-list', [name])
    for (const one of four) await one.hear('in')
    for (const one of four) one.tell('go')
    for (const one of four) await one.hear()
    using list = SharedList.open<string>(name)
    assert.deepEqual(list, [...Array(4).fill('start'), ...Array(4).fill('end')])
  })

  test('int + 1, float + 1.5 and a string that grows, each under one lock: 4, 6.0 and 4 copies', async () => {
    await using crew = new Crew()
    const name = crew.name('scalars')
    using _ = unlinking([`${name}-lock`, `${name}-int`, `${name}-float`, `${name}-text`])
    using text = SharedString.open(`${name}-text`)
    text.value = 'x'.repeat(128)
    const four = crew.startMany(4, 'self-test-scalars', [name])
    for (const one of four) await one.hear(false)
    using int = SharedInt.open(`${name}-int`)
    using float = SharedFloat.open(`${name}-float`)
    assert.equal(int.value, 4)
    assert.equal(float.value, 6)
    assert.equal(text.value, 'x'.repeat(128) + '|rememory'.repeat(4))
  })

  test('an exception is read back by four workers, as what it is, and from base64 in a string', async () => {
    await using crew = new Crew()
    const name = crew.name('error')
    using _ = unlinking([`${name}-text`])
    const error = new TypeError('boom', { cause: 'a fuse' })
    using block = SharedBlock.open<Error>(name)
    block.value = error
    using text = SharedString.open(`${name}-text`)
    text.value = serialize(error).toString('base64')
    const four = crew.startMany(4, 'self-test-error', [name])
    const told = { name: 'TypeError', message: 'boom', isError: true }
    for (const one of four) {
      await one.hear({ ...told, cause: 'a fuse' })
      const { cause, ...again } = await one.hear<{ cause?: string | null }>()
      assert.deepEqual(again, told)
      // Not every engine's own format has a place for it.
      assert.ok(cause === undefined || cause === 'a fuse')
    }
  })
})
