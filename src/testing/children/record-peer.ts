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
  // Until one with n < 0 comes, which another reader may have taken.
  using reader = Item.open(name!, { readers: 'share' })
  say('ready')
  const got: number[] = []
  for await (const s of reader.changes({ timeout: 3000 })) {
    if (s.n.value < 0) break
    if (s.check.value !== ~s.n.value) say({ torn: s.n.value })
    got.push(s.n.value)
  }
  say({ got })
} else if (role === 'hold-back') {
  using reader = Item.open(name!)
  const first = reader.read({ timeout: 10_000 })
  say({ first: first?.n.value })
  // Open until it is killed.
  await new Promise(() => setInterval(() => {}, 1000))
} else if (role === 'stop-inside') {
  // Inside an update until it is continued.
  using out = Item.open(name!)
  say('ready')
  out.update((w) => {
    w.n = 99
    w.check = ~99
    process.kill(process.pid, 'SIGSTOP')
  })
  say('done')
} else if (role === 'echo-changes') {
  using reader = Item.open(name!)
  say('ready')
  for await (const s of reader.changes()) {
    say({ n: s.n.value })
    if (s.n.value < 0) break
  }
}
