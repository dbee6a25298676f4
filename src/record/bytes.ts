// record: the memory as typed arrays of every element type, all from byte 0. `at` is a byte offset, aligned to its type.

import type { Memory } from '../memory/index.js'

export interface Bytes {
  readonly buffer: ArrayBufferLike
  readonly u8: Uint8Array
  readonly i8: Int8Array
  readonly u16: Uint16Array
  readonly i16: Int16Array
  readonly u32: Uint32Array
  readonly i32: Int32Array
  readonly f32: Float32Array
  readonly f64: Float64Array
  readonly u64: BigUint64Array
  readonly i64: BigInt64Array
  /** Text from one byte offset to another; any bytes are some text. */
  readonly latin1: (start: number, end: number) => string
  readonly utf16: (start: number, end: number) => string
}

export function bytesOf(memory: Memory): Bytes {
  const { buffer, size } = memory
  const eights = Math.floor(size / 8)
  const node = Buffer.from(buffer as ArrayBuffer, 0, size)
  return {
    buffer,
    u8: memory.u8,
    i8: new Int8Array(buffer, 0, size),
    u16: new Uint16Array(buffer, 0, eights * 4),
    i16: new Int16Array(buffer, 0, eights * 4),
    u32: memory.u32,
    i32: memory.i32,
    f32: new Float32Array(buffer, 0, eights * 2),
    f64: memory.f64,
    u64: new BigUint64Array(buffer, 0, eights),
    i64: new BigInt64Array(buffer, 0, eights),
    latin1: slicer(node, 'latin1'),
    utf16: slicer(node, 'utf16le'),
  }
}

/** The runtime's own slicer is a third faster than `toString`, which looks at the encoding's name first. */
function slicer(node: Buffer, encoding: 'latin1' | 'utf16le'): (start: number, end: number) => string {
  const own = node as unknown as Record<string, ((start: number, end: number) => string) | undefined>
  const name = encoding === 'latin1' ? 'latin1Slice' : 'ucs2Slice'
  if (typeof own[name] !== 'function') return (start, end) => node.toString(encoding, start, end)
  return encoding === 'latin1'
    ? (start, end) => own.latin1Slice!(start, end)
    : (start, end) => own.ucs2Slice!(start, end)
}

/** A copy in memory that was not cleared first: every byte is written at once. */
export function copyOf(u8: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer, 0, length)
  copy.set(u8.subarray(at, at + length))
  return copy
}
