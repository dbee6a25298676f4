// segment: what a named memory promises to one process.

import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { performance } from '../host.js'
import { ShmObject } from '../memory/index.js'
import { PATTERN, patterned } from '../testing/children/ground-segment.js'
import { Crew, ownNamespace, refuses } from '../testing/crew.js'
import { checksum } from './header.js'
import {
  FORMAT,
  PARAMETERS,
  READY,
  TABLE,
  W_BODY,
  W_BODY_SIZE,
  W_BOOT,
  W_COMMITTED,
  W_FORMAT,
  W_KIND,
  W_MAGIC,
  W_ORDER,
  W_PARAMETERS,
  W_PARTICIPANT_BYTES,
  W_SCHEMA,
  W_SLOTS,
  W_STATE,
  W_SUM,
  W_TOTAL,
} from './header.layout.js'
import { namespaceOf, objectName } from './name.js'
import { inspectSegment, listSegments } from './registry.js'
import { Segment } from './segment.js'

// What is listed here is this file's own.
ownNamespace('segment')

const pathOf = (name: string): string => `/dev/shm/${objectName(name, namespaceOf(undefined))}`

test('a segment is found again with everything that was said when it was made', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using made = Segment.create(name, patterned({ participantBytes: 100, commit: 4096, size: 10_000 }))
  using found = Segment.open(name, { kind: 'pattern', schema: 0x1234_5678_9abc_def0n, least: 10_000 })
  for (const segment of [made, found]) {
    assert.equal(segment.name, name)
    assert.equal(segment.kind, 'pattern')
    assert.equal(segment.schema, 0x1234_5678_9abc_def0n)
    assert.deepEqual([...segment.parameters], [1, 2, 3])
    assert.equal(segment.slots, 8)
    assert.equal(segment.bodySize, 12_288)
    assert.equal(segment.body % 4096, 0)
    assert.equal(segment.committed, 4096)
    assert.equal(segment.memory.load(segment.body / 4), PATTERN)
    assert.equal(segment.closed, false)
  }
  assert.deepEqual([made.created, found.created], [true, false])
  assert.notEqual(made.participant.token, found.participant.token)
  assert.equal(found.participant.area, made.areaOf(found.participant.slot))
  assert.equal(found.participant.area % 4096, 0)
})

test('growth is seen by everybody, moves nothing, and stops at what was reserved', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using a = Segment.create(name, { kind: 'x', size: '64 KiB'.length * 8192, commit: 0 })
  using b = Segment.open(name)
  assert.equal(b.committed, 0)
  a.grow(1)
  assert.equal(b.committed, 4096)
  b.memory.store(b.body / 4, 9)
  b.grow(20_000)
  assert.equal(a.committed, 20_480)
  a.grow(100)
  assert.equal(a.committed, 20_480)
  assert.equal(a.memory.load(a.body / 4), 9)
  await refuses('ERR_RANGE', () => a.grow(a.bodySize + 1), new RegExp(`${a.bodySize}`))
  await refuses('ERR_RANGE', () => a.grow(-1))
  await refuses('ERR_RANGE', () => a.grow(Number.NaN))
  await refuses('ERR_TYPE', () => a.grow('1' as unknown as number))
  using reader = Segment.open(name, { readOnly: true })
  await refuses('ERR_READ_ONLY', () => reader.grow(40_000))
  await refuses('ERR_READ_ONLY', () => reader.participant)
})

test('after close every method says so', async () => {
  await using crew = new Crew()
  const segment = Segment.create(crew.name(), { kind: 'x', size: 1 })
  segment.close()
  segment.close()
  assert.equal(segment.closed, true)
  for (const use of [
    () => segment.grow(1),
    () => segment.committed,
    () => segment.participant,
    () => segment.participants(),
  ]) {
    await refuses('ERR_CLOSED', use)
  }
})

