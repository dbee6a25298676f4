// record: whatever the bytes of a segment say, looking and writing give a value or an error with a code. They never hang.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  array,
  bytes,
  describeRecord,
  f64,
  inspectRecord,
  oneOf,
  optional,
  type RecordCreateOptions,
  RecordType,
  record,
  str,
} from './index.js'
import { Reader } from './reader.js'
import { PUBLISHED, READERS } from './record.layout.js'
import { RecordMemory } from './record-memory.js'
import { readShape } from './shape.js'

const Thing = record({
  n: f64(),
  mode: oneOf('a', 'b'),
  text: str(3),
  raw: optional(bytes(4)),
  plane: array('u8', [1100]),
})
type Open = ReturnType<typeof Thing.open>

let made = 0
const fresh = (): string => `rech-${process.pid}-${++made}`

const SHAPES: [string, RecordCreateOptions][] = [
  ['a latest value', {}],
  ['a FIFO that overwrites', { slots: 2 }],
  ['a FIFO that rejects', { slots: 2, full: 'reject' }],
]

/** Runs it. @returns the code of what it threw, if anything; an error without a code fails the test. */
function codeOf(what: string, act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    const { code, stack } = error as Error & { code?: string }
    assert.ok(code?.startsWith('ERR_'), `${what}: ${stack}`)
    return code
  }
}

/** Every way of looking and writing. */
function tryAll(what: string, name: string): void {
  codeOf(`${what}, describe`, () => describeRecord(name))
  codeOf(`${what}, inspect`, () => inspectRecord(name))
  for (const options of [{ readOnly: true }, {}, { readers: 'share' as const }]) {
    const who = `${what}, ${JSON.stringify(options)}`
    codeOf(`${who}, open`, () => {
      using handle: Open = Thing.open(name, options)
      codeOf(`${who}, read`, () => handle.read())
      codeOf(`${who}, latest`, () => handle.read({ latest: true }))
      codeOf(`${who}, resetModified`, () => handle.read({ resetModified: true }))
      codeOf(`${who}, view`, () => handle.view((v) => [v.n, v.mode, v.text, v.raw, v.plane[9]]))
      codeOf(`${who}, readInto`, () => handle.readInto({}))
      const give = { n: 2, text: 'é', raw: undefined }
      codeOf(`${who}, write`, () => (handle.isFifo ? handle.tryPush(give) : handle.write(give)))
      codeOf(`${who}, update`, () => handle.update((w) => w.plane.fill(1), { timeout: 0 }))
    })
  }
}

const OTHERS = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x7ff80000, 0x7ff00000]

for (const [kind, options] of SHAPES) {
  test(`any word of ${kind} may hold anything`, () => {
    const name = fresh()
    using handle = Thing.create(name, { ...options, participants: 4 })
    const { memory, body } = handle.segment
    try {
      const put = (): void => void (handle.isFifo ? handle.tryPush({ n: 1 }) : handle.write({ n: 1 }))
      put()
      put()
      const { layout } = readShape(handle.segment)
      const whole = memory.u8.slice(body, body + layout.size)
      // All but the lock, which keeps its own promises; of the out-of-line buffers, which are nothing but elements, none.
      for (let at = PUBLISHED; at < layout.first + layout.buffers * layout.stride; at += 4) {
        // Some for each word, and all of them for each kind of word.
        for (let turn = 0; turn < 2; turn++) {
          const value = OTHERS[(at / 4 + turn * 3) % OTHERS.length]!
          memory.u32[(body + at) / 4] = value
          tryAll(`${value.toString(16)} at ${at}`, name)
          memory.u8.set(whole, body)
        }
      }
      assert.equal(handle.isFifo || handle.read()!.n.value === 1, true)
    } finally {
      Thing.unlink(name)
    }
  })
}

