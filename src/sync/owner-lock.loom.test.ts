// sync: nobody waits in vain for an owner lock, and nobody has it together with another, whatever happens between any two steps.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Memory } from '../memory/index.js'
import { type Segment, slotOf } from '../segment/index.js'
import { explore, LIMIT_MS, type LoomActor, type Outcome } from '../waiting/testing/loom.js'
import { BUSY, OwnerLock } from './owner-lock.js'

// Words: 1 the lock, 2 how many are inside.
const LOCK = 1
const INSIDE = 2

/** As much of a segment as the lock knows, for the actor that is that participant. */
function segmentOf(memory: Memory, slot: number): Segment {
  return {
    memory,
    name: 'loom',
    isNamed: false,
    participant: { slot, incarnation: 1, token: (1 << 10) | slot, area: 0 },
    isAlive: (token: number) => slotOf(token) === slot || memory.isLocked(slotOf(token)),
    isThisThread: () => false,
    publishWait() {},
    clearWait() {},
    waiters: () => [],
  } as unknown as Segment
}

/** Waits for the lock, is inside for two steps, and leaves. */
function holder(name: string, slot: number, more: Partial<LoomActor> = {}): LoomActor {
  const run = async (memory: Memory, signal: AbortSignal): Promise<number> => {
    const lock = new OwnerLock(segmentOf(memory, slot), LOCK * 4)
    const timeout = more.mayBeLate === true ? LIMIT_MS : -1
    const got = more.mayAbort === true ? await lock.acquireAsync(timeout, signal) : lock.acquire(timeout)
    if (got === BUSY) return got
    const before = memory.exchange(INSIDE, slot + 1)
    const after = memory.exchange(INSIDE, 0)
    // What a killed holder left there is not somebody inside.
    assert.ok(after === slot + 1 && (before === 0 || !memory.isLocked(before - 1)), 'two are inside')
    lock.release()
    return got
  }
  return { name, run, ...more }
}

function everybodyWasIn({ actors, words }: Outcome): void {
  for (const { ended, value } of actors) {
    if (ended === 'failed' && (value as Error).message !== 'aborted') throw value
    if (ended === 'asleep') throw new Error('somebody waits in vain')
  }
  if (actors.every(({ ended }) => ended !== 'killed')) assert.equal(words[LOCK], 0, 'the lock is free')
}

const casts: Record<string, LoomActor[]> = {
  'two holders': [holder('one', 0), holder('two', 1)],
  'a holder that may be killed, and a waiter': [holder('doomed', 0, { mayDie: true }), holder('waiter', 1)],
  'a waiter that may abort, and another holder': [holder('one', 0), holder('aborted', 1, { mayAbort: true })],
  'a waiter that may be late, and another holder': [holder('one', 0), holder('late', 1, { mayBeLate: true })],
}

for (const [who, cast] of Object.entries(casts)) {
  test(`${who}: nobody waits in vain, and one is inside at a time`, async (t) => {
    const { states, ends } = await explore(3, cast, everybodyWasIn)
    assert.ok(ends > 0)
    t.diagnostic(`${states} states, ${ends} ends`)
  })
}

/** Has the lock from the start, and gives it back. */
const leaver: LoomActor = {
  name: 'leaver',
  run: (memory) => new OwnerLock(segmentOf(memory, 0), LOCK * 4).release(),
}

/** Awaits the lock, which costs fewer steps than spinning for it. */
function awaiting(name: string, slot: number, more: Partial<LoomActor> = {}): LoomActor {
  const run = async (memory: Memory, signal: AbortSignal): Promise<void> => {
    const lock = new OwnerLock(segmentOf(memory, slot), LOCK * 4)
    await lock.acquireAsync(-1, signal)
    lock.release()
  }
  return { name, run, ...more }
}

const held = [0, 1 << 10, 0]
const aborting = [leaver, awaiting('aborted', 1, { mayAbort: true }), awaiting('waiter', 2)]

test('a waiter that aborts in the moment of being woken passes the wake on', async (t) => {
  const { states, ends } = await explore(held, aborting, everybodyWasIn)
  t.diagnostic(`${states} states, ${ends} ends`)
})

test('the loom finds that a wake is lost where it does not', async (t) => {
  t.mock.method(OwnerLock.prototype, 'passOn', () => {})
  await assert.rejects(explore(held, aborting, everybodyWasIn), /^Error: somebody waits in vain\nafter these steps:/)
})
