// interop/rememory/pickle: reading a whole value.

import { Machine, refuseForeign } from './machine.js'

/**
 * Reads one pickle. Nothing in it is run; bytes behind its end are ignored.
 *
 * @param what names the place in errors.
 * @throws MemlaneError `ERR_CORRUPT` (no pickle), `ERR_FOREIGN` (it makes something that is not plain data).
 */
export function decode(bytes: Buffer, start: number, end: number, what: string): unknown {
  let machine = new Machine(bytes, start, end, what)
  let value = machine.run()
  const maps = machine.lateMaps
  if (maps !== undefined) {
    machine = new Machine(bytes, start, end, what, { maps })
    value = machine.run()
  }
  refuseForeign(machine.foreign, what)
  return value
}

/**
 * Reads a part of a pickle that leaves some values.
 *
 * @param before what the pickle had in its memo, and `memoBase` how much of it before this part.
 * @returns undefined when the part needs a container that stands before it.
 * @throws MemlaneError `ERR_CORRUPT`, `ERR_FOREIGN`.
 */
export function decodePart(
  bytes: Buffer,
  start: number,
  end: number,
  what: string,
  before: readonly unknown[],
  memoBase: number,
): unknown[] | undefined {
  let machine = new Machine(bytes, start, end, what, { before, memoBase })
  let values = machine.runPart()
  if (machine.crossed) return undefined
  const maps = machine.lateMaps
  if (maps !== undefined) {
    machine = new Machine(bytes, start, end, what, { before, memoBase, maps })
    values = machine.runPart()
  }
  refuseForeign(machine.foreign, what)
  return values
}
