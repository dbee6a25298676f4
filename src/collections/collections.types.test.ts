// collections: what the type checker knows of what is handed out. That this file compiles is most of the test.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DELETE } from '../updating.js'
import type { ListChange, MapChange, SetChange, SharedBlock, SharedMap } from './index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <_T extends true>(): void => {}

interface Player {
  score: number
}

function scoreOf(change: MapChange<string, Player>): number | undefined {
  // @ts-expect-error: a map that was cleared has no key to tell
  void (() => change.key.length)
  if (change.type === 'clear') {
    is<Same<typeof change.key, undefined>>()
    is<Same<typeof change.value, undefined>>()
    return undefined
  }
  is<Same<typeof change.key, string>>()
  if (change.type === 'delete') is<Same<typeof change.value, undefined>>()
  // @ts-expect-error: it may be gone by the time that the change is delivered
  else if (change.key === '') return change.value.score
  return change.type === 'set' ? change.value?.score : change.key.length
}

function nameOf(change: SetChange<string>): string {
  // @ts-expect-error: a set that was cleared has no value to tell
  void (() => change.value.length)
  if (change.type === 'clear') {
    is<Same<typeof change.value, undefined>>()
    return ''
  }
  is<Same<typeof change.value, string>>()
  return change.value
}

function indexOf(change: ListChange<Player>): number | undefined {
  if (change.type === 'clear') is<Same<typeof change.index, undefined>>()
  else is<Same<typeof change.index, number | undefined>>()
  if (change.type === 'set') is<Same<typeof change.value, Player | undefined>>()
  else is<Same<typeof change.value, undefined>>()
  return change.index
}

/** Never called: what `update` takes. */
export function updates(
  players: SharedMap<string, Player>,
  counts: SharedMap<string, number>,
  block: SharedBlock<Player>,
): void {
  players.update('ada', (ada) => {
    if (ada !== undefined) ada.score++
  })
  players.update('ada', (ada) => (ada === undefined ? { score: 1 } : DELETE))
  block.update((ada) => {
    ada.score++
  })
  counts.update('n', (n = 0) => n + 1)
  // @ts-expect-error: a number cannot be changed in place
  counts.update('n', () => {})
  // @ts-expect-error: a block always has a value
  block.update(() => DELETE)
}

test('a change says by its type what it has', () => {
  const coalesced = 0
  assert.equal(scoreOf({ type: 'set', key: 'ada', value: { score: 7 }, coalesced }), 7)
  assert.equal(scoreOf({ type: 'clear', key: undefined, value: undefined, coalesced }), undefined)
  assert.equal(nameOf({ type: 'delete', value: 'ada', coalesced }), 'ada')
  assert.equal(indexOf({ type: 'delete', index: 1, value: undefined, coalesced }), 1)
})