test('options that make no sense are refused before anything is made', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const attempts: [string, object][] = [
    ['ERR_RANGE', { size: 0 }],
    ['ERR_RANGE', { size: -1 }],
    ['ERR_RANGE', { size: 1.5 }],
    ['ERR_RANGE', { size: 2 ** 60 }],
    ['ERR_TYPE', { size: '4096' }],
    ['ERR_TYPE', { size: undefined }],
    ['ERR_RANGE', { kind: '' }],
    ['ERR_RANGE', { kind: 'sixteen-letters!' }],
    ['ERR_RANGE', { kind: 'naïve' }],
    ['ERR_TYPE', { kind: 7 }],
    ['ERR_RANGE', { participants: 0 }],
    ['ERR_RANGE', { participants: 1024 }],
    ['ERR_RANGE', { participantBytes: -1 }],
    ['ERR_RANGE', { schema: -1n }],
    ['ERR_RANGE', { schema: 1n << 64n }],
    ['ERR_TYPE', { schema: 1 }],
    ['ERR_RANGE', { parameters: new Uint8Array(2049) }],
    ['ERR_TYPE', { parameters: 'text' }],
    ['ERR_RANGE', { lifetime: 'forever' }],
    ['ERR_RANGE', { mode: 0o1777 }],
    ['ERR_TYPE', { owner: 'me' }],
    ['ERR_RANGE', { owner: -1 }],
    ['ERR_NAME', { namespace: 'a/b' }],
  ]
  for (const [code, wrong] of attempts) {
    await refuses(code, () => Segment.create(name, { kind: 'x', size: 4096, ...wrong } as never))
    assert.equal(inspectSegment(name), undefined, `${code} ${Object.keys(wrong)}`)
  }
  await refuses('ERR_TYPE', () => Segment.create(name, undefined as never))
  await refuses('ERR_TYPE', () => Segment.open(name, null as never))
  await refuses('ERR_TYPE', () => Segment.open(7 as never))
})

test('a size that no runtime can map is refused before anything is made', async () => {
  await using crew = new Crew()
  const name = crew.name()
  await assert.rejects(async () => Segment.create(name, { kind: 'x', size: 2 ** 50, commit: 0 }), {
    name: 'MemlaneError',
  })
  assert.equal(inspectSegment(name), undefined)
})

const nameTable: readonly [name: string, why: RegExp][] = [
  ['', /empty/],
  ['a'.repeat(32), /32 bytes and macOS allows 31/],
  ['é'.repeat(16), /32 bytes/],
  ['a/b', /"\/".*Linux/],
  ['a\\b', /Windows/],
  ['a\0b', /NUL/],
  ['a\nb', /control/],
  ['a:b', /":"/],
  ['a*b', /"\*"/],
  ['a?', /"\?"/],
  ['"a"', /Windows/],
  ['<a>', /Windows/],
  ['a|b', /Windows/],
  ['é', /ASCII/],
  ['.', /dots/],
  ['..', /dots/],
  ['a.', /dot/],
  ['a ', /space/],
  [' a', /space/],
]

test('a name that is not good on every system is refused, and told why', async () => {
  for (const [name, why] of nameTable) {
    await refuses('ERR_NAME', () => Segment.create(name, { kind: 'x', size: 1 }), why)
    await refuses('ERR_NAME', () => Segment.open(name), why)
    await refuses('ERR_NAME', () => Segment.unlink(name), why)
    await refuses('ERR_NAME', () => inspectSegment(name), why)
  }
  for (const name of [null, 7, {}, undefined]) await refuses('ERR_TYPE', () => Segment.open(name as never))
})

test('every other name works', async () => {
  for (const name of ['a', 'A.b-c_d', 'x'.repeat(31), '1', 'a b', '~!@#$%^&()[]{}', '.hidden', '--']) {
    using segment = Segment.create(name, { kind: 'x', size: 1 })
    try {
      using again = Segment.open(name)
      assert.equal(again.name, segment.name)
      assert.ok(listSegments().some((info) => info.name === name))
    } finally {
      assert.equal(Segment.unlink(name), true)
    }
    assert.equal(Segment.unlink(name), false)
  }
})

test('namespaces keep equal names apart', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const other = `${namespaceOf(undefined).slice(0, 20)}-other`
  using here = Segment.create(name, { kind: 'here', size: 1 })
  try {
    using there = Segment.create(name, { kind: 'there', size: 1, namespace: other })
    assert.equal(here.kind, 'here')
    assert.equal(there.namespace, other)
    using found = Segment.open(name, { namespace: other })
    assert.equal(found.kind, 'there')
    assert.deepEqual(
      listSegments({ namespace: other }).map((info) => info.name),
      [name],
    )
  } finally {
    Segment.unlink(name, { namespace: other })
  }
  await refuses('ERR_NAME', () => Segment.open(name, { namespace: 'a:b' }), /namespace/)
})

