// testing: a process that writes or reads records until it is told to stop, or killed.
//
//   record-peer <role> <name> [count]

import {
  array,
  type Field,
  f64,
  i32,
  type NdArray,
  type NdInput,
  type NumberField,
  type RecordType,
  record,
} from '../../record/index.js'
import { LOCK } from '../../record/record.layout.js'
import { Event, OwnerLock, TAKEN } from '../../sync/index.js'

/** 80 KB between two counters: whole when every element is the counter. */
export const Frame: RecordType<{
  first: NumberField
  data: Field<NdArray<Int32Array>, NdInput<Int32Array>, Int32Array>
  last: NumberField
}> = record({ first: i32(), data: array('i32', [20_000]), last: i32() })
export const Item: RecordType<{ n: NumberField; sent: NumberField; check: NumberField }> = record({
  n: i32(),
  sent: f64(),
  check: i32(),
})

const [role, name, count = '0'] = process.argv.slice(2)
const say = (message: unknown): void => void process.stdout.write(`${JSON.stringify(message)}\n`)

/** Makes or opens it, however long another process is stopped half-way through making it. */
function patiently<T>(make: () => T): T {
  for (;;) {
    try {
      return make()
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_BUSY') throw error
    }
  }
}

/** What a whole frame's number is; -1 when torn. */
export function numberOf(first: number, data: Int32Array, last: number): number {
  if (first !== last) return -1
  for (let i = 0; i < data.length; i++) if (data[i] !== first) return -1
  return first
}

if (role === 'write-frames') {
  using out = Frame.open(name!)
  let n = out.view((v) => v.first) ?? 0
  say('ready')
  for (;;) {
    n = (n + 1) | 0
    if (n % 2 === 0) {
      out.write({ first: n, data: new Int32Array(20_000).fill(n), last: n })
    } else {
      out.update((w) => {
        w.first = n
        w.data.fill(n)
        w.last = n
      })
    }
  }
} else if (role === 'write-frames-locked') {
  // Without ever giving the lock back.
  using out = Frame.open(name!)
  new OwnerLock(out.segment, out.segment.body + LOCK).acquire()
  OwnerLock.prototype.acquire = () => TAKEN
  OwnerLock.prototype.release = () => {}
  const data = new Int32Array(20_000)
  for (let n = 1; ; n++) {
    out.write({ first: n, data: data.fill(n), last: n })
    if (n === 1) say('ready')
  }
} else if (role === 'push-frames') {
  using out = Frame.open(name!)
  say('ready')
  const data = new Int32Array(20_000)
  for (let n = 0; ; n++) out.push({ first: n, data: data.fill(n), last: n })
} else if (role === 'push-items') {
  using out = Item.open(name!)
  say('ready')
  for (let n = 0; n < Number(count); n++) out.push({ n, sent: performance.now(), check: ~n })
  say({ pushed: Number(count) })
} else if (role === 'take-items') {
  // Until one with n < 0 comes: there is one for each reader, and who has taken one takes no more.
  using reader = Item.open(name!, { readers: 'share' })
  say('ready')
  const got: number[] = []
  for await (const s of reader.changes()) {
    if (s.n.value < 0) break
    if (s.check.value !== ~s.n.value) say({ torn: s.n.value })
    got.push(s.n.value)
  }
  say({ got })
} else if (role === 'hold-back') {
  using reader = Item.open(name!)
  const first = reader.read({ timeout: Number.POSITIVE_INFINITY })
  say({ first: first?.n.value })
  // Open until it is killed.
  await new Promise(() => setInterval(() => {}, 1000))
} else if (role === 'hold-inside') {
  // Inside an update until it is told to go on.
  using out = Item.open(name!)
  using inside = Event.open(`${name}-inside`)
  using go = Event.open(`${name}-go`)
  out.update((w) => {
    w.n = 99
    w.check = ~99
    inside.set()
    go.wait()
  })
  say('done')
} else if (role === 'echo-changes') {
  using reader = Item.open(name!)
  say('ready')
  for await (const s of reader.changes()) {
    say({ n: s.n.value })
    if (s.n.value < 0) break
  }
} else if (role === 'create') {
  // As soon as it is told that the others are there too.
  try {
    using out = patiently(() => Item.create(name!))
    out.write({ n: process.pid })
    say('made')
  } catch (error) {
    say((error as { code?: string }).code)
  }
} else if (role === 'join') {
  using handle = patiently(() => Item.createOrOpen(name!))
  handle.update((w) => {
    w.n += 1
  })
  say('joined')
} else if (role === 'add') {
  using handle = Item.open(name!)
  say('ready')
  for (let i = 0; i < Number(count); i++) {
    handle.update((w) => {
      w.n += 1
      w.check = ~w.n
    })
  }
  say('done')
} else if (role === 'watch-frames') {
  // Until a record says that it was the last one.
  using reader = Frame.open(name!)
  say('ready')
  let [seen, torn, newest] = [0, 0, 0]
  for await (const s of reader.changes()) {
    const n = numberOf(s.first.value, s.data.value.data, s.last.value)
    if (n === -2) break
    if (n === -1 || n <= newest) torn++
    newest = n
    seen++
  }
  say({ seen, torn })
} else if (role === 'push-paced') {
  // Two records each millisecond, by the clock.
  using out = Item.open(name!)
  say('ready')
  const start = performance.now()
  for (let n = 0; n < Number(count); n++) {
    while (performance.now() < start + n / 2) await new Promise((resolve) => setImmediate(resolve))
    out.push({ n, sent: Number(process.hrtime.bigint()) / 1e6, check: ~n })
  }
  say('done')
}
