// record: what the functions given to `update` and `view` may do, and what happens when they do something else.

import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { array, bytes, f64, i32, list, optional, record, type SharedRecord, str } from './index.js'

const Thing = record({
  n: f64(),
  text: str(4),
  raw: bytes(4),
  far: bytes(2000),
  some: optional(array('f32', [2])),
  wide: optional(array('u8', [2000])),
  pose: record({ x: f64(), tags: list(str(2), 2) }),
  image: array('u8', [40, 30]),
})
type Handle = SharedRecord<typeof Thing.fields>

let made = 0
const open = new Set<Handle>()
const names = new Set<string>()

function create(options = {}): Handle {
  const name = `recc-${process.pid}-${++made}`
  names.add(name)
  return kept(Thing.create(name, options))
}
function kept(handle: Handle): Handle {
  open.add(handle)
  return handle
}
afterEach(() => {
  for (const handle of open) handle.close()
  for (const name of names) Thing.unlink(name)
  open.clear()
  names.clear()
})

describe('update', () => {
  test('bytes are shown in place, as long as they are, also where they are optional or far away', () => {
    const out = create()
    const cam = kept(Thing.open(out.name))
    out.write({ raw: Uint8Array.of(1, 2), far: new Uint8Array(1999).fill(1), some: [1, 2], wide: new Uint8Array(2000) })
    cam.read()
    for (let n = 3; n < 12; n++) {
      out.update((w) => {
        w.raw[0] = n
        w.far[1998] = n
        w.some![1] = n
        w.wide!.fill(n, 1000)
      })
      const s = cam.read()!
      assert.deepEqual(
        [s.raw.value, s.far.value[0], s.far.value[1998], s.far.value.length],
        [Uint8Array.of(n, 2), 1, n, 1999],
      )
      assert.deepEqual([[...s.some.value!.data], s.wide.value!.data[0], s.wide.value!.data[1999]], [[1, n], 0, n])
      assert.deepEqual(
        [s.raw.modified, s.far.modified, s.some.modified, s.wide.modified, s.n.modified],
        [true, true, true, true, false],
      )
    }
  })

  test('what was shown in place and then refused is as it was', () => {
    const out = create()
    out.write({ raw: Uint8Array.of(1, 2), far: Uint8Array.of(7), some: [1, 2] })
    const failing = (): void =>
      out.update((w) => {
        w.raw.fill(9)
        w.far.fill(9)
        w.some!.fill(9)
        throw new Error('no')
      })
    assert.throws(failing, /no/)
    const s = out.read()!
    assert.deepEqual(
      [s.raw.value, s.far.value, [...s.some.value!.data]],
      [Uint8Array.of(1, 2), Uint8Array.of(7), [1, 2]],
    )
  })

  test('truncated bytes that are changed in place stay truncated, and what nobody gave stays unwritten', () => {
    const out = create()
    out.write({ raw: new Uint8Array(9) })
    out.update((w) => {
      w.raw[0] = 1
      assert.deepEqual([w.far.length, w.some, w.wide], [0, undefined, undefined])
    })
    const s = out.read()!
    assert.ok(s.raw.truncated && s.far.unwritten && s.some.unwritten && s.wide.unwritten)
  })

  test('nested records and lists are written whole: changing the copy that is shown is an error, not a loss', () => {
    const out = create()
    out.write({ pose: { x: 1, tags: ['a', 'b'] } })
    const changes: ((pose: { x: number; tags: string[] }) => void)[] = [
      (pose) => {
        pose.x = 2
      },
      (pose) => {
        pose.tags[0] = 'c'
      },
      (pose) => void pose.tags.push('c'),
    ]
    for (const change of changes) assert.throws(() => out.update((w) => change(w.pose as never)), TypeError)
    out.update((w) => {
      // @ts-expect-error nor does the type allow it
      assert.throws(() => (w.pose.x = 2), TypeError)
      w.pose = { ...w.pose, x: 3 }
    })
    assert.deepEqual(out.read()!.pose.value, { x: 3, tags: ['a', 'b'] })
  })

  test('an unknown field is an error', () => {
    const out = create()
    // @ts-expect-error there is no such field
    assert.throws(() => out.update((w) => (w.nobody = 1)), { code: 'ERR_TYPE', message: /nobody/ })
    out.update((w) => assert.equal('nobody' in w || (w as { nobody?: unknown }).nobody !== undefined, false))
  })

  test('keep is for latest values: a pushed record starts empty', () => {
    const out = create({ slots: 2 })
    assert.throws(() => out.update((_, { keep }) => keep('image')), { code: 'ERR_UNSUPPORTED' })
    assert.equal(out.read(), undefined)
  })

  test('an async function is refused once, not a second time when it goes on or fails', async () => {
    const out = create()
    out.write({ n: 1 })
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    try {
      const late = async (w: { n: number }): Promise<void> => {
        w.n = 2
        await undefined
        w.n = 3
      }
      const failing = async (w: { n: number }): Promise<void> => {
        w.n = 4
        await undefined
        throw new Error('late')
      }
      for (const fill of [late, failing]) assert.throws(() => out.update(fill as never), { code: 'ERR_ASYNC' })
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual([unhandled, out.read()!.n.value], [[], 1])
    } finally {
      process.off('unhandledRejection', note)
    }
  })

  test('reading and looking inside shows the record before it', () => {
    const out = create()
    out.write({ n: 1 })
    out.update((w) => {
      w.n = 2
      assert.deepEqual([out.read()!.n.value, out.view((v) => v.n)], [1, 1])
      w.n += 1
    })
    assert.equal(out.read()!.n.value, 3)
  })

  for (const options of [{}, { slots: 2 }]) {
    test(`closing inside publishes nothing and holds nobody back (${JSON.stringify(options)})`, () => {
      const out = create(options)
      const put = (handle: Handle, n: number): void => (handle.isFifo ? handle.push({ n }) : handle.write({ n }))
      put(out, 1)
      const cam = kept(Thing.open(out.name))
      assert.throws(
        () =>
          out.update((w) => {
            w.n = 2
            out.close()
            w.text = 'gone'
            w.image.fill(1)
          }),
        { code: 'ERR_CLOSED' },
      )
      assert.equal(cam.read()!.n.value, 1)
      put(cam, 3)
      assert.equal(cam.read()!.n.value, 3)
    })
  }
})