test('a name that exists is not made again, one that does not is not opened', async () => {
  await using crew = new Crew()
  const name = crew.name()
  await refuses('ERR_NOT_FOUND', () => Segment.open(name), new RegExp(name))
  using made = Segment.create(name, patterned())
  const before = readFileSync(pathOf(name))
  await refuses('ERR_EXISTS', () => Segment.create(name, patterned({ size: 2 ** 20 })), /\d+ bytes/)
  assert.deepEqual(readFileSync(pathOf(name)), before)
  using _again = Segment.createOrOpen(name, patterned())
  assert.equal(_again.created, false)
  assert.equal(made.created, true)
})

/** Alters a finished segment in a way, and gives it back the checksum that its bytes now have. */
type Spoil = (memory: ReturnType<ShmObject['map']>) => unknown
const refusals: readonly [what: string, code: string, message: RegExp, spoil: Spoil, sum: 'sum' | 'no sum'][] = [
  [
    'not ours',
    'ERR_FOREIGN',
    /0x12345678.*0x4c4d454d/,
    (m) => {
      m.u32[W_MAGIC] = 0x12345678
    },
    'sum',
  ],
  [
    'half our magic',
    'ERR_FOREIGN',
    /0x00000001/,
    (m) => {
      m.u32[W_MAGIC + 1] = 1
    },
    'sum',
  ],
  [
    'a newer format',
    'ERR_VERSION',
    new RegExp(`format ${FORMAT + 1}.*format ${FORMAT}`),
    (m) => {
      m.u32[W_FORMAT] = FORMAT + 1
    },
    'sum',
  ],
  [
    'the other byte order',
    'ERR_BYTE_ORDER',
    /0x04030201/,
    (m) => void Buffer.from(m.u8.buffer as ArrayBuffer, 0, 256).swap32(),
    'no sum',
  ],
  [
    'a strange byte order',
    'ERR_CORRUPT',
    /0x00000007/,
    (m) => {
      m.u32[W_ORDER] = 7
    },
    'sum',
  ],
  [
    'a wrong checksum',
    'ERR_CORRUPT',
    /checksum is 0x/,
    (m) => {
      m.u32[W_SUM]! ^= 1
    },
    'no sum',
  ],
  ['parameters that changed', 'ERR_CORRUPT', /checksum/, (m) => m.u8.fill(99, PARAMETERS, PARAMETERS + 1), 'no sum'],
  [
    'another boot',
    'ERR_BOOT',
    /boot [0-9a-f]{32}/,
    (m) => {
      m.u32[W_BOOT] = ~m.u32[W_BOOT]!
    },
    'sum',
  ],
  [
    'no slots',
    'ERR_CORRUPT',
    /0 slots/,
    (m) => {
      m.u32[W_SLOTS] = 0
    },
    'sum',
  ],
  [
    'too many slots',
    'ERR_CORRUPT',
    /5000 slots/,
    (m) => {
      m.u32[W_SLOTS] = 5000
    },
    'sum',
  ],
  [
    'a body elsewhere',
    'ERR_CORRUPT',
    /contradict/,
    (m) => {
      m.u32[W_BODY] = 0
    },
    'sum',
  ],
  [
    'a total that does not add up',
    'ERR_CORRUPT',
    /contradict/,
    (m) => {
      m.u32[W_TOTAL]! += 4096
    },
    'sum',
  ],
  [
    'participants of odd bytes',
    'ERR_CORRUPT',
    /contradict/,
    (m) => {
      m.u32[W_PARTICIPANT_BYTES] = 4
    },
    'sum',
  ],
  [
    'more parameters than fit',
    'ERR_CORRUPT',
    /contradict/,
    (m) => {
      m.u32[W_PARAMETERS] = 9999
    },
    'sum',
  ],
  [
    'more committed than reserved',
    'ERR_CORRUPT',
    /contradict/,
    (m) => {
      m.u32[W_COMMITTED] = 9999
    },
    'no sum',
  ],
  [
    'a state that does not exist',
    'ERR_CORRUPT',
    /state is 77/,
    (m) => {
      m.u32[W_STATE] = 77
    },
    'no sum',
  ],
  [
    'an absurd size',
    'ERR_CORRUPT',
    /./,
    (m) => {
      m.u32[W_BODY_SIZE + 1] = 0xffffffff
    },
    'sum',
  ],
]

