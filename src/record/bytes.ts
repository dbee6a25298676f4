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
  readonly node: Buffer
}

export function bytesOf(memory: Memory): Bytes {
  const { buffer, size } = memory
  const eights = Math.floor(size / 8)
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
    node: Buffer.from(buffer as ArrayBuffer, 0, size),
  }
}
