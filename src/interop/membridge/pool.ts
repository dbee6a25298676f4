// interop/membridge: small byte arrays cheaply, carved from slabs as Node's Buffer does.
//
// A slab must not be transferred: that would empty every array in it. Where the runtime cannot forbid it, each array
// gets memory of its own.

import { markAsUntransferable } from 'node:worker_threads'
import { MemlaneError } from '../../errors.js'
import { structuredClone } from '../../host.js'

const SLAB = 64 * 1024
/** Arrays up to this many bytes share slabs. */
const LARGEST = 4096

function newSlab(): ArrayBuffer {
  const slab = Buffer.allocUnsafeSlow(SLAB).buffer as ArrayBuffer
  markAsUntransferable(slab)
  return slab
}

/** True when a slab stays where it is. */
const POOLED: boolean = (() => {
  try {
    const slab = newSlab()
    try {
      structuredClone(slab, { transfer: [slab] })
    } catch {
      // Refused, as it should be.
    }
    return slab.byteLength === SLAB
  } catch {
    return false
  }
})()

let slab = new ArrayBuffer(0)
let at = 0

/** The view of the slab that {@link newBytes} last carved from, and where: for filling it by words. */
export let slabView: DataView = new DataView(slab)
export let slabAt = 0

/** True when {@link newBytes} will give a part of a slab. */
export function isPooled(length: number): boolean {
  return POOLED && length <= LARGEST
}

/** New bytes with whatever in them: the caller fills them all. @throws MemlaneError `ERR_TOO_LARGE`. */
export function newBytes(length: number): Uint8Array {
  if (!isPooled(length)) return ownBytes(length)
  if (at + length > slab.byteLength) {
    slab = newSlab()
    slabView = new DataView(slab)
    at = 0
  }
  slabAt = at
  at += (length + 7) & ~7
  return new Uint8Array(slab, slabAt, length)
}

function ownBytes(length: number): Uint8Array {
  try {
    return new Uint8Array(length)
  } catch (cause) {
    throw new MemlaneError('ERR_TOO_LARGE', `no private buffer of ${length} bytes can be had in this runtime`, {
      cause,
    })
  }
}
