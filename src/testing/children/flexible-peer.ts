// testing: what src/testing/python/flexible_peer.py does, done by Memlane.

import { createInterface } from 'node:readline'
import { FlexibleMemory } from '../../interop/flexible/index.js'
import type { FieldValue } from '../../record/field-value.js'
import type { Fields } from '../../record/fields.js'
import { type Annotations, schemaOf } from '../flexible-peers.js'

interface Command {
  op: string
  name: string
  fields: Annotations
  slots: number
  create: boolean
  values: Record<string, unknown>
  latest?: boolean
  seconds: number
  count: number
}

type Any = FlexibleMemory<Fields>
const say = (answer: unknown): void => void process.stdout.write(`${JSON.stringify(answer ?? null)}\n`)

let memory: Any | undefined

function plain(field: FieldValue): unknown {
  const value = field.value as { data?: ArrayLike<unknown> }
  return typeof value === 'object' && value.data !== undefined ? Array.from(value.data) : value
}

function read(latest: boolean): unknown {
  const got = memory!.read({ latest })
  return got && Object.fromEntries(Object.entries(got).map(([name, field]) => [name, [plain(field), field.status]]))
}

/** Writes whole frames without a pause; one at least, however late it is when it begins. */
export function busyWriter(target: Any, seconds: number): { written: number } {
  const end = performance.now() + seconds * 1000
  const data = new Int32Array(20_000)
  let n = 0
  do {
    n++
    target.write({ first: n, data: data.fill(n), last: n } as never)
  } while (performance.now() < end)
  return { written: n }
}

/** Reads frames without a pause; every element of every accepted one is compared. */
export function watch(source: Any, seconds: number): { good: number; torn: number; refused: number } {
  const end = performance.now() + seconds * 1000
  const seen = { good: 0, torn: 0, refused: 0 }
  while (performance.now() < end) {
    const got = source.read() as Record<string, FieldValue<never>> | undefined
    if (got === undefined) {
      seen.refused++
      continue
    }
    const { data } = got.data!.value as { data: Int32Array }
    const n = got.first!.value as number
    let whole = (got.last!.value as number) === n
    for (let i = 0; i < data.length; i++) if (data[i] !== n) whole = false
    if (whole) seen.good++
    else seen.torn++
  }
  return seen
}

/** One after the other, at about 10 kHz. */
async function push(target: Any, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    target.write({ n } as never)
    target.finalize()
    if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

if (process.argv[1]?.endsWith('flexible-peer.js')) {
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as Command
    if (command.op === 'open') {
      const door = command.create ? FlexibleMemory.create : FlexibleMemory.open
      memory = door.call(FlexibleMemory, schemaOf(command.fields), command.name, {
        slots: command.slots,
      }) as unknown as Any
      say(null)
    } else if (command.op === 'write') say(memory!.write(command.values as never))
    else if (command.op === 'finalize') say(memory!.finalize())
    else if (command.op === 'read') say(read(command.latest === true))
    else if (command.op === 'busyWriter') say(busyWriter(memory!, command.seconds))
    else if (command.op === 'push') say(await push(memory!, command.count))
    else if (command.op === 'watch') {
      say('watching')
      say(watch(memory!, command.seconds))
    } else say(memory!.close())
  }
}
