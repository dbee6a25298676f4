// record: what reads and writes one field. Writing checks; reading is total: any bytes give some value, because a reader
// may look at bytes that are just being written, and finds out afterwards.

import type { Bytes } from './bytes.js'

export abstract class Codec {
  abstract readonly size: number
  abstract readonly align: number
  /** @returns true when the value had to be cut. @throws MemlaneError `ERR_TYPE`, `ERR_RANGE`, `ERR_MISMATCH`. */
  abstract write(bytes: Bytes, at: number, value: unknown, what: string): boolean
  abstract read(bytes: Bytes, at: number): unknown
  /** True where `readInto` can use what the caller has. */
  readonly refills: boolean = false
  /** Like `read`, but into what the caller has, where that is possible without making anything new. */
  readInto(bytes: Bytes, at: number, _target: unknown): unknown {
    return this.read(bytes, at)
  }
  /** In place, for `view`: arrays are views, everything else is as `read` gives it. */
  live(bytes: Bytes, at: number): unknown {
    return this.read(bytes, at)
  }
}