for (const [what, code, message, spoil, sum] of refusals) {
  test(`${what} is refused with ${code}, and nothing is changed`, async () => {
    await using crew = new Crew()
    const name = crew.name()
    Segment.create(name, patterned()).close()
    {
      using object = ShmObject.open(objectName(name, namespaceOf(undefined)))
      const memory = object.map(object.stat().size)
      spoil(memory)
      if (sum === 'sum') memory.u32[W_SUM] = checksum(memory)
    }
    const before = readFileSync(pathOf(name))
    await refuses(code, () => Segment.open(name), message)
    await refuses(code, () => Segment.open(name, { readOnly: true }), message)
    await refuses(code, () => Segment.createOrOpen(name, patterned()), message)
    assert.match(inspectSegment(name)?.problem?.message ?? '', message)
    assert.equal(inspectSegment(name)?.state, 'refused')
    assert.deepEqual(readFileSync(pathOf(name)), before)
  })
}

test('another kind, another schema and too small a body are refused with both sides named', async () => {
  await using crew = new Crew()
  const name = crew.name()
  Segment.create(name, patterned()).close()
  const before = readFileSync(pathOf(name))
  await refuses('ERR_KIND', () => Segment.open(name, { kind: 'mutex' }), /is a pattern, not a mutex/)
  await refuses('ERR_KIND', () => Segment.createOrOpen(name, patterned({ kind: 'mutex' })), /is a pattern/)
  await refuses('ERR_SCHEMA', () => Segment.open(name, { schema: 5n }), /0x123456789abcdef0, not 0x5/)
  await refuses('ERR_SCHEMA', () => Segment.createOrOpen(name, patterned({ schema: 5n })), /0x5/)
  await refuses('ERR_TOO_SMALL', () => Segment.open(name, { least: 8193 }), /8192.*8193/)
  await refuses('ERR_TOO_SMALL', () => Segment.createOrOpen(name, patterned({ size: 2 ** 20 })), /8192.*1048576/)
  assert.deepEqual(readFileSync(pathOf(name)), before)
})

test('a file that was cut is refused with both sizes', async () => {
  await using crew = new Crew()
  const name = crew.name()
  Segment.create(name, patterned()).close()
  const full = readFileSync(pathOf(name)).length
  for (const length of [full - 1, 8192, 4096]) {
    truncateSync(pathOf(name), length)
    const before = readFileSync(pathOf(name))
    await refuses('ERR_TRUNCATED', () => Segment.open(name), new RegExp(`${full}.*${length}`))
    await refuses('ERR_TRUNCATED', () => Segment.createOrOpen(name, patterned()), new RegExp(`${length}`))
    assert.deepEqual(readFileSync(pathOf(name)), before)
  }
  truncateSync(pathOf(name), 100)
  await refuses('ERR_FOREIGN', () => Segment.open(name), /100 bytes.*4096/)
  await refuses('ERR_FOREIGN', () => Segment.createOrOpen(name, patterned()), /100 bytes/)
  assert.equal(readFileSync(pathOf(name)).length, 100)
})

test("somebody else's file under our name is refused and left alone", async () => {
  await using crew = new Crew()
  const name = crew.name()
  for (const content of [Buffer.from('hello'), Buffer.alloc(5000, 7), Buffer.alloc(10_000, 0xff)]) {
    writeFileSync(pathOf(name), content)
    await refuses('ERR_FOREIGN', () => Segment.open(name))
    await assert.rejects(async () => Segment.create(name, patterned()), { name: 'MemlaneError' })
    await refuses('ERR_FOREIGN', () => Segment.createOrOpen(name, patterned()))
    assert.deepEqual(readFileSync(pathOf(name)), content)
  }
})

