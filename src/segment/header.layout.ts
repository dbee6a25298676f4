// segment: the header that makes a segment describe itself, and the map of what follows.
//
//      0          4          8          12         16         20         24         28
//      +----------+----------+----------+----------+----------+----------+----------+----------+
//    0 | magic "MEML""ANE1"  | format   | order    | state    | lifetime | slots    | params   |
//   32 | total size          | body offset         | body size           | committed | sum     |
//   64 | schema hash         | participant bytes   | kind, 16 bytes ASCII                      |
//   96 | boot id, 16 bytes                         | created, ms         | pid      | -        |
//      +----------+----------+----------+----------+----------+----------+----------+----------+
//  256 | parameters: up to 2048 bytes that belong to the kind                                  |
// 4096 | participant table: `slots` x 64 bytes, see participants.layout.ts                     |
//  ... | participant areas: `slots` x `participant bytes`, starting on a page                  |
//  ... | body, starting on a page                                                              |
//
// 64-bit fields are two words, low word first. `order` reads 0x01020304 in the byte order of the writer.
//
// state      EMPTY → MAKING → READY, moved on only by the holder of the creation lock (liveness lock CREATION).
// committed  pages of the body that have memory; only grows, by compareExchange, after the pages are there.
// sum        a checksum over words 0-3, 5-13 and 16-30 and the parameters: all that never changes once it is READY.
//
// Crash windows: killed before READY → the creation lock is free and the state is not READY: the next creator starts
// over from an empty file; an opener says ERR_NOT_FOUND. Killed between committing pages and raising `committed` → the
// pages are there already and the next growth commits them once more for nothing.

import { LOCKS } from '../memory/index.js'
import { PAGE } from '../sizes.js'

export const MAGIC_LOW: number = 0x4c4d454d // "MEML"
export const MAGIC_HIGH: number = 0x31454e41 // "ANE1"
export const FORMAT: number = 1
export const ORDER_MARK: number = 0x01020304
export const ORDER_SWAPPED: number = 0x04030201

/** Word indices. */
export const W_MAGIC: number = 0
export const W_FORMAT: number = 2
export const W_ORDER: number = 3
export const W_STATE: number = 4
export const W_LIFETIME: number = 5
export const W_SLOTS: number = 6
export const W_PARAMETERS: number = 7
export const W_TOTAL: number = 8
export const W_BODY: number = 10
export const W_BODY_SIZE: number = 12
export const W_COMMITTED: number = 14
export const W_SUM: number = 15
export const W_SCHEMA: number = 16
export const W_PARTICIPANT_BYTES: number = 18
export const W_KIND: number = 20
export const W_BOOT: number = 24
export const W_CREATED: number = 28
export const W_PID: number = 30

export const KIND_BYTES: number = 16
export const PARAMETERS: number = 256
export const PARAMETERS_MAX: number = 2048

export const EMPTY: number = 0
export const MAKING: number = 1
export const READY: number = 2

export const KEEP: number = 0
export const LAST_CLOSE: number = 1

/** The liveness lock that creators hold; slots use the numbers from 0 on. */
export const CREATION: number = LOCKS - 1

export const TABLE: number = PAGE
export const SLOT_SIZE: number = 64
export const SLOTS_MAX: number = 1023
