// interop/flexible: 80 KB records for 4 seconds in every mix of old and new peers, every element compared.

import { after, test } from 'node:test'
import { peerReads, peerWrites } from '../../testing/flexible-busy-writer.js'
import { FlexiblePeer, peerKinds } from '../../testing/flexible-peers.js'

const SECONDS = 4
after(() => FlexiblePeer.killAll())

for (const [index, kind] of peerKinds.entries()) {
  test(`${kind.name} writes, Memlane reads`, { skip: kind.skip }, async (t) => {
    t.diagnostic(await peerWrites(kind, `memlane_fxs_${process.pid}_w${index}`, SECONDS))
  })
  test(`Memlane writes, ${kind.name} reads`, { skip: kind.skip }, async (t) => {
    t.diagnostic(await peerReads(kind, `memlane_fxs_${process.pid}_r${index}`, SECONDS))
  })
}
