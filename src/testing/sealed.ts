// testing: values of every size class that tell whether they are whole.

import { createHash } from 'node:crypto'

/** Bytes of padding: short strings, inline, a block, several pages. */
export const SIZES: readonly number[] = [0, 3, 20, 300, 5_000, 70_000]

interface Sealed {
  n: number
  pad: string
  bytes: Uint8Array
  list: number[]
  seal: string
}

function sealOf({ n, pad, bytes, list }: Omit<Sealed, 'seal'>): string {
  return createHash('sha1').update(`${n} ${pad} ${list.join()}`).update(bytes).digest('base64')
}

export function sealed(n: number, size: number): Sealed {
  const open = {
    n,
    pad: String.fromCharCode(97 + (n % 26)).repeat(size),
    bytes: new Uint8Array(Math.min(size, 1000)).fill(n),
    list: Array.from({ length: n % 7 }, (_, i) => n + i),
  }
  return { ...open, seal: sealOf(open) }
}

/** The value, when it is whole. */
export function unsealed(value: unknown): Sealed | undefined {
  const one = value as Sealed | undefined
  return one !== undefined && one.seal === sealOf(one) ? one : undefined
}
