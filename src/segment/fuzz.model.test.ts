// segment: random bytes anywhere. Opening refuses or works; nothing crashes, hangs, or reads outside.

import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { MemlaneError } from '../errors.js'
import { ShmObject } from '../memory/index.js'
import { Barrier, Condition, Event, Mutex, RwLock, Semaphore } from '../sync/index.js'
import { patterned } from '../testing/children/ground-segment.js'
import { Crew, ownNamespace, seeded } from '../testing/crew.js'
import { checksum } from './header.js'
import { PARAMETERS, W_STATE, W_SUM } from './header.layout.js'
import { namespaceOf, objectName } from './name.js'
import { inspectSegment, listSegments } from './registry.js'
import { Segment } from './segment.js'

// What is listed here is this file's own.
ownNamespace('fuzz')

const pathOf = (name: string): string => `/dev/shm/${objectName(name, namespaceOf(undefined))}`

/** What came of an attempt: a coded refusal or success; anything else is the bug that is looked for. */
function attempt(what: string, work: () => unknown): string {
  try {
    work()
    return 'fine'
  } catch (error) {
    assert.ok(error instanceof MemlaneError, `${what}: ${(error as Error).stack}`)
    return error.code
  }
}

function reseal(name: string): void {
  using object = ShmObject.open(objectName(name, namespaceOf(undefined)))
  const memory = object.map(object.stat().size)
  memory.u32[W_SUM] = checksum(memory)
}

test('random bytes in the header are refused or harmless', async () => {
  await using crew = new Crew()
  const { below } = seeded('header bytes')
  const name = crew.name()
  Segment.create(name, patterned()).close()
  const clean = readFileSync(pathOf(name))
  const seen = new Map<string, number>()
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(clean)
    const hits = 1 + below(4)
    for (let i = 0; i < hits; i++) {
      // Mostly the fields, sometimes parameters and the table of participants.
      const at = below(10) < 8 ? below(128) : below(8192)
      // An opener of a state that says "being made" waits for the maker: seen in another test, too slow for this one.
      if (at >> 2 === W_STATE) continue
      bytes[at] = below(256)
    }
    writeFileSync(pathOf(name), bytes)
    if (round % 2 === 1) reseal(name)
    const before = readFileSync(pathOf(name))
    const outcome = attempt(`round ${round}`, () => {
      using segment = Segment.open(name, { readOnly: true })
      assert.ok(segment.body + segment.bodySize <= segment.memory.size)
      segment.participants()
    })
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
    assert.deepEqual(readFileSync(pathOf(name)), before)
    attempt(`round ${round}, to take part`, () => Segment.open(name).close())
    attempt(`round ${round}, to make`, () => Segment.create(name, patterned()).close())
    inspectSegment(name)
  }
  listSegments()
  console.log(JSON.stringify(Object.fromEntries(seen)))
  assert.ok((seen.get('fine') ?? 0) > 0 && (seen.get('ERR_CORRUPT') ?? 0) > 0)
})

test('files of random bytes and random length are refused', async () => {
  await using crew = new Crew()
  const { below } = seeded('random files')
  const name = crew.name()
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(Uint8Array.from({ length: 1 + below(12_000) }, () => below(256)))
    writeFileSync(pathOf(name), bytes)
    const outcome = attempt(`round ${round}`, () => Segment.open(name).close())
    assert.notEqual(outcome, 'fine')
    attempt(`round ${round}, made`, () => Segment.createOrOpen(name, patterned()).close())
    assert.deepEqual(readFileSync(pathOf(name)), bytes)
  }
})

test('random bytes in the body of a lock make its methods answer, throw with a code, or time out', async () => {
  await using crew = new Crew()
  const { below, random } = seeded('bodies of locks')
  const kinds: [string, (name: string) => { close(): void }, (handle: never) => unknown][] = [
    ['Mutex', (n) => Mutex.open(n), (h: Mutex) => h.acquire({ timeout: 0 }).release()],
    [
      'RwLock',
      (n) => RwLock.open(n, { participants: 8 }),
      (h: RwLock) => [h.readers, h.read({ timeout: 0 }).release(), h.write({ timeout: 0 }).release()],
    ],
    [
      'Semaphore',
      (n) => Semaphore.open(n, { permits: 5 }),
      (h: Semaphore) => [h.available, h.acquire({ timeout: 0 }).release()],
    ],
    ['Event', (n) => Event.open(n, { reset: 'auto' }), (h: Event) => [h.set(), h.wait({ timeout: 0 }), h.clear()]],
    ['Condition', (n) => Condition.open(n), (h: Condition) => [h.notify(3), h.notifyAll()]],
    ['Barrier', (n) => Barrier.open(n, { parties: 3 }), (h: Barrier) => [h.waiting, h.wait({ timeout: 1 })]],
  ]
  for (const [kind, open, use] of kinds) {
    const name = crew.name()
    open(name).close()
    const clean = readFileSync(pathOf(name))
    const body = clean.readUInt32LE(40)
    for (let round = 0; round < 60; round++) {
      const bytes = Buffer.from(clean)
      for (let at = body; at < bytes.length; at++) if (random() < (round % 3 === 0 ? 1 : 0.01)) bytes[at] = below(256)
      if (round % 4 === 3) bytes[PARAMETERS + below(4)] = below(256)
      writeFileSync(pathOf(name), bytes)
      if (round % 4 === 3) reseal(name)
      attempt(`${kind}, round ${round}`, () => {
        const handle = open(name)
        try {
          use(handle as never)
        } finally {
          handle.close()
        }
      })
    }
  }
})

test('a segment that is cut while it is open answers with a code', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using lock = Mutex.open(name)
  truncateSync(pathOf(name), 0)
  let outcome = ''
  for (let i = 0; i < 3; i++) outcome = attempt('after the cut', () => lock.acquire({ timeout: 1 }).release())
  assert.equal(outcome, 'ERR_TRUNCATED')
})