test('what fails while a segment is being made leaves nothing behind', async () => {
  await using crew = new Crew()
  for (const lifetime of ['keep', 'lastClose'] as const) {
    const name = crew.name()
    const options = patterned({ lifetime })
    const failing = { ...options, init: () => { throw new RangeError('no') } } // biome-ignore format: one line says it
    await assert.rejects(async () => Segment.create(name, failing), RangeError)
    assert.equal(inspectSegment(name), undefined)
    using segment = Segment.create(name, options)
    assert.equal(segment.created, true)
    Segment.unlink(name)
  }
})

test('a state word that somebody spoiled does not get a segment in use made anew', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using segment = Segment.create(name, patterned())
  for (const state of [0, 1]) {
    segment.memory.store(W_STATE, state)
    await refuses('ERR_CORRUPT', () => Segment.createOrOpen(name, patterned()), /in use/)
    await refuses('ERR_NOT_FOUND', () => Segment.open(name))
    assert.equal(segment.memory.load(segment.body / 4), PATTERN)
  }
  segment.memory.store(W_STATE, READY)
  using _again = Segment.open(name)
})

test('a handle knows its own token, and those of other handles of this thread, while they are open', async () => {
  await using crew = new Crew()
  const name = crew.name()
  using one = Segment.create(name, { kind: 'x', size: 1 })
  const other = Segment.open(name)
  const { token } = other.participant
  for (const segment of [one, other])
    assert.deepEqual([segment.isThisThread(one.participant.token), segment.isThisThread(token)], [true, true])
  other.close()
  assert.equal(one.isThisThread(token), false)
})

test('a local segment is used like a named one, by several participants', async () => {
  const segment = Segment.local(patterned())
  const other = Segment.attachLocal(segment.memory.buffer as SharedArrayBuffer)
  assert.equal(other.memory.load(other.body / 4), PATTERN)
  assert.equal(other.kind, 'pattern')
  assert.notEqual(other.participant.slot, segment.participant.slot)
  assert.equal(segment.isAlive(other.participant.token), true)
  const { token } = other.participant
  other.close()
  assert.equal(segment.isAlive(token), false)
  segment.close()
})

test('a lastClose segment goes with the last one out, and not before', async () => {
  await using crew = new Crew()
  const name = crew.name()
  const a = Segment.create(name, patterned({ lifetime: 'lastClose' }))
  const b = Segment.open(name)
  a.close()
  assert.equal(inspectSegment(name)?.state, 'ready')
  const c = Segment.open(name)
  b.close()
  c.close()
  assert.equal(inspectSegment(name), undefined)
  await refuses('ERR_NOT_FOUND', () => Segment.open(name))
  // Closing once more a segment that has a successor leaves the successor alone.
  const d = Segment.create(name, patterned({ lifetime: 'lastClose' }))
  Segment.unlink(name)
  const e = Segment.create(name, patterned({ lifetime: 'lastClose' }))
  d.close()
  assert.equal(inspectSegment(name)?.state, 'ready')
  e.close()
  assert.equal(inspectSegment(name), undefined)
})

test('the table of participants starts where the drawing says', async () => {
  await using crew = new Crew()
  using segment = Segment.create(crew.name(), { kind: 'x', size: 1, participants: 64 })
  assert.equal(segment.memory.i32[TABLE / 4 + 2], process.pid)
  assert.equal(String.fromCharCode(segment.memory.u8[W_KIND * 4]!), 'x')
  assert.equal(segment.memory.load(W_SCHEMA), 0)
})

test('a segment that becomes ready while its opener is held up is opened', async (t) => {
  await using crew = new Crew()
  const name = crew.name()
  writeFileSync(pathOf(name), '')
  // The second time the opener asks for the time it was stopped since the first, for a minute; its creator was not.
  const now = performance.now.bind(performance)
  let asked = 0
  let made: Segment | undefined
  t.mock.method(performance, 'now', () => {
    asked++
    if (asked === 2) made = Segment.createOrOpen(name, patterned())
    return now() + (asked > 1 ? 60_000 : 0)
  })
  using found = Segment.open(name)
  using _made = made
  assert.equal(found.created, false)
  assert.equal(made?.created, true)
})
