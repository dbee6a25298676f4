// interop/rememory: looking at objects for tools, without taking the lock and without changing anything.

import { MemlaneError } from '../../errors.js'
import { performance } from '../../host.js'
import { ShmObject, statObject } from '../../memory/index.js'
import { pause } from '../../pause.js'
import { checkName, semaphoreOf } from './names.js'
import { decode, Machine, type RootTarget } from './pickle/index.js'
import { readText } from './pickle/text.js'
import { stateOf } from './semaphore.js'
import { SEMAPHORE_SIZE, type SemaphoreState } from './semaphore.layout.js'

/** For so long a moment without writers is looked for, in milliseconds. */
const PATIENCE_MS = 1000

/** What {@link examineRememory} found. */
export interface RememoryExamined {
  /** `value`: a pickle of something else; `plain`: a number, a boolean or a text: nothing in it says which. */
  readonly type: 'dict' | 'list' | 'value' | 'plain'
  /** Of a dict or list. */
  readonly items?: number
  /** undefined: there is no semaphore of its name. */
  readonly lock: SemaphoreState | undefined
}

/** @throws MemlaneError `ERR_NOT_FOUND`, `ERR_CORRUPT`, `ERR_BUSY` (writers leave no quiet moment), `ERR_PERMISSION`, `ERR_NAME`. */
export function examineRememory(name: string): RememoryExamined {
  const lock = examineRememoryLock(name)
  return whole(name, (bytes) => {
    if (bytes[0] !== 0x80) return { type: 'plain', lock }
    for (const kind of ['dict', 'list'] as const) {
      const { is, items } = open(bytes, kind, name)
      if (is) return { type: kind, items: items.length, lock }
    }
    return { type: 'value', lock }
  })
}

/** Who has the semaphore of a name. @returns undefined when there is none. */
export function examineRememoryLock(name: string): SemaphoreState | undefined {
  const file = semaphoreOf(checkName(name))
  if ((statObject(file)?.size ?? 0) < SEMAPHORE_SIZE) return undefined
  using object = ShmObject.open(file, { readOnly: true, owner: 'any' })
  return stateOf(object.map(SEMAPHORE_SIZE))
}

/**
 * What is in an object: of a dict a Map, of a list an array, the value of a block, or text. A number is shown as what its
 * bytes may be.
 *
 * @throws MemlaneError `ERR_FOREIGN`, and as {@link examineRememory}.
 */
export function readRememory(name: string): unknown {
  checkName(name)
  return whole(name, (bytes) => {
    if (bytes[0] !== 0x80) return plain(bytes)
    const { is, items } = open(bytes, 'dict', name)
    if (!is) return decode(bytes, 0, bytes.length, JSON.stringify(name))
    // Reads it as any value, so that what is no plain data is refused.
    const value = decode(bytes, 0, bytes.length, JSON.stringify(name))
    return value instanceof Map
      ? value
      : new Map(items.map(([key]) => [key, (value as Record<string, unknown>)[key as string]]))
  })
}

function open(bytes: Buffer, kind: 'dict' | 'list', name: string): { is: boolean; items: [unknown, unknown][] } {
  const items: [unknown, unknown][] = []
  const root: RootTarget = { kind, item: (key, value) => items.push([key, value]) }
  const machine = new Machine(bytes, 0, bytes.length, JSON.stringify(name), { root })
  return { is: machine.run() === root, items }
}

/** Looks at a copy that did not change while it was taken, nor was half of a write. */
function whole<T>(name: string, look: (bytes: Buffer) => T): T {
  using object = ShmObject.open(name, { readOnly: true, owner: 'any' })
  const { size, committed } = object.stat()
  // Reading a hole would give it a page.
  if (size === 0 || committed === 0) return look(Buffer.alloc(size))
  const shared = Buffer.from(object.map(size).buffer, 0, size)
  for (const start = performance.now(); ; pause(1)) {
    const late = performance.now() - start > PATIENCE_MS
    const copy = Buffer.from(shared)
    try {
      const seen = look(copy)
      if (copy.equals(shared)) return seen
    } catch (error) {
      if (copy.equals(shared)) throw error
    }
    if (late)
      throw new MemlaneError(
        'ERR_BUSY',
        `${JSON.stringify(name)}: writers left no quiet moment within ${PATIENCE_MS} ms`,
      )
  }
}

function plain(bytes: Buffer): unknown {
  const { length } = bytes
  if (length === 1) return { int8: bytes.readInt8(), uint8: bytes.readUInt8(), bool: bytes[0] !== 0 }
  if (length === 2) return { int16: bytes.readInt16LE(), uint16: bytes.readUInt16LE() }
  if (length === 4) return { int32: bytes.readInt32LE(), uint32: bytes.readUInt32LE(), float32: bytes.readFloatLE() }
  if (length === 8)
    return { int64: bytes.readBigInt64LE(), uint64: bytes.readBigUInt64LE(), float64: bytes.readDoubleLE() }
  let end = length
  while (end > 0 && bytes[end - 1] === 0) end--
  return readText(bytes, 0, end) ?? new Uint8Array(bytes)
}