describe('the sequence of the newest record', () => {
  const at = (handle: Open): { store: RecordMemory; word: number } => {
    const store = new RecordMemory(handle.segment, readShape(handle.segment).layout)
    return { store, word: store.bufferAt(store.published()) / 8 }
  }

  test('is no number: a reader is told, and is not held for ever; the next write makes it whole again', () => {
    const name = fresh()
    using out = Thing.create(name)
    try {
      out.write({ n: 1 })
      const { store, word } = at(out)
      store.bytes.f64[word] = Number.NaN
      using looking = Thing.open(name, { readOnly: true })
      using cam = Thing.open(name)
      const corrupt = { code: 'ERR_CORRUPT' }
      for (const reader of [looking, cam]) {
        assert.throws(() => reader.read(), corrupt)
        assert.throws(() => reader.view((v) => v.n), corrupt)
        assert.throws(() => reader.readInto({}), corrupt)
      }
      assert.throws(() => inspectRecord(name), corrupt)
      out.write({ text: 'new' })
      assert.deepEqual([cam.read()!.n.value, looking.read()!.text.value], [1, 'new'])
    } finally {
      Thing.unlink(name)
    }
  })

  for (const start of [2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 64]) {
    test(`passes ${start}: each write is news, each reader is told what has changed`, async () => {
      const name = fresh()
      using out = Thing.create(name)
      try {
        out.write({ n: 0, text: 'old' })
        const { store, word } = at(out)
        store.bytes.f64[word] = Math.min(start, 2 ** 53 - 1) - 3
        if (start >= 2 ** 53) store.bytes.f64[word] = start
        using cam = Thing.open(name)
        using other = Thing.open(name)
        for (const reader of [cam, other]) reader.view(() => {})
        for (let n = 1; n < 8; n++) {
          out.write({ n })
          const s = (await cam.next({ timeout: 10_000 }))!
          assert.deepEqual([s.n.value, s.n.modified], [n, true])
          assert.equal(cam.read()!.n.modified, false)
          const shared = other.read({ resetModified: true })!
          assert.deepEqual([shared.n.modified, shared.text.value, shared.plane.unwritten], [true, 'old', true])
          assert.equal(other.read({ resetModified: true })!.n.modified, false)
          assert.equal(new Reader(store).newest(n)!.record.n!.value, n)
        }
      } finally {
        Thing.unlink(name)
      }
    })

    test(`passes ${start} in a FIFO: nothing is lost, and who comes late finds all that is there`, () => {
      for (const full of ['overwrite', 'reject'] as const) {
        const name = fresh()
        using out = Thing.create(name, { slots: 3, full })
        try {
          for (let n = 0; n < 3; n++) out.push({ n: n - 3 })
          const { store, word } = at(out)
          store.bytes.f64[word] = start >= 2 ** 53 ? start : start - 3
          using cam = Thing.open(name)
          while (cam.read() !== undefined);
          for (let n = 0; n < 8; n++) {
            out.push({ n })
            assert.deepEqual([cam.read()!.n.value, cam.lost, cam.read()], [n, 0, undefined])
            using late = Thing.open(name)
            const all: number[] = []
            for (let s = late.read(); s !== undefined; s = late.read()) all.push(s.n.value)
            assert.deepEqual(all, [n - 2, n - 1, n])
          }
          assert.equal(cam.totalLost, 0)
        } finally {
          Thing.unlink(name)
        }
      }
    })
  }
})

describe('a schema read from a segment', () => {
  /** Makes a record whose schema text is replaced by another of the same length, padded with spaces. */
  function withText(text: string): string | undefined {
    const name = fresh()
    const room = text.length + 32
    const Wide = record({ ['x'.repeat(room)]: f64() })
    using handle = Wide.create(name)
    try {
      const { memory, body, slots } = handle.segment
      const bytes = new TextEncoder().encode(text)
      const start = body + READERS + slots * 64
      memory.u8.fill(0x20, start, start + Wide.text.length)
      memory.u8.set(bytes, start)
      const codes = [
        codeOf('describe', () => describeRecord(name)),
        codeOf('inspect', () => inspectRecord(name)),
        codeOf('open', () => Thing.open(name).close()),
      ]
      assert.notEqual(codes[2], undefined)
      return codes[1]
    } finally {
      Wide.unlink(name)
    }
  }

  test('may say anything', () => {
    const deep = (n: number, inner: string): string => '{"list":'.repeat(n) + inner + ',"count":16777216}'.repeat(n)
    const texts: [string, RegExp][] = [
      ['', /CORRUPT/],
      ['null', /CORRUPT/],
      ['[]', /^$/],
      ['{}', /^$/],
      ['"f64"', /CORRUPT|VERSION/],
      ['{"a":null}', /CORRUPT/],
      ['{"a":5}', /VERSION/],
      ['{"a":"f16"}', /VERSION/],
      ['{"a":{"wat":1}}', /VERSION/],
      ['{"a":{"str":-1}}', /CORRUPT/],
      ['{"a":{"str":1e99}}', /CORRUPT/],
      ['{"a":{"array":"u8","shape":[1073741824,1073741824]}}', /CORRUPT/],
      [`{"a":{"array":"u8","shape":[${Array(40).fill(2 ** 30)},0]}}`, /^$/],
      ['{"a":{"array":"u8","shape":"x"}}', /CORRUPT/],
      ['{"a":{"i64":null,"default":{"big":"x"}}}', /CORRUPT/],
      ['{"__proto__":"f64"}', /CORRUPT/],
      ['{"a":{"__proto__":{}}}', /VERSION|CORRUPT/],
      ['{"a":{"record":{"constructor":"f64"}}}', /CORRUPT/],
      [`{"a":${deep(1, '"f64"')}}`, /CORRUPT/],
      // Nothing, very often: reading it would never end.
      [`{"a":${deep(3, '{"record":{}}')}}`, /CORRUPT/],
      [`{"a":${deep(3, '{"array":"u8","shape":[0]}')}}`, /CORRUPT/],
      [`{"a":${deep(3000, '"u8"')}}`, /CORRUPT/],
      [`${'{"a":{"record":'.repeat(20_000)}{}${'}}'.repeat(20_000)}`, /CORRUPT/],
    ]
    for (const [text, wanted] of texts) assert.match(withText(text) ?? '', wanted, text.slice(0, 80))
  })

  test('may have no fields', () => {
    const name = fresh()
    const Nothing = new RecordType({})
    using out = Nothing.create(name)
    using cam = Nothing.open(name)
    try {
      assert.equal(cam.read(), undefined)
      out.write({})
      assert.deepEqual(cam.read(), {})
    } finally {
      Nothing.unlink(name)
    }
  })
})
