// interop/rememory: writing so that a kill leaves the old bytes or the new ones. The package has no room for a log of its
// own in an object, but a reader stops where the pickle ends, so the zeros behind it can hold one for a moment:
//
//   0                          end of what is stored          size - n - 24          size - 24              size
//   +--------------------------+------------------------------+----------------------+----------------------+
//   | pickle                   | zeros                        | n bytes to be stored | where, n, object     |
//   +--------------------------+------------------------------+----------------------+----------------------+
//
// The bytes are laid there, then `redo` in the semaphore says that they are whole, then they are stored, then `redo` is
// taken back and the tail is zeros again. All of it happens with the semaphore taken.
//
// Crash windows: killed before `redo` → the old pickle, and a tail to be cleaned. With `redo` → the write is done again,
// as often as need be. After it → the new pickle, and a tail to be cleaned. Where the pickle fills more than about half of
// the object there is no room, and a kill within the copy leaves a pickle that says ERR_CORRUPT.

import { MemlaneError } from '../../errors.js'
import { ShmObject } from '../../memory/index.js'
import { Machine } from './pickle/index.js'

/** Three float64 numbers: where, how many bytes, and the object's inode. */
const TRAILER = 24

/** Where the tail must begin to have room for so many bytes. */
export function tailFor(size: number, count: number): number {
  return size - TRAILER - count
}

/** Lays bytes into the tail. */
export function stage(object: Buffer, content: Uint8Array, where: number, inode: number): void {
  const size = object.length
  object.set(content, size - TRAILER - content.length)
  object.writeDoubleLE(where, size - TRAILER)
  object.writeDoubleLE(content.length, size - TRAILER + 8)
  object.writeDoubleLE(inode, size - TRAILER + 16)
}

export function cleanTail(object: Buffer, count: number): void {
  object.fill(0, tailFor(object.length, count))
}

/** Mends the object of a name after its writer died. The caller has the semaphore. */
export function repair(name: string, redo: boolean): void {
  const object = ShmObject.tryOpen(name, { owner: 'any' })
  if (object === undefined) return
  try {
    const { size, inode } = object.stat()
    if (size === 0) return
    const bytes = Buffer.from(object.map(size).buffer, 0, size)
    if (redo) again(bytes, inode)
    clean(bytes)
  } finally {
    object.close()
  }
}

function again(bytes: Buffer, inode: number): void {
  const size = bytes.length
  if (size < TRAILER || bytes.readDoubleLE(size - TRAILER + 16) !== inode) return
  const where = bytes.readDoubleLE(size - TRAILER)
  const count = bytes.readDoubleLE(size - TRAILER + 8)
  const tail = tailFor(size, count)
  if (!(Number.isInteger(where) && Number.isInteger(count) && where >= 0 && count > 0 && where + count <= tail)) return
  bytes.copyWithin(where, tail, tail + count)
}

/** Makes zeros of all that is behind a pickle. */
function clean(bytes: Buffer): void {
  if (bytes[0] !== 0x80) return
  const machine = new Machine(bytes, 0, bytes.length, 'object')
  try {
    machine.run()
  } catch (error) {
    // Cut off in the middle of a copy for which there was no room: whoever reads it is told.
    if (error instanceof MemlaneError) return
    throw error
  }
  bytes.fill(0, machine.at)
}
