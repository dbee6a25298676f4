// testing: a writer that never pauses and a reader beside it, in two processes, for so long.

import assert from 'node:assert/strict'
import { FlexibleMemory } from '../interop/flexible/index.js'
import { busyWriter, watch } from './children/flexible-peer.js'
import { FlexiblePeer, FRAME, type PeerKind, schemaOf } from './flexible-peers.js'

/** The peer writes, we read. */
export async function peerWrites(kind: PeerKind, name: string, seconds: number): Promise<string> {
  const peer = new FlexiblePeer(kind)
  using memory = FlexibleMemory.create(schemaOf(FRAME), name)
  try {
    memory.write({ first: 0, data: new Int32Array(20_000), last: 0 } as never)
    await peer.open(name, FRAME, 1, false)
    peer.send('busyWriter', { seconds })
    const seen = watch(memory, seconds)
    const { written } = (await peer.said()) as { written: number }
    await peer.end()
    assert.equal(seen.torn, 0, `torn records accepted: ${JSON.stringify(seen)}`)
    assert.ok(written > 0)
    return `${kind.name} wrote ${written}, Memlane read ${JSON.stringify(seen)}`
  } finally {
    FlexibleMemory.unlink(name)
  }
}

/** We write, the peer reads. */
export async function peerReads(kind: PeerKind, name: string, seconds: number): Promise<string> {
  const peer = new FlexiblePeer(kind)
  using memory = FlexibleMemory.create(schemaOf(FRAME), name)
  try {
    memory.write({ first: 0, data: new Int32Array(20_000), last: 0 } as never)
    await peer.open(name, FRAME, 1, false)
    peer.send('watch', { seconds })
    assert.equal(await peer.said(), 'watching')
    const { written } = busyWriter(memory, seconds)
    const seen = (await peer.said()) as { good: number; torn: number; refused: number }
    await peer.end()
    assert.equal(seen.torn, 0, `torn records accepted: ${JSON.stringify(seen)}`)
    assert.ok(written > 0)
    return `Memlane wrote ${written}, ${kind.name} read ${JSON.stringify(seen)}`
  } finally {
    FlexibleMemory.unlink(name)
  }
}
