// The public face: whatever is passed to whatever, the answer is an answer, or a MemlaneError with a code; and what was
// refused has left nothing behind.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describe } from './errors.js'
import * as face from './index.js'
import { array, f64, record, str } from './record/index.js'
import { Crew } from './testing/crew.js'
import { isObject, ODD, refusal } from './testing/odd.js'

const { Barrier, Condition, Event, Mutex, RwLock, Semaphore } = face
const { SharedBlock, SharedBool, SharedFloat, SharedHeap, SharedInt, SharedList, SharedMap, SharedSet, SharedString } =
  face

interface Kind {
  open?(name: string, options?: object): unknown
  createOrOpen?(name: string, options?: object): unknown
  unlink(name: string, options?: object): boolean
}

const numbers = { SharedFloat, SharedInt }
const heaps = { SharedBlock, SharedHeap, SharedList, SharedMap, SharedSet, SharedString }
const locks = { Barrier, Condition, Event, Mutex, RwLock, Semaphore }
const Sensor = record({ x: f64(), name: str(8), samples: array('f32', [3]) })
// The same schema as a FIFO. What is no options object must reach the schema as it is.
const withSlots = (options: unknown): object =>
  options === undefined || isObject(options) ? { slots: 2, ...(options as object) } : (options as object)
const SensorFifo: Kind = {
  open: (name, options) => Sensor.createOrOpen(name, withSlots(options)),
  unlink: (name, options) => Sensor.unlink(name, options),
}
const kinds = { ...locks, ...heaps, ...numbers, SharedBool, Sensor, SensorFifo } as unknown as Record<string, Kind>

interface Handle {
  readonly closed: boolean
  close(): void
}

const open = (kind: Kind, name: unknown, options?: unknown): Handle =>
  (kind.createOrOpen ?? kind.open)!.call(kind, name as string, options as object) as Handle

/** Which kinds have an option, which odd values are good for it, and what is odd for it alone. */
const OPTIONS: Readonly<
  Record<string, readonly [has: (kind: string) => boolean, good: readonly unknown[], odd?: readonly unknown[]]>
> = {
  participants: [() => true, []],
  mode: [() => true, [0]],
  // A user that this process is not: what it would make would not be his.
  owner: [() => true, [0], [54_321]],
  lifetime: [() => true, []],
  namespace: [() => true, ['']],
  permits: [(kind) => kind === 'Semaphore', []],
  parties: [(kind) => kind === 'Barrier', []],
  reset: [(kind) => kind === 'Event', []],
  maxSize: [(kind) => kind in heaps, []],
  type: [(kind) => kind in numbers, []],
  slots: [(kind) => kind.startsWith('Sensor'), []],
  readers: [(kind) => kind.startsWith('Sensor'), []],
  full: [(kind) => kind.startsWith('Sensor'), []],
  buffers: [(kind) => kind === 'Sensor', []],
}

for (const [what, kind] of Object.entries(kinds)) {
  test(`${what}: names and options that make no sense are refused with a code, before anything is made`, async () => {
    await using crew = new Crew()
    for (const value of ODD) {
      await refusal(`${what}.open(${describe(value)})`, () => open(kind, value), true)
      await refusal(`${what}.unlink(${describe(value)})`, () => kind.unlink(value as string), true)
      if (value === undefined || isObject(value)) continue
      const name = crew.name()
      await refusal(`${what}.open(name, ${describe(value)})`, () => open(kind, name, value), true)
      await refusal(`${what}.unlink(name, ${describe(value)})`, () => kind.unlink(name, value as object), true)
      assert.equal(kind.unlink(name), false)
    }
    for (const [option, [has, good, odd = []]] of Object.entries(OPTIONS)) {
      if (!has(what)) continue
      for (const value of [...ODD, ...odd].filter((one) => one !== undefined && !good.includes(one))) {
        const name = crew.name()
        const call = (): unknown => open(kind, name, { [option]: value })
        const shown = `${what}.open(name, { ${option}: ${describe(value)} })`
        await refusal(shown, call, true)
        assert.equal(kind.unlink(name), false, `${shown} has made something`)
      }
    }
  })

  test(`${what}: whatever its methods are given, open or closed, they answer or throw a code`, async () => {
    await using crew = new Crew()
    const name = crew.name()
    const make = (): Handle => open(kind, name)
    using kept = make() as Handle & Disposable
    for (const method of methodsOf(kept)) {
      let handle = make() as unknown as Handle & Record<string, (...args: unknown[]) => unknown>
      for (const first of ODD) {
        for (const second of BESIDE) {
          const shown = `${what}.${method}(${describe(first)}, ${describe(second)})`
          await refusal(shown, () => handle[method]!(first, second), false)
          if (handle.closed) handle = make() as never
        }
      }
      handle.close()
      await refusal(`${method} of a closed ${what}`, () => handle[method]!(1, 1), false)
    }
  })
}

/** Some beside each: a limit that ends at once, so that nothing that blocks blocks. */
const BESIDE: readonly unknown[] = [{ timeout: 0 }, { timeout: -1 }, { signal: 5, timeout: 0 }, null, 'x', 2 ** 40]

/** All but what blocks whatever it is given, or belongs to the room alone. */
function methodsOf(handle: object): string[] {
  const found = new Set<string>()
  for (let at = handle; at !== Object.prototype && at !== Array.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === 'function') found.add(name)
  }
  return [...found].filter((name) => !APART.has(name))
}

const APART: ReadonlySet<string> = new Set([
  'constructor',
  'close',
  // Wait for ever without a limit as their first argument, which an odd value may well be: their limits are tested in sync.
  'acquire',
  'read',
  'wait',
  'write',
  // Not public.
  'collection',
  'endHold',
  'releaseHeld',
  'resume',
  'resumeAsync',
  'suspend',
])