describe('view', () => {
  test('says ERR_TYPE for a name that is no field', () => {
    const out = create()
    out.write({ n: 1 })
    for (const what of ['valid', 'modified', 'truncated', 'unwritten'] as const)
      assert.throws(() => out.view((_, info) => info[what]('nobody')), { code: 'ERR_TYPE', message: /nobody/ })
  })

  for (const options of [{}, { slots: 2 }, { slots: 2, full: 'reject' }]) {
    test(`a function that closes the record is told so (${JSON.stringify(options)})`, () => {
      const out = create(options)
      if (out.isFifo) out.push({ n: 1 })
      else out.write({ n: 1 })
      for (const readOnly of 'full' in options ? [false] : [false, true]) {
        const cam = kept(Thing.open(out.name, { readOnly }))
        assert.throws(() => cam.view(() => cam.close()), { code: 'ERR_CLOSED' })
      }
    })
  }

  test('is shown again when the record was written over meanwhile, and sees one whole record in the end', () => {
    const out = create({ buffers: 3 })
    const cam = kept(Thing.open(out.name))
    out.write({ n: 0, image: new Uint8Array(1200) })
    let shown = 0
    const sum = cam.view((v) => {
      const n = v.n
      // Two records while it looks, three times: the third buffer is the one it looks at.
      if (shown++ < 3)
        for (let i = 1; i <= 3; i++) out.write({ n: 10 * shown + i, image: new Uint8Array(1200).fill(10 * shown + i) })
      return [n, v.image.every((byte) => byte === n)]
    })
    assert.deepEqual([shown, sum], [4, [33, true]])
  })

  test('an error for something torn does not count; one for something whole does', () => {
    const out = create({ buffers: 3 })
    const cam = kept(Thing.open(out.name))
    out.write({ n: 0 })
    let shown = 0
    const got = cam.view((v) => {
      if (shown++ === 0) {
        for (let i = 1; i <= 3; i++) out.write({ n: i })
        throw new Error('torn')
      }
      return v.n
    })
    assert.deepEqual([got, shown], [3, 2])
  })

  test('beside a writer in the same thread that never lets it finish, it says so instead of looking for ever', () => {
    const out = create({ buffers: 3 })
    out.write({ n: 0 })
    const cam = kept(Thing.open(out.name))
    const writing = (): void => {
      for (let n = 1; n <= 3; n++) out.write({ n })
    }
    assert.throws(() => cam.view(writing), { code: 'ERR_DEADLOCK' })
    assert.equal(cam.read()!.n.value, 3)
  })

  test('in a FIFO, reading on from inside takes each record once', () => {
    for (const readers of ['each', 'share'] as const) {
      const out = create({ slots: 6 })
      for (let n = 1; n <= 5; n++) out.push({ n })
      const cam = kept(Thing.open(out.name, { readers }))
      const seen: number[] = []
      cam.view((v) => {
        if (seen.length > 0) return void seen.push(v.n)
        for (let i = 0; i < 3; i++) seen.push(cam.read()!.n.value)
      })
      for (let s = cam.read(); s !== undefined; s = cam.read()) seen.push(s.n.value)
      assert.deepEqual(seen, [1, 2, 3, 4, 5])
      assert.equal(cam.totalLost, 0)
    }
  })

  test('what was kept beyond its end is no more than a picture: no error, no other memory', () => {
    const out = create()
    out.write({ n: 1, text: 'a', image: new Uint8Array(1200).fill(1) })
    const cam = kept(Thing.open(out.name))
    const view = cam.view((v) => v)!
    out.write({ n: 2 })
    assert.deepEqual([typeof view.n, typeof view.text, view.image.length], ['number', 'string', 1200])
    cam.close()
    for (const name of Object.keys(view)) void view[name as 'n']
    assert.equal(out.read()!.n.value, 2)
  })
})

test('a record of sixty fields does all of it too', () => {
  // So many are written without code made from text.
  const fields = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`field${i}`, i32()]))
  const Many = record(fields)
  const name = `recc-${process.pid}-many`
  using out = Many.create(name)
  try {
    out.write(Object.fromEntries(Object.keys(fields).map((key, i) => [key, i * i])))
    out.update((w) => {
      w.field59! += 1
    })
    assert.throws(() => out.write({ field0: 1, field58: 0.5 }), { code: 'ERR_RANGE' })
    const s = out.read()!
    assert.deepEqual(
      Object.values(s).map((field) => field.value),
      Array.from({ length: 60 }, (_, i) => i * i + (i === 59 ? 1 : 0)),
    )
    assert.ok(Object.values(s).every((field) => field.valid))
  } finally {
    Many.unlink(name)
  }
})
